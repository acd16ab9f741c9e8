"""``genem demo``: the Snakemake workflows on bundled real data, in a folder of their own."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genem.cli.context import RunContext
from genem.cli.options import MESSAGES, THREADS, Command, Option, OptionGroup
from genem.cli.values import names
from genem.errors import GenemError, UsageError


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A workflow, what it shows, and what its results mean, by file name."""

    workflow: str
    title: str
    meanings: Mapping[str, str]


DEMONSTRATIONS = (
    Demonstration(
        "popgen",
        "allele frequencies of HapMap CEU and YRI",
        {
            "freq.tsv.gz": "allele frequencies and Hardy-Weinberg tests, one row per variant and group",
            "spectrum.svg": "allele-frequency spectrum",
            "freq_mqc.tsv": "one line per group, for MultiQC",
        },
    ),
    Demonstration(
        "qtl",
        "loci for the survival of infected mice",
        {
            "lod.svg": "LOD scores along the genome, with thresholds",
            "peaks.tsv": "loci with genome-wide p-values and intervals of support",
            "effects.tsv": "genotype means, additive effect and dominance at the loci",
        },
    ),
    Demonstration(
        "motif",
        "CRP sites in promoters of E. coli",
        {
            "report.html": "logo, E-value, empirical p-value, sites and trace on one page",
            "logos.svg": "the motif and its reverse complement",
            "motifs.meme": "the motif with its sites, in MEME text format",
        },
    ),
    Demonstration(
        "phylo",
        "the tree of twelve primates",
        {
            "tree.svg": "the best tree with bootstrap percentages",
            "best.json": "log-likelihood, parameters and lengths with standard errors",
        },
    ),
)
KNOWN = tuple(demonstration.workflow for demonstration in DEMONSTRATIONS)

COMMAND = Command(
    description=(
        "Run the workflows on bundled data. popgen: allele frequencies of HapMap CEU and YRI, 120 unrelated people,\n"
        "593 SNPs of chromosome 22. qtl: loci for the survival of 120 mice of an intercross after an infection.\n"
        "motif: binding sites of CRP in 18 promoters of E. coli. phylo: the tree of 12 primates.\n"
        "Each gets a folder that is a small project: data, configuration, results and an HTML report.\n"
        "A second run in the same folder does only what is missing. Needs pip install 'genem[workflow,plots]'."
    ),
    arguments=(Option(("directory",), "folder to work in", default="genem-demo", metavar="DIR", nargs="?", file=True),),
    groups=(
        OptionGroup(
            "run",
            (
                Option(
                    ("--only",),
                    f"workflows to run, of {', '.join(KNOWN)}",
                    parse=names,
                    default_text="all",
                    metavar="NAMES",
                ),
                THREADS,
            ),
        ),
        MESSAGES,
    ),
    examples=("genem demo genem-demo",),
)

REPORT = "report.html"
WARMED = "results/warm.done"
NEEDED = {"snakemake": "Snakemake", "matplotlib": "Matplotlib", "pygments": "Pygments"}


def run(args: argparse.Namespace, context: RunContext) -> None:
    chosen = demonstrations(args.only or KNOWN)
    root, folder = bundle_root(), Path(args.directory)
    environment = job_environment()
    for demonstration in chosen:
        prepare(folder, root, demonstration.workflow)
    compile_kernels(
        [demonstration.workflow for demonstration in chosen], root, folder, context.threads or 1, environment
    )
    for number, demonstration in enumerate(chosen, start=1):
        context.log.info("workflow %d of %d: %s, %s", number, len(chosen), demonstration.workflow, demonstration.title)
        run_workflow(demonstration.workflow, root, folder, context.threads or 1, environment)
    print("\n".join(summary(folder, chosen)))


def demonstrations(chosen: Sequence[str]) -> list[Demonstration]:
    """The demonstrations of these names, in the order of the table."""
    for name in chosen:
        if name not in KNOWN:
            raise UsageError(f"--only {name}: there is no such workflow, choose of {', '.join(KNOWN)}")
    return [demonstration for demonstration in DEMONSTRATIONS if demonstration.workflow in chosen]


