"""Crosses and answers that several test modules read."""

import csv
from pathlib import Path

import numpy as np

from genem.data import Cross, GeneticMap
from genem.io.cross import read_cross

GOLDEN = Path(__file__).parent / "golden" / "qtl"
CROSS_TYPES = {
    "f2_bothsex_bothdir": "f2",
    "f2_bothsex_onedir": "f2",
    "bc_bothsex": "bc",
    "dh": "dh",
    "riself": "riself",
    "risib": "risib",
}
CODES = {None: 0, "AA": 1, "AB": 2, "BB": 3, "not BB": 4, "not AA": 5}


def golden_cross(name):
    return read_cross(GOLDEN / f"{name}.csv", cross_type=CROSS_TYPES[name])


def rows(path):
    with Path(path).open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def small_cross(cross_type, calls, position, **more):
    """One chromosome; calls by name, (individual, marker)."""
    n, n_markers = len(calls), len(position)
    names = tuple(f"M{k + 1}" for k in range(n_markers))
    genetic_map = GeneticMap(("1",), names, np.zeros(n_markers, np.int32), np.asarray(position, float))
    codes = np.array([[CODES[call] for call in row] for row in calls], np.int8)
    individuals = tuple(f"i{k + 1}" for k in range(n))
    return Cross(cross_type, ("A", "B"), individuals, genetic_map, codes, more.pop("phenotypes", {}), {}, **more)


def assert_probabilities(genotypes, answers, individuals):
    """Genotype probabilities against rows chr, pos, name, ind, geno, prob."""
    by_name = {one.chromosome: one for one in genotypes}
    index = {name: k for k, name in enumerate(individuals)}
    for row in answers:
        one = by_name[row["chr"]]
        place = int(np.argmin(np.abs(one.grid.position - float(row["pos"]))))
        assert one.grid.names[place].removeprefix(f"c{row['chr']}.") == row["name"]
        state = int(row["geno"][1]) - 1 if row["geno"] in ("g1", "g2") else one.states.index(row["geno"])
        found = one.probabilities[place, index[row["ind"]], state]
        assert abs(found - float(row["prob"])) < 1e-9, row
