"""Running the qtl workflow in a folder of its own, for the tests of the workflow."""

from __future__ import annotations

from tests.workflows.popgen_runs import DATA, ROOT

SNAKEFILE = ROOT / "workflows" / "qtl" / "workflow" / "Snakefile"

LISTERIA = f"""\
crosses:
  listeria:
    input: {DATA}/cross.vcf.gz
    cross: f2
    parents: [P1, P2]
    map: {DATA}/cross.map.tsv
    pheno: {DATA}/cross.pheno.tsv
    traits: [logT]
    methods: [em, hk]
step: 10
permutations:
  number: 60
  pieces: 3
"""
"""One cross, its permutations in three pieces."""

HYPER = f"""\
crosses:
  hyper:
    input: {DATA}/hyper.csv
    cross: bc
    genotypes: [BB, BA, AA]
    traits: [bp]
    addcovar: [cov_batch]
step: 10
permutations:
  number: 20
  pieces: 2
"""
"""A cross in R/qtl's csv."""
