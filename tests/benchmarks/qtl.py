"""Permutations, growth and many traits of ``genem qtl``, beside R/qtl where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks import peers
from tests.benchmarks.inputs import CACHE
from tests.benchmarks.measure import Measurement, measure_in_turn

DATA = Path(__file__).parents[2] / "data"
N_CHROMOSOMES, LENGTH_CM, N_MARKERS, MISSING = 19, 90.0, 10, 0.05

R_CROSS = """
suppressMessages(library(qtl))
cross <- suppressWarnings(read.cross("csv", file = "{path}", genotypes = c({codes}), alleles = c({alleles})))
cross <- calc.genoprob(cross, step = 1, error.prob = 1e-4)
set.seed(1)
"""
R_PERMUTE = 'x <- suppressWarnings(scanone(cross, pheno.col = 1, method = "{method}", n.perm = {n}, verbose = FALSE))\n'
R_SCAN = 'x <- suppressWarnings(scanone(cross, pheno.col = 1:{n}, method = "{method}"))\n'
GENEM_SCAN = """
import sys, warnings
from genem.io.crosses.reading import read_cross
from genem.jit import set_threads
from genem.qtl import genotype_probabilities, scan
set_threads(1)
warnings.simplefilter("ignore")
cross = read_cross(sys.argv[1], cross_type="f2")
traits = list(cross.phenotypes)[: int(sys.argv[3])]
scan(cross, genotype_probabilities(cross), traits, method=sys.argv[2])
"""
GENEM_REPEATED_SCAN = """
import sys, warnings
from genem.io.crosses.reading import read_cross
from genem.jit import set_threads
from genem.qtl import genotype_probabilities, scan
set_threads(1)
warnings.simplefilter("ignore")
cross = read_cross(sys.argv[1], cross_type="bc", genotypes=("BB", "BA", "AA"))
genotypes = genotype_probabilities(cross, step=0.5)
for _ in range(int(sys.argv[2])):
    scan(cross, genotypes, "bp")
"""


@dataclass(frozen=True)
class BenchCross:
    """A cross in R/qtl's csv, and how both programs read it."""

    label: str
    path: Path
    kind: str
    codes: tuple[str, ...]
    alleles: tuple[str, str]
    trait: str

    def genem(self, *further: str) -> list[str]:
        reading = ["--cross", self.kind, "--genotypes", ",".join(self.codes), "--alleles", ",".join(self.alleles)]
        fixed = ["--trait", self.trait, "--threads", "1", "-q", "-o", "/dev/null"]
        return peers.genem("qtl", str(self.path), *reading, *fixed, *further)

    def r(self, body: str) -> list[str]:
        codes, alleles = (", ".join(f'"{one}"' for one in names) for names in (self.codes, self.alleles))
        return ["Rscript", "-e", R_CROSS.format(path=self.path, codes=codes, alleles=alleles) + body]


def report(repeats: int) -> str:
    """The Markdown section."""
    few = min(repeats, 3)
    return "\n".join([_permutations(few), _growth(few), _one_trait(few), _many_traits(few)])


def simulated_f2(n: int, n_traits: int = 1) -> BenchCross:
    """An intercross of 19 chromosomes of 90 cM with 10 markers each; a locus on chromosome 1 explains 5 %."""
    path = CACHE / f"f2_{n}_{n_traits}.csv"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        path.write_text(_simulate(np.random.default_rng(11), n, n_traits))
    return BenchCross(f"simulated F2, {n} individuals", path, "f2", ("A", "H", "B", "D", "C"), ("A", "B"), "y0")


def _simulate(rng: np.random.Generator, n: int, n_traits: int) -> str:
    fraction = -0.5 * np.expm1(-2.0 * LENGTH_CM / (N_MARKERS - 1) / 100.0)
    crossovers = rng.random((2, n, N_CHROMOSOMES, N_MARKERS)) < fraction
    crossovers[..., 0] = rng.random((2, n, N_CHROMOSOMES)) < 0.5
    genotypes = (np.cumsum(crossovers, axis=3) % 2).sum(axis=0)
    traits = rng.normal(size=(n, n_traits)) + np.sqrt(0.1) * (genotypes[:, 0, 4, None] - 1)
    calls = np.array(["A", "H", "B"])[genotypes]
    calls[rng.random(calls.shape) < MISSING] = "-"
    places = [(c + 1, k) for c in range(N_CHROMOSOMES) for k in range(N_MARKERS)]
    before = "," * n_traits
    lines = [
        ",".join([*(f"y{k}" for k in range(n_traits)), *(f"c{c}m{k}" for c, k in places)]),
        before + ",".join(str(c) for c, _ in places),
        before + ",".join(f"{k * LENGTH_CM / (N_MARKERS - 1):g}" for _, k in places),
    ]
    lines += [
        ",".join([*(f"{value:.5f}" for value in row), *of_individual.ravel()])
        for row, of_individual in zip(traits, calls, strict=True)
    ]
    return "\n".join([*lines, ""])


