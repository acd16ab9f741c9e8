"""``genem demo``: the whole workflow on bundled real data, in a folder of its own."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from genem.cli.context import RunContext
from genem.cli.options import MESSAGES, THREADS, Command, Option, OptionGroup
from genem.errors import GenemError

COMMAND = Command(
    description=(
        "Run the population genetics workflow on bundled data: HapMap CEU and YRI, 120 unrelated people, 593 SNPs of\n"
        "chromosome 22. The folder becomes a small project: data, configuration, results and an HTML report.\n"
        "A second run in the same folder does only what is missing. Needs pip install 'genem[workflow,plots]'."
    ),
    arguments=(Option(("directory",), "folder to work in", default="genem-demo", metavar="DIR", nargs="?", file=True),),
    groups=(OptionGroup("run", (THREADS,)), MESSAGES),
    examples=("genem demo genem-demo",),
)

REPORT = "report.html"
MEANINGS = {
    "freq.tsv.gz": "allele frequencies and Hardy-Weinberg tests, one row per variant and group",
    "spectrum.svg": "allele-frequency spectrum",
    "freq_mqc.tsv": "one line per group, for MultiQC",
}


def run(args: argparse.Namespace, context: RunContext) -> None:
    root, folder = bundle_root(), Path(args.directory)
    environment = job_environment()
    workflow = root / "workflows" / "popgen"
    prepare(folder, root)
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(workflow / "workflow" / "Snakefile")]
    snakemake += ["--directory", str(folder)]
    work = ["--workflow-profile", str(workflow / "workflow" / "profiles" / "default"), "--cores", str(context.threads)]
    for step in (work, ["--report", REPORT]):
        if run_child([*snakemake, *step], environment) != 0:
            raise GenemError(f"the workflow failed; its messages are above, those of the jobs in {folder / 'logs'}")
    print("\n".join(summary(folder)))


def bundle_root() -> Path:
    """The folder that holds ``workflows/`` and ``data/``: in an installed package, or in the source tree."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "_bundle", package.parent):
        if (root / "workflows" / "popgen").is_dir() and (root / "data").is_dir():
            return root
    raise GenemError("the bundled workflow and data are not installed; install genem from a wheel or a source tree")


def job_environment() -> dict[str, str]:
    """The environment of the workflow's jobs: they find this genem; both requirements are checked."""
    if importlib.util.find_spec("snakemake") is None:
        raise GenemError("the demo needs Snakemake; pip install 'genem[workflow,plots]'")
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": os.pathsep.join((str(scripts), os.environ.get("PATH", os.defpath)))}
    if shutil.which("genem", path=environment["PATH"]) is None:
        raise GenemError(f"there is no genem program in {scripts} or on PATH; pip install genem")
    return environment


def prepare(folder: Path, root: Path) -> None:
    """Put data and configuration into the folder; what is there already stays as it is."""
    for source, name in ((root / "data", "data"), (root / "workflows" / "popgen" / "config", "config")):
        target = folder / name
        if not target.exists():
            shutil.copytree(source, target)


def run_child(command: list[str], environment: dict[str, str]) -> int:
    """Run a program with its output on stderr; if we are told to end, it is told, too."""
    with subprocess.Popen(command, env=environment, stdout=sys.stderr) as child:
        try:
            return child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise


def summary(folder: Path) -> Iterator[str]:
    """Where the results are, on one screen."""
    files = [path for path in sorted((folder / "results").rglob("*")) if path.name in MEANINGS]
    rows = [(folder / REPORT, "everything on one page: open it in a browser")]
    rows += [(path, MEANINGS[path.name]) for path in files]
    rows += [(folder / "config" / "config.yaml", "what was run; change it and run the demo again")]
    width = max(len(str(path)) for path, _ in rows)
    yield "Done. The results:"
    yield from (f"  {path!s:<{width}}  {meaning}" for path, meaning in rows)
