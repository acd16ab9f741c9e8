"""Print every line that breaks a rule of the house: ``python -m tests.architecture [FOLDER ...]``."""

from __future__ import annotations

import sys

from tests.architecture.rules import RULES
from tests.architecture.source import project

folders = tuple(sys.argv[1:]) or ("genem", "tests")
for rule in RULES:
    faults = [fault for fault in rule.check(project()) if fault.path.startswith(folders)]
    if faults:
        print(f"\n## {rule.name}: {len(faults)}", *faults, sep="\n")
