"""Model selection beside the table of another program, whose log-likelihoods are lower bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from genem.io.sequences.alignments import read_alignment
from genem.phylo import is_nested, parse_model, select_model
from tests.phylo.tables import read_table

pytestmark = pytest.mark.validation

MODELS = ("JC", "F81", "K80", "HKY", "TN", "GTR", "+E", "+I", "+G4", "+I+G4")


def test_primates(reference_data: Path) -> None:
    folder = reference_data / "phylo"
    rows = {str(parse_model(row["model"])): row for row in read_table(folder / "model_selection_primates12.tsv")}
    alignment = read_alignment(folder / "alignments" / "primates12.fasta")
    found = select_model(alignment, models=MODELS, fit_all=True)
    assert {candidate.name for candidate in found.candidates} == set(rows)
    for candidate in found.candidates:
        row = rows[candidate.name]
        assert candidate.fit is not None
        assert candidate.log_likelihood >= float(row["logL"]) - 0.05
        assert candidate.fit.n_free == round(float(row["AIC"]) / 2.0 + float(row["logL"]))
        for criterion in ("AIC", "AICc", "BIC"):
            penalty = candidate.criterion(criterion.lower()) + 2.0 * candidate.log_likelihood  # type: ignore[arg-type]
            assert penalty == pytest.approx(float(row[criterion]) + 2.0 * float(row["logL"]), abs=0.003)
    assert found.model == min(rows, key=lambda name: float(rows[name]["BIC"])) == "HKY+F+G4"
    for inner in found.candidates:
        for outer in found.candidates:
            if is_nested(inner.specification, outer.specification):
                assert outer.log_likelihood >= inner.log_likelihood - 1e-3
