"""Pictures of aligned motifs."""

from __future__ import annotations

from collections.abc import Sequence

from genem.data import Motif
from genem.motif.plots.logos import INCHES_PER_POSITION, LOGO_HEIGHT, draw_logo, reverse_complemented
from genem.picture import Target, picture

__all__ = ["plot_aligned_logos"]


def plot_aligned_logos(
    pairs: Sequence[tuple[Motif, Motif, int, int]], path: Target, *, file_format: str | None = None
) -> None:
    """Draw motifs above what they resemble, aligned columns below each other.

    Parameters
    ----------
    pairs
        At least one: motif, target, offset and orientation, as in :class:`genem.motif.Comparison`.
    path
        A file, or a binary stream. The same pairs give the same bytes.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> motif = Motif("A", "ACGT", np.eye(4), np.full(4, 0.25))
    >>> stream = io.BytesIO()
    >>> plot_aligned_logos([(motif, motif, 0, 1)], stream, file_format="svg")
    >>> stream.getvalue()[:5]
    b'<?xml'
    """
    spans = [(min(0, offset), max(target.width, offset + query.width)) for query, target, offset, _orientation in pairs]
    widest = max(last - first for first, last in spans)
    with picture(path, file_format, font_size=9) as new_figure:
        figure = new_figure(1.0 + INCHES_PER_POSITION * max(widest, 8), 0.2 + 2.0 * LOGO_HEIGHT * len(pairs))
        axes = figure.subplots(2 * len(pairs), 1, squeeze=False)[:, 0]
        for row, ((query, target, offset, orientation), (first, last)) in enumerate(zip(pairs, spans, strict=True)):
            turned = " (reverse complement)" if orientation < 0 else ""
            shown = reverse_complemented(target) if orientation < 0 else target
            draw_logo(axes[2 * row], query, title=f"query {_title(query)}")
            axes[2 * row].set_xlim(first - offset + 0.5, last - offset + 0.5)
            draw_logo(axes[2 * row + 1], shown, title=f"target {_title(target)}{turned}")
            axes[2 * row + 1].set_xlim(first + 0.5, last + 0.5)


def _title(motif: Motif) -> str:
    return f"{motif.name} {motif.alternative_name}".strip()
