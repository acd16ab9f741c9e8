"""How often motifs are called significant in sequences that hold none; several minutes.

``python -m tests.benchmarks.motif_null [--sets N]`` prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys

from genem.motif import EncodedSequences, find_motifs, search_significance
from tests.motif.null_sets import KINDS, null_set

N_CONTROLS, N_EXCEEDANCES = 40, 2
"""Fewer than two of 40 controls as strong: p is at most 2 / 41. Sets without a motif need eight on the average."""
LEVEL = 0.05
MAX_WIDTH = 12


def strengths(sequences: EncodedSequences) -> list[float]:
    """-log10 of the E-value of the best motif."""
    found = find_motifs(sequences, min_width=6, max_width=MAX_WIDTH, both_strands=True)
    return [-each.log10_e_value for each in found.motifs]


def p_value(kind: str, seed: int, word_length: int) -> float:
    """Empirical, of the best motif in one set, against shuffles that keep words of so many letters."""
    found = search_significance(
        strengths,
        null_set(kind, seed),
        n_controls=N_CONTROLS,
        n_exceedances=N_EXCEEDANCES,
        word_length=word_length,
        seed=seed,
    )
    return float(found.p_value[0]) if found.p_value.size else 1.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.motif_null", description=__doc__)
    parser.add_argument("--sets", type=int, default=20, help="of every kind")
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS)
    parser.add_argument("--word-length", type=int, default=3, help="letters of the words that controls keep")
    arguments = parser.parse_args()
    print(f"| sets of 20 sequences | searched | empirical p < {LEVEL} | smallest p |\n| --- | ---: | ---: | ---: |")
    significant = total = 0
    for kind in arguments.kinds:
        p_values = [p_value(kind, seed, arguments.word_length) for seed in range(1, arguments.sets + 1)]
        below = sum(value < LEVEL for value in p_values)
        significant, total = significant + below, total + len(p_values)
        print(f"| {kind} | {len(p_values)} | {below / len(p_values):.2f} | {min(p_values):.3f} |", flush=True)
    print(f"| all | {total} | {significant / total:.3f} | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
