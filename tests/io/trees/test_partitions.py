"""Partition files of RAxML and Nexus."""

from __future__ import annotations

from pathlib import Path

import pytest

from genem.errors import InputError
from genem.io.trees.partitions import read_partitions

NEXUS = """\
#NEXUS
[two genes]
begin sets;
    CharSet first = 1-6;
    charset 'the rest' = 7-.;
    charset thirds = 3-.\\3;
    charset both = first 'the rest';
    {}
end;
"""


def partitions(folder: Path, text: str, n_sites: int = 12) -> list[tuple[str, str, list[int]]]:
    """Name, label and columns from 1 of every partition."""
    path = folder / "genes.txt"
    path.write_text(text)
    found = read_partitions(path, n_sites)
    return [(part.name, part.label, (part.sites + 1).tolist()) for part in found]


def test_lines_of_raxml(tmp_path: Path) -> None:
    text = "# genes\nDNA, gene1 = 1-3, 7-12\\3\r\n\nGTR{1,2,1,1,2,1}+G, gene 2=4 - 6,8\nDNA,last=9\n"
    assert partitions(tmp_path, text) == [
        ("gene1", "DNA", [1, 2, 3, 7, 10]),
        ("gene 2", "GTR{1,2,1,1,2,1}+G", [4, 5, 6, 8]),
        ("last", "DNA", [9]),
    ]


def test_every_charset_is_a_partition_where_no_charpartition_says_otherwise(tmp_path: Path) -> None:
    text = "#NEXUS\nbegin sets;\ncharset a = 1-6;\ncharset b = 7-.;\nend;\n"
    assert [(name, label, len(columns)) for name, label, columns in partitions(tmp_path, text)] == [
        ("a", "", 6),
        ("b", "", 6),
    ]


def test_a_charpartition_names_the_sets_and_their_models(tmp_path: Path) -> None:
    text = NEXUS.format("charpartition mine = HKY{2}+F{0.1,0.2,0.3,0.4}+G:first, GTR+I:'the rest';")
    assert partitions(tmp_path, text) == [
        ("first", "HKY{2}+F{0.1,0.2,0.3,0.4}+G", [1, 2, 3, 4, 5, 6]),
        ("the rest", "GTR+I", [7, 8, 9, 10, 11, 12]),
    ]


def test_sets_are_made_of_sets(tmp_path: Path) -> None:
    assert partitions(tmp_path, NEXUS.format("charpartition p = 1:both;"))[0][2] == list(range(1, 13))
    assert partitions(tmp_path, NEXUS.format("charpartition p = 1:thirds;"))[0][2] == [3, 6, 9, 12]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DNA, a = 1-13\n", "line 1: column 13, the alignment has 12"),
        ("DNA, a = 0-3\n", "line 1: '0-3' are no columns"),
        ("DNA, a = 5-3\n", "line 1: '5-3' are no columns"),
        ("DNA, a = 1-6\\0\n", "are no columns"),
        ("DNA, a = x\n", "line 1: 'x' are no columns"),
        ("DNA, a = 1-3, 3\n", "line 1: column 3 comes twice"),
        ("DNA, a = 1\nDNA, a = 2\n", "two partitions are called 'a'"),
        ("DNA a = 1\n", "line 1: 'DNA a = 1' is no partition"),
        ("DNA, = 1\n", "line 1: a partition without a name"),
        ("\n# nothing\n", "holds no partition"),
        (NEXUS.format("charpartition p = 1:absent;"), "there is no charset 'absent'; there are first, the rest"),
        (NEXUS.format("charpartition p = first;"), "'first' is no part of a charpartition"),
        ("#NEXUS\nbegin sets;\ncharset a = b;\ncharset b = a;\nend;\n", "'b' are no columns"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        partitions(tmp_path, text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "genes.txt"))
