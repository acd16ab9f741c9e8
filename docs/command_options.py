"""The ``genem-options`` directive: the options of a command as tables, from the specification the parser comes from."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from genem.cli.main import find, load
from genem.cli.options import Command, Option


def options_markdown(command: Command) -> Iterator[str]:
    """One table a group."""
    for group in command.groups:
        yield from (f"**{group.title}**", "", "| option | meaning | default |", "| --- | --- | --- |")
        yield from (f"| {flags(option)} | {escaped(option.help)} | {default(option)} |" for option in group.options)
        yield ""


def flags(option: Option) -> str:
    value = option.metavar or escaped("|".join(option.choices))
    return "`" + ", ".join(option.flags) + (f" {value}`" if option.kind in ("value", "list") else "`")


def default(option: Option) -> str:
    if option.default_text is not None:
        return escaped(option.default_text)
    return "" if option.kind != "value" or option.default is None else f"`{option.default}`"


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


class CommandOptions(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        command, module = load(find(self.arguments[0]))
        self.env.note_dependency(str(module.__file__))
        return self.parse_text_to_nodes("\n".join(options_markdown(command)))


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_directive("genem-options", CommandOptions)
    return {"parallel_read_safe": True}
