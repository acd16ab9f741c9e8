"""Pictures of site frequency spectra."""

from __future__ import annotations

import numpy as np

from genem.picture import BLUE, VERMILION, Target, picture
from genem.popgen.spectrum.estimation import SpectrumFit

__all__ = ["plot_site_spectrum"]

MANY_COUNTS = 60
"""With more counts, bars touch and error bars are hairlines."""


def plot_site_spectrum(
    result: SpectrumFit,
    path: Target,
    *,
    names: tuple[str, ...] = (),
    file_format: str | None = None,
) -> None:
    """Draw the segregating part of a spectrum.

    One group: bars with standard errors, where there are any, beside the neutral expectation theta_W / k (folded:
    both alleles' added). Two groups: a map of expected sites on a logarithmic scale.

    Parameters
    ----------
    result
        The estimate.
    path
        A file, or a binary stream. The same spectrum gives the same bytes.
    names
        Names of the two groups.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    with picture(path, file_format) as new_figure:
        joint = result.expected_sites.ndim == 2
        figure = new_figure(5.6, 4.6) if joint else new_figure(7.2, 3.8)
        axes = figure.add_subplot()
        if joint:
            _draw_joint(result, figure, axes, names or ("group 1", "group 2"))
        else:
            _draw_bars(result, axes)


def _draw_bars(result: SpectrumFit, axes) -> None:  # type: ignore[no-untyped-def]
    n = result.expected_sites.size - 1
    counts = np.arange(1, n // 2 + 1 if result.fold else n)
    segregating = result.sites.groups[0].n > 1
    errors = None if result.standard_error is None else result.standard_error[counts]
    thin = {"elinewidth": 1.2 if counts.size <= MANY_COUNTS else 0.5}
    width = 0.8 if counts.size <= MANY_COUNTS else 1.0
    heights = result.expected_sites[counts]
    axes.bar(counts, heights, width, color=BLUE, yerr=errors, ecolor="0.55", error_kw=thin, label="estimated")
    if segregating and counts.size:
        total = result.diversity[0].segregating_sites
        theta = total / np.sum(1.0 / np.arange(1, n))
        neutral = theta / counts
        if result.fold:
            neutral = np.where(2 * counts == n, neutral, neutral + theta / (n - counts))
        marker = "." if counts.size <= MANY_COUNTS else ""
        axes.plot(counts, neutral, color=VERMILION, marker=marker, label="neutral expectation")
    axes.set(
        xlabel="minor allele count" if result.fold else "derived allele count",
        ylabel="expected sites",
        xlim=(0.0, counts.size + 1.0),
    )
    axes.set_ylim(bottom=0.0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def _draw_joint(result: SpectrumFit, figure, axes, names: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.colors import LogNorm

    sites = result.expected_sites.copy()
    sites[0, 0] = sites[-1, -1] = 0.0
    # Cells with less than a hundredth of a site are left white: their height is noise of a flat likelihood.
    visible = np.ma.masked_less(sites, 0.01)
    drawn = axes.imshow(visible.T, origin="lower", norm=LogNorm(0.01, max(0.1, float(sites.max()))), cmap="viridis")
    allele = "minor" if result.fold else "derived"
    axes.set(xlabel=f"{allele} allele count, {names[0]}", ylabel=f"{allele} allele count, {names[1]}")
    figure.colorbar(drawn, ax=axes, label="expected sites", shrink=0.85)
