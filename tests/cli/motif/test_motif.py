"""``genem motif``: what it writes, what it says of odd sequences, what it refuses."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from Bio import motifs as biopython

from genem.cli.main import main
from genem.io.motifs.files import read_motifs
from genem.io.sequences.fasta import read_fasta

SMALL = ["--min-width", "6", "--max-width", "10", "--controls", "0", "--threads", "1", "-q"]
ALL_OUTPUTS = ("sites.tsv", "sites.bed", "logo.svg", "map.svg", "report.html", "motifs.json", "jaspar", "transfac")
OUTPUT_FLAGS = ("--sites", "--bed", "--logo", "--site-map", "--html", "--json", "--jaspar", "--transfac")


def planted(n: int = 12, length: int = 40, word: str = "TGACTCAT", seed: int = 3, alphabet: str = "ACGT") -> list[str]:
    """Random sequences with the same word somewhere in each."""
    rng = np.random.default_rng(seed)
    rows = ["".join(rng.choice(list(alphabet), length)) for _ in range(n)]
    starts = rng.integers(0, length - len(word) + 1, n).tolist()
    return [row[:start] + word + row[start + len(word) :] for row, start in zip(rows, starts, strict=True)]


def fasta(path: Path, sequences: list[str], names: list[str] | None = None, line_end: str = "\n") -> Path:
    labels = names or [f"s{number}" for number in range(len(sequences))]
    records = (f">{name}{line_end}{sequence}{line_end}" for name, sequence in zip(labels, sequences, strict=True))
    path.write_bytes("".join(records).encode())
    return path


def run(folder: Path, path: Path, *options: str, status: int = 0) -> Path:
    """Run the command on a file; the MEME file it made."""
    output = folder / "out.meme"
    assert main(["motif", str(path), "-o", str(output), *SMALL, *options]) == status
    return output


def parsed(path: Path) -> list[object]:
    """What Biopython reads."""
    with path.open() as stream:
        return list(biopython.parse(stream, "minimal"))


def rows(path: Path) -> list[dict[str, str]]:
    lines = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("##")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every output of a run on planted sequences, one of them with a name that HTML would read."""
    folder = tmp_path_factory.mktemp("finished")
    path = fasta(folder / "x.fa", planted(), ['<b>&"one"', *(f"s{number}" for number in range(1, 12))])
    outputs = [
        text for flag, name in zip(OUTPUT_FLAGS, ALL_OUTPUTS, strict=True) for text in (flag, str(folder / name))
    ]
    run(folder, path, "--both-strands", "--controls", "4", "--run-record", str(folder / "record.json"), *outputs)
    return folder


def test_the_planted_word_is_found(finished: Path) -> None:
    (motif,) = read_motifs(finished / "out.meme")
    letters = "".join(motif.alphabet[row.argmax()] for row in motif.probabilities)
    assert "TGACTCA" in letters or "TGAGTCA" in letters
    assert motif.log10_e_value < -5
    sites = rows(finished / "sites.tsv")
    sequences = read_fasta(finished / "x.fa")
    assert len(sites) == motif.n_sites == 12
    for site in sites:
        index = sequences.names.index(site["SEQUENCE"])
        word = sequences.sequence(index)[int(site["START"]) - 1 : int(site["END"])]
        assert len(word) == motif.width
        assert (word == site["SITE"]) == (site["STRAND"] == "+")
        assert 0.0 <= float(site["P_VALUE"]) < 1e-3
        assert 0.5 < float(site["POSTERIOR"]) <= 1.0 + 1e-9