def compile_kernels(names: Sequence[str], root: Path, folder: Path, threads: int, environment: dict[str, str]) -> None:
    """Let all workflows compile their kernels side by side: compiling takes one core each, and most of the time."""
    waiting = [
        [*snakemake(name, root, folder), WARMED, "--cores", "1", "--quiet", "all"]
        for name in names
        if not (folder / name / WARMED).exists()
    ]
    while waiting:
        started, waiting = waiting[:threads], waiting[threads:]
        # What fails here fails again, and is reported, when the workflow runs.
        run_children(started, environment)


def run_workflow(name: str, root: Path, folder: Path, threads: int, environment: dict[str, str]) -> None:
    """Run a workflow and make its report, in a folder of its own below ``folder``."""
    profile = root / "workflows" / name / "workflow" / "profiles" / "default"
    work = ["--workflow-profile", str(profile), "--cores", str(threads)]
    for step in (work, ["--report", REPORT]):
        if run_children([[*snakemake(name, root, folder), *step]], environment) != [0]:
            raise GenemError(
                f"the workflow {name} failed; its messages are above, those of the jobs in {folder / name / 'logs'}"
            )


def snakemake(name: str, root: Path, folder: Path) -> list[str]:
    """The command that runs a workflow in its folder."""
    snakefile = root / "workflows" / name / "workflow" / "Snakefile"
    return [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(folder / name)]


def bundle_root() -> Path:
    """The folder that holds ``workflows/`` and ``data/``: in an installed package, or in the source tree."""
    package = Path(__file__).resolve().parents[2]
    for root in (package / "_bundle", package.parent):
        if (root / "workflows").is_dir() and (root / "data").is_dir():
            return root
    raise GenemError("the bundled workflows and data are not installed; install genem from a wheel or a source tree")


def job_environment() -> dict[str, str]:
    """The environment of the workflow's jobs: they find this genem; what the workflows need is checked."""
    for module, name in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            raise GenemError(f"the demo needs {name}; pip install 'genem[workflow,plots]'")
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": os.pathsep.join((str(scripts), os.environ.get("PATH", os.defpath)))}
    if shutil.which("genem", path=environment["PATH"]) is None:
        raise GenemError(f"there is no genem program in {scripts} or on PATH; pip install genem")
    return environment


def prepare(folder: Path, root: Path, name: str) -> None:
    """Put data and a workflow's configuration into the folder; what is there already stays as it is."""
    project = folder / name
    for source, target in (
        (root / "data", folder / "data"),
        (root / "workflows" / name / "config", project / "config"),
    ):
        if not target.exists():
            shutil.copytree(source, target)
    if not (project / "data").exists():
        (project / "data").symlink_to(Path("..", "data"), target_is_directory=True)


def run_children(commands: Sequence[list[str]], environment: dict[str, str]) -> list[int]:
    """Run programs side by side with their output on stderr; if we are told to end, they are told, too."""
    children: list[subprocess.Popen[bytes]] = []
    try:
        children.extend(subprocess.Popen(command, env=environment, stdout=sys.stderr) for command in commands)
        return [child.wait() for child in children]
    except BaseException:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()
        raise


def summary(folder: Path, chosen: Sequence[Demonstration]) -> Iterator[str]:
    """Lines that say where the results are, on one screen."""
    tables = []
    for demonstration in chosen:
        project = folder / demonstration.workflow
        files = sorted((project / "results").rglob("*"))
        rows = [(project / REPORT, "everything on one page: open it in a browser")]
        rows += [
            (path, meaning) for name, meaning in demonstration.meanings.items() for path in files if path.name == name
        ]
        rows += [(project / "config" / "config.yaml", "what was run; change it and run the demo again")]
        tables.append(rows)
    width = max(len(str(path)) for rows in tables for path, _ in rows)
    yield "Done. The results:"
    for demonstration, rows in zip(chosen, tables, strict=True):
        yield f"{demonstration.workflow}: {demonstration.title}"
        yield from (f"  {path!s:<{width}}  {meaning}" for path, meaning in rows)
