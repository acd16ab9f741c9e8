"""Posterior genotypes from calls or likelihoods and the frequencies of the sample's group."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.data import ABSENT_ALLELE
from genem.jit import kernel
from genem.popgen.frequency.count_kernels import Options
from genem.popgen.frequency.em_kernels import NONE
from genem.popgen.frequency.genotype_model_kernels import (
    arrangements,
    genotype_tables,
    homozygote_index,
    ploidy_in,
    ploidy_of,
    slot_of,
)
from genem.popgen.samples_kernels import NO_COPY, SINGLE_COPY, Design, copies_role


class Posteriors(NamedTuple):
    """Arrays to fill; all hold NaN or 0 to start with."""

    probability: np.ndarray  # float32 (variant, sample, genotype)
    dosage: np.ndarray  # float32 (variant, sample, ALT)
    n_genotypes: np.ndarray  # int32 (variant, sample)


class Estimates(NamedTuple):
    """Columns of the frequency table."""

    offsets: np.ndarray  # int64 (row + 1,)
    frequency: np.ndarray  # float64 (flat,)
    inbreeding: np.ndarray  # float64 (flat,)


@kernel
def allele_frequencies(estimates: Estimates, row: int, frequencies: np.ndarray) -> bool:
    """The frequencies of all alleles, REF first, of a row; False where the row has no estimate.

    ``frequencies`` is (allele,).
    """
    at = estimates.offsets[row]
    frequencies[0] = 1.0
    for alt in range(1, len(frequencies)):
        frequencies[alt] = estimates.frequency[at + alt - 1]
        frequencies[0] -= frequencies[alt]
    if math.isnan(frequencies[0]):
        return False
    frequencies[0] = max(0.0, frequencies[0])
    return True


@kernel
def pooled_inbreeding(estimates: Estimates, row: int, n_alleles: int) -> float:
    """One F for all alleles of a row: 1 - sum of observed / sum of expected heterozygosities of the ALTs."""
    observed = 0.0
    expected = 0.0
    at = estimates.offsets[row]
    for alt in range(n_alleles - 1):
        p, f = estimates.frequency[at + alt], estimates.inbreeding[at + alt]
        if not math.isnan(f):
            observed += (1.0 - f) * p * (1.0 - p)
            expected += p * (1.0 - p)
    return 1.0 - observed / expected if expected > 0.0 else 0.0


@kernel
def n_copies(genotype: np.ndarray) -> int:
    """The ploidy of a genotype.

    ``genotype`` is (copy,), padded with -1.
    """
    number = 0
    while number < len(genotype) and genotype[number] != NONE:
        number += 1
    return number


@kernel
def genotype_prior(genotypes: np.ndarray, frequencies: np.ndarray, f: float, prior: np.ndarray) -> None:
    """Multinomial genotype probabilities; with F at diploids p_i^2 + F p_i (1 - p_i) and 2 p_i p_j (1 - F).

    ``genotypes`` is (genotype, copy), ``frequencies`` (allele,), ``prior`` (genotype,).
    """
    for g in range(len(genotypes)):
        genotype = genotypes[g]
        ploidy = n_copies(genotype)
        product = arrangements(genotype)
        for k in range(ploidy):
            product *= frequencies[genotype[k]]
        if ploidy == 2:
            homozygous = frequencies[genotype[0]] if genotype[0] == genotype[1] else 0.0
            product = max(0.0, (1.0 - f) * product + f * homozygous)
        prior[g] = product


@kernel
def consistent_ways(genotype: np.ndarray, called: np.ndarray) -> float:
    """In how many ways the called copies can be those of a genotype: the product of binomial coefficients.

    ``genotype`` is (copy,), ``called`` (allele,).
    """
    ways = 1.0
    for allele in range(len(called)):
        if called[allele] > 0:
            carried = 0
            for k in range(len(genotype)):
                carried += genotype[k] == allele
            for k in range(called[allele]):
                ways *= max(0.0, float(carried - k)) / (k + 1.0)
    return ways


@kernel
def call_weights(
    alleles: np.ndarray,
    genotypes: np.ndarray,
    n_alleles: int,
    single: bool,
    half_calls_missing: bool,
    weights: np.ndarray,
) -> None:
    """Likelihood of each genotype given a call: 1 for the called one, all alike where nothing is known.

    Copies not called are any of the genotype's, at random. Where one copy is expected a heterozygous call says
    nothing.

    ``alleles`` is (copy,), ``genotypes`` (genotype, copy), ``weights`` (genotype,).
    """
    called = np.zeros(n_alleles, np.int64)
    n_called, n_missing, n_different = 0, 0, 0
    for k in range(len(alleles)):
        if alleles[k] >= 0:
            n_different += called[alleles[k]] == 0
            called[alleles[k]] += 1
            n_called += 1
        elif alleles[k] != ABSENT_ALLELE:
            n_missing += 1
    nothing = n_called == 0 or (half_calls_missing and n_missing > 0) or (single and n_different > 1)
    for g in range(len(genotypes)):
        weights[g] = 1.0 if nothing else consistent_ways(genotypes[g], called)


@kernel
def likelihood_weights(values: np.ndarray, scale: float, ploidy: int, single: bool, weights: np.ndarray) -> None:
    """Likelihood of each genotype over that of the best; all alike where a value is missing.

    ``values`` is (value,), ``weights`` (genotype,).
    """
    best = -math.inf
    incomplete = False
    n_alleles = 0
    while single and homozygote_index(n_alleles, ploidy) < len(weights):
        n_alleles += 1
    n_values = n_alleles if single else len(weights)
    for k in range(n_values):
        value = float(values[homozygote_index(k, ploidy) if single else k])
        if math.isnan(value) or (scale < 0.0 and value < 0.0):
            incomplete = True
        else:
            best = max(best, value * scale)
    for g in range(len(weights)):
        weights[g] = 1.0
        if not incomplete and math.isfinite(best):
            weights[g] = math.exp(min(0.0, float(values[g]) * scale - best))


@kernel
def write_posterior(
    weights: np.ndarray,
    prior: np.ndarray,
    genotypes: np.ndarray,
    n_alleles: int,
    single: bool,
    probability: np.ndarray,
    dosage: np.ndarray,
) -> bool:
    """Posterior proportional to weight x prior, and expected ALT copies (of one where ``single``).

    ``weights``, ``prior`` and ``probability`` are (genotype,), ``genotypes`` is (genotype, copy), ``dosage`` (ALT,).
    """
    total = 0.0
    for g in range(len(weights)):
        total += weights[g] * prior[g]
    if not (total > 0.0):
        return False
    ploidy = n_copies(genotypes[0])
    for alt in range(1, n_alleles):
        dosage[alt - 1] = 0.0
    for g in range(len(weights)):
        share = weights[g] * prior[g] / total
        probability[g] = share
        for k in range(ploidy):
            allele = genotypes[g, k]
            if allele > 0:
                dosage[allele - 1] += share / (ploidy if single else 1)
    return True


@kernel
def written_ploidy(alleles: np.ndarray) -> int:
    """The number of copies of a call; 0 for a lone missing one, which may stand for any ploidy.

    ``alleles`` is (copy,).
    """
    ploidy = 0
    n_called = 0
    for k in range(len(alleles)):
        ploidy += alleles[k] != ABSENT_ALLELE
        n_called += alleles[k] >= 0
    return 0 if ploidy == 1 and n_called == 0 else ploidy


@kernel
def fill_priors(
    row: int,
    genotypes: np.ndarray,
    start: np.ndarray,
    inbreeding: bool,
    estimates: Estimates,
    n_groups: int,
    prior: np.ndarray,
) -> bool:
    """Genotype probabilities of every group from its frequencies, or the pooled ones; whether there are any.

    ``row`` is the variant's first. ``genotypes`` is (genotype, copy), ``start`` (slot,), and ``prior``
    (bucket, 2, genotype): of whole genotypes, and of single copies at the places of homozygotes.
    """
    n_alleles = int(estimates.offsets[row + 1] - estimates.offsets[row]) + 1
    frequencies = np.empty(n_alleles)
    known = True
    for bucket in range(n_groups + 1):
        source = row + bucket
        if not allele_frequencies(estimates, source, frequencies):
            source = row + n_groups
            known = allele_frequencies(estimates, source, frequencies)
        f = pooled_inbreeding(estimates, source, n_alleles) if inbreeding else 0.0
        genotype_prior(genotypes, frequencies, f, prior[bucket, 0])
        for slot in range(len(start)):
            for allele in range(n_alleles):
                prior[bucket, 1, start[slot] + homozygote_index(allele, ploidy_in(slot))] = frequencies[allele]
    return known


@kernel
def posterior_rows(
    first: int,
    last: int,
    alleles: np.ndarray,
    likelihoods: np.ndarray,
    n_likelihoods: np.ndarray,
    scale: float,
    design: Design,
    options: Options,
    estimates: Estimates,
    out: Posteriors,
) -> None:
    """Posterior genotypes of variants ``first`` to ``last``: from calls where ``scale`` is 0, else from likelihoods.

    Samples in no group, or in a group without an estimate, take the pooled frequencies. A sample of unknown ploidy
    takes the largest of the variant, 2 where none is known.

    ``alleles`` is (variant, sample, copy), ``likelihoods`` (variant, sample, value) and
    ``n_likelihoods`` (variant, sample).
    """
    n_samples, n_groups = len(design.group), design.n_groups
    ploidies = np.empty(n_samples, np.int64)
    for variant in range(first, last):
        # Ploidies as written.
        n_alleles = design.n_alleles[variant]
        largest = 0
        for sample in range(n_samples):
            if scale == 0.0:
                ploidies[sample] = written_ploidy(alleles[variant, sample])
            else:
                n_values = n_likelihoods[variant, sample]
                ploidies[sample] = ploidy_of(n_values, n_alleles) if n_values > 0 else 0
            largest = max(largest, ploidies[sample])
        if largest == 0:
            largest = 2
        genotypes, start, size = genotype_tables(n_alleles, max(2, largest), False)
        prior = np.zeros((n_groups + 1, 2, len(genotypes)))
        known = fill_priors(variant * (n_groups + 1), genotypes, start, options.inbreeding, estimates, n_groups, prior)
        # Likelihood times prior, sample by sample.
        weights = np.empty(len(genotypes))
        for sample in range(n_samples):
            role = copies_role(design.region[variant], design.sex[sample])
            if role == NO_COPY or not known:
                continue
            single = role == SINGLE_COPY
            ploidy = ploidies[sample] if ploidies[sample] > 0 else (1 if single else largest)
            slot = slot_of(ploidy)
            a, b = start[slot], start[slot] + size[slot]
            if scale == 0.0:
                call = alleles[variant, sample]
                call_weights(call, genotypes[a:b], n_alleles, single, options.half_calls_missing, weights[a:b])
            elif n_likelihoods[variant, sample] == size[slot]:
                likelihood_weights(likelihoods[variant, sample], scale, ploidy, single, weights[a:b])
            else:
                weights[a:b] = 1.0
            written = write_posterior(
                weights[a:b],
                prior[design.group[sample], 1 if single else 0, a:b],
                genotypes[a:b],
                n_alleles,
                single,
                out.probability[variant, sample],
                out.dosage[variant, sample],
            )
            if written:
                out.n_genotypes[variant, sample] = size[slot]
