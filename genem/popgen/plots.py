"""Pictures of population-genetic results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError

__all__ = ["plot_frequency_spectrum"]

N_BINS = 20
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""Okabe and Ito's palette, which readers with any colour vision can tell apart."""


def plot_frequency_spectrum(
    frequencies: Mapping[str, NDArray[np.float64]], path: str | Path | IO[bytes], *, file_format: str | None = None
) -> None:
    """Draw how many variants have which allele frequency, one colour per group.

    Parameters
    ----------
    frequencies
        For each group the ALT allele frequencies, float64 (allele,). Alleles that are absent or fixed in a group
        (0, 1) and missing ones (NaN) are not drawn for it.
    path
        A file, or a binary stream. The same input gives the same bytes.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed.

    Examples
    --------
    >>> import io, numpy as np
    >>> picture = io.BytesIO()
    >>> plot_frequency_spectrum({"CEU": np.array([0.1, 0.5])}, picture, file_format="svg")
    >>> picture.getvalue()[:5]
    b'<?xml'
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("pictures need matplotlib; pip install 'genem[plots]'") from None

    edges = np.linspace(0.0, 1.0, N_BINS + 1)
    width = (edges[1] - edges[0]) * 0.86 / max(1, len(frequencies))
    with matplotlib.rc_context({"svg.hashsalt": "genem", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        axes = figure.add_subplot()
        for number, (group, values) in enumerate(frequencies.items()):
            segregating = values[(values > 0.0) & (values < 1.0)]
            counts, _ = np.histogram(segregating, edges)
            left = edges[:-1] + 0.07 * (edges[1] - edges[0]) + number * width
            label = f"{group} ({segregating.size:,} segregating)"
            axes.bar(left, counts, width, align="edge", color=COLOURS[number % len(COLOURS)], label=label)
        axes.set(xlabel="ALT allele frequency", ylabel="variants", xlim=(0.0, 1.0))
        axes.spines[["top", "right"]].set_visible(False)
        if frequencies:
            axes.legend(frameon=False)
        shown = file_format or Path(str(path)).suffix.lstrip(".")
        dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(shown)
        figure.savefig(path, format=shown, dpi=150, metadata=dateless)
