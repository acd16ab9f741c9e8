"""Posterior genotype probabilities of every sample under fitted allele frequencies."""

from __future__ import annotations

import math

import numpy as np

from genem.data import ABSENT_ALLELE, MISSING_ALLELE
from genem.jit import kernel
from genem.popgen.count_kernels import NO_COPY, SINGLE_COPY, Design, copies_role
from genem.popgen.genotype_model_kernels import (
    arrangements,
    genotype_copies,
    homozygote_index,
    n_genotypes,
    ploidy_of,
)


@kernel
def fitted_frequencies(
    row: int,
    pooled_row: int,
    row_offsets: np.ndarray,
    allele_frequency: np.ndarray,
    inbreeding_coefficient: np.ndarray,
    frequency: np.ndarray,
) -> float:
    """Fill ``frequency`` (allele,) from a row, or from the pooled one where it is undefined; return F.

    F of several ALT alleles is their average, weighted by the expected heterozygosity 2 p (1 - p) of each.
    """
    n_alts = frequency.shape[0] - 1
    start = row_offsets[row]
    if n_alts > 0 and math.isnan(allele_frequency[start]):
        start = row_offsets[pooled_row]
    rest = 1.0
    weighted = 0.0
    weights = 0.0
    for alt in range(n_alts):
        p = allele_frequency[start + alt]
        frequency[alt + 1] = p
        rest -= p
        f = inbreeding_coefficient[start + alt]
        if not math.isnan(f):
            weighted += p * (1.0 - p) * f
            weights += p * (1.0 - p)
    frequency[0] = rest if rest > 0.0 or math.isnan(rest) else 0.0
    return weighted / weights if weights > 0.0 else 0.0


@kernel
def completed_call(
    known: np.ndarray, n_missing: int, copies: np.ndarray, frequency: np.ndarray, f: float, weights: np.ndarray
) -> None:
    """Weight of each genotype (genotype,) given the copies that were called and the number of those that were not.

    Under random mating the missing copies are drawn from the frequencies; with inbreeding F, in diploids, a second
    copy is identical by descent to the first with probability F:
    P(aa) = p_a^2 + F p_a (1 - p_a), P(ab) = 2 p_a p_b (1 - F). Wright (1951), doi:10.1111/j.1469-1809.1949.tb02451.x.
    """
    n_alleles = frequency.shape[0]
    n_known = 0
    for allele in range(n_alleles):
        n_known += known[allele]
    drawn = np.empty(n_alleles, np.int64)
    for genotype in range(weights.shape[0]):
        compatible = True
        homozygous = -1
        for allele in range(n_alleles):
            drawn[allele] = copies[genotype, allele] - known[allele]
            compatible = compatible and drawn[allele] >= 0
            if copies[genotype, allele] == 2:
                homozygous = allele
        if not compatible:
            weights[genotype] = 0.0
            continue
        weight = arrangements(drawn)
        for allele in range(n_alleles):
            for _ in range(drawn[allele]):
                weight *= frequency[allele]
        if n_known + n_missing == 2 and n_missing > 0 and f != 0.0:
            identical = 0.0
            if homozygous >= 0:
                identical = 1.0 if n_known == 1 else frequency[homozygous]
            weight = max(0.0, (1.0 - f) * weight + f * identical)
        weights[genotype] = weight


@kernel
def only_homozygotes(frequency: np.ndarray, ploidy: int, weights: np.ndarray) -> None:
    """Weights of one copy that is written with ``ploidy`` copies: a homozygote each, at the allele's frequency."""
    weights[:] = 0.0
    for allele in range(frequency.shape[0]):
        weights[homozygote_index(allele, ploidy)] = frequency[allele]


@kernel
def normalise(weights: np.ndarray, copies: np.ndarray, dosages: np.ndarray) -> None:
    """Scale the weights (genotype,) to sum 1, in place, and fill the expected copies of each ALT (alt,)."""
    total = 0.0
    for genotype in range(weights.shape[0]):
        total += weights[genotype]
    if not total > 0.0:
        weights[:] = math.nan
        dosages[:] = math.nan
        return
    dosages[:] = 0.0
    for genotype in range(weights.shape[0]):
        weights[genotype] /= total
        for alt in range(dosages.shape[0]):
            dosages[alt] += weights[genotype] * copies[genotype, alt + 1]


@kernel
def multiply_likelihoods(values: np.ndarray, phred: bool, weights: np.ndarray) -> None:
    """Multiply the weights (genotype,) by likelihoods in the units of the file, scaled so that nothing underflows.

    The scale is the best likelihood among genotypes that can occur; a sample with a missing value keeps its weights.
    """
    best = -math.inf
    for genotype in range(weights.shape[0]):
        value = float(values[genotype])
        if math.isnan(value) or (phred and value < 0.0):
            return
        log10 = -0.1 * value if phred else value
        if weights[genotype] > 0.0:
            best = max(best, log10)
    if best == -math.inf:
        return
    for genotype in range(weights.shape[0]):
        value = float(values[genotype])
        log10 = -0.1 * value if phred else value
        if weights[genotype] > 0.0:
            weights[genotype] *= 10.0 ** (log10 - best)


