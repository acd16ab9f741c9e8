"""Inflating input: what comes out, and what truncated or damaged files are answered with."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zlib
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import InputError
from genem.io.files import bgzf
from genem.io.files.bgzf import END_MARKER, Compression, InflatedInput

TEXT = b"".join(b"%d\tsome words that repeat, some that do not: %d\n" % (i, i * i) for i in range(40_000))
EMPTY_GZIP = gzip.compress(b"")


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("bgzf") / "text.gz"
    with pysam.BGZFile(str(path), "wb") as stream:
        stream.write(TEXT)
    return path.read_bytes()


@pytest.fixture(params=["zlib", "libdeflate"])
def inflater(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test of damage runs with both libraries."""
    name = str(request.param)
    if name == "libdeflate":
        pytest.importorskip("deflate")
    monkeypatch.setattr(bgzf, "_inflate_block", getattr(bgzf, f"_inflate_with_{name}"))
    return name


def blocks_of(compressed: bytes) -> list[int]:
    """Where each block starts."""
    starts, at = [], 0
    while at < len(compressed):
        starts.append(at)
        at += int.from_bytes(compressed[at + 16 : at + 18], "little") + 1
    return starts


def inflated(path: Path | str, threads: int = 1) -> bytes:
    with InflatedInput(path, threads=threads) as source:
        return b"".join(source.pieces())