def _permutations(repeats: int) -> str:
    lines = [
        "## QTL permutations\n",
        "CPU seconds of 1,000 permutations: the slope between two numbers of permutations, so that reading, genotype",
        "probabilities and the scan itself do not count. Positions every cM and at the markers. *hyper*: backcross,",
        "250 individuals; the F2: 19 chromosomes of 90 cM, 10 markers each, 5 % of calls missing.\n",
        "| cross | method | program | CPU s / 1,000 | ratio | peak MB |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    hyper = BenchCross("hyper", DATA / "hyper.csv", "bc", ("BB", "BA", "AA"), ("B", "A"), "bp")
    peer = _rqtl()
    for cross in (hyper, simulated_f2(500)):
        for method, of_genem, of_r in (("hk", (1000, 9000), (100, 600)), ("em", (200, 1000), (2, 12))):
            programs = {"genem qtl": _permuting(cross, method, of_genem)}
            if peer:
                programs[peer] = {n: cross.r(R_PERMUTE.format(method=method, n=n)) for n in of_r}
            lines += _rows([cross.label, method], programs, 1000, repeats)
    if not peer:
        lines.append("\nR/qtl was not found here.")
    return "\n".join(lines) + "\n"


def _growth(repeats: int) -> str:
    lines = [
        "## Growth of QTL permutations\n",
        "genem, EM, simulated F2: the same slope, and the peak memory of the larger run.\n",
        "| individuals | step, cM | permutations | CPU s / 1,000 | peak MB |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    settings = [(125, 2, 400), (250, 2, 400), (500, 2, 400), (500, 1, 400), (500, 0.5, 400), (250, 2, 1600)]
    for n, step, most in settings:
        sizes = (100, most)
        commands = _permuting(simulated_f2(n), "em", sizes, "--step", str(step))
        found = measure_in_turn({str(size): command for size, command in commands.items()}, repeats)
        rate, larger = _slope(found, sizes, 1000)
        lines.append(f"| {n} | {step:g} | {most:,} | {rate:.2f} | {larger.peak_mb:.0f} |")
    return "\n".join(lines) + "\n"


def _one_trait(repeats: int) -> str:
    lines = [
        "## One trait\n",
        "CPU seconds of a scan of *hyper* (250 individuals, 2,749 positions) by EM, as a slope.\n",
        "| method | program | CPU s | ratio | peak MB |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    command = [sys.executable, "-c", GENEM_REPEATED_SCAN, str(DATA / "hyper.csv")]
    programs = {"genem.qtl.scan": {n: [*command, str(n)] for n in (2, 42)}}
    return "\n".join([*lines, *_rows(["em"], programs, 1, repeats)]) + "\n"


def _many_traits(repeats: int) -> str:
    lines = [
        "## Many traits at once\n",
        "Scans of the F2 of 500 individuals with 1,000 traits: CPU seconds of 1,000 traits as a slope, peak memory of",
        "the larger run.\n",
        "| method | program | CPU s / 1,000 | ratio | peak MB |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    cross = simulated_f2(500, 1000)
    peer = _rqtl()
    for method, of_r in (("hk", (100, 1000)), ("em", (2, 12))):
        programs = {
            "genem.qtl.scan": {
                n: [sys.executable, "-c", GENEM_SCAN, str(cross.path), method, str(n)] for n in (100, 1000)
            }
        }
        if peer:
            programs[peer] = {n: cross.r(R_SCAN.format(method=method, n=n)) for n in of_r}
        lines += _rows([method], programs, 1000, repeats)
    if not peer:
        lines.append("\nR/qtl was not found here.")
    return "\n".join(lines) + "\n"


def _permuting(cross: BenchCross, method: str, sizes: tuple[int, int], *further: str) -> dict[int, list[str]]:
    return {
        n: cross.genem("--method", method, "--permutations", str(n), "--permutation-maxima", "/dev/null", *further)
        for n in sizes
    }


def _rows(start: list[str], programs: dict[str, dict[int, list[str]]], per: int, repeats: int) -> list[str]:
    """A line per program; ratios to the first."""
    commands = {f"{name} {n}": command for name, of_name in programs.items() for n, command in of_name.items()}
    found = measure_in_turn(commands, repeats)
    first = None
    lines = []
    for name, of_name in programs.items():
        of_program = {str(n): found[f"{name} {n}"] for n in of_name}
        rate, larger = _slope(of_program, tuple(of_name), per)
        first = first or rate
        lines.append(f"| {' | '.join([*start, name])} | {rate:.2f} | {rate / first:.1f} | {larger.peak_mb:.0f} |")
    return lines


def _slope(found: dict[str, Measurement], sizes: tuple[int, ...], per: int) -> tuple[float, Measurement]:
    """CPU seconds of so many, and the measurement of the larger size."""
    small, large = (found[str(size)] for size in sizes)
    return per * max(large.cpu_seconds - small.cpu_seconds, 1e-9) / (sizes[1] - sizes[0]), large


def _rqtl() -> str | None:
    """How the tables call R/qtl; None where it is not installed."""
    if shutil.which("Rscript") is None:
        return None
    asked = ["Rscript", "-e", "cat(format(packageVersion('qtl')))"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return f"R/qtl {done.stdout} scanone" if done.returncode == 0 else None
