"""Newton's method for one variable within bounds, and the stop rules of iterations that raise an objective."""

from __future__ import annotations

from genem.jit import kernel


@kernel
def bracketed_step(
    position: float, slope: float, curve: float, low: float, high: float, lowest: float, highest: float
) -> tuple[float, float, float]:
    """The next position of a maximisation by Newton's method, and the bracket that the derivative at this one leaves.

    ``slope`` and ``curve`` are the derivatives. Where the function is not concave the position is doubled or halved; a
    step out of the bracket goes half way to its end, unless that is the bound ``lowest`` or ``highest`` itself. No step
    leads further than four times the position.
    """
    if slope > 0.0:
        low = position
    else:
        high = position
    proposed = position - slope / curve if curve < 0.0 else (2.0 * position if slope > 0.0 else 0.5 * position)
    proposed = min(proposed, 4.0 * position + 0.1)
    if proposed >= high:
        proposed = high if high == highest else 0.5 * (position + high)
    elif proposed <= low:
        proposed = low if low == lowest else 0.5 * (position + low)
    return proposed, low, high


@kernel
def has_settled(previous: float, position: float, tolerance: float, offset: float) -> bool:
    """Whether the last step was within ``tolerance`` of the position it led to plus ``offset``."""
    return abs(position - previous) <= tolerance * (position + offset)


@kernel
def has_stopped(previous: float, position: float, tolerance: float) -> bool:
    """Whether the last step was shorter than ``tolerance``."""
    return abs(position - previous) < tolerance


@kernel
def is_at_rest(before: float, reached: float, tolerance: float) -> bool:
    """Whether a round that took an objective from ``before`` to ``reached`` gained no more than ``tolerance``."""
    return not reached - before > tolerance
