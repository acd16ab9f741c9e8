"""TBI and CSI indexes: the stretches of a region must hold what htslib finds there."""

from __future__ import annotations

import gzip
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import InputError
from genem.io.variants.index import find_index, load_index
from tests.io.variants.indexed_files import CONTIGS, Indexed, indexed, write_vcf

__all__ = ["indexed"]  # a fixture, used by name


class Stretches:
    """The inflated bytes of a file by virtual offset."""

    def __init__(self, path: Path) -> None:
        self.inflated = gzip.decompress(path.read_bytes())
        self.place: dict[int, int] = {}
        content = path.read_bytes()
        at = offset = 0
        while at < len(content):
            size = int.from_bytes(content[at + 16 : at + 18], "little") + 1
            self.place[at] = offset
            offset += int.from_bytes(content[at + size - 4 : at + size], "little")
            at += size
        self.place[at] = offset

    def bytes_of(self, begin: int, end: int) -> bytes:
        return self.inflated[self.offset(begin) : self.offset(end)]

    def offset(self, virtual: int) -> int:
        return self.place[virtual >> 16] + (virtual & 0xFFFF)


def ids_in(content: bytes, is_bcf: bool) -> list[str]:
    if not is_bcf:
        return [line.split(b"\t")[2].decode() for line in content.splitlines()]
    ids, at = [], 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "little") + int.from_bytes(content[at + 4 : at + 8], "little")
        length = content[at + 32] >> 4
        ids.append(content[at + 33 : at + 33 + length].decode())
        at += 8 + size
    assert at == len(content)
    return ids


@pytest.fixture(scope="module")
def stretches(indexed: Indexed) -> Stretches:
    return Stretches(indexed.path)


@given(
    contig=st.sampled_from(CONTIGS),
    start=st.one_of(st.integers(0, 70_000), st.integers(0, 5_000_000), st.integers(39_990_000, 45_000_000)),
    length=st.one_of(st.just(1), st.integers(1, 100_000), st.integers(1, 2**28), st.none()),
)
def test_stretches_hold_what_htslib_fetches(
    indexed: Indexed, stretches: Stretches, contig: str, start: int, length: int | None
) -> None:
    end = None if length is None else start + length
    with pysam.VariantFile(str(indexed.path)) as file:
        expected = [str(record.id) for record in file.fetch(contig, start, end)]
    chunks = indexed.index.chunks(contig, start, end)
    found = [id_ for chunk in chunks for id_ in ids_in(stretches.bytes_of(*chunk), indexed.path.suffix == ".bcf")]
    assert len(set(found)) == len(found)
    assert set(expected) <= set(found)
    numbers = [int(id_[1:]) for id_ in found]
    assert numbers == sorted(numbers)
    assert chunks == sorted(chunks)


def test_a_whole_contig_is_exactly_its_records(indexed: Indexed, stretches: Stretches) -> None:
    for contig in CONTIGS:
        with pysam.VariantFile(str(indexed.path)) as file:
            expected = [str(record.id) for record in file.fetch(contig)]
        content = b"".join(stretches.bytes_of(*chunk) for chunk in indexed.index.chunks(contig))
        assert ids_in(content, indexed.path.suffix == ".bcf") == expected
        assert indexed.index.n_records(contig) == len(expected)


def test_a_region_leaves_most_of_the_file_out(indexed: Indexed, stretches: Stretches) -> None:
    chunks = indexed.index.chunks("2", 40_000_000 - 1, 40_000_000)
    assert sum(len(stretches.bytes_of(*chunk)) for chunk in chunks) < len(stretches.inflated) / 4


def test_contigs_without_records(indexed: Indexed) -> None:
    assert indexed.index.chunks("empty") == []
    assert indexed.index.chunks("unknown", 5, 6) == []
    assert indexed.index.n_records("unknown") == 0
    assert set(CONTIGS) <= set(indexed.index.contigs)


def test_no_index(data: Path) -> None:
    assert find_index(data / "bad_pl.vcf.gz") is None
    assert load_index(data / "bad_pl.vcf.gz") is None


