"""Newton's method for the length of an edge, kept between the points where the derivative is known to change sign."""

from __future__ import annotations

from genem.jit import kernel


@kernel
def bracketed_step(
    here: float, slope: float, curve: float, low: float, high: float, lowest: float, highest: float
) -> tuple[float, float, float]:
    """The next length, and the bracket that the derivative at this one leaves.

    Where the function is not concave the length is doubled or halved; a step out of the bracket goes half way to its
    end, unless that is the bound ``lowest`` or ``highest`` itself. No step is longer than four times the length.
    """
    if slope > 0.0:
        low = here
    else:
        high = here
    there = here - slope / curve if curve < 0.0 else (2.0 * here if slope > 0.0 else 0.5 * here)
    there = min(there, 4.0 * here + 0.1)
    if there >= high:
        there = high if high == highest else 0.5 * (here + high)
    elif there <= low:
        there = low if low == lowest else 0.5 * (here + low)
    return there, low, high
