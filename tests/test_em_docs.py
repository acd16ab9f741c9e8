"""The code on the engine's page runs and prints what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_examples_on_the_page_run(root: Path) -> None:
    done = doctest.testfile(str(root / "docs" / "em.md"), module_relative=False)
    assert done.attempted > 10
    assert done.failed == 0
