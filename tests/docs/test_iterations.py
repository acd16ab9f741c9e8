"""The table of the architecture page is that of the code, and nobody iterates to a maximum by hand."""

from __future__ import annotations

from pathlib import Path

from tests.iterations import PAGE, Iteration, block, iterations, table


def test_the_page_shows_who_iterates() -> None:
    assert block(PAGE.read_text()) == table()


def test_callers_and_their_rules_are_found(tmp_path: Path) -> None:
    (tmp_path / "em").mkdir()
    (tmp_path / "em" / "inside.py").write_text("from genem.em.driver import fit\ndef f():\n    fit(1)\n")
    (tmp_path / "outside.py").write_text(
        "from genem.em import fit as climb\n"
        "from genem.em.ascent_kernels import advance, plain_rule\n"
        "def first(model):\n    return climb(model, max_iter=5, seed=2)\n"
        "def second(ascent):\n    advance(ascent, plain_rule(9, 1e-6, 0.0, 0.0), 1.0)\n"
        "def third(fit):\n    return fit(3)\n"
    )
    assert iterations(tmp_path) == [
        Iteration("outside.py", "first", "fit", "`max_iter=5`"),
        Iteration("outside.py", "second", "advance", "`plain_rule(9, 1e-06, 0.0, 0.0)`"),
    ]


def test_every_field_asks_em() -> None:
    fields = {each.module.split("/")[0] for each in iterations()}
    assert {"popgen", "qtl", "motif", "phylo"} <= fields
