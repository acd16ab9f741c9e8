"""E-values of motifs against those that MEME reported for the same sites."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from genem.io.fasta import read_fasta
from genem.io.meme_reader import log10_of_text
from genem.motif import DNA, PROTEIN, encode, estimate_background, log10_e_value

pytestmark = pytest.mark.validation

MATRIX = re.compile(
    r"letter-probability matrix: alength= \d+ w= (?P<width>\d+) nsites= (?P<n_sites>\d+) E= (?P<e_value>\S+) *\n"
    r"(?P<rows>(?:[ \d.]+\n)+)"
)
TRACES = (
    "crp0_anr_revcomp_n24", "crp0_oops_1strand", "crp0_oops_pal", "crp0_oops_revcomp", "crp0_oops_revcomp_b1",
    "crp0_zoops_revcomp_n12", "lex0_zoops_revcomp_n12", "lipocalin_oops_dirichlet",
)  # fmt: skip
PLANTED = (
    "p01_strong_all", "p02_medium_all", "p03_weak_all", "p04_strong_half", "p05_medium_half", "p06_strong_fifth",
    "p07_medium_fifth", "p08_long_half", "p09_anr", "p10_palindrome", "p11_two_motifs", "p12_lowcomplexity",
    "p20_null", "p21_null", "p22_null",
)  # fmt: skip


def compared(output: Path, fasta: Path, n_bins: int | None) -> tuple[float, float]:
    """log10 E-value of the first motif of MEME's output, here and there."""
    text = output.read_text()
    match = MATRIX.search(text)
    command = re.search(r"meme \S+ .*", text)
    assert match is not None
    assert command is not None
    palindrome, both_strands = "-pal" in command[0], "-revcomp" in command[0]
    model = re.search(r"-mod (\w+)", command[0])[1]
    probabilities = np.array([row.split() for row in match["rows"].splitlines()], float)
    counts = probabilities * int(match["n_sites"])
    counts = np.rint(2 * counts) / 2 if palindrome else np.rint(counts)
    sequences = encode(read_fasta(fasta), PROTEIN if "-protein" in command[0] else DNA)
    found = log10_e_value(
        counts,
        estimate_background(sequences, both_strands=both_strands).probabilities,
        sequences.lengths,
        model=model,
        both_strands=both_strands,
        palindrome=palindrome,
        n_bins=n_bins,
    )
    return found, log10_of_text(match["e_value"])


@pytest.mark.parametrize("name", TRACES)
def test_motifs_of_a_fixed_width(name, reference_data):
    """Within 0.5: exactly, or with MEME's table of 200 bins, which alone moves E-values by up to 0.9."""
    motif = reference_data / "motif"
    output = motif / "em_trace" / f"{name}.txt"
    fasta = motif / "real" / f"{name.partition('_')[0]}.fa"
    exact, meme = compared(output, fasta, None)
    binned, _ = compared(output, fasta, 200)
    assert min(abs(exact - meme), abs(binned - meme)) <= 0.5
    assert abs(exact - meme) <= 0.9


@pytest.mark.parametrize("name", PLANTED)
def test_motifs_of_many_sites(name, reference_data):
    """With MEME's 200 bins the values agree, down to 1e-522; without them they are smaller, by at most 2.5 %."""
    motif = reference_data / "motif"
    output = motif / "planted_expected" / f"{name}.meme.txt"
    exact, meme = compared(output, motif / "planted" / f"{name}.fa", None)
    binned, _ = compared(output, motif / "planted" / f"{name}.fa", 200)
    assert abs(binned - meme) <= 0.9
    assert abs(exact - meme) <= max(0.5, 0.025 * abs(meme))
    assert math.isfinite(exact)
