"""``genem freq`` from the command line: the table, its options, and what it says of input it cannot use."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pysam
import pytest

from genem.cli.main import main
from genem.cli.popgen.freq import COLUMNS

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=X>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">\n'
)


def vcf_text(*records, samples=("a", "b", "c"), header=HEADER):
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(samples)
    return header + "\n".join([columns, *("\t".join(record.split()) for record in records)]) + "\n"


def table(text):
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("##")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


@pytest.fixture
def write(tmp_path):
    def write(text, name="x.vcf"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def freq(capsysbinary):
    """Run the command; its rows."""

    def freq(*arguments):
        status = main(["freq", *map(str, arguments)])
        captured = capsysbinary.readouterr()
        assert status == 0, captured.err.decode()
        return table(captured.out.decode())

    return freq


@pytest.fixture
def refused(capsys, tmp_path):
    """Run the command on what it cannot use; the one line it prints."""

    def refused(*arguments, status=1):
        output = tmp_path / "out.tsv"
        assert main(["freq", *map(str, arguments), "-o", str(output)]) == status
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("genem freq: error: ")
        assert not output.exists()
        assert not list(tmp_path.glob(".*.tmp"))
        return lines[0]

    return refused


def test_the_table_of_every_allele_and_group(freq, write):
    vcf = write(vcf_text("1 7 rs A C,G . . . GT 0/1 1|2 ./.", "1 9 . A . . . . GT 0/0 0/0 0/0"))
    groups = write("a\tg\nb\tg\nc\th\n", "groups.tsv")
    rows = freq(vcf, "--groups", groups)
    assert list(rows[0]) == list(COLUMNS.meanings)
    assert [(row["POS"], row["GROUP"]) for row in rows] == [(p, g) for p in ("7", "9") for g in ("g", "h", "ALL")]
    first, empty, pooled = rows[:3]
    assert (first["AF"], first["AN"], first["N_CALLED"]) == ("0.5,0.25", "4", "2")
    assert (empty["AF"], empty["AN"], empty["STATUS"]) == ("NA,NA", "0", "degenerate")
    assert pooled["AF"] == "0.5,0.25"
    assert (rows[5]["ALT"], rows[5]["AF"]) == ("NA", "NA")


def test_allele_frequencies_are_those_of_pysam_on_real_data(freq, data):
    rows = freq(data / "population.vcf.gz", "-S", data / "population.founders.txt")
    founders = (data / "population.founders.txt").read_text().split()
    with pysam.VariantFile(str(data / "population.vcf.gz")) as records:
        for row, record in zip(rows, records, strict=True):
            copies = [a for name in founders for a in record.samples[name]["GT"] if a is not None]
            assert int(row["AN"]) == len(copies)
            assert float(row["AF"]) == pytest.approx(sum(copies) / len(copies), rel=1e-9)


def test_likelihoods_agree_with_certain_calls(freq, write):
    vcf = write(
        vcf_text("1 7 . A C . . . GT:PL 0/1:90,0,90 1/1:90,90,0 0/0:0,90,90", "1 8 . A C . . . GT:PL . . 0/1:9,0,9")
    )
    calls, likelihoods = freq(vcf), freq(vcf, "--field", "PL")
    assert float(likelihoods[0]["AF"]) == pytest.approx(float(calls[0]["AF"]), abs=1e-6)
    assert likelihoods[0]["HWE_P"] == "NA"
    assert likelihoods[1]["N_CALLED"] == "1"


@pytest.mark.parametrize("form", ["gzip", "bgzf", "bcf", "stdin"])
def test_every_form_of_input_gives_the_same_bytes(form, capsysbinary, data, tmp_path, monkeypatch):
    vcf = data / "lowcov.vcf.gz"
    assert main(["freq", str(vcf), "--field", "PL"]) == 0
    expected = capsysbinary.readouterr().out
    given = tmp_path / "input"
    with pysam.BGZFile(str(vcf)) as stream:
        text = stream.read()
    if form == "bcf":
        with pysam.VariantFile(str(vcf)) as source, pysam.VariantFile(str(given), "wb", header=source.header) as target:
            for record in source:
                target.write(record)
    elif form == "bgzf":
        shutil.copy(vcf, given)
    else:
        import gzip

        given.write_bytes(gzip.compress(text) if form == "gzip" else text)
    argument = str(given)
    if form == "stdin":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.read_bytes())))
        argument = "-"
    assert main(["freq", argument, "--field", "PL"]) == 0
    assert capsysbinary.readouterr().out == expected


def test_threads_do_not_change_the_output(capsysbinary, data):
    outputs = set()
    for threads in ("1", "2"):
        assert main(["freq", str(data / "lowcov_gl.vcf.gz"), "--field", "GL", "--threads", threads]) == 0
        outputs.add(capsysbinary.readouterr().out)
    assert len(outputs) == 1


def test_regions_partition_the_file(capsysbinary, data):
    vcf = str(data / "population.vcf.gz")
    assert main(["freq", vcf]) == 0
    whole = capsysbinary.readouterr().out
    pieces = b""
    for region in ("22:1-15700000", "22:15700001-16200000", "22:16200001-"):
        assert main(["freq", vcf, "-r", region, "--regions-overlap", "pos"]) == 0
        piece = capsysbinary.readouterr().out
        pieces += piece if not pieces else piece.split(b"STATUS\n", 2)[1]
    assert pieces == whole


def test_sites_are_dropped_by_frequency_and_missingness_and_counted(freq, write, tmp_path):
    record = tmp_path / "run.json"
    vcf = write(
        vcf_text(
            "1 1 rare A C . . . GT 0/0 0/0 0/1",
            "1 2 common A C . . . GT 0/1 0/1 0/1",
            "1 3 missing A C . . . GT 0/1 ./. ./.",
            "1 4 all_missing A C . . . GT ./. ./. ./.",
        )
    )
    rows = freq(vcf, "--min-maf", "0.2", "--max-missing-rate", "0.5", "--run-record", record)
    assert [row["ID"] for row in rows] == ["common"]
    counts = json.loads(record.read_text())["counts"]
    assert (counts["below_min_maf"], counts["above_max_missing_rate"]) == (1, 2)
    assert counts["variants_written"] == 1


def test_male_heterozygotes_on_x_are_reported(freq, write, tmp_path):
    record = tmp_path / "run.json"
    vcf = write(vcf_text("X 5000000 . A C . . . GT 0/1 0/1 1/1"))
    sex = write("#IID\tSEX\na\t1\nb\t2\nc\t1\n", "sex.tsv")
    rows = freq(vcf, "--sex", sex, "--build", "b37", "--run-record", record)
    assert (rows[0]["AN"], rows[0]["N_CALLED"]) == ("3", "2")
    assert json.loads(record.read_text())["counts"]["heterozygous_single_copies"] == 1


def test_the_annotated_vcf_keeps_the_records_and_adds_the_estimates(data, tmp_path):
    annotated = tmp_path / "annotated.vcf.gz"
    vcf = data / "lowcov.vcf.gz"
    groups = ["--groups", str(data / "lowcov.groups.tsv")]
    assert main(["freq", str(vcf), "--field", "PL", *groups, "-o", "/dev/null", "--annotate", str(annotated)]) == 0
    assert Path(f"{annotated}.tbi").exists()
    groups_seen = set()
    with pysam.VariantFile(str(vcf)) as before, pysam.VariantFile(str(annotated)) as after:
        for old, new in zip(before, after, strict=True):
            assert (old.pos, old.alleles, old.id) == (new.pos, new.alleles, new.id)
            assert "AF" in new.info
            assert old.samples[5]["PL"] == new.samples[5]["PL"]
            assert sum(new.samples[5]["GP"]) == pytest.approx(1, abs=1e-5)
            groups_seen |= {"AF_CEU", "AF_YRI"} & set(new.info)
            dosage = sum(copies * p for copies, p in enumerate(new.samples[5]["GP"]))
            assert new.samples[5]["DS"][0] == pytest.approx(dosage, abs=1e-5)
    assert groups_seen == {"AF_CEU", "AF_YRI"}


def test_annotating_bcf_gives_the_same_vcf(data, tmp_path):
    vcf, bcf = data / "population.vcf.gz", tmp_path / "x.bcf"
    with pysam.VariantFile(str(vcf)) as source, pysam.VariantFile(str(bcf), "wb", header=source.header) as target:
        for record in source:
            target.write(record)
    bodies = []
    for number, path in enumerate((vcf, bcf)):
        annotated = tmp_path / f"{number}.vcf"
        assert main(["freq", str(path), "-o", "/dev/null", "--annotate", str(annotated)]) == 0
        bodies.append([line for line in annotated.read_text().splitlines() if not line.startswith("##")])
    assert bodies[0] == bodies[1]


def test_a_subset_is_annotated_without_its_stale_counts(tmp_path, write):
    header = HEADER + '##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n'
    vcf = write(vcf_text("1 7 . A C . . AC=2 GT 0/1 0/0 0/1", header=header))
    annotated = tmp_path / "y.vcf"
    assert main(["freq", vcf, "-s", "c,a", "-o", "/dev/null", "--annotate", str(annotated)]) == 0
    body = annotated.read_text().splitlines()
    assert body[-2].split("\t")[9:] == ["c", "a"]
    assert "AC=" not in body[-1]
    assert "AF=0.5" in body[-1]


def test_the_spectrum_is_drawn(data, tmp_path):
    for suffix, magic in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        picture = tmp_path / f"spectrum.{suffix}"
        assert main(["freq", str(data / "population.vcf.gz"), "-o", "/dev/null", "--plot", str(picture)]) == 0
        assert picture.read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("flag", "status", "words"),
    [
        ("-s", 2, "'nobody' is not in the file"),
        ("-S", 2, "'nobody' is not in the file"),
        ("-r", 2, "no contig 'nobody'"),
        ("--groups", 1, "names none of the samples"),
        ("--sex", 1, "none of the samples"),
    ],
)
def test_names_that_are_not_in_the_file(flag, status, words, refused, write, data):
    listed = write("nobody\t1\n", "names.txt")
    value = "nobody" if flag in ("-s", "-r") else listed
    assert words in refused(data / "population.vcf.gz", flag, value, status=status)


def test_files_that_are_not_there_or_no_vcf(refused, write, tmp_path):
    assert "no such file" in refused(tmp_path / "missing.vcf").lower()
    assert "folder" in refused(tmp_path)
    assert "is empty" in refused(write("", "empty.vcf"))
    assert "not a VCF" in refused(write("hello\nworld\n"))
    assert "no samples" in refused(write(vcf_text("1 7 . A C . . .", samples=()).replace("\tFORMAT\t\n", "\n")))


def test_a_file_with_only_a_header_gives_a_table_without_rows(freq, write):
    assert freq(write(vcf_text())) == []


def test_damaged_compression(refused, data, tmp_path):
    assert "truncated" in refused(data / "bad_truncated.vcf.gz")
    whole = bytearray((data / "population.vcf.gz").read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    damaged = tmp_path / "damaged.vcf.gz"
    damaged.write_bytes(whole)
    assert "block at byte" in refused(damaged)


@pytest.mark.parametrize(
    ("record", "options", "words"),
    [
        ("1 7 . A C . . . GT 0/1 0/2 0/0", [], ["record 1 (1:7)", "sample b", "0/2"]),
        ("1 7 . A C . . . GT 0/1 0/x 0/0", [], ["sample b", "0/x"]),
        ("1 7 . A C . . . GT 0/1 0/0", [], ["11 columns, 12 expected"]),
        ("1 x . A C . . . GT 0/1 0/0 0/0", [], ["POS"]),
        ("1 7 . A C . . . GT:PL 0/1:9,0 0/0:0,9,9 0/0:0,9,9", ["--field", "PL"], ["sample a", "2 values, 3 expected"]),
        ("1 7 . A C . . . GT:PL 0/1:9,0,9,9 . .", ["--field", "PL"], ["sample a", "4 values, 3 expected"]),
        ("1 7 . A C . . . GT:PL 0/1:-9,0,9 . .", ["--field", "PL"], ["sample a", "-9"]),
        ("1 7 . A C . . . GT:PL 0/1:0,9,99999999999 . .", ["--field", "PL"], ["sample a", "99999999999"]),
        ("1 7 . A C . . . GT 0/1 . .", ["--field", "PL"], ["PL", "GT"]),
        ("1 7 . A C . . . GT 0/1 . .", ["--field", "GL"], ["GL", "GT"]),
    ],
)
def test_records_that_cannot_be_used(record, options, words, refused, write):
    line = refused(write(vcf_text(record)), *options)
    assert all(word in line for word in words), line


def test_every_broken_record_of_the_example_file_stops_the_run(refused, data):
    line = refused(data / "bad_pl.vcf.gz", "--field", "PL")
    assert "2:10596" in line
    assert "sample" in line


def test_samples_named_twice(refused, write):
    assert "'a' is named 2 times" in refused(write(vcf_text("1 7 . A C . . . GT 0/1 . .", samples=("a", "a", "b"))))


def test_regions_of_an_unsorted_or_unindexed_file(refused, write, data, tmp_path):
    assert "indexed" in refused(write(vcf_text("1 7 . A C . . . GT 0/1 . .")), "-r", "1")
    unindexed = tmp_path / "copy.vcf.gz"
    shutil.copy(data / "population.vcf.gz", unindexed)
    assert "bcftools index" in refused(unindexed, "-r", "22")


def test_outputs_that_cannot_be_written(capsys, data, tmp_path):
    vcf = str(data / "population.vcf.gz")
    for output in (tmp_path / "missing" / "x.tsv", tmp_path, "/dev/full"):
        assert main(["freq", vcf, "-o", str(output)]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert str(output) in lines[0]


def test_build_without_sex_is_a_usage_error(refused, data):
    assert "--sex" in refused(data / "population.vcf.gz", "--build", "b37", status=2)


def test_strict_ends_with_status_3_and_keeps_the_table(data, tmp_path):
    output = tmp_path / "x.tsv"
    options = ["--field", "PL", "--max-iter", "1", "--strict", "-o", str(output)]
    assert main(["freq", str(data / "lowcov.vcf.gz"), *options]) == 3
    statuses = {row["STATUS"] for row in table(output.read_text())}
    assert "max_iter" in statuses


def test_the_coverage_of_the_run_record(data, tmp_path):
    record = tmp_path / "run.json"
    vcf = str(data / "population.vcf.gz")
    assert main(["freq", vcf, "-o", "/dev/null", "--run-record", str(record), "--checksum"]) == 0
    written = json.loads(record.read_text())
    assert written["counts"]["records_read"] == written["counts"]["variants_written"] == 593
    assert written["statuses"] == {"converged": 593}
    assert len(written["inputs"][0]["sha256"]) == 64


def test_rows_agree_with_the_library(freq, data):
    from genem.io.variants.reading import open_variants
    from genem.popgen import freq as library

    rows = freq(data / "lowcov_gl.vcf.gz", "--field", "GL", "-r", "22:20000000-20010000")
    with open_variants(data / "lowcov_gl.vcf.gz", fields=("GL",), regions=["22:20000000-20010000"]) as reader:
        estimates = [library(block, field="GL") for block in reader]
    printed = np.array([float(value) for row in rows for value in row["AF"].split(",")])
    np.testing.assert_allclose(printed, np.concatenate([e.allele_frequency for e in estimates]), rtol=1e-9)