def test_csi_is_preferred(tmp_path: Path, data: Path) -> None:
    path = Path(shutil.copy(data / "population.vcf.gz", tmp_path))
    pysam.tabix_index(str(path), preset="vcf", keep_original=True)
    pysam.tabix_index(str(path), preset="vcf", csi=True, keep_original=True)
    assert find_index(path) == path.with_name("population.vcf.gz.csi")


def test_old_index_is_reported(tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = Path(shutil.copy(data / "population.vcf.gz", tmp_path))
    index_path = Path(shutil.copy(data / "population.vcf.gz.tbi", tmp_path))
    os.utime(path, (2_000_000, 2_000_000))
    os.utime(index_path, (1_000_000, 1_000_000))
    with caplog.at_level(logging.WARNING, logger="genem"):
        load_index(path)
    assert "population.vcf.gz.tbi is older than its data file" in caplog.text


def write_index(folder: Path, content: bytes, suffix: str, compress: bool = True) -> Path:
    path = folder / "x.vcf.gz"
    path.touch()
    Path(f"{path}.{suffix}").write_bytes(gzip.compress(content) if compress else content)
    return path


@pytest.mark.parametrize("suffix", ["tbi", "csi"])
def test_indexes_cut_short(tmp_path: Path, data: Path, suffix: str) -> None:
    path = Path(shutil.copy(data / "population.vcf.gz", tmp_path))
    pysam.tabix_index(str(path), preset="vcf", csi=suffix == "csi", keep_original=True)
    content = gzip.decompress(Path(f"{path}.{suffix}").read_bytes())
    needed = len(content) - 8  # the count of records without place, which may be left out
    load_index(write_index(tmp_path, content[:needed], suffix))
    for size in range(0, needed, 7):
        with pytest.raises(InputError, match="damaged index"):
            load_index(write_index(tmp_path, content[:size], suffix))
    with pytest.raises(InputError, match="damaged index"):
        load_index(write_index(tmp_path, gzip.compress(content)[:-20], suffix, compress=False))


@pytest.mark.parametrize("suffix", ["tbi", "csi"])
@given(data=st.data())
def test_damaged_indexes_are_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    content = bytearray(sample_index(tmp_path_factory, suffix))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = write_index(tmp_path_factory.mktemp("damaged"), bytes(content), suffix)
    with suppress(InputError):
        index = load_index(path)
        assert index is not None
        for contig in index.contigs:
            for begin, end in index.chunks(contig, 1_000_000, 2_000_000):
                assert 0 <= begin <= end


def sample_index(factory: pytest.TempPathFactory, suffix: str) -> bytes:
    path = factory.getbasetemp() / f"sample-{suffix}.vcf.gz"
    if not path.exists():
        write_vcf(path, "wz")
        pysam.tabix_index(str(path), preset="vcf", csi=suffix == "csi", keep_original=True)
    return gzip.decompress(Path(f"{path}.{suffix}").read_bytes())


@pytest.mark.parametrize(
    ("content", "suffix", "found"),
    [
        (b"BAI\1" + bytes(40), "tbi", "neither TBI nor CSI"),
        (b"CSI\1" + (60).to_bytes(4, "little") + (5).to_bytes(4, "little"), "csi", "not possible"),
        (b"CSI\1" + (14).to_bytes(4, "little") + (5).to_bytes(4, "little") + bytes(8), "csi", "names no contigs"),
        (b"TBI\1" + (2).to_bytes(4, "little") + bytes(24) + (2).to_bytes(4, "little") + b"1\0", "tbi", "1 names"),
        (b"TBI\1" + (-2).to_bytes(4, "little", signed=True), "tbi", "a count of -2"),
    ],
)
def test_not_an_index(tmp_path: Path, content: bytes, suffix: str, found: str) -> None:
    with pytest.raises(InputError, match=found):
        load_index(write_index(tmp_path, content, suffix))


def test_index_of_another_file(indexed: Indexed) -> None:
    if indexed.path.suffix == ".bcf":
        with pytest.raises(InputError, match="4 contigs in the index, 1 names"):
            load_index(indexed.path, contigs=["1"])
