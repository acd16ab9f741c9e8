"""``genem summary``: a line per group of a table of genem freq, with the spectrum, or per report of genem phylo."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genem.cli.context import CONVERGED_LABELS, RunContext
from genem.cli.options import MESSAGES, Command, Option, OptionGroup, output_group, plot_option
from genem.cli.values import fraction
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    from genem.popgen import SpectrumAccumulator

COLUMNS = ("GROUP", "N_SAMPLES", "N_CALLED", "AF", "HWE_P", "LRT_P", "STATUS")

COMMAND = Command(
    description=(
        "Summarise tables of genem freq: for each group the variants, the share of samples called, the variants that\n"
        "depart from Hardy-Weinberg proportions (exact test, or likelihood-ratio test where there are no calls) and\n"
        "the fits that did not converge. Or reports of genem phylo: for each size, model and log-likelihood."
    ),
    arguments=(
        Option(("tables",), "tables of genem freq, or reports of genem phylo", metavar="TABLE", nargs="+", file=True),
    ),
    groups=(
        output_group(plot_option("the allele-frequency spectrum of every group")),
        OptionGroup(
            "summary",
            (
                Option(("--hwe-p",), "a variant departs below this p-value", 1e-6, parse=fraction, metavar="P"),
                Option(("--multiqc",), "write MultiQC custom content under this title", metavar="TITLE"),
            ),
        ),
        MESSAGES,
    ),
    examples=(
        "genem freq data/population.vcf.gz --groups data/population.groups.tsv -o freq.tsv.gz",
        "genem summary freq.tsv.gz --plot spectrum.svg",
    ),
)

MEANINGS = {
    "GROUP": "group of samples; ALL: every sample",
    "VARIANTS": "rows of the group",
    "SEGREGATING": "variants with an ALT frequency between 0 and 1",
    "CALL_RATE": "share of the samples called, over all variants",
    "HWE_DEPARTING": "variants with a Hardy-Weinberg p-value below the threshold",
    "NOT_CONVERGED": "variants with data whose fit did not converge",
}


@dataclass
class GroupTally:
    """Counts over the variants of one group."""

    variants: int = 0
    segregating: int = 0
    samples: int = 0
    called: int = 0
    departing: int = 0
    not_converged: int = 0

    @property
    def call_rate(self) -> float:
        return self.called / self.samples if self.samples else float("nan")


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Write a line per group, and the picture, or a line per report."""
    from genem.cli.tools.tree_summary import is_report

    (_summarise_trees if is_report(args.tables[0]) else _summarise_frequencies)(args, context)


def _summarise_trees(args: argparse.Namespace, context: RunContext) -> None:
    from genem.cli.tools import tree_summary

    if args.plot is not None:
        raise UsageError("--plot is for tables of genem freq; genem phylo --plot draws trees")
    for report in args.tables:
        context.add_input(report)
    rows = tree_summary.tree_rows(args.tables)
    with context.open_output(args.output) as stream:
        stream.write(_text(tree_summary.MEANINGS, rows, args.multiqc, "phylo", "trees").encode())


def _summarise_frequencies(args: argparse.Namespace, context: RunContext) -> None:
    """Read the tables once."""
    from genem.io.tables.gathering import read_columns
    from genem.popgen.frequency.plots import SpectrumAccumulator, plot_frequency_spectrum

    tallies: dict[str, GroupTally] = {}
    spectrum = SpectrumAccumulator()
    for table in args.tables:
        context.add_input(table)
        n_rows = 0
        for cells in read_columns(table, COLUMNS):
            try:
                _tally(zip(*cells, strict=True), args.hwe_p, tallies, spectrum)
            except ValueError as error:
                place = f"rows {n_rows + 1} to {n_rows + len(cells[0])}"
                raise InputError(str(error), path=table, place=place, remedy="give a table of genem freq") from error
            n_rows += len(cells[0])
    with context.open_output(args.output) as stream:
        rows = [_cells(group, tally) for group, tally in tallies.items()]
        stream.write(_text(MEANINGS, rows, args.multiqc, "freq", "allele frequencies").encode())
    if args.plot is not None:
        with context.replace_on_success(args.plot) as path:
            plot_frequency_spectrum(spectrum, path, file_format=Path(args.plot).suffix.lstrip("."))


def _tally(
    rows: Iterable[tuple[str, ...]], hwe_p: float, tallies: dict[str, GroupTally], spectrum: SpectrumAccumulator
) -> None:
    """Add rows of cells, in the order of ``COLUMNS``."""
    frequencies: dict[str, list[float]] = {}
    for group, n_samples, n_called, af, exact_p, lrt_p, status in rows:
        tally = tallies.setdefault(group, GroupTally())
        alts = _numbers(af)
        frequencies.setdefault(group, []).extend(alts)
        tests = _numbers(exact_p) or _numbers(lrt_p)
        tally.variants += 1
        tally.segregating += any(0.0 < p < 1.0 for p in alts)
        tally.samples += int(n_samples)
        tally.called += int(n_called)
        tally.departing += bool(tests) and min(tests) < hwe_p
        tally.not_converged += int(n_called) > 0 and status not in CONVERGED_LABELS
    for group, values in frequencies.items():
        spectrum.count(group, values)


def _numbers(cell: str) -> list[float]:
    return [float(value) for value in cell.split(",") if value != "NA"]


def _cells(group: str, tally: GroupTally) -> tuple[str, ...]:
    from genem.io.tables.writing import format_float

    counts = (tally.variants, tally.segregating, format_float(tally.call_rate), tally.departing, tally.not_converged)
    return (group, *map(str, counts))


def _text(
    meanings: Mapping[str, str], rows: Iterable[Sequence[str]], multiqc: str | None, command: str, subject: str
) -> str:
    from genem import __version__

    if multiqc is None:
        lines = [f"##genem_version={__version__}"]
        lines += [f'##column=<ID={name},Description="{meaning}">' for name, meaning in meanings.items()]
    else:
        identifier = "".join(letter if letter.isalnum() else "_" for letter in multiqc)
        lines = [f"# id: genem_{command}_{identifier}", f"# section_name: genem {subject}: {multiqc}"]
        lines += ["# plot_type: table"]
    return "\n".join([*lines, *("\t".join(cells) for cells in (meanings, *rows))]) + "\n"
