"""Options that ``genem qtl`` accepts."""

from __future__ import annotations

from genem.cli.options import Option, OptionGroup, output_group, plot_option
from genem.cli.values import (
    confidence_level,
    fraction,
    names,
    non_negative_number,
    number,
    picture,
    positive_integer,
    positive_number,
    significance_levels,
)
from genem.cross_types import CROSS_TYPES

__all__ = ["CROSS", "CROSS_FILE", "GENOTYPES", "MODEL", "OUTPUTS", "PEAKS", "SIGNIFICANCE"]

CROSS_FILE = Option(
    ("cross_file",),
    "VCF or BCF file, or a cross in R/qtl's csv format, plain or compressed; - for a VCF on standard input",
    metavar="VCF|CSV",
    file=True,
)


def _table(flag: str, text: str) -> Option:
    return Option((flag,), text, metavar="PATH", file=True)


def _columns(flag: str, text: str, metavar: str = "NAMES", default: str | None = None) -> Option:
    return Option((flag,), text, parse=names, metavar=metavar, default_text=default)


OUTPUTS = output_group(
    _table("--peaks", "write the peaks above the threshold with their intervals of support"),
    _table("--effects", "write genotype means, additive effect and dominance at the peaks, with standard errors"),
    _table("--genoprob", "write the genotype probabilities of every individual at every position"),
    _table("--error-lods", "write the calls that are probably errors"),
    _table("--permutation-maxima", "write the highest LOD scores of every permutation"),
    _table("--thresholds", "write the thresholds that the permutations give"),
    plot_option("the LOD curves"),
    Option(
        ("--effect-plot",),
        "draw the genotype means at the peaks to a .svg, .png or .pdf file",
        parse=picture,
        metavar="PATH",
        file=True,
    ),
)

CROSS = OptionGroup(
    "cross",
    (
        Option(
            ("--cross",),
            "how the individuals were bred: " + ", ".join(kind.description for kind in CROSS_TYPES.values()),
            choices=tuple(CROSS_TYPES),
        ),
        _columns("--parents", "samples of the VCF that carry the first and the second allele", "P1,P2"),
        Option(
            ("--pheno",),
            "table of individuals (column id), traits and covariates, for a VCF",
            metavar="TSV",
            file=True,
        ),
        Option(
            ("--map",),
            "genetic map, for a VCF: columns marker, chr, cM and, if wanted, bp",
            metavar="TSV",
            file=True,
        ),
        Option(
            ("--cm-per-mb",),
            "centimorgan per million bases, in the place of a map",
            parse=positive_number,
            metavar="X",
        ),
        Option(("--field",), "what to read from a VCF: calls or genotype likelihoods", "GT", choices=("GT", "PL")),
        _columns("--genotypes", "codes of a csv for AA, AB, BB, not BB, not AA; lines: AA, BB", "CODES", "A,H,B,D,C"),
        _columns("--alleles", "names of the parents' alleles in the output", "A,B", "A,B"),
        _columns("--x-chrom", "names of the X chromosome", default="X,x,chrX"),
        Option(("--sex",), "column of the sex", default_text="sex, if there is one", metavar="NAME"),
        Option(
            ("--direction",),
            "column of the direction of the cross",
            default_text="pgm or direction, if there is one",
            metavar="NAME",
        ),
        Option(("--chromosomes",), "chromosomes to use, separated by commas; ^ before them excludes", metavar="NAMES"),
    ),
)

GENOTYPES = OptionGroup(
    "genotype probabilities",
    (
        Option(
            ("--step",),
            "distance of the positions between markers; 0: the markers alone",
            default=1.0,
            parse=non_negative_number,
            metavar="CM",
        ),
        Option(("--error-prob",), "genotyping error rate", default=1e-4, parse=fraction, metavar="P"),
        Option(
            ("--map-function",),
            "how distance becomes recombination",
            default="haldane",
            choices=("haldane", "kosambi", "carter-falconer", "morgan"),
        ),
        Option(
            ("--estimate-map",),
            "estimate the distances between the markers anew; write the map, where a name is given",
            nargs="?",
            bare="",
            metavar="PATH",
            file=True,
        ),
        Option(("--min-error-lod",), "lowest LOD score for --error-lods", default=4.0, parse=number, metavar="X"),
        Option(("--draws",), "imputations for the method imp", default=16, parse=positive_integer, metavar="N"),
    ),
)

MODEL = OptionGroup(
    "model",
    (
        _columns("--trait", "traits; with * and ? every column of that pattern", default="the first column of numbers"),
        _columns("--method", "any of em, hk, ehk, imp, mr", default="em"),
        Option(
            ("--model",),
            "distribution of the trait",
            default="normal",
            choices=("normal", "binary", "np", "2part"),
            mirrors=True,
        ),
        _columns("--addcovar", "additive covariates"),
        _columns("--intcovar", "covariates that interact with the genotype; they are additive, too"),
        Option(("--weights",), "column of weights", metavar="NAME", mirrors=True),
        Option(
            ("--max-iter",),
            "most EM steps per position",
            default=10_000,
            parse=positive_integer,
            metavar="N",
            mirrors=True,
        ),
    ),
)

SIGNIFICANCE = OptionGroup(
    "significance",
    (
        Option(("--permutations",), "permutations of the traits", parse=positive_integer, metavar="N"),
        Option(
            ("--permutation-first",),
            "number of the first permutation, for permutations computed in pieces",
            default=1,
            parse=positive_integer,
            metavar="N",
        ),
        Option(
            ("--with-permutations",),
            "take the permutations from tables that --permutation-maxima wrote",
            nargs="+",
            metavar="TSV",
            file=True,
        ),
        Option(("--strata",), "column; individuals are exchanged only with those of the same value", metavar="NAME"),
        Option(
            ("--alpha",),
            "genome-wide significance levels of the thresholds; peaks are those above the lowest threshold",
            parse=significance_levels,
            default_text="0.05",
            metavar="LEVELS",
        ),
    ),
)

PEAKS = OptionGroup(
    "peaks",
    (
        Option(
            ("--min-lod",),
            "lowest LOD score of a peak",
            parse=positive_number,
            default_text="the threshold of the permutations, 3 without",
            metavar="X",
        ),
        Option(("--interval",), "how the interval of support is made", default="lod", choices=("lod", "bayes")),
        Option(("--drop",), "how far the LOD score falls in it", default=1.5, parse=positive_number, metavar="X"),
        Option(
            ("--bayes-coverage",),
            "posterior probability of a Bayes interval",
            default=0.95,
            parse=confidence_level,
            metavar="P",
        ),
        Option(
            ("--expand-to-markers",), "move the ends of the interval outwards to markers", default=False, kind="switch"
        ),
    ),
)
