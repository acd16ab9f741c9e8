"""Hypothesis strategies: VCF texts, with what a reader must find in them."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Literal

from hypothesis import strategies as st

MalformedKind = Literal[
    "pl_count",
    "pl_not_number",
    "pl_negative",
    "allele_beyond_alt",
    "gt_not_number",
    "position_not_number",
    "too_few_columns",
    "too_many_columns",
]

CONTIGS = ("1", "22", "HLA:1", "chrX")
FILTERS = ("q10", "s50")
LIKELIHOOD_FIELDS = ("PL", "GL", "GP")
FORMAT_TYPES = {
    "GT": ("1", "String"),
    "AD": ("R", "Integer"),
    "DP": ("1", "Integer"),
    "PL": ("G", "Integer"),
    "GL": ("G", "Float"),
    "GP": ("G", "Float"),
}
LONG_INFO = 70_000  # longer than a BGZF block


@dataclass(frozen=True)
class Call:
    """What one sample has in one record.

    ``alleles`` is None where FORMAT has no GT; a missing copy is None in the tuple, and GT ``.`` is ``(None,)``.
    ``likelihoods`` maps a field to its values (None: a ``.`` among them), or to None where the field is missing.
    """

    alleles: tuple[int | None, ...] | None
    phased: bool
    likelihoods: dict[str, tuple[float | None, ...] | None]


@dataclass(frozen=True)
class Record:
    contig: str
    position: int
    id: str
    ref: str
    alts: tuple[str, ...]
    filter: str
    info: str
    format: tuple[str, ...]
    calls: tuple[Call, ...]
    line: str


@dataclass(frozen=True)
class Vcf:
    text: bytes
    samples: tuple[str, ...]
    records: tuple[Record, ...]


@dataclass(frozen=True)
class MalformedVcf:
    """A VCF whose record number ``record`` (1-based) is malformed; ``sample`` and ``field`` where they apply."""

    text: bytes
    kind: MalformedKind
    record: int
    sample: str | None
    field: str | None


def n_genotypes(n_alleles: int, ploidy: int) -> int:
    return comb(n_alleles + ploidy - 1, ploidy)


@st.composite
def vcfs(
    draw: st.DrawFn,
    *,
    min_records: int = 0,
    max_records: int = 8,
    min_samples: int = 0,
    max_samples: int = 5,
    max_ploidy: int = 3,
    contig_lines: bool | None = None,
    crlf: bool | None = None,
    fields: tuple[str, ...] = tuple(FORMAT_TYPES),
    always: tuple[str, ...] = (),
) -> Vcf:
    """Valid VCF files, sorted by contig and position.

    ``contig_lines`` and ``crlf``: with, without, or (None) either. ``fields``: FORMAT fields that may occur;
    ``always``: those that every record has.
    """
    samples = tuple(f"S{number}" for number in range(draw(st.integers(min_samples, max_samples))))
    places = draw(st.lists(st.tuples(st.integers(0, len(CONTIGS) - 1), _positions), min_size=min_records,
                           max_size=max_records))  # fmt: skip
    records = tuple(
        draw(_records(CONTIGS[contig], position, len(samples), max_ploidy, fields, always))
        for contig, position in sorted(places)
    )
    with_contigs = draw(st.booleans()) if contig_lines is None else contig_lines
    line_end = "\r\n" if (draw(st.booleans()) if crlf is None else crlf) else "\n"
    return Vcf(_text(samples, [record.line for record in records], with_contigs, line_end), samples, records)


@st.composite
def malformed_vcfs(draw: st.DrawFn, kinds: tuple[MalformedKind, ...]) -> MalformedVcf:
    """VCF files with exactly one malformed record, of one of the given kinds, among valid ones."""
    kind = draw(st.sampled_from(kinds))
    base = draw(vcfs(min_records=1, min_samples=1, contig_lines=True, crlf=False, always=("GT", "PL")))
    row = draw(st.integers(0, len(base.records) - 1))
    sample = draw(st.integers(0, len(base.samples) - 1))
    record = base.records[row]
    columns = record.line.split("\t")
    values = columns[9 + sample].split(":")
    values += ["."] * (len(record.format) - len(values))
    gt, pl = record.format.index("GT"), record.format.index("PL")
    n_alleles = 1 + len(record.alts)
    n_values = n_genotypes(n_alleles, 2)
    values[gt], values[pl] = "0/0", ",".join(["0"] * n_values)
    field: str | None = "PL" if kind.startswith("pl_") else "GT"
    if kind == "pl_count":
        values[pl] = ",".join(["0"] * draw(st.integers(1, n_values + 3).filter(lambda n: n != n_values)))
    elif kind == "pl_not_number":
        values[pl] = ",".join(["0"] * (n_values - 1) + [draw(st.sampled_from(["x", "1x", "", "--1", "1e"]))])
    elif kind == "pl_negative":
        values[pl] = ",".join(["0"] * (n_values - 1) + ["-5"])
    elif kind == "allele_beyond_alt":
        values[gt] = f"0/{n_alleles + draw(st.integers(0, 3))}"
    elif kind == "gt_not_number":
        values[gt] = draw(st.sampled_from(["0/x", "A/C", "0/", "/", "0//0", "-1/0"]))
    else:
        field = None
    columns[9 + sample] = ":".join(values)
    if kind == "position_not_number":
        columns[1] = draw(st.sampled_from(["x", "", "1e3", "-5"]))
    elif kind == "too_few_columns":
        columns = columns[: draw(st.integers(1, len(columns) - 1))]
    elif kind == "too_many_columns":
        columns.append("0/0")
    lines = [other.line for other in base.records]
    lines[row] = "\t".join(columns)
    named = base.samples[sample] if field else None
    return MalformedVcf(_text(base.samples, lines, True, "\n"), kind, row + 1, named, field)


_positions = st.one_of(st.integers(1, 200), st.integers(1, 400_000), st.just(2**29 - 100))
_ids = st.sampled_from([".", ".", "rs12", "a;b", "x" * 40])
_bases = st.text("ACGTN", min_size=1, max_size=6)
_alts = st.one_of(
    st.sampled_from("ACGT"), _bases, st.sampled_from(["<DEL>", "<DUP:TANDEM>", "*", "<*>", "N[22:321682[", "acgt"])
)
_filters = st.sampled_from([".", "PASS", *FILTERS, ";".join(FILTERS)])
_infos = st.sampled_from([".", "NS=3", "FLAG", "NS=3;FLAG;AA=c", ".", "NS=3", "FLAG", "AA=" + "A" * LONG_INFO])
_phred = st.one_of(
    st.integers(0, 100), st.integers(0, 40_000), st.sampled_from([0, 120, 127, 128, 255, 32768, 100_000])
)
_log10 = st.sampled_from(["0", "-0.48", "-1.5", "-12.3456", "-1e-05", "-308.25", "-0.000123", "-99", "0.0"])
_probability = st.sampled_from(["0", "1", "0.5", "0.333333", "1e-08", "0.99999", ".25"])


@st.composite
def _records(
    draw: st.DrawFn,
    contig: str,
    position: int,
    n_samples: int,
    max_ploidy: int,
    fields: tuple[str, ...],
    always: tuple[str, ...],
) -> Record:
    ref = draw(_bases)
    alts = tuple(draw(st.lists(_alts.filter(lambda alt: alt != ref), max_size=4, unique=True)))
    others = draw(st.permutations([f for f in fields if f != "GT" and (f in always or draw(st.booleans()))]))
    has_gt = "GT" in fields and ("GT" in always or not others or draw(st.integers(0, 9)) > 0)
    format_ = ("GT", *others) if has_gt else tuple(others)
    drawn = [draw(_calls(format_, 1 + len(alts), max_ploidy)) for _ in range(n_samples)] if format_ else []
    id_, filter_, info = draw(_ids), draw(_filters), draw(_infos)
    quality = draw(st.sampled_from([".", "30", "12.5"]))
    columns = [contig, str(position), id_, ref, ",".join(alts) or ".", quality, filter_, info]
    if n_samples:
        columns += [":".join(format_) or ".", *(text for _, text in drawn)]
    calls = tuple(call for call, _ in drawn)
    return Record(contig, position, id_, ref, alts, filter_, info, format_, calls, "\t".join(columns))


@st.composite
def _calls(draw: st.DrawFn, format_: tuple[str, ...], n_alleles: int, max_ploidy: int) -> tuple[Call, str]:
    alleles: tuple[int | None, ...] | None = None
    phased = False
    values: list[str] = []
    likelihoods: dict[str, tuple[float | None, ...] | None] = {}
    ploidy = draw(st.integers(1, max_ploidy))
    for field in format_:
        if field == "GT":
            alleles, phased, text = draw(_genotypes(n_alleles, ploidy))
        elif field in LIKELIHOOD_FIELDS:
            likelihoods[field], text = draw(_likelihoods(field, n_genotypes(n_alleles, ploidy)))
        else:
            n_values = n_alleles if field == "AD" else 1
            text = draw(st.one_of(st.just("."), st.just(",".join(["7"] * n_values))))
        values.append(text)
    if draw(st.booleans()):  # trailing missing values need not be written
        while len(values) > 1 and values[-1] == ".":
            values.pop()
    return Call(alleles, phased, likelihoods), ":".join(values)


@st.composite
def _genotypes(draw: st.DrawFn, n_alleles: int, ploidy: int) -> tuple[tuple[int | None, ...], bool, str]:
    if draw(st.integers(0, 9)) == 0:
        return (None,), False, "."
    allele = st.one_of(st.integers(0, n_alleles - 1), st.integers(0, n_alleles - 1), st.none())
    alleles = tuple(draw(allele) for _ in range(ploidy))
    all_separators = draw(st.sampled_from(["/", "|", None]))
    separators = [all_separators or draw(st.sampled_from("/|")) for _ in range(ploidy - 1)]
    names = ["." if copy is None else str(copy) for copy in alleles]
    text = names[0] + "".join(separator + name for separator, name in zip(separators, names[1:], strict=True))
    return alleles, ploidy > 1 and all(separator == "|" for separator in separators), text


@st.composite
def _likelihoods(draw: st.DrawFn, field: str, n_values: int) -> tuple[tuple[float | None, ...] | None, str]:
    if draw(st.integers(0, 4)) == 0:
        return None, "."
    value = {"PL": _phred.map(str), "GL": _log10, "GP": _probability}[field]
    texts = [draw(value) for _ in range(n_values)]
    if n_values > 1 and draw(st.integers(0, 4)) == 0:
        texts[draw(st.integers(0, n_values - 1))] = "."
    values = tuple(None if text == "." else float(text) for text in texts)
    return values, ",".join(texts)


def _text(samples: tuple[str, ...], lines: list[str], contig_lines: bool, line_end: str) -> bytes:
    header = ["##fileformat=VCFv4.3"]
    if contig_lines:
        header += [f"##contig=<ID={contig}>" for contig in CONTIGS]
    header += [f'##FILTER=<ID={name},Description="a filter">' for name in FILTERS]
    header += [
        '##INFO=<ID=NS,Number=1,Type=Integer,Description="samples, with data">',
        '##INFO=<ID=FLAG,Number=0,Type=Flag,Description="a flag">',
        '##INFO=<ID=END,Number=1,Type=Integer,Description="last base">',
        '##INFO=<ID=AA,Number=1,Type=String,Description="ancestral">',
    ]
    header += [
        f'##FORMAT=<ID={field},Number={number},Type={kind},Description="{field}">'
        for field, (number, kind) in FORMAT_TYPES.items()
    ]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if samples:
        columns += ["FORMAT", *samples]
    return "".join(line + line_end for line in [*header, "\t".join(columns), *lines]).encode()
