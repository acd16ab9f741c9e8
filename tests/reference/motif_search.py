"""Readable twins of the search: words counted one by one, alignments judged by the formulas as they stand."""

from __future__ import annotations

import itertools
import math
from collections import Counter

from scipy import stats

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def turned(word):
    return word.translate(COMPLEMENT)[::-1]


def word_counts(sequences, places, *, both_strands, once):
    """Occurrences of words at ``places`` of every window; of a word and its reverse complement by the smaller name."""
    span = places[-1] + 1
    counts = Counter()
    for sequence in sequences:
        last = {}
        for start in range(len(sequence) - span + 1):
            word = "".join(sequence[start + place] for place in places)
            if "N" in word:
                continue
            word = min(word, turned(word)) if both_strands else word
            if word in last and (once or start - last[word] < span):
                continue
            last[word] = start
            counts[word] += 1
    return counts


def similar_words(word, letters="ACGT"):
    """The word and all that differ in one place."""
    others = {
        word[:place] + letter + word[place + 1 :] for place, letter in itertools.product(range(len(word)), letters)
    }
    return sorted(others)


def excess(count, expected):
    """Log-likelihood ratio of a Poisson count to its expectation, from the densities."""
    if count <= expected:
        return 0.0
    return stats.poisson.logpmf(count, count) - stats.poisson.logpmf(count, expected)


def column_log_p(counts, background):
    """Wilks' p-value of one column."""
    total = sum(counts)
    ratio = sum(n * math.log(n / (total * b)) for n, b in zip(counts, background, strict=True) if n)
    return stats.chi2.logsf(2.0 * ratio, len(background) - 1)


def alignment_log_e(words, background, lengths, *, model, strands, narrowest):
    """Log E-value of an alignment of words, with Wilks' p-values of the columns and the places of the least width."""
    letters = "ACGT"
    width, n = len(words[0]), len(words)
    log_product = sum(
        column_log_p([sum(word[k] == letter for word in words) for letter in letters], background) for k in range(width)
    )
    log_p = stats.gamma.logsf(-log_product, width)
    rooms = sorted((length - narrowest + 1 for length in lengths if length >= width), reverse=True)
    if model == "anr":
        return log_p + math.log(math.comb(sum(rooms), n)) + n * math.log(strands)
    ways = math.log(math.comb(len(rooms), n)) + sum(math.log(strands * room) for room in rooms[:n])
    return log_p + ways


def best_sites(sequences, matrix, background, *, both_strands):
    """(log ratio, sequence, start, strand) of the best window of each sequence, best first."""
    found = []
    for index, sequence in enumerate(sequences):
        candidates = []
        for strand, read in ((1, sequence), (-1, turned(sequence)))[: 2 if both_strands else 1]:
            for at in range(len(sequence) - len(matrix) + 1):
                ratio = sum(
                    math.log(row["ACGT".index(letter)] / background["ACGT".index(letter)])
                    for row, letter in zip(matrix, read[at:], strict=False)
                )
                start = at if strand == 1 else len(sequence) - len(matrix) - at
                candidates.append((ratio, index, start, strand))
        found.append(max(candidates))
    return sorted(found, reverse=True)
