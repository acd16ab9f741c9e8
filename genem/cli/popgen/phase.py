"""``genem phase``: haplotype frequencies and diplotype posteriors."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, labels, repeated
from genem.cli.options import MESSAGES, RUN, VARIANT_SELECTION, Command, Option, OptionGroup, output_group
from genem.cli.values import fraction, integer, names, positive_integer
from genem.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.cli.popgen.phase_input import PhaseInput, Region
    from genem.data import LocusTable
    from genem.io.tables.writing import Labels
    from genem.io.variants.phased import PhasedVcfWriter
    from genem.popgen import HaplotypeFit, PhasedRegion
    from genem.popgen.haplotypes.estimation import Diplotypes

SMALLEST_WINDOW = 2


def window_size(text: str) -> int:
    """Loci of a window."""
    value = integer(text)
    if value < SMALLEST_WINDOW:
        raise ValueError(f"{value} is not at least {SMALLEST_WINDOW}")
    return value


def vcf_name(text: str) -> str:
    """The name of a file, or ``-``, to which VCF text may go."""
    if text != "-" and not text.startswith("/dev/") and not text.endswith((".vcf", ".vcf.gz")):
        raise ValueError(f"'{text}' ends neither in .vcf nor in .vcf.gz: other formats are not written")
    return text


COMMAND = Command(
    description=(
        "Estimate the frequencies of haplotypes over two or more loci from unphased genotypes, with standard\n"
        "errors, and the pairs of haplotypes behind every sample with their posterior probabilities; with\n"
        "--window phase all variants of a region in overlapping windows."
    ),
    arguments=(
        Option(("input",), "VCF, BCF, or table with columns id LOCUS.a1 LOCUS.a2 ...", metavar="INPUT", file=True),
    ),
    groups=(
        output_group(
            Option(("--diplotypes",), "write the pairs of haplotypes of every sample", metavar="PATH", file=True),
            Option(
                ("--vcf",),
                "write the variants phased, with PS and HPP, to a .vcf or .vcf.gz file",
                parse=vcf_name,
                metavar="PATH",
                file=True,
            ),
        ),
        OptionGroup(
            "model",
            (
                Option(
                    ("--loci",),
                    "loci to use, separated by commas: ID, CHROM:POS or CHROM:POS:REF:ALT, or locus names of the table",
                    parse=names,
                    metavar="NAMES",
                    mirrors=True,
                ),
                Option(
                    ("--window",),
                    "phase all variants in windows of so many loci; one start each, no standard errors",
                    parse=window_size,
                    metavar="K",
                ),
                Option(
                    ("--n-starts",),
                    "fewest independent starts",
                    default=10,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--max-starts",),
                    "most independent starts",
                    default=40,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--n-hits",),
                    "stop when so many starts have reached the best optimum",
                    default=3,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--min-posterior",),
                    "leave out less likely pairs of haplotypes; the likeliest is always kept",
                    default=0.01,
                    parse=fraction,
                    metavar="P",
                    mirrors=True,
                ),
                Option(
                    ("--max-pairs",),
                    "most ways to explain the genotypes held in memory",
                    default=5_000_000,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--max-iter",),
                    "most EM maps of the final run",
                    default=20_000,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
            ),
        ),
        VARIANT_SELECTION,
        RUN,
        MESSAGES,
    ),
    examples=(
        "genem phase data/hla.tsv --loci DQB,DRB --diplotypes hla.diplotypes.tsv -o hla.haplotypes.tsv",
        "genem phase data/haplotypes.unphased_miss5.vcf.gz --window 16 --vcf phased.vcf.gz -o windows.tsv",
    ),
)


class HaplotypeRows(NamedTuple):
    """Haplotypes of some loci, a row each, with what was estimated of them."""

    table: LocusTable
    haplotypes: NDArray[np.int16]  # (row, locus)
    frequency: NDArray[np.float64]  # (row,)
    standard_error: NDArray[np.float64]  # (row,)


class DiplotypeRows(NamedTuple):
    """Pairs of haplotypes, a row each, with the samples that may have them."""

    table: LocusTable
    haplotypes: NDArray[np.int16]  # (haplotype, locus)
    diplotypes: Diplotypes

    def members(self, member: int) -> Sequence[str]:
        """The alleles of the first or second haplotype of every pair; nothing where there is none."""
        texts = [*_texts(self.table, self.haplotypes), ""]
        return [texts[haplotype] for haplotype in self.diplotypes.pair[:, member].clip(-1).tolist()]

    def samples(self) -> Labels:
        """The sample of every pair."""
        import numpy as np

        n_pairs = np.diff(self.diplotypes.start)
        return labels(self.table.samples, np.repeat(np.arange(len(n_pairs)), n_pairs))


COLUMNS: Columns[HaplotypeRows] = Columns(
    ("LOCI", "names of the loci", lambda rows: repeated(",".join(rows.table.loci), len(rows.frequency))),
    (
        "HAPLOTYPE",
        "alleles of the haplotype, in the order of the loci",
        lambda rows: _texts(rows.table, rows.haplotypes),
    ),
    ("FREQUENCY", "estimated frequency", lambda rows: rows.frequency),
    (
        "SE",
        "standard error from the observed information; NA where the data do not determine it",
        lambda rows: rows.standard_error,
    ),
)

DIPLOTYPE_COLUMNS: Columns[DiplotypeRows] = Columns(
    ("SAMPLE", "name of the sample", lambda rows: rows.samples()),
    ("HAP1", "alleles of one haplotype", lambda rows: rows.members(0)),
    ("HAP2", "alleles of the other; NA in a haploid sample", lambda rows: rows.members(1)),
    (
        "POSTERIOR",
        "probability of the pair given the genotype and the estimated frequencies",
        lambda rows: rows.diplotypes.posterior,
    ),
    ("LOCI", "names of the loci", lambda rows: repeated(",".join(rows.table.loci), len(rows.diplotypes.posterior))),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read all genotypes, estimate, write haplotypes, pairs and phased records."""
    from genem.cli.popgen.phase_input import read_input

    data = read_input(args, context)
    if args.vcf is not None and data.header is None:
        raise UsageError("--vcf needs a VCF or BCF input: a table of loci has no variants")
    if args.window is None and len(data.regions) > 1:
        listed = ", ".join(str(region.contig) for region in data.regions[:5])
        raise UsageError(
            f"the loci lie on {len(data.regions)} chromosomes ({listed}); use --loci, --regions or --window"
        )
    with ExitStack() as outputs:
        if args.window is None:
            _run_loci(data, args, context, outputs)
        else:
            _run_windows(data, args, context, outputs)


