"""BCF records as the VCF lines htslib makes of them, for commands that write records again."""

from __future__ import annotations

import struct
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pysam

from genem.data import GenotypeBlock
from genem.errors import InputError
from genem.io.files.htslib import htslib_quiet
from genem.io.variants.bcf import site_kernels as site
from genem.io.variants.bcf.header import MAGIC
from genem.io.variants.header import VariantHeader
from genem.io.variants.vcf.text import VcfTextDecoder

__all__ = ["BcfTextDecoder"]


class BcfTextDecoder:
    """Decodes BCF by way of its VCF text, so that the blocks carry their lines; slower than ``BcfDecoder``.

    Takes what :class:`genem.io.variants.vcf.text.VcfTextDecoder` takes and offers the same methods.
    """

    def __init__(self, header: VariantHeader, samples: tuple[str, ...], *, path: str, **options: Any) -> None:
        self._text_decoder = VcfTextDecoder(header, samples, path=path, **options)
        self._path = path
        text = header.text.encode() + b"\0"
        self._head = MAGIC + b"\2" + struct.pack("<I", len(text)) + text

    @property
    def counts(self) -> Counter[str]:
        return self._text_decoder.counts

    def decode(self, chunk: memoryview) -> tuple[Iterator[GenotypeBlock], int]:
        """The blocks of the whole records in a chunk, and the number of bytes these take up."""
        _, n_bytes, _ = site.count_records(np.frombuffer(chunk, np.uint8))
        blocks, _ = self._text_decoder.decode(memoryview(self._as_text(chunk[: int(n_bytes)])))
        return blocks, int(n_bytes)

    def check_fields(self) -> None:
        self._text_decoder.check_fields()

    def cut_short(self) -> InputError:
        return InputError("the record is cut short", path=self._path, place=f"record {self.counts['read'] + 1}")

    def _as_text(self, records: memoryview) -> bytes:
        """htslib reads files only: the records go through a temporary one, uncompressed, with their header."""
        if not records:
            return b""
        with tempfile.NamedTemporaryFile(suffix=".bcf") as file:
            file.write(self._head)
            file.write(records)
            file.flush()
            try:
                with htslib_quiet(), pysam.VariantFile(file.name, "rb") as source:
                    return "".join(map(str, source)).encode()
            except (OSError, ValueError) as error:
                place = f"record {self.counts['read'] + 1} or after"
                raise InputError(f"htslib cannot read the records ({error})", path=self._path, place=place) from error
