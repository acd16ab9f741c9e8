"""Sequences with planted motifs from a seeded generator, and how near a search came to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genem.motif import ALPHABETS, EncodedSequences, FoundMotif


@dataclass(frozen=True)
class Planted:
    """Sequences, the motif that was planted and where: rows of (sequence, start)."""

    sequences: EncodedSequences
    matrix: np.ndarray
    sites: np.ndarray


def motif_of_bits(rng: np.random.Generator, width: int, n_letters: int, bits: float) -> np.ndarray:
    """A random motif, flattened (p^t) until it has the information wanted."""
    columns = rng.dirichlet(np.full(n_letters, 0.2), width) + 1e-3
    low, high = 0.0, 20.0
    for _ in range(60):
        power = 0.5 * (low + high)
        matrix = columns**power / (columns**power).sum(axis=1, keepdims=True)
        information = float((matrix * np.log2(matrix * n_letters)).sum())
        low, high = (power, high) if information < bits else (low, power)
    return matrix


def plant(
    seed: int,
    *,
    alphabet: str = "DNA",
    n_sequences: int = 100,
    length: int = 100,
    width: int = 10,
    bits: float = 14.0,
    fraction: float = 0.6,
    per_sequence: int = 1,
    both_strands: bool = True,
    repeats: float = 0.0,
) -> Planted:
    """Independent letters (A and T, or their like, at 0.3), sites of one motif, and tandem repeats as decoys."""
    rng = np.random.default_rng(seed)
    letters = ALPHABETS[alphabet]
    size = len(letters)
    background = np.array([0.3, 0.2, 0.2, 0.3]) if size == 4 else rng.dirichlet(np.full(size, 20.0))
    matrix = motif_of_bits(rng, width, size, bits)
    codes = rng.choice(size, (n_sequences, length), p=background).astype(np.uint8)
    for row in codes[rng.random(n_sequences) < repeats]:
        unit = rng.integers(0, size, rng.integers(1, 4))
        start, run = rng.integers(0, length // 2), rng.integers(15, 31)
        row[start : start + run] = np.resize(unit, len(row[start : start + run]))
    sites = []
    for index in np.flatnonzero(rng.random(n_sequences) < fraction).tolist():
        part = length // per_sequence
        for number in range(per_sequence):
            start = number * part + int(rng.integers(0, part - width + 1))
            word = np.array([rng.choice(size, p=column) for column in matrix], np.uint8)
            if both_strands and rng.random() < 0.5:
                word = letters.complement_codes[word[::-1]]
            codes[index, start : start + width] = word
            sites.append((index, start))
    offsets = np.arange(n_sequences + 1, dtype=np.int64) * length
    names = tuple(f"s{index}" for index in range(n_sequences))
    return Planted(EncodedSequences(letters, names, codes.ravel(), offsets), matrix, np.array(sites).reshape(-1, 2))


def likeness(found: np.ndarray, true: np.ndarray, *, both_strands: bool = True) -> float:
    """Cosine of the columns less the uniform distribution, times the share of the shorter motif that is compared; the
    best over all shifts and both strands."""
    size = true.shape[1]
    best = -1.0
    for turned in (true, true[::-1, ::-1]) if both_strands else (true,):
        for shift in range(1 - len(turned), len(found)):
            start, stop = max(0, shift), min(len(found), shift + len(turned))
            one, other = found[start:stop] - 1.0 / size, turned[start - shift : stop - shift] - 1.0 / size
            cosine = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
            best = max(best, float(cosine) * (stop - start) / min(len(found), len(true)))
    return best


def precision_and_recall(found: FoundMotif, planted: Planted) -> tuple[float, float]:
    """A reported site is right where it shares half of the shorter width with a planted one."""
    width, true_width = found.motif.width, len(planted.matrix)
    hits = np.zeros((len(found.sites), len(planted.sites)), np.bool_)
    for row, (sequence, start) in enumerate(zip(found.sites.sequence, found.sites.start, strict=True)):
        overlap = np.minimum(start + width, planted.sites[:, 1] + true_width) - np.maximum(start, planted.sites[:, 1])
        hits[row] = (planted.sites[:, 0] == sequence) & (2 * overlap >= min(width, true_width))
    return float(hits.any(axis=1).mean()), float(hits.any(axis=0).mean())
