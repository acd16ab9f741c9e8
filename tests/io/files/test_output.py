"""Results are whole or absent: replaced files, permissions, links, pipes, full disks, indexes."""

from __future__ import annotations

import errno
import gzip
import logging
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import InputError, OutputError
from genem.io.files import output as output_module
from genem.io.files.bgzf_writer import BLOCK_BYTES, BgzfWriter
from genem.io.files.output import OutputStream, check_output, open_output, replace_on_success

AS_ROOT = os.geteuid() == 0


def write(path: Path | str, data: bytes = b"row\n") -> None:
    with open_output(path) as stream:
        stream.write(data)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_result_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.tsv"
    with open_output(target) as stream:
        stream.write(b"one\n")
        stream.write(memoryview(b"two\n"))
        assert not target.exists()
    assert target.read_bytes() == b"one\ntwo\n"
    assert names(tmp_path) == ["out.tsv"]


@pytest.mark.parametrize("error", [InputError("bad"), KeyboardInterrupt(), FileNotFoundError(2, "gone", "in.vcf")])
def test_an_exception_leaves_nothing_and_stays_itself(tmp_path: Path, error: BaseException) -> None:
    def fail() -> None:
        with open_output(tmp_path / "out.tsv") as stream:
            stream.write(b"one\n")
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert caught.value is error
    assert names(tmp_path) == []


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_new_files_have_the_permissions_of_the_umask(tmp_path: Path, mask: int) -> None:
    restored = os.umask(mask)
    try:
        write(tmp_path / "out.tsv")
    finally:
        os.umask(restored)
    assert stat.S_IMODE((tmp_path / "out.tsv").stat().st_mode) == 0o666 & ~mask


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "out.tsv"
    target.write_text("before")
    target.chmod(0o640)
    write(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert target.read_bytes() == b"row\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.tsv"
    link.symlink_to(Path("there", "out.tsv"))
    for data in (b"first\n", b"second\n"):  # the target does not exist, then it does
        write(link, data)
        assert link.is_symlink()
        assert (tmp_path / "there" / "out.tsv").read_bytes() == data
    assert names(tmp_path / "there") == ["out.tsv"]


def test_a_long_name(tmp_path: Path) -> None:
    target = tmp_path / ("ä" * 120 + ".tsv")
    write(target)
    assert target.read_bytes() == b"row\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent/out.tsv", "there is no folder"),
        ("folder", "is a folder; give the name of a file"),
        ("file/out.tsv", "is not a folder"),
        ("loop", "cannot write: "),
        ("n" * 300, "cannot write: "),
    ],
)
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    before = names(tmp_path)
    with pytest.raises(OutputError, match=message):
        check_output(tmp_path / name)
    with pytest.raises(OutputError, match=message) as caught:
        write(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == before


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_no_permission(tmp_path: Path) -> None:
    read_only = tmp_path / "out.tsv"
    read_only.write_text("before")
    read_only.chmod(0o444)
    with pytest.raises(OutputError, match="read-only"):
        write(read_only)
    tmp_path.chmod(0o555)
    with pytest.raises(OutputError, match="no permission"):
        write(tmp_path / "new.tsv")
    tmp_path.chmod(0o755)


def test_no_permission_for_the_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(output_module.os, "open", refuse)
    with pytest.raises(OutputError, match="no permission to write here"):
        write(tmp_path / "out.tsv")


def test_what_can_be_written_passes_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("-", "/dev/null", str(tmp_path / "out.tsv")):
        check_output(name)
    assert names(tmp_path) == []
    monkeypatch.setattr(output_module.os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="no permission to write in"):
        check_output(tmp_path / "out.tsv")


def test_a_read_only_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out.tsv").write_text("before")
    monkeypatch.setattr(output_module.os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="the file is read-only"):
        write(tmp_path / "out.tsv")
    assert (tmp_path / "out.tsv").read_text() == "before"


@pytest.mark.parametrize("name", ["out.tsv", "out.tsv.gz"])
def test_a_size_limit_in_mid_write(tmp_path: Path, name: str) -> None:
    """The kernel refuses a write in the middle of the file, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="cannot write: the file would exceed the size limit"):
            write(tmp_path / name, os.urandom(1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_full_disk(size: int) -> None:
    with pytest.raises(OutputError, match="/dev/full: cannot write: no space left on the device"):
        write("/dev/full", bytes(size))


def test_a_disk_that_fills_when_the_file_is_synchronised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(output_module.os, "fsync", full)
    with pytest.raises(OutputError, match="no space left on the device"):
        write(tmp_path / "out.tsv")
    assert names(tmp_path) == []


def test_devices_are_written_straight() -> None:
    write("/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("name", ["pipe", "pipe.gz"])
def test_a_fifo_is_written_straight(tmp_path: Path, name: str) -> None:
    fifo = tmp_path / name
    os.mkfifo(fifo)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    reader.start()
    write(fifo, b"row\n" * 100_000)
    reader.join(timeout=20)
    text = gzip.decompress(received[0]) if name.endswith(".gz") else received[0]
    assert text == b"row\n" * 100_000
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_fifo_whose_reader_leaves_is_a_broken_pipe(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: fifo.open("rb").close())
    reader.start()

    def write_after_the_reader_left() -> None:
        with open_output(fifo) as stream:
            reader.join(timeout=20)
            stream.write(bytes(1_000_000))

    with pytest.raises(BrokenPipeError):
        write_after_the_reader_left()


def test_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write("-", b"row\n")
    assert capfdbinary.readouterr().out == b"row\n"


def test_a_library_that_opens_its_output_itself(tmp_path: Path) -> None:
    target = tmp_path / "plot.svg"
    with replace_on_success(target) as temporary:
        temporary.write_text("<svg/>")
        assert not target.exists()
    assert names(tmp_path) == ["plot.svg"]


def test_a_library_that_fails_half_way(tmp_path: Path) -> None:
    target = tmp_path / "plot.svg"
    target.write_text("<svg/>")

    def fail() -> None:
        with replace_on_success(target) as temporary:
            temporary.write_text("half")
            raise ValueError("cannot draw")

    with pytest.raises(ValueError, match="cannot draw"):
        fail()
    assert target.read_text() == "<svg/>"
    assert names(tmp_path) == ["plot.svg"]


def test_what_an_interrupted_writer_left_is_removed_at_exit(tmp_path: Path) -> None:
    """As if a signal had come between the creation of the temporary file and the cleaning up."""
    code = (
        "import os; from pathlib import Path; from genem.io.files.output import _create_temporary\n"
        "_create_temporary('out.tsv', Path('out.tsv').resolve()); print(len(os.listdir()))"
    )
    package = {**os.environ, "PYTHONPATH": str(Path(output_module.__file__).parents[3])}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=package, capture_output=True, text=True, check=True
    )
    assert (ended.stdout, ended.stderr) == ("1\n", "")
    assert names(tmp_path) == []


@given(st.lists(st.binary(max_size=3 * BLOCK_BYTES), max_size=4))
def test_bgzf_holds_what_was_written(pieces: list[bytes]) -> None:
    blocks: list[bytes] = []
    writer = BgzfWriter(blocks.append)
    for piece in pieces:
        writer.write(piece)
    writer.finish()
    assert gzip.decompress(b"".join(blocks)) == b"".join(pieces)
    assert all(len(block) <= 0x10000 for block in blocks)
    assert all(int.from_bytes(block[16:18], "little") + 1 == len(block) for block in blocks)


def test_bgzf_of_what_does_not_compress(tmp_path: Path) -> None:
    data = os.urandom(5 * BLOCK_BYTES + 17)
    write(tmp_path / "x.gz", data)
    with pysam.BGZFile(str(tmp_path / "x.gz"), "rb") as stream:
        assert stream.read(len(data) + 1) == data
    assert (tmp_path / "x.gz").read_bytes().endswith(bytes.fromhex("1f8b08040000000000ff0600424302001b0003") + bytes(9))


HEADER = b"##genem_version=1\n##column=<ID=POS>\nCHROM\tPOS\tAF\n"


def table(rows: list[tuple[str, int]]) -> bytes:
    return HEADER + b"".join(f"{chrom}\t{position}\t0.5\n".encode() for chrom, position in rows)


def write_table(path: Path, rows: list[tuple[str, int]]) -> None:
    with open_output(path, index="table") as stream:
        stream.write(table(rows))


def test_a_sorted_table_gets_an_index(tmp_path: Path) -> None:
    rows = [(chrom, position) for chrom in ("22", "1") for position in (5, 5, 70_000, 800_000)]
    write_table(tmp_path / "t.tsv.gz", rows)
    assert names(tmp_path) == ["t.tsv.gz", "t.tsv.gz.tbi"]
    with pysam.TabixFile(str(tmp_path / "t.tsv.gz")) as indexed:
        assert list(indexed.contigs) == ["22", "1"]
        assert list(indexed.fetch("1", 69_999, 70_000)) == ["1\t70000\t0.5"]
        assert len(list(indexed.fetch("22"))) == 4


def test_positions_beyond_512_megabases_get_a_csi(tmp_path: Path) -> None:
    write_table(tmp_path / "t.tsv.gz", [("1H", 5), ("1H", 600_000_000)])
    assert names(tmp_path) == ["t.tsv.gz", "t.tsv.gz.csi"]
    with pysam.TabixFile(str(tmp_path / "t.tsv.gz"), index=str(tmp_path / "t.tsv.gz.csi")) as indexed:
        assert list(indexed.fetch("1H", 599_999_999, 600_000_000)) == ["1H\t600000000\t0.5"]


def test_an_unsorted_table_gets_none_and_loses_the_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "t.tsv.gz"
    write_table(target, [("1", 5)])
    assert names(tmp_path) == ["t.tsv.gz", "t.tsv.gz.tbi"]
    with caplog.at_level(logging.INFO, logger="genem"):
        write_table(target, [("1", 9), ("1", 5)])
    assert names(tmp_path) == ["t.tsv.gz"]
    assert gzip.decompress(target.read_bytes()) == table([("1", 9), ("1", 5)])
    assert caplog.messages == [f"{target} has no index: its rows are not sorted by CHROM and POS"]
    assert capfd.readouterr() == ("", "")


def test_an_empty_table_gets_an_index(tmp_path: Path) -> None:
    write_table(tmp_path / "t.tsv.gz", [])
    assert names(tmp_path) == ["t.tsv.gz", "t.tsv.gz.tbi"]


def test_a_vcf_gets_an_index(tmp_path: Path, data: Path) -> None:
    with open_output(tmp_path / "v.vcf.gz", index="vcf") as stream:
        stream.write(gzip.decompress((data / "population.vcf.gz").read_bytes()))
    assert names(tmp_path) == ["v.vcf.gz", "v.vcf.gz.tbi"]
    with (
        pysam.VariantFile(str(tmp_path / "v.vcf.gz")) as made,
        pysam.VariantFile(str(data / "population.vcf.gz")) as old,
    ):
        assert [r.id for r in made.fetch("22", 15_600_000)] == [r.id for r in old.fetch("22", 15_600_000)]


def test_a_compressed_vcf_is_read_by_others(tmp_path: Path) -> None:
    """The temporary file has no .gz name: the index must be made of the file itself, not of a second copy."""
    write_table(tmp_path / "t.tsv.gz", [("1", position) for position in range(1, 50_000)])
    assert (tmp_path / "t.tsv.gz").read_bytes()[:4] == b"\x1f\x8b\x08\x04"
    assert names(tmp_path) == ["t.tsv.gz", "t.tsv.gz.tbi"]


def test_writing_imports_neither_numpy_nor_pysam() -> None:
    code = (
        "import sys; from genem.io.files.output import open_output\n"
        "with open_output('/dev/null') as stream: stream.write(b'x')\n"
        "sys.exit(str(sorted({'numpy', 'pysam'} & set(sys.modules))) if {'numpy', 'pysam'} & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stream_counts_the_bytes_of_any_buffer() -> None:
    received = bytearray()

    class Sink:
        def write(self, data: bytes) -> None:
            received.extend(data)

        def flush(self) -> None:
            pass

    stream = OutputStream("sink", Sink(), compress=False)  # type: ignore[arg-type]
    assert stream.write(memoryview(bytearray(8)).cast("d")) == 8
    assert received == bytes(8)
