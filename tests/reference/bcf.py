"""BCF2 read and written one value at a time, straight from the VCF specification, version 4.3, section 6.3."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

INT8, INT16, INT32, FLOAT, CHAR = 1, 2, 3, 5, 7
STRUCT_CODES = {INT8: "b", INT16: "h", INT32: "i", FLOAT: "I"}  # floats as bit patterns, to tell the sentinels apart
MISSING = {INT8: -(2**7), INT16: -(2**15), INT32: -(2**31), FLOAT: 0x7F800001}
END = {INT8: -(2**7) + 1, INT16: -(2**15) + 1, INT32: -(2**31) + 1, FLOAT: 0x7F800002}


@dataclass
class Field:
    """One FORMAT field: its number, its type, and for each sample equally many raw values."""

    key: int
    kind: int
    samples: list[list[int]]


@dataclass
class Record:
    contig: int = 0
    position0: int = 99
    rlen: int | None = None
    id: bytes = b""
    alleles: tuple[bytes, ...] = (b"A", b"C")
    filters: tuple[int, ...] = (0,)
    n_info: int = 0
    fields: list[Field] = field(default_factory=list)
    n_samples: int = 0


def encode_typed(kind: int, values: list[int] | bytes) -> bytes:
    count = len(values)
    head = bytes([kind | min(count, 15) << 4])
    if count >= 15:
        head += encode_typed(INT32, [count])
    if isinstance(values, bytes):
        return head + values
    return head + b"".join(struct.pack("<" + STRUCT_CODES[kind], value) for value in values)


def encode_record(record: Record) -> bytes:
    rlen = len(record.alleles[0]) if record.rlen is None else record.rlen
    shared = struct.pack("<iiif", record.contig, record.position0, rlen, 30.0)
    shared += struct.pack("<HH", record.n_info, len(record.alleles))
    shared += struct.pack("<I", record.n_samples | len(record.fields) << 24)
    shared += encode_typed(CHAR, record.id)
    shared += b"".join(encode_typed(CHAR, allele) for allele in record.alleles)
    shared += encode_typed(INT8, list(record.filters))
    individual = b""
    for values in record.fields:
        count = len(values.samples[0]) if values.samples else 0
        flat = [value for sample in values.samples for value in sample]
        head = encode_typed(values.kind, [0] * count)
        head = head[: len(head) - count * struct.calcsize("<" + STRUCT_CODES[values.kind])]
        packed = b"".join(struct.pack("<" + STRUCT_CODES[values.kind], value) for value in flat)
        individual += encode_typed(INT8, [values.key]) + head + packed
    return struct.pack("<II", len(shared), len(individual)) + shared + individual


def decode_typed(data: bytes, at: int) -> tuple[int, list[int] | bytes, int]:
    kind, count, at = _descriptor(data, at)
    if kind == CHAR:
        return kind, data[at : at + count], at + count
    values, at = _values(data, at, kind, count)
    return kind, values, at


def decode_record(data: bytes, at: int) -> tuple[Record, int]:
    """The record at a byte, and the byte after it."""
    n_shared, n_individual = struct.unpack_from("<II", data, at)
    contig, position0, rlen, _ = struct.unpack_from("<iiif", data, at + 8)
    n_info, n_alleles = struct.unpack_from("<HH", data, at + 24)
    (samples_and_format,) = struct.unpack_from("<I", data, at + 28)
    n_samples, n_format = samples_and_format & 0xFFFFFF, samples_and_format >> 24
    _, id_, cursor = decode_typed(data, at + 32)
    alleles = []
    for _ in range(n_alleles):
        _, allele, cursor = decode_typed(data, cursor)
        alleles.append(bytes(allele))
    _, filters, _ = decode_typed(data, cursor)
    cursor = at + 8 + n_shared
    fields = []
    for _ in range(n_format):
        _, key, cursor = decode_typed(data, cursor)
        kind, count, cursor = _descriptor(data, cursor)
        samples: list[list[int]] = []
        for _ in range(n_samples):
            if kind == CHAR:
                values, cursor = list(data[cursor : cursor + count]), cursor + count
            else:
                values, cursor = _values(data, cursor, kind, count)
            samples.append(values)
        fields.append(Field(key[0], kind, samples))
    record = Record(contig, position0, rlen, bytes(id_), tuple(alleles), tuple(filters), n_info, fields, n_samples)
    return record, at + 8 + n_shared + n_individual


def call(codes: list[int], kind: int) -> tuple[tuple[int | None, ...], bool]:
    """Alleles (None: missing) and phase of one sample's GT codes."""
    codes = codes[: codes.index(END[kind])] if END[kind] in codes else codes
    if not codes:
        return (None,), False
    missing = (0, 1, MISSING[kind])
    alleles = tuple(None if code in missing else (code >> 1) - 1 for code in codes)
    return alleles, len(codes) > 1 and all(code & 1 and code != MISSING[kind] for code in codes[1:])


def likelihoods(values: list[int], kind: int) -> list[float | None]:
    """A sample's likelihoods (None: a missing one); empty where the field is missing."""
    values = values[: values.index(END[kind])] if END[kind] in values else values
    if values == [MISSING[kind]]:
        return []
    return [None if value == MISSING[kind] else _number(value, kind) for value in values]


def _number(value: int, kind: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", value))[0]) if kind == FLOAT else float(value)


def _descriptor(data: bytes, at: int) -> tuple[int, int, int]:
    kind, count = data[at] & 15, data[at] >> 4
    at += 1
    if count == 15:
        _, (count,), at = decode_typed(data, at)
    return kind, count, at


def _values(data: bytes, at: int, kind: int, count: int) -> tuple[list[int], int]:
    if kind == 0:
        return [], at
    layout = f"<{count}{STRUCT_CODES[kind]}"
    return list(struct.unpack_from(layout, data, at)), at + struct.calcsize(layout)
