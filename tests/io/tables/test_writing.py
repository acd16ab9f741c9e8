"""The table writer: decimals equal to C's %.10g, cells of every kind, headers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genem import __version__
from genem.io.tables import kernels as table_kernels
from genem.io.tables.kernels import FLOAT_WIDTH, SMALLEST
from genem.io.tables.writing import (
    MISSING_INTEGER,
    Cells,
    FloatLists,
    FullFloats,
    Labels,
    TableWriter,
    TextSpans,
    format_float,
    powers_of_ten,
)
from tests.reference import tables as reference

HARD_VALUES = [
    0.0, -0.0, 1.0, -1.0, 0.1 + 0.2, 1 / 3, 2 / 3, 1e22, 1e23, 9999999999.5, 9999999998.5, 99999999995.0, 999999999.95,
    0.99999999995, 0.9999999999499999, 1e10, 1e9, 9999999999.0, 9.9999999995e-5, 0.0001, 0.00001, 1e-5, 123456789.05,
    2.5, 0.5, 1.5, 1234567890.5, 1234567891.5, 12345678905.0, 12345678915.0, 1e-13, 9.99999999995e-14, 1e-14, 1e32,
    9.9999999999e31, 1.0000000001e32, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e-280, 1e280,
    np.nextafter(1e-280, 0), np.nextafter(1e280, np.inf), float("inf"), float("-inf"), float("nan"), 2.0**-30, 3.0**40,
]  # fmt: skip


def written(block: dict[str, Cells], *, header: bool = False) -> str:
    stream = io.BytesIO()
    TableWriter(stream, dict.fromkeys(block, ""), header=header).write(block)
    return stream.getvalue().decode()


def column(cells: Cells) -> list[str]:
    return written({"X": cells}).splitlines()


def assert_printed_as_by_c(values: NDArray[np.float64]) -> None:
    expected = ["0" if value == 0 else "NA" if value != value else "%.10g" % value for value in values.tolist()]  # noqa: UP031
    assert column(values) == expected


@pytest.mark.kernel
@pytest.mark.parametrize("value", HARD_VALUES, ids=repr)
def test_hard_values(value: float) -> None:
    for signed in (value, -value):
        assert column(np.array([signed])) == [reference.ten_significant_digits(signed)]
        assert format_float(signed) == reference.ten_significant_digits(signed)


@pytest.mark.kernel
@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_any_double(values: list[float]) -> None:
    assert column(np.array(values)) == [reference.ten_significant_digits(value) for value in values]


@pytest.mark.kernel
@given(st.integers(10**9, 10**10), st.integers(-300, 300), st.integers(-3, 3))
def test_near_halves(digits: int, exponent: int, steps: int) -> None:
    """The doubles around a decimal with eleven digits that ends in 5, at every exponent."""
    value = float(f"{digits}5e{exponent - 11}")
    for _ in range(abs(steps)):
        value = float(np.nextafter(value, np.inf if steps > 0 else 0.0))
    assert column(np.array([value])) == [reference.ten_significant_digits(value)]


@pytest.mark.kernel
@given(st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True), st.integers(0, 2**30))
def test_ties_of_binary_fractions(powers: list[int], whole: int) -> None:
    value = whole + sum(0.5**power for power in powers)
    assert column(np.array([value])) == [reference.ten_significant_digits(value)]


def test_a_million_doubles_as_printf() -> None:
    rng = np.random.default_rng(7)
    n = 100_000
    ten_digits = rng.integers(10**9, 10**10, n)
    for values in (
        rng.random(n),
        rng.standard_normal(n),
        10.0 ** rng.uniform(-320, 308, n),
        rng.integers(0, 2**63, n).view(np.float64),
        -rng.integers(0, 2**63, n).view(np.float64),
        rng.integers(0, 10**12, n) / 8.0,
        ten_digits + 0.5,
        (2 * ten_digits + 1) * 5.0 * 10.0 ** rng.integers(-30, 30, n),
        np.round(rng.random(n), 11),
        rng.integers(0, 10**6, n) / rng.integers(1, 10**6, n),
        np.nextafter(10.0 ** rng.integers(-300, 300, n), rng.choice([0.0, np.inf], n)),
    ):
        assert_printed_as_by_c(values)


def test_the_kernel_leaves_next_to_nothing_to_python() -> None:
    values = 10.0 ** np.random.default_rng(8).uniform(-279, 279, 100_000)
    text, lengths = np.empty(values.size * FLOAT_WIDTH, np.uint8), np.empty(values.size, np.int64)
    assert table_kernels.format_floats(values, powers_of_ten(), text, lengths) == 0


@pytest.mark.kernel
def test_what_the_kernel_leaves_is_marked() -> None:
    values = np.array([0.5, float("inf"), SMALLEST / 2, 5e-324, float("nan")])
    text, lengths = np.empty(values.size * FLOAT_WIDTH, np.uint8), np.empty(values.size, np.int64)
    assert table_kernels.format_floats(values, powers_of_ten(), text, lengths) == 3
    assert lengths.tolist() == [3, 0, 0, 0, 2]


@pytest.mark.kernel
@given(st.floats(1e-100, 1e100), st.floats(1e-100, 1e100))
def test_the_product_error_is_exact(a: float, b: float) -> None:
    product = a * b
    error = table_kernels.product_error(a, b, product)
    if 1e-200 < product < 1e200:
        assert Fraction(product) + Fraction(error) == Fraction(a) * Fraction(b)


def test_the_powers_of_ten_are_pairs_of_doubles() -> None:
    powers = powers_of_ten()
    for k in range(-271, 290):
        high, low = map(Fraction, powers[k + table_kernels.POWER_OFFSET].tolist())
        exact = Fraction(10) ** k
        assert high == Fraction(float(exact))
        assert abs(high + low - exact) <= exact / 2**105


@pytest.mark.kernel
@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1, max_size=20))
def test_integers(values: list[int]) -> None:
    assert column(np.array(values)) == [str(value) for value in values]


@pytest.mark.kernel
def test_a_missing_integer() -> None:
    assert column(np.array([MISSING_INTEGER, 0, -1, 10, 2**63 - 1])) == ["NA", "0", "-1", "10", str(2**63 - 1)]
    for dtype in (np.int8, np.int32, np.uint16):
        assert column(np.array([0, 7, 100], dtype)) == ["0", "7", "100"]


@pytest.mark.kernel
@given(st.lists(st.lists(st.floats(), max_size=4), min_size=1, max_size=8))
def test_lists_of_numbers(rows: list[list[float]]) -> None:
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    values = np.array([value for row in rows for value in row])
    assert column(FloatLists(values, offsets)) == [reference.list_cell(row) for row in rows]


@pytest.mark.kernel
def test_text_spans() -> None:
    text = np.frombuffer("22rs1.Tδ".encode(), np.uint8)
    spans = np.array([[0, 2], [2, 5], [5, 6], [6, 7], [7, 9], [3, 3], [9, 9]])
    assert column(TextSpans(text, spans)) == ["22", "rs1", "NA", "T", "δ", "NA", "NA"]
    assert column(TextSpans(text, spans[:2])) == ["22", "rs1"]
    assert column(TextSpans(np.empty(0, np.uint8), np.zeros((2, 2), np.int64))) == ["NA", "NA"]


@pytest.mark.kernel
def test_labels_strings_and_full_floats() -> None:
    assert column(Labels(("converged", "max_iter"), np.array([1, 0, -1], np.int8))) == ["max_iter", "converged", "NA"]
    assert column(["a", "", "β"]) == ["a", "NA", "β"]
    assert column(FullFloats(np.array([-1 / 3, np.nan, 1e300]))) == ["-0.3333333333333333", "NA", "1e+300"]


@pytest.mark.kernel
@given(st.lists(st.tuples(st.text("ab", min_size=1), st.integers(), st.floats()), min_size=1, max_size=9))
def test_rows(cells: list[tuple[str, int, float]]) -> None:
    names, integers, numbers = zip(*cells, strict=True)
    small = [value % 1000 for value in integers]
    expected = reference.rows([names, list(map(str, small)), list(map(reference.ten_significant_digits, numbers))])
    assert written({"A": names, "B": np.array(small), "C": np.array(numbers)}) == expected


def test_columns_share_one_text() -> None:
    text = np.frombuffer(b"AC", np.uint8)
    ref, alt = TextSpans(text, np.array([[0, 1]])), TextSpans(text, np.array([[1, 2]]))
    assert written({"REF": ref, "ALT": alt, "POS": np.array([7])}) == "A\tC\t7\n"


def test_the_header_says_what_the_columns_mean() -> None:
    stream = io.BytesIO()
    columns = {"POS": "position, 1-based", "AF": "frequency of each ALT allele"}
    table = TableWriter(stream, columns, notes={"log_likelihood": "-12.5"})
    assert stream.getvalue().decode().splitlines() == [
        f"##genem_version={__version__}",
        "##log_likelihood=-12.5",
        '##column=<ID=POS,Description="position, 1-based">',
        '##column=<ID=AF,Description="frequency of each ALT allele">',
        "POS\tAF",
    ]
    header = stream.getvalue()
    table.write({"AF": np.empty(0), "POS": np.empty(0, np.int64)})
    assert stream.getvalue() == header
    table.write({"AF": np.array([0.5]), "POS": np.array([3])})
    assert stream.getvalue() == header + b"3\t0.5\n"


def test_pieces_concatenate_to_the_whole() -> None:
    position, frequency = np.arange(10), np.linspace(0, 1, 10)
    whole = written({"POS": position, "AF": frequency}, header=True)
    first = written({"POS": position[:4], "AF": frequency[:4]}, header=True)
    assert whole == first + written({"POS": position[4:], "AF": frequency[4:]})


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"A": np.zeros(2)}, "columns differ from the table's: ['B']"),
        ({"A": np.zeros(2), "B": np.zeros(2), "C": np.zeros(2)}, "columns differ from the table's: ['C']"),
        ({"A": np.zeros(2), "B": np.zeros(3)}, "columns of different lengths: [2, 3]"),
    ],
)
def test_wrong_columns(block: dict[str, Cells], message: str) -> None:
    with pytest.raises(ValueError, match="columns") as caught:
        TableWriter(io.BytesIO(), {"A": "", "B": ""}).write(block)
    assert str(caught.value) == message


def test_a_column_of_booleans_is_refused() -> None:
    with pytest.raises(TypeError, match="a column of bool"):
        column(np.array([True]))


@pytest.mark.parametrize("values", [np.arange(6.0)[::2], np.arange(6.0, dtype=np.float32), np.arange(6)[::-2]], ids=str)
def test_arrays_of_any_layout(values: NDArray[np.floating] | NDArray[np.integer]) -> None:
    expected: Sequence[str] = ["%.10g" % value for value in values]  # noqa: UP031
    assert column(values) == expected
