"""Likelihood of every allele count at a site, and EM for the spectrum over sites.

For a site with n chromosomes, h(k) = P(data | k of the n carry the derived allele), each way of spreading them equally
likely. Adding a diploid sample with genotype likelihoods g0, g1, g2 to m chromosomes gives, with m' = m + 2,

    h'(l) = [(m' - l)(m' - l - 1) g0 h(l) + 2 l (m' - l) g1 h(l - 1) + l (l - 1) g2 h(l - 2)] / (m' (m' - 1))

and a haploid one h'(l) = [(m' - l) g0 h(l) + l g1 h(l - 1)] / m' with m' = m + 1 (Li 2011,
doi:10.1093/bioinformatics/btr509, the recursion for z(l) divided by the binomial coefficient: in this scale flat data
stay exactly flat). The largest value is kept near one, and counts whose likelihood is below ``NEGLIGIBLE`` of the
largest are left out at both ends, so that nothing underflows and certain data cost little. Samples enter in mixed
order (``order``): if all reference homozygotes came first, what is negligible then might not be so in the end.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel, parallel_kernel, prange

NEGLIGIBLE = 1e-290
"""Counts dropped while samples are added."""
NEGLIGIBLE_AT_SITE = 1e-30
"""Counts dropped from the result. At the maximum of the likelihood over spectra every site has P >= max h / sites,
so that these contribute nothing a double could hold."""


@kernel
def add_diploid(
    source: np.ndarray, target: np.ndarray, low: int, high: int, m: int, g0: float, g1: float, g2: float
) -> float:
    """One step of the recursion from ``source[low:high + 1]`` over m chromosomes; returns the largest new value.

    ``source`` and ``target`` are (chromosomes + 1,).
    """
    grown = m + 2
    scale = 1.0 / (grown * (grown - 1.0))
    largest = 0.0
    for l in range(low, high + 3):
        value = 0.0
        if l <= high:
            value += (grown - l) * (grown - l - 1.0) * g0 * source[l]
        if low < l <= high + 1:
            value += 2.0 * l * (grown - l) * g1 * source[l - 1]
        if l >= low + 2:
            value += l * (l - 1.0) * g2 * source[l - 2]
        target[l] = value * scale
        largest = max(largest, target[l])
    return largest


@kernel
def add_haploid(source: np.ndarray, target: np.ndarray, low: int, high: int, m: int, g0: float, g1: float) -> float:
    """One step of the recursion, like :func:`add_diploid`, for one chromosome.

    ``source`` and ``target`` are (chromosomes + 1,).
    """
    grown = m + 1.0
    largest = 0.0
    for l in range(low, high + 2):
        value = 0.0
        if l <= high:
            value += (grown - l) * g0 * source[l]
        if l > low:
            value += l * g1 * source[l - 1]
        target[l] = value / grown
        largest = max(largest, target[l])
    return largest


@kernel
def trim(values: np.ndarray, low: int, high: int, threshold: float) -> tuple[int, int]:
    """The band of ``values[low:high + 1]`` without the ends that are below the threshold.

    ``values`` is (chromosomes + 1,).
    """
    while values[low] < threshold:
        low += 1
    while values[high] < threshold:
        high -= 1
    return low, high


@kernel
def count_likelihoods(
    likelihood: np.ndarray, copies: np.ndarray, order: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[bool, int, int, float]:
    """h(k) of one site, in one of two work arrays, scaled to a largest value of one.

    Parameters
    ----------
    likelihood
        float64 (sample, 3): g0, g1, g2, largest 1; a haploid sample uses the first two. Flat where nothing is known.
    copies
        int64 (sample,): 1 or 2.
    order
        int64 (sample,): the order in which samples enter; the flat ones are put last.
    first, second
        float64 (chromosomes + 1,): work space.

    Returns
    -------
    in_first, low, high, log_scale
        Which array holds h, its band, and ln of what h was divided by.
    """
    first[0] = 1.0
    low, high, m = 0, 0, 0
    log_scale = 0.0
    n_flat = 0
    in_first = True
    # Informative samples, one after the other.
    for sample in order:
        g0, g1, g2 = likelihood[sample, 0], likelihood[sample, 1], likelihood[sample, 2]
        if g0 == 1.0 and g1 == 1.0 and (copies[sample] == 1 or g2 == 1.0):
            n_flat += copies[sample]
            continue
        source, target = (first, second) if in_first else (second, first)
        if copies[sample] == 2:
            largest = add_diploid(source, target, low, high, m, g0, g1, g2)
        else:
            largest = add_haploid(source, target, low, high, m, g0, g1)
        in_first = not in_first
        m += copies[sample]
        high += copies[sample]
        if largest < 1e-100:
            for l in range(low, high + 1):
                target[l] /= largest
            log_scale += math.log(largest)
            largest = 1.0
        low, high = trim(target, low, high, NEGLIGIBLE * largest)
    # Chromosomes about which nothing is known.
    for _ in range(n_flat):
        source, target = (first, second) if in_first else (second, first)
        largest = add_haploid(source, target, low, high, m, 1.0, 1.0)
        in_first = not in_first
        m += 1
        high += 1
        low, high = trim(target, low, high, NEGLIGIBLE * largest)
    result = first if in_first else second
    largest = 0.0
    for l in range(low, high + 1):
        largest = max(largest, result[l])
    for l in range(low, high + 1):
        result[l] /= largest
    low, high = trim(result, low, high, NEGLIGIBLE_AT_SITE)
    return in_first, low, high, log_scale + math.log(largest)


@parallel_kernel
def count_likelihoods_of_sites(
    likelihood: np.ndarray,
    copies: np.ndarray,
    order: np.ndarray,
    dense: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    log_scale: np.ndarray,
) -> None:
    """:func:`count_likelihoods` of every site; fills ``dense``, float64 (site, chromosomes + 1), within its band.

    ``likelihood`` is float64 (site, sample, 3), ``copies`` int64 (site, sample), ``order`` int64 (sample,), ``low``,
    ``high`` and ``log_scale`` are (site,).
    """
    for site in prange(likelihood.shape[0]):
        second = np.empty(dense.shape[1])
        in_first, low[site], high[site], scale = count_likelihoods(likelihood[site], copies, order, dense[site], second)
        log_scale[site] += scale
        if not in_first:
            for l in range(low[site], high[site] + 1):
                dense[site, l] = second[l]


@kernel
def projected_counts(
    derived: int, called: int, n: int, log_factorial: np.ndarray, values: np.ndarray
) -> tuple[int, int, float]:
    """h(k) for ``derived`` copies among ``called`` that are known, and nothing about the other chromosomes.

    The hypergeometric probability of drawing them from a site with k of n; fills ``values[low:high + 1]``, largest 1.

    ``log_factorial`` is (chromosomes + 1,), ``values`` (n + 1,).
    """
    low, high = derived, n - (called - derived)
    log_all = log_factorial[n] - log_factorial[called] - log_factorial[n - called]
    largest = -math.inf
    for k in range(low, high + 1):
        chosen = log_factorial[k] - log_factorial[derived] - log_factorial[k - derived]
        others = log_factorial[n - k] - log_factorial[called - derived] - log_factorial[n - k - called + derived]
        values[k] = chosen + others - log_all
        largest = max(largest, values[k])
    for k in range(low, high + 1):
        values[k] = math.exp(values[k] - largest)
    low, high = trim(values, low, high, NEGLIGIBLE_AT_SITE)
    return low, high, largest


@parallel_kernel
def projected_counts_of_sites(
    derived: np.ndarray,
    called: np.ndarray,
    n: int,
    log_factorial: np.ndarray,
    dense: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    log_scale: np.ndarray,
) -> None:
    """:func:`projected_counts` of every site.

    ``derived``, ``called``, ``low``, ``high`` and ``log_scale`` are (site,), ``log_factorial`` is (chromosomes + 1,),
    ``dense`` (site, n + 1).
    """
    for site in prange(derived.shape[0]):
        low[site], high[site], scale = projected_counts(derived[site], called[site], n, log_factorial, dense[site])
        log_scale[site] += scale


@kernel
def gather_bands(dense: np.ndarray, low: np.ndarray, high: np.ndarray, start: np.ndarray, values: np.ndarray) -> None:
    """Copy the band of each row of ``dense`` to its place in the ragged ``values``.

    ``dense`` is (site, count), ``low`` and ``high`` are (site,), ``start`` is (site + 1,), ``values`` (entry,).
    """
    for site in range(dense.shape[0]):
        for offset in range(high[site] - low[site] + 1):
            values[start[site] + offset] = dense[site, low[site] + offset]


@kernel
def dot(first: np.ndarray, second: np.ndarray) -> float:
    """Inner product in four running sums, which a processor works on at the same time.

    ``first`` and ``second`` are (entry,).
    """
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    n_in_fours = first.shape[0] // 4 * 4
    for i in range(0, n_in_fours, 4):
        s0 += first[i] * second[i]
        s1 += first[i + 1] * second[i + 1]
        s2 += first[i + 2] * second[i + 2]
        s3 += first[i + 3] * second[i + 3]
    for i in range(n_in_fours, first.shape[0]):
        s0 += first[i] * second[i]
    return (s0 + s1) + (s2 + s3)


@kernel
def add_scaled(target: np.ndarray, scale: float, values: np.ndarray) -> None:
    """Add ``scale`` times ``values`` (entry,) to ``target`` (entry,)."""
    for i in range(values.shape[0]):
        target[i] += scale * values[i]


@kernel
def log_and_share(probability: float, weight: float) -> tuple[float, float]:
    """A site's part of the log-likelihood, and weight / P."""
    if probability > 0.0:
        return weight * math.log(probability), weight / probability
    return -math.inf, 0.0


