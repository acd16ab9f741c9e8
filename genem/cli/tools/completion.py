"""``genem completion``: a script that teaches the shell the commands and options."""

from __future__ import annotations

import argparse
from typing import Any

from genem.cli.context import RunContext
from genem.cli.main import load
from genem.cli.options import MESSAGES, Command, Option, output_group
from genem.cli.parser import CommandParser, add_options
from genem.cli.table import COMMANDS
from genem.errors import GenemError

COMMAND = Command(
    description=(
        "Print a completion script for the shell. It needs the package shtab. To use it at once:\n"
        '  bash:  eval "$(genem completion bash)"\n'
        "  zsh:   genem completion zsh > ~/.zsh/completions/_genem   (a folder in fpath)\n"
        "  tcsh:  genem completion tcsh > ~/.genem.tcsh; source ~/.genem.tcsh"
    ),
    arguments=(Option(("shell",), "which shell", choices=("bash", "zsh", "tcsh")),),
    groups=(output_group(), MESSAGES),
    examples=("genem completion bash",),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    try:
        import shtab
    except ImportError:
        raise GenemError("completion needs the package shtab; pip install shtab") from None
    script = shtab.complete(whole_parser(shtab.FILE), shell=args.shell)
    with context.open_output(args.output) as stream:
        stream.write(f"{script}\n".encode())


def whole_parser(file_completion: Any) -> argparse.ArgumentParser:
    """One parser with every command as a subcommand; paths are completed by ``file_completion``."""
    parser = CommandParser(prog="genem", description="The EM toolkit for genetics.")
    parser.add_argument("--version", action="store_true", help="versions of genem and its libraries")
    commands = parser.add_subparsers(dest="command", parser_class=CommandParser)
    for row in COMMANDS:
        child = commands.add_parser(row.name, help=row.summary, description=row.summary)
        add_options(child, load(row)[0])
        for action in child._actions:
            if getattr(action, "is_file", False):
                action.complete = file_completion  # type: ignore[attr-defined]
    return parser
