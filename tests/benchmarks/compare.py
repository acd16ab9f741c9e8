"""``python -m tests.benchmarks.compare BEFORE AFTER``: is a source tree as fast as another one?

Both trees run the same commands on the same inputs, in turn (before after, after before, ...), on one thread, with
kernels compiled before. Printed are the CPU seconds of whole processes (medians) and the median of the paired ratios,
after : before, with the smallest and the largest of them. Inputs are bundled data, repeated where they are small.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measure import measure

DATA = Path(__file__).parents[2] / "data"
LIMIT = 1.03
"""Largest ratio at which a command counts as no slower."""

HYPER = "--cross bc --genotypes BB,BA,AA --alleles B,A --trait bp --permutation-maxima /dev/null"


@dataclass(frozen=True)
class Case:
    """A command of genem on bundled data, which is repeated so many times."""

    name: str
    command: str
    source: str
    options: str = ""
    copies: int = 1

    def arguments(self, folder: Path) -> list[str]:
        source = repeated(DATA / self.source, self.copies, folder) if self.copies > 1 else DATA / self.source
        options = [*self.options.split(), "-q", "-o", os.devnull]
        return [sys.executable, "-m", "genem", self.command, str(source), *options]


CASES = [
    Case("freq, GT", "freq", "population.vcf.gz", copies=1500),
    Case("freq, PL", "freq", "lowcov.vcf.gz", "--field PL", copies=100),
    Case("ld, GT", "ld", "population.vcf.gz", "--window-variants 200", copies=150),
    Case("ld, PL", "ld", "lowcov.vcf.gz", "--field PL --window-variants 20", copies=5),
    Case("phase, loci", "phase", "hla.tsv", "--loci DQB,DRB,B"),
    Case("phase, windows", "phase", "haplotypes.unphased_miss5.vcf.gz", "--window 16 --vcf /dev/null"),
    Case("sfs, GL", "sfs", "lowcov_gl.vcf.gz", "--field GL --fold --tolerance 1", copies=20),
    Case("qtl, em, one trait", "qtl", "hyper.csv", f"{HYPER} --method em --step 0.05"),
    Case("qtl, em, permutations", "qtl", "hyper.csv", f"{HYPER} --method em --permutations 1000"),
    Case("qtl, hk, permutations", "qtl", "hyper.csv", f"{HYPER} --method hk --permutations 40000"),
    Case("motif", "motif", "promoters.fa", "--both-strands --max-width 22 --controls 4"),
    Case("phylo, DNA", "phylo", "alignment.fa", "--model GTR+G4 --starts 8 --patience 200"),
    Case("phylo, protein", "phylo", "alignment_aa.fa", "--model LG+G4 --starts 1 --patience 3"),
]


def repeated(source: Path, copies: int, folder: Path) -> Path:
    """A VCF whose records come ``copies`` times over, each time farther along the chromosome."""
    target = folder / f"{source.name.removesuffix('.vcf.gz')}_{copies}.vcf"
    if target.exists():
        return target
    lines = gzip.decompress(source.read_bytes()).decode().splitlines()
    records = [line.split("\t", 2) for line in lines if not line.startswith("#")]
    contigs = {contig: max(int(at) for name, at, _ in records if name == contig) for contig, _, _ in records}
    with target.open("w") as out:
        out.writelines(f"{line}\n" for line in lines if line.startswith("##") and not line.startswith("##contig"))
        out.writelines(f"##contig=<ID={contig},length={copies * (last + 1)}>\n" for contig, last in contigs.items())
        out.writelines(f"{line}\n" for line in lines if line.startswith("#CHROM"))
        for contig, last in contigs.items():
            for copy in range(copies):
                shift = copy * (last + 1)
                out.writelines(f"{contig}\t{int(at) + shift}\t{rest}\n" for name, at, rest in records if name == contig)
    return target


def compare(command: list[str], trees: tuple[Path, Path], repeats: int) -> list[tuple[float, float]]:
    """CPU seconds (before, after) of every pair of runs."""
    environments = [
        {"PYTHONPATH": str(tree), "GENEM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        for tree in trees
    ]
    for environment in environments:
        measure(command, 1, environment, warm_up=False)  # compiles
    pairs = []
    for number in range(repeats):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        seconds = {tree: measure(command, 1, environments[tree], warm_up=False).cpu_seconds for tree in order}
        pairs.append((seconds[0], seconds[1]))
    return pairs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compare", description=__doc__)
    parser.add_argument("before", type=lambda text: Path(text).resolve(), help="source tree to compare with")
    parser.add_argument("after", type=lambda text: Path(text).resolve(), help="source tree that must not be slower")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of runs")
    arguments = parser.parse_args()
    slow = 0
    print("| command | before, CPU s | after, CPU s | ratio | from | to |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # so that no tree is imported from where this runs
        trees = (arguments.before, arguments.after)
        for case in CASES:
            if arguments.only not in case.name:
                continue
            pairs = compare(case.arguments(Path(folder)), trees, arguments.repeats)
            before, after = (statistics.median(pair[tree] for pair in pairs) for tree in (0, 1))
            ratios = sorted(second / first for first, second in pairs)
            ratio = statistics.median(ratios)
            slow += ratio > LIMIT
            columns = [f"{before:.2f}", f"{after:.2f}", f"{ratio:.3f}", f"{ratios[0]:.3f}", f"{ratios[-1]:.3f}"]
            print(f"| {case.name} | {' | '.join(columns)} |", flush=True)
    print(f"\n{slow} slower than {LIMIT} of themselves")
    return min(slow, 1)


if __name__ == "__main__":
    sys.exit(main())
