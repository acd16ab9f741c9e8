"""The BCF header and its dictionaries."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from genem.errors import InputError
from genem.io.variants.bcf.header import bcf_contigs, read_dictionaries, split_header
from tests.io.variants.bcf.records import (
    HEADER,
    header_text,
)


def test_dictionaries_follow_the_header() -> None:
    assert read_dictionaries(HEADER).strings == ("PASS", "q10", "GT", "PL", "GL")
    assert read_dictionaries(HEADER).contigs == ("1", "22")


def test_explicit_numbers() -> None:
    lines = ['##FORMAT=<ID=GT,Number=1,Type=String,Description="a, ID=x",IDX=4>', "##contig=<ID=9,IDX=1>",
             '##INFO=<ID=GT,Number=1,Type=String,Description="same name">',
             '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">']  # fmt: skip
    dictionaries = read_dictionaries("\n".join(lines))
    assert dictionaries.strings == ("PASS", "", "", "", "GT", "DP")
    assert dictionaries.contigs == ("", "9")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("##contig=<length=5>", "has no ID"),
        ("##contig=<ID=1,IDX=-1>", "has the impossible IDX=-1"),
        ("##contig=<ID=1,IDX=99999999999>", "has the impossible IDX=99999999999"),
        ("##INFO=<ID=X,IDX=0>", "gives 'PASS' and 'X' the same number IDX=0"),
    ],
)
def test_headers_refused(line: str, found: str) -> None:
    with pytest.raises(InputError, match=r"x\.bcf: the header") as caught:
        read_dictionaries(line, "x.bcf")
    assert found in str(caught.value)


def test_header_in_pieces() -> None:
    text = header_text(2).encode() + b"\0"
    content = b"BCF\2\2" + len(text).to_bytes(4, "little") + text
    for size in range(len(content)):
        assert split_header(content[:size]) is None
    assert split_header(content + b"more") == (header_text(2), len(content))


@pytest.mark.parametrize("start", [b"BCF\4\1", b"##fil", b"BCF\2\7", b"\x1f\x8b"])
def test_not_bcf(start: bytes) -> None:
    with pytest.raises(InputError, match="not BCF version 2"):
        split_header(start + bytes(20), "x.bcf")


def test_contigs_of_a_file(tmp_path: Path, data: Path) -> None:
    assert bcf_contigs(data / "population.vcf.gz") is None
    path = tmp_path / "x.bcf"
    text = header_text(0).encode()
    content = b"BCF\2\2" + len(text).to_bytes(4, "little") + text
    path.write_bytes(gzip.compress(content))
    assert bcf_contigs(path) == ("1", "22")
    path.write_bytes(gzip.compress(content[:-3]))
    with pytest.raises(InputError, match="the header is cut short"):
        bcf_contigs(path)
    path.write_bytes(gzip.compress(content)[:60])
    with pytest.raises(InputError, match="damaged"):
        bcf_contigs(path)
    with pytest.raises(InputError, match="cannot be read"):
        bcf_contigs(tmp_path)
