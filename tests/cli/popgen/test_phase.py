"""``genem phase``: tables and VCF in, haplotypes, pairs and phased VCF out, one-line refusals."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pysam
import pytest

from genem.cli.main import main
from genem.errors import InputError
from genem.io.tables.loci import read_locus_table

VCF_HEADER = """\
##fileformat=VCFv4.2
##contig=<ID=1>
##contig=<ID=2>
##INFO=<ID=DB,Number=0,Type=Flag,Description="x">
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\ts3\ts4\ts5
"""
RECORDS = """\
1\t10\trs1\tA\tG\t.\tPASS\tAC=3;DB\tGT:DP\t0/0:3\t1/1:4\t0/1:5\t0/0:1\t./.:0
1\t20\t.\tC\tT,TT\t.\tPASS\t.\tGT\t0/0\t2/2\t0/2\t0/1\t0/0
1\t30\trs3\tG\tA\t.\tPASS\t.\tGT\t0|0\t1/1\t0/1\t0/0\t0/0
"""


@pytest.fixture
def vcf(tmp_path: Path) -> Path:
    path = tmp_path / "x.vcf"
    path.write_text(VCF_HEADER + RECORDS)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("##")]
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]


def test_a_table_of_loci(data: Path, tmp_path: Path) -> None:
    output, pairs, record = tmp_path / "h.tsv", tmp_path / "d.tsv", tmp_path / "run.json"
    arguments = ["--loci", "DQB,DRB", "--diplotypes", str(pairs), "-o", str(output), "--run-record", str(record)]
    assert main(["phase", str(data / "hla.tsv"), *arguments]) == 0
    first = rows(output)[0]
    assert (first["LOCI"], first["HAPLOTYPE"]) == ("DQB,DRB", "21,3")
    assert float(first["FREQUENCY"]) == pytest.approx(0.1244430464, abs=1e-8)
    assert sum(float(row["FREQUENCY"]) for row in rows(output)) == pytest.approx(1.0)
    assert "##log_likelihood=-1248.7914182" in output.read_text()
    assert len({row["SAMPLE"] for row in rows(pairs)}) == 220
    fit = json.loads(record.read_text())["fits"][0]
    assert fit["log_likelihood"] == pytest.approx(-1248.7914182, abs=1e-6)
    assert fit["n_starts_best"] == fit["n_starts"] == 10


@pytest.mark.parametrize("form", ["plain", "bgzf", "bcf"])
def test_variants_of_every_form(vcf: Path, tmp_path: Path, form: str) -> None:
    source = vcf
    if form != "plain":
        source = tmp_path / ("y.vcf.gz" if form == "bgzf" else "y.bcf")
        with pysam.VariantFile(str(vcf)) as reader:
            mode = "wz" if form == "bgzf" else "wb"
            with pysam.VariantFile(str(source), mode, header=reader.header) as writer:
                for record in reader:
                    writer.write(record)
    output, phased = tmp_path / "h.tsv", tmp_path / "p.vcf"
    assert main(["phase", str(source), "-o", str(output), "--vcf", str(phased)]) == 0
    assert {row["LOCI"] for row in rows(output)} == {"rs1,1:20,rs3"}
    assert {row["HAPLOTYPE"] for row in rows(output)} == {"A,C,G", "G,TT,A", "A,T,G"}
    text = phased.read_text()
    assert "DP" not in text
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert [line[9].split(":")[0] for line in lines] == ["0|0"] * 3
    assert lines[0][7] == "DB"
    assert lines[0][13].split(":")[:2] == ["0|0", "10"]
    copies = {tuple(line[11].split(":")[0].split("|")[copy] for line in lines) for copy in (0, 1)}
    assert copies == {("0", "0", "0"), ("1", "2", "1")}
    with pysam.VariantFile(str(phased)) as reader:
        assert all(record.samples["s3"].phased for record in reader)


def test_loci_by_name_or_place_and_samples(vcf: Path, tmp_path: Path) -> None:
    output = tmp_path / "h.tsv"
    assert main(["phase", str(vcf), "--loci", "rs3,1:10", "-s", "s1,s2,s3", "-o", str(output)]) == 0
    assert {row["LOCI"] for row in rows(output)} == {"rs3,1:10"}


def test_loci_of_one_name_are_told_apart_by_their_alleles(vcf: Path, tmp_path: Path) -> None:
    output = tmp_path / "h.tsv"
    vcf.write_text(VCF_HEADER + RECORDS.replace("1\t30\trs3", "1\t20\t."))
    assert main(["phase", str(vcf), "-o", str(output)]) == 1
    assert main(["phase", str(vcf), "--loci", "rs1,1:20:G:A", "-o", str(output)]) == 0
    assert {row["LOCI"] for row in rows(output)} == {"rs1,1:20:G:A"}


def test_nothing_is_printed_before_the_arguments_are_checked(
    vcf: Path, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    for arguments in (
        [str(vcf), "--window", "1"],
        [str(vcf), "--vcf", "x.bam"],
        [str(data / "hla.tsv"), "--loci", "DQB,zz", "--window", "2"],
    ):
        assert main(["phase", *arguments]) != 0
        assert capsys.readouterr().out == ""


def test_windows_give_one_phased_vcf(data: Path, tmp_path: Path) -> None:
    source = data / "haplotypes.unphased_miss5.vcf.gz"
    output, phased = tmp_path / "w.tsv", tmp_path / "p.vcf.gz"
    arguments = ["-r", "20:1000000-1150000", "--window", "8", "--vcf", str(phased), "-o", str(output)]
    assert main(["phase", str(source), *arguments]) == 0
    assert {row["SE"] for row in rows(output)} == {"NA"}
    with pysam.VariantFile(str(phased)) as found, pysam.VariantFile(str(source)) as given:
        originals = list(given.fetch("20", 999_999, 1_150_000))
        records = list(found.fetch("20", 999_999, 1_150_000))
    assert len(records) == len(originals) > 8
    for record, original in zip(records, originals, strict=True):
        assert record.pos == original.pos
        for sample, before in zip(record.samples.values(), original.samples.values(), strict=True):
            assert None not in sample.allele_indices
            if None not in before.allele_indices:
                assert sorted(sample.allele_indices) == sorted(before.allele_indices)
            assert sample["PS"] <= record.pos
            assert 0.0 < sample["HPP"] <= 1.0


def test_a_haploid_sample_has_one_haplotype(tmp_path: Path) -> None:
    path, pairs, phased = tmp_path / "x.vcf", tmp_path / "d.tsv", tmp_path / "p.vcf"
    path.write_text(
        VCF_HEADER
        + "1\t10\ta\tA\tG\t.\t.\t.\tGT\t0\t1/1\t0/1\t1\t.\n"
        + "1\t20\tb\tC\tT\t.\t.\t.\tGT\t0\t1/1\t0/1\t1\t0/0\n"
    )
    assert main(["phase", str(path), "--diplotypes", str(pairs), "--vcf", str(phased), "-o", str(tmp_path / "h")]) == 0
    haploid = next(row for row in rows(pairs) if row["SAMPLE"] == "s1")
    assert (haploid["HAP1"], haploid["HAP2"]) == ("A,C", "NA")
    line = phased.read_text().splitlines()[-1].split("\t")
    assert line[9].startswith("0:")
    assert line[13].startswith("0|0:")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["{vcf}", "--loci", "rs1"], 1, "1 locus, at least 2 needed"),
        (["{vcf}", "--loci", "rs1,rs9"], 1, "x.vcf: no locus rs9; did you mean rs"),
        (["{vcf}", "--loci", "zz,rs1", "--window", "2"], 1, "x.vcf: no locus zz"),
        (["{vcf}", "--loci", "rs1,rs3", "--min-maf", "0.5"], 1, "no variant with the given loci"),
        (["{vcf}", "--window", "1"], 2, "1 is not at least 2"),
        (["{vcf}", "--vcf", "out.bcf"], 2, "'out.bcf' ends neither in .vcf nor in .vcf.gz"),
        (["{table}", "--vcf", "out.vcf"], 2, "--vcf needs a VCF or BCF input"),
        (["{table}", "--loci", "A,C"], 1, "no locus C"),
        (["{table}", "--loci", "A,C", "--window", "2"], 1, "no locus C"),
        (["{vcf}", "--n-starts", "50"], 2, "less than n_starts"),
        (["{two}"], 2, "the loci lie on 2 chromosomes (1, 2)"),
        (
            ["{twice}"],
            1,
            "record 2 (1:12): locus rs1 is there twice, before in record 1 (1:10); name it CHROM:POS:REF:ALT",
        ),
        (["{unsorted}"], 1, "record 2 (1:9): position 9 after 10: the file is not sorted; run bcftools sort"),
        (["{triploid}"], 1, "record 2 (1:12), sample s2: ploidy 3; 1 or 2 expected"),
        (["{mixed}"], 1, "sample s2 is haploid at some loci (rs2) and diploid at others (rs1)"),
        (["{missing}"], 1, "locus rs1 has no called allele"),
        (["absent.tsv"], 1, "absent.tsv"),
    ],
)
def test_refusals_are_one_line(
    vcf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    table = tmp_path / "t.tsv"
    table.write_text("id\tA.a1\tA.a2\tB.a1\tB.a2\ns1\t1\t2\t1\t1\n")
    line = "\t10\trs1\tA\tG\t.\t.\t.\tGT\t0/0\t0/1\t0/1\t1/1\t0/0\n"
    files = {
        "two": "1" + line + "2" + line,
        "twice": "1" + line + "1" + line.replace("10", "12"),
        "unsorted": "1" + line + "1" + line.replace("10", "9").replace("rs1", "rs2"),
        "triploid": "1" + line + "1" + line.replace("10", "12").replace("rs1", "rs2").replace("0/1", "0/1/1", 1),
        "mixed": "1" + line + "1" + line.replace("10", "12").replace("rs1", "rs2").replace("0/1", "1", 1),
        "missing": "1\t5\trs1\tA\tG\t.\t.\t.\tGT" + "\t./." * 5 + "\n1" + line.replace("rs1", "rs2"),
    }
    for name, text in files.items():
        (tmp_path / f"{name}.vcf").write_text(VCF_HEADER + text)
    named = {"vcf": vcf, "table": table, **{name: tmp_path / f"{name}.vcf" for name in files}}
    filled = [argument.format(**named) for argument in arguments]
    assert main(["phase", *filled, "-o", str(tmp_path / "out.tsv")]) == status
    said = capsys.readouterr().err.strip()
    assert message in said
    assert "\n" not in said
    assert not (tmp_path / "out.tsv").exists()


def test_equally_likely_answers_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.tsv"
    table.write_text("id\tA.a1\tA.a2\tB.a1\tB.a2\ns1\t1\t2\t1\t2\n")
    assert main(["phase", str(table), "-o", str(tmp_path / "h.tsv")]) == 0
    assert "2 different sets of frequencies are equally likely" in capsys.readouterr().err
    assert {row["SE"] for row in rows(tmp_path / "h.tsv")} == {"NA"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id\n", "header row: has no locus"),
        ("id\tA.a1\tB.a2\ns\t1\t1\n", "columns 2 and 3 are 'A.a1' and 'B.a2'"),
        ("id\tA.a1\ns\t1\n", "columns 2 and 3 are 'A.a1'"),
        ("id\tA.a1\tA.a2\tA.a1\tA.a2\ns\t1\t1\t1\t1\n", "locus A is there twice"),
        ("id\tA.a1\tA.a2\n", "has no samples"),
        ("id\tA.a1\tA.a2\ns\t1\n", "line 2: 2 columns, 3 expected"),
        ("id\tA.a1\tA.a2\ns\t1\t1\ns\t1\t1\n", "line 3: sample s is on line 2 too"),
        ("id\tA.a1\tA.a2\n\t1\t1\n", "line 2: has no sample name"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"t\.tsv") as caught:
        read_locus_table(path)
    assert message in str(caught.value)


def test_a_table_may_be_compressed_and_its_alleles_have_any_names(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv.gz"
    with gzip.open(path, "wt") as stream:
        stream.write("## a note\nid\tB.a1\tB.a2\ns1\t*07:02\tNA\ns2\t10\t9\n")
    table = read_locus_table(path)
    assert table.allele_names == (("*07:02", "10", "9"),)
    assert table.alleles.tolist() == [[[0, -1]], [[1, 2]]]
