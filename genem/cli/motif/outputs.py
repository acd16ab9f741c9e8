"""The files that ``genem motif`` writes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from genem.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from genem.cli.context import RunContext
    from genem.cli.motif.controls import Significance
    from genem.cli.motif.search import MotifSearch
    from genem.data import SequenceSet
    from genem.io.files.output import OutputStream
    from genem.motif import Alphabet, Discovery, FoundMotif

OUTPUTS = ("output", "sites", "bed", "logo", "site_map", "html", "json", "xml", "jaspar", "transfac")
SETTINGS = (
    "model",
    "min_width",
    "max_width",
    "n_motifs",
    "both_strands",
    "palindrome",
    "background",
    "background_order",
    "pseudocount",
    "prior",
    "site_count_prior",
    "mask",
    "control",
    "controls",
    "with_controls",
    "shuffle_order",
    "seed",
)


def announce_outputs(args: argparse.Namespace, context: RunContext) -> None:
    """Refuse at the start what would fail at the end."""
    if args.write_controls is not None:
        context.announce_outputs(args.write_controls)
    else:
        context.announce_outputs(*(getattr(args, name) for name in OUTPUTS))


def check_formats(alphabet: Alphabet, args: argparse.Namespace) -> None:
    """Refuse output formats that cannot hold motifs of an alphabet, before anything is searched.

    Raises
    ------
    UsageError
        There is one.
    """
    for name, path in (("jaspar", args.jaspar), ("transfac", args.transfac)):
        if path is not None and not alphabet.has_strands:
            raise UsageError(f"--{name}: such files hold DNA motifs, the sequences are {alphabet.name}; use --json")


def record(found: Discovery, significance: Significance | None, context: RunContext) -> None:
    """Put every fit into the run record."""
    for number, each in enumerate(found.motifs):
        trace = each.fit.fit.best.trace
        context.add_fit(
            **facts(each, significance, number),  # type: ignore[arg-type]
            reason=each.fit.reason,
            trace=None if trace is None else trace.as_record(),
        )
    context.count(motifs=len(found.motifs), sites=sum(len(each.sites) for each in found.motifs))


def facts(each: FoundMotif, significance: Significance | None, number: int) -> dict[str, object]:
    """Facts that are known of a motif beside its matrix and sites."""
    known: dict[str, object] = {
        "name": each.motif.name,
        "log10_e_value": each.log10_e_value,
        "log_likelihood_ratio": each.log_likelihood_ratio,
        "information_content": each.fit.information_content,
        "site_rate": each.fit.site_rate,
        "expected_sites": each.fit.n_sites,
        "repetitive": each.repetitive,
        "n_starts": each.n_starts,
        "n_starts_best": each.n_starts_best,
        "status": each.fit.status.label,
    }
    if significance is not None:
        known["empirical_p_value"] = float(significance.p_value[number])
        known["n_controls"] = significance.n_controls
        known["smallest_p_value"] = significance.floor
    return known


def described(each: FoundMotif, significance: Significance | None, number: int) -> dict[str, str]:
    """The same for people: names and values as text, units included."""
    shown = {
        "log-likelihood ratio": f"{each.log_likelihood_ratio:.6g} nats",
        "information content": f"{each.fit.information_content:.4g} bits",
        "expected sites": f"{each.fit.n_sites:.4g}",
        "starts that led here": f"{each.n_starts_best} of {each.n_starts}",
        "status of the fit": each.fit.status.label + (f": {each.fit.reason}" if each.fit.reason else ""),
    }
    if each.repetitive:
        shown["repetitive"] = "yes: it fits itself when moved by a few letters, as tandem repeats do"
    if significance is not None:
        shown["empirical p-value"] = p_value_text(significance, number)
    return shown


def p_value_text(significance: Significance | None, number: int) -> str:
    """An empirical p-value with what it rests on."""
    if significance is None:
        return "NA: no controls were searched (--controls)"
    value = f"{significance.p_value[number]:.3g}"
    if significance.p_value[number] <= significance.floor:
        return f"{value}: stronger than the best motif of each of {significance.n_controls} controls"
    return f"{value}, from {significance.n_controls} controls"


def e_value_text(each: FoundMotif) -> str:
    """An E-value in the usual notation with its logarithm."""
    from genem.io.motifs.meme_text import format_e_value

    return f"{format_e_value(each.log10_e_value)} (log10: {each.log10_e_value:.2f})"


def write_outputs(
    found: Discovery,
    significance: Significance | None,
    search: MotifSearch,
    args: argparse.Namespace,
    context: RunContext,
) -> None:
    """Write every file that was asked for; those that need a motif are left out where none was found."""
    from genem.io.motifs.json_text import write_motif_json
    from genem.io.motifs.meme_text import write_jaspar, write_meme, write_transfac
    from genem.io.motifs.meme_xml import write_meme_xml
    from genem.io.motifs.sites import write_site_bed, write_site_table

    motifs = [each.motif for each in found.motifs]
    sites = [each.sites for each in found.motifs]
    sequences = search.sequences
    texts = [described(each, significance, number) for number, each in enumerate(found.motifs)]
    with context.open_output(args.output) as stream:
        write_meme(
            stream,
            motifs,
            alphabet=search.encoded.alphabet.letters,
            background=found.background.probabilities,
            both_strands=args.both_strands,
            background_order=found.background.order,
            sites=sites,
            sequences=sequences,
            facts=texts,
        )
    entries = [facts(each, significance, number) for number, each in enumerate(found.motifs)]
    writers: dict[str, Callable[[OutputStream], object]] = {
        "sites": lambda stream: write_site_table(stream, motifs, sites, sequences),
        "bed": lambda stream: write_site_bed(stream, motifs, sites, sequences, genomic=args.genome_coordinates),
        "jaspar": lambda stream: write_jaspar(stream, motifs),
        "transfac": lambda stream: write_transfac(stream, motifs),
        "json": lambda stream: write_motif_json(stream, motifs, sites, sequences, facts=entries),
        "xml": lambda stream: write_meme_xml(
            stream,
            motifs,
            sites,
            sequences,
            alphabet=search.encoded.alphabet.letters,
            background=found.background.probabilities,
            model=args.model,
            both_strands=args.both_strands,
        ),
        "html": lambda stream: stream.write(_report(found, significance, search, args, context)),
    }
    for name, write in writers.items():
        if (path := getattr(args, name)) is not None:
            with context.open_output(path) as stream:
                write(stream)
    _draw(found, sequences, args, context)


def _draw(found: Discovery, sequences: SequenceSet, args: argparse.Namespace, context: RunContext) -> None:
    """Draw the pictures that were asked for."""
    from genem.motif import plot_logos, plot_site_map

    motifs = [each.motif for each in found.motifs]
    if args.logo is not None:
        with context.replace_on_success(args.logo) as picture:
            plot_logos(motifs, picture, file_format=args.logo.rpartition(".")[2].lower())
    if args.site_map is not None:
        sites = [each.sites for each in found.motifs]
        with context.replace_on_success(args.site_map) as picture:
            plot_site_map(motifs, sites, sequences, picture, file_format=args.site_map.rpartition(".")[2].lower())


def _report(
    found: Discovery,
    significance: Significance | None,
    search: MotifSearch,
    args: argparse.Namespace,
    context: RunContext,
) -> bytes:
    from pathlib import Path

    from genem.cli.motif.report import ReportedMotif, motif_report

    reported = []
    for number, each in enumerate(found.motifs):
        texts = described(each, significance, number)
        texts.pop("empirical p-value", None)
        further = {"width": str(each.motif.width), "sites": str(len(each.sites)), **texts}
        p_value = p_value_text(significance, number)
        reported.append(ReportedMotif(each.motif, each.sites, e_value_text(each), p_value, further, each.fit.fit))
    settings = {
        name.replace("_", " "): str(getattr(args, name)) for name in SETTINGS if getattr(args, name) is not None
    }
    return motif_report(
        reported,
        search.sequences,
        title=f"Motifs in {Path(args.fasta).name if args.fasta != '-' else 'standard input'}",
        summary=_summary(search),
        settings={"alphabet": search.encoded.alphabet.name, **settings},
        warnings=context.warnings,
    )


def _summary(search: MotifSearch) -> Mapping[str, str]:
    """A summary of what was searched, and what was left out or odd."""
    odd = search.oddities
    lengths = search.encoded.lengths
    span = f"{lengths.min()}" if lengths.min() == lengths.max() else f"{lengths.min()} to {lengths.max()}"
    return {
        "sequences": f"{len(search.sequences):,}, {span} letters long, {int(lengths.sum()):,} in all",
        "records left out": f"{odd.empty}: without letters" if odd.empty else "none",
        "too short for a site": f"{odd.short} sequences",
        "repeats of another sequence": f"{odd.identical} sequences",
        "unknown letters": f"{odd.unknown_share:.2%}",
        "lower-case letters": f"{odd.masked_share:.2%}",
    }
