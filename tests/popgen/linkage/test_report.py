"""One named pair: finding the variants, the genotype table, every maximum."""

from __future__ import annotations

import numpy as np
import pytest

from genem.data import GenotypeBlock
from genem.errors import InputError, UsageError
from genem.popgen.linkage.disequilibrium import ld
from genem.popgen.linkage.report import ld_pair
from tests.reference.ld import log_likelihood, make_block, table_maxima

pytestmark = pytest.mark.kernel

TWO_MAXIMA = np.array([[[0, 1]] * 40 + [[0, 0], [1, 1]] * 2, [[0, 1]] * 40 + [[0, 0], [1, 1], [1, 1], [0, 0]]], np.int8)


def block() -> GenotypeBlock:
    calls = np.concatenate([TWO_MAXIMA, TWO_MAXIMA[:1]])
    return make_block(calls, identifier=["rs1", "rs2", "rs2"], position=[10, 20, 30], alts=["C", "T", "G"])


def test_every_maximum_highest_first() -> None:
    (report,) = ld_pair(block(), "rs1", "1:20")
    expected = table_maxima(2, 2, 2, 2, 40)
    assert len(report.maxima) == len(expected) == 2
    assert report.maxima[0].log_likelihood >= report.maxima[1].log_likelihood
    for maximum in report.maxima:
        p = maximum.frequencies.reshape(2, 2)
        assert maximum.log_likelihood == pytest.approx(log_likelihood(*TWO_MAXIMA, p), abs=1e-9)
        assert maximum.d == pytest.approx(p[1, 1] - 0.25)
    found = sorted(maximum.d for maximum in report.maxima)
    assert found == pytest.approx(sorted((2 + u) / 88 - 0.25 for u, _ in expected), abs=1e-6)


def test_tables() -> None:
    (report,) = ld_pair(block(), "rs1", "1:20")
    assert report.genotypes is not None
    assert report.genotypes.tolist() == [[1, 0, 1], [0, 40, 0], [1, 0, 1]]
    assert report.haploid is not None
    assert report.haploid.sum() == 0


def test_the_pair_is_that_of_ld() -> None:
    (report,) = ld_pair(block(), "1:10:A:C", "1:20:A:T")
    (pairs,) = ld(make_block(TWO_MAXIMA), min_r2=0.0)
    np.testing.assert_array_equal(report.pairs.statistics, pairs.statistics)
    assert report.pairs.loci.label(int(report.pairs.second[0])) == "1:20:A:T"


def test_blocks_and_order_do_not_matter() -> None:
    one = make_block(TWO_MAXIMA[:1], identifier=["a"], chrom=["2"], position=[50])
    two = make_block(TWO_MAXIMA[1:], identifier=["b"], chrom=["1"], position=[5], first_record=2)
    (report,) = ld_pair([one, two], "b", "a")
    assert [report.pairs.loci.identifier[k] for k in (0, 1)] == ["b", "a"]


def test_groups_and_alleles_each_have_a_report() -> None:
    calls = np.array([[[0, 1], [1, 2], [0, 2], [0, 0]], [[0, 1], [1, 0], [0, 0], [0, 0]]], np.int8)
    reports = ld_pair(make_block(calls, alts=["C,G", "T"]), "v1", "v2", groups=[0, 0, 1, 1])
    names = [
        (report.pairs.loci.alt[report.pairs.first[0]], report.pairs.group_names[report.pairs.group[0]])
        for report in reports
    ]
    assert names == [("C", "0"), ("C", "1"), ("C", "ALL"), ("G", "0"), ("G", "1"), ("G", "ALL")]


def test_likelihoods_have_maxima_too() -> None:
    pl = np.where(np.arange(3) == TWO_MAXIMA.sum(axis=2)[:, :, np.newaxis], 0, 90).astype(np.int32)
    (report,) = ld_pair(make_block(TWO_MAXIMA, pl=pl), "v1", "v2", field="PL")
    assert report.genotypes is None
    assert len(report.maxima) == 2
    assert report.maxima[0].log_likelihood == pytest.approx(report.pairs.log_likelihood[0], abs=1e-9)


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (("rs1", "rs9"), InputError, "no variant is named rs9"),
        (("rs1", "rs2"), InputError, "two variants are named rs2: 1:20 and 1:30; name it as CHROM:POS:REF:ALT"),
        (("rs1", "1:10"), UsageError, "rs1 and 1:10 are the same variant"),
        (("rs1", "rs1"), UsageError, "are the same variant"),
        (("1:20", "1:20:A:G"), InputError, "no variant is named 1:20:A:G"),
    ],
)
def test_names_that_do_not_name_one_variant(names: tuple[str, str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ld_pair(block(), *names)


def test_nobody_called_at_both() -> None:
    calls = np.array([[[0, 1], [-1, -1]], [[-1, -1], [0, 1]]], np.int8)
    (report,) = ld_pair(make_block(calls), "v1", "v2")
    assert report.maxima == ()