def _run_loci(data: PhaseInput, args: argparse.Namespace, context: RunContext, outputs: ExitStack) -> None:
    """One set of loci."""
    from genem import popgen

    region = data.regions[0]
    result = popgen.phase(
        region.table,
        loci=args.loci,
        n_starts=args.n_starts,
        max_starts=args.max_starts,
        n_hits=args.n_hits,
        min_posterior=args.min_posterior,
        max_pairs=args.max_pairs,
        max_iter=args.max_iter,
        seed=args.seed,
    )
    _record(result, context)
    haplotypes = COLUMNS.open(outputs.enter_context(context.open_output(args.output)), notes(result))
    haplotypes.write(HaplotypeRows(result.table, result.haplotypes, result.frequency, result.standard_error))
    if args.diplotypes is not None:
        pairs = DIPLOTYPE_COLUMNS.open(outputs.enter_context(context.open_output(args.diplotypes)))
        pairs.write(DiplotypeRows(result.table, result.haplotypes, result.diplotypes))
    if args.vcf is not None:
        _write_fit(_open_vcf(args.vcf, data, context, outputs), region, result)


def _run_windows(data: PhaseInput, args: argparse.Namespace, context: RunContext, outputs: ExitStack) -> None:
    """Windows over every chromosome."""
    from genem import popgen
    from genem.popgen.haplotypes.estimation import select_loci

    of_table = args.loci is not None and data.header is None
    tables = [select_loci(region.table, args.loci) if of_table else region.table for region in data.regions]
    haplotypes = COLUMNS.open(outputs.enter_context(context.open_output(args.output)), {"window": str(args.window)})
    pairs = None
    if args.diplotypes is not None:
        pairs = DIPLOTYPE_COLUMNS.open(outputs.enter_context(context.open_output(args.diplotypes)))
    vcf = None if args.vcf is None else _open_vcf(args.vcf, data, context, outputs)
    for region, table in zip(data.regions, tables, strict=True):
        phased = popgen.phase_region(
            table,
            window=args.window,
            min_posterior=args.min_posterior,
            max_pairs=args.max_pairs,
            threads=context.threads or 1,
        )
        context.count(windows=len(phased.windows))
        for window in phased.windows:
            context.add_statuses([window.status])
            loci = select_loci(table, window.loci)
            nothing = _nothing(len(window.support.frequency))
            haplotypes.write(HaplotypeRows(loci, window.support.haplotypes, window.support.frequency, nothing))
            if pairs is not None:
                pairs.write(DiplotypeRows(loci, window.support.haplotypes, window.diplotypes))
        if vcf is not None:
            _write_region(vcf, region, phased)


