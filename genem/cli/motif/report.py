"""The HTML report of ``genem motif``: everything on one page that needs nothing else."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.data import Motif, MotifSites, SequenceSet
    from genem.em import EMFit

FIRST_SITES, MOST_SITES = 20, 500
"""Sites of one motif that are shown, and those that can be unfolded; the TSV has all."""

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
    """One motif as the report shows it.

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
    from genem.io.files import html_page as html

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
    from genem.io.files.html_page import table

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
    from genem.io.files import html_page as html
    from genem.motif.plots.logos import plot_logos

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
    """The best sites with their flanks; more of them behind a fold."""
    import numpy as np

    from genem.io.files.html_page import details

    sites = each.sites
    order = np.lexsort((sites.start, sites.sequence, sites.p_value))
    shown = _site_rows(each, sequences, order[:FIRST_SITES])
    folded = order[FIRST_SITES:MOST_SITES]
    if folded.size:
        rest = len(sites) - MOST_SITES
        label = f"{folded.size} more sites" + (
            f"; the {rest} after them are in the table of --sites" if rest > 0 else ""
        )
        shown += details(label, _site_rows(each, sequences, folded))
    return shown


def _site_rows(each: ReportedMotif, sequences: SequenceSet, chosen: NDArray[np.intp]) -> str:
    from genem.io.files.html_page import table
    from genem.io.motifs.sites import site_words

    sites = each.sites.select(chosen)
    words = site_words(sequences, sites, each.motif)
    stranded = {"strand": ["+" if strand > 0 else "-" for strand in sites.strand]}
    columns = {
        "sequence": [sequences.names[index] for index in sites.sequence.tolist()],
        "start": [str(start + 1) for start in sites.start.tolist()],
        **(stranded if len(each.motif.alphabet) == 4 else {}),
        "site": [
            f"{left.lower():>10} {word} {right.lower()}"
            for left, word, right in zip(words.left, words.words, words.right, strict=True)
        ],
        "score (bits)": [f"{score:.1f}" for score in sites.score],
        "p-value": [f"{p_value:.1e}" for p_value in sites.p_value],
        "posterior": [f"{posterior:.3f}" for posterior in sites.posterior],
    }
    return table(columns, numbers=("start", "score (bits)", "p-value", "posterior"), mono=("site",))


def _site_map(found: Sequence[ReportedMotif], sequences: SequenceSet) -> str:
    from genem.io.files.html_page import figure
    from genem.motif.plots.site_maps import plot_site_map

    picture = io.BytesIO()
    plot_site_map([each.motif for each in found], [each.sites for each in found], sequences, picture, file_format="svg")
    return figure(picture.getvalue(), "Where the motifs occur in each sequence.", name="map")


def _trace(fit: EMFit[Any]) -> bytes:
    from genem.em.plots import plot_trace
    from genem.picture import picture

    target = io.BytesIO()
    with picture(target, "svg", font_size=9) as new_figure:
        plot_trace(fit, axes=new_figure(6.4, 3.4).add_subplot())
    return target.getvalue()
