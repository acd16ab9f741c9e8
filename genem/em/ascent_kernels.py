"""The one ascent of compiled kernels: SQUAREM, its gate, the stop rule and the status, by reverse communication.

A map given as an argument would be compiled anew in every process, so the caller evaluates its own:

    ascent = new_ascent(size)
    ascent.point[:] = start
    begin(ascent, rule)
    while running(ascent):
        value, possible = em_map(data, ascent.point, ascent.image)
        advance(ascent, rule, value, residual, possible)
    value, n_maps, status = ended(ascent)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.status import CONVERGED, CONVERGED_OBJECTIVE, DECREASED, DEGENERATE, LEFT, MAX_ITER
from genem.jit import inlined_kernel, kernel

# Defaults of the EM contract: relative change of the objective, and scaled gradient (KKT) residual.
OBJECTIVE_TOLERANCE = 1e-10
KKT_TOLERANCE = 1e-7
STEP_GROWTH = 4.0
"""Factor by which SQUAREM's longest step grows when it was used with success, and shrinks when it failed."""
DECREASE_TOLERANCE = 1e-11
"""Fall of the objective in a plain EM step, relative to 1 + its size, that is taken for rounding."""

# Status of an ascent under way, and what its point is: the start of a cycle, the EM image of that, or an extrapolation.
RUNNING = -1
START, FIRST, EXTRAPOLATED = 0, 1, 2
# Columns of Ascent.reals: objective at start and first; step length of the extrapolation and its bound; gain of the EM
# step from the point, and of the one before where that led to the point.
VALUE, FIRST_VALUE, ALPHA, STEP_MAX, GAIN, GAIN_BEFORE, N_REALS = range(7)
# Columns of Ascent.counts.
STATUS, PHASE, N_MAPS, STARTED, N_COUNTS = range(5)


@kernel
def relative_change(old: float, new: float) -> float:
    """|new - old| / (1 + |old|): relative for large objectives, absolute near zero; inf where undefined."""
    difference = new - old
    if not (abs(difference) < float("inf")):
        return float("inf")
    return abs(difference) / (1.0 + abs(old))


@kernel
def squarem_step_length(r_norm2: float, v_norm2: float, step_max: float) -> float:
    """Step length of SQUAREM scheme S3: alpha = -|r| / |v|, kept in [-step_max, -1].

    r = F(x) - x and v = F(F(x)) - F(x) - r, given by their squared norms. alpha = -1 is two plain EM steps.
    Varadhan & Roland (2008), Scand. J. Stat. 35:335, doi:10.1111/j.1467-9469.2007.00585.x, eq. (9).
    """
    if not (v_norm2 > 0.0) or not (r_norm2 > 0.0):
        return -1.0
    alpha = -math.sqrt(r_norm2 / v_norm2)
    return max(-step_max, min(-1.0, alpha))


@kernel
def cycle_step_length(start: np.ndarray, first: np.ndarray, second: np.ndarray, step_max: float) -> float:
    """``squarem_step_length`` after two EM steps, from ``start`` to ``first`` to ``second`` (parameter,)."""
    r_norm2, v_norm2 = 0.0, 0.0
    for k in range(len(start)):
        r = first[k] - start[k]
        v = second[k] - first[k] - r
        r_norm2 += r * r
        v_norm2 += v * v
    return squarem_step_length(r_norm2, v_norm2, step_max)


@kernel
def extrapolate(start: np.ndarray, first: np.ndarray, second: np.ndarray, alpha: float, point: np.ndarray) -> None:
    """Write start - 2 alpha r + alpha^2 v to ``point``, which may be one of the others.

    ``start``, ``first``, ``second`` and ``point`` are (parameter,).
    """
    for k in range(len(start)):
        r = first[k] - start[k]
        v = second[k] - first[k] - r
        point[k] = start[k] - 2.0 * alpha * r + alpha * alpha * v


@kernel
def longest_step(
    step_max: float, alpha: float, succeeded: bool, growth: float = STEP_GROWTH, shrinkage: float = STEP_GROWTH
) -> float:
    """The longest step allowed after one of length ``alpha``: another one only where that was as long as allowed."""
    if -alpha != step_max:
        return step_max
    return step_max * growth if succeeded else max(1.0, step_max / shrinkage)


@kernel
def simplex_kkt_residual(value: float, gradient: float, multiplier: float) -> float:
    """The distance of one coordinate of a simplex-constrained maximum from the Karush-Kuhn-Tucker conditions.

    Inside, the gradient must equal the multiplier; on the bound (value 0) it may only lie below it.
    """
    excess = gradient - multiplier
    if value <= 0.0:
        return max(0.0, excess)
    return abs(excess)


