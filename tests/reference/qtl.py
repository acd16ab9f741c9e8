"""Interval mapping as the textbooks have it: gametes are enumerated, regressions solved with dense matrices."""

from itertools import product
from math import atan, atanh, exp, log, pi, prod, sqrt, tanh

import numpy as np

GENOTYPES = {(0, 0): "AA", (0, 1): "AB", (1, 0): "AB", (1, 1): "BB"}
COMPATIBLE = {"not BB": ("AA", "AB"), "not AA": ("AB", "BB")}


def fraction(distance, map_function):
    """Recombination fraction by the formula; Carter-Falconer by bisection."""
    morgan = distance / 100
    if map_function == "haldane":
        return (1 - exp(-2 * morgan)) / 2
    if map_function == "kosambi":
        return tanh(2 * morgan) / 2
    if map_function == "morgan":
        return min(morgan, 0.5)
    low, high = 0.0, 0.5
    for _ in range(200):
        middle = (low + high) / 2
        too_far = middle < 0.5 and 0.25 * (atanh(2 * middle) + atan(2 * middle)) <= morgan
        low, high = (middle, high) if too_far else (low, middle)
    return low


def gamete_probability(gamete, fractions):
    """The probability of a run of grandparental alleles."""
    steps = zip(gamete, gamete[1:], fractions, strict=False)
    return 0.5 * prod(r if a != b else 1 - r for a, b, r in steps)


def call_probability(call, genotype, n_states, error):
    if call is None:
        return 1.0
    if call in COMPATIBLE:
        return 1 - error / 2 if genotype in COMPATIBLE[call] else error
    return 1 - error if call == genotype else error / (n_states - 1)


def intercross_probabilities(calls, fractions, error):
    """P(genotype at each place | calls), by all pairs of gametes of an F2 individual; place -> genotype -> P."""
    n = len(calls)
    weights = [dict.fromkeys(("AA", "AB", "BB"), 0.0) for _ in range(n)]
    gametes = [(g, gamete_probability(g, fractions)) for g in product((0, 1), repeat=n)]
    for (mother, p), (father, q) in product(gametes, gametes):
        genotypes = [GENOTYPES[pair] for pair in zip(mother, father, strict=True)]
        joint = p * q * prod(call_probability(c, g, 3, error) for c, g in zip(calls, genotypes, strict=True))
        for place, genotype in enumerate(genotypes):
            weights[place][genotype] += joint
    total = sum(weights[0].values())
    return [{g: w / total for g, w in at.items()} for at in weights], total


def two_state_probabilities(calls, fractions, error, names):
    """The same where one gamete decides: backcross, doubled haploids, inbred lines."""
    n = len(calls)
    weights = [dict.fromkeys(names, 0.0) for _ in range(n)]
    for gamete in product((0, 1), repeat=n):
        genotypes = [names[allele] for allele in gamete]
        joint = gamete_probability(gamete, fractions)
        joint *= prod(call_probability(c, g, 2, error) for c, g in zip(calls, genotypes, strict=True))
        for place, genotype in enumerate(genotypes):
            weights[place][genotype] += joint
    total = sum(weights[0].values())
    return [{g: w / total for g, w in at.items()} for at in weights], total


def regression_log_likelihood(y, x, weights):
    """Maximum of the normal log-likelihood of a weighted linear regression."""
    root = np.sqrt(weights)
    beta = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
    rss = float(np.sum(weights * (y - x @ beta) ** 2))
    n = len(y)
    return -n / 2 * (log(2 * pi * rss / n) + 1) + float(np.log(weights).sum()) / 2


def mixture_log_likelihood(y, designs, probabilities, beta, sigma, weights):
    """Log-likelihood of the interval mapping model; designs (state, individual, column)."""
    total = 0.0
    for i in range(len(y)):
        sd = sigma / sqrt(weights[i])
        densities = [
            probabilities[i, j] * exp(-(((y[i] - designs[j, i] @ beta) / sd) ** 2) / 2) / (sd * sqrt(2 * pi))
            for j in range(len(designs))
        ]
        total += log(sum(densities))
    return total


def mixture_em(y, designs, probabilities, weights, n_iter):
    """Plain EM from the prior weights: the definition, one step after another."""
    n, n_states = probabilities.shape
    posterior = probabilities.copy()
    x = designs.reshape(-1, designs.shape[2])
    for _ in range(n_iter):
        v = (posterior.T * weights).ravel()
        beta = np.linalg.lstsq(x * np.sqrt(v)[:, None], np.tile(y, n_states) * np.sqrt(v), rcond=None)[0]
        residuals = y - designs @ beta
        sigma = sqrt(float(np.sum(posterior.T * weights * residuals**2)) / n)
        density = probabilities.T * np.exp(-0.5 * weights * (residuals / sigma) ** 2)
        posterior = (density / density.sum(axis=0)).T
    return beta, sigma, mixture_log_likelihood(y, designs, probabilities, beta, sigma, weights)
