"""Names, literals and the prose of docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from tests.architecture.source import Fault, Module, Rule, each

VAGUE = {"said", "here", "there", "was", "now", "one", "whole", "wide", "long", "small"}
"""Words that say nothing about what a variable holds."""

OPENINGS = {
    *("and", "also", "as", "but", "how", "it", "its", "of", "or", "such", "that", "their", "them", "then", "these"),
    *("they", "this", "those", "what", "when", "where", "which", "who", "whose", "why"),
}
"""First words of a docstring that leans on its neighbours or says a question in the place of what is returned."""

LITERALS: dict[str, tuple[set[str], tuple[str, ...]]] = {
    "cross type": ({"bc", "f2", "dh", "riself", "risib", "haploid"}, ("genem.cross_types",)),
    "data type": ({"dna", "protein"}, ("genem.phylo.alphabet", "genem.motif.alphabet", "genem.data.alignments")),
    "genotype field": ({"GT", "PL", "GL", "GP"}, ("genem.data.fields",)),
}
"""Words that stand for an object, and the modules that turn one into the other."""


def variables_are_named(module: Module) -> Iterator[Fault]:
    for node in (part for part in ast.walk(module.tree) if isinstance(part, ast.arg | ast.Name)):
        name = node.arg if isinstance(node, ast.arg) else node.id if isinstance(node, ast.Name) else ""
        if name in VAGUE and not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
            yield module.fault(node.lineno, f"{name} does not say what it holds")  # type: ignore[attr-defined]


def constants_say_what_they_are_for(module: Module) -> Iterator[Fault]:
    body: list[ast.stmt] = [*module.tree.body, ast.Pass()]
    for node, following in pairwise(body):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        beside = module.lines[node.end_lineno - 1].partition("# ")[2]  # type: ignore[operator]
        above = module.lines[node.lineno - 2] if node.lineno > 1 else ""
        below = ast.unparse(following).strip("'\"") if isinstance(following, ast.Expr) else ""
        if any(note.startswith("Of ") for note in (beside, above.removeprefix("# "), below)):
            yield module.fault(node.lineno, "the note on a constant begins with Of")


def docstrings_stand_alone(module: Module) -> Iterator[Fault]:
    nodes = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)]
    for node in nodes:
        text = ast.get_docstring(node)
        if text is None:
            continue
        line = node.body[0].lineno
        first = re.match(r"\w+", text)
        if first is not None and first.group().lower() in OPENINGS:
            yield module.fault(line, f"a docstring begins with {first.group()}")
        if not text.partition("\n\n")[0].rstrip().endswith((".", ":", "::")):
            yield module.fault(line, "the first sentence of a docstring has no end")


def literals_are_said_once(module: Module) -> Iterator[Fault]:
    """A word that stands for an object is compared only where it is turned into that."""
    for node in ast.walk(module.tree):
        compared: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            compared = [part for side in (node.left, *node.comparators) for part in (side, *getattr(side, "elts", []))]
        elif isinstance(node, ast.MatchValue):
            compared = [node.value]
        words = {part.value for part in compared if isinstance(part, ast.Constant)}
        for kind, (known, owners) in LITERALS.items():
            if words & known and module.name not in owners:
                yield module.fault(node.lineno, f"compares a {kind} with {', '.join(sorted(map(repr, words & known)))}")


RULES = [
    Rule(
        "variables say what they hold",
        each(variables_are_named),
        wrong=[{"genem/em/driver.py": "here, x = f()"}, {"genem/em/driver.py": "def f(one): pass"}],
        right=[{"genem/em/driver.py": "current = f(here.y)"}],
    ),
    Rule(
        "notes on constants say what the constant is for",
        each(constants_say_what_they_are_for),
        wrong=[
            {"genem/em/driver.py": "LEAST_GAIN = 0.1  # Of the log-likelihood."},
            {"genem/em/driver.py": 'LEAST_GAIN = 0.1\n"""Of the log-likelihood."""'},
            {"genem/em/driver.py": "# Of the log-likelihood.\nLEAST_GAIN = 0.1"},
        ],
        right=[{"genem/em/driver.py": "MIN_GAIN = 0.1  # smallest gain of the log-likelihood that is kept"}],
    ),
    Rule(
        "docstrings stand alone",
        each(docstrings_stand_alone),
        wrong=[
            {"genem/em/driver.py": '"""What an alignment may look like."""'},
            {"genem/em/driver.py": 'def f():\n    """Which positions count."""'},
            {"genem/em/driver.py": 'def f():\n    """F and its two derivatives"""'},
        ],
        right=[{"genem/em/driver.py": 'def f():\n    """Return the positions that count."""'}],
    ),
    Rule(
        "a literal is said once",
        each(literals_are_said_once),
        wrong=[
            {"genem/qtl/scan.py": "if cross.kind == 'riself': pass"},
            {"genem/phylo/patterns.py": "x = kind in ('dna', 'rna')"},
            {"genem/popgen/samples.py": "match field:\n    case 'PL': pass"},
        ],
        right=[{"genem/cross_types.py": "if name == 'riself': pass"}],
    ),
]
