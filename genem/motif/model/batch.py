"""Short EM runs from many starts at once: what a search does with its seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.em.ascent_kernels import plain_rule
from genem.errors import UsageError
from genem.motif.model.em_model import PLACEMENT_CODES
from genem.motif.model.matrices import off_symmetry
from genem.motif.model.placements import Placements, SiteModel, column_prior, site_rate_prior
from genem.motif.model.step_kernels import StepModel, climb_many
from genem.motif.priors import Pseudocounts

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchFit:
    """The ends of short EM runs.

    Attributes
    ----------
    matrices
        float64 (start, width, letter)
    site_rates
        float64 (start,)
    log_likelihood_ratios, objectives
        float64 (start,): of exactly these parameters, natural logarithm; objective = ratio + log prior.
    n_iter
        int64 (start,): EM steps made.
    status
        int64 (start,): codes of :class:`genem.em.Status`.
    """

    matrices: Vector
    site_rates: Vector
    log_likelihood_ratios: Vector
    objectives: Vector
    n_iter: NDArray[np.int64]
    status: NDArray[np.int64]


def batch_em(
    placements: Placements,
    starts: ArrayLike,
    *,
    model: SiteModel = "zoops",
    n_sites: float | ArrayLike | None = None,
    palindrome: bool = False,
    pseudocount: float | None = None,
    site_count_prior: float = 0.8,
    max_iter: int = 10,
    tolerance: float = 1e-6,
    negligible: float = 1e-6,
) -> BatchFit:
    """A few EM steps from each of many starts, in one parallel kernel.

    The steps are those of :func:`genem.motif.fit_motif`, without acceleration, and with simple pseudocounts for protein
    too. The result of a start depends neither on the other starts nor on the number of threads.

    Parameters
    ----------
    placements
        The windows, from :func:`genem.motif.find_placements`.
    starts
        float (start, width, letter): matrices without zeros.
    model, palindrome, pseudocount, site_count_prior
        As for :func:`genem.motif.fit_motif`. Default pseudocount for protein: 1.
    n_sites
        One number for all, or one per start.
    max_iter
        Most EM steps.
    tolerance
        A run ends when its objective changes by less, relative to 1 + its size.
    negligible
        Windows with a smaller posterior probability are not counted: quicker, and exact enough for a search.

    Returns
    -------
    BatchFit
    """
    alphabet = placements.sequences.alphabet
    matrices = np.array(starts, np.float64, order="C")
    if matrices.ndim != 3 or matrices.shape[1:] != (placements.width, len(alphabet)):
        raise UsageError(f"starts of shape {matrices.shape}; (start, {placements.width}, {len(alphabet)}) expected")
    if palindrome and not alphabet.has_strands:
        raise UsageError(f"{alphabet.name} has no complement: no palindromes")
    if placements.both_strands and not palindrome and len(matrices):
        matrices = np.stack([off_symmetry(matrix, alphabet.complement_codes) for matrix in matrices])
    prior = column_prior(placements, alphabet.pseudocount if pseudocount is None else pseudocount, None)
    assert isinstance(prior, Pseudocounts)
    counts = [None] if n_sites is None else np.atleast_1d(np.asarray(n_sites, np.float64)).tolist()
    rates_and_chances = [site_rate_prior(placements, model, count, site_count_prior) for count in counts]
    rates = np.broadcast_to(np.array([rate for rate, _ in rates_and_chances]), matrices.shape[:1]).copy()
    if model == "zoops":
        rates = np.minimum(rates, 1.0 - 0.5 / (placements.usable.size + 1.0))
    step = StepModel(
        alphabet.membership,
        placements.background.probabilities,
        prior.weight * prior.background,
        palindrome,
        PLACEMENT_CODES[model],
        rates_and_chances[0][1],
        negligible,
    )
    # Steps that leave windows out may lower the objective by about as much.
    rule = plain_rule(max_iter + 1, tolerance, math.inf, math.inf)
    rule = rule._replace(decrease_tolerance=max(rule.decrease_tolerance, negligible))
    objectives, penalties = np.empty(len(matrices)), np.empty(len(matrices))
    n_maps, status = np.empty(len(matrices), np.int64), np.empty(len(matrices), np.int64)
    climb_many(placements.windows, step, rule, matrices, rates, objectives, penalties, n_maps, status)
    return BatchFit(matrices, rates, objectives - penalties, objectives, n_maps - 1, status)