@kernel
def called_ploidy(copies: np.ndarray) -> int:
    """Copies that a call is written with; 0 for the single dot that says nothing of the ploidy."""
    ploidy = 0
    for copy in range(copies.shape[0]):
        if copies[copy] != ABSENT_ALLELE:
            ploidy += 1
    return 0 if ploidy == 1 and copies[0] == MISSING_ALLELE else ploidy


@kernel
def call_posteriors(
    alleles: np.ndarray,
    design: Design,
    half_calls_missing: bool,
    row_offsets: np.ndarray,
    allele_frequency: np.ndarray,
    inbreeding_coefficient: np.ndarray,
    probabilities: np.ndarray,
    numbers: np.ndarray,
    dosages: np.ndarray,
) -> None:
    """Complete the called genotypes of a block: see :func:`genem.popgen.genotype_posteriors`."""
    n_variants, n_samples, n_copies = alleles.shape
    for variant in range(n_variants):
        n_alleles = design.n_alleles[variant]
        frequency = np.empty(n_alleles)
        known = np.zeros(n_alleles, np.int64)
        usual = 0
        for sample in range(n_samples):
            usual = max(usual, called_ploidy(alleles[variant, sample]))
        first_row = variant * (design.n_groups + 1)
        for ploidy in range(1, n_copies + 1):
            size = n_genotypes(n_alleles, ploidy)
            copies = np.empty((size, n_alleles), np.int64)
            genotype_copies(n_alleles, ploidy, copies)
            for sample in range(n_samples):
                call = alleles[variant, sample]
                written = called_ploidy(call)
                role = copies_role(design.region[variant], design.sex[sample])
                if written == 0:
                    written = 1 if role == SINGLE_COPY or usual == 0 else usual
                if written != ploidy or role == NO_COPY:
                    continue
                f = fitted_frequencies(
                    first_row + design.group[sample],
                    first_row + design.n_groups,
                    row_offsets,
                    allele_frequency,
                    inbreeding_coefficient,
                    frequency,
                )
                n_known = 0
                known[:] = 0
                for copy in range(n_copies):
                    if call[copy] >= 0:
                        known[call[copy]] += 1
                        n_known += 1
                if half_calls_missing and n_known < ploidy:
                    known[:] = 0
                    n_known = 0
                weights = probabilities[variant, sample, :size]
                if role == SINGLE_COPY and ploidy > 1:
                    only_homozygotes(frequency, ploidy, weights)
                    for allele in range(n_alleles):
                        if n_known > 0 and known[allele] == n_known:
                            weights[:] = 0.0
                            weights[homozygote_index(allele, ploidy)] = 1.0
                else:
                    completed_call(known, ploidy - n_known, copies, frequency, f, weights)
                numbers[variant, sample] = size
                normalise(weights, copies, dosages[variant, sample, : n_alleles - 1])


@kernel
def likelihood_posteriors(
    likelihoods: np.ndarray,
    n_likelihoods: np.ndarray,
    phred: bool,
    design: Design,
    row_offsets: np.ndarray,
    allele_frequency: np.ndarray,
    inbreeding_coefficient: np.ndarray,
    probabilities: np.ndarray,
    numbers: np.ndarray,
    dosages: np.ndarray,
) -> None:
    """Combine likelihoods and fitted frequencies: see :func:`genem.popgen.genotype_posteriors`."""
    n_variants, n_samples = n_likelihoods.shape
    ploidies = np.empty(n_samples, np.int64)
    for variant in range(n_variants):
        n_alleles = design.n_alleles[variant]
        frequency = np.empty(n_alleles)
        nothing_known = np.zeros(n_alleles, np.int64)
        largest = 0
        for sample in range(n_samples):
            ploidies[sample] = 0
            if n_likelihoods[variant, sample] > 0:
                ploidies[sample] = ploidy_of(n_likelihoods[variant, sample], n_alleles)
                largest = max(largest, ploidies[sample])
        first_row = variant * (design.n_groups + 1)
        for ploidy in range(1, max(largest, 2) + 1):
            size = n_genotypes(n_alleles, ploidy)
            if size > probabilities.shape[2]:
                break
            copies = np.empty((size, n_alleles), np.int64)
            genotype_copies(n_alleles, ploidy, copies)
            for sample in range(n_samples):
                role = copies_role(design.region[variant], design.sex[sample])
                written = ploidies[sample]
                if written == 0:
                    written = 1 if role == SINGLE_COPY else (largest if largest > 0 else 2)
                if written != ploidy or role == NO_COPY:
                    continue
                f = fitted_frequencies(
                    first_row + design.group[sample],
                    first_row + design.n_groups,
                    row_offsets,
                    allele_frequency,
                    inbreeding_coefficient,
                    frequency,
                )
                weights = probabilities[variant, sample, :size]
                if role == SINGLE_COPY and ploidy > 1:
                    only_homozygotes(frequency, ploidy, weights)
                else:
                    completed_call(nothing_known, ploidy, copies, frequency, f, weights)
                if n_likelihoods[variant, sample] > 0:
                    multiply_likelihoods(likelihoods[variant, sample, :size], phred, weights)
                numbers[variant, sample] = size
                normalise(weights, copies, dosages[variant, sample, : n_alleles - 1])
