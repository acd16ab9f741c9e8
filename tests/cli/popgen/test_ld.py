"""``genem ld`` from the command line: the table, pieces, the pair report, pictures, and input it cannot use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genem.cli.main import main
from genem.cli.popgen.ld import COLUMNS
from genem.io.variants.reading import open_variants
from genem.popgen import ld

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=2>\n##contig=<ID=X>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">\n'
)
FOUR = "0/0 0/1 0/1 1/1"


def vcf_text(*records: str, samples: tuple[str, ...] = ("a", "b", "c", "d")) -> str:
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(samples)
    return HEADER + "\n".join([columns, *("\t".join(record.split()) for record in records)]) + "\n"


def record(place: str, identifier: str, calls: str, alt: str = "C") -> str:
    chrom, position = place.split(":")
    return f"{chrom} {position} {identifier} A {alt} . PASS . GT {calls}"


@pytest.fixture
def write(tmp_path: Path):
    def write(*records: str, **options: tuple[str, ...]) -> str:
        path = tmp_path / "x.vcf"
        path.write_text(vcf_text(*records, **options))
        return str(path)

    return write


@pytest.fixture
def run(capsysbinary):
    """Run the command; what it prints."""

    def run(*arguments: object, command: str = "ld") -> str:
        status = main([command, *map(str, arguments)])
        captured = capsysbinary.readouterr()
        assert status == 0, captured.err.decode()
        return captured.out.decode()

    return run


def rows_of(text: str) -> list[dict[str, str]]:
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("##")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


@pytest.fixture
def refused(capsys):
    """Run the command on what it cannot use; the one line it prints."""

    def refused(*arguments: object, status: int = 1) -> str:
        assert main(["ld", *map(str, arguments), "-o", "/dev/null"]) == status
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        return lines[0]

    return refused


def test_columns_and_values(write, run) -> None:
    path = write(record("1:10", "one", FOUR), record("1:20", ".", "0/0 0/1 0/0 1/1"))
    text = run(path)
    (row,) = rows_of(text)
    assert list(row) == list(COLUMNS.meanings)
    assert row["ID_A"] == "one"
    assert row["ID_B"] == "NA"
    assert (row["R2"], row["DPRIME"], row["N"], row["GROUP"]) == ("0.6", "1", "4", "ALL")
    assert row["R2_SE"] == "NA"
    assert row["STATUS"] == "converged"
    assert '##column=<ID=R2,Description="squared correlation' in text


def test_table_equals_the_library(data: Path, run) -> None:
    rows = rows_of(run(data / "population.vcf.gz", "--window-bp", 20_000, "--min-r2", 0.3))
    with open_variants(data / "population.vcf.gz") as reader:
        pairs = [p for part in ld(reader, window_bp=20_000, min_r2=0.3) for p in zip(part.first, part.r2, strict=True)]
    assert [row["R2"] for row in rows] == ["%.10g" % r2 for _, r2 in pairs]  # noqa: UP031
    assert len(rows) > 500


def test_min_r2_of_zero_gives_every_pair(write, run) -> None:
    path = write(
        record("1:10", "a", FOUR), record("1:20", "b", "0/0 0/0 0/0 0/0"), record("1:30", "c", "./. ./. ./. ./.")
    )
    rows = rows_of(run(path, "--min-r2", 0))
    assert [(row["ID_A"], row["ID_B"], row["R2"], row["STATUS"]) for row in rows] == [
        ("a", "b", "NA", "converged"),
        ("a", "c", "NA", "degenerate"),
        ("b", "c", "NA", "degenerate"),
    ]
    assert all("inf" not in row.values() and "nan" not in row.values() for row in rows)


def test_alleles_and_groups_have_rows(write, run, tmp_path: Path) -> None:
    path = write(record("1:10", "m", "0/1 1/2 0/2 0/0", "C,G"), record("1:20", "b", FOUR))
    groups = tmp_path / "groups.tsv"
    groups.write_text("a\tx\nb\tx\nc\ty\nd\ty\n")
    rows = rows_of(run(path, "--min-r2", 0, "--groups", groups))
    assert [(row["ALT_A"], row["ALT_B"], row["GROUP"]) for row in rows] == [
        (alt, "C", group) for alt in ("C", "G") for group in ("x", "y", "ALL")
    ]


def test_males_have_one_haplotype(write, run, tmp_path: Path) -> None:
    path = write(record("X:5000000", "a", "0/1 1/1 0/0 0/1"), record("X:5000100", "b", "0/1 1/1 0/0 1/1"))
    sex = tmp_path / "sex.tsv"
    sex.write_text("a\t2\nb\t1\nc\t1\nd\t1\n")
    (row,) = rows_of(run(path, "--sex", sex, "--build", "b37", "--min-r2", 0))
    assert row["N"] == "3"  # the heterozygous male is missing
    assert float(row["P_REF_REF"]) + float(row["P_ALT_ALT"]) == pytest.approx(1.0)


@pytest.mark.parametrize("options", [[], ["--window-bp", "30000"], ["--window-variants", "7", "--min-r2", "0.05"]])
def test_pieces_gathered_equal_one_run(data: Path, run, tmp_path: Path, options: list[str]) -> None:
    """Byte for byte: no pair is lost or doubled."""
    vcf = data / "population.vcf.gz"
    whole = run(vcf, *options)
    pieces = run(vcf, "--pieces", 4, command="regions").split()
    assert len(pieces) > 1
    tables = []
    for number, regions in enumerate(pieces):
        tables.append(tmp_path / f"{number}.tsv")
        run(vcf, "--first-in", regions, *options, "-o", tables[-1])
    assert run(*tables, command="gather") == whole


def test_order_of_threads_and_plots_do_not_change_the_table(data: Path, run, tmp_path: Path) -> None:
    vcf = data / "population.vcf.gz"
    one = run(vcf, "--window-bp", 5000, "--threads", 1)
    picture = tmp_path / "ld.svg"
    two = run(vcf, "--window-bp", 5000, "--threads", 2, "--plot", picture)
    assert one == two
    assert picture.read_bytes()[:5] == b"<?xml"


def test_decay(data: Path, run, tmp_path: Path) -> None:
    decay, picture = tmp_path / "decay.tsv", tmp_path / "decay.png"
    run(
        data / "population.vcf.gz", "--window-bp", 20_000, "--decay", decay, "--decay-plot", picture,
        "--decay-bin-bp", 5000, "--groups", data / "population.groups.tsv", "-o", "/dev/null",
    )  # fmt: skip
    rows = rows_of(decay.read_text())
    assert [row["GROUP"] for row in rows] == ["CEU"] * 4 + ["YRI"] * 4 + ["ALL"] * 4
    means = np.array([float(row["MEAN_R2"]) for row in rows]).reshape(3, 4)
    assert (np.diff(means, axis=1) < 0).all()
    assert (means[0] > means[1]).all()  # Europeans have longer haplotypes than Yoruba
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_pair_report(data: Path, run) -> None:
    text = run(data / "population.vcf.gz", "--pair", "rs5993821", "rs12106650")
    assert "A: 22:15516658:G:T (rs5993821)" in text
    assert "     G/T      29      36       2" in text
    assert "the maximum of the likelihood: log-likelihood -264.820069\n" in text
    assert "in phase: G-C and T-T" in text


def test_pair_report_of_two_maxima(write, run) -> None:
    path = write(
        record("1:10", "a", "0/1 0/1 0/1 0/1"), record("2:20", "b", "0/1 0/1 0/1 0/1"),
    )  # fmt: skip
    text = run(path, "--pair", "a", "2:20:A:C")
    assert "maximum 1 of 2, the highest" in text
    assert "maximum 2 of 2" in text


def test_likelihoods(data: Path, run) -> None:
    rows = rows_of(run(data / "lowcov.vcf.gz", "--field", "PL", "--window-variants", 1, "--min-r2", 0))
    assert {row["STATUS"] for row in rows} == {"converged"}
    assert all(float(row["LOD"]) >= 0.0 for row in rows if row["LOD"] != "NA")


def test_selections_apply(data: Path, run) -> None:
    vcf = data / "population.vcf.gz"
    common = rows_of(run(vcf, "--min-maf", 0.3, "--max-missing-rate", 0.01, "--window-bp", 10_000))
    everything = rows_of(run(vcf, "--window-bp", 10_000))
    names = {(row["ID_A"], row["ID_B"]): row for row in everything}
    assert 0 < len(common) < len(everything)
    assert all(names[row["ID_A"], row["ID_B"]] == row for row in common)


@pytest.mark.parametrize("command", ["ld", "prune", "blocks"])
@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_variants(write, capsys, command: str, n: int) -> None:
    assert main([command, write(*[record("1:10", "a", FOUR)] * n)]) == 0
    printed = capsys.readouterr()
    assert len(rows_of(printed.out)) == (n if command == "prune" else 0)
    assert printed.err == f"genem {command}: warning: fewer than two variants: no pairs\n"


def test_an_empty_piece_is_no_reason_to_warn(data: Path, capsys) -> None:
    assert main(["ld", str(data / "population.vcf.gz"), "--first-in", "22:1-10"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_decay_ends_with_the_last_pair(write, run, tmp_path: Path) -> None:
    path = write(record("1:10", "a", FOUR), record("1:20", "b", FOUR), record("1:250", "c", FOUR))
    decay, picture = tmp_path / "decay.tsv", tmp_path / "decay.svg"
    run(path, "--decay", decay, "--decay-bin-bp", 100, "--decay-plot", picture)
    assert [(row["BP_TO"], row["N_PAIRS"]) for row in rows_of(decay.read_text())] == [
        ("100", "1"), ("200", "0"), ("300", "2"),
    ]  # fmt: skip
    run(write(record("1:10", "a", FOUR)), "--decay", decay, "--decay-plot", picture)
    assert rows_of(decay.read_text()) == []


@pytest.mark.parametrize("min_r2", [0, 0.2])
@pytest.mark.parametrize("field", ["GT", "PL"])
def test_pairs_of_different_ploidy_are_counted(tmp_path: Path, capsys, field: str, min_r2: float) -> None:
    cells = {"0": "0:0,90", "1": "1:90,0", "0/1": "0/1:90,0,90", "1/1": "1/1:90,90,0", "0/0": "0/0:0,90,90"}
    columns = ["0 1 1 0", "1 1 0 0", "0/0 0/1 0/1 1/1", "0/1 0/1 1/1 0/0"]
    records = [
        record(f"1:{10 * (number + 1)}", f"v{number}", " ".join(cells[call] for call in calls.split()))
        for number, calls in enumerate(columns)
    ]
    path = tmp_path / "ploidy.vcf"
    path.write_text(vcf_text(*records).replace("\tGT\t", "\tGT:PL\t"))
    assert main(["ld", str(path), "--field", field, "--min-r2", str(min_r2)]) == 0
    printed = capsys.readouterr()
    expected = "4 pairs share no sample: one variant has diploid calls, the other haploid ones"
    assert printed.err == f"genem ld: warning: {expected}\n"
    if min_r2 == 0:
        assert [row["N"] for row in rows_of(printed.out)] == ["4", "0", "0", "0", "0", "4"]


def test_what_cannot_be_used(write, refused) -> None:
    path = write(record("1:20", "a", FOUR), record("1:10", "b", FOUR))
    assert "record 2 (1:10): position 10 after 20; linkage windows need a sorted file" in refused(path)
    path = write(record("1:10", "a", FOUR), record("2:10", "b", FOUR), record("1:20", "c", FOUR))
    assert "chromosome 1 again, after 2" in refused(path)
    path = write(record("1:10", "a", FOUR), record("1:20", "a", FOUR))
    assert "two variants are named a: 1:10 and 1:20" in refused(path, "--pair", "a", "1:20")
    assert "no variant is named q" in refused(path, "--pair", "1:10", "q")
    path = write(record("1:10", "a", "0/0/1 0/0 0/1 1/1"), record("1:20", "b", FOUR))
    assert "record 1 (1:10), sample a: a call with more than two copies" in refused(path)


def test_what_cannot_be_asked_for(write, data: Path, refused, tmp_path: Path) -> None:
    path = write(record("1:10", "a", FOUR), record("1:20", "b", FOUR))
    assert "--build needs --sex" in refused(path, "--build", "b37", status=2)
    assert "exclude each other" in refused(path, "--pair", "a", "b", "--plot", tmp_path / "x.svg", status=2)
    assert "leave out --regions" in refused(path, "--first-in", "1", "-r", "1", status=2)
    assert "same variant" in refused(path, "--pair", "a", "1:10", status=2)
    assert "phase is counted from calls" in refused(path, "--field", "PL", "--phased", status=2)
    assert "not between 0 and 1" in refused(path, "--min-r2", "2", status=2)
    assert "fewer than two loci" in refused(write(record("1:10", "a", FOUR)), "--plot", tmp_path / "x.svg")
    assert "error: region 23: no contig '23' in the file" in refused(
        data / "population.vcf.gz", "--first-in", "23", status=2
    )


@pytest.mark.parametrize(
    ("command", "options"),
    [("prune", ("--kept", "k", "--removed", "k")), ("ld", ("--decay", "k", "--plot", "k"))],
)
def test_nothing_is_written_where_arguments_contradict(
    write, capsys, tmp_path: Path, monkeypatch, command: str, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = tuple("k.svg" if option == "k" else option for option in options)
    assert main([command, write(record("1:10", "a", FOUR), record("1:20", "b", FOUR)), *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "two outputs have the same name: k.svg and k.svg" in printed.err
    assert not (tmp_path / "k.svg").exists()
