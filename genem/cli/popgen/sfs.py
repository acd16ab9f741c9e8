"""``genem sfs``: the site frequency spectrum, diversity and Tajima's D."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from math import nan
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, integers, numbers
from genem.cli.options import (
    FIELD,
    MESSAGES,
    RUN,
    VARIANT_SELECTION,
    VCF,
    Command,
    Option,
    OptionGroup,
    output_group,
    plot_option,
    without,
)
from genem.cli.values import non_negative_integer, positive_integer, positive_number
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import GenotypeBlock, VariantSites
    from genem.io.tables.writing import Cells
    from genem.io.variants.reading import VariantReader
    from genem.popgen import SpectrumFit

COMMAND = Command(
    description=(
        "Estimate how many sites have each count of the derived (or minor) allele among the samples, from\n"
        "calls or genotype likelihoods, with Watterson's theta, pi and Tajima's D; jointly for two groups,\n"
        "and with standard errors by block bootstrap."
    ),
    arguments=(VCF,),
    groups=(
        output_group(
            Option(
                ("--diversity",), "write theta_W, theta_pi and Tajima's D of every group", metavar="PATH", file=True
            ),
            Option(("--replicates",), "write the spectra of the bootstrap replicates", metavar="PATH", file=True),
            plot_option("the spectrum"),
        ),
        OptionGroup(
            "model",
            (
                FIELD,
                Option(
                    ("--groups",),
                    "table of samples and their groups: one, or two for the joint spectrum",
                    metavar="TSV",
                    file=True,
                    mirrors=True,
                ),
                Option(
                    ("--ancestral",),
                    "which allele is ancestral: ref, INFO/AA, or an indexed FASTA file",
                    default_text="ref",
                    metavar="SOURCE",
                    file=True,
                    mirrors=True,
                ),
                Option(
                    ("--fold",),
                    "count the minor allele, whichever is ancestral",
                    default=False,
                    kind="switch",
                    mirrors=True,
                ),
                Option(
                    ("--callable-length",),
                    "bases in which a variant would have been found: thetas are per base",
                    parse=positive_number,
                    metavar="BP",
                    mirrors=True,
                ),
                Option(
                    ("--bootstrap",),
                    "replicates of the block bootstrap",
                    default=0,
                    parse=non_negative_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--bootstrap-first",),
                    "number of the first replicate, for replicates computed in pieces",
                    default=0,
                    parse=non_negative_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--with-replicates",),
                    "take the replicates from this table, written by --replicates, instead of computing them",
                    metavar="FILE",
                    file=True,
                ),
                Option(
                    ("--block-size",),
                    "base pairs of a bootstrap block",
                    default=1_000_000,
                    parse=positive_integer,
                    metavar="BP",
                    mirrors=True,
                ),
                Option(
                    ("--max-iter",),
                    "most EM maps",
                    default=20_000,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--tolerance",),
                    "stop when the log-likelihood is certified to be this close to its maximum",
                    default=1e-3,
                    parse=positive_number,
                    metavar="X",
                    mirrors=True,
                ),
            ),
        ),
        without(VARIANT_SELECTION, "min_maf"),
        RUN,
        MESSAGES,
    ),
    examples=(
        "genem sfs data/haplotypes.phased.vcf.gz --fold --bootstrap 20 --block-size 100000 --plot spectrum.svg",
        "genem sfs data/lowcov_gl.vcf.gz --field GL --fold --tolerance 1 -o spectrum.tsv.gz",
        "genem sfs data/population.vcf.gz --groups data/population.groups.tsv --fold --tolerance 1 -o joint.tsv.gz",
    ),
)

NEGLIGIBLE = 1e-12
"""Expected sites below this share of all sites are written as 0: what EM leaves of a count on its way to zero."""


class DiversityRows(NamedTuple):
    """The diversity of every group as a spectrum tells it, a row each."""

    result: SpectrumFit
    names: tuple[str, ...]

    def estimates(self, name: str) -> NDArray[np.float64]:
        """An estimate of every group."""
        return numbers(getattr(diversity, name) for diversity in self.result.diversity)

    def errors(self, name: str) -> NDArray[np.float64]:
        """The bootstrap standard error of an estimate of every group; NaN without a bootstrap."""
        if not self.result.diversity_error:
            return numbers(nan for _ in self.names)
        return numbers(nan if error is None else getattr(error, name) for error in self.result.diversity_error)


DIVERSITY_COLUMNS: Columns[DiversityRows] = Columns(
    ("GROUP", "group of samples", lambda rows: rows.names),
    ("CHROMOSOMES", "copies in the group", lambda rows: integers(group.n for group in rows.result.sites.groups)),
    ("SITES", "sites used", lambda rows: integers(len(rows.result.sites) for _ in rows.names)),
    (
        "SEGREGATING_SITES",
        "expected sites with both alleles in the group",
        lambda rows: rows.estimates("segregating_sites"),
    ),
    (
        "THETA_W",
        "Watterson's estimate of theta; per base with --callable-length",
        lambda rows: rows.estimates("theta_w"),
    ),
    ("THETA_W_SE", "bootstrap standard error of THETA_W", lambda rows: rows.errors("theta_w")),
    (
        "THETA_PI",
        "mean number of differences between two chromosomes; per base with --callable-length",
        lambda rows: rows.estimates("theta_pi"),
    ),
    ("THETA_PI_SE", "bootstrap standard error of THETA_PI", lambda rows: rows.errors("theta_pi")),
    (
        "TAJIMA_D",
        "Tajima's D; NA with fewer than 4 chromosomes or without segregating sites",
        lambda rows: rows.estimates("tajima_d"),
    ),
    ("TAJIMA_D_SE", "bootstrap standard error of TAJIMA_D", lambda rows: rows.errors("tajima_d")),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read all sites, estimate, write."""
    from genem import popgen
    from genem.cli.variant_input import group_numbers, open_selected
    from genem.popgen.spectrum.plots import plot_site_spectrum

    if args.with_replicates is not None and (args.bootstrap or args.replicates):
        raise UsageError("--with-replicates excludes --bootstrap and --replicates")
    if args.replicates is not None and not args.bootstrap:
        raise UsageError("--replicates needs --bootstrap")
    if args.fold and args.ancestral is not None:
        raise UsageError("--fold and --ancestral exclude each other: a folded spectrum counts the minor allele")
    ancestral = _ancestral(args.ancestral, context)
    with open_selected(args, context, (args.field,)) as reader:
        if not reader.samples:
            raise InputError("no samples to estimate from", path=args.vcf)
        groups, names = (None, ("ALL",)) if args.groups is None else group_numbers(args.groups, reader.samples, context)
        if len(names) > 2:
            raise UsageError(
                f"{args.groups} puts the samples into {len(names)} groups ({', '.join(names[:5])}); a spectrum has one "
                "or two: leave samples out with -s or -S"
            )
        result = popgen.sfs(
            _blocks(reader, args, context),
            field=args.field,
            groups=groups,
            ancestral=ancestral,
            fold=args.fold,
            callable_length=args.callable_length,
            bootstrap=args.bootstrap,
            bootstrap_first=args.bootstrap_first,
            block_size=args.block_size,
            max_iter=args.max_iter,
            tolerance=args.tolerance,
            seed=args.seed,
            threads=context.threads or 1,
        )
    if args.with_replicates is not None:
        result = _with_replicates(result, args.with_replicates, args.callable_length, context)
    _record(result, context)
    _write_spectrum(result, args.output, context)
    if args.diversity is not None:
        _write_diversity(result, names, args.diversity, context)
    if args.replicates is not None:
        _write_replicates(result, args.replicates, context)
    if args.plot is not None:
        with context.replace_on_success(args.plot) as picture:
            plot_site_spectrum(result, picture, names=names, file_format=args.plot.rpartition(".")[2])
    _warn_of_left_out(result, context)


