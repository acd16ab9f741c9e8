"""The kernels that scan VCF text, against the textbook reader, on text that is right and text that is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genem.data import (
    ABSENT_ALLELE,
    MISSING_ALLELE,
    N_SPANS,
    SPAN_ALT,
    SPAN_CHROM,
    SPAN_FILTER,
    SPAN_ID,
    SPAN_INFO,
    SPAN_REF,
)
from genem.io.variants.genotype_count_kernels import count_fits
from genem.io.variants.vcf import kernels
from genem.io.variants.vcf.genotype_kernels import scan_genotypes
from genem.io.variants.vcf.likelihood_kernels import parse_decimal, scan_likelihoods
from tests.reference import vcf as reference

pytestmark = pytest.mark.kernel

ROOM = 6


def as_text(text: str) -> np.ndarray:
    return np.frombuffer(bytearray(text.encode()), np.uint8)


def lines_of(text: str, room: int) -> tuple[list[str], int, int]:
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    n_lines, consumed = kernels.find_lines(as_text(text), starts, ends)
    spans = zip(starts[:n_lines], ends[:n_lines], strict=True)
    return [text[start:end] for start, end in spans], n_lines, consumed


@given(st.lists(st.tuples(st.text("ab\t", max_size=150), st.sampled_from(["\n", "\r\n"]))), st.text("ab", max_size=90))
def test_lines_are_found_and_empty_ones_passed_over(lines: list[tuple[str, str]], rest: str) -> None:
    whole = "".join(line + end for line, end in lines)
    found, _, consumed = lines_of(whole + rest, len(lines) + 1)
    assert found == [line for line, _ in lines if line]
    assert consumed == len(whole)


def test_lines_beyond_the_room_are_counted() -> None:
    found, n_lines, consumed = lines_of("a\nb\nc\n", 2)
    assert (found, n_lines, consumed) == (["a", "b"], 3, 6)


def scan_line(line: str, n_samples: int) -> tuple[reference.Site | None, int]:
    """One line through the kernel, as the textbook reader would give it; and the error code."""
    text = as_text(line + "\n")
    starts, ends = np.array([0]), np.array([len(text) - 1])
    spans, format_spans = np.zeros((1, N_SPANS, 2), np.int64), np.zeros((1, 2), np.int64)
    position, n_alleles, same = np.zeros(1, np.int64), np.zeros(1, np.int32), np.ones(1, np.bool_)
    error = np.zeros(kernels.N_ERROR, np.int64)
    has_samples = n_samples > 0
    n_good = kernels.scan_sites(
        text, starts, ends, has_samples, has_samples, spans, format_spans, position, n_alleles, same, error
    )
    assert n_good == (error[kernels.ERROR_CODE] == kernels.FINE)
    if not n_good:
        return None, int(error[kernels.ERROR_CODE])

    def piece(span: int) -> str:
        return bytes(text[spans[0, span, 0] : spans[0, span, 1]]).decode()

    alt = piece(SPAN_ALT)
    alts = () if alt == "." else tuple(alt.split(","))
    assert n_alleles[0] == 1 + len(alts)
    assert not same[0]
    start, end = format_spans[0]
    format_ = tuple(line[start:end].split(":")) if has_samples else ()
    columns = tuple(line[end + 1 :].split("\t")) if has_samples else ()
    names = (piece(span) for span in (SPAN_CHROM, SPAN_ID, SPAN_REF))
    chrom, id_, ref = names
    found = reference.Site(
        chrom, int(position[0]), id_, ref, alts, piece(SPAN_FILTER), piece(SPAN_INFO), format_, columns
    )
    return found, kernels.FINE


columns_of_sites = st.tuples(
    st.sampled_from(["1", "chr22", "HLA:1"]),
    st.one_of(st.integers(0, 10**12).map(str), st.text("0123456789-x.", max_size=4)),
    st.sampled_from([".", "rs1"]),
    st.sampled_from(["A", "ACG", ""]),
    st.one_of(st.sampled_from([".", "C", "C,<DEL>", "*,G,T"]), st.text(".,C", max_size=4)),
    st.sampled_from([".", "30"]),
    st.sampled_from(["PASS", "q10;s50", ""]),
    st.sampled_from([".", "END=7;AA=C"]),
    st.sampled_from(["GT", "GT:PL"]),
    st.just("0/1"),
)


@given(columns_of_sites, st.integers(1, 10), st.integers(0, 1))
def test_site_columns_equal_the_textbook_reader(columns: tuple[str, ...], n_columns: int, n_samples: int) -> None:
    line = "\t".join(columns[:n_columns]) or "1"
    try:
        expected = reference.site(line, n_samples)
    except ValueError:
        expected = None
    found, code = scan_line(line, n_samples)
    if n_samples and n_columns == 9:  # a missing sample is found when samples are read
        assert expected is None
    else:
        assert found == expected, code


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("#CHROM\tPOS", kernels.HEADER_LINE),
        ("1\t5\t.\tA", kernels.TOO_FEW_COLUMNS),
        ("1\t5\t.\tA\tC\t.\t.\t.\tGT", kernels.TOO_MANY_COLUMNS),
        ("1\t5\t\tA\tC\t.\t.\t.", kernels.EMPTY_COLUMN),
        ("1\t5x\t.\tA\tC\t.\t.\t.", kernels.BAD_POSITION),
        ("1\t5\t.\tA\tC,,G\t.\t.\t.", kernels.EMPTY_ALLELE),
    ],
)
def test_malformed_sites_have_a_code(line: str, code: int) -> None:
    assert scan_line(line, 0) == (None, code)


def row_of(columns: list[str], format_: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample columns after a FORMAT column: the text, the span of FORMAT, the end of the line."""
    text = as_text(format_ + "\t" + "\t".join(columns) + "\n")
    return text, np.array([[0, len(format_)]]), np.array([len(text) - 1])


