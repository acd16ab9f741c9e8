"""Crosses and answers that several test modules read."""

import csv
import gzip
from pathlib import Path

import numpy as np

from genem.data import Cross, GeneticMap
from genem.io.crosses.reading import read_cross
from tests import GOLDEN_ANSWERS

GOLDEN = GOLDEN_ANSWERS / "qtl"
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


def table(path):
    """The rows of a table that a command wrote."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("##")]
    return list(csv.DictReader(lines, delimiter="\t"))


def numbers(found, column):
    """A column of a table; NA is NaN."""
    return np.array([float("nan") if row[column] == "NA" else float(row[column]) for row in found])


def small_csv():
    """Two markers on chromosome 1, one on X, 30 individuals of both sexes."""
    lines = ["y,z,sex,w,M1,M2,X1", ",,,,1,1,X", ",,,,0,10,3"]
    for i in range(30):
        traits = f"{(7 * i) % 11 + i / 7:g},{(5 * i) % 7},{'mf'[i % 2]},{i % 3 + 1}"
        lines.append(f"{traits},{'AHB'[i % 3]},{'AHBH'[i % 4]},{('AB', 'AH')[i % 2][i // 2 % 2]}")
    return "\n".join([*lines, ""])


VCF_HEAD = """\
##fileformat=VCFv4.2
##contig=<ID=1>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1\tP2\t"""


def variant_files(folder, parents="0/0\t1/1"):
    """A cross of 20 individuals at two markers, one of which the map lacks."""
    names = [f"i{k}" for k in range(20)]
    calls = ["0/0", "0/1", "1/1", "0/1"]
    records = [
        "\t".join(["1", str(1000 * (m + 1)), f"m{m}", "A", "C", ".", "PASS", ".", "GT", parents])
        + "".join(f"\t{calls[(k + m * k // 5) % 4]}" for k in range(20))
        for m in range(2)
    ]
    (folder / "x.vcf").write_text(VCF_HEAD + "\t".join(names) + "\n" + "\n".join(records) + "\n")
    (folder / "x.map").write_text("marker\tchr\tcM\nm0\t1\t5\nother\t1\t9\n")
    (folder / "x.pheno").write_text("id\ty\n" + "".join(f"{name}\t{k * 3 % 7}\n" for k, name in enumerate(names)))
    return [str(folder / "x.vcf"), "--cross", "f2", "--map", str(folder / "x.map"), "--pheno", str(folder / "x.pheno")]
