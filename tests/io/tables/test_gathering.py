"""Joining pieces: what comes out is what one run would have written, and damaged pieces are refused."""

from __future__ import annotations

import gzip
import io
from itertools import pairwise
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.cli.main import main
from genem.errors import InputError
from genem.io.files.output import open_output
from genem.io.tables.gathering import gather_tables, kind_of_tables, read_columns

HEADER = '##genem_version=0\n##column=<ID=AF,Description="frequency">\nCHROM\tPOS\tGROUP\tAF\n'
ROWS = [f"22\t{position}\t{group}\t0.{position}\n" for position in range(1, 40) for group in ("CEU", "YRI", "ALL")]


def write(path: Path, text: str) -> Path:
    """A file with this text, BGZF-compressed where the name ends in .gz."""
    with open_output(path) as stream:
        stream.write(text.encode())
    return path


@given(cuts=st.lists(st.integers(0, len(ROWS)), max_size=5).map(sorted), compress=st.lists(st.booleans(), min_size=6))
def test_pieces_join_to_the_whole(
    cuts: list[int], compress: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    bounds = [0, *cuts, len(ROWS)]
    paths = [
        write(folder / f"{i}.tsv{'.gz' if compress[i] else ''}", HEADER + "".join(ROWS[start:end]))
        for i, (start, end) in enumerate(pairwise(bounds))
    ]
    joined = io.BytesIO()
    assert gather_tables(paths, joined) == len(paths)
    assert joined.getvalue().decode() == HEADER + "".join(ROWS)


def test_an_empty_file_is_a_piece_without_rows(tmp_path: Path) -> None:
    pieces = [write(tmp_path / "1", ""), write(tmp_path / "2", HEADER + ROWS[0]), write(tmp_path / "3", "")]
    joined = io.BytesIO()
    assert gather_tables(pieces, joined) == 1
    assert joined.getvalue().decode() == HEADER + ROWS[0]
    with pytest.raises(InputError, match="is empty"):
        next(read_columns(pieces[0], ["AF"]))


def test_trees_are_joined_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["(a,b);\n(b,a);\n", "", "(a:1,b:2);\n"]
    pieces = [str(write(tmp_path / f"{number}.nwk", text)) for number, text in enumerate(texts)]
    joined = tmp_path / "joined.nwk"
    assert main(["gather", *pieces, "-o", str(joined)]) == 0
    assert joined.read_text() == "".join(texts)
    for broken, message in (("(a,b)", "the last line has no end"), (HEADER, "is no Newick file")):
        other = write(tmp_path / "other", broken)
        assert main(["gather", pieces[0], str(other), "-o", str(joined)]) == 1
        assert f"{other}: {message}" in capsys.readouterr().err
    assert joined.read_text() == "".join(texts)


def test_nothing_but_empty_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every piece is empty"):
        kind_of_tables([write(tmp_path / "1", ""), write(tmp_path / "2", "")])


def test_a_different_header_is_refused(tmp_path: Path) -> None:
    other = HEADER.replace("version=0", "version=1")
    pieces = [write(tmp_path / "1", HEADER), write(tmp_path / "2", other)]
    with pytest.raises(InputError, match=r"2: line 1: its header differs from that of .*1; gather only"):
        gather_tables(pieces, io.BytesIO())


def test_a_shorter_header_is_refused(tmp_path: Path) -> None:
    pieces = [write(tmp_path / "1", HEADER), write(tmp_path / "2", HEADER[: HEADER.index("CHROM")])]
    with pytest.raises(InputError, match="2: line 3: its header differs"):
        gather_tables(pieces, io.BytesIO())


@pytest.mark.parametrize("missing", [1, 28, 60])
def test_a_compressed_piece_cut_short_is_refused(tmp_path: Path, missing: int) -> None:
    piece = write(tmp_path / "1.tsv.gz", HEADER + "".join(ROWS))
    piece.write_bytes(piece.read_bytes()[:-missing])
    with pytest.raises(InputError, match=r"1\.tsv\.gz: damaged or truncated"):
        gather_tables([piece], io.BytesIO())


def test_an_ordinary_gzip_file_will_do(tmp_path: Path) -> None:
    (tmp_path / "1.tsv.gz").write_bytes(gzip.compress((HEADER + ROWS[0]).encode()))
    joined = io.BytesIO()
    assert gather_tables([tmp_path / "1.tsv.gz"], joined) == 1
    assert joined.getvalue().decode() == HEADER + ROWS[0]


def test_a_plain_piece_cut_short_is_refused(tmp_path: Path) -> None:
    piece = write(tmp_path / "1.tsv", HEADER + "".join(ROWS)[:-1])
    with pytest.raises(InputError, match="the last line has no end"):
        gather_tables([piece], io.BytesIO())


def test_the_command_indexes_the_table(tmp_path: Path) -> None:
    pieces = [
        str(write(tmp_path / name, HEADER + "".join(rows))) for name, rows in (("1", ROWS[:50]), ("2", ROWS[50:]))
    ]
    joined = tmp_path / "joined.tsv.gz"
    assert main(["gather", *pieces, "-o", str(joined)]) == 0
    assert gzip.decompress(joined.read_bytes()).decode() == HEADER + "".join(ROWS)
    with pysam.TabixFile(str(joined)) as table:
        assert [*table.fetch("22", 16, 18)] == [
            row.rstrip("\n") for row in ROWS if row.startswith(("22\t17\t", "22\t18\t"))
        ]


def test_the_command_joins_and_indexes_vcfs(data: Path, tmp_path: Path) -> None:
    whole = gzip.decompress((data / "population.vcf.gz").read_bytes()).decode()
    lines = whole.splitlines(keepends=True)
    header = [line for line in lines if line.startswith("#")]
    rows = lines[len(header) :]
    halves = [write(tmp_path / name, "".join(header + part)) for name, part in (("1", rows[:300]), ("2", rows[300:]))]
    joined = tmp_path / "joined.vcf.gz"
    assert main(["gather", *map(str, halves), "-o", str(joined)]) == 0
    assert gzip.decompress(joined.read_bytes()).decode() == whole
    with pysam.VariantFile(str(joined)) as variants:
        assert sum(1 for _ in variants.fetch("22", 16_000_000)) == sum(
            int(row.split("\t")[1]) > 16_000_000 for row in rows
        )
