"""Who iterates to a maximum, with which rule: the table of the house plan, made from the syntax trees.

``python -m tests.architecture.iterations`` writes it into ``docs/architecture.md``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source import ROOT, Module, Tree, identifier, package_of, project

PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- who iterates: begin -->\n", "<!-- who iterates: end -->\n"

WAYS = {
    "fit": "EM from Python",
    "advance": "EM in a kernel",
    "stop_status": "EM in a kernel",
    "maximise": "quasi-Newton",
    "has_settled": "Newton in a kernel",
    "Rounds": "rounds",
    "iterated_local_search": "restarts",
}
"""What of the engine moves or ends an iteration, and what the iteration is called."""

RULE_MAKERS = ("Rule", "RestartPlan")
TELLING = ("tolerance", "max", "rounds", "plan", "starts", "patience")


def table(tree: Tree) -> str:
    rows = [row for module in package_of(tree) if module.room != "em" for row in iterations(module)]
    lines = ["| module | function | iteration | rule |", "|---|---|---|---|"]
    return "".join(f"{line}\n" for line in [*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def iterations(module: Module) -> Iterator[tuple[str, str, str, str]]:
    """A row for every function that asks the engine: the module, the function, how it iterates, its rule."""
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("genem.em")
        for alias in node.names
    }
    rules = {rule: None for call, name in calls(module.tree, names) if is_rule(name) for rule in [shown(call)]}
    for function in module.functions:
        ways = {WAYS[name]: call for call, name in calls(function, names) if name in WAYS}
        for way, call in ways.items():
            told = rules if way.endswith("kernel") or way == "restarts" else {}
            rule = "; ".join(told or filter(None, [arguments(call)])) or "given by the caller"
            yield f"`{module.name.removeprefix('genem.')}`", f"`{function.name}`", way, rule


def calls(node: ast.AST, names: dict[str, str]) -> Iterator[tuple[ast.Call, str]]:
    """The calls of what was imported from the engine, with its name there."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            name = identifier(part.func)
            if isinstance(part.func, ast.Attribute) and ast.unparse(part.func.value) == "em":
                yield part, name
            elif name in names:
                yield part, names[name]


def is_rule(name: str) -> bool:
    return name in RULE_MAKERS or name.endswith("_rule")


def shown(call: ast.Call) -> str:
    return f"`{ast.unparse(call)}`".replace("|", "\\|")


def arguments(call: ast.Call) -> str:
    """The arguments that say when the iteration ends."""
    telling = [keyword for keyword in call.keywords if any(word in (keyword.arg or "") for word in TELLING)]
    told = [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in telling]
    if not told and identifier(call.func) in ("Rounds", "has_settled"):
        told = [ast.unparse(argument) for argument in call.args]
    return f"`{', '.join(told)}`" if told else ""


def main() -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(project()) + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
