"""Reading and writing files: every ``open_``, ``read_`` and ``write_`` function, imported when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "open_output": "genem.io.files.output",
    "open_variants": "genem.io.variants.reading",
    "read_alignment": "genem.io.sequences.alignments",
    "read_background": "genem.io.motifs.background",
    "read_cross": "genem.io.crosses.reading",
    "read_dirichlet_mixture": "genem.io.motifs.dirichlet",
    "read_fasta": "genem.io.sequences.fasta",
    "read_genetic_map": "genem.io.crosses.tables",
    "read_groups": "genem.io.tables.samples",
    "read_locus_table": "genem.io.tables.loci",
    "read_motifs": "genem.io.motifs.files",
    "read_names": "genem.io.tables.samples",
    "read_newick": "genem.io.trees.newick",
    "read_partitions": "genem.io.trees.partitions",
    "read_phenotypes": "genem.io.crosses.tables",
    "read_regions_file": "genem.io.variants.selection",
    "read_sequences": "genem.io.sequences.any_format",
    "read_sexes": "genem.io.tables.samples",
    "write_fasta": "genem.io.sequences.fasta",
    "write_jaspar": "genem.io.motifs.meme_text",
    "write_meme": "genem.io.motifs.meme_text",
    "write_meme_xml": "genem.io.motifs.meme_xml",
    "write_motif_json": "genem.io.motifs.json_text",
    "write_site_bed": "genem.io.motifs.sites",
    "write_site_table": "genem.io.motifs.sites",
    "write_transfac": "genem.io.motifs.meme_text",
}
"""Where each function is."""

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import the function of that name (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
