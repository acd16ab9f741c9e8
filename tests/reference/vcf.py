"""VCF text read value by value, the slow and obvious way; ValueError wherever the reader must refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import comb, inf, isfinite

import numpy as np

WHOLE_NUMBER = re.compile(r"-?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Site:
    chrom: str
    position: int
    id: str
    ref: str
    alts: tuple[str, ...]
    filter: str
    info: str
    format: tuple[str, ...]
    columns: tuple[str, ...]
    """The sample columns."""


@dataclass(frozen=True)
class Call:
    copies: tuple[int | None, ...]
    phased: bool


def site(line: str, n_samples: int) -> Site:
    columns = line.split("\t")
    n_fixed = 9 if n_samples else 8
    if len(columns) != n_fixed + n_samples or "" in columns[:n_fixed] or line.startswith("#"):
        raise ValueError(line)
    chrom, position, id_, ref, alt, _, filter_, info, *rest = columns
    if not (position.isascii() and position.isdigit()):
        raise ValueError(position)
    alts = () if alt == "." else tuple(alt.split(","))
    if "" in alts:
        raise ValueError(alt)
    format_ = tuple(rest[0].split(":")) if rest else ()
    return Site(chrom, int(position), id_, ref, alts, filter_, info, format_, tuple(rest[1:]))


def field(column: str, format_: tuple[str, ...], name: str) -> str | None:
    """The text of one FORMAT field of one sample; None where it is not there."""
    values = column.split(":")
    index = format_.index(name) if name in format_ else len(values)
    return values[index] if index < len(values) else None


def call(text: str | None, n_alleles: int) -> Call:
    if text is None:
        return Call((None,), False)
    body = text[1:] if text[:1] in ("/", "|") else text  # VCF 4.4: the phase of the first allele
    names = re.split(r"[/|]", body)
    if not all(name == "." or (name.isascii() and name.isdigit()) for name in names):
        raise ValueError(text)
    copies = tuple(None if name == "." else int(name) for name in names)
    if any(copy is not None and copy >= n_alleles for copy in copies):
        raise ValueError(text)
    return Call(copies, len(copies) > 1 and "/" not in body)


def known_ploidy(gt: str | None) -> int | None:
    """The number of copies that a GT tells; a lone missing one tells nothing."""
    if gt is None or gt == ".":
        return None
    body = gt[1:] if gt[:1] in ("/", "|") else gt
    return len(re.split(r"[/|]", body))


def count_fits(count: int, n_alleles: int, ploidy: int | None) -> bool:
    ploidies = range(1, count + 1) if ploidy is None else [ploidy]
    return any(comb(n_alleles + copies - 1, copies) == count for copies in ploidies)


def likelihoods(text: str | None, name: str, n_alleles: int, ploidy: int | None) -> list[float]:
    """The values of PL, GL or GP; -1 (PL) or NaN for a missing one; none where the whole field is missing."""
    if text is None or text == ".":
        return []
    values = [phred(value) if name == "PL" else decimal(value) for value in text.split(",")]
    if not count_fits(len(values), n_alleles, ploidy):
        raise ValueError(text)
    return values


def phred(text: str) -> int:
    if text == ".":
        return -1
    if not (text.isascii() and WHOLE_NUMBER.fullmatch(text)) or not 0 <= int(text) < 2**31:
        raise ValueError(text)
    return int(text)


def decimal(text: str) -> float:
    if text == ".":
        return float("nan")
    if text.lower() in ("-inf", "-infinity"):
        return -inf
    with np.errstate(over="ignore"):
        value = float(np.float32(float(text))) if DECIMAL.fullmatch(text) else inf
    if not isfinite(value):
        raise ValueError(text)
    return value
