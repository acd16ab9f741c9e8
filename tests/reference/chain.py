"""Hidden Markov chains by the definition: every path is enumerated."""

from itertools import product
from math import log, prod


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
