"""``genem ld``: linkage disequilibrium of pairs of variants by two-locus EM."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from genem.cli.columns import Columns, full_numbers, labels, repeated, statuses
from genem.cli.options import (
    MESSAGES,
    RUN,
    VARIANT_SELECTION,
    VCF,
    Command,
    Option,
    OptionGroup,
    output_group,
    plot_option,
)
from genem.cli.popgen.linkage import MODEL, WINDOW
from genem.cli.values import fraction, picture, positive_integer
from genem.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.io.tables.writing import Labels
    from genem.popgen import DecayCurve, LinkagePairs

LAST_POSITION = (1 << 31) - 1

COMMAND = Command(
    description=(
        "Estimate haplotype frequencies of pairs of nearby variants, from called genotypes (the exact maximum of\n"
        "the likelihood) or from genotype likelihoods (EM), and from them D, D' and r2 with standard error,\n"
        "interval, LOD score and the number of maxima; one row per pair of ALT alleles and group of samples."
    ),
    arguments=(VCF,),
    groups=(
        output_group(
            Option(
                ("--pair",),
                "report on these two variants only (ID, CHROM:POS or CHROM:POS:REF:ALT), with every maximum",
                metavar="ID",
                nargs=2,
            ),
            plot_option("r2 of all pairs as a triangle"),
            Option(("--decay",), "write mean r2 by distance to this table", metavar="PATH", file=True),
            Option(
                ("--decay-plot",),
                "draw mean r2 by distance to a .svg, .png or .pdf file",
                parse=picture,
                metavar="PATH",
                file=True,
            ),
            Option(
                ("--decay-bin-bp",),
                "width of a bin of distance",
                default=10_000,
                parse=positive_integer,
                metavar="BP",
            ),
        ),
        OptionGroup(
            "model",
            (
                *MODEL,
                Option(
                    ("--groups",),
                    "table of samples and their groups; a row per group and for all samples",
                    metavar="TSV",
                    file=True,
                    mirrors=True,
                ),
            ),
        ),
        OptionGroup(
            "pairs",
            (
                *WINDOW,
                Option(
                    ("--min-r2",),
                    "report pairs with at least this r2; 0: every pair",
                    default=0.2,
                    parse=fraction,
                    metavar="R2",
                    mirrors=True,
                ),
                Option(
                    ("--first-in",),
                    "only pairs whose first variant lies in these regions; the file is read a window further, so that "
                    "the pieces of genem regions give every pair once (needs an index)",
                    metavar="REGIONS",
                    mirrors=True,
                ),
            ),
        ),
        VARIANT_SELECTION,
        RUN,
        MESSAGES,
    ),
    examples=(
        "genem ld data/population.vcf.gz -S data/population.founders.txt --window-bp 50000 --plot ld.svg",
        "genem ld data/population.vcf.gz --pair rs5993821 rs12106650",
        "genem ld data/lowcov.vcf.gz --field PL --window-variants 5 -o lowcov.ld.tsv.gz",
    ),
    library_only=("group_names", "decay", "mismatches"),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read blocks of variants, compare those in a window, write a row per pair."""
    from genem.cli.popgen.linkage import model_arguments, passing_blocks
    from genem.cli.variant_input import group_numbers, open_selected

    spans = None if args.first_in is None else _read_further(args)
    with open_selected(args, context, (args.field,)) as reader:
        model = model_arguments(args, reader, context)
        if args.groups is not None:
            model["groups"], model["group_names"] = group_numbers(args.groups, reader.samples, context)
        # A piece of a scattered run may be empty; --pair and --plot refuse what is too little themselves.
        expected = args.first_in is not None or args.pair is not None or args.plot is not None
        say_few = context.log.info if expected else context.warn
        blocks = passing_blocks(reader, args, context, model, "ld", min_maf=args.min_maf, say_few=say_few)
        if args.pair is not None:
            _refuse_with_pair(args)
            _report_pair(blocks, args, context, model)
        else:
            _write_pairs(blocks, args, context, model, spans)


