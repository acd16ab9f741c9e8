"""A command for tests only: ``python -m tests.cli.probe probe WHAT`` ends the way it is asked to."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from genem.cli import table
from genem.cli.context import RunContext
from genem.cli.main import main
from genem.cli.options import MESSAGES, RUN, Command, Option, output_group
from genem.errors import InputError, OutputError, UsageError

ROW = table.CommandRow("probe", "ends the way it is asked to", "tests.cli.probe", "tool")
COMMAND = Command(
    description="Ends the way it is asked to.",
    arguments=(Option(("what",), "how to end"),),
    groups=(output_group(Option(("--input",), "a file to read")), RUN, MESSAGES),
    examples=("genem probe nothing",),
)
ERRORS = {
    "input": lambda: InputError("FORMAT/PL has 4 values, 3 expected", path="x.vcf", place="record 17"),
    "output": lambda: OutputError("x.tsv: no space left"),
    "usage": lambda: UsageError("--ids and --regions exclude each other"),
    "missing": lambda: FileNotFoundError(2, "No such file or directory", "absent.vcf"),
    "memory": lambda: MemoryError(),
    "bug": lambda: ZeroDivisionError("division by zero"),
    "two lines": lambda: ValueError("first\nsecond"),
    "interrupt": lambda: KeyboardInterrupt(),
}


def run(args: argparse.Namespace, context: RunContext) -> None:
    if args.input:
        context.add_input(args.input)
        Path(args.input).read_bytes()
    if args.what in ERRORS:
        raise ERRORS[args.what]()
    with context.open_output(args.output) as stream:
        stream.write(b"first row\n")
        stream.flush()
        if args.what == "wait":
            print("writing", file=sys.stderr, flush=True)
            time.sleep(60)
        if args.what == "flood":
            for _ in range(1000):
                stream.write(b"a row\n" * 1000)
        if args.what == "fail late":
            raise InputError("late", path="x.vcf")
    if args.what == "unconverged":
        context.add_statuses([0, 0, 1, 4])
    if args.what == "fits":
        context.add_statuses([0, 0])
        context.add_fit("converged", name="spectrum", log_likelihood=-12.5, trace=[-13.0, -12.5])
        context.count(variants_read=2)
        context.warn("two males are heterozygous on X")


def register() -> None:
    """Enter the probe into the command table of this process."""
    table.BY_NAME[ROW.name] = ROW


if __name__ == "__main__":
    register()
    sys.exit(main())