class Rule(NamedTuple):
    """Rules by which an ascent moves and ends.

    It has converged where, at one point, all three tolerances are met: on the relative change of the objective over the
    EM step that led there, on the longest coordinate of that step, and on the residual that the model gives. A point
    that no EM step led to (the start of a cycle) has an infinite change and step, so that only a rule that leaves both
    tolerances infinite can end there.
    """

    max_iter: int  # EM maps; looked at where a cycle starts, so that a cycle begun is ended
    objective_tolerance: float  # negative: the ascent ends at max_iter only
    step_tolerance: float
    residual_tolerance: float  # infinite: the model has no residual
    extrapolate_below: float  # EM steps longer than this are left plain; 0 for plain EM
    gain_below: float  # EM steps that gain as much as this or more (``gain_to_come``) are left plain
    first_step_max: float  # longest SQUAREM step at the beginning
    growth: float  # of the longest step, where it was taken with success
    shrinkage: float  # of the longest step, where it was taken without
    stabilised: bool  # a cycle goes on from the EM image of a kept extrapolation, not from the extrapolation itself
    every_step: bool  # while steps are plain, a cycle starts at every point, not at every second one
    gate_slack: float  # share of the objective that an extrapolation may lose (rounding)
    decrease_tolerance: float  # relative fall of a plain step that is rounding; above, the ascent ends as decreased
    halve: bool  # a plain step that falls is halved: for M-steps that only approach their maximum


class Ascent(NamedTuple):
    """One ascent under way: the caller evaluates its EM map at ``point`` into ``image`` and calls ``advance``."""

    point: np.ndarray  # float64 (parameter,): where to evaluate next; at the end the estimate
    image: np.ndarray  # float64 (parameter,): to be filled with the EM image of the point
    start: np.ndarray  # float64 (parameter,): start of the cycle
    first: np.ndarray  # float64 (parameter,): its EM image
    second: np.ndarray  # float64 (parameter,): the EM image of that
    reals: np.ndarray  # float64 (N_REALS,)
    counts: np.ndarray  # int64 (N_COUNTS,)


@kernel
def plain_rule(max_iter: int, objective_tolerance: float, step_tolerance: float, residual_tolerance: float) -> Rule:
    """Plain EM, judged after every step."""
    inf = math.inf
    return Rule(
        max_iter,
        objective_tolerance,
        step_tolerance,
        residual_tolerance,
        0.0,
        inf,
        1.0,
        STEP_GROWTH,
        STEP_GROWTH,
        False,
        True,
        0.0,
        DECREASE_TOLERANCE,
        False,
    )


@kernel
def squarem_rule(
    max_iter: int,
    objective_tolerance: float,
    step_tolerance: float,
    residual_tolerance: float,
    extrapolate_below: float,
    stabilised: bool = True,
) -> Rule:
    """SQUAREM with a plain EM step behind every extrapolation (``stabilised``), once EM steps are short enough."""
    inf = math.inf
    return Rule(
        max_iter,
        objective_tolerance,
        step_tolerance,
        residual_tolerance,
        extrapolate_below,
        inf,
        1.0,
        STEP_GROWTH,
        STEP_GROWTH,
        stabilised,
        False,
        0.0,
        DECREASE_TOLERANCE,
        False,
    )


@kernel
def frequency_rule(
    max_iter: int, residual_tolerance: float, first_step_max: float, growth: float, shrinkage: float
) -> Rule:
    """SQUAREM from one extrapolation to the next, judged by the residual where a cycle starts."""
    inf = math.inf
    return Rule(
        max_iter,
        inf,
        inf,
        residual_tolerance,
        inf,
        inf,
        first_step_max,
        growth,
        shrinkage,
        False,
        False,
        0.0,
        DECREASE_TOLERANCE,
        False,
    )


@inlined_kernel
def new_ascent(size: int) -> Ascent:
    """Room for ascents of ``size`` parameters, one after the other: fill ``point`` and call ``begin``."""
    reals, counts = np.zeros(N_REALS), np.zeros(N_COUNTS, np.int64)
    points = np.empty((5, size))
    return Ascent(points[0], points[1], points[2], points[3], points[4], reals, counts)


@inlined_kernel
def begin(ascent: Ascent, rule: Rule) -> None:
    """Start an ascent at its ``point`` (parameter,)."""
    ascent.reals[VALUE], ascent.reals[STEP_MAX], ascent.reals[GAIN], ascent.reals[GAIN_BEFORE] = (
        -math.inf,
        rule.first_step_max,
        0.0,
        0.0,
    )
    ascent.counts[STATUS], ascent.counts[PHASE], ascent.counts[N_MAPS], ascent.counts[STARTED] = RUNNING, START, 0, 0


@inlined_kernel
def running(ascent: Ascent) -> bool:
    """Whether the caller is to evaluate its map at ``point`` (parameter,) once more."""
    return bool(ascent.counts[STATUS] == RUNNING)


