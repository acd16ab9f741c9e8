"""Odd input of the motif commands, through them: one clear line or the right count, nothing half written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as Tree

import numpy as np
import pytest
from Bio import motifs as biopython

from genem.cli.main import main
from genem.cli.motif.search import MotifSearch
from genem.io.motifs.files import read_motifs
from tests.cli.motif.test_motif import Page, errors, fasta, planted, rows, run

STRANGE_NAMES = (
    "<script>alert(1)</script>",
    "$\\foo$",
    "a$b$c",
    "\"q\"'x'&amp;",
    "a&b;c|d,e",
    "MOTIF",
    "##x",
    "naïve-α",
    "%s{0}",
    "x" * 200,
)
TINY = ["ACGTACGTTACGNNACG", "TTGACGATACGTA", "GGACGTTTA"]


def test_names_with_any_characters_go_through_every_output(tmp_path: Path) -> None:
    """Also descriptions with tabs, which are no part of the name."""
    labels = [f"{name} first\tsecond <i>" for name in STRANGE_NAMES]
    path = fasta(tmp_path / "x.fa", planted(n=len(labels)), labels)
    flags = {"--sites": "s.tsv", "--bed": "s.bed", "--html": "r.html", "--json": "m.json", "--xml": "m.xml"}
    flags |= {"--logo": "l.svg", "--site-map": "m.svg", "--jaspar": "j", "--transfac": "t"}
    files = {flag: tmp_path / name for flag, name in flags.items()}
    output = run(tmp_path, path, *(text for flag, file in files.items() for text in (flag, str(file))))
    assert {site["SEQUENCE"] for site in rows(files["--sites"])} == set(STRANGE_NAMES)
    bed = [line.split("\t") for line in files["--bed"].read_text().splitlines()]
    assert {len(cells) for cells in bed} == {6}
    assert {cells[0] for cells in bed} == set(STRANGE_NAMES)
    (record,) = json.loads(files["--json"].read_text())["motifs"]
    assert {site["sequence"] for site in record["sites"]} == set(STRANGE_NAMES)
    with output.open() as text, files["--xml"].open("rb") as xml:
        assert [len(biopython.parse(text, "minimal")), len(biopython.parse(xml, "meme"))] == [1, 1]
    shown = {element.text for element in Tree.parse(files["--site-map"]).iter("{http://www.w3.org/2000/svg}text")}
    assert set(STRANGE_NAMES[:-1]) <= shown
    page = Page(files["--html"].read_text())
    assert "script" not in page.tags
    assert all("".join(page.text).count(name) >= 2 for name in STRANGE_NAMES[:-1])


def test_names_that_are_no_regions_are_refused_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(MotifSearch, "run", lambda _: pytest.fail("searched"))
    path = fasta(tmp_path / "x.fa", planted(n=4))
    run(tmp_path, path, "--bed", str(tmp_path / "b"), "--genome-coordinates", status=1)
    assert f"{path}: the name 's0' of a sequence is not a region of a genome" in errors(capfd)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sites", "{}/out.meme"], "two outputs have the same name: {0}/out.meme and {0}/out.meme"),
        (["--html", "{}/x.fa"], "{}/x.fa is both input and output"),
    ],
)
def test_outputs_that_clash_are_refused_before_the_search(
    tmp_path: Path,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(MotifSearch, "run", lambda _: pytest.fail("searched"))
    path = fasta(tmp_path / "x.fa", planted(n=4))
    output = run(tmp_path, path, *(each.format(tmp_path) for each in options), status=2)
    assert message.format(tmp_path) in errors(capfd)
    assert not output.exists()
    assert path.read_text().startswith(">")


@pytest.mark.parametrize("command", ["motif", "shuffle"])
def test_control_characters_in_names_are_refused(
    tmp_path: Path, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = fasta(tmp_path / "x.fa", TINY, ["a", "b\x1b[2J", "c"])
    assert main([command, str(path), "-o", str(tmp_path / "out")]) == 1
    assert f"{path}: record 2: the name 'b\\x1b[2J' holds a control character; remove it" in errors(capfd)
    assert not (tmp_path / "out").exists()


def test_the_narrowest_motifs(tmp_path: Path) -> None:
    (motif,) = read_motifs(run(tmp_path, fasta(tmp_path / "x.fa", TINY), "--min-width", "1", "--max-width", "1"))
    assert motif.width == 1


def test_fewer_motifs_than_asked_for_are_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, output = fasta(tmp_path / "x.fa", TINY), tmp_path / "out.meme"
    options = ["--max-width", "8", "--n-motifs", "50", "--controls", "0", "--threads", "1", "-o", str(output)]
    assert main(["motif", str(path), *options]) == 0
    found = len(read_motifs(output))
    assert 1 <= found < 50
    assert f"found {found} of 50 motifs: nothing else is left to be one" in errors(capfd)


def test_nucleotides_searched_as_protein(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, output = fasta(tmp_path / "x.fa", planted(n=4, length=20)), tmp_path / "out.meme"
    options = ["--alphabet", "protein", "--max-width", "8", "--controls", "0", "--threads", "1", "-o", str(output)]
    assert main(["motif", str(path), *options]) == 0
    assert "the sequences look like DNA; they are read as protein" in errors(capfd)
    assert read_motifs(output)[0].alphabet == "ACDEFGHIKLMNPQRSTVWY"


def test_asparagine_is_known(tmp_path: Path) -> None:
    """N is an amino acid where there are others."""
    path, record = fasta(tmp_path / "x.fa", ["MKNNNNNNNNVLXW", "MKNNNNNNNNVLEW"]), tmp_path / "record.json"
    options = ["--run-record", str(record), "-o", str(tmp_path / "out.meme"), "--threads", "1", "--controls", "0"]
    assert main(["motif", str(path), "-q", *options]) == 0
    assert json.loads(record.read_text())["counts"]["unknown_letters"] == 1


def test_strands_of_proteins_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path / "x.fa", planted(n=4, word="WKDE", alphabet="ACDEFGHIKLMNPQRSTVWY"))
    assert not run(tmp_path, path, "--both-strands", status=2).exists()
    assert "protein has no reverse complement: one strand, no palindromes" in errors(capfd)


@pytest.mark.parametrize(
    ("sequences", "status", "message"),
    [
        (
            ["ACGTACGATCGATCGATCG"],
            1,
            "c.fa: controls are drawn from the 4 sequences and the control set, which has one",
        ),
        (["ACGTACGATCGATCGATCG"] * 3, 0, "c.fa has 3 sequences for the 4 searched: controls are drawn from both"),
        (["ACGTACGATCGATCGATCG" * 5] * 4, 0, "c.fa are 4.8 times as long as those searched: controls are not alike"),
    ],
)
def test_control_sets_that_make_poor_controls(
    tmp_path: Path, sequences: list[str], status: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path, control = fasta(tmp_path / "x.fa", planted(n=4, length=20)), fasta(tmp_path / "c.fa", sequences)
    options = ["--max-width", "8", "--control", str(control), "--controls", "1", "--threads", "1"]
    assert main(["motif", str(path), *options, "-o", str(tmp_path / "out")]) == status
    shown = errors(capfd) if status else capfd.readouterr().err
    assert message in shown
    assert (tmp_path / "out").exists() == (status == 0)


@pytest.mark.parametrize(
    "command",
    [["motif", "-", "--control", "-"], ["motif", "-", "--background", "-"], ["scan", "-", "-"], ["compare", "-", "-"]],
    ids=lambda command: " ".join(command),
)
def test_there_is_one_standard_input(command: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert "two inputs are -, and there is one standard input; give files for the others" in errors(capfd)


def test_a_threshold_without_sites_is_refused_by_its_name(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files = [str(data / "jaspar.meme"), str(data / "promoters.fa")]
    assert main(["scan", *files, "--p-threshold", "0"]) == 2
    assert "--p-threshold: 0 is not above 0 and at most 1" in capfd.readouterr().err


def test_line_ends_of_windows_change_nothing(data: Path, tmp_path: Path) -> None:
    """Motifs, sequences and intervals."""
    results = []
    for line_end in (b"\n", b"\r\n"):
        folder = tmp_path / str(len(line_end))
        folder.mkdir()
        for name in ("jaspar.meme", "promoters.fa"):
            (folder / name).write_bytes((data / name).read_bytes().replace(b"\n", line_end))
        (folder / "x.bed").write_bytes(b"U01317.1\t5\t25\tx\t0\t-\n".replace(b"\n", line_end))
        motifs, sequences, output = (str(folder / name) for name in ("jaspar.meme", "promoters.fa", "out"))
        assert main(["scan", motifs, sequences, "--motif", "MAFK", "--p-threshold", "1e-3", "-o", output]) == 0
        results.append(Path(output).read_bytes())
        command = ["sequences", str(data / "genome.fa"), str(folder / "x.bed"), "--use-strand", "-o", output]
        assert main(command) == 0
        results[-1] += Path(output).read_bytes()
    assert results[0] == results[1]
    assert b"(-)" in results[0]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc to count processes in")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL], ids=lambda stop: stop.name)
def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path, root: Path, stop: signal.Signals) -> None:
    """Neither a file nor a process, stopped while two processes search controls."""
    path = fasta(tmp_path / "x.fa", planted())
    output = tmp_path / "out.meme"
    command = [sys.executable, "-m", "genem", "motif", str(path), "-o", str(output), "--controls", "2000"]
    started = subprocess.Popen([*command, "--threads", "2", "-v"], cwd=root, stderr=subprocess.PIPE, text=True)
    assert started.stderr is not None
    while not started.stderr.readline().startswith("genem motif: search: "):
        assert started.poll() is None
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    while len(processes := children.read_text().split()) < 2 + 1:  # the third keeps track of what the two share
        time.sleep(0.05)
    time.sleep(0.5)
    started.send_signal(stop)
    _, shown = started.communicate(timeout=60)
    assert started.returncode == {signal.SIGINT: 130, signal.SIGKILL: -9}[stop]
    if stop != signal.SIGKILL:
        assert shown.count("\n") == 1
    deadline = time.monotonic() + 30
    while any(alive(int(process)) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [file.name for file in tmp_path.iterdir()] == ["x.fa"]


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.slow
def test_many_records(tmp_path: Path, root: Path) -> None:
    """A hundred thousand; all of them are used, in less than a gigabyte."""
    rng = np.random.default_rng(5)
    letters = rng.choice(np.frombuffer(b"ACGT", np.uint8), (100_000, 40))
    letters[::4, 7:15] = np.frombuffer(b"TGACTCAT", np.uint8)
    path = fasta(tmp_path / "x.fa", [row.tobytes().decode() for row in letters])
    output, written = tmp_path / "out.meme", tmp_path / "record.json"
    command = [sys.executable, "-m", "genem", "motif", str(path), "--min-width", "6", "--max-width", "10"]
    done = subprocess.run(
        [*command, "--threads", "1", "-o", str(output), "--run-record", str(written)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    record = json.loads(written.read_text())
    assert (record["counts"]["sequences"], record["counts"]["controls_not_searched"]) == (100_000, 39)
    assert "no controls were searched, which takes long (4,000,000 letters)" in done.stderr
    assert record["peak_memory_bytes"] < 1e9
    assert "TGACTCA" in "".join("ACGT"[row.argmax()] for row in read_motifs(output)[0].probabilities)
