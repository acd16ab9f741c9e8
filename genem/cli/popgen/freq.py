"""``genem freq``: allele frequencies with standard errors, intervals and Hardy-Weinberg tests."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING

from genem.cli.options import (
    BUILD,
    FIELD,
    MESSAGES,
    RUN,
    SEX,
    VARIANT_SELECTION,
    VCF,
    Command,
    Option,
    OptionGroup,
    output_group,
    plot_option,
)
from genem.cli.values import confidence_level, positive_integer, positive_number
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import VariantSites
    from genem.io.tables.writing import Cells, Column, FloatLists
    from genem.io.variants.reading import VariantReader
    from genem.popgen import FrequencyTable

COMMAND = Command(
    description=(
        "Estimate the frequency of every ALT allele from called genotypes or genotype likelihoods, with\n"
        "standard error, profile-likelihood interval, exact and likelihood-ratio tests of Hardy-Weinberg\n"
        "proportions and the inbreeding coefficient; one row per variant and group of samples."
    ),
    arguments=(VCF,),
    groups=(
        output_group(
            Option(
                ("--annotate",),
                "write the VCF again with INFO/AF, AF_SE, HWE and posterior genotypes FORMAT/GP, DS",
                metavar="PATH",
                file=True,
            ),
            plot_option("the allele-frequency spectrum of every group"),
        ),
        OptionGroup(
            "model",
            (
                FIELD,
                Option(
                    ("--groups",),
                    "table of samples and their groups; a row per group and the test of equal frequencies",
                    metavar="TSV",
                    file=True,
                    mirrors=True,
                ),
                SEX,
                BUILD,
                Option(
                    ("--inbreeding",),
                    "estimate frequencies jointly with the inbreeding coefficient instead of under random mating",
                    default=False,
                    kind="switch",
                    mirrors=True,
                ),
                Option(
                    ("--ci",),
                    "level of the profile-likelihood interval",
                    default=0.95,
                    parse=confidence_level,
                    metavar="LEVEL",
                    mirrors=True,
                ),
                Option(
                    ("--half-calls",),
                    "count the called allele of 0/. (em), or drop the call (missing)",
                    default="em",
                    choices=("em", "missing"),
                    mirrors=True,
                ),
                Option(
                    ("--max-iter",),
                    "most EM steps per fit",
                    default=5000,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--tolerance",),
                    "largest Karush-Kuhn-Tucker residual at convergence",
                    default=1e-7,
                    parse=positive_number,
                    metavar="X",
                    mirrors=True,
                ),
            ),
        ),
        VARIANT_SELECTION,
        RUN,
        MESSAGES,
    ),
    examples=(
        "genem freq data/population.vcf.gz -S data/population.founders.txt --groups data/population.groups.tsv",
        "genem freq data/lowcov.vcf.gz --field PL --annotate lowcov.annotated.vcf.gz -o lowcov.freq.tsv.gz",
    ),
    library_only=("group_names",),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read blocks of variants, estimate, write their rows."""
    from genem import popgen
    from genem.cli.popgen.annotation import FrequencyAnnotator
    from genem.cli.variant_input import group_numbers, open_selected, sexes
    from genem.io.tables.writing import TableWriter

    if args.build is not None and args.sex is None:
        raise UsageError("--build needs --sex")
    if args.annotate is not None and args.annotate.endswith(".bcf"):
        raise UsageError("--annotate writes VCF text; give a name ending in .vcf or .vcf.gz")
    with (
        open_selected(args, context, (args.field,), keep_lines=args.annotate is not None) as reader,
        ExitStack() as outputs,
    ):
        if not reader.samples:
            raise InputError("no samples to estimate from", path=args.vcf)
        groups, group_names = (
            (None, None) if args.groups is None else group_numbers(args.groups, reader.samples, context)
        )
        sex = None if args.sex is None else sexes(args.sex, reader.samples, context)
        table = TableWriter(outputs.enter_context(context.open_output(args.output, index="table")), columns())
        annotator = None
        if args.annotate is not None:
            stream = outputs.enter_context(context.open_output(args.annotate, index="vcf"))
            annotator = FrequencyAnnotator(stream, reader, group_names or (), field=args.field, context=context)
        spectrum = popgen.SpectrumAccumulator()
        with context.progress("freq", reader.total_bytes) as progress:
            for block in reader:
                estimates = popgen.freq(
                    block,
                    field=args.field,
                    groups=groups,
                    group_names=group_names,
                    sex=sex,
                    build=args.build,
                    inbreeding=args.inbreeding,
                    ci=args.ci,
                    half_calls=args.half_calls,
                    max_iter=args.max_iter,
                    tolerance=args.tolerance,
                    threads=context.threads or 1,
                )
                kept = _passing(estimates, args, context)
                if kept is not None:
                    block, estimates = block.select(kept), estimates.select(kept)
                table.write(cells(block.sites, estimates))
                if annotator is not None:
                    annotator.write(
                        block,
                        estimates,
                        groups=groups,
                        sex=sex,
                        build=args.build,
                        inbreeding=args.inbreeding,
                        half_calls=args.half_calls,
                    )
                spectrum.add(estimates)
                _tally(estimates, context)
                progress.update(reader.bytes_read)
        _report(reader, context)
        if args.plot is not None:
            with context.replace_on_success(args.plot) as picture:
                popgen.plot_frequency_spectrum(spectrum, picture, file_format=args.plot.rpartition(".")[2])


