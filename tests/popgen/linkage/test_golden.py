"""The bundled data against what PLINK 1.9 printed for them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genem.io.variants.reading import open_variants
from genem.popgen import blocks, ld
from tests import GOLDEN_ANSWERS

GOLDEN = GOLDEN_ANSWERS / "ld"


def rows_of(name: str) -> list[dict[str, str]]:
    with (GOLDEN / name).open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_r2_and_d_prime(data: Path) -> None:
    """To the six digits that were printed."""
    expected = {(row["SNP_A"], row["SNP_B"]): row for row in rows_of("population.plink19.r2_dprime.tsv")}
    compared = 0
    with open_variants(data / "population.vcf.gz") as reader:
        for pairs in ld(reader, window_bp=None, window_variants=10, min_r2=0.0):
            names = pairs.loci.identifier
            for a, b, r2, d_prime in zip(pairs.first, pairs.second, pairs.r2, pairs.d_prime, strict=True):
                row = expected[names[a], names[b]]
                assert r2 == pytest.approx(float(row["R2"]), rel=6e-6, abs=1e-9)
                assert d_prime == pytest.approx(float(row["DP"]), rel=6e-6, abs=1e-9)
                compared += 1
    assert compared == len(expected) > 5000


@pytest.mark.parametrize("name", ["population", "haplotypes.unphased_miss5"])
def test_blocks(name: str, data: Path) -> None:
    expected = [(row["CHR"], row["BP1"], row["BP2"], row["SNPS"]) for row in rows_of(f"{name}.plink19.blocks.tsv")]
    with open_variants(data / f"{name}.vcf.gz") as reader:
        found = [(b.chrom, str(b.start), str(b.end), "|".join(b.identifiers)) for b in blocks(reader)]
    assert found == expected


def test_likelihoods_reach_the_brute_force_maximum() -> None:
    expected = {(row["A"], row["B"]): row for row in rows_of("sim2x.reference.ld_gl_mle.tsv")}
    wanted = {place for pair in expected for place in pair}
    with open_variants(GOLDEN.parent / "popgen" / "sim2x.pl.vcf.gz", fields=("PL",)) as reader:
        chosen = [
            block.select(np.array([f"1:{position}" in wanted for position in block.sites.position])) for block in reader
        ]
    compared = 0
    for pairs in ld(chosen, field="PL", window_bp=None, min_r2=0.0):
        for k, (a, b) in enumerate(zip(pairs.first, pairs.second, strict=True)):
            row = expected[f"1:{pairs.loci.position[a]}", f"1:{pairs.loci.position[b]}"]
            assert pairs.log_likelihood[k] >= float(row["loglik"]) - 1e-6
            assert pairs.r2[k] == pytest.approx(float(row["r2"]), abs=1e-6)
            frequencies = [float(row[name]) for name in ("f00", "f01", "f10", "f11")]
            assert pairs.haplotype_frequencies[k] == pytest.approx(frequencies, abs=1e-6)
            compared += 1
    assert compared == len(expected) == 190
