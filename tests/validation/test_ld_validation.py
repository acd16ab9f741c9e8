"""Two-locus estimates against brute force, PLINK and ngsLD on the reference data."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from genem.cli.main import main
from genem.em.status import Status
from genem.io.variants.reading import open_variants
from genem.popgen import LinkagePairs, blocks, ld, ld_pair, prune

pytestmark = pytest.mark.validation


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def every_pair(path: Path, field: str) -> Iterator[LinkagePairs]:
    with open_variants(path, fields=(field,)) as reader:
        yield from ld(reader, field=field, min_r2=0.0, window_bp=None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def kg22(request: pytest.FixtureRequest) -> dict[tuple[str, str], tuple[LinkagePairs, int]]:
    folder: Path = request.getfixturevalue("reference_data") / "popgen"
    found = {}
    for pairs in every_pair(folder / "kg22.unphased_miss5.vcf.gz", "GT"):
        for row, (a, b) in enumerate(zip(pairs.first, pairs.second, strict=True)):
            found[pairs.loci.label(int(a)), pairs.loci.label(int(b))] = pairs, row
    return found


def test_brute_force_maxima(kg22, reference_data: Path) -> None:
    expected = rows_of(reference_data / "popgen" / "kg22.reference.ld_mle.tsv")
    assert len(expected) > 7000
    for row in expected:
        pairs, k = kg22[row["ID_A"], row["ID_B"]]
        assert pairs.n_samples[k] == int(row["n"])
        assert pairs.n_maxima[k] == int(row["n_local_maxima"])
        p = pairs.haplotype_frequencies[k]
        for value, name in (
            (p[3], "f11_alt_alt"), (p[2] + p[3], "pA_alt"), (p[1] + p[3], "pB_alt"),
            (pairs.d[k], "D"), (pairs.d_prime[k], "Dprime"), (pairs.r2[k], "r2"),
        ):  # fmt: skip
            assert value == pytest.approx(float(row[name]), abs=1e-10)
        assert pairs.log_likelihood[k] == pytest.approx(float(row["loglik"]), abs=1e-8)


def test_plink_within_print_rounding(kg22, reference_data: Path) -> None:
    for row in rows_of(reference_data / "popgen" / "kg22.plink19.r2_dprime.tsv"):
        pairs, k = kg22[row["SNP_A"], row["SNP_B"]]
        assert pairs.r2[k] == pytest.approx(float(row["R2"]), rel=6e-6, abs=1e-9)
        assert pairs.d_prime[k] == pytest.approx(float(row["DP"]), rel=6e-6, abs=1e-9)


def test_plink_reports_name_the_same_maxima(reference_data: Path) -> None:
    """PLINK 2 lists the maxima; PLINK 1.9 the minimum between two of them as well."""
    text = (reference_data / "popgen" / "kg22.ld_pair_reports.txt").read_text()
    vcf = reference_data / "popgen" / "kg22.unphased_miss5.vcf.gz"
    reports = re.findall(r"### plink1\.9 --keep-allele-order --ld (\S+) (\S+)\n(.*?)(?=###|\Z)", text, re.DOTALL)
    assert len(reports) > 10
    for first, second, body in reports:
        printed = [float(value) for value in re.findall(r"R-sq = (\S+)", body)]
        with open_variants(vcf) as reader:
            (report,) = ld_pair(reader, first, second)
        for maximum in report.maxima:
            assert min(abs(maximum.r2 - value) for value in printed) <= 6e-6 * maximum.r2
        assert len(report.maxima) == (len(printed) + 1) // 2


@pytest.mark.parametrize("name", ["sim2x.pl.vcf.gz", "lowcov_pl.vcf.gz"])
def test_likelihoods_reach_the_best_known(name: str, reference_data: Path) -> None:
    folder = reference_data / "popgen"
    expected = {(row["A"], row["B"]): row for row in rows_of(folder / f"{name.split('.')[0]}.reference.ld_gl_mle.tsv")}
    wanted = {place for pair in expected for place in pair}
    with open_variants(folder / name, fields=("PL",)) as reader:
        selected = [
            block.select(
                np.array([f"{block.sites.chrom(v)}:{block.sites.position[v]}" in wanted for v in range(len(block))])
                & (block.sites.n_alleles == 2)
            )
            for block in reader
        ]
    compared = 0
    for pairs in ld(selected, field="PL", min_r2=0.0, window_bp=None):
        for k, (a, b) in enumerate(zip(pairs.first, pairs.second, strict=True)):
            places = tuple(f"{pairs.loci.chrom[row]}:{pairs.loci.position[row]}" for row in (a, b))
            if places not in expected:
                continue
            row = expected[places]  # type: ignore[index]
            compared += 1
            assert pairs.status[k] == Status.CONVERGED
            assert pairs.log_likelihood[k] >= float(row["loglik"]) - 1e-6
            if pairs.log_likelihood[k] <= float(row["loglik"]) + 1e-6:
                assert pairs.r2[k] == pytest.approx(float(row["r2"]), abs=1e-4)
    assert compared == len(expected)


def test_ngsld_is_never_higher(reference_data: Path) -> None:
    """Where ngsLD converged its r2 is that of the maximum, as far as its stop rule goes."""
    folder = reference_data / "popgen"
    rows = {(row["site1"], row["site2"]): row for row in rows_of(folder / "sim2x.ngsld.tsv")}
    close, compared = 0, 0
    for row in rows_of(folder / "sim2x.reference.ld_gl_mle.tsv"):
        peer = rows[row["A"], row["B"]]
        if int(peer["nIter"]) < 100:
            compared += 1
            close += abs(float(peer["r2"]) - float(row["r2"])) < 0.01
    assert compared > 50
    assert close > 0.9 * compared


BUNDLED = ("haplotypes.unphased_miss5", "population")


@pytest.fixture(scope="module")
def plink() -> str:
    program = shutil.which("plink1.9")
    if program is None:
        pytest.skip("plink1.9 is not installed")
    return program


def run_plink(plink: str, vcf: Path, output: Path, *arguments: str) -> None:
    command = [plink, "--vcf", str(vcf), "--double-id", "--keep-allele-order", *arguments, "--out", str(output)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("name", BUNDLED)
def test_blocks_equal_plink(name: str, plink: str, data: Path, tmp_path: Path) -> None:
    vcf = data / f"{name}.vcf.gz"
    run_plink(plink, vcf, tmp_path / "x", "--blocks", "no-pheno-req")
    lines = [line.split() for line in (tmp_path / "x.blocks.det").read_text().splitlines()[1:]]
    with open_variants(vcf) as reader:
        found = [(str(block.start), str(block.end), "|".join(block.identifiers)) for block in blocks(reader)]
    assert found == [(line[1], line[2], line[5]) for line in lines]
    assert len(found) > 60


def test_pruning_keeps_about_what_plink_keeps(plink: str, data: Path, tmp_path: Path) -> None:
    """PLINK correlates allele counts, and works through its first window in another order."""
    vcf = data / "population.vcf.gz"
    run_plink(plink, vcf, tmp_path / "x", "--indep-pairwise", "50", "1", "0.5")
    theirs = set((tmp_path / "x.prune.in").read_text().split())
    with open_variants(vcf) as reader:
        ours = {variant.identifier for variant in prune(reader, window_bp=None, window_variants=49) if variant.kept}
    assert len(ours & theirs) > 0.9 * len(theirs)
    assert abs(len(ours) - len(theirs)) < 0.05 * len(theirs)


def test_pair_report_runs_on_reference_data(reference_data: Path, tmp_path: Path) -> None:
    vcf = reference_data / "popgen" / "kg22.unphased_miss5.vcf.gz"
    output = tmp_path / "report.txt"
    assert main(["ld", str(vcf), "--pair", "22:16115374:C:G", "22:16163115:A:G", "-o", str(output)]) == 0
    text = output.read_text()
    assert "maximum 1 of 2, the highest" in text
    assert "r2 0.0942167   D' -0.775547" in text or "r2 0.0942167   D' 0.775547" in text
