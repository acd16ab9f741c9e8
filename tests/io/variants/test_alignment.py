"""SNP alignments from variants: letters, what is skipped and why."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from genem.errors import InputError
from genem.io.variants.alignment import SnpAlignment, alignment_from_variants
from genem.io.variants.reading import open_variants

HEADER = """\
##fileformat=VCFv4.3
##contig=<ID=1,length=1000>
##contig=<ID=2,length=1000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##ALT=<ID=DEL,Description="Deletion">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	a	b	c	d
"""
RECORDS = (
    ("1", 10, "A", "G", "0/0 0/1 1|1 ./."),
    ("1", 20, "c", "t", "0 1 0/1 ./1"),
    ("1", 30, "A", "C,G,T", "0/1 1/2 2/3 3/3"),
    ("1", 40, "G", "*,C", "0/1 2/2 0/2 1/1"),
    ("1", 50, "AT", "A", "0/0 0/1 1/1 0/0"),
    ("1", 60, "A", "<DEL>", "0/0 0/1 1/1 0/0"),
    ("1", 70, "A", ".", "0/0 0/0 0/0 ./."),
    ("1", 80, "N", "A", "0/1 0/0 0/0 0/0"),
    ("2", 10, "A", "C", "0/0/1 0|1|1 1/1/1 0/./1"),
    ("2", 20, "T", "G", ". . 0/0 0/1"),
)
IUPAC = {"A": "A", "C": "C", "G": "G", "T": "T", "AG": "R", "CT": "Y", "CG": "S", "AT": "W", "GT": "K", "AC": "M"}


def write(folder: Path, records: tuple[tuple[str, int, str, str, str], ...] = RECORDS) -> Path:
    path = folder / "some.vcf"
    rows = ["\t".join((c, str(p), ".", r, a, ".", "PASS", ".", "GT", *calls.split())) for c, p, r, a, calls in records]
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def snps(path: Path, **options: object) -> SnpAlignment:
    with open_variants(path) as reader:
        return alignment_from_variants(reader, reader.samples, **options)  # type: ignore[arg-type]


def test_calls_become_letters(tmp_path: Path) -> None:
    found = snps(write(tmp_path))
    assert found.alignment.names == ("a", "b", "c", "d")
    assert [found.alignment.sequence(taxon) for taxon in range(4)] == ["ACMNMN", "RTSCMN", "GYKSCT", "NNTNNK"]
    assert list(zip(found.chrom, found.position.tolist(), strict=True)) == [
        ("1", 10),
        ("1", 20),
        ("1", 30),
        ("1", 40),
        ("2", 10),
        ("2", 20),
    ]
    assert found.skipped == {"indel": 1, "symbolic": 1, "without_alt": 1, "ref_not_acgt": 1}


def test_invariant_records_can_be_kept(tmp_path: Path) -> None:
    found = snps(write(tmp_path), with_invariant=True)
    assert found.alignment.sequence(0) == "ACMNAMN"
    assert found.skipped == {"indel": 1, "symbolic": 1, "ref_not_acgt": 1}


def test_rare_alleles_and_missing_calls_can_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert snps(path, max_missing_rate=0.25).skipped["missing"] == 1
    assert snps(path, min_maf=0.3).skipped["rare"] == 1


def test_nothing_left_says_why(tmp_path: Path) -> None:
    path = write(tmp_path, RECORDS[4:8])
    with pytest.raises(InputError, match=r"no SNP to make an alignment of .*1 records indel, 1 records symbolic"):
        snps(path)


def test_letters_agree_with_another_reader(data: Path) -> None:
    path = data / "haplotypes.unphased_miss5.vcf.gz"
    found = snps(path)
    letters = [found.alignment.sequence(taxon) for taxon in range(len(found.alignment))]
    with pysam.VariantFile(str(path)) as file:
        for column, record in enumerate(file):
            for taxon, sample in enumerate(record.samples.values()):
                alleles = sample.alleles
                expected = "N" if None in alleles else IUPAC["".join(sorted(set(alleles)))]
                assert letters[taxon][column] == expected
    assert column + 1 == found.alignment.n_sites
