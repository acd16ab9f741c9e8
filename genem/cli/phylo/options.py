"""Options of ``genem phylo`` by heading."""

from __future__ import annotations

import re

from genem.cli.options import Option, OptionGroup, output_group, plot_option
from genem.cli.values import names, non_negative_integer, positive_integer
from genem.data import Datatype

__all__ = ["INPUT", "MODEL", "OUTPUTS", "OUTPUT_NAMES", "ROOTING", "SEARCH", "STAGES", "SUPPORT", "TREES"]

STAGES = ("sem", "nni", "spr", "perturb")
REPLICATES = re.compile(r"(\d+)(?:-(\d+))?")


def stages(text: str) -> tuple[str, ...]:
    """Parts of a search, separated by commas."""
    parts = names(text)
    unknown = [part for part in parts if part not in STAGES]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no part of a search; choose from {', '.join(STAGES)}")
    return parts


def replicates(text: str) -> tuple[int, int]:
    """The first and the last replicate, from ``N`` (1 to N) or ``FIRST-LAST``."""
    match = REPLICATES.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is neither a number of replicates nor a range FIRST-LAST")
    first, last = (1, int(match[1])) if match[2] is None else (int(match[1]), int(match[2]))
    if not 1 <= first <= last:
        raise ValueError(f"'{text}' holds no replicate; they are numbered from 1")
    return first, last


def _file(flag: str, text: str, metavar: str = "PATH") -> Option:
    return Option((flag,), text, metavar=metavar, file=True)


def _switch(flag: str, text: str) -> Option:
    return Option((flag,), text, default=False, kind="switch")


OUTPUTS = output_group(
    _file("--report", "write log-likelihood, parameters with standard errors, runs and trace to this JSON file"),
    _switch("--skip-errors", "leave standard errors out of the report: they take long with many sequences"),
    _file("--site-loglik", "write the log-likelihood of every site to this table"),
    _file("--ancestral", "write the posterior probabilities of ancestral states to this table"),
    _file("--ancestral-fasta", "write the most probable ancestral sequences to this FASTA file"),
    plot_option("the tree"),
    _file("--alignment-out", "write the SNP alignment made from a VCF to this FASTA file"),
)
OUTPUT_NAMES = (
    *("output", "report", "site_loglik", "ancestral", "ancestral_fasta", "plot", "alignment_out"),
    *("model_table", "checkpoint", "bootstrap_trees", "support"),
)

INPUT = OptionGroup(
    "input",
    (
        Option(
            ("--alphabet",),
            "what the letters are",
            default_text="told from the letters",
            choices=tuple(map(str, Datatype)),
        ),
        _switch("--all-sites", "the VCF lists sites without variation, too: keep them, and leave +ASC out"),
    ),
)

MODEL = OptionGroup(
    "model",
    (
        Option(
            ("--model",),
            "model string, as GTR+F+G4, HKY{2.5}+G4{0.5}+I, LG+R4, or auto to choose one",
            default="GTR+G4",
            metavar="MODEL",
            mirrors=True,
        ),
        Option(
            ("--models",),
            "candidates of --model auto, separated by commas",
            default_text="all",
            parse=names,
            metavar="LIST",
        ),
        Option(("--criterion",), "what --model auto minimises", default="bic", choices=("bic", "aic", "aicc")),
        _file("--model-table", "write the candidates of --model auto with their criteria to this table"),
        _file(
            "--partitions", "file of partitions: RAxML's lines, or a Nexus file with charset and charpartition", "FILE"
        ),
        Option(
            ("--gamma-rule",),
            "what represents a category of gamma rates",
            default="mean",
            choices=("mean", "median"),
            mirrors=True,
        ),
    ),
)

TREES = OptionGroup(
    "given trees",
    (
        Option(
            ("--tree",),
            "Newick file of one or many trees to start from, or to evaluate; may be given several times",
            metavar="FILE",
            kind="list",
            file=True,
        ),
        _switch("--evaluate", "search no tree: fit lengths and model parameters of the given ones"),
        _switch("--fix-branches", "with --evaluate: keep the lengths of the given trees"),
        _switch("--best", "with --evaluate: write only the most likely tree"),
        Option(
            ("--constraint",),
            "Newick file with one tree whose groups every tree of the search must have",
            metavar="FILE",
            file=True,
            mirrors=True,
        ),
    ),
)

SEARCH = OptionGroup(
    "search",
    (
        Option(("--starts",), "most trees to start from", default=4, parse=positive_integer, metavar="N"),
        Option(
            ("--radius",),
            "most nodes between the old and the new place of a subtree",
            default=6,
            parse=positive_integer,
            metavar="N",
            mirrors=True,
        ),
        Option(
            ("--patience",),
            "perturbations in a row without success before the search ends",
            default=14,
            parse=non_negative_integer,
            metavar="N",
            mirrors=True,
        ),
        Option(
            ("--strategy",),
            "parts of the search to use, separated by commas",
            default_text=",".join(STAGES),
            parse=stages,
            metavar="LIST",
        ),
        _file("--checkpoint", "keep the state of the search in this file after every run; resume from it", "FILE"),
    ),
)

SUPPORT = OptionGroup(
    "support of branches",
    (
        Option(
            ("--bootstrap",),
            "standard bootstrap: a search of each of N resampled alignments, or of numbers FIRST to LAST of them",
            parse=replicates,
            metavar="RANGE",
        ),
        _file("--bootstrap-trees", "write the trees of the bootstrap replicates to this Newick file"),
        _switch("--bootstrap-only", "search the bootstrap replicates only: one part of a scattered run"),
        Option(("--ufboot",), "replicates of the ultrafast bootstrap", parse=positive_integer, metavar="N"),
        Option(
            ("--alrt",),
            "replicates of the SH-like approximate likelihood-ratio test",
            parse=positive_integer,
            metavar="N",
        ),
        _file("--support", "write the supports of every branch to this table"),
    ),
)

ROOTING = OptionGroup(
    "root",
    (
        Option(
            ("--outgroup",),
            "root the tree between these taxa, separated by commas, and the others",
            parse=names,
            metavar="NAMES",
        ),
        _switch("--midpoint", "root the tree in the middle of its longest path"),
    ),
)
