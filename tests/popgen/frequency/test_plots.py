"""The frequency spectrum: counted in blocks, drawn the same every time."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genem.popgen.frequency.plots import SpectrumAccumulator, plot_frequency_spectrum


@pytest.mark.parametrize("file_format", ["svg", "png", "pdf"])
def test_the_same_frequencies_give_the_same_picture(file_format: str) -> None:
    pictures = [io.BytesIO(), io.BytesIO()]
    for picture in pictures:
        spectrum = SpectrumAccumulator()
        spectrum.count("a", [0.0, 0.2, np.nan, 1.0])
        plot_frequency_spectrum(spectrum, picture, file_format=file_format)
    assert pictures[0].getvalue() == pictures[1].getvalue() != b""


@given(
    st.lists(st.tuples(st.integers(0, 240), st.integers(1, 240)).map(lambda pair: min(pair) / max(pair)), min_size=1)
)
def test_the_spectrum_counts_what_segregates(frequencies: list[float]) -> None:
    exact, printed = SpectrumAccumulator(), SpectrumAccumulator()
    exact.count("a", frequencies)
    printed.count("a", [float(f"{value:.10g}") for value in frequencies])
    assert exact.counts["a"].tolist() == printed.counts["a"].tolist()
    assert exact.counts["a"].sum() == sum(0 < value < 1 for value in frequencies)
    for value in frequencies:
        if 0 < value < 1:
            assert exact.counts["a"][int(Fraction(value).limit_denominator(1000) * 20)] > 0


def test_a_block_counts_for_its_groups() -> None:
    """Two variants, the first with two ALT alleles, the second without any; rows alternate between the groups."""

    @dataclass
    class Block:
        groups: tuple[str, ...] = ("CEU", "ALL")
        row_offsets: NDArray[np.int64] = field(default_factory=lambda: np.array([0, 2, 4, 4, 4]))
        allele_frequency: NDArray[np.float64] = field(default_factory=lambda: np.array([0.12, 0.51, 0.22, 0.61]))

    spectrum = SpectrumAccumulator()
    spectrum.add(Block())
    assert np.flatnonzero(spectrum.counts["CEU"]).tolist() == [2, 10]
    assert np.flatnonzero(spectrum.counts["ALL"]).tolist() == [4, 12]
