"""The linkage rules of the popgen workflow."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.popgen_runs import HAPMAP, configure, run

LINKAGE = HAPMAP + "analyses: [ld]\nlinkage:\n  window_bp: 60000\n  min_r2: 0.3\n"


@pytest.mark.slow
def test_scattered_linkage_equals_a_single_run(tmp_path: Path, data: Path, genem_environment: dict[str, str]) -> None:
    folder = configure(tmp_path, LINKAGE)
    tables = [f"results/hapmap/{name}.tsv.gz" for name in ("ld", "pruning", "blocks")]
    done = run(folder, genem_environment, "--cores", "2", *tables)
    assert done.returncode == 0, done.stdout
    vcf, samples, groups = (str(data / f"population.{end}") for end in ("vcf.gz", "founders.txt", "groups.tsv"))
    whole = tmp_path / "whole.tsv.gz"
    single = ["ld", vcf, "-S", samples, "--groups", groups, "--window-bp", "60000", "--min-r2", "0.3", "-o", str(whole)]
    subprocess.run([sys.executable, "-m", "genem", *single], env=genem_environment, check=True)
    assert (folder / tables[0]).read_bytes() == whole.read_bytes()
    assert len(gzip.decompress(whole.read_bytes()).splitlines()) > 1000
    kept = (folder / "results/hapmap/pruning.kept.txt").read_text().split()
    removed = (folder / "results/hapmap/pruning.removed.txt").read_text().split()
    assert len(kept) + len(removed) == 593
    assert len(gzip.decompress((folder / tables[2]).read_bytes()).splitlines()) > 10


def test_linkage_is_made_only_where_it_is_asked_for(tmp_path: Path, genem_environment: dict[str, str]) -> None:
    for config, wanted in ((HAPMAP, False), (LINKAGE, True), (HAPMAP + "analyses: [ld]\n", True)):
        shown = run(configure(tmp_path, config), genem_environment, "--dry-run").stdout
        assert ("ld_piece" in shown) == wanted
        assert ("prune" in shown) == wanted
