"""Tables cell by cell, and decimals digit by digit, as the kernels must print them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal


def ten_significant_digits(value: float) -> str:
    """The ``%.10g`` of C11 7.21.6.1, from the exact value of the double; NaN is NA, both zeros are 0."""
    if value != value:
        return "NA"
    if value == 0.0:
        return "0"
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    rounded = Context(prec=10, rounding=ROUND_HALF_EVEN, Emin=-999, Emax=999).create_decimal(Decimal(abs(value)))
    exponent = rounded.adjusted()
    digits = "".join(map(str, rounded.as_tuple().digits)).ljust(10, "0")
    if -4 <= exponent < 10:
        digits = "0" * -exponent + digits  # 0.00012: as many zeros before the digits
        point = max(exponent, 0) + 1
        whole, decimals, power = digits[:point], digits[point:], ""
    else:
        whole, decimals = digits[0], digits[1:]
        power = f"e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    decimals = decimals.rstrip("0")
    return ("-" if value < 0 else "") + whole + ("." + decimals if decimals else "") + power


def list_cell(values: Sequence[float]) -> str:
    """Numbers joined by commas; none is NA."""
    return ",".join(map(ten_significant_digits, values)) or "NA"


def rows(columns: Sequence[Sequence[str]]) -> str:
    """Columns of text as lines."""
    return "".join("\t".join(row) + "\n" for row in zip(*columns, strict=True))
