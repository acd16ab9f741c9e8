"""Distinct optima by comparing every end with the best of every group, and the rounds of a search spelled out."""

from __future__ import annotations

from collections.abc import Sequence

End = tuple[float, str]


def groups(ends: Sequence[End], tolerance: float, *, keyed: bool) -> list[tuple[float, int]]:
    """Objective and number of the ends of each optimum: the best end left takes all that are near it, and again."""
    left = list(ends)
    found = []
    while left:
        best = max(left, key=lambda end: end[0])
        members = [
            end
            for end in left
            if best[0] - end[0] <= tolerance * (1.0 + abs(best[0])) and (not keyed or end[1] == best[1])
        ]
        found.append((best[0], len(members)))
        left = [end for end in left if end not in members]
    return found


def kinds(
    ends: Sequence[End], n_starts: int, fresh: int, patience: float, max_more: int, weights: tuple[float, float, float]
) -> list[str]:
    """Which rounds are starts and which perturbations, where round ``i`` ends at ``ends[i]``; none weighs a success."""
    done: list[str] = []
    best, failures = float("-inf"), 0.0
    seen: set[str] = set()
    while len(done) < n_starts + max_more:
        more = len(done) - n_starts
        if more >= 0 and failures >= patience:
            break
        kind = "start" if more < 0 or (fresh and (more + 1) % fresh == 0) else "perturbation"
        objective, key = ends[len(done)]
        done.append(kind)
        if objective > best:
            best, failures = objective, 0.0
        elif more >= 0:
            new, known, alone = weights
            failures += new if key not in seen else alone if len(seen) == 1 else known
        seen.add(key)
    return done
