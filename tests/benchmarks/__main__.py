"""``python -m tests.benchmarks [-o FILE] [--repeats N]``: run every benchmark, write one Markdown page."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from tests.benchmarks import chain, em_engine, linkage, motif, peers, phasing, phylo, qtl, spectrum, variants
from tests.benchmarks.measure import processor, version_of

PREAMBLE = """\
# Benchmarks

Written by `make bench`, which runs genem and the installed peers in turn on the same machine. CPU seconds are user plus
system time of the whole process, medians of {repeats} runs after a warm-up, one thread each, kernels compiled before. A
*slope* is extra work divided by extra CPU seconds between two input sizes, so that start-up (imports, headers) does not
count; whole-process times stand beside it. *Ratio* columns say how many times the CPU time of the first row a program
needs. Machines are noisy: read the ratios, not the seconds.

{machine}

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/benchmarks.md"))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    page = PREAMBLE.format(repeats=arguments.repeats, machine=_machine())
    areas = (variants, linkage, phasing, spectrum, qtl, motif, phylo, chain)
    sections = [section.report(arguments.repeats) for section in areas]
    page += "\n".join([*sections, em_engine.report()])
    arguments.output.write_text(page)
    print(page)
    return 0


def _machine() -> str:
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba", "pysam")}
    lines = [
        f"* {processor()}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}",
        "* genem " + _genem_version() + ", " + ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    lines += [
        f"* {version_of([name, '--version'])}"
        for name in ("plink2", "plink1.9", "bcftools")
        if name not in peers.missing_peers()
    ]
    if peers.missing_peers():
        lines.append(f"* not found here, so not measured: {', '.join(peers.missing_peers())}")
    return "\n".join(lines)


def _genem_version() -> str:
    import genem

    return genem.__version__


if __name__ == "__main__":
    sys.exit(main())
