"""Where compiled kernels are kept: a folder per module and everything that it imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from genem import jit

PACKAGE = Path(jit.__file__).parent
KERNEL_MODULES = sorted(PACKAGE.rglob("*kernels.py"))


def dotted(path: Path) -> str:
    return ".".join(("genem", *path.relative_to(PACKAGE).with_suffix("").parts))


@pytest.mark.parametrize("path", KERNEL_MODULES, ids=dotted)
def test_the_sources_of_a_module_are_closed_under_imports(path: Path) -> None:
    """As the syntax trees see it: no module that a source imports is left out."""
    files = jit.sources(dotted(path))
    assert path in files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("genem."):
                base = PACKAGE.joinpath(*str(node.module).split(".")[1:])
                names = [base, *(base / alias.name for alias in node.names)]
                candidates = [file for name in names for file in (name.with_suffix(".py"), name / "__init__.py")]
                assert {each for each in candidates if each.is_file()} <= set(files)


def test_an_edit_changes_the_folders_of_those_who_import_it_and_no_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "genem"
    (package / "field").mkdir(parents=True)
    (package / "jit.py").write_text("")
    (package / "field" / "base_kernels.py").write_text("LIMIT = 1\n")
    (package / "field" / "other_kernels.py").write_text("OTHER = 1\n")
    (package / "field" / "upper_kernels.py").write_text(
        "from genem.field.base_kernels import (\n    LIMIT,\n)\nfrom genem.jit import kernel\n"
    )
    (package / "field" / "top_kernels.py").write_text("from genem.field import upper_kernels\n")
    monkeypatch.setattr(jit, "__file__", str(package / "jit.py"))
    names = [f"genem.field.{name}_kernels" for name in ("base", "other", "upper", "top")]

    def folders() -> list[str]:
        jit._imported.cache_clear()
        return [jit._source_hash(name) for name in names]

    before = folders()
    (package / "field" / "base_kernels.py").write_text("LIMIT = 2\n")
    changed = [old != new for old, new in zip(before, folders(), strict=True)]
    jit._imported.cache_clear()
    assert changed == [True, False, True, True]
