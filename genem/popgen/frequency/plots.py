"""Pictures of population-genetic results."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.picture import COLOURS, Target, picture
from genem.popgen.frequency.table import FrequencyTable
from genem.popgen.samples import POOLED

__all__ = ["SpectrumAccumulator", "plot_frequency_spectrum"]

N_BINS = 20
BIN_DECIMALS = 6
"""Frequencies are rounded before they are binned, so that one printed with ten digits falls where the original does."""


class SpectrumAccumulator:
    """Numbers of alleles by frequency, for each group, counted block by block.

    Attributes
    ----------
    counts
        For each group int64 (bin,): ALT alleles with a frequency from ``bin / 20`` to below ``(bin + 1) / 20``.
        Alleles absent from or fixed in the group (0, 1), and missing ones (NaN), are left out.

    Examples
    --------
    >>> spectrum = SpectrumAccumulator()
    >>> spectrum.count("CEU", [0.0, 0.04, 0.15, 0.19, 1.0])
    >>> spectrum.counts["CEU"][:4]
    array([1, 0, 0, 2])
    """

    def __init__(self) -> None:
        self.counts: dict[str, NDArray[np.int64]] = {}

    def add(self, estimates: FrequencyTable) -> None:
        """Count one block of estimates."""
        rows = np.repeat(np.arange(len(estimates.row_offsets) - 1), np.diff(estimates.row_offsets))
        for number, group in enumerate(estimates.groups):
            self.count(group, estimates.allele_frequency[rows % len(estimates.groups) == number])

    def count(self, group: str, frequencies: ArrayLike) -> None:
        """Count the ALT allele frequencies, float64 (allele,), of one group."""
        values = np.asarray(frequencies, np.float64)
        segregating = values[(values > 0.0) & (values < 1.0)]
        bins = np.minimum(np.round(segregating * N_BINS, BIN_DECIMALS).astype(np.int64), N_BINS - 1)
        total = self.counts.setdefault(group, np.zeros(N_BINS, np.int64))
        total += np.bincount(bins, minlength=N_BINS)


def plot_frequency_spectrum(spectrum: SpectrumAccumulator, path: Target, *, file_format: str | None = None) -> None:
    """Draw how many variants have which allele frequency: a colour per group, or all samples where there is no group.

    Parameters
    ----------
    spectrum
        The counts.
    path
        A file, or a binary stream. The same counts give the same bytes.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed.

    Examples
    --------
    >>> import io
    >>> spectrum, stream = SpectrumAccumulator(), io.BytesIO()
    >>> spectrum.count("CEU", [0.1, 0.5])
    >>> plot_frequency_spectrum(spectrum, stream, file_format="svg")
    >>> stream.getvalue()[:5]
    b'<?xml'
    """
    groups = [group for group in spectrum.counts if group != POOLED] or [*spectrum.counts]
    width = 0.86 / N_BINS / max(1, len(groups))
    with picture(path, file_format) as new_figure:
        axes = new_figure(7.2, 3.8).add_subplot()
        for number, group in enumerate(groups):
            counts = spectrum.counts[group]
            left = (np.arange(N_BINS) + 0.07) / N_BINS + number * width
            label = f"{group} ({counts.sum():,} segregating)"
            axes.bar(left, counts, width, align="edge", color=COLOURS[number % len(COLOURS)], label=label)
        axes.set(xlabel="ALT allele frequency", ylabel="variants", xlim=(0.0, 1.0))
        axes.spines[["top", "right"]].set_visible(False)
        if groups:
            axes.legend(frameon=False)
