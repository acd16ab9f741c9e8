"""``genem warm``: compile kernels once, before many jobs would each compile them."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from genem.cli.context import RunContext
from genem.cli.main import find, load
from genem.cli.options import MESSAGES, Command, Option, output_group
from genem.cli.table import COMMANDS
from genem.errors import UsageError

COMMAND = Command(
    description=(
        "Compile the kernels that commands need and keep them in the user's cache folder (or NUMBA_CACHE_DIR),\n"
        "so that no later run spends time on it. Without names: every command that has kernels.\n"
        "The output is a table: command, seconds, kernels compiled now (0: they were there already)."
    ),
    arguments=(Option(("commands",), "commands to prepare", metavar="COMMAND", nargs="*"),),
    groups=(output_group(), MESSAGES),
    examples=("genem warm",),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    from genem.jit import cache_root, jit_enabled

    if not jit_enabled():
        raise UsageError("NUMBA_DISABLE_JIT is set: nothing can be compiled")
    modules = {}
    for row in [find(name) for name in args.commands] or COMMANDS:
        module = load(row)[1]
        if hasattr(module, "warm"):
            modules[row.name] = module
        elif args.commands:
            raise UsageError(f"{row.name} has no kernels to compile")
    folder = cache_root()
    with context.open_output(args.output) as stream:
        stream.write(b"COMMAND\tSECONDS\tCOMPILED\n")
        for name, module in modules.items():
            before, started = compiled_kernels(folder), time.perf_counter()
            module.warm()
            seconds, new = time.perf_counter() - started, compiled_kernels(folder) - before
            for kernel in sorted({compiled.name.split("-")[0] for compiled in new}):
                context.log.info("compiled %s", kernel)
            stream.write(f"{name}\t{seconds:.1f}\t{len(new)}\n".encode())
            stream.flush()
    context.log.info("kernels are kept in %s", folder)


def compiled_kernels(folder: Path) -> set[Path]:
    """The compiled kernels in a cache folder, one file for every kernel and types of its arguments."""
    return set(folder.rglob("*.nbc"))
