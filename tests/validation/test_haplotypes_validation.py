"""Haplotypes against haplo.em, with its own best answers over many seeds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genem.data import MISSING_ALLELE, LocusTable
from genem.io.tables.loci import read_locus_table
from genem.popgen import phase

pytestmark = pytest.mark.validation

HLA = {"hla_DQB_DRB": "DQB DRB", "hla_DRB_B": "DRB B", "hla_DQB_DRB_B": "DQB DRB B"}
UNIQUE = {"hla_DMA_DMB": "DMA DMB"}
DOSAGES = ("snp5_ceph_w40", "snp5_ceph_w120")
SEEDS = range(1, 6)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def best_known(folder: Path, analysis: str) -> float:
    known = {row["analysis"]: float(row["lnlike"]) for row in rows(folder / "popgen" / "haplo_em.summary.tsv")}
    more = rows(folder / "popgen" / "haplo_em.best_known.tsv")
    return max([known[analysis], *(float(row["best_known_lnlike"]) for row in more if row["analysis"] == analysis)])


def dosage_table(path: Path) -> LocusTable:
    """SNPs given as copies of allele 2; haplo.em was given alleles 1 and 2."""
    table = rows(path)
    loci = tuple(name for name in table[0] if name != "id")
    pairs = {"0": (0, 0), "1": (0, 1), "2": (1, 1), "NA": (MISSING_ALLELE, MISSING_ALLELE)}
    alleles = np.array([[pairs[row[locus]] for locus in loci] for row in table], np.int16)
    return LocusTable(tuple(row["id"] for row in table), loci, (("1", "2"),) * len(loci), alleles)


@pytest.mark.parametrize("analysis", [*HLA, *UNIQUE])
def test_every_seed_reaches_the_best_known_likelihood(reference_data: Path, analysis: str) -> None:
    table = read_locus_table(reference_data / "popgen" / "hla_demo.tsv")
    ends = [phase(table, loci={**HLA, **UNIQUE}[analysis].split(), seed=seed).log_likelihood for seed in SEEDS]
    assert min(ends) >= best_known(reference_data, analysis) - 0.01
    assert max(ends) - min(ends) < 1e-6


@pytest.mark.parametrize("analysis", [*DOSAGES, *UNIQUE])
def test_frequencies_of_a_single_optimum_are_those_of_haplo_em(reference_data: Path, analysis: str) -> None:
    folder = reference_data / "popgen"
    if analysis in DOSAGES:
        result = phase(dosage_table(folder / f"{analysis}.dosage.tsv"))
    else:
        result = phase(read_locus_table(folder / "hla_demo.tsv"), loci=UNIQUE[analysis].split())
    assert result.log_likelihood >= best_known(reference_data, analysis) - 1e-6
    if len(result.search.optima) > 1 or len(result.search.tied) > 1:
        return
    found = {result.names(h): f for h, f in enumerate(result.frequency)}
    for row in rows(folder / f"{analysis}.haplo_em.tsv"):
        assert found.get(tuple(row[locus] for locus in result.table.loci), 0.0) == pytest.approx(
            float(row["freq"]), abs=1e-5
        )
