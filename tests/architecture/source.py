"""What the rules look at: the syntax trees of the package and of its tests, and what a rule is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
KERNEL_DECORATORS = {"inlined_kernel", "kernel", "summing_kernel", "parallel_kernel"}


@dataclass(frozen=True)
class Module:
    """One source file, by its path from the root of the project: ``genem/em/driver.py``."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def room(self) -> str:
        """The first part of the name below genem: ``em``, ``io``, ``errors``, ..."""
        return self.path.parts[1].removesuffix(".py")

    @property
    def name(self) -> str:
        """The dotted name: ``genem.em.driver``; of a package that of its folder."""
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @property
    def holds_kernels(self) -> bool:
        return self.path.name.endswith("kernels.py")

    @cached_property
    def functions(self) -> list[ast.FunctionDef]:
        """All functions and methods."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]

    @cached_property
    def kernels(self) -> list[ast.FunctionDef]:
        """The jitted functions."""
        return [function for function in self.functions if decorators(function) & KERNEL_DECORATORS]

    @cached_property
    def named_tuples(self) -> list[ast.ClassDef]:
        classes = [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]
        return [node for node in classes if [ast.unparse(base) for base in node.bases] == ["NamedTuple"]]

    @cached_property
    def imports(self) -> list[tuple[str, int]]:
        """Every imported module with its line: ``a`` and ``a.b`` for ``from a import b``, relative ones resolved."""
        return list(imported(self.tree, self.path.parent.parts))

    def fault(self, line: int, finding: str) -> Fault:
        return Fault(str(self.path), line, finding)


class Fault(NamedTuple):
    """A line that breaks a rule."""

    path: str
    line: int
    finding: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.finding}"


Tree = Mapping[str, Module]
"""Modules by their paths."""


@dataclass(frozen=True)
class Rule:
    """A rule of the house, with small trees that break it and, where the border is fine, some that keep it.

    Attributes
    ----------
    name
        What the house asks for, as a sentence.
    check
        Finds the faults of a tree.
    wrong, right
        Trees (path: source) in which at least one fault is found, and in which none is.
    """

    name: str
    check: Callable[[Tree], Iterator[Fault]]
    wrong: list[dict[str, str]] = field(default_factory=list)
    right: list[dict[str, str]] = field(default_factory=list)


def each(check: Callable[[Module], Iterator[Fault]]) -> Callable[[Tree], Iterator[Fault]]:
    """A check of whole trees from a check of modules; tests are left out."""

    def check_tree(tree: Tree) -> Iterator[Fault]:
        for module in package_of(tree):
            yield from check(module)

    return check_tree


def package_of(tree: Tree) -> list[Module]:
    """The modules of genem, without the tests."""
    return [module for module in tree.values() if module.path.parts[0] == "genem"]


def tree_of(sources: Mapping[str, str]) -> Tree:
    return {path: Module(PurePosixPath(path), source) for path, source in sources.items()}


@cache
def project() -> Tree:
    """The package and its tests as they are."""
    files = [*sorted(ROOT.glob("genem/**/*.py")), *sorted(ROOT.glob("tests/**/*.py"))]
    return tree_of({file.relative_to(ROOT).as_posix(): file.read_text() for file in files})


def decorators(function: ast.FunctionDef) -> set[str]:
    """Names of the decorators, without the module they come from."""
    return {ast.unparse(decorator).rpartition(".")[2] for decorator in function.decorator_list}


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Every module that a part of a module of ``package`` imports, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
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


def length_without_docstring(function: ast.FunctionDef) -> int:
    """Lines from ``def`` to the end, its docstring not counted."""
    length = function.end_lineno - function.lineno + 1  # type: ignore[operator]
    if ast.get_docstring(function, clean=False) is not None:
        length -= function.body[0].end_lineno - function.body[0].lineno + 1  # type: ignore[operator]
    return length


def identifier(node: ast.AST) -> str:
    """The last part of a name or an attribute, else nothing."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
