"""What belongs to a command: a docs page, a workflow rule, a test, an example in its help, a line in the lists."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genem.cli.table import COMMANDS, CommandRow
from tests.architecture.source import ROOT

ANALYSES = [row for row in COMMANDS if row.kind == "analysis"]


@pytest.mark.parametrize("row", ANALYSES, ids=lambda row: row.name)
def test_an_analysis_has_its_docs_page(row: CommandRow) -> None:
    page = ROOT / "docs" / f"{row.name}.md"
    assert page.is_file()
    assert f"genem {row.name}" in page.read_text()
    assert row.name in (ROOT / "docs" / "index.md").read_text().split()


@pytest.mark.parametrize("row", ANALYSES, ids=lambda row: row.name)
def test_an_analysis_has_its_workflow_rule(row: CommandRow) -> None:
    rules = "\n".join(path.read_text() for path in (ROOT / "workflows").rglob("*.smk"))
    assert f"genem {row.name} " in rules


@pytest.mark.parametrize("row", ANALYSES, ids=lambda row: row.name)
def test_an_analysis_has_its_test(row: CommandRow) -> None:
    assert [*(ROOT / "tests" / "cli").rglob(f"test_{row.name}.py")] != []


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_a_command_shows_an_example_in_its_help(row: CommandRow) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "genem.cli.main", row.name, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    assert "example" in shown
    assert f"genem {row.name}" in shown[shown.rindex("example") :]


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
@pytest.mark.parametrize("page", ["README.md", "docs/commands.md"])
def test_a_command_is_listed(row: CommandRow, page: str) -> None:
    assert f"`genem {row.name}`" in (ROOT / page).read_text()
