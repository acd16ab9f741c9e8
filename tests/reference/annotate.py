"""Readable twins of the sample-column rewriting in genem.io.variants.vcf.annotation_kernels."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal


def fixed(value: float) -> str:
    if value != value:
        return "."
    rounded = Decimal(int(value * 1e6 + 0.5)).scaleb(-6).quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".")


def values(numbers: list[float]) -> str:
    if not numbers or numbers[0] != numbers[0]:
        return "."
    return ",".join(map(fixed, numbers))


def cell(original: str, keep: list[bool], posteriors: list[float], dosages: list[float]) -> str:
    subfields = original.split(":")
    subfields += ["."] * (len(keep) - len(subfields))
    kept = [subfield for subfield, kept in zip(subfields, keep, strict=True) if kept]
    return ":".join([*kept, values(posteriors), values(dosages)])
