"""Dirichlet mixtures from files, in the form that libraries of them are handed round in (``.plib``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput

__all__ = ["read_dirichlet_mixture"]

REMEDY = "each component has a line 'Mixture= weight' and a line 'Alpha= total first second ...'"
TOTAL_TOLERANCE = 1e-3
"""The total of a line may differ by so much, relatively, from the sum of what follows."""


def read_dirichlet_mixture(path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read weights and concentrations.

    Lines ``Mixture= weight`` and ``Alpha= total first second ...`` make a component, letters in alphabetical order;
    other lines (``ClassName=``, ``Name=``, ...) are passed over.

    Parameters
    ----------
    path
        The file, plain or compressed.

    Returns
    -------
    weights
        float64 (component,), scaled to add up to 1.
    concentrations
        float64 (component, letter)

    Raises
    ------
    InputError
        The file cannot be read, a number is not above 0, or components differ in their number of letters.
    """
    with InflatedInput(path) as stream:
        text = b"".join(stream.pieces()).decode(errors="replace")
        name = stream.name
    weights: list[float] = []
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        key, _, values = line.partition("=")
        if key.strip() not in ("Mixture", "Alpha"):
            continue
        place = f"line {number}"
        try:
            numbers = [float(value) for value in values.split()]
        except ValueError:
            numbers = []
        if not numbers or not all(0.0 < value < np.inf for value in numbers):
            raise InputError(f"{line.strip()[:40]!r}: numbers above 0 expected", path=name, place=place, remedy=REMEDY)
        if key.strip() == "Mixture":
            weights.append(numbers[0])
            continue
        total, *row = numbers
        if not row or abs(sum(row) - total) > TOTAL_TOLERANCE * total or (rows and len(row) != len(rows[0])):
            found = f"{len(row)} concentrations that add up to {sum(row):g}, the total is {total:g}"
            raise InputError(found, path=name, place=place, remedy=REMEDY)
        rows.append(row)
    if not rows or len(rows) != len(weights):
        raise InputError(f"{len(weights)} weights and {len(rows)} rows of concentrations", path=name, remedy=REMEDY)
    return np.array(weights) / sum(weights), np.array(rows)
