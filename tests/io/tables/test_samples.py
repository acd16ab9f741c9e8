"""Tables of samples: groups, sexes, names, and everything that can be wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from genem.errors import InputError
from genem.io.tables.samples import Sex, read_groups, read_names, read_sexes


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "table.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        "A\tx\nB\ty\n",
        "A x\nB   y\n",
        "sample\tgroup\nA\tx\nB\ty\n",
        "#IID POP\nA x\nB y\n",
        "sample\tpopulation\ttrio\nA\tx\tT1\nB\ty\tT1\n",
        "trio\tGroup\tSample\nT1\tx\tA\nT1\ty\tB\n",
        "sample\tpopulation\tgroup\nA\tno\tx\nB\tno\ty\n",
        "FID\tIID\tcohort\tgroup\nF\tA\t1\tx\nF\tB\t1\ty\n",
        "sample\tcohort\nA\tx\nB\ty\n",
        "## a comment\nA\tx\nB\ty\nC\tNA\n\n\n",
        "\ufeffA\tx\r\nB\ty\r\n",
        "A\tx\nB\ty",
    ],
)
def test_groups(table: Callable[[str], Path], content: str) -> None:
    assert read_groups(table(content)) == {"A": "x", "B": "y"}


def test_group_names_with_blanks(table: Callable[[str], Path]) -> None:
    assert read_groups(table("A\tnorth west\n")) == {"A": "north west"}


def test_the_bundled_groups(data: Path) -> None:
    groups = read_groups(data / "population.groups.tsv")
    assert (len(groups), set(groups.values())) == (180, {"CEU", "YRI"})
    assert len(read_names(data / "population.founders.txt")) == 120


def test_sexes(table: Callable[[str], Path]) -> None:
    texts = ["1", "M", "male", "2", "f", "Female", "0", "NA", "U"]
    content = "#IID\tSEX\n" + "".join(f"{text}\t{text}\n" for text in texts)
    assert list(read_sexes(table(content)).values()) == [Sex.MALE] * 3 + [Sex.FEMALE] * 3 + [Sex.UNKNOWN] * 3


def test_names_keep_their_order(table: Callable[[str], Path]) -> None:
    assert read_names(table("B\nA\tfurther\nC\n\n")) == ("B", "A", "C")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("A\tx\nA\ty\n", "line 2: sample A again, first in line 1"),
        ("A\tx\n\nB\ty\n", "line 2: a blank line; remove it"),
        ("A\tx\nB\n", "line 2: 1 column, at least 2 expected; write sample and group, separated by a tab"),
        ("A\tx\nB\t\n", "line 2: the group is empty"),
        ("A\tx\n\tx\n", "line 2: the sample is empty"),
        ("", "holds no samples; write one sample and its group a line"),
        ("sample\tgroup\n", "holds no samples; write one sample and its group a line"),
        (b"A\tx\nB\t\xff\n", "byte 6 is not text in UTF-8"),
    ],
)
def test_bad_groups(table: Callable[[str | bytes], Path], content: str | bytes, message: str) -> None:
    path = table(content)
    with pytest.raises(InputError) as caught:
        read_groups(path)
    assert str(caught.value) == f"{path}: {message}"


def test_an_unknown_sex(table: Callable[[str], Path]) -> None:
    path = table("#IID SEX\nA 1\nB 3\n")
    with pytest.raises(InputError) as caught:
        read_sexes(path)
    assert str(caught.value) == (
        f"{path}: line 3: sex of sample B is '3'; write 1, M or male; 2, F or female; 0 or NA where unknown"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rs1\nrs2\nrs1\n", "line 3: variant rs1 again, first in line 1"),
        ("\nrs1\n", "line 1: a blank line; remove it"),
        ("\n\n", "holds no variant; write one variant a line"),
    ],
)
def test_bad_names(table: Callable[[str], Path], content: str, message: str) -> None:
    path = table(content)
    with pytest.raises(InputError) as caught:
        read_names(path, "variant")
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("name", ["absent.tsv", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"No such file|Is a directory"):
        read_names(tmp_path / name)
