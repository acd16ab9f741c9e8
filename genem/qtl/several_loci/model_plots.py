"""Pictures of models of several loci."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genem.picture import Target, picture
from genem.qtl.several_loci.profiles import LocusProfile

__all__ = ["plot_qtl_profiles"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which readers with any colour vision can tell apart; its yellow is too light for lines."""
COLUMNS = 3


def plot_qtl_profiles(
    profiles: Sequence[LocusProfile], path: Target, *, title: str = "", file_format: str | None = None
) -> None:
    """Draw what each locus of a model adds to the others, wherever on its chromosome it lies.

    Parameters
    ----------
    profiles
        From :func:`~genem.qtl.qtl_profiles` or :func:`~genem.qtl.select_qtl`.
    path
        A file, or a binary stream. The same profiles give the same bytes.
    title
        Above the picture.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    chromosomes = list(dict.fromkeys(profile.chromosome for profile in profiles))
    columns = min(COLUMNS, max(1, len(chromosomes)))
    rows = max(1, -(-len(chromosomes) // columns))
    with picture(path, file_format, font_size=9) as new_figure:
        figure = new_figure(3.0 * columns + 1.0, 2.4 * rows + 0.6)
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for axes in grid.ravel()[max(1, len(chromosomes)) :]:
            axes.set_visible(False)
        top = max((float(np.nanmax(profile.lod)) for profile in profiles), default=1.0)
        for axes, chromosome in zip(grid.ravel(), chromosomes, strict=False):
            for number, profile in enumerate(profiles):
                if profile.chromosome != chromosome:
                    continue
                colour = COLOURS[number % len(COLOURS)]
                label = f"Q{number + 1} at {profile.at:.1f} cM"
                axes.plot(profile.position, profile.lod, color=colour, linewidth=1.6, label=label)
                axes.axvline(profile.at, color=colour, linewidth=0.8, linestyle=":")
            axes.set(xlabel=f"chromosome {chromosome} (cM)", ylim=(0.0, 1.25 * top))
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False, loc="upper right")
        if profiles:
            grid[0, 0].set_ylabel("LOD given the others")
        else:
            grid[0, 0].text(0.5, 0.5, "no loci", ha="center")
        figure.suptitle(title)
