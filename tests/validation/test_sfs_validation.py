"""The spectrum against a tabulated one of 20,000 plain EM steps, both put through one evaluator."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genem.io.variants.reading import open_variants
from genem.popgen import sfs
from genem.popgen.spectrum.estimation import gather_sites
from genem.popgen.spectrum.model import SpectrumModel

pytestmark = pytest.mark.validation


def tabulated(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    with (folder / "popgen" / "sim2x.reference.sfs.tsv").open() as stream:
        table = list(csv.DictReader(stream, delimiter="\t"))
    column = next(name for name in table[0] if name.startswith("reference_em"))
    return np.array([float(row["truth_sites"]) for row in table]), np.array([float(row[column]) for row in table])


def test_log_likelihood_is_not_below_the_tabulated_spectrum(reference_data: Path) -> None:
    _, reference = tabulated(reference_data)
    with open_variants(reference_data / "popgen" / "sim2x.pl.vcf.gz", fields=("PL",)) as reader:
        blocks = list(reader)
    result = sfs(blocks, field="PL")
    model = SpectrumModel(gather_sites(blocks, field="PL").groups, np.ones(len(result.sites)))
    evaluated = model.log_likelihood(reference / reference.sum())
    assert result.status.label == "converged"
    assert result.log_likelihood >= evaluated
    assert model.log_likelihood(result.proportion) == pytest.approx(result.log_likelihood, abs=1e-9)
    assert result.log_likelihood <= evaluated + model.gap(reference / reference.sum()) + 1e-9


def test_calls_of_the_truth_are_counted(reference_data: Path) -> None:
    truth, _ = tabulated(reference_data)
    with open_variants(reference_data / "popgen" / "sim2x.truth.vcf.gz", fields=("GT",)) as reader:
        result = sfs(reader)
    np.testing.assert_allclose(result.expected_sites, truth, atol=1e-9)


def test_likelihoods_of_two_reads_recover_diversity(reference_data: Path) -> None:
    with open_variants(reference_data / "popgen" / "sim2x.pl.vcf.gz", fields=("PL",)) as reader:
        estimated = sfs(reader, field="PL").diversity[0]
    with open_variants(reference_data / "popgen" / "sim2x.truth.vcf.gz", fields=("GT",)) as reader:
        true = sfs(reader).diversity[0]
    assert estimated.theta_pi == pytest.approx(true.theta_pi, rel=0.01)