def scan_row(
    columns: list[str], format_: str, n_alleles: int, order: list[int] | None = None
) -> tuple[list[reference.Call], int] | int:
    """Calls of one record through the kernel and the largest ploidy; or the error code."""
    text, format_spans, ends = row_of(columns, format_)
    names = format_.split(":")
    gt_index = np.array([names.index("GT") if "GT" in names else -1])
    order = list(range(len(columns))) if order is None else order
    target = np.full(len(columns), -1)
    target[order] = np.arange(len(order))
    alleles = np.full((1, len(order), ROOM), 99, np.int8)
    phased = np.zeros((1, len(order)), np.bool_)
    error = np.zeros(kernels.N_ERROR, np.int64)
    in_file_order = order == list(range(len(columns)))
    ploidy = scan_genotypes(
        text,
        format_spans,
        ends,
        gt_index,
        np.array([n_alleles], np.int32),
        target,
        in_file_order,
        alleles,
        phased,
        error,
    )
    if error[kernels.ERROR_CODE] != kernels.FINE:
        return int(error[kernels.ERROR_CODE])
    calls = []
    for copies, phase in zip(alleles[0].tolist(), phased[0].tolist(), strict=True):
        present = [copy for copy in copies if copy != ABSENT_ALLELE]
        assert copies == present + [ABSENT_ALLELE] * (ROOM - len(present))
        calls.append(reference.Call(tuple(None if copy == MISSING_ALLELE else copy for copy in present), phase))
    return calls, ploidy


def expected_row(columns: list[str], format_: str, n_alleles: int) -> list[reference.Call] | None:
    names = tuple(format_.split(":"))
    try:
        return [reference.call(reference.field(column, names, "GT"), n_alleles) for column in columns]
    except ValueError:
        return None


