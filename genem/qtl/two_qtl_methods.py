"""One position against all those of a chromosome: what two loci explain, by regression and by EM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.em import Status
from genem.qtl.cell_kernels import Regression, Stop, fit_many_cells
from genem.qtl.design import Design, Sample
from genem.qtl.joint_genotypes import LinkedGenotypes, pair_probabilities
from genem.qtl.regression_kernels import orthonormalise
from genem.qtl.scan_methods import LN10, null_basis, residuals
from genem.qtl.two_qtl_kernels import pair_bases

__all__ = [
    "PairModel",
    "cell_regression",
    "explained_by_pairs",
    "lod_of_share",
    "one_locus_design",
    "pair_model",
    "pairs_by_em",
    "pairs_by_regression",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairModel:
    """What pairs of chromosomes with the same null model share.

    Attributes
    ----------
    design
        Of the chromosomes: that of the X where one of them is the X.
    basis
        float64 (column, individual): orthonormal basis of the null model, in units of the root of the weights.
    own
        float64 (regressor, individual): what interacts with the genotypes, in these units, too.
    left
        float64 (individual, trait): what the null model leaves of the responses, in these units.
    """

    design: Design
    basis: Floats
    own: Floats
    left: Floats


def pair_model(design: Design, weights: Floats, responses: Floats) -> PairModel:
    """From responses (individual, trait)."""
    root = np.sqrt(weights)
    basis = null_basis(design, weights)
    own = np.ascontiguousarray((root[:, None] * design.own).T)
    return PairModel(design, basis, own, residuals(basis, root[:, None] * responses))


def one_locus_design(sample: Sample, *, locus_on_x: bool, null_of_x: bool) -> Design:
    """The design of a single locus under the null model of a pair: on an autosome the indicators become covariates."""
    if not null_of_x:
        return sample.autosomes
    if locus_on_x:
        return sample.x
    n_covariates = len(sample.x.own_names) + len(sample.x.shared_names)
    indicators = sample.x.null[:, 1 : sample.x.null.shape[1] - n_covariates]
    return replace(sample.x, shared=np.ascontiguousarray(np.hstack([sample.x.shared, indicators])))


def explained_by_pairs(
    model: PairModel, first: LinkedGenotypes, position: int, second: LinkedGenotypes, start: int
) -> tuple[Floats, Floats, Floats]:
    """Sums of squares explained by one position and each of those from ``start`` on, beyond the null model.

    Returns
    -------
    additive, full
        float64 (position, trait).
    joint
        float64 (position, cell, individual): the probabilities of the pairs.
    """
    joint = pair_probabilities(first, position, second, start)
    n_first, n_second, n = len(first.states), len(second.states), joint.shape[2]
    cells = joint.reshape(-1, n_first, n_second, n)[:, : n_first - 1, : n_second - 1]
    here = first.genotypes.probabilities[position].T[: n_first - 1]
    there = second.genotypes.probabilities[start:].transpose(0, 2, 1)[:, : n_second - 1]
    n_own = len(model.own)
    fixed = np.vstack([model.basis, (here[:, None, :] * model.own).reshape(-1, n)])
    orthonormalise(fixed, len(model.basis))
    bases = np.empty((len(joint), ((n_second - 1) + (n_first - 1) * (n_second - 1)) * n_own, n))
    inner = np.ascontiguousarray(cells.reshape(len(joint), -1, n))
    pair_bases(fixed, np.ascontiguousarray(there), inner, model.own, bases)
    squares = (bases.reshape(-1, n) @ model.left) ** 2
    squares = squares.reshape(len(joint), bases.shape[1], -1)
    by_first = ((fixed[len(model.basis) :] @ model.left) ** 2).sum(axis=0)
    additive = by_first + squares[:, : (n_second - 1) * n_own].sum(axis=1)
    return additive, additive + squares[:, (n_second - 1) * n_own :].sum(axis=1), joint


def lod_of_share(share: Floats, n: int) -> Floats:
    """LOD of a regression that explains this share of the squares that the null model leaves."""
    with np.errstate(divide="ignore"):
        return np.asarray(-0.5 * n * np.log1p(-np.minimum(share, 1.0)) / LN10)


def pairs_by_regression(
    model: PairModel, first: LinkedGenotypes, position: int, second: LinkedGenotypes, start: int
) -> tuple[Floats, Floats, Floats]:
    """LOD scores (position, trait) of the additive and the full model, and the probabilities of the pairs."""
    additive, full, joint = explained_by_pairs(model, first, position, second, start)
    total = (model.left**2).sum(axis=0)
    n = len(model.left)
    return lod_of_share(additive / total, n), lod_of_share(full / total, n), joint


def cell_regression(design: Design, response: Floats, weights: Floats, contrasts: Floats) -> Regression:
    """Cells that differ as ``contrasts`` (cell, column) say, in every regressor that interacts with genotypes."""
    n_cells = len(contrasts)
    n_own, n_shared = design.own.shape[1], design.shared.shape[1]
    columns = np.hstack([np.repeat(contrasts, n_own, axis=1), np.ones((n_cells, n_shared))])
    regressor_of = np.concatenate([np.tile(np.arange(n_own), contrasts.shape[1]), n_own + np.arange(n_shared)])
    regressors = np.ascontiguousarray(np.hstack([design.own, design.shared]).T)
    return Regression(response, weights, regressors, columns, regressor_of)


def pairs_by_em(
    design: Design, response: Floats, weights: Floats, n_states: Sequence[int], joint: Floats, stop: Stop
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Log-likelihoods, EM steps and statuses (position, model) of the additive and the full mixture."""
    present = np.flatnonzero(joint.any(axis=(0, 2)))
    priors = np.ascontiguousarray(joint[:, present])
    full = np.eye(len(present))
    first, second = np.divmod(present, n_states[1])
    additive = np.hstack([np.eye(n_states[0])[first], np.eye(n_states[1])[second, 1:]])
    log_likelihood = np.empty((len(joint), 2))
    n_iter, status = np.empty((len(joint), 2), np.int64), np.full((len(joint), 2), int(Status.DEGENERATE))
    for k, contrasts in enumerate((additive, full)):
        model = cell_regression(design, response, weights, contrasts)
        reached, steps, how = np.empty(len(joint)), np.empty(len(joint), np.int64), np.empty(len(joint), np.int64)
        params = np.empty((len(joint), len(model.regressor_of) + 1))
        fit_many_cells(priors, model, stop, params, reached, steps, how)
        log_likelihood[:, k], n_iter[:, k], status[:, k] = reached, steps, how
    return log_likelihood, n_iter, status
