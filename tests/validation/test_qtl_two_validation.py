"""Models of several loci against R/qtl."""

import numpy as np
import pytest

from genem.em import Status
from genem.io.crosses.reading import read_cross
from genem.qtl import SpikeWarning, fit_qtl, joint_genotypes, scan_two
from tests.qtl.crosses import rows

pytestmark = pytest.mark.validation

CHROMOSOMES = ("1", "4", "6", "15")


@pytest.fixture(scope="module")
def hyper(reference_data):
    reading = {"cross_type": "bc", "genotypes": ("BB", "BA", "AA"), "alleles": ("B", "A")}
    return read_cross(reference_data / "qtl" / "hyper" / "hyper.csv", **reading)


@pytest.mark.parametrize(("method", "tolerance"), [("hk", 1e-7), ("em", 1e-6)])
def test_pairs_of_positions(reference_data, hyper, method, tolerance):
    found = scan_two(hyper, joint_genotypes(hyper, step=5, chromosomes=CHROMOSOMES), "bp", method=method)
    labels = [
        f"{found.chromosomes[k]}@{position:.10g}" for k, position in zip(found.chromosome, found.position, strict=True)
    ]
    index = {(labels[a], labels[b]): k for k, (a, b) in enumerate(zip(found.first, found.second, strict=True))}
    answers = rows(reference_data / "qtl" / "hyper" / "scantwo_step5_chr1_4_6_15.tsv")
    order = [index[row["pos1"], row["pos2"]] for row in answers]
    for lods, column in ((found.full, "full"), (found.additive, "add")):
        expected = [float(row[f"lod_{column}_{method}"]) for row in answers]
        np.testing.assert_allclose(lods[order], expected, atol=tolerance)
    single = rows(reference_data / "qtl" / "hyper" / "scantwo_step5_single.tsv")
    assert [row["pos"] for row in single] == labels
    np.testing.assert_allclose(found.one_locus, [float(row[f"lod1_{method}"]) for row in single], atol=1e-7)
    assert (found.status == Status.CONVERGED).all()
    assert not found.spike.any()


def test_a_model_of_four_loci(reference_data, hyper):
    linked = joint_genotypes(hyper, step=1, include_markers=True, chromosomes=CHROMOSOMES)
    loci = [("1", 67.8), ("4", 29.5), ("6", 60.0), ("15", 20.5)]
    found = fit_qtl(hyper, linked, "bp", loci, "Q1+Q2+Q3*Q4")
    values = {"lod_full": found.lod, "pct_var": found.percent_variance, "df_model": found.df}
    values |= {f"est_{name}": value for name, value in zip(found.terms, found.estimates, strict=True)}
    values |= {f"drop_LOD_{term.name}": term.lod for term in found.dropped}
    answers = {row["item"]: row for row in rows(reference_data / "qtl" / "hyper" / "fitqtl_hk_Q1+Q2+Q3xQ4.tsv")}
    assert values == pytest.approx({item: float(row["value"]) for item, row in answers.items()}, rel=1e-8)
    errors = {f"est_{name}": value for name, value in zip(found.terms, found.standard_errors, strict=True)}
    expected = {item: float(row["se"]) for item, row in answers.items() if row["se"] != "NA"}
    assert errors == pytest.approx(expected, rel=1e-8)
    by_em = fit_qtl(hyper, linked, "bp", loci, "Q1+Q2+Q3*Q4", method="em")
    assert by_em.status == Status.CONVERGED
    assert by_em.lod > found.lod


def test_spurious_pairs_are_warned_of(reference_data):
    cross = read_cross(
        reference_data / "qtl" / "edge" / "listeria_gap.csv",
        cross_type="f2",
        genotypes=("CC", "CB", "BB", "not BB", "not CC"),
        alleles=("C", "B"),
    )
    linked = joint_genotypes(cross, step=10)
    with pytest.warns(SpikeWarning):
        found = scan_two(cross, linked, "T264")
    spiked = {peak.chromosomes for peak in found.summary() if peak.spike}
    assert ("1", "12") in spiked
    assert ("5", "13") not in spiked
