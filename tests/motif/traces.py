"""MEME's own numbers, step by step, and the same steps made here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genem.io.sequences.fasta import read_fasta
from genem.motif import (
    DNA,
    PROTEIN,
    Alphabet,
    MotifModel,
    MotifParams,
    Pseudocounts,
    encode,
    estimate_background,
    find_placements,
    start_matrix,
)
from genem.motif.model.placements import SiteModel, site_rate_prior

N_STEPS = 10


@dataclass(frozen=True)
class TracedRun:
    """How MEME was called; numbers of ``trace`` (step, 3) are ll1, ll0 and d_theta."""

    word: str
    model: SiteModel
    both_strands: bool = True
    n_sites: float | None = None
    pseudocount: float = 0.01
    palindrome: bool = False
    alphabet: Alphabet = DNA

    def start(self) -> np.ndarray:
        """The matrix that MEME starts from; for protein its rows do not add up to 1, which OOPS cannot notice."""
        if self.alphabet is DNA:
            return start_matrix(self.word, self.alphabet)
        return accepted_mutations(120)[[PROTEIN.letters.index(letter) for letter in self.word]]


# Dayhoff, Schwartz & Orcutt (1978), Atlas of Protein Sequence and Structure 5(3):345, figure 82: accepted point
# mutations per 10,000 letters, from the column's letter to the row's, letters ARNDCQEGHILKMFPSTWYV.
DAYHOFF_LETTERS = "ARNDCQEGHILKMFPSTWYV"
DAYHOFF = """
9867 2 9 10 3 8 17 21 2 6 4 2 6 2 22 35 32 0 2 18
1 9913 1 0 1 10 0 0 10 3 1 19 4 1 4 6 1 8 0 1
4 1 9822 36 0 4 6 6 21 3 1 13 0 1 2 20 9 1 4 1
6 0 42 9859 0 6 53 6 4 1 0 3 0 0 1 5 3 0 0 1
1 1 0 0 9973 0 0 0 1 1 0 0 0 0 1 5 1 0 3 2
3 9 4 5 0 9876 27 1 23 1 3 6 4 0 6 2 2 0 0 1
10 0 7 56 0 35 9865 4 2 3 1 4 1 0 3 4 2 0 1 2
21 1 12 11 1 3 7 9935 1 0 1 2 1 1 3 21 3 0 0 5
1 8 18 3 1 20 1 0 9912 0 1 1 0 2 3 1 1 1 4 1
2 2 3 1 2 1 2 0 0 9872 9 2 12 7 0 1 7 0 1 33
3 1 3 0 0 6 1 1 4 22 9947 2 45 13 3 1 3 4 2 15
2 37 25 6 0 12 7 2 2 4 1 9926 20 0 3 8 11 0 1 1
1 1 0 0 0 2 0 0 0 5 8 4 9874 1 0 1 2 0 0 4
1 1 1 0 0 0 0 1 2 8 6 0 4 9946 0 2 1 3 28 0
13 5 2 1 1 8 3 2 5 1 2 2 1 1 9926 12 4 0 0 2
28 11 34 7 11 4 6 16 2 2 1 7 4 3 17 9840 38 5 2 2
22 2 13 4 1 3 2 2 1 11 2 8 6 1 5 32 9871 0 2 9
0 2 0 0 0 0 0 0 0 0 0 0 0 1 0 1 0 9976 1 0
1 0 3 0 3 0 1 0 4 1 1 0 0 21 0 1 1 2 9945 1
13 2 1 1 3 2 2 3 3 57 11 1 17 1 3 2 10 0 2 9901
"""


def accepted_mutations(distance: int) -> np.ndarray:
    """float64 (letter, letter): the matrix at a PAM distance, in the order of ``PROTEIN``."""
    one = np.array(DAYHOFF.split(), np.float64).reshape(20, 20) / 10_000
    order = [DAYHOFF_LETTERS.index(letter) for letter in PROTEIN.letters]
    return np.linalg.matrix_power(one, distance)[np.ix_(order, order)]


CRP = "AAATGTGATCTAGATCACATTT"
CRP_RUNS = {
    "crp0_oops_1strand": TracedRun(CRP, "oops", both_strands=False),
    "crp0_oops_revcomp": TracedRun(CRP, "oops"),
    "crp0_oops_revcomp_b1": TracedRun(CRP, "oops", pseudocount=1.0),
    "crp0_oops_pal": TracedRun(CRP, "oops", palindrome=True),
    "crp0_zoops_revcomp_n12": TracedRun(CRP, "zoops", n_sites=12),
    "crp0_anr_revcomp_n24": TracedRun(CRP, "anr", n_sites=24),
}


def read_trace(path: Path) -> np.ndarray:
    """float64 (step, 3): ll1, ll0 and d_theta of the first steps of a text that MEME printed."""
    text = path.read_text()
    rows = re.findall(r"ll1 = (\S+) ll0 = (\S+)\s+d_theta = (\S+)", text)
    return np.array(rows, np.float64)[:N_STEPS]


def make_steps(fasta: Path, run: TracedRun, n_steps: int) -> np.ndarray:
    """The same numbers from MEME-compatible steps here."""
    sequences = encode(read_fasta(fasta), run.alphabet)
    background = estimate_background(sequences, both_strands=run.both_strands)
    placements = find_placements(sequences, len(run.word), background, both_strands=run.both_strands)
    columns = Pseudocounts(run.pseudocount, placements.background.probabilities)
    rate, chances = site_rate_prior(placements, run.model, run.n_sites, 0.8)
    model = MotifModel(placements, run.model, columns, rate, chances, run.palindrome, meme_compatible=True)
    params = MotifParams(run.start(), rate)
    rows = []
    for _ in range(n_steps):
        expected = model.expect(params)
        frequency = expected.counts / expected.counts.sum(axis=1, keepdims=True)
        logs = np.log(np.where(frequency > 0.0, frequency, 1.0))
        following = model.em_step(params).params
        rows.append(
            (
                expected.n_sites * float(np.sum(frequency * logs)),
                float(np.sum(expected.counts * np.log(placements.background.probabilities))),
                float(np.linalg.norm(following.matrix - params.matrix)),
            )
        )
        params = following
    return np.array(rows)
