"""Summary that ``genem summary`` writes of reports of ``genem phylo``: a line per report."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genem.errors import InputError

__all__ = ["MEANINGS", "is_report", "tree_rows"]

MEANINGS = {
    "REPORT": "name of the report",
    "TAXA": "sequences",
    "SITES": "columns of the alignment",
    "PATTERNS": "distinct columns",
    "MODEL": "model of substitution, without the values of its parameters",
    "LOG_LIKELIHOOD": "of the best tree",
    "N_FREE": "free parameters, lengths of branches among them",
    "BIC": "Bayesian information criterion",
    "TREE_LENGTH": "expected substitutions per site, over all branches",
    "STATUS": "how the fit ended",
}
VALUES = re.compile(r"\{[^}]*\}")


def is_report(path: str) -> bool:
    """Whether a file is JSON rather than a table, by its first letter."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(1) == b"{"
    except OSError:
        return False  # whoever reads the file next says what is wrong with it


def tree_rows(paths: Sequence[str]) -> list[tuple[str, ...]]:
    """The cells of every report, in the order of ``MEANINGS``.

    Raises
    ------
    InputError
        A file cannot be read, or is no report of ``genem phylo``.
    """
    return [_row(path) for path in paths]


def _row(path: str) -> tuple[str, ...]:
    from genem.io.tables.writing import format_float

    try:
        report: dict[str, Any] = json.loads(Path(path).read_bytes())
        size = report["input"]
        counts = [str(size[name]) for name in ("n_taxa", "n_sites", "n_patterns")]
        model = VALUES.sub("", report["model"])
        numbers = [format_float(report[name]) for name in ("log_likelihood", "bic", "tree_length")]
        n_free, status = str(report["n_free_parameters"]), report["status"]
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", path=path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("is no report of genem phylo", path=path, remedy="give what --report wrote") from error
    return (Path(path).stem, *counts, model, numbers[0], n_free, *numbers[1:], status)
