"""Parsers of option values; the message of a ``ValueError`` says what is expected."""

from __future__ import annotations

import math

PICTURE_SUFFIXES = (".svg", ".png", ".pdf")


def integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a whole number") from None


def positive_integer(text: str) -> int:
    value = integer(text)
    if value < 1:
        raise ValueError(f"{value} is not at least 1")
    return value


def non_negative_integer(text: str) -> int:
    value = integer(text)
    if value < 0:
        raise ValueError(f"{value} is below 0")
    return value


def integer_or_auto(text: str) -> int | str:
    """A whole number, 0 included, or ``auto``: the command decides."""
    return text if text == "auto" else non_negative_integer(text)


def number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"'{text}' is not a finite number")
    return value


def positive_number(text: str) -> float:
    value = number(text)
    if value <= 0.0:
        raise ValueError(f"{text} is not above 0")
    return value


def non_negative_number(text: str) -> float:
    value = number(text)
    if value < 0.0:
        raise ValueError(f"{text} is below 0")
    return value


def fraction_below_one(text: str) -> float:
    """A share, 0 included, 1 not."""
    value = number(text)
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{text} is not from 0 to below 1")
    return value


def fraction(text: str) -> float:
    """A share, 0 and 1 included."""
    value = number(text)
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{text} is not between 0 and 1")
    return value


def fraction_above_zero(text: str) -> float:
    """A share, 1 included, 0 not."""
    value = number(text)
    if not 0.0 < value <= 1.0:
        raise ValueError(f"{text} is not above 0 and at most 1")
    return value


def maf(text: str) -> float:
    value = number(text)
    if not 0.0 <= value <= 0.5:
        raise ValueError(f"{text} is not a minor allele frequency between 0 and 0.5")
    return value


def confidence_level(text: str) -> float:
    value = number(text)
    if not 0.0 < value < 1.0:
        raise ValueError(f"{text} is not a confidence level between 0 and 1, such as 0.95")
    return value


def significance_levels(text: str) -> tuple[float, ...]:
    """Probabilities between 0 and 1, separated by commas, the smallest first."""
    levels = tuple(sorted(number(part) for part in text.split(",")))
    if not all(0.0 < level < 1.0 for level in levels):
        raise ValueError(f"'{text}' are not significance levels between 0 and 1, such as 0.05,0.1")
    return levels


def three_penalties(text: str) -> tuple[float, ...]:
    """Three numbers that are not negative, separated by commas."""
    values = tuple(number(part) for part in text.split(","))
    if len(values) != 3 or not min(values) >= 0.0:
        raise ValueError(f"'{text}' are not three penalties of 0 or more, such as 2.7,4.1,1.8")
    return values


def picture(text: str) -> str:
    """The name of a picture; what follows the last dot is its format."""
    if not text.lower().endswith(PICTURE_SUFFIXES):
        raise ValueError(f"'{text}' does not end in {', '.join(PICTURE_SUFFIXES[:-1])} or {PICTURE_SUFFIXES[-1]}")
    return text


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise ValueError(f"'{text}' has an empty name between its commas")
    return parts
