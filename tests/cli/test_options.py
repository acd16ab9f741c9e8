"""The specification of every command: flags and defaults of the library, help, examples, values."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from genem.cli import values
from genem.cli.main import load
from genem.cli.options import MESSAGES, RUN, VARIANT_SELECTION, Command, Option, OptionGroup, without
from genem.cli.parser import build_parser, help_text
from genem.cli.table import COMMANDS, CommandRow
from genem.errors import UsageError

ROW = CommandRow("example", "a command", "nowhere", "tool")
MIRRORING = [row for row in COMMANDS if row.library is not None]
BY_ROW = pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)


def differences(command: Command, function: Callable[..., object]) -> list[str]:
    """What the options that mirror the function's keywords and its signature do not agree on."""
    parameters = inspect.signature(function).parameters
    defaults = {n: p.default for n, p in parameters.items() if p.default is not inspect.Parameter.empty}
    mirrored = {option.name: option.default for option in command.options() if option.mirrors}
    found = [f"--{name} is no keyword" for name in mirrored if name not in parameters]
    found += [
        f"--{name} is {mirrored[name]!r}, the keyword {defaults[name]!r}"
        for name in mirrored
        if name in defaults and mirrored[name] != defaults[name]
    ]
    reached = {*mirrored, *command.library_only, *(option.name for option in RUN.options)}  # threads, seed
    return found + [f"keyword {name} has no option" for name in defaults if name not in reached]


@pytest.mark.parametrize("row", MIRRORING, ids=lambda row: row.name)
def test_options_mirror_the_library(row: CommandRow) -> None:
    assert row.library is not None
    module, _, function = row.library.partition(":")
    assert differences(load(row)[0], getattr(importlib.import_module(module), function)) == []


def test_a_difference_from_the_library_is_found() -> None:
    def function(block: object, *, ci: float = 0.95, method: str = "em", tolerance: float = 1e-9) -> None: ...

    options = tuple(
        Option((flag,), "", default, mirrors=True) for flag, default in (("--ci", 0.9), ("--method", "em"), ("--x", 1))
    )
    command = Command("", (), groups=(OptionGroup("", options),))
    assert differences(command, function) == [
        "--x is no keyword",
        "--ci is 0.9, the keyword 0.95",
        "keyword tolerance has no option",
    ]


@BY_ROW
def test_flags_are_unique_and_messages_are_offered(row: CommandRow) -> None:
    command = load(row)[0]
    flags = [flag for option in command.options() for flag in option.flags]
    assert len(flags) == len(set(flags))
    assert MESSAGES in command.groups


@BY_ROW
def test_every_default_is_one_the_option_would_accept(row: CommandRow) -> None:
    for option in load(row)[0].options():
        if option.kind == "value" and option.default is not None:
            assert option.parse(str(option.default)) == option.default
            assert not option.choices or option.default in option.choices


@BY_ROW
def test_the_help_names_every_option_and_ends_with_the_examples(row: CommandRow) -> None:
    command = load(row)[0]
    shown = build_parser(row, command).format_help()
    for option in command.options():
        assert option.flags[-1] in shown or str(option.metavar) in shown or option.choices[0] in shown
    assert shown.rstrip().endswith("\n".join(f"  {example}" for example in command.examples))
    assert all(example.startswith("genem ") for example in command.examples)


# The demo has a test of its own, test_cli_tools.py::test_the_demo_runs: a whole workflow.
@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in COMMANDS if row.name != "demo"], ids=lambda row: row.name)
def test_the_examples_run(
    row: CommandRow, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "data").symlink_to(data)
    scripts = tmp_path / "bin"
    scripts.mkdir()
    program = scripts / "genem"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{request.config.rootpath}" exec "{sys.executable}" -m genem "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(scripts), prepend=":")
    monkeypatch.chdir(tmp_path)
    for example in load(row)[0].examples:
        ended = subprocess.run(example, shell=True, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, ""), example
        assert ended.stdout or " -o " in example


def test_options_become_attributes() -> None:
    command = Command("", (), (Option(("vcf",), ""),), (VARIANT_SELECTION, MESSAGES))
    parser = build_parser(ROW, command)
    args = parser.parse_args(["x.vcf", "-s", "^A,B", "--regions-overlap", "pos", "-vv", "--min-maf", "0.05"])
    assert (args.vcf, args.samples, args.regions_overlap, args.verbose, args.min_maf) == (
        "x.vcf",
        "^A,B",
        "pos",
        2,
        0.05,
    )
    plain = parser.parse_args(["x.vcf"])
    assert (plain.regions_overlap, plain.min_maf, plain.max_missing_rate, plain.snps_only) == (
        "record",
        0.0,
        1.0,
        False,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--min-maf", "0.6"], "argument --min-maf: 0.6 is not a minor allele frequency between 0 and 0.5"),
        (["--max-missing-rate", "two"], "argument --max-missing-rate: 'two' is not a number"),
        (["--regions-overlap", "any"], "argument --regions-overlap: invalid choice: 'any'"),
        (["--regions"], "argument -r/--regions: expected one argument"),
    ],
)
def test_wrong_values(arguments: list[str], message: str) -> None:
    parser = build_parser(ROW, Command("", (), groups=(VARIANT_SELECTION,)))
    with pytest.raises(UsageError) as caught:
        parser.parse_args(arguments)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("(see genem example --help)")


def test_options_can_be_left_out_of_a_group() -> None:
    assert [option.name for option in without(MESSAGES, "verbose", "quiet").options] == ["log_format"]


def test_the_help_shows_defaults() -> None:
    assert help_text(Option(("--ci",), "coverage", 0.95)) == "coverage [0.95]"
    assert help_text(Option(("--threads",), "number", default_text="all")) == "number [all]"
    assert help_text(Option(("--quiet",), "100% quiet", False, kind="switch")) == "100%% quiet"
    assert help_text(Option(("--plot",), "draw")) == "draw"


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.integer, "-3", -3),
        (values.positive_integer, "1", 1),
        (values.non_negative_integer, "0", 0),
        (values.number, "1e-3", 1e-3),
        (values.positive_number, "0.1", 0.1),
        (values.fraction, "1", 1.0),
        (values.maf, "0.5", 0.5),
        (values.confidence_level, "0.95", 0.95),
        (values.names, "a, b", ("a", "b")),
        (values.picture, "lod.curve.SVG", "lod.curve.SVG"),
    ],
)
def test_values(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (values.integer, "1.5", "'1.5' is not a whole number"),
        (values.positive_integer, "0", "0 is not at least 1"),
        (values.non_negative_integer, "-1", "-1 is below 0"),
        (values.number, "nan", "'nan' is not a finite number"),
        (values.positive_number, "0", "0 is not above 0"),
        (values.fraction, "1.01", "1.01 is not between 0 and 1"),
        (values.maf, "0.51", "0.51 is not a minor allele frequency between 0 and 0.5"),
        (values.confidence_level, "95", "95 is not a confidence level between 0 and 1, such as 0.95"),
        (values.names, "a,,b", "'a,,b' has an empty name between its commas"),
        (values.picture, "svg", "'svg' does not end in .svg, .png or .pdf"),
    ],
)
def test_wrong_texts(parse: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"not|below|empty") as caught:
        parse(text)
    assert str(caught.value) == message