def written(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.usefixtures("inflater")
def test_bgzf_is_inflated_in_order(tmp_path: Path, compressed: bytes, threads: int) -> None:
    assert len(blocks_of(compressed)) > 2 * bgzf.BLOCKS_PER_BATCH
    assert inflated(written(tmp_path, compressed), threads) == TEXT


@pytest.mark.parametrize(
    ("pack", "compression"),
    [(bytes, Compression.PLAIN), (gzip.compress, Compression.GZIP)],
)
def test_other_inputs_are_recognised_by_content(tmp_path: Path, pack: object, compression: Compression) -> None:
    path = written(tmp_path, pack(TEXT), "misleading.bgz")  # type: ignore[operator]
    with InflatedInput(path) as source:
        assert source.compression is compression
        assert b"".join(source.pieces()) == TEXT


def test_bgzf_whose_block_size_is_not_the_first_extra_field(tmp_path: Path) -> None:
    def block(data: bytes) -> bytes:
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(data) + packer.flush()
        other = b"XX\x03\x00abc"
        extra_size = len(other) + 6
        size = 12 + extra_size + len(body) + 8
        extra = other + b"BC\x02\x00" + struct.pack("<H", size - 1)
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", extra_size) + extra
        return head + body + struct.pack("<II", zlib.crc32(data), len(data))

    path = written(tmp_path, block(b"one") + block(b"two") + END_MARKER)
    with InflatedInput(path) as source:
        assert source.compression is Compression.BGZF
        assert b"".join(source.pieces()) == b"onetwo"


def test_joined_bgzf_files_are_one(tmp_path: Path, compressed: bytes) -> None:
    assert inflated(written(tmp_path, compressed + compressed)) == TEXT + TEXT


def test_gzip_of_several_members_and_zero_padding(tmp_path: Path) -> None:
    members = gzip.compress(TEXT) + EMPTY_GZIP + gzip.compress(b"end")
    assert inflated(written(tmp_path, members + b"\0" * 1000)) == TEXT + b"end"


def test_well_compressed_gzip_comes_in_bounded_pieces(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(b"A" * 5_000_000))
    with InflatedInput(path) as source:
        sizes = [len(piece) for piece in source.pieces()]
    assert sum(sizes) == 5_000_000
    assert max(sizes) <= bgzf.READ_BYTES


@given(size=st.integers(0, 3 * bgzf.READ_BYTES), split=st.integers(1, 1000))
def test_gzip_of_any_size(tmp_path_factory: pytest.TempPathFactory, size: int, split: int) -> None:
    data = os.urandom(100) * (size // 100) + b"A" * (size % 100)
    path = written(tmp_path_factory.getbasetemp(), gzip.compress(data[:split], 1) + gzip.compress(data[split:], 1))
    assert inflated(path) == data


def test_standard_input(compressed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(compressed)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
    with InflatedInput("-") as source:
        assert source.name == "standard input"
        assert not source.is_regular_file
        assert b"".join(source.pieces()) == TEXT
    assert not stream.closed


def test_a_stretch_inflates_its_blocks_only(tmp_path: Path, compressed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, compressed)
    starts = blocks_of(compressed)
    offsets = [len(b"".join(map(gzip.decompress, [compressed[: starts[n]]]))) for n in (5, 7)]
    seen = []
    inflate = bgzf._inflate_block

    def counted(block: memoryview) -> bytes | bytearray:
        seen.append(len(block))
        return inflate(block)

    monkeypatch.setattr(bgzf, "_inflate_block", counted)
    with InflatedInput(path) as source:
        inside = b"".join(source.pieces_between(starts[5] << 16 | 10, starts[7] << 16 | 25))
        assert inside == TEXT[offsets[0] + 10 : offsets[1] + 25]
        assert seen == [starts[n + 1] - starts[n] for n in (5, 6, 7)]
        seen.clear()
        to_block_start = b"".join(source.pieces_between(starts[5] << 16 | 10, starts[7] << 16))
        assert to_block_start == TEXT[offsets[0] + 10 : offsets[1]]
        assert len(seen) == 2
        within_one = b"".join(source.pieces_between(starts[5] << 16 | 10, starts[5] << 16 | 12))
        assert within_one == TEXT[offsets[0] + 10 : offsets[0] + 12]
        to_the_end = b"".join(source.pieces_between(starts[7] << 16, (len(compressed) - len(END_MARKER)) << 16))
        assert to_the_end == TEXT[offsets[1] :]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.usefixtures("inflater")
def test_a_flipped_bit_names_its_block(tmp_path: Path, compressed: bytes, threads: int) -> None:
    offset = blocks_of(compressed)[4]
    for place in (offset + 300, offset - 6):  # inside block 4; the CRC of block 3
        damaged = bytearray(compressed)
        damaged[place] ^= 1
        block = offset if place > offset else blocks_of(compressed)[3]
        with pytest.raises(InputError, match=rf"block at byte {block}: corrupted block"):
            inflated(written(tmp_path, bytes(damaged)), threads)


def test_a_damaged_block_header_names_its_place(tmp_path: Path, compressed: bytes) -> None:
    offset = blocks_of(compressed)[4]
    damaged = bytearray(compressed)
    damaged[offset] = 0
    with pytest.raises(InputError, match=rf"block at byte {offset}: no BGZF block starts here"):
        inflated(written(tmp_path, bytes(damaged)))


def test_truncated_bgzf_is_refused_at_once(tmp_path: Path, compressed: bytes) -> None:
    path = written(tmp_path, compressed[:50_000])
    with pytest.raises(InputError, match=r"file: byte 50000: the BGZF end-of-file marker is missing; .*truncated"):
        InflatedInput(path)


@pytest.mark.parametrize("in_block", [False, True])
def test_truncated_bgzf_on_standard_input(compressed: bytes, monkeypatch: pytest.MonkeyPatch, in_block: bool) -> None:
    offset = blocks_of(compressed)[20]
    stream = io.BytesIO(compressed[: offset + 100 * in_block])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
    found = "the file ends inside a block" if in_block else "the BGZF end-of-file marker is missing"
    with pytest.raises(InputError, match=rf"standard input: .*byte {offset}: {found}"):
        inflated("-")


@pytest.mark.parametrize("cut", [1, 8, 9, 5000])
def test_truncated_gzip(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path, gzip.compress(TEXT)[:-cut])
    with pytest.raises(InputError, match="the file ends inside a gzip member"):
        inflated(path)


def test_corrupted_gzip(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(TEXT))
    damaged[-6] ^= 1
    with pytest.raises(InputError, match="corrupted gzip"):
        inflated(written(tmp_path, bytes(damaged)))


def test_inputs_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.vcf: no such file"):
        InflatedInput(tmp_path / "none.vcf")
    with pytest.raises(InputError, match="is a folder, not a file"):
        InflatedInput(tmp_path)
    with pytest.raises(InputError, match="is empty"):
        InflatedInput(written(tmp_path, b""))


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", path)

    path = written(tmp_path, b"text")
    monkeypatch.setattr("io.FileIO", refuse)
    with pytest.raises(InputError, match=r"cannot be opened \(Permission denied\)"):
        InflatedInput(path)
