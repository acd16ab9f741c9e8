"""The motif workflow: what it refuses, what it makes, and that its jobs give what a single run gives."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from genem.io.motifs.files import read_motifs
from tests.workflows.checks import finished_run, job_counts, joined
from tests.workflows.popgen_runs import DATA, ROOT, configure, run

pytestmark = pytest.mark.slow

pytest.importorskip("snakemake", reason="snakemake is not installed (extra workflow)")

Environment = dict[str, str]
SNAKEFILE = ROOT / "workflows" / "motif" / "workflow" / "Snakefile"
CRP = f"""\
sets:
  crp:
    fasta: {DATA}/promoters.fa
    both_strands: true
n_motifs: 1
min_width: 12
max_width: 16
controls: 5
pieces: 2
database: {DATA}/jaspar.meme
"""
GENOME = f"""\
sets:
  globin:
    genome: {DATA}/genome.fa
    bed: {DATA}/genome.windows.bed
    width: 60
n_motifs: 1
min_width: 8
max_width: 10
controls: 0
"""
RESULTS = (
    "controls.tsv",
    "known.tsv",
    "logos.svg",
    "motifs.meme",
    "report.html",
    "scan.tsv.gz",
    "scan_control.tsv.gz",
    "site_map.svg",
    "sites.bed",
    "sites.tsv",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, genem_environment: Environment) -> Path:
    """The folder of a finished run on the promoters."""
    return finished_run(tmp_path_factory.mktemp("finished"), CRP, genem_environment, SNAKEFILE)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pieces: 2", "peices: 2", "config: Additional properties are not allowed ('peices' was unexpected)"),
        ("pieces: 2", "pieces: 6", "config: pieces: 5 controls cannot be cut into 6 pieces"),
        ("promoters.fa", "absent.fa", "config: sets: crp: fasta: no such file: "),
        *(
            pytest.param(*case)
            for case in (
                ("min_width: 12", "min_width: 20", "config: min_width: 20 is above max_width, 16"),
                ("jaspar.meme", "absent.meme", "config: database: no such file: "),
                ("    both_strands: true", "    width: 5", "'bed' is a dependency of 'width'"),
                ("    both", "    alphabet: protein\n    both", "sets: crp: both_strands: proteins have one strand"),
                ("fasta:", f"bed: {DATA}/genome.windows.bed\n    genome:", "promoters.fa has no index; make one with"),
            )
        ),
    ],
)
def test_a_wrong_configuration_is_refused(
    old: str, new: str, message: str, tmp_path: Path, genem_environment: Environment
) -> None:
    assert CRP.count(old) == 1
    folder = configure(tmp_path, CRP.replace(old, new))
    refused = run(folder, genem_environment, "--cores", "1", snakefile=SNAKEFILE)
    assert refused.returncode != 0
    assert message in refused.stdout
    assert not (tmp_path / "results").exists()


def test_a_dry_run_lists_every_job(tmp_path: Path, genem_environment: Environment) -> None:
    shown = run(configure(tmp_path, CRP), genem_environment, "--dry-run", snakefile=SNAKEFILE).stdout
    once = ("all", "warm", "controls_gather", "discovery", "shuffle", "scan", "scan_control", "compare")
    assert job_counts(shown) == {"total": 10, "controls": 2, **dict.fromkeys(once, 1)}


def test_every_result_is_there(finished: Path) -> None:
    folder = finished / "results" / "crp"
    assert [name for name in RESULTS if not (folder / name).is_file()] == []
    (motif,) = read_motifs(folder / "motifs.meme")
    assert motif.log10_e_value < -3
    sites, control = (gzip.decompress((folder / name).read_bytes()).count(b"\nmotif_1\t")
                      for name in ("scan.tsv.gz", "scan_control.tsv.gz"))  # fmt: skip
    assert sites > 5 * control


def test_the_jobs_give_what_a_single_run_gives(finished: Path, tmp_path: Path, genem_environment: Environment) -> None:
    output, record = tmp_path / "motifs.meme", tmp_path / "motifs.json"
    options = ["--both-strands", "--min-width", "12", "--max-width", "16", "--controls", "5"]
    command = ["genem", "motif", f"{DATA}/promoters.fa", *options, "--output", str(output), "--json", str(record)]
    subprocess.run(command, env=genem_environment, check=True)
    assert output.read_bytes() == (finished / "results/crp/motifs.meme").read_bytes()
    assert json.loads(record.read_text())["motifs"][0]["n_controls"] == 5
    lines = (finished / "results/crp/controls.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines if not line.startswith("##")] == ["CONTROL", *map(str, range(5))]


def test_a_second_run_does_nothing(finished: Path, genem_environment: Environment) -> None:
    again = run(finished, genem_environment, "--cores", "1", snakefile=SNAKEFILE)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout


def test_every_job_leaves_a_log_and_a_benchmark(finished: Path) -> None:
    jobs = ("controls.0", "controls.1", "controls_gather", "discovery", "shuffle", "scan", "scan_control", "compare")
    assert [job for job in jobs if not (finished / f"logs/crp/{job}.log").is_file()] == []
    assert [job for job in jobs if not (finished / f"benchmarks/crp/{job}.tsv").is_file()] == []


def test_intervals_of_a_genome(tmp_path: Path, genem_environment: Environment) -> None:
    done = run(configure(tmp_path, GENOME), genem_environment, "--cores", "2", snakefile=SNAKEFILE)
    assert done.returncode == 0, done.stdout
    folder = tmp_path / "results" / "globin"
    assert not (folder / "controls.tsv").exists()
    bed = [line.split("\t") for line in (folder / "sites.bed").read_text().splitlines()]
    assert {line[0] for line in bed} == {"U01317.1"}
    assert min(int(line[1]) for line in bed) >= 1000


def test_the_report_opens_in_a_browser(
    finished: Path, tmp_path: Path, genem_environment: Environment, opened: Callable[[Path], str]
) -> None:
    report = tmp_path / "report.html"
    made = run(finished, genem_environment, "--report", str(report), snakefile=SNAKEFILE)
    assert made.returncode == 0, made.stdout
    assert "logos.svg" in report.read_text()
    assert "Motifs by the EM algorithm in crp" in opened(report)


def test_the_workflow_joins_the_others(tmp_path: Path, genem_environment: Environment) -> None:
    folder = configure(tmp_path, joined({"motif": CRP}))
    shown = run(folder, genem_environment, "--dry-run", snakefile=ROOT / "workflows" / "Snakefile")
    assert shown.returncode == 0, shown.stdout
    assert job_counts(shown.stdout)["motif_controls"] == 2
    assert "motif/results/crp/report.html" in shown.stdout