def _read_further(args: argparse.Namespace) -> list[tuple[str, int, int]]:
    """The spans of ``--first-in``; the regions to read become these and a window behind them."""
    from genem.io.variants.regions import Region, format_regions, parse_regions

    if args.regions is not None or args.regions_file is not None:
        raise UsageError("--first-in says what to read: leave out --regions and --regions-file")
    regions = parse_regions(args.first_in)
    args.regions = format_regions(
        Region(region.contig, region.start, None if region.end is None else region.end + args.window_bp)
        for region in regions
    )
    args.regions_overlap = "pos"
    return [(region.contig, region.start, LAST_POSITION if region.end is None else region.end) for region in regions]


def _refuse_with_pair(args: argparse.Namespace) -> None:
    for name in ("plot", "decay", "decay_plot", "first_in"):
        if getattr(args, name) is not None:
            raise UsageError(f"--pair and --{name.replace('_', '-')} exclude each other")


def _report_pair(blocks: Any, args: argparse.Namespace, context: RunContext, model: dict[str, Any]) -> None:
    from genem import popgen
    from genem.cli.popgen.pair_report import report_text

    reports = popgen.ld_pair(blocks, *args.pair, **model)
    with context.open_output(args.output) as stream:
        stream.write(report_text(reports).encode())
    for report in reports:
        context.add_statuses(report.pairs.status[report.pairs.n_samples > 0])


def _write_pairs(
    blocks: Any,
    args: argparse.Namespace,
    context: RunContext,
    model: dict[str, Any],
    spans: list[tuple[str, int, int]] | None,
) -> None:
    from genem import popgen

    decay = None
    if args.decay is not None or args.decay_plot is not None:
        decay = popgen.LinkageDecay(bin_bp=args.decay_bin_bp, max_bp=max(args.window_bp, args.decay_bin_bp))
    linkage_map = None if args.plot is None else popgen.LinkageMap()
    mismatches = popgen.PloidyMismatches()
    found = popgen.ld(
        blocks,
        **model,
        window_bp=args.window_bp,
        window_variants=args.window_variants,
        min_r2=args.min_r2 if linkage_map is None else 0.0,
        first_in=spans,
        decay=decay,
        mismatches=mismatches,
        threads=context.threads or 1,
    )
    with ExitStack() as pictures:
        map_path, decay_path = (
            None if path is None else pictures.enter_context(context.replace_on_success(path))
            for path in (args.plot, args.decay_plot)
        )
        with ExitStack() as outputs:
            stream = outputs.enter_context(context.open_output(args.output, index="table"))
            decay_stream = None if args.decay is None else outputs.enter_context(context.open_output(args.decay))
            # Nothing is written before every argument has been looked at.
            table = COLUMNS.open(stream)
            for pairs in found:
                if linkage_map is not None:
                    linkage_map.add(pairs)
                    pairs = pairs if args.min_r2 == 0.0 else pairs.rows(pairs.r2 >= args.min_r2)
                table.write(pairs)
                context.count(pairs_written=len(pairs))
                context.add_statuses(pairs.status[pairs.n_samples > 0])
            curves = () if decay is None else decay.curves((*model.get("group_names", ()), "ALL"))
            if decay_stream is not None:
                decay_table = DECAY_COLUMNS.open(decay_stream)
                for curve in curves:
                    decay_table.write(curve)
        if linkage_map is not None and map_path is not None:
            popgen.plot_linkage_map(linkage_map, map_path, file_format=args.plot.rpartition(".")[2])
        if decay_path is not None:
            popgen.plot_linkage_decay(curves, decay_path, file_format=args.decay_plot.rpartition(".")[2])
    if mismatches.n_pairs:
        context.warn(
            f"{mismatches.n_pairs} pairs share no sample: one variant has diploid calls, the other haploid ones"
        )


def _named(names: Sequence[str], rows: NDArray[np.integer]) -> Labels:
    """Cells ``names[rows]``, where ``.`` stands for no name."""
    return labels(["NA" if name == "." else name for name in names], rows)


