"""The table of the house plan says who iterates to a maximum, as the code does."""

from __future__ import annotations

from tests.architecture.iterations import BEGIN, END, PAGE, table
from tests.architecture.source import project, tree_of


def test_the_house_plan_shows_the_table_of_the_code() -> None:
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown == table(project()), "python -m tests.architecture.iterations writes it anew"


def test_rules_are_found_where_they_are_made() -> None:
    kernels = """
from genem.em.ascent_kernels import advance, squarem_rule as rule_of
def climb(x):
    rule = rule_of(100, 1e-10)
    advance(x, rule)
"""
    driver = "from genem import em\nfrom genem.em import fit\ndef f(m): em.fit(m)\ndef g(m): fit(m, n_starts=3)\n"
    rows = table(tree_of({"genem/qtl/kernels.py": kernels, "genem/qtl/scan.py": driver})).splitlines()[2:]
    assert rows == [
        "| `qtl.kernels` | `climb` | EM in a kernel | `rule_of(100, 1e-10)` |",
        "| `qtl.scan` | `f` | EM from Python | given by the caller |",
        "| `qtl.scan` | `g` | EM from Python | `n_starts=3` |",
    ]