def columns() -> list[Column]:
    """The columns of the table."""
    from genem.io.tables.writing import Column

    return [Column(name, meaning) for name, meaning in COLUMN_MEANINGS.items()]


COLUMN_MEANINGS = {
    "CHROM": "chromosome",
    "POS": "position, 1-based",
    "ID": "identifier",
    "REF": "reference allele",
    "ALT": "alternative alleles",
    "GROUP": "group of samples; ALL: every sample",
    "N_SAMPLES": "samples in the group",
    "N_CALLED": "samples that contribute: called, or with likelihoods that are not flat",
    "AN": "chromosome copies that contribute",
    "AF": "frequency of each ALT allele",
    "AF_SE": "standard error of AF from the observed information; NA on the boundary",
    "AF_LOW": "lower end of the profile-likelihood interval",
    "AF_HIGH": "upper end of the profile-likelihood interval",
    "HWE_P": "exact test of Hardy-Weinberg proportions, ALT against the rest (calls only)",
    "HWE_MIDP": "the same with the mid-p correction",
    "F": "inbreeding coefficient, 1 - observed / expected heterozygosity",
    "LRT_HWE": "likelihood-ratio statistic of Hardy-Weinberg proportions",
    "LRT_P": "chi-square p-value of LRT_HWE, 1 degree of freedom",
    "HET_P": "p-value of equal frequencies in all groups (on the row ALL)",
    "N_ITER": "EM steps taken",
    "STATUS": "how the fit ended",
}


SET_MISSING = {
    "heterozygous_single_copies": "heterozygous calls where one copy is expected (males on X and Y, mitochondria)",
    "incomplete_likelihoods": "samples with some of their likelihoods missing",
}
"""What is not used as it stands, by the name of its count in the run record."""


def cells(sites: VariantSites, estimates: FrequencyTable) -> dict[str, Cells]:
    """The rows of one block of variants, by column."""
    import numpy as np

    from genem.data import SPAN_ALT, SPAN_ID, SPAN_REF
    from genem.em.status import Status
    from genem.io.tables.writing import FloatLists, Labels, TextSpans

    n_groups = len(estimates.groups)
    variant = np.repeat(np.arange(len(sites)), n_groups)

    def text(span: int) -> TextSpans:
        return TextSpans(sites.text, sites.spans[variant, span])

    def lists(values: NDArray[np.float64]) -> FloatLists:
        return FloatLists(values, estimates.row_offsets)

    return {
        "CHROM": Labels(sites.contigs, sites.contig[variant]),
        "POS": sites.position[variant],
        "ID": text(SPAN_ID),
        "REF": text(SPAN_REF),
        "ALT": text(SPAN_ALT),
        "GROUP": Labels(estimates.groups, np.tile(np.arange(n_groups), len(sites))),
        "N_SAMPLES": estimates.n_samples,
        "N_CALLED": estimates.n_called,
        "AN": estimates.allele_number,
        "AF": lists(estimates.allele_frequency),
        "AF_SE": lists(estimates.standard_error),
        "AF_LOW": lists(estimates.lower),
        "AF_HIGH": lists(estimates.upper),
        "HWE_P": lists(estimates.hwe_p),
        "HWE_MIDP": lists(estimates.hwe_mid_p),
        "F": lists(estimates.inbreeding_coefficient),
        "LRT_HWE": lists(estimates.lrt_hwe),
        "LRT_P": lists(estimates.lrt_p),
        "HET_P": lists(estimates.heterogeneity_p),
        "N_ITER": estimates.n_iter,
        "STATUS": Labels([status.label for status in Status], estimates.status),
    }


def _passing(estimates: FrequencyTable, args: argparse.Namespace, context: RunContext) -> NDArray[np.bool_] | None:
    """Which variants pass ``--min-maf`` and ``--max-missing-rate``; None where neither was asked for."""
    from genem.popgen import minor_allele_frequency, missing_rate

    if args.min_maf == 0.0 and args.max_missing_rate == 1.0:
        return None
    frequent = ~(minor_allele_frequency(estimates) < args.min_maf)
    called = ~(missing_rate(estimates) > args.max_missing_rate)
    context.count(below_min_maf=int((~frequent).sum()), above_max_missing_rate=int((frequent & ~called).sum()))
    passing: NDArray[np.bool_] = frequent & called
    return passing


def _tally(estimates: FrequencyTable, context: RunContext) -> None:
    import numpy as np

    context.count(
        variants_written=estimates.n_variants,
        heterozygous_single_copies=int(estimates.heterozygous_haploids.sum()),
        incomplete_likelihoods=int(estimates.incomplete_likelihoods.sum()),
        rows_without_data=int(np.count_nonzero(estimates.allele_number == 0)),
    )
    context.add_statuses(estimates.status[estimates.allele_number > 0])


def _report(reader: VariantReader, context: RunContext) -> None:
    """Say what was passed over, and why."""
    counts = {name: number for name, number in reader.counts.items() if number}
    context.count(**{f"records_{name}": number for name, number in counts.items()})
    context.log.info("records: %s", ", ".join(f"{number} {name}" for name, number in counts.items()) or "none")
    for name, meaning in SET_MISSING.items():
        if number := context.counts[name]:
            context.warn(f"{number} {meaning}: treated as missing")


def warm() -> None:
    """Compile the kernels of every way to run the command, on a VCF of a few records."""
    from genem.cli.warming import run_on_tiny_files

    run_on_tiny_files("freq", [[], ["--field", "PL"], ["--field", "GL"]])
