"""``python -m tests.benchmarks.phylo_ablation [-o FILE] [--only NAME ...]``: what each part of the search contributes.

Whole searches from their default starts on the public alignments of ``GENEM_REFERENCE_DATA``, with structural EM alone,
then with interchanges, regrafts and perturbations added one by one: log-likelihood below the best tree known, and CPU
seconds on one thread, kernels compiled before.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from pathlib import Path

from genem.io.sequences.alignments import read_alignment
from genem.phylo import search

STRATEGIES = {
    "structural EM": ("sem",),
    "+ NNI": ("sem", "nni"),
    "+ SPR": ("sem", "nni", "spr"),
    "+ perturbations": ("sem", "nni", "spr", "perturb"),
}
MODELS = {"JC69": "JC", "HKY85+G4": "HKY+F+G4", "GTR+G4": "GTR+F+G4", "LG+G4": "LG+G4"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.phylo_ablation", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, help="where the table goes; standard output unless given")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these alignments")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = os.environ.get("GENEM_REFERENCE_DATA")
    if not folder:
        parser.error("GENEM_REFERENCE_DATA is not set: it names the folder with phylo/expected_best.tsv")
    lines = table_head()
    for row in known_best(Path(folder) / "phylo"):
        if not arguments.only or row["alignment"] in arguments.only:
            lines += measured(Path(folder) / "phylo", row, arguments.seed)
            print("\n".join(lines[-2:]), file=sys.stderr)
    text = "\n".join(lines) + "\n"
    if arguments.output:
        arguments.output.write_text(text)
    else:
        print(text, end="")
    return 0


def known_best(folder: Path) -> list[dict[str, str]]:
    with (folder / "expected_best.tsv").open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def table_head() -> list[str]:
    names = ["alignment (taxa, sites), model", "", *STRATEGIES]
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]


def measured(folder: Path, row: dict[str, str], seed: int) -> list[str]:
    """Two lines of the table: shortfalls, and CPU seconds."""
    alignment = read_alignment(folder / "alignments" / f"{row['alignment']}.fasta")
    model, best = MODELS[row["model"]], float(row["best_logL"])
    search(alignment, model, n_starts=1, max_perturbations=1)
    below, seconds = [], []
    for strategy in STRATEGIES.values():
        before = time.process_time()
        found = search(alignment, model, strategy=strategy, seed=seed)
        seconds.append(time.process_time() - before)
        below.append(best - found.best.log_likelihood)
    name = f"{row['alignment']} ({len(alignment)}, {alignment.n_sites}), {model}"
    return [
        f"| {name} | below the best | " + " | ".join(f"{max(value, 0.0):.2f}" for value in below) + " |",
        "| | CPU s | " + " | ".join(f"{value:.1f}" for value in seconds) + " |",
    ]


if __name__ == "__main__":
    sys.exit(main())
