"""The static command table: what ``genem --help`` lists and where each command lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command.

    Attributes
    ----------
    name
        The word after ``genem``.
    summary
        One line for the list of commands.
    module
        The module that holds ``COMMAND`` and ``run(args, context)``; importing it is cheap.
    kind
        ``analysis`` (has a workflow rule and a docs page) or ``tool``.
    library
        ``module:function`` whose keywords the options mirror, or None.
    """

    name: str
    summary: str
    module: str
    kind: Literal["analysis", "tool"]
    library: str | None = None


COMMANDS: tuple[CommandRow, ...] = (
    CommandRow(
        "freq",
        "allele frequencies, Hardy-Weinberg tests and inbreeding, from calls or likelihoods",
        "genem.cli.popgen.freq",
        "analysis",
        "genem.popgen:freq",
    ),
    CommandRow(
        "ld",
        "linkage disequilibrium of pairs of variants by two-locus EM, from calls or likelihoods",
        "genem.cli.popgen.ld",
        "analysis",
        "genem.popgen:ld",
    ),
    CommandRow(
        "prune",
        "variants of which no two nearby ones are in strong linkage disequilibrium",
        "genem.cli.popgen.prune",
        "analysis",
        "genem.popgen:prune",
    ),
    CommandRow(
        "blocks",
        "haplotype blocks by the intervals of D'",
        "genem.cli.popgen.blocks",
        "analysis",
        "genem.popgen:blocks",
    ),
    CommandRow(
        "phase",
        "haplotype frequencies and phases, from unphased genotypes at several loci",
        "genem.cli.popgen.phase",
        "analysis",
        "genem.popgen:phase",
    ),
    CommandRow(
        "sfs",
        "site frequency spectrum, diversity and Tajima's D, from calls or likelihoods",
        "genem.cli.popgen.sfs",
        "analysis",
        "genem.popgen:sfs",
    ),
    CommandRow(
        "qtl",
        "quantitative trait loci of a cross by interval mapping, from a VCF or R/qtl's csv",
        "genem.cli.qtl.command",
        "analysis",
        "genem.qtl:scan",
    ),
    CommandRow(
        "motif",
        "motifs in DNA, RNA or protein sequences, with their sites and significance",
        "genem.cli.motif.command",
        "analysis",
        "genem.motif:find_motifs",
    ),
    CommandRow(
        "scan",
        "sites of known motifs in sequences, with exact p-values",
        "genem.cli.motif.scan",
        "analysis",
        "genem.motif:scan",
    ),
    CommandRow(
        "compare",
        "known motifs that motifs resemble, with p-values",
        "genem.cli.motif.compare",
        "analysis",
        "genem.motif:compare",
    ),
    CommandRow(
        "phylo",
        "trees of greatest likelihood by structural EM, from an alignment or the SNPs of a VCF",
        "genem.cli.phylo.command",
        "analysis",
        "genem.phylo:search",
    ),
    CommandRow(
        "consensus",
        "consensus of trees, their distances, and their support for a tree",
        "genem.cli.phylo.consensus",
        "analysis",
        "genem.phylo:consensus",
    ),
    CommandRow("sequences", "cut intervals out of a genome, as FASTA", "genem.cli.motif.sequences", "tool"),
    CommandRow("shuffle", "shuffle sequences, keeping the counts of their words", "genem.cli.motif.shuffle", "tool"),
    CommandRow("regions", "cut an indexed VCF or BCF into regions of equal work", "genem.cli.tools.regions", "tool"),
    CommandRow("gather", "join the tables of pieces below one header", "genem.cli.tools.gather", "tool"),
    CommandRow(
        "summary",
        "summarise tables of genem freq, or reports of genem phylo, in a line each",
        "genem.cli.tools.summary",
        "tool",
    ),
    CommandRow("warm", "compile the kernels of commands before jobs are scattered", "genem.cli.tools.warm", "tool"),
    CommandRow("demo", "run the workflows on the bundled real data", "genem.cli.tools.demo", "tool"),
    CommandRow("completion", "print a completion script for the shell", "genem.cli.tools.completion", "tool"),
)

BY_NAME = {row.name: row for row in COMMANDS}
