"""Errors a user can act on: each is one line that names the place, the finding and the remedy."""

from __future__ import annotations

from pathlib import Path


class GenemError(Exception):
    """Base of every error genem raises on purpose; the command line prints it as one line, exit status 1."""

    exit_status = 1


class UsageError(GenemError):
    """The request itself is wrong (an unknown sample, two flags that exclude each other): exit status 2."""

    exit_status = 2


class InputError(GenemError):
    """A file holds something that cannot be used.

    Parameters
    ----------
    found
        What was found, and what was expected instead.
    path
        The file, where there is one.
    place
        Where in the file: a record, a line, a byte offset.
    remedy
        What the user can do about it.

    Examples
    --------
    >>> str(InputError("FORMAT/PL has 4 values, 3 expected", path="x.vcf",
    ...                place="record 17 (22:16051249), sample NA12878", remedy="re-run bcftools norm"))
    'x.vcf: record 17 (22:16051249), sample NA12878: FORMAT/PL has 4 values, 3 expected; re-run bcftools norm'
    """

    def __init__(
        self,
        found: str,
        *,
        path: str | Path | None = None,
        place: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.found = found
        self.path = None if path is None else str(path)
        self.place = place
        self.remedy = remedy
        parts = [part for part in (self.path, self.place, found) if part]
        message = ": ".join(parts)
        super().__init__(f"{message}; {remedy}" if remedy else message)


class OutputError(GenemError):
    """A result could not be written (missing folder, full disk, no permission)."""


class NotConvergedError(GenemError):
    """With ``--strict``: at least one fit did not end as ``converged``; exit status 3."""

    exit_status = 3