regular_call = st.builds("".join, st.tuples(st.sampled_from("01."), st.sampled_from("/|"), st.sampled_from("01.")))
any_call = st.one_of(
    regular_call,
    st.sampled_from([".", "0", "1", "0/1/1", "1|0|1|2", "./.", "0/.", "|0|1", "/0", "10/2", "0|0/1"]),
    st.text("012./|", max_size=5),
    st.sampled_from(["0/x", "A", "0//1", "3/3", "-1/0", "0\\1", "999999999999999999999/0", "é"]),
)


@given(
    st.lists(regular_call, min_size=1, max_size=70),
    st.integers(2, 12),
    st.randoms(use_true_random=False),
)
def test_plain_diploid_calls_equal_the_textbook_reader(columns: list[str], n_alleles: int, random: object) -> None:
    order = list(range(len(columns)))
    for chosen in (None, random.sample(order, len(order) // 2)):  # type: ignore[attr-defined]
        expected = expected_row(columns, "GT", n_alleles)
        assert expected is not None
        wanted = expected if chosen is None else [expected[column] for column in chosen]
        assert scan_row(columns, "GT", n_alleles, chosen) == (wanted, 2)


@given(st.lists(any_call, min_size=1, max_size=6), st.integers(1, 12), st.sampled_from(["GT", "GT:DP", "DP:GT", "DP"]))
@example(["0/10", "."], 11, "GT")  # together as long as two plain calls
@example(["0", "0/0/1", "0/0"], 2, "GT")
def test_any_calls_equal_the_textbook_reader(calls: list[str], n_alleles: int, format_: str) -> None:
    filled = {"GT": "{}", "GT:DP": "{}:7", "DP:GT": "7:{}", "DP": "7"}[format_]
    columns = [filled.format(call) for call in calls]
    expected = expected_row(columns, format_, n_alleles)
    found = scan_row(columns, format_, n_alleles)
    if expected is None:
        assert found in (kernels.BAD_CALL, kernels.ALLELE_BEYOND_ALT)
    else:
        assert found == (expected, max(len(call.copies) for call in expected))


@pytest.mark.parametrize(("columns", "code"), [(1, kernels.TOO_FEW_SAMPLES), (3, kernels.TOO_MANY_SAMPLES)])
@pytest.mark.parametrize("call", ["0/0", "0"])
def test_the_number_of_samples_must_be_right(columns: int, code: int, call: str) -> None:
    text, format_spans, ends = row_of([call] * columns, "GT")
    error = np.zeros(kernels.N_ERROR, np.int64)
    alleles, phased = np.zeros((1, 2, 2), np.int8), np.zeros((1, 2), np.bool_)
    one, zero = np.array([2], np.int32), np.array([0])
    scan_genotypes(text, format_spans, ends, zero, one, np.arange(2), True, alleles, phased, error)
    assert error[kernels.ERROR_CODE] == code
    assert error[kernels.ERROR_COUNT] == columns


def test_copies_beyond_the_room_are_counted() -> None:
    found = scan_row(["0/0", "/".join("0" * (ROOM + 3))], "GT", 2)
    assert isinstance(found, tuple)
    assert found[1] == ROOM + 3


def scan_values(columns: list[str], format_: str, name: str, n_alleles: int) -> list[list[float]] | None:
    """Likelihoods of one record through the kernel, slow decimals left to Python; None where it refuses."""
    text, format_spans, ends = row_of(columns, format_)
    names = format_.split(":")
    index = [np.array([names.index(key) if key in names else -1]) for key in (name, "GT")]
    n, room, decimal = len(columns), 30, name != "PL"
    phred = np.full((1, n, 0 if decimal else room), -1, np.int32)
    decimals = np.full((1, n, room if decimal else 0), np.nan, np.float32)
    n_values = np.zeros((1, n), np.int32)
    slow = np.zeros((100, 5), np.int64)
    error = np.zeros(kernels.N_ERROR, np.int64)
    widest, n_slow = scan_likelihoods(
        text, format_spans, ends, *index, np.array([n_alleles], np.int32), np.arange(n), decimal, phred, decimals,
        n_values, slow, error,
    )  # fmt: skip
    if error[kernels.ERROR_CODE] != kernels.FINE:
        return None
    assert widest == max(1, n_values.max())
    for _, sample, place, start, end in slow[:n_slow]:
        try:
            decimals[0, sample, place] = reference.decimal(bytes(text[start:end]).decode())
        except ValueError:
            return None
    values = decimals if decimal else phred
    return [values[0, sample, : n_values[0, sample]].tolist() for sample in range(n)]


phred_text = st.one_of(
    st.integers(0, 300).map(str),
    st.sampled_from(
        [".", "0", "100000", "2147483647", "2147483648", "99999999999999999999", "-5", "x", "1x", "", "--1"]
    ),
)
decimal_text = st.one_of(
    st.floats(-400, 0).map(repr),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.integers(-(10**18), 10**18).map(str),
    st.sampled_from(["", ".", "-", "-0.48", "0", "-0", "+1.5e+2", ".5", "5.", "1_0", "1.2.3", "e5", "0x1p3"]),
    st.sampled_from(["1e", "1e-45", "1e22", "1e23", "1e30", "1e39", "-1e400", "1e-400", "-inf", "-Infinity", "inf"]),
    st.sampled_from(["nan", "0.1000000000000000055", "9007199254740993"]),
)


@st.composite
def value_rows(draw: st.DrawFn, name: str) -> tuple[list[str], int]:
    """Columns GT:PL (or GL) whose numbers of values mostly fit, and the number of alleles."""
    n_alleles = draw(st.integers(1, 4))
    value = phred_text if name == "PL" else decimal_text
    columns = []
    for _ in range(draw(st.integers(1, 3))):
        gt = draw(st.sampled_from([".", "./.", "0", "0/0", "0|0", "0/0/0", "|0"]))
        ploidy = reference.known_ploidy(gt) or draw(st.integers(1, 3))
        fitting = next(n for n in range(1, 100) if reference.count_fits(n, n_alleles, ploidy))
        count = draw(st.one_of(st.just(fitting), st.just(fitting), st.integers(1, 6)))
        ordinary = st.sampled_from(["0", "7", "."])
        values = [draw(ordinary) for _ in range(count)]
        values[draw(st.integers(0, count - 1))] = draw(value)
        text = draw(st.sampled_from([f"{gt}:{','.join(values)}"] * 4 + [gt, f"{gt}:."]))
        columns.append(text)
    return columns, n_alleles


@pytest.mark.parametrize("name", ["PL", "GL"])
@given(data=st.data())
def test_likelihoods_equal_the_textbook_reader(name: str, data: st.DataObject) -> None:
    columns, n_alleles = data.draw(value_rows(name))
    format_ = f"GT:{name}"
    names = ("GT", name)
    try:
        expected = [
            reference.likelihoods(
                reference.field(column, names, name),
                name,
                n_alleles,
                reference.known_ploidy(reference.field(column, names, "GT")),
            )
            for column in columns
        ]
    except ValueError:
        expected = None
    found = scan_values(columns, format_, name, n_alleles)
    if expected is None or found is None:
        assert found == expected
    else:
        np.testing.assert_equal(found, expected)


@given(st.one_of(decimal_text, st.from_regex(reference.DECIMAL, fullmatch=True)))
def test_decimals_are_rounded_as_by_strtod(text: str) -> None:
    value, exact = parse_decimal(as_text(text), 0, len(text.encode()))
    if exact:
        assert reference.DECIMAL.fullmatch(text)
        assert value == float(text)


@given(st.integers(1, 40), st.integers(1, 12), st.one_of(st.none(), st.integers(1, 6)))
def test_the_number_of_genotypes_fits_the_ploidy(count: int, n_alleles: int, ploidy: int | None) -> None:
    assert count_fits(count, n_alleles, ploidy or 0) == reference.count_fits(count, n_alleles, ploidy)


def site_spans(ref: str, alt: str, info: str) -> tuple[np.ndarray, np.ndarray]:
    text = as_text(ref + alt + info)
    spans = np.zeros((1, N_SPANS, 2), np.int64)
    spans[0, SPAN_REF] = 0, len(ref)
    spans[0, SPAN_ALT] = len(ref), len(ref + alt)
    spans[0, SPAN_INFO] = len(ref + alt), len(text)
    return text, spans


@pytest.mark.parametrize(
    ("ref", "info", "last"),
    [("A", ".", 100), ("ACG", "NS=3", 102), ("A", "NS=3;END=250;X", 250), ("AC", "END=99", 101), ("A", "ENDS=300", 100),
     ("A", "CIEND=300;BEND=7", 100), ("A", "END=x", 100)],
)  # fmt: skip
def test_the_end_of_a_record(ref: str, info: str, last: int) -> None:
    found = np.zeros(1, np.int64)
    kernels.find_record_ends(*site_spans(ref, "C", info), np.array([100]), found)
    assert found[0] == last


@pytest.mark.parametrize(
    ("ref", "alt", "prefix"),
    [("A", "C", 0), ("A", "AT", 1), ("TC", "T", 1), ("ACG", "AC,ACT", 2), ("ACG", "AC,G", 0), ("A", "<DEL>", 0),
     ("ACG", "ACGT", 3)],
)  # fmt: skip
def test_the_unchanged_prefix(ref: str, alt: str, prefix: int) -> None:
    found = np.zeros(1, np.int64)
    kernels.find_unchanged_prefix(*site_spans(ref, alt, "."), found)
    assert found[0] == prefix


@pytest.mark.parametrize(
    ("ref", "alt", "is_snp"),
    [("A", "C", True), ("a", "g,T,N", True), ("A", ".", False), ("AC", "G", False), ("A", "AT", False),
     ("A", "C,AT", False), ("A", "*", False), ("A", "C,<DEL>", False), ("A", "C,*", False)],
)  # fmt: skip
def test_snps_have_single_bases_only(ref: str, alt: str, is_snp: bool) -> None:
    found = np.zeros(1, np.bool_)
    kernels.find_snps(*site_spans(ref, alt, "."), found)
    assert found[0] == is_snp


@pytest.mark.parametrize(("format_", "index"), [("GT", 0), ("DP:GT", 1), ("GTX:AGT:G", -1), ("GT:AD:PL", 0), (".", -1)])
def test_the_place_of_a_format_key(format_: str, index: int) -> None:
    found = np.zeros(1, np.int64)
    kernels.find_format_key(as_text(format_), np.array([[0, len(format_)]]), ord("G"), ord("T"), found)
    assert found[0] == index


def test_sites_are_packed_end_to_end() -> None:
    text = as_text("junk1\t5\t.\tA\tC\t.\tq\tI rest")
    spans = np.array([[[4, 5], [8, 9], [10, 11], [12, 13], [16, 17], [18, 19]]] * 2)
    packed = np.zeros(30, np.uint8)
    kernels.pack_sites(text, spans, packed)
    assert bytes(packed) == b"1\t5\t.\tA\tC\t.\tq\tI" * 2
    for row in range(2):
        assert [bytes(packed[start:end]) for start, end in spans[row]] == [b"1", b".", b"A", b"C", b"q", b"I"]


@given(st.lists(st.sampled_from(["PASS", "PASS;q10", "q10", "."])))
def test_where_a_field_changes(values: list[str]) -> None:
    ends = np.cumsum([0, *map(len, values)])
    changes = np.zeros(len(values), np.bool_)
    kernels.find_changes(as_text("".join(values)), np.stack([ends[:-1], ends[1:]], axis=1), changes)
    assert changes.tolist() == [row == 0 or values[row] != values[row - 1] for row in range(len(values))]
