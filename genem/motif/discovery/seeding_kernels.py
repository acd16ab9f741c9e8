"""Counting words with gaps, summing over similar words, and choosing words that differ."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel, parallel_kernel, prange

UNDETERMINED = -1
"""A place of a pattern where any letter may stand."""


@kernel
def count_words(
    letters: np.ndarray,
    offsets: np.ndarray,
    room: np.ndarray,
    places: np.ndarray,
    n_letters: int,
    canonical: np.ndarray,
    once: bool,
    counts: np.ndarray,
    n_windows: np.ndarray,
) -> None:
    """Count the words at ``places`` of every window whose letters there are all known.

    ``once``: sequences that hold the word (on either strand, where ``canonical`` joins the strands); else its
    occurrences that do not overlap.

    Parameters
    ----------
    letters
        uint8 (position,)
    offsets
        int64 (sequence + 1,)
    room
        int32 (position,): letters up to the end of the sequence or the next erased one.
    places
        int64 (place,)
    canonical
        int64 (word,): the word by whose name it is counted.
    counts
        int64 (word,): added to.
    n_windows
        int64 (sequence,): windows of every sequence, added to.
    """
    span = places[-1] + 1
    last = np.full(len(counts), -span, np.int64)
    for sequence in range(len(offsets) - 1):
        start = offsets[sequence]
        for i in range(start, offsets[sequence + 1] - span + 1):
            if room[i] < span:
                continue
            word = 0
            known = True
            for place in places:
                letter = int(letters[i + place])
                known &= letter < n_letters
                word = word * n_letters + letter
            if not known:
                continue
            n_windows[sequence] += 1
            word = canonical[word]
            if last[word] >= start if once else last[word] > i - span:
                continue
            last[word] = i
            counts[word] += 1


@parallel_kernel
def count_all_words(
    letters: np.ndarray,
    offsets: np.ndarray,
    room: np.ndarray,
    templates: np.ndarray,
    n_letters: int,
    canonical: np.ndarray,
    once: bool,
    counts: np.ndarray,
    n_windows: np.ndarray,
) -> None:
    """:func:`count_words` for every row of ``templates`` (template, place); one thread works on one template.

    ``letters``, ``room`` (position,), ``offsets`` (sequence + 1,) and ``canonical`` (word,) are common to all;
    ``counts`` (template, word) and ``n_windows`` (template, sequence) are added to.
    """
    for template in prange(len(templates)):
        count_words(
            letters,
            offsets,
            room,
            templates[template],
            n_letters,
            canonical,
            once,
            counts[template],
            n_windows[template],
        )


@kernel
def sum_over_similar(
    values: np.ndarray, words: np.ndarray, similar: np.ndarray, n_places: int, sums: np.ndarray
) -> None:
    """Sum ``values`` (word,) over each of ``words`` (index,) and its neighbours.

    A neighbour differs in one place by a similar letter. ``similar`` is (letter, letter); ``sums`` (index,) is filled.
    """
    n_letters = len(similar)
    for index in range(len(words)):
        word = words[index]
        total = values[word]
        power = 1
        for _ in range(n_places):
            letter = word // power % n_letters
            for other in range(n_letters):
                if other != letter and similar[letter, other]:
                    total += values[word + (other - letter) * power]
            power *= n_letters
        sums[index] = total


@kernel
def excess(count: float, expected: float) -> float:
    """Log-likelihood ratio of a Poisson count above its expectation, nats; 0 below."""
    if count <= expected or expected <= 0.0:
        return 0.0
    return count * math.log(count / expected) - (count - expected)


@kernel
def score_words(counts: np.ndarray, expected: np.ndarray, scores: np.ndarray) -> None:
    """Fill ``scores`` with the excess of each of ``counts`` over ``expected``, all (word,)."""
    for word in range(len(counts)):
        scores[word] = excess(counts[word], expected[word])


@kernel
def alike(first: np.ndarray, second: np.ndarray, most_shift: int) -> bool:
    """Whether ``first`` and ``second`` (place,) agree in all but one of their determined places, moved by a few places.

    They are moved by up to ``most_shift``. Where they are, a place may be lost at the end for each step.
    """
    size = len(first)
    n_determined = 0
    for place in range(size):
        n_determined += first[place] != UNDETERMINED
    for shift in range(-most_shift, most_shift + 1):
        agreeing, opposed = 0, 0
        for place in range(size):
            other = place + shift
            if other < 0 or other >= size:
                continue
            if first[place] == UNDETERMINED or second[other] == UNDETERMINED:
                continue
            if first[place] == second[other]:
                agreeing += 1
            else:
                opposed += 1
        if agreeing >= n_determined - 1 - abs(shift) and agreeing >= 3 and opposed <= 1:
            return True
    return False


@kernel
def has_period(pattern: np.ndarray, longest: int) -> bool:
    """Whether ``pattern`` (place,) repeats itself with a period of up to ``longest`` places."""
    for period in range(1, longest + 1):
        same, compared = 0, 0
        for place in range(len(pattern) - period):
            if pattern[place] != UNDETERMINED and pattern[place + period] != UNDETERMINED:
                compared += 1
                same += pattern[place] == pattern[place + period]
        if compared >= 3 and same == compared:
            return True
    return False


@kernel
def choose_patterns(
    patterns: np.ndarray,
    reversed_patterns: np.ndarray,
    wanted: int,
    most_alike: int,
    most_periodic: int,
    chosen: np.ndarray,
) -> int:
    """Take patterns in order, at most ``most_alike`` of one kind and ``most_periodic`` that repeat themselves.

    ``patterns`` and ``reversed_patterns`` are (pattern, place); the first of ``chosen`` (seed,) are filled, and their
    number is returned.
    """
    n_chosen, n_periodic = 0, 0
    for candidate in range(len(patterns)):
        if n_chosen == wanted:
            break
        periodic = has_period(patterns[candidate], 3)
        if periodic and n_periodic == most_periodic:
            continue
        n_alike = 0
        for k in range(n_chosen):
            other = patterns[chosen[k]]
            n_alike += alike(patterns[candidate], other, 2) or alike(reversed_patterns[candidate], other, 2)
            if n_alike == most_alike:
                break
        if n_alike == most_alike:
            continue
        n_periodic += periodic
        chosen[n_chosen] = candidate
        n_chosen += 1
    return n_chosen
