"""The popgen workflow: what it refuses, what it makes, and that it makes nothing twice."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from tests.workflows.checks import job_counts, joined, kill_once, modified
from tests.workflows.popgen_runs import DATA, HAPMAP, ROOT, configure, run, single_run

pytest.importorskip("snakemake", reason="snakemake is not installed (extra workflow)")

Environment = dict[str, str]
RESULTS = ("freq.tsv.gz", "freq.tsv.gz.tbi", "spectrum.svg", "freq_mqc.tsv")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, genem_environment: Environment) -> Path:
    """The folder of a finished run on the HapMap founders."""
    folder = configure(tmp_path_factory.mktemp("finished"))
    done = run(folder, genem_environment, "--cores", "2")
    assert done.returncode == 0, done.stdout
    return folder


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pieces: 3", "peices: 3", "config: Additional properties are not allowed ('peices' was unexpected)"),
        ("pieces: 3", "pieces: 0", "config['pieces']: 0 is less than the minimum of 1"),
        ("    groups:", "    group:", "config['cohorts']['hapmap']: Additional properties are not allowed ('group'"),
        ("population.vcf.gz", "absent.vcf.gz", "cohorts: hapmap: vcf: no such file: "),
        ("population.groups.tsv", "absent.tsv", "cohorts: hapmap: groups: no such file: "),
        ("population.vcf.gz", "bad_pl.vcf.gz", "bad_pl.vcf.gz has no index; make one with tabix -p vcf"),
        ("population.founders.txt", "haplotypes.groups.tsv", "/haplotypes.groups.tsv names 159 samples that {data}/"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_refused(
    old: str, new: str, message: str, tmp_path: Path, genem_environment: Environment
) -> None:
    assert HAPMAP.count(old) == 1
    refused = run(configure(tmp_path, HAPMAP.replace(old, new)), genem_environment, "--cores", "1")
    assert refused.returncode != 0
    assert message.format(data=DATA) in refused.stdout
    assert "schema" not in refused.stdout
    assert not (tmp_path / "results").exists()


def test_a_dry_run_lists_every_job(tmp_path: Path, genem_environment: Environment) -> None:
    shown = run(configure(tmp_path), genem_environment, "--dry-run").stdout
    jobs = {"all": 1, "warm": 1, "regions": 1, "freq_piece": 3, "gather": 1, "summary": 1}
    assert job_counts(shown) == {"total": 8} | jobs
    assert not (tmp_path / "results").exists()


def test_the_scattered_run_equals_a_single_run(finished: Path, tmp_path: Path, genem_environment: Environment) -> None:
    whole = single_run(tmp_path, genem_environment, "whole.tsv.gz")
    assert len((finished / "results/hapmap/regions.txt").read_text().splitlines()) == 3
    assert (finished / "results/hapmap/freq.tsv.gz").read_bytes() == whole.read_bytes()
    rows = [line for line in gzip.decompress(whole.read_bytes()).splitlines() if not line.startswith(b"##")]
    assert len(rows) == 1 + 593 * 3


def test_the_multiqc_table_has_a_row_per_group(finished: Path) -> None:
    lines = (finished / "results/hapmap/freq_mqc.tsv").read_text().splitlines()
    header, *rows = (line.split("\t") for line in lines if not line.startswith("#"))
    table = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert set(table) == {"CEU", "YRI", "ALL"}
    assert {row["VARIANTS"] for row in table.values()} == {"593"}
    assert {row["NOT_CONVERGED"] for row in table.values()} == {"0"}
    # No SNP departs from Hardy-Weinberg within a group, and 1.4 % and 1.2 % of the calls are missing.
    assert table["CEU"]["HWE_DEPARTING"] == table["YRI"]["HWE_DEPARTING"] == "0"
    assert float(table["CEU"]["CALL_RATE"]) == pytest.approx(0.9860, abs=5e-5)
    assert float(table["YRI"]["CALL_RATE"]) == pytest.approx(0.9879, abs=5e-5)


@pytest.mark.slow
def test_a_file_without_records_gives_a_table_without_rows(tmp_path: Path, genem_environment: Environment) -> None:
    with pysam.VariantFile(f"{DATA}/population.vcf.gz") as source:
        pysam.VariantFile(str(tmp_path / "empty.vcf.gz"), "wz", header=source.header).close()
    pysam.tabix_index(str(tmp_path / "empty.vcf.gz"), preset="vcf")
    config = f"cohorts:\n  hapmap:\n    vcf: {tmp_path}/empty.vcf.gz\npieces: 3\n"
    done = run(configure(tmp_path, config), genem_environment, "--cores", "2")
    assert done.returncode == 0, done.stdout
    text = gzip.decompress((tmp_path / "results/hapmap/freq.tsv.gz").read_bytes()).decode()
    assert text.splitlines()[-1].startswith("CHROM\tPOS")


def test_a_second_run_does_nothing(finished: Path, genem_environment: Environment) -> None:
    again = run(finished, genem_environment, "--cores", "1")
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout


def test_every_job_leaves_a_log_and_a_benchmark(finished: Path) -> None:
    jobs = {
        "warm",
        "hapmap/regions",
        "hapmap/gather",
        "hapmap/summary",
        *(f"hapmap/freq.{piece}" for piece in (1, 2, 3)),
    }
    assert {job for job in jobs if not (finished / "logs" / f"{job}.log").is_file()} == set()
    assert {job for job in jobs if not (finished / "benchmarks" / f"{job}.tsv").is_file()} == set()


def test_every_rule_states_what_it_needs() -> None:
    for path in (ROOT / "workflows").rglob("*.smk"):
        for rule in path.read_text().split("\nrule ")[1:]:
            needed = ("log:", "benchmark:", "threads:", "mem_mb=", "runtime=", "shell:", "conda:")
            assert [word for word in needed if word not in rule] == [], (path.name, rule.split(":")[0])
            assert "retries:" not in rule


@pytest.mark.slow
def test_more_pieces_than_the_file_has_blocks(finished: Path, tmp_path: Path, genem_environment: Environment) -> None:
    folder = configure(tmp_path, HAPMAP.replace("pieces: 3", "pieces: 30"))
    done = run(folder, genem_environment, "--cores", "2", "results/hapmap/freq.tsv.gz")
    assert done.returncode == 0, done.stdout
    assert len((folder / "results/hapmap/regions.txt").read_text().splitlines()) < 30
    table = "results/hapmap/freq.tsv.gz"
    assert (folder / table).read_bytes() == (finished / table).read_bytes()


@pytest.mark.slow
def test_the_test_configuration_runs(tmp_path: Path, genem_environment: Environment) -> None:
    """``.test`` names its files relative to the folder it runs in, so it is copied beside the data."""
    folder = tmp_path / "workflows" / "popgen" / ".test"
    shutil.copytree(ROOT / "workflows/popgen/.test/config", folder / "config")
    (tmp_path / "data").symlink_to(DATA)
    done = run(folder, genem_environment, "--cores", "2")
    assert done.returncode == 0, done.stdout
    for cohort in ("hapmap", "lowcov"):
        assert [name for name in RESULTS if not (folder / "results" / cohort / name).is_file()] == []


@pytest.mark.slow
def test_the_workflows_join_as_modules(finished: Path, tmp_path: Path, genem_environment: Environment) -> None:
    folder = configure(tmp_path, joined({"popgen": HAPMAP}))
    done = run(folder, genem_environment, "--cores", "2", snakefile=ROOT / "workflows" / "Snakefile")
    assert done.returncode == 0, done.stdout
    for name in RESULTS:
        made = folder / "popgen" / "results" / "hapmap" / name
        assert made.read_bytes() == (finished / "results" / "hapmap" / name).read_bytes(), name


@pytest.mark.slow
def test_a_killed_run_resumes(finished: Path, tmp_path: Path, genem_environment: Environment) -> None:
    folder = configure(tmp_path)
    kill_once(lambda: len([*folder.glob("logs/hapmap/freq.*.log")]) > 1, folder, genem_environment)
    assert not (folder / "results/hapmap/freq.tsv.gz").exists()
    kept = [folder / "results/warm.done", min(folder.glob("results/hapmap/pieces/*.tsv"), key=modified)]
    before = [modified(path) for path in kept]

    assert run(folder, genem_environment, "--unlock").returncode == 0
    resumed = run(folder, genem_environment, "--cores", "2", "--rerun-incomplete", "--notemp")
    assert resumed.returncode == 0, resumed.stdout
    assert [modified(path) for path in kept] == before
    for name in RESULTS:
        assert (folder / "results/hapmap" / name).read_bytes() == (finished / "results/hapmap" / name).read_bytes()


@pytest.mark.slow
def test_the_report_opens_in_a_browser(
    finished: Path, tmp_path: Path, genem_environment: Environment, opened: Callable[[Path], str]
) -> None:
    report = tmp_path / "report.html"
    made = run(finished, genem_environment, "--report", str(report))
    assert made.returncode == 0, made.stdout
    text = report.read_text()
    assert "spectrum.svg" in text
    assert "freq_mqc.tsv" in text
    rendered = opened(report)
    assert "Allele frequencies by the EM algorithm" in rendered
    assert "Results" in rendered
