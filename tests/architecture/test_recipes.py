"""The diffs in CONTRIBUTING.md are true: applied to a copy of the package each of them works, and touches few files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
DIFFS = re.findall(r"^```diff\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
CASES = [
    ("emission", 1, "python", "from genem.chain.emissions.poisson import Poisson as E; print(E.__name__)", "Poisson"),
    ("cross type", 1, "genem", "qtl --help", "ail3"),
    ("output column", 3, "genem", "freq data/population.vcf.gz -r 22:17000000-17300000 -q", "N_DIPLOID"),
]


def section(title: str) -> str:
    """The diff of a section ``How to add ...``."""
    text = re.search(rf"^## How to add an? {title}.*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert text is not None
    return next(diff for diff in DIFFS if diff in text.group())


def files(diff: str) -> Iterator[tuple[Path, list[tuple[str, str]]]]:
    """Every file of a diff, with the texts that are replaced and what replaces them."""
    for part in re.split(r"^--- .*\n\+\+\+ b/|^--- (?!/)(?:a/)?", diff, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        hunks = [hunk.splitlines() for hunk in re.split(r"^@@.*\n", body, flags=re.MULTILINE) if hunk]
        yield (
            Path(name),
            [
                tuple("".join(f"{line[1:]}\n" for line in hunk if line[:1] != sign) for sign in ("+", "-"))  # type: ignore[misc]
                for hunk in hunks
            ],
        )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "genem", tmp_path / "genem", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "data").symlink_to(ROOT / "data")
    return tmp_path


@pytest.mark.parametrize(
    ("title", "most_files", "program", "arguments", "expected"), CASES, ids=lambda value: str(value)
)
def test_a_diff_works(title: str, most_files: int, program: str, arguments: str, expected: str, copy: Path) -> None:
    changed = list(files(section(title)))
    for name, hunks in changed:
        text = (copy / name).read_text() if (copy / name).exists() else ""
        for before, after in hunks:
            assert text.count(before) == 1 or not text
            text = text.replace(before, after, 1) if text else after
        (copy / name).write_text(text)
    options = ["-c", arguments] if program == "python" else ["-m", "genem", *arguments.split()]
    shown = subprocess.run(
        [sys.executable, *options],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert expected in shown.stdout, shown.stderr
    assert 1 <= len(changed) <= most_files


def test_every_diff_is_tried() -> None:
    assert len(DIFFS) == len(CASES)