def _blocks(reader: VariantReader, args: argparse.Namespace, context: RunContext) -> Iterator[GenotypeBlock]:
    """The blocks of the input, less the sites where too many samples are missing."""
    with context.progress("sfs", reader.total_bytes) as progress:
        for block in reader:
            yield block if args.max_missing_rate == 1.0 else block.select(_missing_rate(block) <= args.max_missing_rate)
            progress.update(reader.bytes_read)


def _missing_rate(block: GenotypeBlock) -> NDArray[np.float64]:
    import numpy as np

    if block.alleles is not None:
        called = np.any(block.alleles >= 0, axis=2)
    else:
        assert block.n_likelihoods is not None
        called = block.n_likelihoods > 0
    rate: NDArray[np.float64] = 1.0 - called.mean(axis=1)
    return rate


def _ancestral(source: str | None, context: RunContext) -> Callable[[VariantSites], NDArray[np.int64]] | None:
    from genem.io.variants.ancestral import ancestral_from_fasta, ancestral_from_info

    if source is None or source == "ref":
        return None
    if source == "INFO/AA":
        return ancestral_from_info
    if source.startswith("INFO/"):
        raise UsageError(f"--ancestral {source}: of the INFO fields only INFO/AA is supported")
    context.add_input(source)
    return ancestral_from_fasta(source)


