"""The emission that CONTRIBUTING.md adds as a diff, made of the lines of that diff."""

from __future__ import annotations

import sys
import types
from functools import cache
from pathlib import Path

from genem.chain.emissions.emission import Emission

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
HEADER = "+++ b/genem/chain/emissions/poisson.py\n"


@cache
def contributed_emission() -> type[Emission]:
    """The class ``Poisson`` of the diff."""
    diff = CONTRIBUTING.read_text().split(HEADER)[1]
    lines = []
    for line in diff.splitlines():
        if not line.startswith("+"):
            break
        lines.append(line[1:])
    module = types.ModuleType("contributed_poisson")
    sys.modules[module.__name__] = module
    exec(compile("\n".join(lines), str(CONTRIBUTING), "exec"), module.__dict__)
    return module.Poisson
