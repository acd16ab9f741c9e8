"""The names that ``genem.io`` offers: every ``open_``, ``read_`` and ``write_`` function, imported when asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import genem.io

PACKAGE = Path(genem.io.__file__).parent
INTERNAL = {"read_columns", "read_dictionaries", "read_lines", "read_notes"}
"""Steps of other readers."""


def public_functions() -> set[str]:
    """Functions of that kind in modules that hold no kernels."""
    modules = [path for path in PACKAGE.rglob("*.py") if not path.stem.endswith("kernels")]
    functions = (node for path in modules for node in ast.parse(path.read_text()).body)
    names = {node.name for node in functions if isinstance(node, ast.FunctionDef)}
    return {name for name in names if name.startswith(("open_", "read_", "write_"))} - INTERNAL


def test_every_reader_and_writer_is_offered() -> None:
    assert set(genem.io.__all__) == public_functions()


@pytest.mark.parametrize("name", genem.io.__all__)
def test_the_function_of_that_name(name: str) -> None:
    function = getattr(genem.io, name)
    assert callable(function)
    assert function.__name__ == name
    assert name in dir(genem.io)


def test_unknown() -> None:
    with pytest.raises(AttributeError, match="no attribute 'read_nothing'"):
        genem.io.read_nothing  # noqa: B018


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = "import genem.io, sys; assert not {'numpy', 'numba', 'pysam'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
