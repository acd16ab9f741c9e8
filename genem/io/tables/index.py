"""Tabix indexes of compressed VCFs and coordinate-sorted tables."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Literal

SUFFIXES = (".tbi", ".csi")


def index_beside(path: Path, kind: Literal["vcf", "table"]) -> Path | None:
    """Index a BGZF file: a TBI, or a CSI where a position exceeds the 512 Mb of TBI; None if it is not sorted."""
    import pysam

    from genem.io.files.htslib import htslib_quiet

    columns = {"preset": "vcf"} if kind == "vcf" else _table_columns(path)
    with htslib_quiet():
        for suffix in SUFFIXES:
            index = path.with_name(path.name + suffix)
            try:
                pysam.tabix_index(str(path), force=True, index=str(index), csi=suffix == ".csi", **columns)
            except OSError:
                index.unlink(missing_ok=True)
            else:
                return index
    return None


def remove_indexes(path: Path) -> None:
    """Remove the indexes of a file that is about to change."""
    for suffix in SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _table_columns(path: Path) -> dict[str, int | str]:
    """CHROM and POS are the first two columns; the ``##`` lines and the header row are skipped."""
    n_header = 0
    with gzip.open(path, "rb") as lines:
        for line in lines:
            n_header += 1
            if not line.startswith(b"##"):
                break
    return {"seq_col": 0, "start_col": 1, "end_col": 1, "meta_char": "#", "line_skip": n_header}
