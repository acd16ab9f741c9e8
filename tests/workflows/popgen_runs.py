"""Running the popgen workflow in a folder of its own, for the tests of the workflow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SNAKEFILE = ROOT / "workflows" / "popgen" / "workflow" / "Snakefile"
DATA = ROOT / "data"

HAPMAP = f"""\
cohorts:
  hapmap:
    vcf: {DATA}/population.vcf.gz
    groups: {DATA}/population.groups.tsv
    samples: {DATA}/population.founders.txt
pieces: 3
"""
"""One cohort in three pieces: four levels of jobs."""


def command(folder: Path, *arguments: str, snakefile: Path = SNAKEFILE) -> list[str]:
    """The call of Snakemake on the workflow, in ``folder``."""
    fixed = ["--snakefile", str(snakefile), "--directory", str(folder), "--nocolor"]
    return [sys.executable, "-m", "snakemake", *fixed, *arguments]


def run(
    folder: Path, environment: Mapping[str, str], *arguments: str, snakefile: Path = SNAKEFILE
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake to its end; what it said is in ``stdout``."""
    return subprocess.run(
        command(folder, *arguments, snakefile=snakefile),
        env={**environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def configure(folder: Path, config: str = HAPMAP) -> Path:
    """Write the configuration where the workflow looks for it."""
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / "config" / "config.yaml").write_text(config)
    return folder


def single_run(folder: Path, environment: Mapping[str, str], name: str, options: Sequence[str] = ()) -> Path:
    """The table of one run on the whole file, with the options of ``HAPMAP``."""
    output = folder / name
    subprocess.run(
        [
            *["genem", "freq", f"{DATA}/population.vcf.gz", "--output", str(output)],
            *["--groups", f"{DATA}/population.groups.tsv", "--samples-file", f"{DATA}/population.founders.txt"],
            *options,
        ],
        env={**environment},
        check=True,
    )
    return output
