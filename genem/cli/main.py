"""``genem``: finds the command, runs it, and turns every end of a run into an exit status and one line."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any, NoReturn

from genem import __version__
from genem.cli.options import Command
from genem.cli.parser import build_parser
from genem.cli.table import BY_NAME, COMMANDS, CommandRow
from genem.errors import GenemError, InputError, UsageError
from genem.log import log_level, logging_to_stderr

EXIT_FAILURE = 1
EXIT_CLOSED_PIPE = 128 + signal.SIGPIPE


class Terminated(BaseException):
    """The process was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``genem`` with these arguments (default: those of the process) and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Matrices here are small: threads of BLAS, one per core unless told, would cost several times the work they share.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status = _guarded("genem", lambda: _dispatch(arguments))
    return _flush_standard_output(status)


def load(row: CommandRow) -> tuple[Command, ModuleType]:
    """The specification of a command and the module that runs it."""
    module = importlib.import_module(row.module)
    command = module.COMMAND
    assert isinstance(command, Command)
    return command, module


def find(name: str) -> CommandRow:
    """The row of a command; the error for an unknown one suggests the nearest name."""
    row = BY_NAME.get(name)
    if row is not None:
        return row
    import difflib

    near = difflib.get_close_matches(name, BY_NAME, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "see genem --help"
    kind = "option" if name.startswith("-") else "command"
    raise UsageError(f"unknown {kind} '{name}'; {hint}")


def help_overview() -> str:
    """The text that ``genem --help`` prints."""
    width = max(len(row.name) for row in COMMANDS)
    lines = [
        "usage: genem COMMAND INPUT [options]",
        "",
        "The EM toolkit for genetics. 'genem COMMAND --help' explains one command and ends with an example.",
    ]
    for kind, title in (("analysis", "analyses:"), ("tool", "tools:")):
        lines += ["", title]
        lines += [f"  {row.name:<{width}}  {row.summary}" for row in COMMANDS if row.kind == kind]
    lines += ["", "options:", "  -h, --help  this list", "  --version   versions of genem and its libraries", ""]
    lines += ["example:", "  genem freq data/population.vcf.gz"]
    return "\n".join(lines)


def version_text() -> str:
    """The text that ``genem --version`` prints."""
    from genem.provenance import library_versions

    versions = {"genem": __version__, "python": sys.version.split()[0], **library_versions()}
    return "\n".join(f"{name} {version}" for name, version in versions.items())


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        raise UsageError("no command given; see genem --help")
    if arguments[0] in ("-h", "--help"):
        print(help_overview())
        return 0
    if arguments[0] == "--version":
        print(version_text())
        return 0
    row = find(arguments[0])
    return _guarded(f"genem {row.name}", lambda: _run_command(row, arguments))


def _run_command(row: CommandRow, arguments: list[str]) -> int:
    command, module = load(row)
    args = build_parser(row, command).parse_args(arguments[1:])
    level = log_level(quiet=args.quiet, verbose=args.verbose)
    with logging_to_stderr(f"genem {row.name}", level, args.log_format), signals_raise():
        return _guarded(f"genem {row.name}", lambda: _run(row, module, args, arguments), log=True)


def _run(row: CommandRow, module: ModuleType, args: argparse.Namespace, arguments: list[str]) -> int:
    from genem.cli.context import RunContext

    context = RunContext(row, args, arguments)
    try:
        module.run(args, context)
    except InputError as error:
        raise _naming_the_input(error, module.COMMAND, args) from error
    context.finish()
    return 0


def _naming_the_input(error: InputError, command: Command, args: argparse.Namespace) -> InputError:
    """Library functions see arrays, not files: say which file they came from, where the command reads one."""
    path = getattr(args, command.arguments[0].name) if command.arguments else None
    if error.path is not None or not isinstance(path, str):
        return error
    return InputError(error.found, path=path, place=error.place, remedy=error.remedy)


def _guarded(program: str, action: Callable[[], int], *, log: bool = False) -> int:
    """Run ``action``; every way it can fail is one line on stderr and an exit status."""
    try:
        return action()
    except GenemError as error:
        _report(program, str(error), log=log)
        return error.exit_status
    except KeyboardInterrupt:
        _report(program, "interrupted", log=log)
        return 128 + signal.SIGINT
    except Terminated as end:
        _report(program, f"ended by {signal.Signals(end.number).name}", log=log)
        return 128 + end.number
    except BrokenPipeError:
        return EXIT_CLOSED_PIPE
    except OSError as error:
        _report(program, _describe_os_error(error), log=log)
        return EXIT_FAILURE
    except MemoryError:
        _report(program, "not enough memory; use a part of the input: fewer samples, sequences or sites", log=log)
        return EXIT_FAILURE
    except SystemExit as end:  # argparse after --help
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        _report(program, f"{what}; this is a bug in genem, please report it with the output of -vv", log=log)
        return EXIT_FAILURE


def _report(program: str, message: str, *, log: bool) -> None:
    """One line; through the logger once it is set up, so that it has the format asked for."""
    line = " ".join(message.split("\n"))
    logger = logging.getLogger("genem")
    if log:
        logger.error(line, exc_info=logger.isEnabledFor(logging.DEBUG))
    elif sys.stderr is not None:
        print(f"{program}: error: {line}", file=sys.stderr)


def _describe_os_error(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    named = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    return ": ".join((*named, reason))


@contextmanager
def signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command by an exception, so that it can clean up; ignored ones stay ignored."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for each in restored:  # a second signal must not disturb the cleaning up
            signal.signal(each, signal.SIG_IGN)
        raise Terminated(number)

    restored: dict[signal.Signals, Any] = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        try:
            if signal.getsignal(number) is signal.SIG_DFL:
                restored[number] = signal.signal(number, end)
        except ValueError:  # not in the main thread: signals belong to whoever runs it
            break
    try:
        yield
    finally:
        for number, handler in restored.items():
            signal.signal(number, handler)


def _flush_standard_output(status: int) -> int:
    """Flush what is left; if nobody reads it, keep the interpreter from complaining when it exits."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        status = status or EXIT_CLOSED_PIPE
        _discard_standard_output()
    except OSError as error:
        if status == 0:
            _report("genem", f"standard output: cannot write: {_describe_os_error(error)}", log=False)
        status = status or EXIT_FAILURE
        _discard_standard_output()
    return status


def _discard_standard_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