def test_every_file_says_the_same(finished: Path) -> None:
    (motif,) = read_motifs(finished / "out.meme")
    (from_biopython,) = parsed(finished / "out.meme")
    assert from_biopython.name == motif.name  # type: ignore[attr-defined]
    assert from_biopython.num_occurrences == 12  # type: ignore[attr-defined]
    for name in ("jaspar", "transfac"):
        (again,) = read_motifs(finished / name)
        assert (again.name, again.width) == (motif.name, motif.width)
        np.testing.assert_allclose(again.probabilities, motif.probabilities, atol=3e-3)
    record = json.loads((finished / "motifs.json").read_text())["motifs"][0]
    np.testing.assert_allclose(record["probabilities"], motif.probabilities, rtol=1e-9)
    assert record["log10_e_value"] == pytest.approx(motif.log10_e_value, rel=1e-9)
    assert record["empirical_p_value"] == 0.2
    assert [site["sequence"] for site in record["sites"]] == [site["SEQUENCE"] for site in rows(finished / "sites.tsv")]
    bed = [line.split("\t") for line in (finished / "sites.bed").read_text().splitlines()]
    assert [int(line[1]) + 1 for line in bed] == [int(site["START"]) for site in rows(finished / "sites.tsv")]


def test_the_run_record_has_the_fit(finished: Path) -> None:
    record = json.loads((finished / "record.json").read_text())
    (fit,) = record["fits"]
    assert fit["status"] == "converged"
    assert fit["trace"]["objective"] == sorted(fit["trace"]["objective"])
    assert record["counts"]["sequences"] == 12
    assert record["counts"]["sites"] == 12


