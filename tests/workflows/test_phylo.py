"""The phylo workflow: what it refuses, what it makes, and that its jobs give what a single run gives."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from genem.io.trees.newick import read_newick
from genem.phylo.trees.constraints import splits
from tests.workflows.checks import finished_run, job_counts, joined, kill_once, modified
from tests.workflows.popgen_runs import DATA, ROOT, configure, run

pytest.importorskip("snakemake", reason="snakemake is not installed (extra workflow)")

Environment = dict[str, str]
SNAKEFILE = ROOT / "workflows" / "phylo" / "workflow" / "Snakefile"
PRIMATES = f"""\
alignments:
  primates:
    input: {DATA}/alignment.fa
    outgroup: [Lemur_catta, Tarsius_syrichta]
candidates: [JC, HKY+F+G4]
search:
  number: 2
  starts: 1
  patience: 0
bootstrap:
  replicates: 5
  pieces: 2
"""
RESULTS = (
    *("ancestral.fa", "ancestral.nwk", "ancestral.tsv.gz", "best.json", "best.nwk", "bootstrap.nwk"),
    *("consensus.nwk", "consensus.svg", "distances.tsv", "model.json", "models.tsv", "searches/0.json"),
    *("searches/1.nwk", "site_log_likelihoods.tsv.gz", "summary_mqc.tsv", "tree.nwk", "tree.svg"),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, genem_environment: Environment) -> Path:
    """The folder of a finished run on the primates."""
    return finished_run(tmp_path_factory.mktemp("finished"), PRIMATES, genem_environment, SNAKEFILE)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pieces: 2", "peices: 2", "config['bootstrap']: Additional properties are not allowed ('peices' was unexp"),
        ("alignment.fa", "absent.fa", "config: alignments: primates: input: no such file: "),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("pieces: 2", "pieces: 6", "config: bootstrap: pieces: 5 replicates cannot be cut into 6 pieces"),
                ("Lemur_catta", "Lemur", "config: alignments: primates: outgroup: {data}/alignment.fa has no Lemur"),
                ("    outgroup:", "    samples: {data}/alignment.fa\n    outgroup:", "samples: is for VCF files, "),
                ("    outgroup:", "    partitions: {data}/crp_sites.fa\n    outgroup:", "a model has to be named"),
                ("alignment.fa", "population.vcf.gz", "outgroup: {data}/population.vcf.gz has no Lemur_catta"),
            )
        ),
    ],
)
def test_a_wrong_configuration_is_refused(
    old: str, new: str, message: str, tmp_path: Path, genem_environment: Environment
) -> None:
    assert PRIMATES.count(old) == 1
    folder = configure(tmp_path, PRIMATES.replace(old, new.format(data=DATA)))
    refused = run(folder, genem_environment, "--cores", "1", snakefile=SNAKEFILE)
    assert refused.returncode != 0
    assert message.format(data=DATA) in refused.stdout
    assert not (tmp_path / "results").exists()


def test_a_dry_run_lists_every_job(tmp_path: Path, genem_environment: Environment) -> None:
    shown = run(configure(tmp_path, PRIMATES), genem_environment, "--dry-run", snakefile=SNAKEFILE).stdout
    once = ("all", "warm", "model", "best", "bootstrap", "consensus", "tree", "ancestral", "summary")
    assert job_counts(shown) == {"total": 13, "search": 2, "replicates": 2, **dict.fromkeys(once, 1)}
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_every_result_is_there(finished: Path) -> None:
    folder = finished / "results/primates"
    assert [name for name in RESULTS if not (folder / name).stat().st_size > 0] == []
    assert not (folder / "bootstrap").exists()
    assert not list(folder.rglob("*.checkpoint.json"))
    (tree,) = read_newick(folder / "tree.nwk")
    assert {"Lemur_catta", "Tarsius_syrichta"} in [
        {tree.taxa[node] for node in range(12) if tree.parent[node] == child} for child in tree.children()[tree.top]
    ]
    supports = [float(label) for label in tree.labels if label]
    assert supports
    assert set(supports) <= {0.0, 20.0, 40.0, 60.0, 80.0, 100.0}
    assert "Lemur_catta" in (folder / "tree.svg").read_text()


@pytest.mark.slow
def test_the_chosen_model_is_used(finished: Path) -> None:
    folder = finished / "results/primates"
    assert json.loads((folder / "model.json").read_text())["model_selection"]["model"] == "HKY+F+G4"
    assert json.loads((folder / "best.json").read_text())["model"].startswith("HKY{")


@pytest.mark.slow
def test_the_multiqc_table_has_a_row_per_search(finished: Path) -> None:
    lines = (finished / "results/primates/summary_mqc.tsv").read_text().splitlines()
    assert lines[0] == "# id: genem_phylo_primates"
    header, *rows = (line.split("\t") for line in lines if not line.startswith("#"))
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["REPORT"] for row in table] == ["best", "0", "1"]
    best, *searches = (float(row["LOG_LIKELIHOOD"]) for row in table)
    assert best >= max(searches) - 1e-4


@pytest.mark.slow
def test_the_jobs_give_what_a_single_run_gives(finished: Path, tmp_path: Path, genem_environment: Environment) -> None:
    folder, replicates = finished / "results/primates", tmp_path / "replicates.nwk"
    settings = ["--model", "HKY+F+G4", "--starts", "1", "--patience", "0", "--seed", "1"]
    bootstrap = ["--bootstrap", "5", "--bootstrap-only", "--bootstrap-trees", str(replicates), "-o", "/dev/null"]
    subprocess.run(["genem", "phylo", f"{DATA}/alignment.fa", *settings, *bootstrap], env=genem_environment, check=True)
    assert replicates.read_bytes() == (folder / "bootstrap.nwk").read_bytes()
    (best,), *searches = (read_newick(folder / name) for name in ("best.nwk", "searches/0.nwk", "searches/1.nwk"))
    assert splits(best) in [splits(tree) for (tree,) in searches]


@pytest.mark.slow
def test_a_second_run_does_nothing(finished: Path, genem_environment: Environment) -> None:
    again = run(finished, genem_environment, "--cores", "1", snakefile=SNAKEFILE)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout


@pytest.mark.slow
def test_every_job_leaves_a_log_and_a_benchmark(finished: Path) -> None:
    scattered = ("search.0", "search.1", "replicates.0", "replicates.1")
    jobs = ("model", "best", "bootstrap", "consensus", "tree", "ancestral", "summary", *scattered)
    assert [job for job in jobs if not (finished / f"logs/primates/{job}.log").is_file()] == []
    assert [job for job in jobs if not (finished / f"benchmarks/primates/{job}.tsv").is_file()] == []


@pytest.mark.slow
def test_a_killed_run_resumes(finished: Path, tmp_path: Path, genem_environment: Environment) -> None:
    """What was finished is kept; the results are those of a run that nothing interrupted."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "results/primates"
    for name in ("best.nwk", "best.json", "searches/0.nwk", "searches/1.nwk"):
        (folder / name).unlink()
    kept = {path: modified(path) for path in (folder / "model.json", folder / "bootstrap.nwk")}
    kill_once(lambda: (folder / "searches/0.nwk").exists(), tmp_path, genem_environment, SNAKEFILE)
    assert not (folder / "best.nwk").exists()
    assert run(tmp_path, genem_environment, "--unlock", snakefile=SNAKEFILE).returncode == 0
    wanted = "results/primates/best.nwk"
    resumed = run(tmp_path, genem_environment, "--cores", "2", "--rerun-incomplete", wanted, snakefile=SNAKEFILE)
    assert resumed.returncode == 0, resumed.stdout
    assert {path: modified(path) for path in kept} == kept
    for name in ("searches/0.nwk", "searches/1.nwk", "best.nwk"):
        assert (folder / name).read_bytes() == (finished / "results/primates" / name).read_bytes(), name


