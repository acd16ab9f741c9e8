"""Models of several loci as the textbooks have them: paths are enumerated, designs expanded, regressions dense."""

from itertools import product
from math import log, log10

import numpy as np

from tests.reference.chain import path_probabilities
from tests.reference.qtl import mixture_em, regression_log_likelihood


def joint_given_calls(initial, transitions, emissions, places):
    """P(states at several places | emissions) of one individual, by all paths; (state, state, ...)."""
    n_states = len(initial)
    joint = np.zeros([n_states] * len(places))
    for path, probability in path_probabilities(initial, transitions, emissions).items():
        joint[tuple(path[place] for place in places)] += probability
    return joint / joint.sum()


def cell_designs(n_states, additive, own, shared):
    """The design of every cell of two loci, (cell, individual, column)."""
    n, n_own = own.shape
    cells = list(product(range(n_states[0]), range(n_states[1])))
    labels = (
        [
            [1.0] + [float(a == k) for k in range(1, n_states[0])] + [float(b == k) for k in range(1, n_states[1])]
            for a, b in cells
        ]
        if additive
        else np.eye(len(cells)).tolist()
    )
    return np.array([np.hstack([*(value * own for value in label), shared]) for label in labels]).reshape(
        len(cells), n, len(labels[0]) * n_own + shared.shape[1]
    )


def pair_lod_by_regression(y, joint, n_states, additive, own, shared, null, weights):
    """Regression on expected designs; ``joint`` is (individual, cell)."""
    designs = cell_designs(n_states, additive, own, shared)
    expected = np.einsum("ij,jic->ic", joint, designs)
    found = regression_log_likelihood(y, np.hstack([null, expected]), weights)
    return (found - regression_log_likelihood(y, null, weights)) / log(10)


def pair_lod_by_em(y, joint, n_states, additive, own, shared, null, weights, n_iter=2000):
    """Plain EM over the cells that can be."""
    present = joint.any(axis=0)
    designs = cell_designs(n_states, additive, own, shared)[present]
    found = mixture_em(y, designs, joint[:, present], weights, n_iter)[2]
    return (found - regression_log_likelihood(y, null, weights)) / log(10)


def drop_one(y, columns, null, dropped, weights):
    """LOD, lost percentage of variance and F of a regression without some columns; ``columns`` (column, individual)."""
    root = np.sqrt(weights)

    def squares(x):
        beta = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
        return float(np.sum(weights * (y - x @ beta) ** 2))

    n = len(y)
    full, kept = np.hstack([null, columns.T]), np.hstack([null, np.delete(columns, dropped, axis=0).T])
    before, after, total = squares(kept), squares(full), squares(null)
    f = (before - after) / len(dropped) / (after / (n - full.shape[1]))
    return n / 2 * log10(before / after), 100 * (before - after) / total, f
