"""MEME text, minimal or full, read line by line: what is wrong is said with its line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genem.data import Motif
from genem.errors import InputError

__all__ = ["is_meme_text", "log10_of_text", "parse_meme"]

ALPHABETS = ("ACGT", "ACGU", "ACDEFGHIKLMNPQRSTVWY")
ALPHABET_OF_LENGTH = {4: "ACGT", 20: "ACDEFGHIKLMNPQRSTVWY"}
"""The alphabet of a file that names none, by the number of letters; files of RNA name theirs."""

ROW_SUM_TOLERANCE = 0.02
"""Rows are printed with few digits: their sums may be this far from 1 before they are refused."""

VERSION = re.compile(r"\s*MEME version\s+\d")
STATISTIC = re.compile(r"(alength|w|nsites|E)=\s*(\S+)")
E_VALUE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+))?$")


def is_meme_text(text: str) -> bool:
    """Whether a line near the start says ``MEME version``."""
    return any(VERSION.match(line) for line in text[:10_000].splitlines())


def log10_of_text(text: str) -> float | None:
    """The logarithm of a number printed as text, which may be too small for a double; None if it is not a number.

    Examples
    --------
    >>> log10_of_text("1.0e-1034"), log10_of_text("0.01"), log10_of_text("x") is None
    (-1034.0, -2.0, True)
    """
    match = E_VALUE.match(text)
    if match is None:
        return None
    mantissa = float(match[1])
    return math.log10(mantissa) + int(match[2] or 0) if mantissa > 0.0 else -math.inf


@dataclass
class _Lines:
    """The lines of a file with their numbers, one of which can be put back."""

    path: str
    lines: list[str]
    number: int = 0
    """Of the line that was read last, 1-based."""

    def __iter__(self) -> Iterator[str]:
        while self.number < len(self.lines):
            self.number += 1
            yield self.lines[self.number - 1]

    def put_back(self) -> None:
        self.number -= 1

    def error(self, found: str, remedy: str | None = None, *, line: int | None = None) -> InputError:
        return InputError(found, path=self.path, place=f"line {line or self.number}", remedy=remedy)


@dataclass
class _Header:
    """The part of a file before the first motif."""

    alphabet: str = ""
    background: NDArray[np.float64] | None = None
    motifs: list[Motif] = field(default_factory=list)


def parse_meme(text: str, path: str) -> tuple[Motif, ...]:
    """The motifs of a file in MEME text format.

    Without an alphabet line, 4 columns are DNA and 20 are protein; without a background, it is uniform. An E-value
    of exactly 0, which databases write, is taken as unknown. Where the file gives the logarithm of the E-value
    (``log10(E-value) = -400.5``), that is taken.

    Raises
    ------
    InputError
        The file breaks the format, or has no motif.
    """
    lines = _Lines(path, text.splitlines())
    header = _Header()
    for line in lines:
        words = line.split()
        if line.startswith("ALPHABET"):
            header.alphabet = _alphabet(line, lines)
        elif line.startswith("Background letter frequencies"):
            header.background = _background(header.alphabet, lines)
        elif words[:1] == ["MOTIF"] and line.startswith("MOTIF"):
            header.motifs.append(_motif(words[1:], header, lines))
    if not header.motifs:
        raise InputError("holds no motif", path=path, remedy="a motif starts with a line 'MOTIF name'")
    return tuple(header.motifs)


def _alphabet(line: str, lines: _Lines) -> str:
    if "=" in line:
        letters = line.partition("=")[2].strip()
    else:  # a custom alphabet, defined up to END ALPHABET: its core letters, complements joined by ~
        core: set[str] = set()
        for entry in lines:
            if entry.split()[:2] == ["END", "ALPHABET"]:
                break
            if "=" not in entry:
                core.update(part.split()[0] for part in entry.split("~") if part.strip())
        letters = "".join(sorted(core))
    if letters not in ALPHABETS:
        raise lines.error(f"the alphabet is {letters!r}", "motifs of DNA, RNA and protein can be read")
    return letters


def _background(alphabet: str, lines: _Lines) -> NDArray[np.float64]:
    """``A 0.25 C 0.25 ...`` over as many lines as it takes."""
    first = lines.number
    shares: dict[str, float] = {}
    for line in lines:
        words = line.split()
        if len(words) % 2 or not words or any(len(letter) != 1 for letter in words[::2]):
            lines.put_back()
            break
        for letter, share in zip(words[::2], words[1::2], strict=True):
            shares[letter] = _number(share, f"the background frequency of {letter}", lines)
    letters = alphabet or "".join(shares)
    if set(shares) != set(letters) or not letters:
        raise lines.error(
            f"background frequencies of {''.join(shares) or 'nothing'}",
            f"one is needed for each of {letters or 'the letters'}",
            line=first,
        )
    frequencies = np.array([shares[letter] for letter in letters])
    return _normalised(frequencies, "the background frequencies", lines, line=first)


def _motif(words: list[str], header: _Header, lines: _Lines) -> Motif:
    """A motif, from the words behind ``MOTIF`` to the end of its matrix."""
    if not words:
        raise lines.error("a motif without a name", "write 'MOTIF name'")
    start = lines.number
    alternative = words[1] if len(words) > 1 and words[2:3] != ["="] else ""
    given = _given_log10(lines.lines[start - 1])
    for line in lines:
        if line.startswith("letter-probability matrix"):
            break
        if line.startswith("MOTIF "):
            raise lines.error(f"motif {words[0]} has no letter-probability matrix", line=start)
    else:
        raise lines.error(f"motif {words[0]} has no letter-probability matrix", line=start)
    statistics = dict(STATISTIC.findall(line))
    probabilities = _matrix(words[0], statistics, header, lines)
    alphabet = header.alphabet or ALPHABET_OF_LENGTH[probabilities.shape[1]]
    uniform = np.full(len(alphabet), 1.0 / len(alphabet))
    return Motif(
        name=words[0],
        alternative_name=alternative,
        alphabet=alphabet,
        probabilities=probabilities,
        background=uniform if header.background is None else header.background,
        n_sites=_number(statistics["nsites"], "nsites", lines) if "nsites" in statistics else math.nan,
        log10_e_value=given if given is not None else _log10_e_value(statistics.get("E"), lines),
    )


def _given_log10(line: str) -> float | None:
    match = re.search(r"log10\(E-value\) = (\S+)", line)
    return None if match is None else float(match[1])


def _log10_e_value(text: str | None, lines: _Lines) -> float:
    if text is None:
        return math.nan
    value = log10_of_text(text)
    if value is None:
        raise lines.error(f"the E-value is {text!r}, a number expected")
    return math.nan if math.isinf(value) else value


def _matrix(name: str, statistics: dict[str, str], header: _Header, lines: _Lines) -> NDArray[np.float64]:
    """The rows below ``letter-probability matrix:``, as many as it says, else up to a line that is not numbers."""
    start = lines.number
    width = _whole(statistics, "w", lines)
    n_letters = _whole(statistics, "alength", lines) or len(header.alphabet)
    rows: list[list[float]] = []
    for line in lines:
        words = line.split()
        if not words or (width is None and log10_of_text(words[0]) is None):
            lines.put_back()
            break
        row = [_number(word, f"row {len(rows) + 1} of motif {name}", lines) for word in words]
        n_letters = n_letters or len(row)
        if len(row) != n_letters or (header.alphabet and n_letters != len(header.alphabet)):
            expected = len(header.alphabet) or n_letters
            raise lines.error(f"row {len(rows) + 1} of motif {name} has {len(row)} numbers, {expected} expected")
        rows.append(_normalised(np.array(row), f"row {len(rows) + 1} of motif {name}", lines).tolist())
        if len(rows) == width:
            break
    if not rows or (width is not None and len(rows) != width):
        stated = "" if width is None else f", its header says {width}"
        raise lines.error(f"the matrix of motif {name} has {len(rows)} rows{stated}", line=start)
    if n_letters not in ALPHABET_OF_LENGTH:
        raise lines.error(f"the matrix of motif {name} has {n_letters} columns, 4 or 20 expected", line=start)
    return np.array(rows)


def _whole(statistics: dict[str, str], key: str, lines: _Lines) -> int | None:
    text = statistics.get(key)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise lines.error(f"{key}= {text}, a whole number of at least 1 expected")
    return int(text)


def _number(text: str, what: str, lines: _Lines) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0.0):
        raise lines.error(f"{what} holds {text!r}, a number of at least 0 expected")
    return value


def _normalised(
    shares: NDArray[np.float64], what: str, lines: _Lines, *, line: int | None = None
) -> NDArray[np.float64]:
    total = float(shares.sum())
    if abs(total - 1.0) > ROW_SUM_TOLERANCE:
        raise lines.error(f"{what} add up to {total:.4g}, 1 expected", line=line)
    return shares / total
