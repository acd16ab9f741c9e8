"""VCF headers, and the choice of samples."""

from __future__ import annotations

import pytest

from genem.errors import InputError, UsageError
from genem.io.variants.header import FieldDeclaration, VariantHeader, parse_header, select_samples

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def header_of(*lines: str, samples: str = "FORMAT\tAnn\tBen\tCy") -> VariantHeader:
    return parse_header("\n".join(["##fileformat=VCFv4.3", *lines, f"{COLUMNS}\t{samples}"]), "x.vcf")


def test_what_a_header_declares() -> None:
    header = header_of(
        '##FILTER=<ID=PASS,Description="All filters passed">',
        '##FILTER=<ID=q10,Description="Quality, below 10">',
        "##contig=<ID=22,length=51304566,assembly=b37>",
        "##contig=<ID=HLA:1>",
        '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="a \\"quoted\\", word = <x>">',
        '##INFO=<ID=AA,Number=1,Type=String,Description="Ancestral, allele",Source="x">',
        "##source=<a>",
        "##comment=INFO=<ID=no>",
    )
    assert header.samples == ("Ann", "Ben", "Cy")
    assert header.contigs == ("22", "HLA:1")
    assert header.contig_lengths == {"22": 51304566}
    assert header.filters == ("q10",)
    assert header.formats == {"PL": FieldDeclaration("G", "Integer", 'a \\"quoted\\", word = <x>')}
    assert header.infos == {"AA": FieldDeclaration("1", "String", "Ancestral, allele")}
    assert header.has_format
    assert header.text.endswith("\tCy\n")


def test_line_ends_of_windows() -> None:
    header = parse_header(f"##fileformat=VCFv4.2\r\n##contig=<ID=1>\r\n{COLUMNS}\tFORMAT\tAnn\r\n", "x.vcf")
    assert (header.contigs, header.samples) == (("1",), ("Ann",))


@pytest.mark.parametrize(("columns", "has_format"), [(COLUMNS, False), (f"{COLUMNS}\tFORMAT", True)])
def test_no_samples(columns: str, has_format: bool) -> None:
    header = parse_header(columns, "x.vcf")
    assert header.samples == ()
    assert header.has_format is has_format


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no #CHROM line"),
        ("##fileformat=VCFv4.3", "no #CHROM line"),
        (COLUMNS.replace("\t", " "), "no #CHROM line"),
        (COLUMNS.replace("\tQUAL", ""), "the #CHROM line starts with '#CHROM POS ID REF ALT FILTER INFO'"),
        (f"{COLUMNS}\tAnn", "the #CHROM line starts with"),
        (f"{COLUMNS}\tFORMAT\tAnn\tBen\tAnn", "sample 'Ann' is named 2 times"),
        (f"{COLUMNS}\tFORMAT\tAnn\t", "a sample in the #CHROM line has no name"),
        (f"##contig=<length=7>\n{COLUMNS}", "'##contig=<length=7>' has no ID"),
    ],
)
def test_malformed_headers(text: str, found: str) -> None:
    with pytest.raises(InputError, match=r"^x\.vcf: ") as raised:
        parse_header(text, "x.vcf")
    assert found in str(raised.value)


def test_samples_come_in_the_order_asked_for() -> None:
    header = header_of()
    assert select_samples(header, None, exclude=False, path="x") == ("Ann", "Ben", "Cy")
    assert select_samples(header, ["Cy", "Ann"], exclude=False, path="x") == ("Cy", "Ann")
    assert select_samples(header, ["Cy", "Ann"], exclude=True, path="x") == ("Ben",)
    assert select_samples(header, [], exclude=False, path="x") == ()


def test_samples_that_cannot_be_chosen() -> None:
    header = header_of()
    with pytest.raises(UsageError, match=r"x: sample 'Bem' is not in the file; did you mean 'Ben'\?"):
        select_samples(header, ["Bem"], exclude=True, path="x")
    with pytest.raises(UsageError, match="sample 'Ölaf' is not in the file; the file has 3 samples"):
        select_samples(header, ["Ölaf"], exclude=False, path="x")
    with pytest.raises(UsageError, match="sample 'Ann' is asked for twice"):
        select_samples(header, ["Ann", "Ann"], exclude=False, path="x")
