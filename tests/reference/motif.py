"""Readable twins of the motif models: every placement is listed, nothing is clever."""

from __future__ import annotations

import itertools
import math

import numpy as np

NUCLEOTIDES = "ACGT"
MEANINGS = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
COMPLEMENT = dict(zip("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN", strict=True))


def reverse_complement(word):
    return "".join(COMPLEMENT[letter] for letter in reversed(word))


def probability(distribution, letter, letters=NUCLEOTIDES, meanings=MEANINGS):
    """Of a letter, or of the set that an ambiguity code stands for."""
    return sum(distribution[letters.index(meant)] for meant in meanings.get(letter, letter))


def word_ratio(matrix, background, word):
    """P(word | motif) / P(word | background)."""
    ratio = 1.0
    for row, letter in zip(matrix, word, strict=True):
        ratio *= probability(row, letter) / probability(background, letter)
    return ratio


def placements(sequence, width, both_strands):
    """(start, strand, word as read on that strand) of every window."""
    for start in range(len(sequence) - width + 1):
        word = sequence[start : start + width]
        yield start, 1, word
        if both_strands:
            yield start, -1, reverse_complement(word)


def smallest(weights, start, width):
    return 1.0 if weights is None else min(weights[start : start + width])


def at_most_one(sequence, matrix, background, rate, both_strands=False, weights=None):
    """Likelihood ratio of a sequence with none or one site, and the posterior of each placement."""
    listed = list(placements(sequence, len(matrix), both_strands))
    joint = {
        (start, strand): rate
        / len(listed)
        * smallest(weights, start, len(matrix))
        * word_ratio(matrix, background, word)
        for start, strand, word in listed
    }
    total = 1.0 - rate + sum(joint.values())
    return total, {place: value / total for place, value in joint.items()}


def any_number(sequence, matrix, background, rate, both_strands=False, weights=None):
    """The same for any number of sites that do not overlap, by listing every set of them; and the expected number of
    places where a site could have begun.

    The sequence is read from the left. Where a window fits, a site begins with probability ``rate`` (either strand
    alike), else one letter of background follows.
    """
    width = len(matrix)
    n_windows = len(sequence) - width + 1
    strands = (1, -1) if both_strands else (1,)
    total, chances = 0.0, 0.0
    posterior = dict.fromkeys(((start, strand) for start in range(n_windows) for strand in strands), 0.0)
    for starts in site_sets(n_windows, width):
        covered = {start + k for start in starts for k in range(1, width)}
        n_chances = sum(1 for start in range(n_windows) if start not in covered)
        prior = rate ** len(starts) * (1.0 - rate) ** (n_chances - len(starts))
        for turned in itertools.product(strands, repeat=len(starts)):
            value = prior
            for start, strand in zip(starts, turned, strict=True):
                word = sequence[start : start + width]
                read = word if strand == 1 else reverse_complement(word)
                weight = smallest(weights, start, width)
                value *= weight * word_ratio(matrix, background, read) / len(strands)
            total += value
            chances += value * n_chances
            for place in zip(starts, turned, strict=True):
                posterior[place] += value
    return total, {place: value / total for place, value in posterior.items()}, chances / total


def site_sets(n_windows, width, first=0):
    """Every set of starts that are at least a width apart."""
    yield ()
    for start in range(first, n_windows):
        for rest in site_sets(n_windows, width, start + width):
            yield (start, *rest)


def letter_counts(sequences, posteriors, matrix):
    """Expected letters per column; those of an ambiguity code are divided as the motif says."""
    width = len(matrix)
    counts = np.zeros((width, 4))
    for sequence, posterior in zip(sequences, posteriors, strict=True):
        for (start, strand), z in posterior.items():
            word = sequence[start : start + width]
            read = word if strand == 1 else reverse_complement(word)
            for k, letter in enumerate(read):
                for meant in MEANINGS[letter]:
                    a = NUCLEOTIDES.index(meant)
                    counts[k, a] += z * matrix[k][a] / probability(matrix[k], letter)
    return counts