class Page(HTMLParser):
    """Tags, text and references of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_stands_alone(finished: Path) -> None:
    text = (finished / "report.html").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(reference.startswith("#") for reference in page.references)
    assert "@import" not in text
    assert page.tags.count("svg") == 3
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))
    shown = "".join(page.text)
    assert '<b>&"one"' in shown
    assert "b" not in page.tags
    for word in ("E-value", "log10", "empirical p", "stronger than the best motif of each of 4 controls", "min width"):
        assert word in shown


@pytest.mark.slow
def test_the_report_opens_in_a_browser(finished: Path, opened: Callable[[Path], str]) -> None:
    shown = opened(finished / "report.html")
    assert shown.count("<svg") == 3
    assert "Site map" in shown


@pytest.mark.parametrize(("model", "controls"), [("oops", "0"), ("zoops", "1"), ("anr", "0")])
def test_same_bytes_on_any_number_of_threads(tmp_path: Path, model: str, controls: str) -> None:
    path = fasta(tmp_path / "x.fa", planted())
    results = []
    for threads in ("1", "2"):
        folder = tmp_path / threads
        folder.mkdir()
        outputs = ["--sites", str(folder / "s.tsv"), "--json", str(folder / "m.json"), "--html", str(folder / "r.html")]
        run(folder, path, "--model", model, "--both-strands", "--controls", controls, "--threads", threads, *outputs)
        results.append([file.read_bytes() for file in sorted(folder.iterdir())])
        assert len(parsed(folder / "out.meme")) == 1
    assert results[0] == results[1]


def test_rna(tmp_path: Path) -> None:
    path = fasta(tmp_path / "x.fa", planted(word="UGUAAAUA", alphabet="ACGU"))
    output = run(tmp_path, path, "--jaspar", str(tmp_path / "j"), "--logo", str(tmp_path / "l.png"))
    assert "ALPHABET= ACGU" in output.read_text()
    assert len(parsed(output)) == 1
    assert len(read_motifs(tmp_path / "j")) == 1


def test_protein(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path / "x.fa", planted(word="WCHKWDFY", alphabet="ACDEFGHIKLMNPQRSTVWY"))
    output = run(tmp_path, path, "--html", str(tmp_path / "r.html"), "--xml", str(tmp_path / "m.xml"))
    (motif,) = read_motifs(output)
    assert motif.alphabet == "ACDEFGHIKLMNPQRSTVWY"
    with (tmp_path / "m.xml").open("rb") as stream:
        (from_biopython,) = biopython.parse(stream, "meme")
    assert (from_biopython.name, from_biopython.num_occurrences) == (motif.name, motif.n_sites)
    assert "reverse complement" not in (tmp_path / "r.html").read_text()
    run(tmp_path, path, "--jaspar", str(tmp_path / "j"), status=2)
    assert "--jaspar: such files hold DNA motifs" in capfd.readouterr().err


def test_several_motifs(tmp_path: Path) -> None:
    sequences = [one + two for one, two in zip(planted(), planted(word="GGGCCAAG", seed=8), strict=True)]
    output = run(tmp_path, fasta(tmp_path / "x.fa", sequences), "--n-motifs", "2", "--logo", str(tmp_path / "l.pdf"))
    first, second = parsed(output)
    assert first.name != second.name  # type: ignore[attr-defined]


def test_wide_motifs(tmp_path: Path) -> None:
    """As wide as they were planted."""
    word = planted(n=1, length=150, word="", seed=5)[0]
    path = fasta(tmp_path / "x.fa", planted(n=5, length=160, word=word))
    output = run(tmp_path, path, "--min-width", "148", "--max-width", "152", "--sites", str(tmp_path / "s.tsv"))
    (motif,) = read_motifs(output)
    assert abs(motif.width - 150) <= 2
    assert word[2:-2] in "".join(motif.alphabet[row.argmax()] for row in motif.probabilities)
    assert all(site["SITE"] in word or word in site["SITE"] for site in rows(tmp_path / "s.tsv"))


def test_controls_in_pieces_are_those_of_one_run(tmp_path: Path) -> None:
    path = fasta(tmp_path / "x.fa", planted(n=8))
    whole, *pieces = (tmp_path / name for name in ("whole.tsv", "a.tsv", "b.tsv"))
    for table, options in (
        (whole, ["--controls", "2"]),
        (pieces[0], ["--controls", "1"]),
        (pieces[1], ["--controls", "1", "--first-control", "1"]),
    ):
        assert main(["motif", str(path), *SMALL, *options, "--write-controls", str(table)]) == 0
    gathered = tmp_path / "gathered.tsv"
    assert main(["gather", *map(str, pieces), "-o", str(gathered)]) == 0
    assert gathered.read_bytes() == whole.read_bytes()
    record = tmp_path / "m.json"
    run(tmp_path, path, "--with-controls", str(gathered), "--json", str(record))
    taken = json.loads(record.read_text())["motifs"][0]
    run(tmp_path, path, "--controls", "2", "--json", str(record))
    assert taken["empirical_p_value"] == json.loads(record.read_text())["motifs"][0]["empirical_p_value"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("A\tB\n0\t1\n", "is no table of CONTROL and STRENGTH"),
        ("CONTROL\tSTRENGTH\n", "is no table of CONTROL and STRENGTH"),
        ("CONTROL\tSTRENGTH\n1\t1.0\n", "controls are missing or not in order"),
        ("CONTROL\tSTRENGTH\n0\tx\n", "a strength is not a number"),
    ],
)
def test_tables_of_controls_refused(
    tmp_path: Path, content: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.tsv").write_text(content)
    run(tmp_path, fasta(tmp_path / "x.fa", planted(n=6)), "--with-controls", str(tmp_path / "c.tsv"), status=1)
    assert f"{tmp_path}/c.tsv: {message}; give the table" in capfd.readouterr().err


def test_a_control_set_and_backgrounds(tmp_path: Path) -> None:
    path = fasta(tmp_path / "x.fa", planted())
    rng = np.random.default_rng(1)
    control = fasta(tmp_path / "c.fa", ["".join(rng.choice(list("ACGT"), 40)) for _ in range(20)])
    (tmp_path / "bfile").write_text("A 0.4\nC 0.1\nG 0.1\nT 0.4\n" + "".join(
        f"{one}{two} {p * q}\n" for one, p in zip("ACGT", (0.4, 0.1, 0.1, 0.4), strict=True)
        for two, q in zip("ACGT", (0.4, 0.1, 0.1, 0.4), strict=True)))  # fmt: skip
    output = run(tmp_path, path, "--control", str(control), "--controls", "2", "--background", str(tmp_path / "bfile"))
    assert read_motifs(output)[0].background.tolist() == pytest.approx([0.4, 0.1, 0.1, 0.4])
    assert "empirical p-value = 0.333" in output.read_text()
    output = run(tmp_path, path, "--background", str(control), "--background-order", "1")
    assert "Background letter frequencies (order 0 of a Markov model of order 1)" in output.read_text()


@pytest.mark.parametrize("content", [">a\n>b\n", ">a\nNNNN\n"])
def test_control_sets_without_letters(tmp_path: Path, content: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.fa").write_text(content)
    run(tmp_path, fasta(tmp_path / "x.fa", planted(n=4)), "--control", f"{tmp_path}/c.fa", "--controls", "2", status=1)
    assert f"{tmp_path}/c.fa: no letter of the control set is known" in errors(capfd)


def test_a_background_of_too_low_an_order(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bfile").write_text("A 0.4\nC 0.1\nG 0.1\nT 0.4\n")
    path = fasta(tmp_path / "x.fa", planted(n=4))
    run(tmp_path, path, "--background", f"{tmp_path}/bfile", "--background-order", "1", status=1)
    assert f"{tmp_path}/bfile: holds no words of 2 letters, as order 1 has" in errors(capfd)


@pytest.mark.parametrize("flag", ["--jaspar", "--transfac"])
def test_formats_that_hold_no_proteins_are_refused_before_the_search(
    tmp_path: Path, flag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = fasta(tmp_path / "x.fa", planted(n=4, word="WKDE", alphabet="ACDEFGHIKLMNPQRSTVWY"))
    assert not run(tmp_path, path, flag, f"{tmp_path}/y", status=2).exists()
    assert f"{flag}: such files hold DNA motifs" in errors(capfd)


MIXTURE = "ClassName = x\nMixture= 0.6\nAlpha= 4.0 1 1 1 1\nMixture= 0.4\nAlpha= 0.4 .1 .1 .1 .1\n"


def test_a_dirichlet_mixture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path / "x.fa", planted())
    (tmp_path / "m.plib").write_text(MIXTURE)
    with_mixture = run(tmp_path, path, "--prior", str(tmp_path / "m.plib"))
    (smoothed,) = read_motifs(with_mixture)
    (sharp,) = read_motifs(run(tmp_path, path, "--pseudocount", "0.01"))
    assert smoothed.probabilities.max() < sharp.probabilities.max()
    run(tmp_path, path, "--prior", str(tmp_path / "m.plib"), "--pseudocount", "1", status=2)
    assert "--prior and --pseudocount exclude each other" in capfd.readouterr().err
    run(tmp_path, path, "--alphabet", "protein", "--prior", str(tmp_path / "m.plib"), status=1)
    assert f"{tmp_path}/m.plib: is a mixture for 4 letters, protein has 20" in errors(capfd)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Mixture= 0.4\n", "", "1 weights and 2 rows of concentrations"),
        ("Mixture= 0.4", "Mixture= x", "line 4: 'Mixture= x': numbers above 0 expected"),
        ("Alpha= 0.4", "Alpha= 0.5", "line 5: 4 concentrations that add up to 0.4, the total is 0.5"),
        ("Alpha= 0.4 .1 .1", "Alpha= 0.3 .1", "line 5: 3 concentrations that add up to 0.3, the total is 0.3"),
        (".1 .1 .1 .1", ".1 .1 0 .2", "numbers above 0 expected"),
    ],
)
def test_mixtures_refused(tmp_path: Path, old: str, new: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.plib").write_text(MIXTURE.replace(old, new))
    path = fasta(tmp_path / "x.fa", planted(n=4))
    run(tmp_path, path, "--prior", str(tmp_path / "m.plib"), status=1)
    shown = errors(capfd)
    assert f"{tmp_path}/m.plib: " in shown
    assert message in shown


def test_sites_in_the_genome(tmp_path: Path) -> None:
    names = [f"chr1:{100 * number}-{100 * number + 40}" for number in range(12)]
    path = fasta(tmp_path / "x.fa", planted(), names)
    run(tmp_path, path, "--bed", str(tmp_path / "b"), "--sites", str(tmp_path / "s"), "--genome-coordinates")
    bed = [line.split("\t") for line in (tmp_path / "b").read_text().splitlines()]
    assert {line[0] for line in bed} == {"chr1"}
    for line, site in zip(bed, rows(tmp_path / "s"), strict=True):
        start = int(site["SEQUENCE"].split(":")[1].split("-")[0])
        assert int(line[1]) == start + int(site["START"]) - 1


def errors(capfd: pytest.CaptureFixture[str]) -> str:
    """What stands on standard error: one line."""
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b">a\nACGTACGTACGT\n>a\nACGTACGTACGT\n", "line 3: the name 'a' was used before, in line 1; make names unique"),
        (b">a\n>b\n\n", "none of its 2 records has a letter"),
        (b">a\nACGT\n>b\nACG\n", "the longest of 2 sequences has 4 letters, the motif at least 6; ask for a smaller"),
        (b">a\nNNNNNNNNNN\n>b\nnnnnnnnnnnnn\n", "every letter is N or X: nothing is known"),
        (b">a\nACGTACGTACGT\n>b\nACG!ACGT\n", "line 4: '!' inside a sequence; remove it"),
        (b">a\nACGTACGTACGT\n>b\nACG-ACGTTT\n", "record 2 (b): '-' at position 4 is not a letter of DNA; gaps are"),
        (gzip.compress(b">a\nACGTACGTACGT\n" * 50)[:-12], "truncated"),
    ],
    ids=["empty", "duplicates", "no-letters", "short", "all-N", "symbol", "gap", "truncated"],
)
def test_refused_files(tmp_path: Path, content: bytes, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.fa"
    path.write_bytes(content)
    output = run(tmp_path, path, status=1)
    shown = errors(capfd)
    assert shown.startswith(f"genem motif: error: {path}: ")
    assert message in shown
    assert not output.exists()


def test_protein_given_as_dna(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path / "x.fa", planted(word="WCHKWDFY", alphabet="ACDEFGHIKLMNPQRSTVWY"))
    run(tmp_path, path, "--alphabet", "dna", status=1)
    shown = errors(capfd)
    assert f"{path}: record 1 (s0): " in shown
    assert "is not a letter of DNA; these look like protein sequences: use the protein alphabet" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-width", "9", "--max-width", "8"], "--min-width 9 is above --max-width 8"),
        (["--with-controls", "x", "--controls", "3"], "--with-controls excludes --controls and --write-controls"),
        (["--write-controls", "x"], "--write-controls needs the number of controls: --controls N"),
        (["--write-controls", "x", "--controls", "2", "--html", "y"], "nothing would be written to --output, --html"),
        (["--write-controls", "x", "--controls", "auto"], "--write-controls needs the number of controls"),
        (["--first-control", "3", "--controls", "3"], "--first-control needs --write-controls"),
        (["--control", "x"], "--control is of no use with --controls 0"),
        (["--controls", "some"], "'some' is not a whole number"),
        (["--control", "x", "--controls", "1", "--shuffle-order", "1"], "exclude each other"),
        (["--genome-coordinates"], "--genome-coordinates needs --bed"),
        (["--site-count-prior", "1"], "1 is not from 0 to below 1"),
        (["--pseudocount", "-1"], "-1 is below 0"),
        (["--logo", "x.gif"], "'x.gif' does not end in .svg, .png or .pdf"),
    ],
)
def test_options_that_make_no_sense(
    tmp_path: Path, options: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, fasta(tmp_path / "x.fa", planted(n=4)), *options, status=2)
    assert message in capfd.readouterr().err


def test_a_folder_that_is_not_there_is_found_before_the_search(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, tmp_path / "absent.fa", "--html", str(tmp_path / "no/r.html"), status=1)
    assert "there is no folder" in errors(capfd)


def warnings_of(
    folder: Path, path: Path, capfd: pytest.CaptureFixture[str], *options: str
) -> tuple[str, dict[str, int]]:
    """The messages of a run that is not quiet, and the counts in its record."""
    record = folder / "record.json"
    command = ["motif", str(path), *SMALL[:-1], "-o", str(folder / "out.meme"), "--run-record", str(record), *options]
    assert main(command) == 0
    assert len(parsed(folder / "out.meme")) >= 1
    return capfd.readouterr().err, json.loads(record.read_text())["counts"]


def test_odd_records_are_counted_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sequences = planted()
    odd = ["", "ACG", "acgta", sequences[0].lower(), sequences[1], "NNNNNNNNNNNN", *sequences]
    path = fasta(tmp_path / "x.fa", odd)
    shown, counts = warnings_of(tmp_path, path, capfd)
    assert "left out 1 of 18 records: no letters in them" in shown
    assert "2 of 17 sequences are shorter than 6: they can have no site" in shown
    assert "2 of 17 sequences repeat an earlier one" in shown
    assert counts["sequences"] == 17
    assert (counts["empty_records"], counts["sequences_too_short"], counts["identical_sequences"]) == (1, 2, 2)
    assert (counts["letters"], counts["unknown_letters"], counts["lower_case_letters"]) == (580, 12, 45)


def test_duplicate_names_can_be_numbered(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path / "x.fa", planted(), ["a"] * 12)
    shown, counts = warnings_of(
        tmp_path, path, capfd, "--duplicate-names", "number", "--sites", str(tmp_path / "s.tsv")
    )
    assert counts["renamed_sequences"] == 11
    assert "gave 11 of 12 sequences another name: theirs was used before" in shown
    assert {row["SEQUENCE"] for row in rows(tmp_path / "s.tsv")} <= {"a", *(f"a_{number}" for number in range(2, 13))}


def test_identical_sequences(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown, counts = warnings_of(tmp_path, fasta(tmp_path / "x.fa", [planted()[0]] * 6), capfd)
    assert "5 of 6 sequences repeat an earlier one" in shown
    assert counts["identical_sequences"] == 5


def test_how_the_file_is_written_changes_nothing(tmp_path: Path) -> None:
    sequences = planted()
    plain = run(tmp_path, fasta(tmp_path / "x.fa", sequences)).read_bytes()
    blanks = [f"{sequence[:9]} {sequence[9:20]}\n\t{sequence[20:]}\n" for sequence in sequences]
    assert run(tmp_path, fasta(tmp_path / "b.fa", blanks)).read_bytes() == plain
    assert run(tmp_path, fasta(tmp_path / "c.fa", sequences, line_end="\r\n")).read_bytes() == plain
    (tmp_path / "g.fa").write_bytes(gzip.compress((tmp_path / "x.fa").read_bytes()))
    assert run(tmp_path, tmp_path / "g.fa").read_bytes() == plain
    (tmp_path / "u.fa").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "x.fa").read_bytes())
    assert run(tmp_path, tmp_path / "u.fa").read_bytes() == plain


def test_lower_case(tmp_path: Path) -> None:
    """Soft masks count as letters, unless they are to be ignored."""
    sequences = planted()
    masked = [sequence.replace("TGACTCAT", "tgactcat") for sequence in sequences]
    kept = read_motifs(run(tmp_path, fasta(tmp_path / "x.fa", sequences)))[0]
    also = read_motifs(run(tmp_path, fasta(tmp_path / "m.fa", masked)))[0]
    ignored = read_motifs(run(tmp_path, tmp_path / "m.fa", "--mask", "ignore"))[0]
    assert also.probabilities.tolist() == kept.probabilities.tolist()
    assert ignored.log10_e_value > kept.log10_e_value + 5


def test_nucleotides_read_as_protein(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path / "x.fa", planted(n=6))
    assert main(["shuffle", str(path), "--alphabet", "protein", "-o", str(tmp_path / "y.fa")]) == 0
    assert "the sequences look like DNA; they are read as protein" in errors(capfd)


def test_nothing_but_lower_case(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path / "x.fa", [sequence.lower() for sequence in planted(n=4)])
    run(tmp_path, path, "--mask", "ignore", status=1)
    assert f"{path}: no letter is known, those in lower case left out" in errors(capfd)


def test_one_sequence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its sites can only be told apart from itself: any number per sequence."""
    path = fasta(tmp_path / "x.fa", ["".join(planted(n=6))])
    assert len(parsed(run(tmp_path, path, "--model", "anr"))) == 1
    run(tmp_path, path, "--model", "oops", status=1)
    assert "one sequence cannot show a motif that occurs once in each" in errors(capfd)


def test_standard_streams(data: Path, root: Path) -> None:
    command = [sys.executable, "-m", "genem", "motif", "-", *SMALL, "--max-width", "8", "--both-strands"]
    done = subprocess.run(
        command, input=(data / "promoters.fa").read_bytes(), cwd=root, capture_output=True, check=True
    )
    assert len(biopython.parse(io.StringIO(done.stdout.decode()), "minimal")) == 1
