"""Motifs and their sites in the XML form of MEME, which ``Bio.motifs`` ("meme") reads for any alphabet.

Of MEME text Biopython ("minimal") reads DNA and RNA only, and no sites; this form has proteins and sites.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as Tree

import numpy as np
from numpy.typing import NDArray

from genem import __version__
from genem.data import Motif, MotifSites, SequenceSet
from genem.io.files.output import ByteSink
from genem.io.motifs.meme_text import format_e_value, format_name
from genem.io.motifs.sites import described_sites
from genem.io.tables.writing import format_float

__all__ = ["write_meme_xml"]

MEME_VERSION = "5"
ALPHABET_NAMES = {"ACGT": "DNA", "ACGU": "RNA"}
STRANDS = {(True, True): "both", (True, False): "forward", (False, False): "none"}
"""By whether the letters have complements, and both strands were searched."""


def write_meme_xml(
    stream: ByteSink,
    motifs: Sequence[Motif],
    sites: Sequence[MotifSites],
    sequences: SequenceSet,
    *,
    alphabet: str,
    background: NDArray[np.float64],
    model: str,
    both_strands: bool = False,
) -> None:
    """Write motifs as MEME writes them in XML: sequences, background, matrices and sites.

    Parameters
    ----------
    stream
        Takes bytes.
    motifs, sites
        Equally many; the sites of each motif.
    sequences
        What was searched.
    alphabet, background
        Letters and float64 (letter,).
    model
        ``oops``, ``zoops`` or ``anr``.
    both_strands
        Sites could lie on either strand.
    """
    root = Tree.Element("MEME", version=MEME_VERSION, release=f"genem {__version__}")
    letters = int(sequences.offsets[-1])
    training = Tree.SubElement(
        root,
        "training_set",
        primary_sequences="sequences",
        primary_count=str(len(sequences)),
        primary_positions=str(letters),
    )
    named = Tree.SubElement(training, "alphabet", name=ALPHABET_NAMES.get(alphabet, "Protein"))
    for letter in alphabet:
        Tree.SubElement(named, "letter", id=letter, symbol=letter)
    for index, length in enumerate(np.diff(sequences.offsets).tolist()):
        entry = {"id": f"sequence_{index}", "name": sequences.names[index], "length": str(length), "weight": "1"}
        Tree.SubElement(training, "sequence", entry)
    _array(Tree.SubElement(training, "letter_frequencies"), alphabet, background)
    _model(root, alphabet, background, model, len(motifs), both_strands=both_strands)
    listed = Tree.SubElement(root, "motifs")
    for number, (motif, found) in enumerate(zip(motifs, sites, strict=True), 1):
        _motif(listed, number, motif, found, sequences)
    Tree.indent(root, "")
    target = io.BytesIO()
    Tree.ElementTree(root).write(target, encoding="UTF-8", xml_declaration=True)
    stream.write(target.getvalue() + b"\n")


def _model(
    root: Tree.Element,
    alphabet: str,
    background: NDArray[np.float64],
    model: str,
    n_motifs: int,
    *,
    both_strands: bool,
) -> None:
    entry = Tree.SubElement(root, "model")
    strands = STRANDS[len(alphabet) == 4, both_strands and len(alphabet) == 4]
    for name, text in (
        ("command_line", "genem motif"),
        ("type", model),
        ("nmotifs", str(n_motifs)),
        ("strands", strands),
    ):
        Tree.SubElement(entry, name).text = text
    _array(Tree.SubElement(entry, "background_frequencies", source="genem", order="0"), alphabet, background)


def _motif(parent: Tree.Element, number: int, motif: Motif, sites: MotifSites, sequences: SequenceSet) -> None:
    entry = Tree.SubElement(
        parent,
        "motif",
        id=f"motif_{number}",
        name=format_name(motif.name),
        alt=format_name(motif.alternative_name) or f"MOTIF-{number}",
        width=str(motif.width),
        sites=str(len(sites)),
        e_value=format_e_value(motif.log10_e_value),
    )
    matrix = Tree.SubElement(Tree.SubElement(entry, "probabilities"), "alphabet_matrix")
    for row in motif.probabilities:
        _array(matrix, motif.alphabet, row)
    contributing = Tree.SubElement(entry, "contributing_sites")
    for index, site in zip(sites.sequence.tolist(), described_sites(sequences, sites, motif), strict=True):
        strand = "none" if len(motif.alphabet) != 4 else "plus" if site.strand > 0 else "minus"
        place = Tree.SubElement(
            contributing,
            "contributing_site",
            sequence_id=f"sequence_{index}",
            position=str(site.start),
            strand=strand,
            pvalue=f"{site.p_value:.3g}",
        )
        Tree.SubElement(place, "left_flank").text = site.left_flank
        word = Tree.SubElement(place, "site")
        for letter in site.site.upper():
            Tree.SubElement(word, "letter_ref", letter_id=letter)
        Tree.SubElement(place, "right_flank").text = site.right_flank


def _array(parent: Tree.Element, alphabet: str, values: Iterable[float]) -> None:
    array = Tree.SubElement(parent, "alphabet_array")
    for letter, value in zip(alphabet, values, strict=True):
        Tree.SubElement(array, "value", letter_id=letter).text = format_float(float(value))
