"""How files are laid out: sizes of folders, names of modules, where tests live."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.architecture.source import Fault, Module, Rule, Tree, each, package_of

MAX_MODULES = 12
MAX_KERNEL_MODULES = 8

THEMES = {
    "architecture": "rules of the house",
    "benchmarks": "speed against other programs",
    "docs": "what pages show",
    "reference": "textbook versions of kernels",
    "validation": "answers of other programs",
    "workflows": "Snakemake workflows",
}
"""Folders of tests that are no folders of the package."""

QUESTIONS = {
    "arguments": "what a question refuses to be asked",
    "golden": "answers from algebra or from another program",
    "packaging": "what the wheel holds",
    "properties": "what holds for all inputs",
    "refusals": "what a command says no to",
}
"""Names of test files, in any folder, that are no names of modules."""


def folders_stay_small(tree: Tree) -> Iterator[Fault]:
    folders: dict[PurePosixPath, list[Module]] = defaultdict(list)
    for module in package_of(tree):
        if module.path.name != "__init__.py":
            folders[module.path.parent].append(module)
    for folder, modules in folders.items():
        n_kernels = sum(module.holds_kernels for module in modules)
        if len(modules) - n_kernels > MAX_MODULES:
            yield Fault(f"{folder}/", 1, f"{len(modules) - n_kernels} modules, at most {MAX_MODULES} are a folder")
        if n_kernels > MAX_KERNEL_MODULES:
            yield Fault(f"{folder}/", 1, f"{n_kernels} kernel modules, at most {MAX_KERNEL_MODULES} are a folder")


def exports(package: Module) -> set[str]:
    """The names that a package offers: ``__all__``, and what it imports that is no module of its own."""
    offered: set[str] = set()
    for node in package.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module != package.name:
            offered |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            offered |= {str(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
    return offered


def no_module_is_hidden(tree: Tree) -> Iterator[Fault]:
    """A module or folder below a package must not have the name of something that the package, or its field, offers."""
    packages = [module for module in package_of(tree) if module.path.name == "__init__.py"]
    offered = {module.path.parent: exports(module) for module in packages}
    for path in sorted({part for module in package_of(tree) for part in (module.path, module.path.parent)}):
        for folder in {path.parent, PurePosixPath(*path.parts[:2])} - {path}:
            if path.stem in offered.get(folder, set()):
                yield Fault(str(path), 1, f"is hidden by {'.'.join(folder.parts)}.{path.stem}")


def no_prefix_repeats_the_folder(module: Module) -> Iterator[Fault]:
    for folder in module.path.parts[1:-1]:
        for prefix in {folder, folder.removesuffix("s"), folder.removesuffix("ing"), folder.replace("ies", "y")}:
            if module.path.stem.startswith(f"{prefix}_"):
                yield module.fault(1, f"repeats the name of its folder {folder}")


def tests_mirror_the_tree(tree: Tree) -> Iterator[Fault]:
    """``tests/a/test_b.py`` and ``tests/a/test_b_case.py`` test ``genem/a/b.py``, or a folder."""
    modules = {module.path.with_suffix("").parts[1:] for module in package_of(tree)}
    known = modules | {parts[:end] for parts in modules for end in range(1, len(parts))}
    for module in tree.values():
        folder, stem = module.path.parts[1:-1], module.path.stem
        if module.path.parts[0] != "tests" or not stem.startswith("test_") or THEMES.keys() & set(folder[:1]):
            continue
        words = stem.removeprefix("test_").split("_")
        names = {"_".join(words[:end]) for end in range(1, len(words) + 1)}
        mirrored = {(*folder, name) for name in names} | {folder for name in names if folder[-1:] == (name,)}
        if not mirrored & known and "_".join(words) not in QUESTIONS:
            yield module.fault(1, f"tests no module in genem/{'/'.join(folder)}, and is no theme")


RULES = [
    Rule(
        f"a folder holds at most {MAX_MODULES} modules and {MAX_KERNEL_MODULES} kernel modules",
        folders_stay_small,
        wrong=[
            {f"genem/em/m{k}.py": "" for k in range(13)},
            {f"genem/popgen/linkage/k{k}_kernels.py": "" for k in range(9)},
        ],
        right=[
            {
                **{f"genem/em/m{k}.py": "" for k in range(12)},
                **{f"genem/em/k{k}_kernels.py": "" for k in range(8)},
                "genem/em/__init__.py": "",
            }
        ],
    ),
    Rule(
        "no module or folder has the name of something that its package or field offers",
        no_module_is_hidden,
        wrong=[
            {"genem/motif/__init__.py": "from genem.motif.scan import scan", "genem/motif/scan.py": ""},
            {"genem/phylo/__init__.py": "__all__ = ['search']", "genem/phylo/search/tree.py": ""},
            {"genem/qtl/__init__.py": "from genem.qtl.one.scanning import scan", "genem/qtl/one/scan.py": ""},
        ],
        right=[{"genem/motif/__init__.py": "from genem.motif.scanning import scan", "genem/motif/scanning.py": ""}],
    ),
    Rule(
        "no prefix repeats the folder",
        each(no_prefix_repeats_the_folder),
        wrong=[{"genem/phylo/phylo_outputs.py": ""}, {"genem/io/trees/tree_format.py": ""}],
        right=[{"genem/phylo/trees/consensus_trees.py": ""}],
    ),
    Rule(
        "tests mirror the tree",
        tests_mirror_the_tree,
        wrong=[{"genem/em/driver.py": "", "tests/em/test_drivers.py": ""}, {"tests/nowhere/test_something.py": ""}],
        right=[
            {"genem/em/driver.py": "", "tests/em/test_driver.py": "", "tests/em/test_golden.py": ""},
            {"genem/em/optima/table.py": "", "tests/em/test_optima.py": "", "tests/docs/test_examples.py": ""},
        ],
    ),
]
