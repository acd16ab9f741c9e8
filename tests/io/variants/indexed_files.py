"""A large indexed variant file in each format that an index may have: a fixture for several test modules."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pysam
import pysam.bcftools
import pytest

from genem.io.variants.bcf.header import bcf_contigs
from genem.io.variants.index import VariantIndex, load_index

CONTIGS = ("1", "2", "HLA:3")
N_RECORDS = 3000
HEADER = "".join(f"##contig=<ID={contig}>\n" for contig in (*CONTIGS, "empty")) + (
    '##INFO=<ID=END,Number=1,Type=Integer,Description="last base">\n'
    '##INFO=<ID=AA,Number=1,Type=String,Description="filler">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


@dataclass(frozen=True)
class Indexed:
    path: Path
    index: VariantIndex


def sites(generator: random.Random) -> list[tuple[int, int, int]]:
    """Contig number, position and last base: dense and empty stretches, a few very long records."""
    drawn = []
    for _ in range(N_RECORDS):
        contig = generator.choice([0, 0, 0, 1, 2])
        position = generator.choice([generator.randint(1, 60_000), generator.randint(1, 3_000_000), 40_000_000])
        length = generator.choice([1, 1, 1, 1, 3, 30_000, 2_000_000])
        drawn.append((contig, position, position + length - 1))
    return sorted(drawn)


def write_vcf(path: Path, mode: str) -> None:
    generator = random.Random(20)
    plain = path.parent / "plain.vcf"
    with plain.open("w") as out:
        out.write("##fileformat=VCFv4.3\n" + HEADER)
        for number, (contig, position, last) in enumerate(sites(generator)):
            filler = "".join(generator.choice("ACGT") for _ in range(60))
            out.write(f"{CONTIGS[contig]}\t{position}\tr{number}\tA\t<DEL>\t.\t.\tEND={last};AA={filler}\n")
    with pysam.VariantFile(str(plain)) as source, pysam.VariantFile(str(path), mode, header=source.header) as target:
        for record in source:
            target.write(record)


@pytest.fixture(scope="module", params=["tbi", "csi", "csi-fine", "bcf"])
def indexed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / ("x.bcf" if request.param == "bcf" else "x.vcf.gz")
    write_vcf(path, "wb" if request.param == "bcf" else "wz")
    if request.param == "tbi":
        pysam.tabix_index(str(path), preset="vcf")
    elif request.param == "csi":
        pysam.tabix_index(str(path), preset="vcf", csi=True)
    else:
        pysam.bcftools.index("-c", "-m", "10" if request.param == "csi-fine" else "14", str(path))
    index = load_index(path, contigs=bcf_contigs(path))
    assert index is not None
    return Indexed(path, index)