def em_step(
    sequences,
    matrix,
    rate,
    background,
    *,
    model,
    both_strands=False,
    palindrome=False,
    pseudocount=0.0,
    prior_rate=0.5,
    prior_chances=0.0,
    weights=None,
):
    """One EM step over the sequences that can hold a site: matrix, rate, log-likelihood ratio, penalty, posteriors."""
    width = len(matrix)
    free = [None] * len(sequences) if weights is None else weights
    kept = [(s, w) for s, w in zip(sequences, free, strict=True) if len(s) >= width]
    log_likelihood, chances, posteriors = 0.0, 0.0, []
    for sequence, weight in kept:
        if model == "anr":
            total, posterior, n_chances = any_number(sequence, matrix, background, rate, both_strands, weight)
        else:
            share = 1.0 if model == "oops" else rate
            total, posterior = at_most_one(sequence, matrix, background, share, both_strands, weight)
            n_chances = 1.0
        log_likelihood += math.log(total)
        chances += n_chances
        posteriors.append(posterior)
    n_sites = sum(sum(posterior.values()) for posterior in posteriors)
    counts = letter_counts([sequence for sequence, _ in kept], posteriors, matrix)
    counts += pseudocount * np.asarray(background)
    if palindrome:
        counts = counts + counts[::-1, ::-1]
    penalty = float(np.sum(pseudocount * np.asarray(background) * np.log(matrix)))
    new_rate = 1.0
    if model != "oops":
        new_rate = (n_sites + prior_rate * prior_chances) / (chances + prior_chances)
        if prior_chances > 0.0:
            penalty += prior_chances * (prior_rate * math.log(rate) + (1.0 - prior_rate) * math.log(1.0 - rate))
    return counts / counts.sum(axis=1, keepdims=True), new_rate, log_likelihood, penalty, posteriors


def background_counts(sequences, length):
    """How often each word of plain letters occurs."""
    counts = {"".join(word): 0 for word in itertools.product(NUCLEOTIDES, repeat=length)}
    for sequence in sequences:
        for start in range(len(sequence) - length + 1):
            word = sequence[start : start + length]
            if word in counts:
                counts[word] += 1
    return counts


def background(sequences, order, both_strands):
    """Conditional probabilities {context + letter: P(letter | context)} for all contexts up to ``order`` letters."""
    result, shorter = {}, dict.fromkeys(NUCLEOTIDES, 0.25)
    for length in range(1, order + 2):
        counts = background_counts(sequences, length)
        if both_strands:
            counts = {word: (counts[word] + counts[reverse_complement(word)]) / 2 for word in counts}
        level = {}
        for word in counts:
            context, letter = word[:-1], word[-1]
            total = sum(counts[context + other] for other in NUCLEOTIDES)
            level[word] = (counts[word] + 4 * shorter[word[1:] or letter]) / (total + 4)
        result |= level
        shorter = level
    return result


def log_background(sequence, conditionals, order):
    """ln P(letter | letters before it), letter by letter; the context ends at the first letter that is not known."""
    values = []
    for i, letter in enumerate(sequence):
        context = ""
        while len(context) < order and i > len(context) and sequence[i - len(context) - 1] in NUCLEOTIDES:
            context = sequence[i - len(context) - 1] + context
        values.append(math.log(sum(conditionals[context + meant] for meant in MEANINGS[letter])))
    return values


def rounded_background(sequence, background, width):
    """exp(log probability of each window) from running sums in single precision, over the exact one."""
    logs = [math.log(background[NUCLEOTIDES.index(letter)]) for letter in sequence]
    sums = [0.0]
    for value in logs:
        sums.append(float(np.float32(sums[-1] + value)))
    return [
        math.exp(sums[start + width] - sums[start] - sum(logs[start : start + width]))
        for start in range(len(sequence) - width + 1)
    ]


def rescaled_mixture(sequence, matrix, background, rate, both_strands, free):
    """z of the two-component mixture, windows one by one, then overlaps rescaled as MEME does: (window, strand)."""
    width = len(matrix)
    rounding = rounded_background(sequence, background, width)
    z = []
    for start in range(len(sequence) - width + 1):
        word = sequence[start : start + width]
        reads = [word, reverse_complement(word)] if both_strands else [word]
        ratios = [word_ratio(matrix, background, read) / rounding[start] for read in reads]
        site = [rate / len(reads) * ratio for ratio in ratios]
        z.append([value / (sum(site) + 1.0 - rate) * min(free[start : start + width]) for value in site])
    z = np.array(z)
    for frame in range(0, width, 2):
        for first in range(frame, len(z), width):
            run = z[first : first + width]
            sums = run.sum(axis=1)
            best = int(np.argmax(sums))
            others = sums.sum() - sums[best]
            if sums.sum() > 1.0 and others > 0.0:
                scale = max(0.0, 1.0 - sums[best]) / others
                for j in range(len(run)):
                    if j != best:
                        run[j] *= scale
    return z
