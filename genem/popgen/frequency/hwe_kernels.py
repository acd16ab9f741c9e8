"""Exact tests of Hardy-Weinberg proportions, by recurrences that start at the observed table.

The observed table has a fixed weight and every other table follows from a neighbour by a rational factor, so no
factorial is formed. The weight is small, which leaves room for the sum over likelier tables: p-values keep their
relative precision down to the smallest normal double and are rounded correctly below, to the smallest of all.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel

# Tables whose probabilities differ by less than this (relative) are ties: rounding must not part them.
TIE = 1e-11
# A falling run of tables stops when a term is this small beside the tail summed so far.
NEGLIGIBLE = 1e-17
# Weight of the observed table; a power of two does not change a digit of the ratios.
OBSERVED = 2.0**-900


@kernel
def neighbour(direction: int, hom_ref: float, het: float, hom_alt: float) -> tuple[float, float, float, float]:
    """Ratio of the probability of the next table to that of this one, and the counts of the next one.

    It has two heterozygotes fewer (``direction`` 0), or two more (1).
    """
    if direction == 0:
        factor = het * (het - 1.0) / (4.0 * (hom_ref + 1.0) * (hom_alt + 1.0))
        return factor, hom_ref + 1.0, het - 2.0, hom_alt + 1.0
    factor = 4.0 * hom_ref * hom_alt / ((het + 2.0) * (het + 1.0))
    return factor, hom_ref - 1.0, het + 2.0, hom_alt - 1.0


@kernel
def exact_test(n_hom_ref: int, n_het: int, n_hom_alt: int) -> tuple[float, float]:
    """Exact p and mid-p of one table of genotype counts; NaN where nobody was called.

    Wigginton, Cutler & Abecasis (2005), Am. J. Hum. Genet. 76:887, doi:10.1086/429864, eq. (2): heterozygote
    counts of the same parity, given the allele counts. Mid-p halves the weight of the tables as likely as the
    observed one: Graffelman & Moreno (2013), doi:10.1515/sagmb-2012-0039.
    """
    if n_hom_ref + n_het + n_hom_alt == 0:
        return math.nan, math.nan
    tail = OBSERVED
    total = OBSERVED
    tied = OBSERVED
    for direction in range(2):
        het = float(n_het)
        hom_ref = float(n_hom_ref)
        hom_alt = float(n_hom_alt)
        term = OBSERVED
        while True:
            factor, hom_ref, het, hom_alt = neighbour(direction, hom_ref, het, hom_alt)
            if factor <= 0.0:
                break
            term *= factor
            total += term
            if term <= OBSERVED * (1.0 + TIE):
                tail += term
                if term >= OBSERVED * (1.0 - TIE):
                    tied += term
                if factor < 1.0 and term < NEGLIGIBLE * tail:
                    break
    return min(1.0, tail / total), min(1.0, (tail - 0.5 * tied) / total)


@kernel
def exchange(
    male_from: float, male_to: float, hom_to: float, het: float, hom_from: float
) -> tuple[float, float, float, float, float, float]:
    """Ratio of probabilities for the table in which a male copy and a female one change places, and its counts.

    ``male_from`` males have the allele that moves to the females, ``male_to`` the one that moves to the males;
    ``hom_to`` females are homozygous for the latter, ``hom_from`` for the former. Not positive where there is no such
    table.
    """
    if male_from < 1.0:
        return 0.0, male_from, male_to, hom_to, het, hom_from
    factor = male_from / (male_to + 1.0)
    if hom_to > 0.0:
        factor = factor * 2.0 * hom_to / (het + 1.0)
        return factor, male_from - 1.0, male_to + 1.0, hom_to - 1.0, het + 1.0, hom_from
    if het > 0.0:
        factor = factor * het / (2.0 * (hom_from + 1.0))
        return factor, male_from - 1.0, male_to + 1.0, hom_to, het - 1.0, hom_from + 1.0
    return 0.0, male_from, male_to, hom_to, het, hom_from


@kernel
def exact_test_x(n_hom_ref: int, n_het: int, n_hom_alt: int, n_male_ref: int, n_male_alt: int) -> tuple[float, float]:
    """Exact joint p and mid-p of female Hardy-Weinberg proportions and equal allele frequencies of the sexes.

    Graffelman & Weir (2016), Heredity 116:558, doi:10.1038/hdy.2016.20, eq. (4): tables with the observed number
    of males, females and alleles. Rows are the males' ALT counts, columns the females' heterozygote counts; a row
    is entered beside the likeliest table of the row before.
    """
    if n_hom_ref + n_het + n_hom_alt + n_male_ref + n_male_alt == 0:
        return math.nan, math.nan
    tail = 0.0
    total = 0.0
    tied = 0.0
    # From the observed row towards fewer ALT copies in males, then towards more.
    for direction in range(2):
        male_ref, male_alt = float(n_male_ref), float(n_male_alt)
        peak_ref, peak_het, peak_alt = float(n_hom_ref), float(n_het), float(n_hom_alt)
        peak = OBSERVED
        first = True
        previous = 0.0
        while True:
            if not (first and direction == 1):  # the observed row is summed once
                start_ref, start_het, start_alt, start = peak_ref, peak_het, peak_alt, peak
                total += start
                if start <= OBSERVED * (1.0 + TIE):
                    tail += start
                    if start >= OBSERVED * (1.0 - TIE):
                        tied += start
                # Along the row, to both sides of where it was entered.
                for side in range(2):
                    het = start_het
                    hom_ref = start_ref
                    hom_alt = start_alt
                    term = start
                    while True:
                        factor, hom_ref, het, hom_alt = neighbour(side, hom_ref, het, hom_alt)
                        if factor <= 0.0:
                            break
                        term *= factor
                        total += term
                        if term > peak:
                            peak, peak_ref, peak_het, peak_alt = term, hom_ref, het, hom_alt
                        if term <= OBSERVED * (1.0 + TIE):
                            tail += term
                            if term >= OBSERVED * (1.0 - TIE):
                                tied += term
                        if factor < 1.0 and term < NEGLIGIBLE * max(OBSERVED, tail):
                            break
                if not first and peak < previous and peak < NEGLIGIBLE * max(OBSERVED, tail):
                    break
                previous = peak
            first = False
            # Move one ALT copy between the sexes and step beside the likeliest table of the neighbouring row.
            if direction == 0:  # a male ALT becomes REF, a female REF becomes ALT
                factor, male_alt, male_ref, peak_ref, peak_het, peak_alt = exchange(
                    male_alt, male_ref, peak_ref, peak_het, peak_alt
                )
            else:  # a male REF becomes ALT, a female ALT becomes REF
                factor, male_ref, male_alt, peak_alt, peak_het, peak_ref = exchange(
                    male_ref, male_alt, peak_alt, peak_het, peak_ref
                )
            if factor <= 0.0:
                break
            peak *= factor
    return min(1.0, tail / total), min(1.0, (tail - 0.5 * tied) / total)


@kernel
def exact_tests(counts: np.ndarray, p: np.ndarray, mid_p: np.ndarray) -> None:
    """``exact_test`` of each row of ``counts`` (hom REF, het, hom ALT).

    ``counts`` is (table, 3), ``p`` and ``mid_p`` are (table,).
    """
    for i in range(counts.shape[0]):
        p[i], mid_p[i] = exact_test(counts[i, 0], counts[i, 1], counts[i, 2])


@kernel
def exact_tests_x(counts: np.ndarray, p: np.ndarray, mid_p: np.ndarray) -> None:
    """``exact_test_x`` of each row of ``counts`` (females: hom REF, het, hom ALT; males: REF, ALT).

    ``counts`` is (table, 5), ``p`` and ``mid_p`` are (table,).
    """
    for i in range(counts.shape[0]):
        p[i], mid_p[i] = exact_test_x(counts[i, 0], counts[i, 1], counts[i, 2], counts[i, 3], counts[i, 4])
