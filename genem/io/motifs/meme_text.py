"""Motifs as MEME text, and as JASPAR and TRANSFAC matrices through Biopython.

The MEME format is the one that the MEME Suite and ``Bio.motifs`` ("minimal") read: a version line, the alphabet, the
strands, the background, and for every motif a letter-probability matrix. Between the header of a motif and its matrix
stand the sites, in the form of MEME's own output. https://meme-suite.org/meme/doc/meme-format.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem import __version__
from genem.data import Motif, MotifSites, SequenceSet
from genem.errors import UsageError
from genem.io.files.output import ByteSink
from genem.io.motifs.sites import FLANK, site_words
from genem.io.tables.writing import format_float

__all__ = ["format_e_value", "format_name", "meme_text", "write_jaspar", "write_meme", "write_transfac"]

MEME_VERSION = "MEME version 5"
RULE = "-" * 80
NUMBER_WIDTH = 15
LETTERS_PER_LINE = 9
SITES_WHERE_UNKNOWN = 1000
"""JASPAR and TRANSFAC files hold counts: those of this many sites where a motif does not say how many it has."""


def write_meme(
    stream: ByteSink,
    motifs: Sequence[Motif],
    *,
    alphabet: str = "",
    background: NDArray[np.float64] | None = None,
    both_strands: bool = False,
    background_order: int = 0,
    sites: Sequence[MotifSites] = (),
    sequences: SequenceSet | None = None,
    facts: Sequence[Mapping[str, str]] = (),
) -> None:
    """Write motifs in MEME text format.

    A name with blanks is written with underscores, because blanks end a name in this format. Digits: ten
    significant ones. The E-value may be too small for a double; beside the usual notation stands its logarithm.

    Parameters
    ----------
    stream
        Takes bytes.
    motifs
        They share alphabet and background.
    alphabet, background
        Letters and float64 (letter,): those of the motifs, needed only where there are none.
    both_strands
        The motifs were searched on both strands.
    background_order
        Order of the Markov model that was the background; the matrix of order 0 is what is written.
    sites
        The sites of each motif, or nothing.
    sequences
        What the sites lie in.
    facts
        For each motif further ``name = value`` entries of its description, or nothing.

    Raises
    ------
    ValueError
        No motifs and no alphabet, different alphabets, or sites without sequences.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> stream = io.BytesIO()
    >>> half = np.array([[0.5, 0.5, 0, 0], [0, 0, 0, 1.0]])
    >>> write_meme(stream, [Motif("MT", "ACGT", half, np.full(4, 0.25), 8, -400.5, "first")])
    >>> for line in stream.getvalue().decode().splitlines()[-5:-2]:
    ...     print(line)
    MOTIF MT first width = 2 sites = 8 E-value = 3.2e-401 log10(E-value) = -400.5
    <BLANKLINE>
    letter-probability matrix: alength= 4 w= 2 nsites= 8 E= 3.2e-401
    """
    stream.write(
        meme_text(
            motifs,
            alphabet=alphabet,
            background=background,
            both_strands=both_strands,
            background_order=background_order,
            sites=sites,
            sequences=sequences,
            facts=facts,
        ).encode()
    )


def meme_text(
    motifs: Sequence[Motif],
    *,
    alphabet: str = "",
    background: NDArray[np.float64] | None = None,
    both_strands: bool = False,
    background_order: int = 0,
    sites: Sequence[MotifSites] = (),
    sequences: SequenceSet | None = None,
    facts: Sequence[Mapping[str, str]] = (),
) -> str:
    """The text that :func:`write_meme` writes."""
    if motifs:
        alphabet, background = motifs[0].alphabet, motifs[0].background
    elif not alphabet or background is None:
        raise ValueError("no motifs to write: an alphabet and a background are needed")
    if any(motif.alphabet != alphabet for motif in motifs):
        raise ValueError("motifs of different alphabets do not fit into one MEME file")
    if sites and sequences is None:
        raise ValueError("sites need the sequences they lie in")
    lines = [MEME_VERSION, "", f"Written by genem {__version__}.", "", f"ALPHABET= {alphabet}", ""]
    if len(alphabet) == 4:
        lines += ["strands: + -" if both_strands else "strands: +", ""]
    lines += _background(alphabet, background, background_order)
    for number, motif in enumerate(motifs):
        lines += _header(motif)
        if facts and facts[number]:
            entries = (f" {name} = {value}" for name, value in facts[number].items())
            lines += ["", *_section(motif, "Description"), *entries, RULE]
        if sites:
            assert sequences is not None
            lines += _sites(motif, sites[number], sequences)
        lines += ["", *_matrix(motif), ""]
    return "\n".join(lines)


def write_jaspar(stream: ByteSink, motifs: Sequence[Motif]) -> None:
    """Write counts in JASPAR format, through Biopython; RNA is written as DNA, which is all that the format knows.

    Raises
    ------
    UsageError
        Motifs of a protein alphabet.
    """
    from Bio.motifs import jaspar, write

    records = [
        jaspar.Motif(format_name(motif.name), format_name(motif.alternative_name or motif.name), counts=counts)
        for motif, counts in ((motif, _nucleotide_counts(motif, "JASPAR")) for motif in motifs)
    ]
    stream.write(write(records, "jaspar").encode())


def write_transfac(stream: ByteSink, motifs: Sequence[Motif]) -> None:
    """Write counts in TRANSFAC format, through Biopython; RNA is written as DNA, which is all that the format knows.

    Raises
    ------
    UsageError
        Motifs of a protein alphabet.
    """
    from Bio.motifs import transfac, write

    records = []
    for motif in motifs:
        record: Any = transfac.Motif(alphabet="ACGT", counts=_nucleotide_counts(motif, "TRANSFAC"))
        record["AC"] = record["ID"] = format_name(motif.name)
        record["NA"] = motif.alternative_name or motif.name
        records.append(record)
    stream.write(write(records, "transfac").encode())


def format_name(name: str) -> str:
    """A name as one word: blanks become underscores.

    Examples
    --------
    >>> format_name("zinc  finger 3")
    'zinc_finger_3'
    """
    return "_".join(name.split())


def format_e_value(log10_e_value: float) -> str:
    """An E-value in the usual notation, from its logarithm, however small it is.

    Examples
    --------
    >>> format_e_value(-12.3), format_e_value(-400.5), format_e_value(2.0), format_e_value(float("nan"))
    ('5.0e-13', '3.2e-401', '1.0e+02', 'NA')
    """
    if math.isnan(log10_e_value):
        return "NA"
    if math.isinf(log10_e_value):
        return "0" if log10_e_value < 0 else "inf"
    exponent = math.floor(log10_e_value)
    mantissa = f"{10.0 ** (log10_e_value - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}e{exponent:+03d}"


def _background(alphabet: str, background: NDArray[np.float64], order: int) -> list[str]:
    entries = [f"{letter} {format_float(share)}" for letter, share in zip(alphabet, background.tolist(), strict=True)]
    of_order = f" (order 0 of a Markov model of order {order})" if order else ""
    parts = [entries[start : start + LETTERS_PER_LINE] for start in range(0, len(entries), LETTERS_PER_LINE)]
    return [f"Background letter frequencies{of_order}", *(" ".join(part) for part in parts), ""]


def _header(motif: Motif) -> list[str]:
    entries = [f"MOTIF {format_name(motif.name)}"]
    if motif.alternative_name:
        entries.append(format_name(motif.alternative_name))
    entries.append(f"width = {motif.width}")
    if not math.isnan(motif.n_sites):
        entries.append(f"sites = {round(motif.n_sites)}")
    if not math.isnan(motif.log10_e_value):
        entries.append(f"E-value = {format_e_value(motif.log10_e_value)}")
        entries.append(f"log10(E-value) = {format_float(motif.log10_e_value)}")
    return [" ".join(entries)]


def _section(motif: Motif, title: str) -> list[str]:
    return [RULE, f"\tMotif {format_name(motif.name)} {title}", RULE]


def _sites(motif: Motif, sites: MotifSites, sequences: SequenceSet) -> list[str]:
    """The sites by p-value with their flanks, and a diagram of every sequence that has one.

    Rows are indented, so that no name of a sequence is taken for a keyword at the start of a line.
    """
    order = np.lexsort((sites.start, sites.sequence, sites.p_value)).tolist()
    words = site_words(sequences, sites, motif)
    names = [sequences.names[index] for index in sites.sequence.tolist()]
    width = max([len("Sequence name"), *(len(name) for name in names)])
    stranded = len(motif.alphabet) == 4
    strand_title, strand_rule = (" Strand", " ------") if stranded else ("", "")
    lines = [
        "",
        *_section(motif, "sites sorted by position p-value"),
        f" {'Sequence name':<{width}}{strand_title}  Start  P-value {'':>{FLANK}} Site",
        f" {'-' * 13:<{width}}{strand_rule}  ----- -------- {'':>{FLANK}} {'-' * motif.width}",
    ]
    for site in order:
        strand = f" {'+' if sites.strand[site] > 0 else '-':>6}" if stranded else ""
        place = f" {names[site]:<{width}}{strand} {sites.start[site] + 1:>6} {sites.p_value[site]:8.2e}"
        lines.append(f"{place} {words.left[site]:>{FLANK}} {words.words[site]} {words.right[site]}".rstrip())
    lines += [
        RULE,
        "",
        *_section(motif, "block diagrams"),
        f" {'SEQUENCE NAME':<{width}}  POSITION P-VALUE  MOTIF DIAGRAM",
        f" {'-' * 13:<{width}}  ----------------  -------------",
    ]
    lines += [
        f" {sequences.names[index]:<{width}}  {p_value:16.1e}  {diagram}"
        for index, p_value, diagram in _diagrams(motif, sites, sequences)
    ]
    return [*lines, RULE]


def _diagrams(motif: Motif, sites: MotifSites, sequences: SequenceSet) -> list[tuple[int, float, str]]:
    """The number, the smallest p-value and the diagram (``60_[-]_23``) of every sequence with sites, best first.

    The numbers in a diagram are the letters between sites; where sites overlap the number is negative.
    """
    lengths = np.diff(sequences.offsets)
    order = np.lexsort((sites.start, sites.sequence))
    drawn = []
    for group in np.split(order, np.flatnonzero(np.diff(sites.sequence[order])) + 1):
        if not group.size:
            continue
        index, end, diagram = int(sites.sequence[group[0]]), 0, ""
        for site in group.tolist():
            sign = "-" if sites.strand[site] < 0 else "+" if len(motif.alphabet) == 4 else motif.width
            diagram += f"{int(sites.start[site]) - end}_[{sign}]_"
            end = int(sites.start[site]) + motif.width
        drawn.append((index, float(sites.p_value[group].min()), f"{diagram}{int(lengths[index]) - end}"))
    return sorted(drawn, key=lambda each: (each[1], each[0]))


def _matrix(motif: Motif) -> list[str]:
    header = f"letter-probability matrix: alength= {len(motif.alphabet)} w= {motif.width}"
    if not math.isnan(motif.n_sites):
        header += f" nsites= {round(motif.n_sites)}"
    if not math.isnan(motif.log10_e_value):
        header += f" E= {format_e_value(motif.log10_e_value)}"
    rows = motif.probabilities.tolist()
    return [header, *("".join(f" {format_float(share):>{NUMBER_WIDTH}}" for share in row) for row in rows)]


def _nucleotide_counts(motif: Motif, file_format: str) -> dict[str, list[float]]:
    """Counts by letter of DNA."""
    if len(motif.alphabet) != 4:
        found = f"{file_format} files hold DNA motifs and {motif.name} is of protein"
        raise UsageError(f"{found}; write MEME text or JSON")
    counts = motif.probabilities * (SITES_WHERE_UNKNOWN if math.isnan(motif.n_sites) else motif.n_sites)
    return dict(zip("ACGT", counts.T.tolist(), strict=True))
