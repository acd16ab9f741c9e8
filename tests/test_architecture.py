"""The house plan, checked on the syntax trees: who may import whom, and what belongs to a command."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genem.cli.table import COMMANDS, CommandRow

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "genem"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 450

GROUND = {"cross_types", "errors", "jit", "kernel_cache", "log", "picture", "provenance"}
DOMAINS = {"popgen", "qtl", "motif", "phylo", "hmm", "mixture", "latent", "transcripts"}
BELOW: dict[str, set[str]] = {
    "data": GROUND,
    "numerics": GROUND | {"data"},
    "em": GROUND | {"data", "numerics"},
    "chain": GROUND | {"data", "numerics", "em"},
    "io": GROUND | {"data", "numerics"},
    **{domain: GROUND | {"data", "numerics", "em", "chain"} for domain in DOMAINS},
    "cli": GROUND | DOMAINS | {"data", "numerics", "em", "chain", "io"},
}
"""What each room may import beside itself. The ground imports nothing but other ground modules."""

SLOW_IMPORTS = ("scipy.stats", "matplotlib", "pandas")
ANALYSES = [row for row in COMMANDS if row.kind == "analysis"]


def room_of(path: Path) -> str:
    """The first part of the module's name below genem: ``em``, ``io``, ``errors``, ..."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[str, int]]:
    """Every imported module with its line; for ``from a import b`` both ``a`` and ``a.b``, relative ones resolved."""
    package = ["genem", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name, node.lineno
            yield from ((f"{name}.{alias.name}", node.lineno) for alias in node.names)


def executed_on_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when the module is imported: not function bodies, not blocks for type checkers."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            waiting.extend(statement.orelse)
            continue
        yield statement
        for block in ("body", "orelse", "finalbody"):
            waiting.extend(getattr(statement, block, []))
        for handler in getattr(statement, "handlers", []):
            waiting.extend(handler.body)


def forbidden_imports(source: str, path: Path) -> list[str]:
    """The imports of a module that point up or sideways."""
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return []
    allowed = BELOW.get(room, GROUND) | {room}
    found = []
    for name, line in imports(ast.parse(source), path):
        parts = name.split(".")
        if parts[0] == "genem" and len(parts) > 1 and parts[1] not in allowed and is_module(parts):
            found.append(f"{path.relative_to(ROOT)}:{line}: genem/{room} must not import {name}")
    return found


def is_module(parts: list[str]) -> bool:
    """Whether a dotted name below genem is a module or package, not a name such as ``genem.__version__``."""
    path = PACKAGE.joinpath(*parts[1:])
    return path.is_dir() or path.with_suffix(".py").is_file()


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(PACKAGE)) for path in paths]


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_imports_point_down(path: Path) -> None:
    assert forbidden_imports(path.read_text(), path) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("em/driver.py", "from genem.popgen import kernels"),
        ("popgen/ld.py", "import genem.io"),
        ("popgen/ld.py", "def f():\n    from genem import cli"),
        ("io/vcf.py", "from ..em import ascent_kernels"),
        ("numerics/tails.py", "from genem import em"),
        ("errors.py", "from genem import data"),
        ("data.py", "import genem.em.status"),
    ],
)
def test_an_arrow_that_points_up_is_found(module: str, source: str) -> None:
    assert len(forbidden_imports(source, PACKAGE / module)) >= 1


def test_every_room_is_on_the_plan() -> None:
    rooms = {room_of(path) for path in MODULES}
    assert rooms <= GROUND | set(BELOW) | {"__init__", "__main__"}


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_only_jit_imports_numba(path: Path) -> None:
    if path.name in ("jit.py", "kernel_cache.py"):
        return
    found = [name for name, _ in imports(ast.parse(path.read_text()), path) if name.split(".")[0] == "numba"]
    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_slow_libraries_are_imported_where_they_are_used(path: Path) -> None:
    tree = ast.parse(path.read_text())
    on_import = ast.Module([s for s in executed_on_import(tree) if isinstance(s, ast.Import | ast.ImportFrom)], [])
    early = [name for name, _ in imports(on_import, path) if name.startswith(SLOW_IMPORTS)]
    anywhere = [name for name, _ in imports(tree, path)]
    assert early == []
    assert not any(name.startswith("scipy.stats") for name in anywhere), "scipy.stats is for tests"
    if any(name.startswith("matplotlib") for name in anywhere):
        drawing = path.stem in ("picture", "plots") or path.stem.endswith("_plots") or path.parent.name == "plots"
        assert drawing, "pictures are drawn in plots.py, *_plots.py or plots/"


KERNEL_MODULES = [path for path in MODULES if path.name.endswith("kernels.py")]


@pytest.mark.parametrize("path", KERNEL_MODULES, ids=names(KERNEL_MODULES))
def test_kernel_modules_hold_jitted_functions_only(path: Path) -> None:
    """And the named tuples that they take."""
    body = ast.parse(path.read_text()).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    assert functions != []
    assert [node.name for node in functions if not node.decorator_list] == []
    assert [node.name for node in classes if [ast.unparse(base) for base in node.bases] != ["NamedTuple"]] == []


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path not in KERNEL_MODULES and path.name != "jit.py"], ids=str
)
def test_jitted_functions_live_in_kernel_modules(path: Path) -> None:
    """The kernel cache is keyed by the sources of ``*kernels.py``: a kernel elsewhere would go stale unnoticed."""
    decorators = [
        ast.unparse(decorator)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    ]
    kinds = {"kernel", "summing_kernel", "parallel_kernel"}
    assert not {decorator.removeprefix("jit.") for decorator in decorators} & kinds


@pytest.mark.parametrize("row", ANALYSES, ids=lambda row: row.name)
def test_an_analysis_has_its_docs_page(row: CommandRow) -> None:
    page = ROOT / "docs" / f"{row.name}.md"
    assert page.is_file()
    assert f"genem {row.name}" in page.read_text()
    assert row.name in (ROOT / "docs" / "index.md").read_text().split()


@pytest.mark.parametrize("row", ANALYSES, ids=lambda row: row.name)
def test_an_analysis_has_its_workflow_rule(row: CommandRow) -> None:
    rules = "\n".join(path.read_text() for path in (ROOT / "workflows").rglob("*.smk"))
    assert f"genem {row.name} " in rules


@pytest.mark.parametrize("row", ANALYSES, ids=lambda row: row.name)
def test_an_analysis_has_its_test(row: CommandRow) -> None:
    assert [*(ROOT / "tests" / "cli").rglob(f"test_{row.name}.py")] != []


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_a_command_shows_an_example_in_its_help(row: CommandRow) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "genem.cli.main", row.name, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    assert "example" in shown
    assert f"genem {row.name}" in shown[shown.rindex("example") :]


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
@pytest.mark.parametrize("page", ["README.md", "docs/commands.md"])
def test_a_command_is_listed(row: CommandRow, page: str) -> None:
    assert f"`genem {row.name}`" in (ROOT / page).read_text()