@inlined_kernel
def ended(ascent: Ascent) -> tuple[float, int, int]:
    """The objective at ``point`` (parameter,), the number of EM maps and the status."""
    return ascent.reals[VALUE], ascent.counts[N_MAPS], ascent.counts[STATUS]


@inlined_kernel
def is_extrapolated(ascent: Ascent) -> bool:
    """Whether ``point`` (parameter,) is an extrapolation, which the model may move into its parameter space."""
    return bool(ascent.counts[PHASE] == EXTRAPOLATED)


@inlined_kernel
def is_image(ascent: Ascent) -> bool:
    """Whether ``point`` (parameter,) is the EM image of the start of a cycle."""
    return bool(ascent.counts[PHASE] == FIRST)


@inlined_kernel
def extrapolate_from_first(ascent: Ascent) -> None:
    """Write the extrapolation to ``point`` (parameter,) once more, summed from ``first`` instead of ``start``.

    For frequencies that shrink by orders of magnitude in a step, of which ``start`` would swallow the last digits.
    """
    alpha = ascent.reals[ALPHA]
    for k in range(len(ascent.point)):
        r = ascent.first[k] - ascent.start[k]
        v = ascent.second[k] - ascent.first[k] - r
        ascent.point[k] = ascent.first[k] - (2.0 * alpha + 1.0) * r + alpha * alpha * v


@inlined_kernel
def starts_cycle(ascent: Ascent) -> bool:
    """Whether a cycle has just started, at ``start`` (parameter,): where a model may try another point (``move``)."""
    return bool(ascent.counts[STARTED] == 1)


@inlined_kernel
def move(ascent: Ascent, value: float, n_maps: int) -> None:
    """Go on from ``start`` and its image ``first`` (parameter,), which the model has changed with ``n_maps`` maps."""
    ascent.reals[VALUE] = value
    ascent.counts[N_MAPS] += n_maps
    for k in range(len(ascent.point)):
        ascent.point[k] = ascent.first[k]


@inlined_kernel
def leave(ascent: Ascent, value: float) -> None:
    """End at ``point`` (parameter,), before it has converged: it is known, or believed, not to be worth the rest."""
    ascent.counts[N_MAPS] += 1
    end(ascent, value, LEFT)


@inlined_kernel
def gain_to_come(ascent: Ascent, gain: float, largest_rate: float) -> float:
    """The gain still to come if the gains of EM steps go on shrinking as between the last two; inf where unknown.

    ``gain`` is that of the EM step from the point. Gains shrink by the square of the rate of convergence r of the
    parameters; gain / (1 - r) is on the safe side of gain / (1 - r^2). Dempster, Laird & Rubin (1977), J. R. Stat.
    Soc. B 39:1, section 3. ``ascent`` holds arrays (parameter,).
    """
    ascent.reals[GAIN] = gain
    before = ascent.reals[GAIN_BEFORE]
    if before > 0.0:
        return gain / (1.0 - min(largest_rate, math.sqrt(max(gain, 0.0) / before)))
    return math.inf


@inlined_kernel
def propose(start: np.ndarray, first: np.ndarray, second: np.ndarray, step_max: float, point: np.ndarray) -> float:
    """Write the SQUAREM extrapolation of two EM steps to ``point``; return its length.

    ``start``, ``first``, ``second`` and ``point`` are (parameter,).
    """
    alpha = cycle_step_length(start, first, second, step_max)
    extrapolate(start, first, second, alpha, point)
    return alpha


@inlined_kernel
def is_no_worse(rule: Rule, value: float, reference: float) -> bool:
    """The gate: whether an extrapolation of this objective is kept; never where it is NaN."""
    return value >= reference - rule.gate_slack * abs(reference)


@inlined_kernel
def next_step_max(rule: Rule, step_max: float, alpha: float, is_kept: bool) -> float:
    """The longest step allowed after an extrapolation of length ``alpha``."""
    return longest_step(step_max, alpha, is_kept, rule.growth, rule.shrinkage)


@inlined_kernel
def stop_status(rule: Rule, change: float, length: float, residual: float, n_maps: int) -> int:
    """The status with which an ascent ends at a point, or ``RUNNING``; what is NaN meets no tolerance."""
    if change <= rule.objective_tolerance and length <= rule.step_tolerance and residual <= rule.residual_tolerance:
        return CONVERGED if rule.residual_tolerance < math.inf else CONVERGED_OBJECTIVE
    return MAX_ITER if n_maps >= rule.max_iter else RUNNING


@inlined_kernel
def is_converged(status: int) -> bool:
    """Whether a status says that the stop rule was met."""
    return status in (CONVERGED, CONVERGED_OBJECTIVE)


