"""Tails of the log-likelihood ratio of one alignment column, free of underflow at any number of sites.

A column of ``n`` letters with counts ``n_a`` has the log-likelihood ratio ``x = sum_a n_a log(n_a / (n b_a))`` to the
background ``b``. Its multinomial probability times ``exp(x)`` does not depend on ``b`` and is never small:
``n! e^n / n^n * prod_a w(n_a)`` with ``w(k) = k^k e^-k / k!``. The kernels sum these tilted weights and leave the
factor ``exp(-threshold)`` to the caller.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from genem.jit import kernel

# A ratio this little below the threshold equals it: counts that are equal must stay so after rounding.
TIE = 1e-9


@kernel
def fill_pair(
    size: int,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    weights: NDArray[np.float64],
    ratios: NDArray[np.float64],
    tilted: NDArray[np.float64],
) -> None:
    """All ways to share ``size`` letters between two: ratios in descending order, and their tilted weights.

    ``first`` and ``second`` (letters + 1,) are ``k log(k / (n b))`` of either letter, ``weights`` (n + 1,) as in
    :func:`tails_of_four_letters`; ``ratios`` and ``tilted`` (share,) are filled. The sum of the terms is
    convex in the share, so the largest values stand at the ends and merging from there sorts them.
    """
    low, high = 0, size
    for place in range(size + 1):
        at_low = first[low] + second[size - low]
        at_high = first[high] + second[size - high]
        if at_low >= at_high:
            ratios[place] = at_low
            tilted[place] = weights[low] * weights[size - low]
            low += 1
        else:
            ratios[place] = at_high
            tilted[place] = weights[high] * weights[size - high]
            high -= 1


@kernel
def tails_of_four_letters(
    terms: NDArray[np.float64],
    weights: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    tails: NDArray[np.float64],
) -> None:
    """Exact tails for an alphabet of four letters, relative to ``exp(-threshold)`` and to ``n! e^n / n^n``.

    The letters form two pairs; for every way to share the ``n`` sites between the pairs, the ways of either pair are
    sorted, and two pointers meet along them: O(n^2) for each threshold, without any grid.

    Parameters
    ----------
    terms
        (4, n + 1): ``k log(k / (n b_a))``.
    weights
        (n + 1,): ``k^k e^-k / k!``.
    thresholds
        (threshold,)
    tails
        (threshold,): written.
    """
    n = weights.size - 1
    left, left_tilted = np.empty(n + 1), np.empty(n + 1)
    right, right_tilted = np.empty(n + 1), np.empty(n + 1)
    above = np.empty(n + 1)
    for i in range(thresholds.size):
        tails[i] = 0.0
    for size in range(n + 1):
        fill_pair(size, terms[0], terms[1], weights, left, left_tilted)
        fill_pair(n - size, terms[2], terms[3], weights, right, right_tilted)
        above[0] = right_tilted[0]  # the sum of weights * exp(-ratio) over the first ones, relative to the last of them
        for j in range(1, n - size + 1):
            above[j] = above[j - 1] * math.exp(right[j] - right[j - 1]) + right_tilted[j]
        for i in range(thresholds.size):
            least = thresholds[i] - TIE
            if left[0] + right[0] < least:
                continue
            last = n - size
            tail = 0.0
            for j in range(size + 1):
                while last >= 0 and left[j] + right[last] < least:
                    last -= 1
                if last < 0:
                    break
                tail += left_tilted[j] * above[last] * math.exp(thresholds[i] - left[j] - right[last])
            tails[i] += tail


@kernel
def tilted_distribution(
    terms: NDArray[np.float64],
    weights: NDArray[np.float64],
    step: float,
    origin: int,
    distribution: NDArray[np.float64],
) -> None:
    """The tilted weights of all columns of ``n`` letters on a grid of ratios, any alphabet.

    Letters are added one by one. A letter's term is rounded to the grid and its weight is tilted by the rounded term,
    so that probabilities stay exact and only the ratio is off, by at most half a step for each letter.

    Parameters
    ----------
    terms
        (letter, n + 1): ``k log(k / (n b_a))``.
    weights
        (n + 1,): ``k^k e^-k / k!``.
    step
        Of the grid.
    origin
        The cell of ratio 0: partial sums may be negative.
    distribution
        (cell,): written.
    """
    n_letters, n = terms.shape[0], weights.size - 1
    n_cells = distribution.size
    current = np.zeros((n + 1, n_cells))
    for k in range(n + 1):
        shift = int(np.rint(terms[0, k] / step))
        current[k, origin + shift] = weights[k] * math.exp(shift * step - terms[0, k])
    for letter in range(1, n_letters):
        following = np.zeros((n + 1, n_cells))
        for k in range(n + 1):
            shift = int(np.rint(terms[letter, k] / step))
            factor = weights[k] * math.exp(shift * step - terms[letter, k])
            start, stop = max(0, -shift), min(n_cells, n_cells - shift)
            smallest = n if letter == n_letters - 1 else k
            for total in range(smallest, n + 1):
                following[total, start + shift : stop + shift] += factor * current[total - k, start:stop]
        current = following
    for cell in range(n_cells):
        distribution[cell] = current[n, cell]
