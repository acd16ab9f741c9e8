"""Who iterates to a maximum: the engine, and whoever asks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import Fault, Module, Rule, each, identifier

STEPS = {
    "Extrapolation",
    "cycle_step_length",
    "extrapolate",
    "longest_step",
    "relative_change",
    "squarem_step_length",
}
"""Pieces of an accelerated step and of its stop test: names that only the engine knows."""

EXTRAPOLATION = re.compile(r"- 2(?:\.0)? \* (\w+) \* .+ \+ (?:\1 \* \1|\1 \*\* 2) \*")
"""x - 2 a r + a^2 v, whatever the letters."""

TOLERANCE = re.compile("tolerance", re.IGNORECASE)
PROGRESS = re.compile(r"change|gain|step|length|residual|moved|delta|shift|difference|updated", re.IGNORECASE)
"""Names of what shrinks on the way to a maximum."""

LARGEST_TINY = 1e-4
ROOT = re.compile(r"root|\b(high|upper) - (low|lower)\b", re.IGNORECASE)
"""A root and the interval that holds it: whoever looks for one iterates to no maximum."""


def outside_the_engine(module: Module) -> bool:
    return module.room != "em"


def no_accelerated_steps(module: Module) -> Iterator[Fault]:
    if not outside_the_engine(module):
        return
    for node in ast.walk(module.tree):
        found = {identifier(node)}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found = {node.name}
        elif isinstance(node, ast.alias):
            found = {node.name, node.asname or ""}
        for name in found & STEPS:
            yield module.fault(node.lineno, f"{name} belongs to the engine")
        if isinstance(node, ast.BinOp) and EXTRAPOLATION.search(ast.unparse(node)):
            yield module.fault(node.lineno, "extrapolates a path of EM steps")


def nobody_writes_converged(module: Module) -> Iterator[Fault]:
    """A status may be read (compared, looked for, labelled); it is given by ``genem.em`` alone."""
    if not outside_the_engine(module):
        return
    reading: set[ast.AST] = set()
    for node in ast.walk(module.tree):
        searches = isinstance(node, ast.Call) and identifier(node.func) in ("isin", "count_nonzero")
        if isinstance(node, ast.Compare | ast.Attribute) or searches:
            reading.update(part for part in ast.walk(node) if part is not node)
    for node in ast.walk(module.tree):
        if identifier(node) in ("CONVERGED", "CONVERGED_OBJECTIVE") and node not in reading:
            yield module.fault(node.lineno, "writes CONVERGED")  # type: ignore[attr-defined]


def optimisers_live_in_the_engine(module: Module) -> Iterator[Fault]:
    for name, line in module.imports:
        if name.startswith("scipy.optimize") and outside_the_engine(module):
            yield module.fault(line, f"imports {name}")


def no_loop_ends_at_a_tolerance(module: Module) -> Iterator[Fault]:
    """A loop that is left where a change is small enough judges convergence."""
    if not outside_the_engine(module):
        return
    tiny = {target for target, value in constants(module.tree) if 0.0 < value <= LARGEST_TINY}
    found = {
        comparison.lineno: comparison
        for loop in ast.walk(module.tree)
        if isinstance(loop, ast.While | ast.For)
        for test in exits(loop)
        for comparison in ast.walk(test)
        if isinstance(comparison, ast.Compare) and judges(comparison, tiny)
    }
    for line, comparison in sorted(found.items()):
        yield module.fault(line, f"a loop ends at {ast.unparse(comparison)}")


def constants(tree: ast.Module) -> Iterator[tuple[str, float]]:
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, float)
        ):
            yield from ((ast.unparse(target), node.value.value) for target in node.targets)


def exits(loop: ast.While | ast.For) -> Iterator[ast.expr]:
    """The tests on which a loop goes on or is left."""
    if isinstance(loop, ast.While):
        yield loop.test
    for node in ast.walk(loop):
        if isinstance(node, ast.If) and any(
            isinstance(part, ast.Break | ast.Return) for part in node.body + node.orelse
        ):
            yield node.test


def judges(comparison: ast.Compare, tiny: set[str]) -> bool:
    """Whether something that shrinks on the way is compared with a tolerance."""
    text = ast.unparse(comparison)
    if ROOT.search(text) or not all(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in comparison.ops):
        return False
    names = {identifier(node) for node in ast.walk(comparison)}
    small = names & tiny or any(
        isinstance(node, ast.Constant) and isinstance(node.value, float) and 0.0 < node.value <= LARGEST_TINY
        for node in ast.walk(comparison)
    )
    return any(map(TOLERANCE.search, names)) or bool(small and any(map(PROGRESS.search, names)))


RULES = [
    Rule(
        "only the engine computes accelerated steps",
        each(no_accelerated_steps),
        wrong=[
            {"genem/qtl/kernels.py": "from genem.em.ascent_kernels import squarem_step_length"},
            {"genem/qtl/kernels.py": "from genem.em import ascent_kernels\nx = ascent_kernels.relative_change(a, b)"},
            {"genem/qtl/kernels.py": "def extrapolate(x): pass"},
            {"genem/qtl/kernels.py": "y = x - 2.0 * a * r + a * a * v"},
        ],
        right=[{"genem/em/ascent_kernels.py": "def extrapolate(x): pass"}],
    ),
    Rule(
        "only the engine writes CONVERGED",
        each(nobody_writes_converged),
        wrong=[
            {"genem/qtl/kernels.py": "def f(): return 1.0, CONVERGED"},
            {"genem/qtl/scan.py": "fit = Fit(0.0, status=Status.CONVERGED)"},
            {"genem/qtl/scan.py": "status = np.full(3, int(Status.CONVERGED))"},
            {"genem/qtl/scan.py": "status = CONVERGED if is_small else MAX_ITER"},
        ],
        right=[
            {"genem/qtl/scan.py": "a = b if status == Status.CONVERGED else c"},
            {"genem/qtl/scan.py": "a = np.isin(status, (CONVERGED, LEFT))\nb = Status.CONVERGED.label"},
            {"genem/em/status.py": "CONVERGED = int(Status.CONVERGED)"},
        ],
    ),
    Rule(
        "optimisers of SciPy are called by the engine",
        each(optimisers_live_in_the_engine),
        wrong=[{"genem/phylo/fitting.py": "def f():\n    from scipy.optimize import minimize"}],
    ),
    Rule(
        "only the engine judges convergence",
        each(no_loop_ends_at_a_tolerance),
        wrong=[
            {"genem/qtl/scan.py": "while change > 1e-9:\n    change = f()"},
            {"genem/qtl/scan.py": "for _ in range(9):\n    if f() <= tolerance:\n        break"},
            {"genem/qtl/scan.py": "SMALL = 1e-8\nfor _ in range(9):\n    if new_gain < SMALL:\n        break"},
            {"genem/qtl/scan.py": "while True:\n    if residual <= rule.residual_tolerance:\n        break"},
        ],
        right=[
            {"genem/qtl/scan.py": "while high - low > 1e-9:\n    high = f()"},
            {"genem/qtl/scan.py": "while running(ascent):\n    advance(ascent, rule, f(ascent))"},
        ],
    ),
]
