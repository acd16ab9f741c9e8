"""The header of a BCF file, and the dictionaries in it that records point into."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from genem.errors import InputError

__all__ = ["MAGIC", "BcfDictionaries", "bcf_contigs", "read_dictionaries", "split_header"]

MAGIC = b"BCF\x02"
"""The first bytes of an inflated BCF2 file; a byte with the minor version (1 or 2) follows."""

PREFIX_SIZE = 9
MAX_IDX_DIGITS = 7
ATTRIBUTE = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,>]*)')


@dataclass(frozen=True, slots=True)
class BcfDictionaries:
    """The names that numbers in BCF records stand for; empty where a number is not used.

    Attributes
    ----------
    strings
        FILTER, INFO and FORMAT identifiers.
    contigs
        Contig names.
    """

    strings: tuple[str, ...]
    contigs: tuple[str, ...]


def split_header(data: bytes | memoryview, path: str | Path | None = None) -> tuple[str, int] | None:
    """Read the header at the start of an inflated BCF stream.

    Returns
    -------
    tuple of str and int, or None
        The VCF header and the number of bytes up to the first record; None where ``data`` does not hold all of it.

    Raises
    ------
    InputError
        ``data`` does not start like BCF2, or its header is not text.
    """
    prefix = bytes(data[:PREFIX_SIZE])
    if not prefix.startswith(MAGIC[: len(prefix)]) or (len(prefix) > 4 and prefix[4] not in (1, 2)):
        raise InputError(f"starts with {prefix[:5]!r}: not BCF version 2", path=path)
    if len(prefix) < PREFIX_SIZE:
        return None
    size = PREFIX_SIZE + int.from_bytes(prefix[5:], "little")
    if len(data) < size:
        return None
    try:
        return bytes(data[PREFIX_SIZE:size]).rstrip(b"\0").decode(), size
    except UnicodeDecodeError as error:
        raise InputError("the header is not UTF-8 text", path=path, place=f"byte {PREFIX_SIZE + error.start}") from None


def read_dictionaries(text: str, path: str | Path | None = None) -> BcfDictionaries:
    """Number the identifiers of a VCF header as BCF does.

    Identifiers are numbered in order of appearance, the same name once however many FILTER, INFO and FORMAT lines
    declare it; ``IDX=`` overrides, and ``PASS`` is always 0.

    Raises
    ------
    InputError
        A line has no ID, or two names claim one number.

    Examples
    --------
    >>> read_dictionaries('##contig=<ID=22>' + chr(10) + '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">')
    BcfDictionaries(strings=('PASS', 'GT'), contigs=('22',))
    """
    strings, contigs = _Dictionary(path, "PASS"), _Dictionary(path)
    for line in text.splitlines():
        if line.startswith(("##FILTER=<", "##INFO=<", "##FORMAT=<")):
            strings.add(line)
        elif line.startswith("##contig=<"):
            contigs.add(line)
    return BcfDictionaries(strings.names(), contigs.names())


def bcf_contigs(path: str | Path) -> tuple[str, ...] | None:
    """Contig names of a BCF file by dictionary index, or None where the file is not BCF."""
    try:
        with gzip.open(path, "rb") as stream:
            data = stream.read(PREFIX_SIZE)
            if not data.startswith(MAGIC):
                return None
            data += stream.read(int.from_bytes(data[5:], "little"))
    except gzip.BadGzipFile as error:
        remedy = "compress with bgzip (or bcftools view -Oz), then run bcftools index"
        found = "regions need an indexed BGZF file, this one is not compressed"
        raise InputError(found, path=path, remedy=remedy) from error
    except (EOFError, zlib.error) as error:
        raise InputError(f"damaged ({error})", path=path) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path=path) from error
    split = split_header(data, path)
    if split is None:
        raise InputError("the header is cut short", path=path)
    return read_dictionaries(split[0], path).contigs


class _Dictionary:
    """Numbers names as their header lines come along."""

    def __init__(self, path: str | Path | None, *names: str) -> None:
        self._path = path
        self._numbers = {name: number for number, name in enumerate(names)}
        self._used = dict(enumerate(names))
        self._next = len(names)

    def add(self, line: str) -> None:
        attributes = dict(ATTRIBUTE.findall(line.partition("<")[2]))
        name = attributes.get("ID")
        if not name:
            raise InputError(f"the header line {line[:60]!r} has no ID", path=self._path)
        if name in self._numbers:
            return
        given = attributes.get("IDX", str(self._next))
        if not (given.isascii() and given.isdigit() and len(given) <= MAX_IDX_DIGITS):
            raise InputError(f"the header line {line[:60]!r} has the impossible IDX={given}", path=self._path)
        number = int(given)
        other = self._used.setdefault(number, name)
        if other != name:
            found = f"the header gives {other!r} and {name!r} the same number IDX={number}"
            raise InputError(found, path=self._path)
        self._numbers[name] = number
        self._next = max(self._next, number + 1)

    def names(self) -> tuple[str, ...]:
        return tuple(self._used.get(number, "") for number in range(self._next))
