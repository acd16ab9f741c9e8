"""Pairs of positions, block by block: what two loci explain, by regression and by EM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.em.ascent_kernels import Rule
from genem.qtl.genotypes.joint import LinkedGenotypes, pair_probabilities
from genem.qtl.one_locus.design import Design, Sample
from genem.qtl.one_locus.methods import LN10, null_basis, residuals
from genem.qtl.one_locus.trait_kernels import NORMAL
from genem.qtl.one_locus.traits import cell_trait, fit_traits
from genem.qtl.several_loci.pair_kernels import pair_bases

__all__ = [
    "PairBlock",
    "PairModel",
    "bases_of_pairs",
    "lod_of_share",
    "one_locus_design",
    "pair_blocks",
    "pair_model",
    "pairs_by_em",
    "pairs_by_regression",
]

Floats = NDArray[np.float64]
BLOCK = 1 << 21
"""Probabilities held at once."""


@dataclass(frozen=True, slots=True)
class PairModel:
    """The data that pairs of chromosomes with the same null model share.

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


@dataclass(frozen=True, slots=True)
class PairBlock:
    """Some pairs of positions: those from ``start`` to ``stop`` on one chromosome, with another or those ahead.

    Attributes
    ----------
    a, b
        Numbers of the chromosomes.
    start, stop
        Positions on the first.
    pairs
        int64 (pair, 2): positions on either chromosome.
    """

    a: int
    b: int
    start: int
    stop: int
    pairs: NDArray[np.int64]


def pair_blocks(linked: Sequence[LinkedGenotypes]) -> Iterator[PairBlock]:
    """Every pair of positions once, in blocks of bounded memory."""
    n = len(linked[0].state_of)
    for a, first_chromosome in enumerate(linked):
        for b in range(a, len(linked)):
            size = len(linked[b].grid)
            n_cells = len(first_chromosome.states) * len(linked[b].states)
            at_once = max(1, BLOCK // max(1, n * n_cells * size))
            last = len(first_chromosome.grid) - (a == b)
            for start in range(0, last, at_once):
                stop = min(last, start + at_once)
                pairs = [(s, t) for s in range(start, stop) for t in range(s + 1 if a == b else 0, size)]
                yield PairBlock(a, b, start, stop, np.array(pairs, np.int64))


def bases_of_pairs(model: PairModel, linked: Sequence[LinkedGenotypes], block: PairBlock) -> tuple[Floats, int, Floats]:
    """Orthonormal bases of what pairs of positions add to the null model.

    Returns
    -------
    bases
        float64 (pair, column, individual): columns of the additive model, then those of the interaction.
    n_additive
        Number of the former.
    joint
        float64 (pair, cell, individual): the probabilities of pairs of genotypes.
    """
    first_chromosome, other = linked[block.a], linked[block.b]
    joint = pair_probabilities(first_chromosome, other, block.start, block.stop)
    n_first, n_second, n = len(first_chromosome.states) - 1, len(other.states) - 1, joint.shape[2]
    first, second = (
        np.ascontiguousarray(each.genotypes.probabilities.transpose(0, 2, 1)[:, :-1])
        for each in (first_chromosome, other)
    )
    n_additive, n_all = (size * len(model.own) for size in (n_first + n_second, (n_first + 1) * (n_second + 1) - 1))
    bases = np.empty((len(joint), n_all, n))
    pair_bases(model.basis, first, second, joint, block.pairs, model.own, bases)
    return bases, n_additive, joint


def lod_of_share(share: Floats, n: int) -> Floats:
    """LOD of a regression that explains this share of the squares that the null model leaves."""
    with np.errstate(divide="ignore"):
        return np.asarray(-0.5 * n * np.log1p(-np.minimum(share, 1.0)) / LN10)


def pairs_by_regression(
    model: PairModel, linked: Sequence[LinkedGenotypes], block: PairBlock
) -> tuple[Floats, Floats, Floats]:
    """LOD scores (pair, trait) of the additive and the full model, and the probabilities of pairs of genotypes."""
    bases, n_additive, joint = bases_of_pairs(model, linked, block)
    n = len(model.left)
    squares = ((bases.reshape(-1, n) @ model.left) ** 2).reshape(*bases.shape[:2], -1)
    total = (model.left**2).sum(axis=0)
    additive, full = squares[:, :n_additive].sum(axis=1), squares.sum(axis=1)
    return lod_of_share(additive / total, n), lod_of_share(full / total, n), joint


def pairs_by_em(
    design: Design, response: Floats, weights: Floats, n_states: Sequence[int], joint: Floats, rule: Rule
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int8]]:
    """Log-likelihoods, EM steps and statuses (pair, model) of the additive and the full mixture."""
    present = np.flatnonzero(joint.any(axis=(0, 2)))
    priors = np.ascontiguousarray(joint[:, present])
    first, second = np.divmod(present, n_states[1])
    additive = np.hstack([np.eye(n_states[0])[first], np.eye(n_states[1])[second, 1:]])
    log_likelihood, n_iter, status = (
        np.concatenate(parts).T
        for parts in zip(
            *(
                fit_traits(priors, cell_trait(NORMAL, design, response, weights, contrasts), response[None], rule)
                for contrasts in (additive, np.eye(len(present)))
            ),
            strict=True,
        )
    )
    return log_likelihood, n_iter, status
