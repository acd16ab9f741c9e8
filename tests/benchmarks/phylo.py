"""Tree searches beside the installed peers: what the trees are worth under one evaluator, CPU time, growth."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from genem.data import Alignment
from genem.io.sequences.alignments import read_alignment
from genem.io.trees.newick import read_newick
from genem.phylo import evaluate
from tests.benchmarks.inputs import CACHE, simulated_alignment
from tests.benchmarks.measure import measure

DATA = Path(__file__).parents[2] / "data"
BUNDLED = ("alignment", "alignment_long", "alignment_aa")
REFERENCE = ("woodmouse15", "DS1", "laurasia47", "sim50_gtr", "perf100", "mtpri7_aa", "phyml37_aa")
TAXA = (10, 20, 50, 100, 200)
SITES = (500, 1_000, 2_000, 5_000, 10_000)
MANY_TAXA_SITES, MANY_SITES_TAXA = 1_000, 20
MODELS = {"dna": "GTR+F+G4", "protein": "LG+G4"}
SLOWEST = {"PhyML": 100_000, "RAxML": 400_000}
"""Most letters of an alignment; these programs take many minutes for more."""

GENEM_SEARCH = """
import sys
from genem.io.sequences.alignments import read_alignment
from genem.io.trees.newick import format_newick
from genem.phylo import search
alignment, model, output = sys.argv[1:]
found = search(read_alignment(alignment), model, seed=1, threads=1)
open(output, "w").write(format_newick(found.best.tree) + "\\n")
"""
GENEM_STARTS = """
import sys
from genem.io.sequences.alignments import read_alignment
from genem.phylo import search
read_alignment(sys.argv[1])
"""


@dataclass(frozen=True)
class Program:
    """A program that searches for a tree.

    Attributes
    ----------
    name
        In tables.
    executables
        What it may be called; the first that is there is run.
    command
        From an alignment and a folder of its own: the arguments, and the file in that folder that the tree is in.
    version
        Arguments that make it tell its version.
    """

    name: str
    executables: tuple[str, ...]
    command: Callable[[Task, Path], tuple[list[str], str]]
    version: tuple[str, ...] = ("--version",)

    @property
    def path(self) -> str | None:
        return next((found for name in self.executables if (found := shutil.which(name))), None)


@dataclass(frozen=True)
class Task:
    """An alignment, in the two formats that the programs read."""

    name: str
    fasta: Path

    @property
    def alignment(self) -> Alignment:
        return _read(self.fasta)

    @property
    def model(self) -> str:
        return MODELS[self.alignment.datatype]

    @property
    def is_protein(self) -> bool:
        return self.alignment.datatype == "protein"

    @property
    def phylip(self) -> Path:
        CACHE.mkdir(exist_ok=True)
        path = CACHE / f"{self.name}.phy"
        if not path.exists():
            rows = zip(self.alignment.names, self.alignment.letters, strict=True)
            lines = [f"{len(self.alignment)} {self.alignment.n_sites}"]
            path.write_text("\n".join([*lines, *(f"{name}  {row.tobytes().decode()}" for name, row in rows), ""]))
        return path


@dataclass(frozen=True)
class Outcome:
    """What a program found, and what it took."""

    log_likelihood: float
    cpu_seconds: float


def _iqtree(task: Task, folder: Path) -> tuple[list[str], str]:
    fixed = ["-T", "1", "--seed", "1", "--keep-ident", "-quiet", "-redo"]
    return ["-s", str(task.fasta), "-m", task.model, *fixed, "-pre", str(folder / "iq")], "iq.treefile"


def _fasttree(task: Task, folder: Path) -> tuple[list[str], str]:
    model = ["-lg"] if task.is_protein else ["-nt", "-gtr"]
    return [*model, "-gamma", "-quiet", "-nopr", "-out", str(folder / "tree"), str(task.fasta)], "tree"


def _raxml(task: Task, folder: Path) -> tuple[list[str], str]:
    model = "PROTGAMMALG" if task.is_protein else "GTRGAMMA"
    fixed = ["-T", "1", "-p", "1", "-n", "x", "-w", str(folder)]
    return ["-m", model, "-s", str(task.phylip), *fixed], "RAxML_bestTree.x"


def _phyml(task: Task, folder: Path) -> tuple[list[str], str]:
    copy = folder / "x"
    shutil.copyfile(task.phylip, copy)
    model = ["-d", "aa", "-m", "LG", "-f", "m"] if task.is_protein else ["-d", "nt", "-m", "GTR", "-f", "e"]
    fixed = ["-c", "4", "-a", "e", "-s", "SPR", "-b", "0", "--r_seed", "1", "--quiet", "--no_memory_check"]
    return ["-i", str(copy), *model, *fixed], "x_phyml_tree.txt"


def _genem(task: Task, folder: Path) -> tuple[list[str], str]:
    return ["-c", GENEM_SEARCH, str(task.fasta), task.model, str(folder / "tree")], "tree"


GENEM = Program("genem", (sys.executable,), _genem)
PEERS = (
    Program("IQ-TREE", ("iqtree2", "iqtree"), _iqtree),
    Program("RAxML", ("raxmlHPC", "raxmlHPC-AVX2", "raxmlHPC-AVX"), _raxml, ("-v",)),
    Program("PhyML", ("phyml",), _phyml),
    Program("FastTree", ("FastTree", "fasttree"), _fasttree, ("-help",)),
)


def report(_repeats: int) -> str:
    """The Markdown section. Searches are run once each: with the same seed they do the same."""
    os.environ.setdefault("PHYMLCPUS", "1")  # Debian's PhyML takes all processors otherwise
    programs = [GENEM, *(program for program in PEERS if program.path)]
    _search(GENEM, Task("alignment", DATA / "alignment.fa"))
    _search(GENEM, Task("lexA_sites", DATA / "lexA_sites.fa"))
    return "\n".join([_alignments(programs), _growth_with_taxa(programs), _growth_with_sites(programs)])


def _alignments(programs: Iterable[Program]) -> str:
    lines = [
        "## Tree searches\n",
        f"One search each, one thread, {MODELS['dna']} and {MODELS['protein']}: CPU seconds of the whole process",
        f"(genem: {_start_up():.1f} s of it are start-up), how far the log-likelihood of the tree is below the best",
        "of its alignment, lengths and model fitted to each tree by genem. The threads of RAxML spin while they wait:",
        "its CPU time says little on a busy machine. " + _versions() + "\n",
        "| alignment | taxa x sites | program | log-likelihood | below the best | CPU s | ratio |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for task in _tasks():
        outcomes = {program.name: _search(program, task) for program in programs if _is_in_reach(program, task)}
        best = max(outcome.log_likelihood for outcome in outcomes.values())
        size = f"{len(task.alignment)} x {task.alignment.n_sites:,}"
        lines += [
            f"| {task.name} | {size} | {name} | {one.log_likelihood:.2f} | {best - one.log_likelihood:.2f} "
            f"| {one.cpu_seconds:.1f} | {one.cpu_seconds / outcomes['genem'].cpu_seconds:.1f} |"
            for name, one in outcomes.items()
        ]
    return "\n".join(lines) + "\n"


def _growth_with_taxa(programs: Iterable[Program]) -> str:
    return _growth("taxa", {n: (n, MANY_TAXA_SITES) for n in TAXA}, programs, f"{MANY_TAXA_SITES:,} sites")


def _growth_with_sites(programs: Iterable[Program]) -> str:
    return _growth("sites", {n: (MANY_SITES_TAXA, n) for n in SITES}, programs, f"{MANY_SITES_TAXA} taxa")


def _growth(what: str, sizes: dict[int, tuple[int, int]], programs: Iterable[Program], fixed: str) -> str:
    names = [program.name for program in programs]
    lines = [
        f"## Growth of tree searches with {what}\n",
        f"Simulated alignments of {fixed} (random tree, GTR, gamma-distributed rates of shape 0.5): CPU seconds and,",
        "after the stroke, log-likelihood below the best of the row. The last line is the power with which time grew",
        "between the first and the last size, start-up of genem taken off.\n",
        f"| {what} | {' | '.join(names)} |",
        "| ---: |" + " ---: |" * len(names),
    ]
    seconds: dict[str, dict[int, float]] = {name: {} for name in names}
    for size, (n_taxa, n_sites) in sizes.items():
        task = Task(f"sim_{n_taxa}x{n_sites}", simulated_alignment(n_taxa, n_sites))
        outcomes = {program.name: _search(program, task) for program in programs if _is_in_reach(program, task)}
        best = max(outcome.log_likelihood for outcome in outcomes.values())
        cells = [
            f"{outcomes[name].cpu_seconds:.1f} / {best - outcomes[name].log_likelihood:.2f}"
            if name in outcomes
            else "NA"
            for name in names
        ]
        for name, outcome in outcomes.items():
            seconds[name][size] = outcome.cpu_seconds - (_start_up() if name == "genem" else 0.0)
        lines.append(f"| {size:,} | {' | '.join(cells)} |")
    lines.append(f"| power | {' | '.join(_power(seconds[name]) for name in names)} |")
    return "\n".join(lines) + "\n"


def _power(seconds: dict[int, float]) -> str:
    if len(seconds) < 3:
        return "NA"
    (first, least), *_, (last, most) = seconds.items()
    return f"{np.log(most / least) / np.log(last / first):.2f}" if least > 0.0 else "NA"


def _search(program: Program, task: Task) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        arguments, tree = program.command(task, Path(folder))
        found = measure([str(program.path), *arguments], 1, warm_up=False)
        (best,) = read_newick(Path(folder) / tree)
    fit = evaluate(task.alignment, best, task.model)
    print(
        f"{task.name}: {program.name} {fit.log_likelihood:.3f} {found.cpu_seconds:.2f} s", file=sys.stderr, flush=True
    )
    return Outcome(fit.log_likelihood, found.cpu_seconds)


def _tasks() -> list[Task]:
    tasks = [Task(name, DATA / f"{name}.fa") for name in BUNDLED]
    if folder := os.environ.get("GENEM_REFERENCE_DATA"):
        tasks += [Task(name, Path(folder) / "phylo" / "alignments" / f"{name}.fasta") for name in REFERENCE]
    return tasks


def _is_in_reach(program: Program, task: Task) -> bool:
    letters = len(task.alignment) * task.alignment.n_sites * (10 if task.is_protein else 1)
    return letters <= SLOWEST.get(program.name, letters)


@cache
def _read(path: Path) -> Alignment:
    return read_alignment(path)


@cache
def _start_up() -> float:
    """CPU seconds of a process that reads an alignment and searches nothing."""
    return measure([sys.executable, "-c", GENEM_STARTS, str(DATA / "alignment.fa")], 3).cpu_seconds


def _versions() -> str:
    here = [f"{program.name} {_version(program)}" for program in PEERS if program.path]
    absent = [program.name for program in PEERS if not program.path]
    parts = ["Peers: " + ", ".join(here) + "."] if here else []
    parts += ["Not found here, so not measured: " + ", ".join(absent) + "."] if absent else []
    return " ".join(parts)


def _version(program: Program) -> str:
    """The first version number in what a program says of itself."""
    alone = {**os.environ, "PHYMLCPUS": "1"}
    told = subprocess.run([str(program.path), *program.version], capture_output=True, text=True, check=False, env=alone)
    found = re.search(r"\b\d+\.\d+(?:\.\d+)*", told.stdout + told.stderr)
    return found[0] if found else "of unknown version"
