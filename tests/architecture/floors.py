"""Who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source import Fault, Module, Rule, Tree, each, executed_on_import, imported, package_of

GROUND = ["cross_types", "errors", "jit", "kernel_cache", "log", "picture", "provenance"]
FIELDS = ["popgen", "qtl", "motif", "phylo", "hmm", "mixture", "latent", "transcripts"]
FLOORS = {
    **dict.fromkeys(GROUND, GROUND),
    "data": GROUND,
    "numerics": GROUND,
    "em": [*GROUND, "numerics"],
    "chain": [*GROUND, "data", "numerics", "em"],
    **{field: [*GROUND, "data", "numerics", "em", "chain"] for field in FIELDS},
    "io": [*GROUND, "data", "numerics"],
    "api": [*GROUND, "data", "numerics", "em", "chain", *FIELDS, "io"],
    "cli": [*GROUND, "data", "numerics", "em", "chain", *FIELDS, "io", "api"],
}
"""What each room may import beside itself, from the ground to the roof. The entry of the package may import all."""

ENTRANCES = ["__init__", "__main__"]
DOORS_TO_NUMBA = ["genem.jit", "genem.kernel_cache"]
SLOW_LIBRARIES = ("scipy.stats", "matplotlib", "pandas")


def imports_point_down(tree: Tree) -> Iterator[Fault]:
    rooms = {module.room for module in package_of(tree)} | set(FLOORS)
    for module in package_of(tree):
        if module.room in ENTRANCES:
            continue
        if module.room not in FLOORS:
            yield module.fault(1, f"{module.room} has no floor")
            continue
        for name, line in module.imports:
            room = [*name.split("."), ""][1]
            if name.startswith("genem.") and room in rooms - {module.room, *FLOORS[module.room]}:
                yield module.fault(line, f"{module.room} must not import {name}")


def numba_has_two_doors(module: Module) -> Iterator[Fault]:
    for name, line in module.imports:
        if name.split(".")[0] == "numba" and module.name not in DOORS_TO_NUMBA:
            yield module.fault(line, f"imports {name}, which only {' and '.join(DOORS_TO_NUMBA)} may")


def slow_libraries_wait(module: Module) -> Iterator[Fault]:
    at_once: list[ast.stmt] = [
        part for part in executed_on_import(module.tree) if isinstance(part, ast.Import | ast.ImportFrom)
    ]
    for name, line in imported(ast.Module(at_once, []), module.path.parent.parts):
        if name.startswith(SLOW_LIBRARIES):
            yield module.fault(line, f"imports {name} before it is used")
    draws = (
        module.path.stem in ("picture", "plots") or module.path.stem.endswith("_plots") or "plots" in module.path.parts
    )
    for name, line in module.imports:
        if name.startswith("scipy.stats"):
            yield module.fault(line, "scipy.stats is for tests")
        if name.startswith("matplotlib") and not draws:
            yield module.fault(line, "pictures are drawn in picture.py, plots.py, *_plots.py or plots/")


RULES = [
    Rule(
        "imports point down",
        imports_point_down,
        wrong=[
            {"genem/em/driver.py": "from genem.popgen import kernels"},
            {"genem/popgen/linkage/window.py": "import genem.io"},
            {"genem/popgen/linkage/window.py": "def f():\n    from genem import cli"},
            {"genem/io/variants/reading.py": "from ...em import driver"},
            {"genem/errors.py": "from genem import data"},
            {"genem/numerics/tails.py": "import genem.em.status"},
            {"genem/tools/text.py": ""},
        ],
        right=[
            {"genem/cli/main.py": "from genem.io import variants\nfrom genem import __version__"},
            {"genem/chain/passes.py": "from genem.em.ascent_kernels import advance\nfrom . import kernels"},
        ],
    ),
    Rule(
        "Numba is imported to compile kernels and to keep them, nowhere else",
        each(numba_has_two_doors),
        wrong=[{"genem/em/driver.py": "from numba import njit"}],
        right=[{"genem/jit.py": "import numba"}],
    ),
    Rule(
        "slow libraries are imported where they are used",
        each(slow_libraries_wait),
        wrong=[
            {"genem/popgen/frequency/plots.py": "import matplotlib.pyplot"},
            {"genem/popgen/frequency/table.py": "def f():\n    import matplotlib"},
            {"genem/qtl/design.py": "def f():\n    from scipy.stats import chi2"},
        ],
        right=[{"genem/popgen/frequency/plots.py": "def f():\n    import matplotlib.pyplot"}],
    ),
]
