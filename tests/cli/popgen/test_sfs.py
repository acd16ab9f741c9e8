"""``genem sfs``: spectra of files, ancestral alleles, replicates, pictures, one-line refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pysam
import pytest

from genem.cli.main import main

HEADER = """\
##fileformat=VCFv4.2
##contig=<ID=1>
##INFO=<ID=AA,Number=1,Type=String,Description="Ancestral allele">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\ts3
"""
RECORDS = """\
1\t1\t.\tA\tG\t.\t.\tAA=a|||\tGT\t0/0\t0/1\t0/0
1\t2\t.\tA\tG\t.\t.\tDB;AA=G\tGT\t0/0\t0/1\t0/0
1\t3\t.\tC\tT\t.\t.\tAA=N\tGT\t1/1\t0/1\t0/0
1\t4\t.\tC\tT,G\t.\t.\tAA=C\tGT\t1/2\t0/1\t0/0
1\t5\t.\tC\tT\t.\t.\t.\tGT\t./.\t./.\t./.
1\t6\t.\tC\tT\t.\t.\tAA=C\tGT\t0/1\t0/1\t0/0
"""


@pytest.fixture
def vcf(tmp_path: Path) -> Path:
    path = tmp_path / "x.vcf"
    path.write_text(HEADER + RECORDS)
    return path


def spectrum(path: Path) -> list[float]:
    lines = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("##")]
    return [float(row[lines[0].index("EXPECTED_SITES")]) for row in lines[1:]]


def test_counting_with_reference_as_ancestral(vcf: Path, tmp_path: Path) -> None:
    output, diversity = tmp_path / "s.tsv", tmp_path / "d.tsv"
    assert main(["sfs", str(vcf), "-o", str(output), "--diversity", str(diversity)]) == 0
    np.testing.assert_allclose(spectrum(output), [0, 2, 1, 1, 0, 0, 0], atol=1e-9)
    header, row = (line.split("\t") for line in diversity.read_text().splitlines() if not line.startswith("##"))
    found = dict(zip(header, row, strict=True))
    assert (found["GROUP"], found["CHROMOSOMES"], found["SITES"]) == ("ALL", "6", "4")
    assert float(found["THETA_PI"]) == pytest.approx((2 * 5 + 8 + 9) / 15)
    assert found["TAJIMA_D_SE"] == "NA"


def test_ancestral_alleles_from_info_and_from_fasta(vcf: Path, tmp_path: Path) -> None:
    output, fasta = tmp_path / "s.tsv", tmp_path / "a.fa"
    assert main(["sfs", str(vcf), "--ancestral", "INFO/AA", "-o", str(output)]) == 0
    np.testing.assert_allclose(spectrum(output), [0, 1, 1, 0, 0, 1, 0], atol=1e-9)
    fasta.write_text(">1\naGNCNC\n")
    pysam.faidx(str(fasta))
    assert main(["sfs", str(vcf), "--ancestral", str(fasta), "-o", str(output)]) == 0
    np.testing.assert_allclose(spectrum(output), [0, 1, 1, 0, 0, 1, 0], atol=1e-9)


def test_folded_counts_and_callable_length(vcf: Path, tmp_path: Path) -> None:
    output = tmp_path / "s.tsv"
    assert main(["sfs", str(vcf), "--fold", "--callable-length", "100", "-o", str(output)]) == 0
    np.testing.assert_allclose(spectrum(output), [0, 2, 1, 1], atol=1e-9)
    assert f"##theta_pi={27 / 15 / 100:.10g}" in output.read_text()


def test_what_is_left_out_is_said(vcf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "run.json"
    arguments = ["--ancestral", "INFO/AA", "--run-record", str(record), "-o", "/dev/null"]
    assert main(["sfs", str(vcf), *arguments]) == 0
    said = capsys.readouterr().err.strip()
    assert said.endswith("left out 3 of 6 sites: 1 not biallelic, 2 not polarised")
    assert main(["sfs", str(vcf), "-o", "/dev/null"]) == 0
    assert "left out 2 of 6 sites: 1 not biallelic, 1 without data" in capsys.readouterr().err
    run = json.loads(record.read_text())
    assert run["counts"]["sites_not_biallelic"] == 1
    assert run["counts"]["sites_not_polarised"] == 2
    assert len(run["warnings"]) == 1


@pytest.mark.slow
def test_counts_that_em_left_near_zero_are_written_as_zero(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "s.tsv"
    arguments = ["--field", "PL", "--fold", "--tolerance", "1e-5", "-o", str(output)]
    assert main(["sfs", str(data / "lowcov.vcf.gz"), *arguments]) == 0
    found = np.array(spectrum(output))
    assert np.any(found == 0.0)
    assert np.all((found == 0.0) | (found >= 1e-12 * found.sum()))


def test_groups_give_the_joint_spectrum(vcf: Path, tmp_path: Path) -> None:
    groups, output = tmp_path / "g.tsv", tmp_path / "s.tsv"
    groups.write_text("s1\tP\ns2\tQ\ns3\tQ\n")
    assert main(["sfs", str(vcf), "--groups", str(groups), "-o", str(output)]) == 0
    joint = np.reshape(spectrum(output), (3, 5))
    assert joint[0, 1] == pytest.approx(2.0)
    assert joint[2, 1] == pytest.approx(1.0)
    assert joint[1, 1] == pytest.approx(1.0)


def test_replicates_written_and_read_again(data: Path, tmp_path: Path) -> None:
    source = str(data / "population.vcf.gz")
    common = ["sfs", source, "-r", "22:15500000-15800000", "--fold", "--block-size", "50000"]
    whole, pieces = tmp_path / "whole.tsv", tmp_path / "pieces.tsv"
    assert main([*common, "--bootstrap", "4", "--replicates", str(tmp_path / "all"), "-o", str(whole)]) == 0
    for first in (0, 2):
        part = ["--bootstrap", "2", "--bootstrap-first", str(first), "--replicates", str(tmp_path / f"{first}")]
        assert main([*common, *part, "-o", "/dev/null"]) == 0
    gathered = tmp_path / "gathered"
    assert main(["gather", str(tmp_path / "0"), str(tmp_path / "2"), "-o", str(gathered)]) == 0
    assert gathered.read_bytes() == (tmp_path / "all").read_bytes()
    assert main([*common, "--with-replicates", str(gathered), "-o", str(pieces)]) == 0
    for one, other in zip(_numbers(whole), _numbers(pieces), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-12)


def _numbers(path: Path) -> list[list[float]]:
    return [[float(cell) for cell in line.split("\t")] for line in path.read_text().splitlines() if line[0].isdigit()]


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
@pytest.mark.parametrize("grouped", [False, True])
def test_pictures_are_the_same_bytes_every_time(vcf: Path, tmp_path: Path, suffix: str, grouped: bool) -> None:
    groups = tmp_path / "g.tsv"
    groups.write_text("s1\tP\ns2\tQ\ns3\tQ\n")
    pictures = [tmp_path / f"{number}.{suffix}" for number in (1, 2)]
    for picture in pictures:
        more = ["--groups", str(groups)] if grouped else []
        assert main(["sfs", str(vcf), "--plot", str(picture), "-o", "/dev/null", *more]) == 0
    assert pictures[0].read_bytes() == pictures[1].read_bytes() != b""


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["{vcf}", "--field", "PL"], 1, "PL"),
        (["{vcf}", "--fold", "--ancestral", "INFO/AA"], 2, "exclude each other"),
        (["{vcf}", "--ancestral", "absent.fa"], 1, "absent.fa: no such file"),
        (["{vcf}", "--ancestral", "{groups}"], 1, "groups: cannot be read as FASTA"),
        (["{vcf}", "--ancestral", "INFO/ZZ"], 2, "only INFO/AA is supported"),
        (["{vcf}", "--callable-length", "3"], 2, "a callable length of 3 bases is less than the 4 sites used"),
        (["{vcf}", "--replicates", "r.tsv"], 2, "--replicates needs --bootstrap"),
        (["{vcf}", "--bootstrap", "3"], 1, "1 block of 1,000,000 bp"),
        (["{vcf}", "--groups", "{groups}"], 2, "into 3 groups (P, Q, R); a spectrum has one or two"),
        (["{vcf}", "--with-replicates", "{groups}"], 1, "the columns are not REPLICATE COUNT EXPECTED_SITES"),
        (["{vcf}", "--with-replicates", "{short}"], 1, "the rows are not those of 2 or more replicates"),
        (["{empty}"], 1, "no site to estimate a spectrum from"),
    ],
)
def test_refusals_are_one_line(
    vcf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    named = {name: tmp_path / name for name in ("groups", "short", "empty")}
    named["groups"].write_text("s1\tP\ns2\tQ\ns3\tR\n")
    named["short"].write_text("REPLICATE\tCOUNT\tEXPECTED_SITES\n0\t0\t1\n")
    named["empty"].write_text(HEADER)
    filled = [argument.format(vcf=vcf, **named) for argument in arguments]
    assert main(["sfs", *filled, "-o", str(tmp_path / "out.tsv")]) == status
    said = capsys.readouterr().err.strip()
    assert message in said
    assert "\n" not in said
    assert not (tmp_path / "out.tsv").exists()