@inlined_kernel
def advance(ascent: Ascent, rule: Rule, value: float, residual: float, possible: bool) -> None:
    """Take in the map at ``point`` (parameter,), whose objective is ``value``, and say where to evaluate next.

    A cycle is ``start``, its EM image ``first``, the image ``second`` of that, and an extrapolation (SQUAREM), which
    is kept where it does not lower the objective. ``residual`` is what the model says of the point about the
    first-order conditions, or about the gain to come. ``possible`` is False where the map has no answer.

    Reverse communication, as in ARPACK and L-BFGS-B.
    """
    ascent.counts[N_MAPS] += 1
    ascent.counts[STARTED] = 0
    is_finite = possible and abs(value) < math.inf
    if ascent.counts[PHASE] == EXTRAPOLATED:
        is_kept = is_finite and is_no_worse(rule, value, ascent.reals[FIRST_VALUE])
        ascent.reals[STEP_MAX] = next_step_max(rule, ascent.reals[STEP_MAX], ascent.reals[ALPHA], is_kept)
        if is_kept and not rule.stabilised:
            start_cycle(ascent, rule, value, residual)
        else:
            ascent.counts[PHASE] = START
            for k in range(len(ascent.point)):
                ascent.point[k] = ascent.image[k] if is_kept else ascent.second[k]
    elif not is_finite:
        end(ascent, value, DEGENERATE)
    elif ascent.counts[PHASE] == START:
        start_cycle(ascent, rule, value, residual)
    elif value < ascent.reals[VALUE] - rule.decrease_tolerance * (1.0 + abs(ascent.reals[VALUE])):
        step_back(ascent, rule)
    else:
        continue_cycle(ascent, rule, value, residual)


@inlined_kernel
def start_cycle(ascent: Ascent, rule: Rule, value: float, residual: float) -> None:
    """Start a cycle at ``point`` (parameter,), unless the ascent ends there."""
    status = stop_status(rule, math.inf, math.inf, residual, ascent.counts[N_MAPS])
    if status != RUNNING:
        end(ascent, value, status)
    else:
        ascent.reals[VALUE], ascent.reals[GAIN_BEFORE] = value, ascent.reals[GAIN]
        ascent.counts[PHASE], ascent.counts[STARTED] = FIRST, 1
        for k in range(len(ascent.point)):
            ascent.start[k] = ascent.point[k]
            ascent.first[k] = ascent.image[k]
            ascent.point[k] = ascent.image[k]


@inlined_kernel
def continue_cycle(ascent: Ascent, rule: Rule, value: float, residual: float) -> None:
    """Judge the EM image of the start, ``point`` (parameter,); go on with an extrapolation or a plain EM step."""
    length = 0.0
    for k in range(len(ascent.point)):
        ascent.second[k] = ascent.image[k]
        length = max(length, abs(ascent.first[k] - ascent.start[k]))
    status = stop_status(rule, relative_change(ascent.reals[VALUE], value), length, residual, 0)
    if status != RUNNING:
        end(ascent, value, status)
        return
    is_short = length <= rule.extrapolate_below and ascent.reals[GAIN] < rule.gain_below
    if is_short or not rule.every_step:
        alpha = cycle_step_length(ascent.start, ascent.first, ascent.second, ascent.reals[STEP_MAX])
        if is_short and alpha < -1.0:
            ascent.reals[FIRST_VALUE], ascent.reals[ALPHA], ascent.reals[GAIN_BEFORE] = value, alpha, 0.0
            ascent.counts[PHASE] = EXTRAPOLATED
            extrapolate(ascent.start, ascent.first, ascent.second, alpha, ascent.point)
            return
        ascent.reals[STEP_MAX] = next_step_max(rule, ascent.reals[STEP_MAX], alpha, True)
    if rule.every_step:
        start_cycle(ascent, rule, value, math.inf)
    else:
        ascent.reals[GAIN_BEFORE] = ascent.reals[GAIN]
        ascent.counts[PHASE] = START
        for k in range(len(ascent.point)):
            ascent.point[k] = ascent.second[k]


@inlined_kernel
def step_back(ascent: Ascent, rule: Rule) -> None:
    """Halve the EM step to ``point`` (parameter,), which lowered the objective, or end before it."""
    if rule.halve and ascent.counts[N_MAPS] < rule.max_iter:
        ascent.reals[GAIN_BEFORE] = 0.0
        for k in range(len(ascent.point)):
            ascent.first[k] = 0.5 * (ascent.point[k] + ascent.start[k])
            ascent.point[k] = ascent.first[k]
    else:
        ascent.point[:] = ascent.start
        end(ascent, ascent.reals[VALUE], MAX_ITER if rule.halve else DECREASED)


@inlined_kernel
def end(ascent: Ascent, value: float, status: int) -> None:
    """End the ascent at its ``point`` (parameter,)."""
    ascent.reals[VALUE] = value
    ascent.counts[STATUS] = status
