"""Pictures of what a fit did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genem.em.driver import EMFit
from genem.em.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STATUS_COLOURS = {
    Status.CONVERGED: "#1b6ca8",
    Status.MAX_ITER: "#c98a00",
    Status.DECREASED: "#b3261e",
    Status.DEGENERATE: "#7a7a7a",
    Status.LOCKED: "#7b3fa0",
}
ROUNDING = 1e-13
"""Gaps smaller than this times 1 + the size of the objective are rounding and drawn at that height."""


def plot_trace(
    fits: EMFit[Any] | dict[str, EMFit[Any]], path: str | Path | None = None, axes: Axes | None = None
) -> Axes:
    """Draw how far below the best objective every start was, against the EM maps it had used.

    A straight line is linear convergence, its slope the fraction of missing information; a plateau is another
    optimum. Ends are marked by status, SQUAREM extrapolations by open circles.

    Parameters
    ----------
    fits
        A traced fit, or several under their labels (plain and accelerated, say), compared with the best of all.
    path
        Write the picture here; the ending names the format (svg, png, pdf).
    axes
        Draw into these instead of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        A fit was not traced, or has no finite objective.
    """
    from matplotlib.figure import Figure

    labelled = fits if isinstance(fits, dict) else {"": fits}
    best = max((fit.objective for fit in labelled.values() if np.isfinite(fit.objective)), default=np.nan)
    if not np.isfinite(best):
        raise ValueError("no fit with a finite objective: nothing to draw")
    if axes is None:
        axes = Figure(figsize=(7.0, 4.2), layout="constrained").add_subplot()
    floor = ROUNDING * (1.0 + abs(best))
    for number, (label, fit) in enumerate(labelled.items()):
        _draw_fit(axes, fit, label, best, floor, linestyle=("-", "--", ":", "-.")[number % 4])
    axes.set_xlabel("EM maps")
    axes.set_ylabel("objective below the best (nats)")
    axes.set_yscale("log")
    axes.set_title("; ".join(f"{label}: {fit.verdict}" if label else fit.verdict for label, fit in labelled.items()))
    axes.title.set_fontsize("medium")
    axes.grid(visible=True, which="major", linewidth=0.4, alpha=0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    if path is not None:
        axes.figure.canvas.print_figure(path, dpi=150)
    return axes


def _draw_fit(axes: Axes, fit: EMFit[Any], label: str, best: float, floor: float, linestyle: str) -> None:
    """One line per start, one legend entry per status."""
    named: set[Status] = set()
    for run in sorted(fit.runs, key=lambda run: run is fit.best):
        if run.trace is None:
            raise ValueError("the fit was not traced; fit with trace=True")
        trace, chosen = run.trace, run is fit.best
        gap = np.maximum(best - trace.objective, floor)
        colour = STATUS_COLOURS[run.status]
        entry = f"{label}: {run.status.label}" if label else run.status.label
        axes.plot(
            trace.n_maps,
            gap,
            color=colour,
            linestyle=linestyle,
            linewidth=1.8 if chosen else 0.9,
            alpha=1.0 if chosen else 0.55,
            label=None if run.status in named else entry,
        )
        named.add(run.status)
        if chosen and np.any(trace.extrapolated):
            jumps = trace.extrapolated
            axes.plot(trace.n_maps[jumps], gap[jumps], "o", ms=4, mfc="white", mec=colour, label="SQUAREM step")
        if len(trace):
            axes.plot(trace.n_maps[-1], gap[-1], "o", color=colour, ms=6 if chosen else 4)
            if chosen:
                axes.annotate(
                    f"{run.status.label}, {run.n_maps} maps",
                    (float(trace.n_maps[-1]), float(gap[-1])),
                    xytext=(-6, 8),
                    textcoords="offset points",
                    ha="right",
                    color=colour,
                    fontsize="small",
                )
