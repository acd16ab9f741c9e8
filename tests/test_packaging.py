"""What the package says about itself, and what it carries."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import genem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def normal(name: str) -> str:
    """A distribution name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(requirements: list[str]) -> set[str]:
    return {normal(match[0]) for match in map(NAME.match, requirements) if match}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    settings: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return settings


@pytest.fixture(scope="module")
def pinned(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text().splitlines()
    return {normal(name): version for name, _, version in (line.partition("==") for line in lines)}


def test_the_constraints_are_names_and_versions_only(root: Path) -> None:
    for line in (root / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.+!]*", line), line


def test_every_dependency_is_pinned(project: dict[str, Any], pinned: dict[str, str]) -> None:
    wanted = required(project["dependencies"]).union(*map(required, project["optional-dependencies"].values()))
    assert wanted - set(pinned) == set()


def test_the_core_needs_five_libraries(project: dict[str, Any]) -> None:
    assert required(project["dependencies"]) == {"numpy", "scipy", "numba", "pysam", "biopython"}


def test_the_version_is_the_same_everywhere(root: Path) -> None:
    assert f"\nversion: {genem.__version__}\n" in (root / "CITATION.cff").read_text()
    assert f"\n## {genem.__version__} " in (root / "CHANGELOG.md").read_text()


def test_the_data_are_what_they_were(data: Path) -> None:
    listed = dict(reversed(line.split()) for line in (data / "SHA256SUMS").read_text().splitlines())
    present = {path.name for path in data.iterdir()} - {"README.md", "SHA256SUMS"}
    assert set(listed) == present
    assert {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in listed} == listed


def test_every_data_file_has_an_origin_and_a_licence(data: Path) -> None:
    rows = [line for line in (data / "README.md").read_text().splitlines() if line.startswith("| ")]
    for row in rows:
        assert len([cell for cell in row.strip("|").split("|") if cell.strip()]) == 4, row
    for path in data.iterdir():
        if path.name not in ("README.md", "SHA256SUMS") and path.suffix not in (".tbi", ".fai"):
            assert any(path.name in row.split("|")[1] for row in rows), path.name


def test_the_founders_are_those_of_the_groups_table(data: Path) -> None:
    header, *rows = (line.split("\t") for line in (data / "population.groups.tsv").read_text().splitlines())
    founder = header.index("founder")
    assert (data / "population.founders.txt").read_text().split() == [row[0] for row in rows if row[founder] == "1"]


@pytest.mark.slow
def test_the_wheel_carries_workflows_and_data(root: Path, tmp_path: Path) -> None:
    """The wheel is built from the source archive, which therefore has to hold all of it."""
    pytest.importorskip("build", reason="the package build is not installed")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(tmp_path), str(root)], check=True)
    (wheel,) = tmp_path.glob("genem-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    bundled = {name.removeprefix("genem/_bundle/") for name in names if name.startswith("genem/_bundle/")}
    tracked = subprocess.run(
        ["git", "ls-files", "workflows", "data"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    assert bundled == {name for name in tracked if "/.test/" not in name}
    assert "genem/py.typed" in names
    assert not any(name.startswith(("tests/", "docs/")) for name in names)
