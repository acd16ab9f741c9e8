"""Hidden Markov chains by the definition (every path is enumerated), and by the textbook's recursions in logarithms."""

from itertools import product
from math import exp, expm1, log, prod

import numpy as np
from scipy.integrate import quad
from scipy.special import logsumexp


def path_probabilities(initial, transitions, emissions):
    """The joint probability of each path and the emissions."""
    n_places, n_states = len(emissions), len(initial)
    joint = {}
    for path in product(range(n_states), repeat=n_places):
        steps = prod(transitions[k][path[k]][path[k + 1]] for k in range(n_places - 1))
        joint[path] = initial[path[0]] * steps * prod(emissions[k][path[k]] for k in range(n_places))
    return joint


def log_likelihood(initial, transitions, emissions):
    return log(sum(path_probabilities(initial, transitions, emissions).values()))


def state_probability(initial, transitions, emissions, place, state):
    joint = path_probabilities(initial, transitions, emissions)
    return sum(p for path, p in joint.items() if path[place] == state) / sum(joint.values())


def transition_probability(initial, transitions, emissions, step, origin, target):
    joint = path_probabilities(initial, transitions, emissions)
    chosen = (p for path, p in joint.items() if (path[step], path[step + 1]) == (origin, target))
    return sum(chosen) / sum(joint.values())


def log_forward_backward(log_initial, log_transitions, log_density):
    """Textbook forward-backward in logarithms: log-likelihood, P(state), P(from, to) of every step.

    ``log_transitions`` (step, from, to) are those into the places from the second on.
    """
    n_places, n_states = log_density.shape
    alpha, beta = np.empty_like(log_density), np.zeros_like(log_density)
    alpha[0] = log_initial + log_density[0]
    for place in range(1, n_places):
        alpha[place] = logsumexp(alpha[place - 1][:, None] + log_transitions[place - 1], axis=0) + log_density[place]
    for place in range(n_places - 2, -1, -1):
        beta[place] = logsumexp(log_transitions[place] + (log_density[place + 1] + beta[place + 1])[None], axis=1)
    total = logsumexp(alpha[-1])
    pairs = np.empty((n_places - 1, n_states, n_states))
    for step in range(n_places - 1):
        after = log_density[step + 1] + beta[step + 1]
        pair = alpha[step][:, None] + log_transitions[step] + after[None]
        pairs[step] = np.exp(pair - logsumexp(pair))
    # The normaliser of each place is the likelihood, whose rounding cancels where it is the place's own.
    return total, np.exp(alpha + beta - logsumexp(alpha + beta, axis=1, keepdims=True)), pairs


def log_path_probability(log_initial, log_transitions, log_density, path):
    """Log-probability of a path and the observations."""
    total = log_initial[path[0]] + log_density[0][path[0]]
    for place in range(1, len(path)):
        total += log_transitions[place - 1][path[place - 1], path[place]] + log_density[place][path[place]]
    return total


def likeliest_path(log_initial, log_transitions, log_density):
    """Viterbi's recursion in logarithms: the path, the first of equals, and its log-probability."""
    score, origins = log_initial + log_density[0], []
    for step, density in zip(log_transitions, log_density[1:], strict=True):
        through = score[:, None] + step
        origins.append(through.argmax(axis=0))
        score = through.max(axis=0) + density
    path = [int(score.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return path[::-1], score.max()


def renewal_matrix(mix, rates, distance):
    """Transition probabilities (from, to) of a renewal chain over a distance."""
    n_states = len(mix)
    return np.array(
        [
            [exp(-rates[k] * distance) * (j == k) - expm1(-rates[k] * distance) * mix[j] for j in range(n_states)]
            for k in range(n_states)
        ]
    )


def expected_renewals(mix, rates, distances, pairs):
    """Expected exits, entries and exposure from P(from, to) of every step, with the time to a renewal by quadrature."""
    n_states = len(mix)
    exits, entries, exposure = np.zeros(n_states), np.zeros(n_states), np.zeros(n_states)
    for distance, pair in zip(distances, pairs, strict=True):
        for k in range(n_states):
            leave = -expm1(-rates[k] * distance)
            for j in range(n_states):
                p = leave * mix[j]
                renewed = pair[k, j] * p / (p + exp(-rates[k] * distance) * (j == k))
                exits[k] += renewed
                entries[j] += renewed
                waited = quad(lambda t, k=k: t * rates[k] * exp(-rates[k] * t), 0.0, distance)[0] / leave
                exposure[k] += renewed * waited + (pair[k, j] - renewed) * distance
    return exits, entries, exposure
