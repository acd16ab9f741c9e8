"""The HTML report of ``genem motif``: everything on one page that needs nothing else."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genem.data import Motif, MotifSites, SequenceSet
    from genem.em import EMFit

MOST_SITES = 500
"""Sites in the table of one motif; the TSV has all."""

METHOD = (
    "A motif is a matrix of letter probabilities, estimated together with its sites by the EM algorithm: positions "
    "that look like the motif get a posterior probability of being a site, and the matrix is the average of the words "
    "weighted by it. A stack of a logo is as high as its position has information, in bits; a letter is as high as its "
    "share of the stack."
)
SIGNIFICANCE = (
    "The E-value is the number of alignments this good that one expects in random sequences of the same lengths and "
    "letter frequencies, as MEME defines it; it allows neither for the choice of the width nor for that of the number "
    "of sites. The empirical p-value allows for both: it is the share of shuffled (or control) sets of sequences in "
    "which the same search found a motif at least as good, this run counted among them, and so never below "
    "1 / (sets + 1)."
)


@dataclass(frozen=True, slots=True)
class ReportedMotif:
    """What the report says of one motif.

    Attributes
    ----------
    motif, sites
        The motif and where it occurs.
    e_value, p_value
        As text: in the usual notation, and the empirical one with its meaning.
    facts
        Further names and values.
    fit
        The traced fit behind the motif, or None.
    """

    motif: Motif
    sites: MotifSites
    e_value: str
    p_value: str
    facts: Mapping[str, str]
    fit: EMFit[Any] | None


def motif_report(
    found: Sequence[ReportedMotif],
    sequences: SequenceSet,
    *,
    title: str,
    summary: Mapping[str, str],
    settings: Mapping[str, str],
    warnings: Sequence[str],
) -> bytes:
    """The page.

    Parameters
    ----------
    found
        The motifs, best first; may be empty.
    sequences
        What was searched.
    title
        Heading.
    summary, settings
        Names and values: what was searched and left out, how.
    warnings
        What the reader should know first.
    """
    from genem import __version__
    from genem.io import html_page as html

    body = [html.warning_list(warnings), html.facts(summary)]
    if found:
        body += [_overview(found), html.paragraph(METHOD), html.paragraph(SIGNIFICANCE)]
        body += [piece for number, each in enumerate(found, 1) for piece in _motif(number, each, sequences)]
        body += [html.heading("Site map", anchor="map"), _site_map(found, sequences)]
    else:
        body.append(html.paragraph("No motif was found."))
    body += [html.heading("Settings", anchor="settings"), html.facts(settings)]
    body.append(html.paragraph(f"Written by genem {__version__}."))
    return html.page(title, [piece for piece in body if piece]).encode()


def _overview(found: Sequence[ReportedMotif]) -> str:
    from genem.io.html_page import table

    columns = {
        "motif": [full_name(each.motif) for each in found],
        "width": [str(each.motif.width) for each in found],
        "sites": [str(len(each.sites)) for each in found],
        "E-value": [each.e_value for each in found],
        "empirical p": [each.p_value for each in found],
    }
    anchors = [f"motif-{number}" for number in range(1, len(found) + 1)]
    return table(columns, numbers=("width", "sites"), links={"motif": anchors})


def full_name(motif: Motif) -> str:
    """Both names."""
    return f"{motif.name} {motif.alternative_name}".strip()


def _motif(number: int, each: ReportedMotif, sequences: SequenceSet) -> list[str]:
    from genem.io import html_page as html
    from genem.motif.plots import plot_logos

    motif = each.motif
    stranded = len(motif.alphabet) == 4
    turned = ", as it reads on either strand" if stranded else ""
    logo = io.BytesIO()
    plot_logos([motif], logo, file_format="svg")
    facts = {"E-value": each.e_value, "empirical p-value": each.p_value, **each.facts}
    pieces = [
        html.heading(f"{number}. {full_name(motif)}", anchor=f"motif-{number}"),
        html.figure(logo.getvalue(), f"Sequence logo of {motif.name}{turned}.", name=f"logo-{number}"),
        html.facts(facts),
        html.heading("Sites", level=3),
        _site_table(each, sequences),
    ]
    if each.fit is not None:
        caption = f"How the fit of {motif.name} came to its maximum: distance to the best objective by EM map."
        trace = html.figure(_trace(each.fit), caption, name=f"trace-{number}")
        pieces.append(html.details("EM trace", trace, opened=True))
    return pieces


def _site_table(each: ReportedMotif, sequences: SequenceSet) -> str:
    """The best sites, with their flanks, and how many more there are."""
    import numpy as np

    from genem.io.html_page import paragraph, table
    from genem.io.motif_sites import site_words

    sites = each.sites
    words = site_words(sequences, sites, each.motif)
    order = np.lexsort((sites.start, sites.sequence, sites.p_value))[:MOST_SITES].tolist()
    stranded = {"strand": ["+" if sites.strand[site] > 0 else "-" for site in order]}
    columns = {
        "sequence": [sequences.names[int(sites.sequence[site])] for site in order],
        "start": [str(int(sites.start[site]) + 1) for site in order],
        **(stranded if len(each.motif.alphabet) == 4 else {}),
        "site": [f"{words.left[site].lower():>10} {words.words[site]} {words.right[site].lower()}" for site in order],
        "score (bits)": [f"{sites.score[site]:.1f}" for site in order],
        "p-value": [f"{sites.p_value[site]:.1e}" for site in order],
        "posterior": ["NA" if np.isnan(sites.posterior[site]) else f"{sites.posterior[site]:.3f}" for site in order],
    }
    shown = table(columns, numbers=("start", "score (bits)", "p-value", "posterior"), mono=("site",))
    if len(sites) <= MOST_SITES:
        return shown
    return shown + paragraph(
        f"{len(sites) - MOST_SITES} more sites, with larger p-values, are in the table of --sites."
    )


def _site_map(found: Sequence[ReportedMotif], sequences: SequenceSet) -> str:
    from genem.io.html_page import figure
    from genem.motif.site_plots import plot_site_map

    picture = io.BytesIO()
    plot_site_map([each.motif for each in found], [each.sites for each in found], sequences, picture, file_format="svg")
    return figure(picture.getvalue(), "Where the motifs occur in each sequence.", name="map")


def _trace(fit: EMFit[Any]) -> bytes:
    from genem.em.plots import plot_trace
    from genem.motif.plots import picture

    target = io.BytesIO()
    with picture(target, "svg") as new_figure:
        plot_trace(fit, axes=new_figure(6.4, 3.4).add_subplot())
    return target.getvalue()
