"""Site maps: where in each sequence which motif occurs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genem.data import Motif, MotifSites, SequenceSet
from genem.motif.plots.logos import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from genem.picture import Target, picture

__all__ = ["plot_site_map"]

MOTIF_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MANY_SEQUENCES = 60
LONGEST_NAME = 28
ROW_INCHES = 0.19


def plot_site_map(
    motifs: Sequence[Motif],
    sites: Sequence[MotifSites],
    sequences: SequenceSet,
    path: Target,
    *,
    most: int = MANY_SEQUENCES,
    file_format: str | None = None,
) -> None:
    """Draw every sequence as a line and every site as a block on it: above the line as given, below it reversed.

    Sequences stand in the order of the file. Where more than ``most`` have sites, those with the smallest p-values
    are drawn, and the picture says so.

    Parameters
    ----------
    motifs, sites
        Equally many; the sites of each motif. A colour per motif.
    sequences
        What the sites lie in.
    path
        A file, or a binary stream. The same sites give the same bytes.
    most
        Draw at most so many sequences.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    shown = _shown(sites, len(sequences), most)
    rows = {int(sequence): row for row, sequence in enumerate(shown)}
    lengths = np.diff(sequences.offsets)
    with picture(path, file_format, font_size=9) as new_figure:
        from matplotlib.patches import Patch, Rectangle

        figure = new_figure(7.6, 1.1 + ROW_INCHES * max(1, len(shown)))
        axes = figure.add_subplot()
        axes.hlines(np.arange(len(shown)), 0, lengths[shown], color="0.6", linewidth=0.8)
        for number, (motif, found) in enumerate(zip(motifs, sites, strict=True)):
            colour = MOTIF_COLOURS[number % len(MOTIF_COLOURS)]
            for sequence, start, strand in zip(found.sequence, found.start, found.strand, strict=True):
                row = rows.get(int(sequence))
                if row is not None:  # the axis points down: above the line is towards smaller rows
                    place = (float(start), row - 0.42 if strand > 0 else row)
                    block = Rectangle(place, motif.width, 0.42, facecolor=colour, edgecolor="white", linewidth=0.4)
                    axes.add_patch(block)
        longest = int(lengths[shown].max()) if shown.size else 1
        stranded = any(len(motif.alphabet) == 4 for motif in motifs)
        label = _position_label(len(sequences), shown.size, stranded=stranded)
        axes.set(xlim=(0, longest), ylim=(max(1, len(shown)) - 0.4, -0.6), xlabel=label)
        names = [_short(sequences.names[sequence]) for sequence in shown]
        axes.set_yticks(np.arange(len(shown)), names, fontsize=7, parse_math=False)  # a $ in a name is a $
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        patches = [
            Patch(facecolor=MOTIF_COLOURS[number % len(MOTIF_COLOURS)], label=motif.name)
            for number, motif in enumerate(motifs)
        ]
        legend = figure.legend(handles=patches, loc="outside upper left", frameon=False, ncols=3, fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)


def _shown(sites: Sequence[MotifSites], n_sequences: int, most: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Sequences to draw, in the order of the file: all of a small set, else those with the best sites."""
    if n_sequences <= most:
        return np.arange(n_sequences)
    best = np.full(n_sequences, np.inf)
    for found in sites:
        np.minimum.at(best, found.sequence, found.p_value)
    with_sites = np.flatnonzero(np.isfinite(best))
    return np.sort(with_sites[np.argsort(best[with_sites], kind="stable")[:most]])


def _position_label(n_sequences: int, n_shown: int, *, stranded: bool) -> str:
    sides = "; blocks above the line: strand as given, below: reverse complement" if stranded else ""
    omitted = "" if n_shown == n_sequences else f"\n({n_shown} of {n_sequences} sequences: those with the best sites)"
    return f"position{sides}{omitted}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
