"""The workflow's spectrum and phasing: replicates in pieces equal those of one run."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.workflows.popgen_runs import DATA, HAPMAP, configure, run

CONFIG = f"""{HAPMAP}
analyses: [sfs, phase]
sfs: {{bootstrap: 7, pieces: 3, block_size: 100000}}
phase: {{window: 6}}
"""


@pytest.mark.slow
def test_replicates_in_pieces_equal_those_of_one_run(tmp_path: Path, genem_environment: Mapping[str, str]) -> None:
    folder = configure(tmp_path / "workflow", CONFIG)
    wanted = [f"results/hapmap/{name}" for name in ("sfs.tsv", "phased.vcf.gz")]
    done = run(folder, genem_environment, "--cores", "2", *wanted)
    assert done.returncode == 0, done.stdout
    whole, replicates = tmp_path / "sfs.tsv", tmp_path / "replicates.tsv"
    subprocess.run(
        [
            *[
                "genem",
                "sfs",
                f"{DATA}/population.vcf.gz",
                "--samples-file",
                f"{DATA}/population.founders.txt",
                "--fold",
            ],
            *["--bootstrap", "7", "--block-size", "100000", "--replicates", str(replicates), "--output", str(whole)],
        ],
        env={**genem_environment},
        check=True,
    )
    assert (folder / "results/hapmap/sfs_replicates.tsv").read_bytes() == replicates.read_bytes()
    # The replicates are printed with ten digits, so their spread may differ in the last one.
    for piece, single in zip(*(_rows(path) for path in (folder / "results/hapmap/sfs.tsv", whole)), strict=True):
        assert piece[:-1] == single[:-1]
        assert float(piece[-1]) == pytest.approx(float(single[-1]), rel=1e-8, abs=1e-12)
    assert (folder / "results/hapmap/phased.vcf.gz.tbi").is_file()


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines() if line[0].isdigit()]