@parallel_kernel
def expected_spectrum(
    frequency: np.ndarray,
    weight: np.ndarray,
    low: np.ndarray,
    start: np.ndarray,
    values: np.ndarray,
    chunk: int,
    partial: np.ndarray,
    log_likelihood: np.ndarray,
) -> None:
    """d log L / d frequency(k) and log L in fixed chunks of sites; P(site) = sum_k frequency(k) h(k).

    ``partial`` is float64 (chunk, count) and ``log_likelihood`` float64 (chunk,); the caller adds both up in order,
    so that the bits do not depend on the number of threads.

    ``frequency`` is (count,), ``weight`` and ``low`` are (site,), ``start`` is (site + 1,), ``values`` (entry,).
    """
    n_sites = low.shape[0]
    for part in prange(partial.shape[0]):
        for site in range(part * chunk, min(n_sites, (part + 1) * chunk)):
            if weight[site] == 0.0:
                continue
            band = values[start[site] : start[site + 1]]
            within = slice(low[site], low[site] + band.shape[0])
            term, share = log_and_share(dot(frequency[within], band), weight[site])
            log_likelihood[part] += term
            add_scaled(partial[part, within], share, band)


@parallel_kernel
def expected_spectrum_2d(
    frequency: np.ndarray,
    weight: np.ndarray,
    first: tuple[np.ndarray, np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray, np.ndarray],
    chunk: int,
    partial: np.ndarray,
    log_likelihood: np.ndarray,
) -> None:
    """Derivatives and log L, like :func:`expected_spectrum`, for two groups of samples.

    P(site) = sum_kj frequency(k, j) h_1(k) h_2(j).

    ``first`` and ``second`` are the bands (low, start, values) of the groups; ``frequency`` is float64
    (count 1, count 2), ``partial`` float64 (chunk, count 1, count 2).

    ``weight`` is (site,), ``log_likelihood`` (chunk,).
    """
    n_sites = weight.shape[0]
    for part in prange(partial.shape[0]):
        inner = np.empty(frequency.shape[1])
        for site in range(part * chunk, min(n_sites, (part + 1) * chunk)):
            if weight[site] == 0.0:
                continue
            rows = first[2][first[1][site] : first[1][site + 1]]
            columns = second[2][second[1][site] : second[1][site + 1]]
            top = first[0][site]
            within = slice(second[0][site], second[0][site] + columns.shape[0])
            inner[: columns.shape[0]] = 0.0
            for row in range(rows.shape[0]):
                add_scaled(inner, rows[row], frequency[top + row, within])
            term, share = log_and_share(dot(inner[: columns.shape[0]], columns), weight[site])
            log_likelihood[part] += term
            for row in range(rows.shape[0]):
                add_scaled(partial[part, top + row, within], share * rows[row], columns)
