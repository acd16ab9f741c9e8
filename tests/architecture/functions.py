"""How long functions are, where kernels live, and what kernels say of themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from tests.architecture.source import Fault, Module, Rule, Tree, each, length_without_docstring, package_of

MAX_LINES = 60
MAX_LINES_WITHOUT_PHASES = 40
MIN_PHASES = 2

SHAPE = r"\((?:\w[^(),.;]*,(?: [^(),.;]+,)*(?: [^(),.;]+)?)\)"
"""``(axis,)``, ``(axis, axis)``: what an array is indexed by."""


def functions_stay_short(module: Module) -> Iterator[Fault]:
    for function in module.functions:
        length = length_without_docstring(function)
        if length > MAX_LINES:
            yield module.fault(
                function.lineno, f"{function.name} has {length} lines, at most {MAX_LINES} are a function"
            )


def kernel_modules_hold_kernels(module: Module) -> Iterator[Fault]:
    """And the named tuples that they take; nothing is jitted elsewhere, where the cache would not see an edit."""
    if not module.holds_kernels:
        for kernel in module.kernels if module.name != "genem.jit" else []:
            yield module.fault(kernel.lineno, f"{kernel.name} is jitted outside a *kernels.py")
        return
    if not module.kernels:
        yield module.fault(1, "holds no kernel")
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef) and node not in module.kernels:
            yield module.fault(node.lineno, f"{node.name} is not jitted")
        if isinstance(node, ast.ClassDef) and node not in module.named_tuples:
            yield module.fault(node.lineno, f"{node.name} is no NamedTuple")


def kernels_compile_once(module: Module) -> Iterator[Fault]:
    """Functions as arguments and closures are compiled anew in every process; ``np.linalg`` takes seconds."""
    for kernel in module.kernels:
        for node in ast.walk(kernel):
            if isinstance(node, ast.FunctionDef | ast.Lambda) and node is not kernel:
                yield module.fault(node.lineno, f"{kernel.name} holds a function of its own")
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.linalg"):
                yield module.fault(node.lineno, f"{kernel.name} calls np.linalg")
        for argument in arguments(kernel):
            if argument.annotation is not None and "Callable" in ast.unparse(argument.annotation):
                yield module.fault(kernel.lineno, f"{kernel.name} takes a function")


def arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def is_array(annotation: ast.expr | None) -> bool:
    return annotation is not None and re.search("ndarray|NDArray", ast.unparse(annotation)) is not None


def kernels_say_shapes(tree: Tree) -> Iterator[Fault]:
    """Every array that a kernel takes or returns is in its docstring as ``name (axis, axis)``; fields say it, too."""
    for module in package_of(tree):
        for kernel in module.kernels:
            said = ast.get_docstring(kernel) or ""
            arrays = [argument.arg for argument in arguments(kernel) if is_array(argument.annotation)]
            silent = [name for name in arrays if not says_shape(said, name)]
            if silent:
                yield module.fault(kernel.lineno, f"{kernel.name} does not say the shape of {', '.join(silent)}")
            elif is_array(kernel.returns) and not says_result(said, arrays):
                yield module.fault(kernel.lineno, f"{kernel.name} does not say the shape of its result")
        for record in module.named_tuples:
            silent = [name for name in array_fields(record) if not field_says_shape(module, record, name)]
            if silent:
                yield module.fault(record.lineno, f"{record.name} does not say the shape of {', '.join(silent)}")


def says_shape(text: str, name: str) -> bool:
    """``name (axis,)``, or ``name`` in a row of names before a shape: ``first`` and ``second`` (axis,)."""
    return re.search(rf"(?<!\w){re.escape(name)}`*(?:[^.;()]|\.\w)*?\s*{SHAPE}", text) is not None


def says_result(text: str, arguments: list[str]) -> bool:
    """A shape, or its like, that belongs to none of the arguments."""
    rest = text
    for name in sorted(arguments, key=len, reverse=True):
        rest = re.sub(rf"(?<!\w)`*{re.escape(name)}`*\s*{SHAPE}", "", rest)
    return re.search(rf"{SHAPE}|shape|like ``", rest) is not None


def array_fields(record: ast.ClassDef) -> list[str]:
    return [
        ast.unparse(node.target)
        for node in record.body
        if isinstance(node, ast.AnnAssign) and is_array(node.annotation)
    ]


def field_says_shape(module: Module, record: ast.ClassDef, name: str) -> bool:
    """In the docstring of the class, in a comment beside or above the field, or in a string below it."""
    if says_shape(ast.get_docstring(record) or "", name) or re.search(
        rf"^\s*{name}\n.*?{SHAPE}", ast.get_docstring(record) or "", re.MULTILINE
    ):
        return True
    for node, following in pairwise([*record.body, ast.Pass()]):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            notes = [*module.lines[node.lineno - 1 : node.lineno]]
            above = node.lineno - 2
            while module.lines[above].lstrip().startswith("#"):
                notes.append(module.lines[above])
                above -= 1
            if isinstance(following, ast.Expr):
                notes.append(ast.unparse(following))
            return any(re.search(SHAPE, note.partition("#")[2] or note) for note in notes)
    return False


def long_kernels_name_their_phases(module: Module) -> Iterator[Fault]:
    for kernel in module.kernels:
        length = length_without_docstring(kernel)
        lines = module.lines[kernel.lineno : kernel.end_lineno]
        n_phases = sum(line.lstrip().startswith("#") for line in lines)
        if length > MAX_LINES_WITHOUT_PHASES and n_phases < MIN_PHASES:
            yield module.fault(kernel.lineno, f"{kernel.name} has {length} lines and names {n_phases} of its phases")


LONG = "\n".join(f"    x = {k}" for k in range(50))
ARRAY = "@kernel\ndef f(x: np.ndarray, y: np.ndarray) -> {result}:\n    {text}\n"

RULES = [
    Rule(
        f"a function has at most {MAX_LINES} lines without its docstring",
        each(functions_stay_short),
        wrong=[{"genem/em/driver.py": f"def f():\n{LONG}\n{LONG}"}],
        right=[{"genem/em/driver.py": f'def f():\n    """Return\n{LONG}\n    """\n{LONG}'}],
    ),
    Rule(
        "kernel modules hold jitted functions and named tuples, and nothing is jitted elsewhere",
        each(kernel_modules_hold_kernels),
        wrong=[
            {"genem/em/kernels.py": "def f(): pass"},
            {"genem/em/kernels.py": "@kernel\ndef f(): pass\nclass A: pass"},
            {"genem/em/driver.py": "@jit.summing_kernel\ndef f(): pass"},
        ],
        right=[{"genem/em/kernels.py": "@kernel\ndef f(): pass\nclass A(NamedTuple): pass"}],
    ),
    Rule(
        "kernels compile once and fast: no closures, no functions as arguments, no np.linalg",
        each(kernels_compile_once),
        wrong=[
            {"genem/em/kernels.py": "@kernel\ndef f(x): return (lambda y: y)(x)"},
            {"genem/em/kernels.py": "@kernel\ndef f(x: Callable[[float], float]): pass"},
            {"genem/em/kernels.py": "@kernel\ndef f(x): return np.linalg.solve(x, x)"},
        ],
    ),
    Rule(
        "kernels say the shapes of their arrays",
        kernels_say_shapes,
        wrong=[
            {"genem/em/kernels.py": ARRAY.format(result="None", text='"""Sums of ``x`` (row,)."""')},
            {"genem/em/kernels.py": ARRAY.format(result="None", text='"""The sum of y; x (row) is kept."""')},
            {"genem/em/kernels.py": ARRAY.format(result="np.ndarray", text='"""Sums of ``x`` and ``y`` (row,)."""')},
            {"genem/em/kernels.py": "class A(NamedTuple):\n    x: np.ndarray  # float64"},
        ],
        right=[
            {"genem/em/kernels.py": ARRAY.format(result="None", text='"""Sums of ``x`` and ``y`` (row,)."""')},
            {
                "genem/em/kernels.py": ARRAY.format(
                    result="np.ndarray", text='"""Products (row, column) of x (row,) and y (column,)."""'
                )
            },
            {"genem/em/kernels.py": "class A(NamedTuple):\n    x: np.ndarray  # float64 (row,): sums\n    n: int"},
            {"genem/em/kernels.py": "class A(NamedTuple):\n    x: np.ndarray\n    'Sums (row, 2).'\n    n: int"},
        ],
    ),
    Rule(
        f"kernels of more than {MAX_LINES_WITHOUT_PHASES} lines name their phases in comments",
        each(long_kernels_name_their_phases),
        wrong=[{"genem/em/kernels.py": f"@kernel\ndef f():\n{LONG}"}],
        right=[{"genem/em/kernels.py": f"@kernel\ndef f():\n    # E-step\n{LONG}\n    # M-step\n    return x"}],
    ),
]
