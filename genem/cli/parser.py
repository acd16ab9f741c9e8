"""From the specification of a command to its argparse parser."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from typing import Any, NoReturn

from genem.cli.options import Command, Option
from genem.cli.table import CommandRow
from genem.errors import UsageError


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are one line, as every other error of genem."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        width = min(100, shutil.get_terminal_size((100, 24)).columns)
        super().__init__(prog, max_help_position=30, width=width)


def build_parser(row: CommandRow, command: Command) -> CommandParser:
    """The parser of one command."""
    parser = CommandParser(
        prog=f"genem {row.name}",
        description=command.description,
        epilog=_epilog(command),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_options(parser, command)
    return parser


def add_options(parser: argparse.ArgumentParser, command: Command) -> None:
    """Give a parser everything the command accepts."""
    for argument in command.arguments:
        _add(parser, argument)
    for group in command.groups:
        section = parser.add_argument_group(group.title)
        for option in group.options:
            _add(section, option)


def _add(parser: Any, option: Option) -> None:
    keywords: dict[str, Any] = {"help": help_text(option), "default": option.default}
    if not option.positional:
        keywords["dest"] = option.name
    if option.kind == "switch":
        keywords["action"] = "store_true"
    elif option.kind == "count":
        keywords["action"] = "count"
    else:
        keywords |= {"type": _typed(option.parse), "metavar": option.metavar, "nargs": option.nargs}
        if option.kind == "list":
            keywords["action"] = "append"
        if option.nargs == "?" and not option.positional:
            keywords["const"] = option.bare
        if option.choices:
            keywords["choices"] = option.choices
    action = parser.add_argument(*option.flags, **keywords)
    action.is_file = option.file


def _typed(parse: Callable[[str], object]) -> Callable[[str], object]:
    """Keep the message of a ``ValueError``, which argparse would replace by the parser's name."""

    def convert(text: str) -> object:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def help_text(option: Option) -> str:
    """The help sentence with the default behind it."""
    shown = option.default_text
    if shown is None and option.kind == "value" and option.default is not None:
        shown = str(option.default)
    text = option.help if shown is None else f"{option.help} [{shown}]"
    return text.replace("%", "%%")


def _epilog(command: Command) -> str:
    title = "example:" if len(command.examples) == 1 else "examples:"
    return "\n".join((title, *(f"  {example}" for example in command.examples)))
