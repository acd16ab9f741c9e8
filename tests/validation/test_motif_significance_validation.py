"""E-values of motifs and p-values of their sites against those that MEME reported."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from genem.io.motifs.files import read_motifs
from genem.io.motifs.meme_reader import log10_of_text
from genem.io.sequences.fasta import read_fasta
from genem.motif import DNA, PROTEIN, encode, estimate_background, log10_e_value, scan

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


def compared(output: Path, fasta: Path, **options: int | None) -> tuple[float, float]:
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
        **options,
    )
    return found, log10_of_text(match["e_value"])


@pytest.mark.parametrize("name", TRACES)
def test_motifs_of_a_fixed_width(name, reference_data):
    motif = reference_data / "motif"
    output = motif / "em_trace" / f"{name}.txt"
    found, meme = compared(output, motif / "real" / f"{name.partition('_')[0]}.fa")
    assert abs(found - meme) <= 0.5


@pytest.mark.parametrize("name", PLANTED)
def test_motifs_of_many_sites(name, reference_data):
    """Down to 1e-522; the exact values are smaller by up to 2.5 %."""
    motif = reference_data / "motif"
    output, fasta = motif / "planted_expected" / f"{name}.meme.txt", motif / "planted" / f"{name}.fa"
    found, meme = compared(output, fasta)
    assert abs(found - meme) <= max(0.5, 0.01 * abs(meme))
    exact, _ = compared(output, fasta, resolution=None)
    assert abs(exact - meme) <= max(0.5, 0.025 * abs(meme))


@pytest.mark.parametrize(
    ("output", "fasta"),
    [
        ("planted_expected/p01_strong_all.meme.txt", "planted/p01_strong_all.fa"),
        ("planted_expected/p05_medium_half.meme.txt", "planted/p05_medium_half.fa"),
        ("real_expected/crp0.oops.meme.txt", "real/crp0.fa"),
    ],
)
def test_p_values_of_sites(output, fasta, reference_data):
    """All sites are found, with MEME's p-values to within 0.15 in log10, and 0.03 in the middle."""
    path = reference_data / "motif" / output
    motif = read_motifs(path)[0]
    sequences = encode(read_fasta(reference_data / "motif" / fasta), DNA)
    [found] = scan([motif], sequences, p_threshold=0.01)
    sites = found.sites
    places = zip(sites.sequence.tolist(), sites.start.tolist(), sites.strand.tolist(), strict=True)
    p_values = dict(zip(places, sites.p_value.tolist(), strict=True))
    listed = path.read_text().split("sites sorted by position p-value")[1].splitlines()[4 : 4 + int(motif.n_sites)]
    ratios = []
    for name, strand, start, p_value, *_ in map(str.split, listed):
        place = sequences.names.index(name), int(start) - 1, 1 if strand == "+" else -1
        ratios.append(math.log10(p_values[place] / float(p_value)))
    assert len(ratios) == motif.n_sites
    assert np.abs(ratios).max() <= 0.15
    assert abs(np.median(ratios)) <= 0.03
