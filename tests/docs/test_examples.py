"""The commands in the documentation print what the documentation says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"])


def examples():
    """Each command of a ``console`` block with the output shown below it."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = example.partition("\n")
                yield pytest.param(command, output, id=f"{page.name}: {command[:60]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the example data, and ``genem`` on the path: what a newcomer has after cloning."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "data").symlink_to(ROOT / "data")
    program = folder / "bin" / "genem"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m genem "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("command", "output"), list(examples()))
def test_the_commands_print_what_the_pages_show(command, output, folder):
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == output.splitlines()


def test_there_are_examples():
    assert list(examples())
