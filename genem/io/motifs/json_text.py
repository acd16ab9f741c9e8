"""Motifs and their sites as JSON, for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genem import __version__
from genem.data import Motif, MotifSites, SequenceSet
from genem.io.files.output import ByteSink
from genem.io.motifs.sites import described_sites
from genem.provenance import to_json

__all__ = ["write_motif_json"]


def write_motif_json(
    stream: ByteSink,
    motifs: Sequence[Motif],
    sites: Sequence[MotifSites],
    sequences: SequenceSet,
    *,
    facts: Sequence[Mapping[str, object]] = (),
) -> None:
    """Write everything that is known of motifs: names as they are, numbers in full, NaN as null.

    Parameters
    ----------
    stream
        Takes bytes.
    motifs, sites
        Equally many; the sites of each motif.
    sequences
        What was searched.
    facts
        For each motif further entries, or nothing.

    Examples
    --------
    >>> import io, json
    >>> import numpy as np
    >>> sequences = SequenceSet(("a",), ("a",), np.frombuffer(b"TTGC", np.uint8), np.array([0, 4]))
    >>> motif = Motif("GC", "ACGT", np.eye(4)[[2, 1]], np.full(4, 0.25))
    >>> value = np.ones(1)
    >>> sites = MotifSites(np.array([0]), np.array([2]), np.array([1], np.int8), value, value, value)
    >>> stream = io.BytesIO()
    >>> write_motif_json(stream, [motif], [sites], sequences, facts=[{"status": "converged"}])
    >>> written = json.loads(stream.getvalue())["motifs"][0]
    >>> written["width"], written["status"], written["sites"][0]["site"]
    (2, 'converged', 'GC')
    """
    further = facts or [{}] * len(motifs)
    entries = [_motif(motif, found, sequences, more) for motif, found, more in zip(motifs, sites, further, strict=True)]
    record = {"genem_version": __version__, "sequences": len(sequences), "motifs": entries}
    stream.write(to_json(record))


def _motif(motif: Motif, sites: MotifSites, sequences: SequenceSet, facts: Mapping[str, object]) -> dict[str, object]:
    return {
        "name": motif.name,
        "alternative_name": motif.alternative_name,
        "alphabet": motif.alphabet,
        "width": motif.width,
        "n_sites": motif.n_sites,
        "log10_e_value": motif.log10_e_value,
        **facts,
        "background": motif.background,
        "probabilities": motif.probabilities,
        "sites": [site._asdict() for site in described_sites(sequences, sites, motif)],
    }
