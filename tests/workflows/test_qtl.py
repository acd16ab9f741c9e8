"""The qtl workflow: what it refuses, what it makes, and that it makes nothing twice."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflows.checks import finished_run, job_counts, joined
from tests.workflows.popgen_runs import DATA, HAPMAP, ROOT, configure, run
from tests.workflows.qtl_runs import HYPER, LISTERIA, SNAKEFILE

pytestmark = pytest.mark.slow

pytest.importorskip("snakemake", reason="snakemake is not installed (extra workflow)")

Environment = dict[str, str]
RESULTS = (
    "genotype_probabilities.tsv.gz",
    "genotyping_errors.tsv",
    "permutations.tsv.gz",
    "lod.tsv.gz",
    "lod.svg",
    "thresholds.tsv",
    "peaks.tsv",
    "effects.tsv",
    "effects.svg",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, genem_environment: Environment) -> Path:
    """The folder of a finished run on the bundled intercross."""
    return finished_run(tmp_path_factory.mktemp("finished"), LISTERIA, genem_environment, SNAKEFILE)


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a table of genem."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    header, *rows = (line.split("\t") for line in text.splitlines() if not line.startswith("##"))
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("config", "old", "new", "message"),
    [
        (LISTERIA, "permutations:", "permutation:", "config: Additional properties are not allowed ('permutation'"),
        (LISTERIA, "number: 60", "number: 0", "config['permutations']['number']: 0 is less than the minimum of 20"),
        (LISTERIA, "cross: f2", "cross: f3", "config['crosses']['listeria']['cross']: 'f3' is not one of"),
        (LISTERIA, "cross.map.tsv", "absent.tsv", "config: crosses: listeria: map: no such file: "),
        (LISTERIA, "[P1, P2]", "[P1, P3]", "config: crosses: listeria: parents: {data}/cross.vcf.gz has no sample "),
        (LISTERIA, "    parents: [P1, P2]\n", "", "config: crosses: listeria: parents is missing: {data}/cross.vcf.gz"),
        (LISTERIA, "    cross: f2", "    cross: f2\n    cm_per_mb: 1", "give either map or cm_per_mb"),
        (LISTERIA, "[logT]", "[lgT]", "config: crosses: listeria: traits: {data}/cross.pheno.tsv has no column lgT; "),
        (HYPER, "[cov_batch]", "[batch]", "config: crosses: hyper: addcovar: {data}/hyper.csv has no column batch; "),
        (HYPER, "[bp]", "[D1Mit296]", "traits: {data}/hyper.csv has no column D1Mit296; it has bp, "),
        (HYPER, "    cross: bc", "    cross: bc\n    parents: [B, A]", "hyper: parents: is for VCF files, {data}/"),
        (HYPER, "hyper.csv", "lexA_sites.fa", "{data}/lexA_sites.fa has no column bp"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_refused(
    config: str, old: str, new: str, message: str, tmp_path: Path, genem_environment: Environment
) -> None:
    assert config.count(old) == 1
    folder = configure(tmp_path, config.replace(old, new))
    refused = run(folder, genem_environment, "--cores", "1", snakefile=SNAKEFILE)
    assert refused.returncode != 0
    assert message.format(data=DATA) in refused.stdout
    assert "schema" not in refused.stdout
    assert not (tmp_path / "results").exists()


def test_a_dry_run_lists_every_job(tmp_path: Path, genem_environment: Environment) -> None:
    shown = run(configure(tmp_path, LISTERIA), genem_environment, "--dry-run", snakefile=SNAKEFILE).stdout
    jobs = {"all": 1, "warm": 1, "genotypes": 1, "permutation_piece": 3, "permutations": 1, "scan": 1, "effects": 1}
    assert job_counts(shown) == {"total": 9} | jobs
    assert not (tmp_path / "results").exists()


def test_every_result_is_there(finished: Path) -> None:
    made = finished / "results/listeria"
    assert [name for name in RESULTS if not (made / name).stat().st_size > 0] == []
    assert [peak["CHROM"] for peak in table(made / "peaks.tsv") if peak["METHOD"] == "em"] != []
    assert {row["METHOD"] for row in table(made / "thresholds.tsv")} == {"em", "hk"}
    assert {row["TRAIT"] for row in table(made / "effects.tsv")} == {"logT"}


def test_the_scattered_permutations_equal_a_single_run(
    finished: Path, tmp_path: Path, genem_environment: Environment
) -> None:
    whole = tmp_path / "whole.tsv.gz"
    cross = [f"{DATA}/cross.vcf.gz", "--cross", "f2", "--parents", "P1,P2"]
    tables = ["--map", f"{DATA}/cross.map.tsv", "--pheno", f"{DATA}/cross.pheno.tsv", "--trait", "logT"]
    settings = ["--method", "em,hk", "--step", "10", "--permutations", "60"]
    subprocess.run(
        ["genem", "qtl", *cross, *tables, *settings, "-q", "--permutation-maxima", str(whole), "-o", "/dev/null"],
        env=genem_environment,
        check=True,
    )
    assert (finished / "results/listeria/permutations.tsv.gz").read_bytes() == whole.read_bytes()
    assert {row["PERMUTATION"] for row in table(whole)} == {str(number) for number in range(1, 61)}


def test_a_second_run_does_nothing(finished: Path, genem_environment: Environment) -> None:
    again = run(finished, genem_environment, "--cores", "1", snakefile=SNAKEFILE)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout


def test_every_job_leaves_a_log_and_a_benchmark(finished: Path) -> None:
    names = ("genotypes", "permutations", "scan", "effects", *(f"permutations.{piece}" for piece in range(3)))
    jobs = {"warm", *(f"listeria/{name}" for name in names)}
    assert {job for job in jobs if not (finished / "logs" / f"{job}.log").is_file()} == set()
    assert {job for job in jobs if not (finished / "benchmarks" / f"{job}.tsv").is_file()} == set()


def test_the_test_configuration_runs(tmp_path: Path, genem_environment: Environment) -> None:
    """``.test`` names its files relative to the folder it runs in, so it is copied beside the data."""
    folder = tmp_path / "workflows" / "qtl" / ".test"
    shutil.copytree(ROOT / "workflows/qtl/.test/config", folder / "config")
    (tmp_path / "data").symlink_to(DATA)
    done = run(folder, genem_environment, "--cores", "2", snakefile=SNAKEFILE)
    assert done.returncode == 0, done.stdout
    assert [name for name in RESULTS if not (folder / "results/listeria" / name).is_file()] == []
    # The effects are those of normal traits.
    missing = [name for name in RESULTS if not (folder / "results/hyper" / name).is_file()]
    assert missing == ["effects.tsv", "effects.svg"]
    assert "4" in {peak["CHROM"] for peak in table(folder / "results/hyper/peaks.tsv")}


def test_the_workflows_join_as_modules(finished: Path, tmp_path: Path, genem_environment: Environment) -> None:
    text = joined({"popgen": HAPMAP, "qtl": LISTERIA})
    snakefile = ROOT / "workflows" / "Snakefile"
    table_wanted = "qtl/results/listeria/permutations.tsv.gz"
    done = run(configure(tmp_path, text), genem_environment, "--cores", "2", table_wanted, snakefile=snakefile)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / table_wanted).read_bytes() == (finished / table_wanted.removeprefix("qtl/")).read_bytes()
    shown = run(tmp_path, genem_environment, "--dry-run", snakefile=snakefile)
    assert shown.returncode == 0, shown.stdout
    assert "popgen_freq_piece" in shown.stdout
    assert "qtl_effects" in shown.stdout


def test_the_report_holds_the_pictures(
    finished: Path, tmp_path: Path, genem_environment: Environment, opened: Callable[[Path], str]
) -> None:
    report = tmp_path / "report.html"
    made = run(finished, genem_environment, "--report", str(report), snakefile=SNAKEFILE)
    assert made.returncode == 0, made.stdout
    text = report.read_text()
    for name in ("lod.svg", "effects.svg", "peaks.tsv", "thresholds.tsv"):
        assert name in text
    assert "Interval mapping by the EM algorithm" in opened(report)


def test_the_joined_workflows_know_their_keys(tmp_path: Path, genem_environment: Environment) -> None:
    folder = configure(tmp_path, "gwas:\n  crosses: {}\n")
    refused = run(folder, genem_environment, "--dry-run", snakefile=ROOT / "workflows" / "Snakefile")
    assert refused.returncode != 0
    assert "config: gwas: there is no such workflow, only popgen, qtl" in refused.stdout
