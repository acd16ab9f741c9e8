"""``genem warm``: compile kernels once, before many jobs would each compile them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from genem.cli.context import RunContext
from genem.cli.main import find, load
from genem.cli.options import MESSAGES, Command, Option, output_group
from genem.cli.table import COMMANDS
from genem.errors import GenemError, UsageError

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
    from genem.jit import jit_enabled
    from genem.kernel_cache import REFUSALS, cache_places

    if not jit_enabled():
        raise UsageError("NUMBA_DISABLE_JIT is set: nothing can be compiled")
    modules = {}
    for row in [find(name) for name in args.commands] or COMMANDS:
        module = load(row)[1]
        if hasattr(module, "warm"):
            modules[row.name] = module
        elif args.commands:
            raise UsageError(f"{row.name} has no kernels to compile")
    places = cache_places()
    with context.open_output(args.output) as stream:
        stream.write(b"COMMAND\tSECONDS\tCOMPILED\n")
        for name, module in modules.items():
            before, started = compiled_kernels(places), time.perf_counter()
            module.warm()
            seconds, new = time.perf_counter() - started, compiled_kernels(places) - before
            for kernel in sorted({compiled.name.split("-")[0] for compiled in new}):
                context.log.info("compiled %s", kernel)
            stream.write(f"{name}\t{seconds:.1f}\t{len(new)}\n".encode())
            stream.flush()
    if REFUSALS:
        raise GenemError(f"{REFUSALS[0]}: name a folder that can be written in NUMBA_CACHE_DIR")
    for place in places:
        if compiled_kernels((place,)):
            context.log.info("kernels are kept in %s", place)


def compiled_kernels(places: Iterable[Path]) -> set[Path]:
    """The compiled kernels in cache folders, one file for every kernel and types of its arguments."""
    return {kernel for place in places for kernel in place.rglob("*.nbc")}
