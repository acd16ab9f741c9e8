"""Fixtures and settings shared by all tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does, before NumPy is imported

ROOT = Path(__file__).resolve().parent.parent

# Compiling a kernel takes seconds, so a deadline per example says nothing about the code. In continuous integration
# the examples are the same on every run; elsewhere new ones are drawn each time.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of bundled example data."""
    return ROOT / "data"


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of answers by other programs; the test is skipped where it is not at hand."""
    named = os.environ.get("GENEM_REFERENCE_DATA")
    if not named:
        pytest.skip("GENEM_REFERENCE_DATA is not set: no reference data to compare with")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"GENEM_REFERENCE_DATA names {folder}, which is not a folder")
    return folder


@pytest.fixture(scope="session")
def genem_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose ``genem`` is that of this source tree, for programs that call the command line."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "genem"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m genem "$@"\n')
    command.chmod(0o755)
    tools = Path(sys.executable).parent
    return {**os.environ, "PATH": os.pathsep.join([str(folder), str(tools), os.environ["PATH"]])}


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[Path], str]:
    """Opens a page in a browser without a window: its text after all scripts have run, without theirs.

    The test is skipped from there on where there is no browser.
    """

    def open_page(page: Path) -> str:
        browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if browser is None:
            pytest.skip("no Chromium or Chrome is installed: the page was made but not opened")
        headless = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
        shown = subprocess.run(
            [*headless, "--virtual-time-budget=10000", "--dump-dom", page.as_uri()],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        return re.sub(r"<script.*?</script>", "", shown, flags=re.DOTALL)

    return open_page