def notes(result: HaplotypeFit) -> dict[str, str]:
    """Notes on the fit in the header of the haplotype table."""
    search = result.search
    return {
        "log_likelihood": repr(result.log_likelihood),
        "chromosomes": f"{result.n_chromosomes:.0f}",
        "status": result.status.label,
        "starts": f"{search.n_starts} independent, {search.n_perturbed} perturbed",
        "starts_at_best": str(search.n_starts_best),
        "distinct_optima": str(len(search.optima)),
        "equally_likely_solutions": str(len(search.tied)),
        "missing_information": f"{result.missing_information:.6g}",
    }


def _record(result: HaplotypeFit, context: RunContext) -> None:
    context.add_fit(
        result.status.label,
        log_likelihood=result.log_likelihood,
        n_starts=result.search.n_starts,
        n_perturbed=result.search.n_perturbed,
        n_starts_best=result.search.n_starts_best,
        optima=[list(optimum) for optimum in result.search.optima],
        equally_likely_solutions=len(result.search.tied),
        missing_information=result.missing_information,
        kkt_residual=result.fit.best.kkt_residual,
        n_maps=result.fit.n_maps,
    )
    n_samples, n_loci = len(result.table.samples), len(result.table.loci)
    if len(result.search.tied) > 1:
        context.warn(
            f"{len(result.search.tied)} different sets of frequencies are equally likely: {n_samples} samples do not "
            f"tell all haplotypes of {n_loci} loci apart; those that differ have SE NA"
        )
    elif not result.resolved:
        context.warn(
            f"{n_samples} samples do not determine the frequencies over {n_loci} loci: the information matrix is "
            "singular, SE is NA; use fewer loci or more samples"
        )
    if result.search.n_starts_best < 2 <= result.search.n_starts:
        context.warn(
            f"the best optimum was reached by {result.search.n_starts_best} of {result.search.n_starts} independent "
            "starts only; raise --max-starts"
        )


def _texts(table: LocusTable, haplotypes: NDArray[np.int16]) -> Sequence[str]:
    """The alleles of each haplotype, joined by commas."""
    return [
        ",".join(names[allele] for names, allele in zip(table.allele_names, row, strict=True))
        for row in haplotypes.tolist()
    ]


def _nothing(size: int) -> NDArray[np.float64]:
    import numpy as np

    return np.full(size, np.nan)


def _open_vcf(path: str, data: PhaseInput, context: RunContext, outputs: ExitStack) -> PhasedVcfWriter:
    from genem.io.variants.phased import PhasedVcfWriter

    assert data.header is not None
    stream = outputs.enter_context(context.open_output(path, index="vcf"))
    return PhasedVcfWriter(stream, data.header, data.regions[0].table.samples)


def _write_region(writer: PhasedVcfWriter, region: Region, phased: PhasedRegion) -> None:
    for locus, line in enumerate(region.lines):
        phase_set = region.position[phased.phase_set[:, locus]]
        writer.write(line, phased.alleles[:, locus], phase_set, phased.posterior[:, locus])


def _write_fit(writer: PhasedVcfWriter, region: Region, result: HaplotypeFit) -> None:
    """The likeliest pair of every sample, all loci in one phase set, records in the order of the file."""
    import numpy as np

    first = result.diplotypes.start[:-1]
    pair, posterior = result.diplotypes.pair[first], result.diplotypes.posterior[first]
    absent = pair[:, 1] < 0
    place = {name: index for index, name in enumerate(result.table.loci)}
    phase_set = np.full(len(first), region.position.min())
    for name, line in zip(region.table.loci, region.lines, strict=True):
        alleles = result.haplotypes[:, place[name]][pair]
        alleles[absent, 1] = -2
        writer.write(line, alleles, phase_set, posterior)


def warm() -> None:
    """Compile the kernels of both ways to run the command, on a VCF of a few records."""
    from genem.cli.warming import run_on_tiny_files

    loci = ["--loci", "1:10,1:20"]  # the third record has a haploid call
    run_on_tiny_files("phase", [[*loci, "--n-starts", "2"], [*loci, "--window", "2"]])