COLUMNS: Columns[LinkagePairs] = Columns(
    ("CHROM_A", "chromosome of the first variant", lambda pairs: labels(pairs.loci.chrom, pairs.first)),
    ("POS_A", "its position, 1-based", lambda pairs: pairs.loci.position[pairs.first]),
    ("ID_A", "its identifier", lambda pairs: _named(pairs.loci.identifier, pairs.first)),
    ("CHROM_B", "chromosome of the second variant", lambda pairs: labels(pairs.loci.chrom, pairs.second)),
    ("POS_B", "its position, 1-based", lambda pairs: pairs.loci.position[pairs.second]),
    ("ID_B", "its identifier", lambda pairs: _named(pairs.loci.identifier, pairs.second)),
    ("N", "samples called at both variants, or with likelihoods at one of them", lambda pairs: pairs.n_samples),
    (
        "P_REF_REF",
        "frequency of the haplotype without either ALT allele",
        lambda pairs: pairs.haplotype_frequencies[:, 0],
    ),
    (
        "P_REF_ALT",
        "frequency of the haplotype with the ALT allele of B alone",
        lambda pairs: pairs.haplotype_frequencies[:, 1],
    ),
    (
        "P_ALT_REF",
        "frequency of the haplotype with the ALT allele of A alone",
        lambda pairs: pairs.haplotype_frequencies[:, 2],
    ),
    ("P_ALT_ALT", "frequency of the haplotype with both ALT alleles", lambda pairs: pairs.haplotype_frequencies[:, 3]),
    ("D", "P_ALT_ALT minus the product of the two ALT frequencies", lambda pairs: pairs.d),
    ("DPRIME", "D over the largest D of its sign; NA where a variant is monomorphic", lambda pairs: pairs.d_prime),
    (
        "DPRIME_LOW",
        (
            "lower bound of the interval of |D'| that leaves out 5 % of the likelihood at either side, as in "
            "Haploview, with the sign of D: it never crosses 0 and may exclude an estimate of 1 or -1"
        ),
        lambda pairs: pairs.d_prime_low,
    ),
    ("DPRIME_HIGH", "upper bound of that interval", lambda pairs: pairs.d_prime_high),
    ("R2", "squared correlation of the ALT alleles; NA where a variant is monomorphic", lambda pairs: pairs.r2),
    (
        "R2_SE",
        "standard error of R2 from the observed information; NA on a boundary or where that is singular",
        lambda pairs: pairs.r2_standard_error,
    ),
    ("LOD", "log10 of the likelihood over that of D = 0", lambda pairs: pairs.lod),
    (
        "LOGLIK",
        "natural logarithm of the likelihood of the genotypes",
        lambda pairs: full_numbers(pairs.log_likelihood),
    ),
    (
        "N_MAXIMA",
        "local maxima of the likelihood; for PL and GL the distinct maxima reached from the starts",
        lambda pairs: pairs.n_maxima,
    ),
    ("N_ITER", "Newton steps on the cubic; for PL and GL evaluations over all starts", lambda pairs: pairs.n_iter),
    ("STATUS", "how the fit ended", lambda pairs: statuses(pairs.status)),
    (
        "ALT_A",
        "ALT allele of the first variant, compared with all others",
        lambda pairs: _named(pairs.loci.alt, pairs.first),
    ),
    (
        "ALT_B",
        "ALT allele of the second variant, compared with all others",
        lambda pairs: _named(pairs.loci.alt, pairs.second),
    ),
    ("GROUP", "group of samples; ALL: every sample", lambda pairs: labels(pairs.group_names, pairs.group)),
)

DECAY_COLUMNS: Columns[DecayCurve] = Columns(
    ("GROUP", "group of samples; ALL: every sample", lambda curve: repeated(curve.group, len(curve.n_pairs))),
    ("BP_FROM", "pairs of the bin are further apart than this", lambda curve: curve.start),
    ("BP_TO", "and not further than this", lambda curve: curve.end),
    ("N_PAIRS", "pairs with an r2", lambda curve: curve.n_pairs),
    ("MEAN_R2", "their mean r2", lambda curve: curve.mean_r2),
)


def warm() -> None:
    """Compile the kernels of every way to run the command, on a VCF of a few records."""
    from genem.cli.warming import run_on_tiny_files

    pair = ["--pair", "1:10", "1:20"]
    decay = ["--decay", "/dev/null"]
    run_on_tiny_files("ld", [[], ["--min-r2", "0"], ["--field", "PL"], ["--field", "GL"], decay, pair])
