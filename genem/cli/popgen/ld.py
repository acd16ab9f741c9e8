"""``genem ld``: linkage disequilibrium of pairs of variants by two-locus EM."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

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

    from genem.cli.context import RunContext
    from genem.io.files.output import OutputStream
    from genem.io.tables.writing import Cells, Column
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
    from genem.io.tables.writing import TableWriter

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
            table = TableWriter(stream, columns())
            for pairs in found:
                if linkage_map is not None:
                    linkage_map.add(pairs)
                    pairs = pairs if args.min_r2 == 0.0 else pairs.rows(pairs.r2 >= args.min_r2)
                table.write(cells(pairs))
                context.count(pairs_written=len(pairs))
                context.add_statuses(pairs.status[pairs.n_samples > 0])
            curves = () if decay is None else decay.curves((*model.get("group_names", ()), "ALL"))
            if decay_stream is not None:
                _write_decay(curves, decay_stream)
        if linkage_map is not None and map_path is not None:
            popgen.plot_linkage_map(linkage_map, map_path, file_format=args.plot.rpartition(".")[2])
        if decay_path is not None:
            popgen.plot_linkage_decay(curves, decay_path, file_format=args.decay_plot.rpartition(".")[2])
    if mismatches.n_pairs:
        context.warn(
            f"{mismatches.n_pairs} pairs share no sample: one variant has diploid calls, the other haploid ones"
        )


def _write_decay(curves: Sequence[DecayCurve], stream: OutputStream) -> None:
    from genem.io.tables.writing import Column, Labels, TableWriter

    meanings = {
        "GROUP": "group of samples; ALL: every sample",
        "BP_FROM": "pairs of the bin are further apart than this",
        "BP_TO": "and not further than this",
        "N_PAIRS": "pairs with an r2",
        "MEAN_R2": "their mean r2",
    }
    table = TableWriter(stream, [Column(name, meaning) for name, meaning in meanings.items()])
    for curve in curves:
        table.write(
            {
                "GROUP": Labels([curve.group], curve.n_pairs * 0),
                "BP_FROM": curve.start,
                "BP_TO": curve.end,
                "N_PAIRS": curve.n_pairs,
                "MEAN_R2": curve.mean_r2,
            }
        )


def columns() -> list[Column]:
    """The columns of the table."""
    from genem.io.tables.writing import Column

    return [Column(name, meaning) for name, meaning in COLUMN_MEANINGS.items()]


COLUMN_MEANINGS = {
    "CHROM_A": "chromosome of the first variant",
    "POS_A": "its position, 1-based",
    "ID_A": "its identifier",
    "CHROM_B": "chromosome of the second variant",
    "POS_B": "its position, 1-based",
    "ID_B": "its identifier",
    "N": "samples called at both variants, or with likelihoods at one of them",
    "P_REF_REF": "frequency of the haplotype without either ALT allele",
    "P_REF_ALT": "frequency of the haplotype with the ALT allele of B alone",
    "P_ALT_REF": "frequency of the haplotype with the ALT allele of A alone",
    "P_ALT_ALT": "frequency of the haplotype with both ALT alleles",
    "D": "P_ALT_ALT minus the product of the two ALT frequencies",
    "DPRIME": "D over the largest D of its sign; NA where a variant is monomorphic",
    "DPRIME_LOW": (
        "lower bound of the interval of |D'| that leaves out 5 % of the likelihood at either side, as in Haploview, "
        "with the sign of D: it never crosses 0 and may exclude an estimate of 1 or -1"
    ),
    "DPRIME_HIGH": "upper bound of that interval",
    "R2": "squared correlation of the ALT alleles; NA where a variant is monomorphic",
    "R2_SE": "standard error of R2 from the observed information; NA on a boundary or where that is singular",
    "LOD": "log10 of the likelihood over that of D = 0",
    "LOGLIK": "natural logarithm of the likelihood of the genotypes",
    "N_MAXIMA": "local maxima of the likelihood; for PL and GL the distinct maxima reached from the starts",
    "N_ITER": "Newton steps on the cubic; for PL and GL evaluations over all starts",
    "STATUS": "how the fit ended",
    "ALT_A": "ALT allele of the first variant, compared with all others",
    "ALT_B": "ALT allele of the second variant, compared with all others",
    "GROUP": "group of samples; ALL: every sample",
}


def cells(pairs: LinkagePairs) -> dict[str, Cells]:
    """The rows of some pairs, by column."""
    from genem.em.status import Status
    from genem.io.tables.writing import FullFloats, Labels

    loci, p = pairs.loci, pairs.haplotype_frequencies

    def named(names: Sequence[str], rows: Any) -> Labels:
        return Labels(["NA" if name == "." else name for name in names], rows)

    return {
        "CHROM_A": Labels(loci.chrom, pairs.first),
        "POS_A": loci.position[pairs.first],
        "ID_A": named(loci.identifier, pairs.first),
        "CHROM_B": Labels(loci.chrom, pairs.second),
        "POS_B": loci.position[pairs.second],
        "ID_B": named(loci.identifier, pairs.second),
        "N": pairs.n_samples,
        "P_REF_REF": p[:, 0],
        "P_REF_ALT": p[:, 1],
        "P_ALT_REF": p[:, 2],
        "P_ALT_ALT": p[:, 3],
        "D": pairs.d,
        "DPRIME": pairs.d_prime,
        "DPRIME_LOW": pairs.d_prime_low,
        "DPRIME_HIGH": pairs.d_prime_high,
        "R2": pairs.r2,
        "R2_SE": pairs.r2_standard_error,
        "LOD": pairs.lod,
        "LOGLIK": FullFloats(pairs.log_likelihood),
        "N_MAXIMA": pairs.n_maxima,
        "N_ITER": pairs.n_iter,
        "STATUS": Labels([status.label for status in Status], pairs.status),
        "ALT_A": named(loci.alt, pairs.first),
        "ALT_B": named(loci.alt, pairs.second),
        "GROUP": Labels(pairs.group_names, pairs.group),
    }


def warm() -> None:
    """Compile the kernels of every way to run the command, on a VCF of a few records."""
    from genem.cli.warming import run_on_tiny_files

    pair = ["--pair", "1:10", "1:20"]
    decay = ["--decay", "/dev/null"]
    run_on_tiny_files("ld", [[], ["--min-r2", "0"], ["--field", "PL"], ["--field", "GL"], decay, pair])
