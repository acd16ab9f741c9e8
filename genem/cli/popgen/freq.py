"""``genem freq``: allele frequencies with standard errors, intervals and Hardy-Weinberg tests."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, labels, statuses
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
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import VariantSites
    from genem.io.tables.writing import FloatLists, Labels, TextSpans
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
        model = {name: getattr(args, name) for name in ("build", "inbreeding", "half_calls")}
        model |= {"groups": groups, "sex": sex}
        limits = {name: getattr(args, name) for name in ("ci", "max_iter", "tolerance")}
        table = COLUMNS.open(outputs.enter_context(context.open_output(args.output, index="table")))
        annotator = None
        if args.annotate is not None:
            stream = outputs.enter_context(context.open_output(args.annotate, index="vcf"))
            annotator = FrequencyAnnotator(stream, reader, group_names or (), field=args.field, context=context)
        spectrum = popgen.SpectrumAccumulator()
        with context.progress("freq", reader.total_bytes) as progress:
            for block in reader:
                estimates = popgen.freq(
                    block, field=args.field, group_names=group_names, threads=context.threads or 1, **model, **limits
                )
                kept = _passing(estimates, args, context)
                if kept is not None:
                    block, estimates = block.select(kept), estimates.select(kept)
                table.write(block_rows(block.sites, estimates))
                if annotator is not None:
                    annotator.write(block, estimates, **model)
                spectrum.add(estimates)
                _tally(estimates, context)
                progress.update(reader.bytes_read)
        _report(reader, context)
        if args.plot is not None:
            with context.replace_on_success(args.plot) as picture:
                popgen.plot_frequency_spectrum(spectrum, picture, file_format=args.plot.rpartition(".")[2])


class BlockRows(NamedTuple):
    """The rows of one block: a row per variant and group of samples, the groups of a variant together."""

    sites: VariantSites
    estimates: FrequencyTable
    variant: NDArray[np.int64]  # (row,)
    group: NDArray[np.int64]  # (row,)

    def labels(self, names: Sequence[str], codes: NDArray[np.integer]) -> Labels:
        """Cells ``names[codes]``, from a code per variant."""
        return labels(names, codes[self.variant])

    def text(self, span: str) -> TextSpans:
        """A stretch of the text of each variant, by the name of its number in :mod:`genem.data`."""
        from genem import data
        from genem.io.tables.writing import TextSpans

        return TextSpans(self.sites.text, self.sites.spans[self.variant, getattr(data, span)])

    def alleles(self, values: NDArray[np.float64]) -> FloatLists:
        """A value per ALT allele."""
        from genem.io.tables.writing import FloatLists

        return FloatLists(values, self.estimates.row_offsets)


COLUMNS: Columns[BlockRows] = Columns(
    ("CHROM", "chromosome", lambda rows: rows.labels(rows.sites.contigs, rows.sites.contig)),
    ("POS", "position, 1-based", lambda rows: rows.sites.position[rows.variant]),
    ("ID", "identifier", lambda rows: rows.text("SPAN_ID")),
    ("REF", "reference allele", lambda rows: rows.text("SPAN_REF")),
    ("ALT", "alternative alleles", lambda rows: rows.text("SPAN_ALT")),
    ("GROUP", "group of samples; ALL: every sample", lambda rows: labels(rows.estimates.groups, rows.group)),
    ("N_SAMPLES", "samples in the group", lambda rows: rows.estimates.n_samples),
    (
        "N_CALLED",
        "samples that contribute: called, or with likelihoods that are not flat",
        lambda rows: rows.estimates.n_called,
    ),
    ("AN", "chromosome copies that contribute", lambda rows: rows.estimates.allele_number),
    ("AF", "frequency of each ALT allele", lambda rows: rows.alleles(rows.estimates.allele_frequency)),
    (
        "AF_SE",
        "standard error of AF from the observed information; NA on the boundary",
        lambda rows: rows.alleles(rows.estimates.standard_error),
    ),
    ("AF_LOW", "lower end of the profile-likelihood interval", lambda rows: rows.alleles(rows.estimates.lower)),
    ("AF_HIGH", "upper end of the profile-likelihood interval", lambda rows: rows.alleles(rows.estimates.upper)),
    (
        "HWE_P",
        "exact test of Hardy-Weinberg proportions, ALT against the rest (calls only)",
        lambda rows: rows.alleles(rows.estimates.hwe_p),
    ),
    ("HWE_MIDP", "the same with the mid-p correction", lambda rows: rows.alleles(rows.estimates.hwe_mid_p)),
    (
        "F",
        "inbreeding coefficient, 1 - observed / expected heterozygosity",
        lambda rows: rows.alleles(rows.estimates.inbreeding_coefficient),
    ),
    (
        "LRT_HWE",
        "likelihood-ratio statistic of Hardy-Weinberg proportions",
        lambda rows: rows.alleles(rows.estimates.lrt_hwe),
    ),
    ("LRT_P", "chi-square p-value of LRT_HWE, 1 degree of freedom", lambda rows: rows.alleles(rows.estimates.lrt_p)),
    (
        "HET_P",
        "p-value of equal frequencies in all groups (on the row ALL)",
        lambda rows: rows.alleles(rows.estimates.heterogeneity_p),
    ),
    ("N_ITER", "EM steps taken", lambda rows: rows.estimates.n_iter),
    ("STATUS", "how the fit ended", lambda rows: statuses(rows.estimates.status)),
)


SET_MISSING = {
    "heterozygous_single_copies": "heterozygous calls where one copy is expected (males on X and Y, mitochondria)",
    "incomplete_likelihoods": "samples with some of their likelihoods missing",
}
"""What is not used as it stands, by the name of its count in the run record."""


def block_rows(sites: VariantSites, estimates: FrequencyTable) -> BlockRows:
    """The rows of one block of variants."""
    import numpy as np

    n_groups = len(estimates.groups)
    return BlockRows(
        sites,
        estimates,
        variant=np.repeat(np.arange(len(sites)), n_groups),
        group=np.tile(np.arange(n_groups), len(sites)),
    )


def _passing(estimates: FrequencyTable, args: argparse.Namespace, context: RunContext) -> NDArray[np.bool_] | None:
    """Mark the variants that pass ``--min-maf`` and ``--max-missing-rate``; None where neither was asked for."""
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
