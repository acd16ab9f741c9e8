"""Significance of motifs by enumeration: every column, every word, every arrangement, every alignment."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to share ``total`` among ``parts``."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)


def log_likelihood_ratio(counts: Sequence[float], background: Sequence[float]) -> float:
    n = sum(counts)
    return sum(count * math.log(count / (n * b)) for count, b in zip(counts, background, strict=True) if count > 0)


def column_p_value(ratio: float, n_sites: int, background: Sequence[float]) -> float:
    """P(ratio at least as large): every column of so many letters with its multinomial probability."""
    tail = 0.0
    for counts in compositions(n_sites, len(background)):
        if log_likelihood_ratio(counts, background) >= ratio - 1e-9:
            log_probability = math.lgamma(n_sites + 1) + sum(
                count * math.log(b) - math.lgamma(count + 1) for count, b in zip(counts, background, strict=True)
            )
            tail += math.exp(log_probability)
    return tail


def count_alignments(lengths: Sequence[int], width: int, n_sites: int, model: str, strands: int) -> int:
    """The ways to choose the sites: in the longest sequences, times the choices of sequences; ANR, any starts."""
    starts = sorted((length - width + 1 for length in lengths if length >= width), reverse=True)
    if model == "anr":
        return math.comb(sum(starts), n_sites) * strands**n_sites
    return math.prod(strands * start for start in starts[:n_sites]) * math.comb(len(starts), n_sites)


def score_tail(
    letter_scores: Sequence[Sequence[int]], word_probability: Callable[[tuple[int, ...]], float], threshold: int
) -> float:
    """P(score >= threshold): every word with its probability."""
    n_letters = len(letter_scores[0])
    return sum(
        word_probability(word)
        for word in itertools.product(range(n_letters), repeat=len(letter_scores))
        if sum(scores[letter] for scores, letter in zip(letter_scores, word, strict=True)) >= threshold
    )


def words(text: Sequence[int] | str, length: int) -> Counter[tuple[int | str, ...]]:
    """How often each word of a length occurs."""
    return Counter(tuple(text[i : i + length]) for i in range(len(text) - length + 1))


def arrangements(text: str, length: int) -> set[str]:
    """Every text with the same words of a length, first letters included."""
    wanted = words(text, length)
    return {"".join(each) for each in itertools.permutations(text) if words("".join(each), length) == wanted}


def fisher(a: int, n: int, c: int, m: int) -> Fraction:
    """P(at least a of the a + c marked ones are among n of n + m)."""
    total = Fraction(math.comb(n + m, a + c))
    return sum((math.comb(n, i) * math.comb(m, a + c - i) / total for i in range(a, min(n, a + c) + 1)), Fraction(0))


def best_alignment(
    scores: Sequence[Sequence[int]], null: Sequence[Sequence[int]], least: int
) -> tuple[float, int, int, int]:
    """The least likely alignment of a query with one target: p-value, offset, overlap, sum.

    ``scores[i][j]`` compares query column i with target column j; ``null[i]`` are the scores of query column i with all
    columns of the database, equally likely. Every combination of them is tried.
    """
    width, target_width = len(scores), len(scores[0])
    found = []
    for offset in range(least - width, target_width - least + 1):
        first = max(0, -offset)
        columns = range(first, min(width, target_width - offset))
        total = sum(scores[column][offset + column] for column in columns)
        sums = [sum(each) for each in itertools.product(*(null[column] for column in columns))]
        p_value = sum(each >= total for each in sums) / len(sums)
        found.append((round(p_value, 12), -len(columns), -total, offset))
    p_value, overlap, total, offset = min(found)
    return p_value, offset, -overlap, -total
