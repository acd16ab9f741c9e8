"""Writing BGZF, the blocked gzip of the SAM/BAM specification (section 4.1), onto any binary stream.

zlib only, so that the compressed bytes do not depend on what else is installed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

BLOCK_BYTES = 0xFF00  # of text in one block, as htslib does; zlib's bound on what it becomes is below 64 KiB
HEADER_AND_FOOTER_BYTES = 26
END_OF_FILE = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def bgzf_block(text: bytes | memoryview, level: int = 6) -> bytes:
    """Compress at most ``BLOCK_BYTES`` bytes into one block."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    deflated = compressor.compress(text) + compressor.flush()
    header = struct.pack(
        "<4BI2BH2B2H", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(deflated) + HEADER_AND_FOOTER_BYTES - 1
    )
    return header + deflated + struct.pack("<2I", zlib.crc32(text), len(text))


class BgzfWriter:
    """Cuts what is written into blocks and hands each compressed block to ``write``."""

    def __init__(self, write: Callable[[bytes], object], level: int = 6) -> None:
        self._write = write
        self._level = level
        self._pending = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._pending += data
        n_bytes = len(self._pending) - len(self._pending) % BLOCK_BYTES
        if n_bytes:
            self._write_blocks(n_bytes)

    def finish(self) -> None:
        """Write what is left and the end-of-file marker."""
        self._write_blocks(len(self._pending))
        self._write(END_OF_FILE)

    def _write_blocks(self, n_bytes: int) -> None:
        with memoryview(self._pending) as view:
            for start in range(0, n_bytes, BLOCK_BYTES):
                with view[start : min(start + BLOCK_BYTES, n_bytes)] as text:
                    self._write(bgzf_block(text, self._level))
        del self._pending[:n_bytes]
