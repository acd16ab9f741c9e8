"""Readable twin of genem.em.ascent_kernels: the same ascent with the map as an argument, written as it is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Point = tuple[float, ...]
Map = Callable[[Point], tuple[float, float, bool, Point]]
"""Objective, residual, whether there is an answer, and EM image of a point."""


@dataclass
class Rule:
    """When to stop and how to move; the names are those of the kernels."""

    max_iter: int
    objective_tolerance: float = math.inf
    step_tolerance: float = math.inf
    residual_tolerance: float = math.inf
    extrapolate_below: float = math.inf
    first_step_max: float = 1.0
    growth: float = 4.0
    shrinkage: float = 4.0
    stabilised: bool = True
    every_step: bool = False
    gate_slack: float = 0.0
    decrease_tolerance: float = 1e-11
    halve: bool = False


@dataclass
class End:
    """Where an ascent ended, and every point whose objective was kept on the way."""

    point: Point
    objective: float
    n_maps: int
    status: str
    kept: list[float]


def climb(em_map: Map, start: Sequence[float], rule: Rule) -> End:
    """Cycles of two EM steps and one extrapolation, until the rule is met."""
    n_maps, step_max = 0, rule.first_step_max
    kept: list[float] = []
    word = "converged" if rule.residual_tolerance < math.inf else "converged (objective)"

    def evaluate(point: Point) -> tuple[float, float, bool, Point]:
        nonlocal n_maps
        n_maps += 1
        objective, residual, possible, image = em_map(point)
        return objective, residual, possible and math.isfinite(objective), image

    def stops(change: float, length: float, residual: float) -> bool:
        return (
            change <= rule.objective_tolerance and length <= rule.step_tolerance and residual <= rule.residual_tolerance
        )

    x0: Point = tuple(start)
    known: tuple[float, float, bool, Point] | None = None
    while True:
        objective, residual, fine, x1 = evaluate(x0) if known is None else known
        known = None
        if not fine:
            return End(x0, objective, n_maps, "degenerate", kept)
        kept.append(objective)
        if stops(math.inf, math.inf, residual):
            return End(x0, objective, n_maps, word, kept)
        if n_maps >= rule.max_iter:
            return End(x0, objective, n_maps, "max_iter", kept)
        while True:
            objective_1, residual_1, fine, x2 = evaluate(x1)
            if not fine:
                return End(x1, objective_1, n_maps, "degenerate", kept)
            if not objective_1 < objective - rule.decrease_tolerance * (1.0 + abs(objective)):
                break
            if not rule.halve:
                return End(x0, objective, n_maps, "decreased", kept)
            if n_maps >= rule.max_iter:
                return End(x0, objective, n_maps, "max_iter", kept)
            x1 = tuple(0.5 * (a + b) for a, b in zip(x1, x0, strict=True))
        length = max(abs(a - b) for a, b in zip(x1, x0, strict=True))
        if stops(abs(objective_1 - objective) / (1.0 + abs(objective)), length, residual_1):
            return End(x1, objective_1, n_maps, word, [*kept, objective_1])
        is_short = length <= rule.extrapolate_below
        alpha = -1.0
        if is_short or not rule.every_step:
            r = [b - a for a, b in zip(x0, x1, strict=True)]
            v = [c - b - d for b, c, d in zip(x1, x2, r, strict=True)]
            r_norm2, v_norm2 = sum(x * x for x in r), sum(x * x for x in v)
            if r_norm2 > 0.0 and v_norm2 > 0.0:
                alpha = max(-step_max, min(-1.0, -math.sqrt(r_norm2 / v_norm2)))
        if is_short and alpha < -1.0:
            jump = tuple(a - 2.0 * alpha * d + alpha * alpha * e for a, d, e in zip(x0, r, v, strict=True))
            tried = evaluate(jump)
            taken = tried[2] and tried[0] >= objective_1 - rule.gate_slack * abs(objective_1)
            if alpha == -step_max:
                step_max = step_max * rule.growth if taken else max(1.0, step_max / rule.shrinkage)
            if taken and not rule.stabilised:
                x0, known = jump, tried
            else:
                x0 = tried[3] if taken else x2
            continue
        if (is_short or not rule.every_step) and alpha == -step_max:
            step_max *= rule.growth
        if rule.every_step:
            x0, known = x1, (objective_1, math.inf, True, x2)
        else:
            x0 = x2