def _record(result: SpectrumFit, context: RunContext) -> None:
    sites = result.sites
    context.add_fit(
        result.status.label,
        log_likelihood=result.log_likelihood,
        gap=result.gap,
        n_maps=result.fit.n_maps,
        kkt_residual=result.fit.best.kkt_residual,
    )
    if result.bootstrap is not None:
        context.add_statuses(result.bootstrap.status)
    context.count(
        sites_used=len(sites),
        sites_not_biallelic=sites.not_biallelic,
        sites_not_polarised=sites.not_polarised,
        sites_without_data=sites.not_called,
    )


def _warn_of_left_out(result: SpectrumFit, context: RunContext) -> None:
    sites = result.sites
    reasons = {
        "not biallelic": sites.not_biallelic,
        "not polarised": sites.not_polarised,
        "without data": sites.not_called,
    }
    total = sum(reasons.values())
    if total:
        listed = ", ".join(f"{number} {reason}" for reason, number in reasons.items() if number)
        context.warn(f"left out {total} of {total + len(sites)} sites: {listed}")


def notes(result: SpectrumFit) -> dict[str, str]:
    """Notes on the fit in the header of the spectrum."""
    from genem.io.tables.writing import format_float

    listed = {
        "chromosomes": ",".join(str(group.n) for group in result.sites.groups),
        "sites": str(len(result.sites)),
        "log_likelihood": repr(result.log_likelihood),
        "log_likelihood_of": "the genotype likelihoods of the input, a called genotype being 1 and others 0",
        "gap": f"{result.gap:.3g}",
        "status": result.status.label,
    }
    for name in ("segregating_sites", "theta_w", "theta_pi", "tajima_d"):
        listed[name] = ",".join(format_float(getattr(each, name)) for each in result.diversity)
    return listed


def _counts(result: SpectrumFit) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.bool_]]:
    """The COUNT columns of the cells that are written, and which cells those are: folded, not the mirror images."""
    import numpy as np

    shape = result.expected_sites.shape
    counts: NDArray[np.int64] = np.indices(shape)
    written: NDArray[np.bool_] = np.ones(shape, np.bool_)
    if result.fold:
        written = counts.sum(axis=0) <= sum(size - 1 for size in shape) / 2
    names = ["COUNT"] if len(shape) == 1 else [f"COUNT_{axis + 1}" for axis in range(len(shape))]
    return {name: axis[written].astype(np.int64) for name, axis in zip(names, counts, strict=True)}, written


