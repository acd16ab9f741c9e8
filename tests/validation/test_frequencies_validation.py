"""``freq`` on real data against PLINK, bcftools and an independent maximisation."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genem.popgen import FrequencyTable, freq
from tests.popgen.blocks import read_vcf

pytestmark = pytest.mark.validation

CALLS = [("kg22", "kg22.unphased_miss5.vcf.gz"), ("ceu_exon", "ceu_exon.vcf.gz")]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def within_half_a_unit(value: float, printed: str) -> bool:
    mantissa, _, exponent = printed.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return abs(value - float(printed)) <= 0.5000001 * 10.0 ** (int(exponent or 0) - decimals)


@pytest.fixture(scope="module", params=CALLS, ids=[name for name, _ in CALLS])
def estimated(request: pytest.FixtureRequest, reference_data: Path) -> tuple[Path, str, FrequencyTable]:
    name, file = request.param
    folder = reference_data / "popgen"
    return folder, name, freq(read_vcf(folder / file))


def test_counts_and_frequencies_equal_plink(estimated: tuple[Path, str, FrequencyTable]) -> None:
    folder, name, table = estimated
    answers = rows_of(folder / f"{name}.plink2.afreq.tsv")
    assert len(answers) == table.n_variants
    for variant, answer in enumerate(answers):
        assert table.allele_number[variant] == int(answer["OBS_CT"])
        assert within_half_a_unit(table.allele_frequency[variant], answer["ALT_FREQS"])


@pytest.mark.parametrize(
    ("answers", "column", "estimate"),
    [
        ("plink2.hardy", "P", "hwe_p"),
        ("plink19.hwe", "P", "hwe_p"),
        ("plink19.hwe_midp", "P", "hwe_mid_p"),
    ],
)
def test_exact_tests_equal_peers(
    estimated: tuple[Path, str, FrequencyTable], answers: str, column: str, estimate: str
) -> None:
    folder, name, table = estimated
    rows = rows_of(folder / f"{name}.{answers}.tsv")
    assert len(rows) == table.n_variants
    pairs = zip(rows, getattr(table, estimate), strict=True)
    wrong = [row for row, p in pairs if not within_half_a_unit(p, row[column])]
    assert wrong == []


def test_counts_and_tests_equal_bcftools(estimated: tuple[Path, str, FrequencyTable]) -> None:
    folder, name, table = estimated
    for variant, row in enumerate(rows_of(folder / f"{name}.bcftools.filltags.tsv")):
        assert table.allele_number[variant] == int(row["AN"])
        assert table.n_called[variant] == int(row["NS"])
        # INFO values are single precision: the sixth digit may be one off.
        assert table.hwe_p[variant] == pytest.approx(float(row["HWE"]), rel=1e-5)
        assert table.allele_frequency[variant] == pytest.approx(float(row["AF"]), rel=1e-5)


def test_low_coverage_likelihoods_equal_the_reference(reference_data: Path) -> None:
    folder = reference_data / "popgen"
    block = read_vcf(folder / "lowcov_pl.vcf.gz")
    table = freq(block, field="PL")
    assert (table.status == 0).all()
    assert (table.lrt_hwe[np.isfinite(table.lrt_hwe)] >= 0).all()
    answers = {(row["POS"], row["REF"], row["ALT"]): row for row in rows_of(folder / "lowcov_pl.reference.af_mle.tsv")}
    for variant in range(len(block)):
        answer = answers.pop(
            (str(block.sites.position[variant]), block.sites.field(variant, 2), ",".join(block.sites.alts(variant)))
        )
        alts = table.alts(variant)
        expected = [float(p) for p in answer["alt_freq_mle"].split(",")]
        np.testing.assert_allclose(table.allele_frequency[alts], expected, atol=1e-6)
        assert table.log_likelihood[variant] == pytest.approx(float(answer["loglik_hwe"]), abs=1e-7)
        assert table.n_called[variant] == int(answer["n_informative"])
        if len(expected) == 1 and 0 < table.allele_frequency[alts][0] < 1:
            assert table.standard_error[alts][0] == pytest.approx(float(answer["se_obs_info"]), rel=1e-4)
            assert table.inbreeding_coefficient[alts][0] == pytest.approx(float(answer["F"]), abs=1e-5)
            assert table.lrt_hwe[alts][0] == pytest.approx(float(answer["lrt_hwe"]), abs=1e-8)
    assert answers == {}


def test_where_angsd_converged_the_frequencies_agree(reference_data: Path) -> None:
    folder = reference_data / "popgen"
    block = read_vcf(folder / "lowcov_pl.vcf.gz")
    table = freq(block, field="PL")
    variant_of = {int(position): variant for variant, position in enumerate(block.sites.position)}
    compared = 0
    for row in rows_of(folder / "lowcov_pl.angsd.hwe.tsv"):
        variant = variant_of[int(row["Position"])]
        if len(block.sites.alts(variant)) == 1:
            p = table.allele_frequency[table.alts(variant)][0]
            if row["Minor"] == block.sites.field(variant, 2):
                p = 1 - p
            assert float(row["hweFreq"]) == pytest.approx(p, abs=4e-4)
            compared += 1
    assert compared > 100
