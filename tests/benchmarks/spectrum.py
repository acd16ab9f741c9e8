"""``genem sfs`` at growing numbers of sites, from calls and from likelihoods: rates, memory and certificates."""

from __future__ import annotations

import re
import shutil
import subprocess

from tests.benchmarks import inputs, peers
from tests.benchmarks.measure import measure_in_turn

CALLS = (10_000, 50_000)
LIKELIHOODS = (1_000, 5_000)


def report(repeats: int) -> str:
    """The Markdown section."""
    lines = [
        "## Site frequency spectrum\n",
        f"Folded spectra of {inputs.N_SAMPLES:,} samples. The rate is the slope between the two sizes. *Gap* is how",
        "far the log-likelihood of the larger run can be from its maximum, as certified.\n",
        "| from | sites | M genotypes / CPU s | CPU s, small | CPU s, large | peak MB | gap |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for field, sizes, make in (("GT", CALLS, inputs.genotype_vcf), ("PL", LIKELIHOODS, inputs.likelihood_vcf)):
        options = ["--field", field, "--fold", "--tolerance", "1", "--threads", "1", "-q"]
        commands = {str(size): peers.genem("sfs", str(make(size)), *options) for size in sizes}
        small, large = measure_in_turn(commands, min(repeats, 3)).values()
        genotypes = (sizes[1] - sizes[0]) * inputs.N_SAMPLES / 1e6
        rate = genotypes / max(large.cpu_seconds - small.cpu_seconds, 1e-9)
        lines.append(
            f"| {field} | {sizes[0]:,} and {sizes[1]:,} | {rate:.1f} | {small.cpu_seconds:.1f} "
            f"| {large.cpu_seconds:.1f} | {large.peak_mb:.0f} | {_gap(commands[str(sizes[1])])} |"
        )
    if shutil.which("realSFS") is None:
        lines.append("\nrealSFS was not found here, so there is no peer beside it.")
    return "\n".join(lines) + "\n"


def _gap(command: list[str]) -> str:
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"##gap=(\S+)", shown)
    return found.group(1) if found else "NA"