def _count_columns(result: SpectrumFit, n_copies: int) -> list[tuple[str, str, Callable[[SpectrumFit], Cells]]]:
    """The COUNT columns, their cells repeated ``n_copies`` times."""
    import numpy as np

    allele = "minor" if result.fold else "derived"
    columns, _ = _counts(result)
    meanings = [f"copies of the {allele} allele"]
    if len(columns) > 1:
        meanings = [f"copies of the {allele} allele in group {group}" for group in (1, 2)]
    return [
        (name, meaning, lambda _, counts=counts: np.tile(counts, n_copies))  # type: ignore[misc]
        for (name, counts), meaning in zip(columns.items(), meanings, strict=True)
    ]


def _write_spectrum(result: SpectrumFit, path: str, context: RunContext) -> None:
    import numpy as np

    written = _counts(result)[1]
    expected = result.expected_sites[written]
    expected = np.where(expected < NEGLIGIBLE * len(result.sites), 0.0, expected)
    error = np.full(written.shape, np.nan) if result.standard_error is None else result.standard_error
    columns: Columns[SpectrumFit] = Columns(
        *_count_columns(result, 1),
        ("EXPECTED_SITES", "expected number of sites with that count", lambda _: expected),
        ("PROPORTION", "EXPECTED_SITES divided by the number of sites", lambda _: expected / len(result.sites)),
        ("SE", "bootstrap standard error of EXPECTED_SITES", lambda _: error[written]),
    )
    with context.open_output(path) as stream:
        columns.open(stream, notes(result)).write(result)


def _write_replicates(result: SpectrumFit, path: str, context: RunContext) -> None:
    import numpy as np

    assert result.bootstrap is not None
    written = _counts(result)[1]
    number, expected = result.bootstrap.numbers, result.bootstrap.expected_sites[:, written]
    columns: Columns[SpectrumFit] = Columns(
        ("REPLICATE", "number of the replicate", lambda _: np.repeat(number, expected.shape[1])),
        *_count_columns(result, len(number)),
        ("EXPECTED_SITES", "expected number of sites with that count", lambda _: expected.ravel()),
    )
    with context.open_output(path) as stream:
        columns.open(stream).write(result)


def _write_diversity(result: SpectrumFit, names: tuple[str, ...], path: str, context: RunContext) -> None:
    with context.open_output(path) as stream:
        DIVERSITY_COLUMNS.open(stream).write(DiversityRows(result, names))


def _with_replicates(result: SpectrumFit, path: str, callable_length: float | None, context: RunContext) -> SpectrumFit:
    """The estimate with the standard errors of replicates computed before."""
    import numpy as np

    from genem.io.files.bgzf import InflatedInput
    from genem.popgen.spectrum.estimation import Bootstrap, with_bootstrap

    context.add_input(path)
    with InflatedInput(path) as stream:
        lines = [line for line in b"".join(stream.pieces()).decode().splitlines() if not line.startswith("##")]
    counts, written = _counts(result)
    header = ["REPLICATE", *counts, "EXPECTED_SITES"]
    remedy = "give the table that --replicates wrote for the same samples and options"
    if not lines or lines[0].split("\t") != header:
        raise InputError(f"the columns are not {' '.join(header)}", path=path, remedy=remedy)
    try:
        rows = np.array([[float(cell) for cell in line.split("\t")] for line in lines[1:]])
        rows = rows.reshape(-1, int(written.sum()), len(header))
        expected = np.stack([*counts.values()], axis=1)
        matching = np.array_equal(rows[:, :, 1:-1], np.broadcast_to(expected, rows[:, :, 1:-1].shape))
    except ValueError:
        matching = False
    if not matching or len(rows) < 2:
        raise InputError("the rows are not those of 2 or more replicates of this spectrum", path=path, remedy=remedy)
    spectra = np.zeros((len(rows), *written.shape))
    spectra[:, written] = rows[:, :, -1]
    replicates = Bootstrap(rows[:, 0, 0].astype(np.int64), spectra, np.empty(0, np.int64))
    return with_bootstrap(result, replicates, callable_length)


def warm() -> None:
    """Compile the kernels of every way to run the command, on a VCF of a few records."""
    from genem.cli.warming import run_on_tiny_files

    run_on_tiny_files("sfs", [[], ["--field", "PL"], ["--field", "GL"]])
