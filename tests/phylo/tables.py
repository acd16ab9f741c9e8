"""Tables of answers by other programs: read alike from the golden files and from the reference data."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from genem.data import Alignment, Tree
from genem.io.sequences.alignments import read_alignment
from genem.io.trees.newick import read_newick

Row = dict[str, str]


def read_table(path: Path) -> list[Row]:
    with path.open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def model_string(row: Row) -> str:
    """The model of a row of ``fixed_likelihood.tsv``, every value fixed."""
    text = row["model"]
    if row["freqs_ACGT"] != "model":
        rates = row["rates_AC_AG_AT_CG_CT_GT"].split(",")
        given = {
            "K80": rates[1:2],
            "HKY85": rates[1:2],
            "TN93": [rates[1], rates[4]],
            "GTR": rates,
        }.get(text, [])
        text += "{" + ",".join(given) + "}" if given else ""
        text += "" if row["model"] in ("JC69", "K80") else "+F{" + row["freqs_ACGT"] + "}"
    if float(row["pinv"]) > 0.0:
        text += "+I{" + row["pinv"] + "}"
    if row["gamma_alpha"]:
        text += "+G" + row["n_categories"] + "{" + row["gamma_alpha"] + "}"
    return text


def fixed_cases(table: Path, alignments: Path, trees: Path) -> Iterator[tuple[Row, Alignment, Tree]]:
    """Every row of ``fixed_likelihood.tsv`` with its alignment and tree."""
    kept: dict[str, tuple[Alignment, Tree]] = {}
    for row in read_table(table):
        name = row["alignment"]
        if name not in kept:
            (tree,) = read_newick(trees / row["tree_file"])
            kept[name] = read_alignment(alignments / f"{name}.fasta"), tree
        yield row, *kept[name]