@pytest.mark.slow
def test_snps_without_a_bootstrap(tmp_path: Path, genem_environment: Environment) -> None:
    samples = tmp_path / "samples.txt"
    samples.write_text("".join((DATA / "population.founders.txt").read_text().splitlines(keepends=True)[:6]))
    alignment = f"alignments:\n  hapmap:\n    input: {DATA}/population.vcf.gz\n    samples: {samples}\n"
    settings = "model: JC\nsearch: {number: 1, starts: 1, patience: 0}\nbootstrap: {replicates: 0}\n"
    wanted = ("results/hapmap/tree.nwk", "results/hapmap/alignment.fa")
    project = configure(tmp_path, alignment + settings)
    done = run(project, genem_environment, "--cores", "2", *wanted, snakefile=SNAKEFILE)
    assert done.returncode == 0, done.stdout
    folder = project / "results/hapmap"
    assert (folder / "alignment.fa").read_text().count(">") == 6
    assert json.loads((folder / "best.json").read_text())["model"] == "JC+ASC"
    (tree,) = read_newick(folder / "tree.nwk")
    assert len(tree.children()[tree.top]) == 2


@pytest.mark.slow
def test_the_report_opens_in_a_browser(
    finished: Path, tmp_path: Path, genem_environment: Environment, opened: Callable[[Path], str]
) -> None:
    report = tmp_path / "report.html"
    made = run(finished, genem_environment, "--report", str(report), snakefile=SNAKEFILE)
    assert made.returncode == 0, made.stdout
    text = report.read_text()
    assert [name for name in ("tree.svg", "consensus.svg", "models.tsv", "best.json") if name not in text] == []
    assert "Trees of greatest likelihood by structural EM of primates" in opened(report)


@pytest.mark.slow
def test_the_workflow_joins_the_others(tmp_path: Path, genem_environment: Environment) -> None:
    folder = configure(tmp_path, joined({"phylo": PRIMATES}))
    shown = run(folder, genem_environment, "--dry-run", snakefile=ROOT / "workflows" / "Snakefile")
    assert shown.returncode == 0, shown.stdout
    assert job_counts(shown.stdout)["phylo_search"] == 2
    assert "phylo/results/primates/tree.svg" in shown.stdout
