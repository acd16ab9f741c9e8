"""The peers that are installed, and how each is asked the same question."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

CYVCF2_LOOP = """
import sys
from cyvcf2 import VCF
for record in VCF(sys.argv[1], gts012=True):
    record.num_called, record.aaf
"""

CYVCF2_READ = """
import sys
from cyvcf2 import VCF
for record in VCF(sys.argv[1], gts012=True):
    record.gt_types
"""

PYSAM_READ = """
import sys
import pysam
for record in pysam.VariantFile(sys.argv[1]):
    for sample in record.samples.values():
        sample.allele_indices
"""

GENEM_READ = """
import sys
from genem.io.variants.reading import open_variants
with open_variants(sys.argv[1]) as reader:
    for block in reader:
        pass
"""

WITHOUT_LIBDEFLATE = "import sys; sys.modules['deflate'] = None; "

GENEM_MAIN = "import sys; from genem.cli.main import main; sys.exit(main(sys.argv[1:]))"


def genem(*arguments: str, libdeflate: bool = True) -> list[str]:
    """The genem command line; without ``libdeflate`` the binding is hidden and stdlib zlib inflates."""
    program = GENEM_MAIN if libdeflate else WITHOUT_LIBDEFLATE + GENEM_MAIN
    return [sys.executable, "-c", program, *arguments]


def genem_reads(vcf: Path, *, libdeflate: bool = True) -> list[str]:
    program = GENEM_READ if libdeflate else WITHOUT_LIBDEFLATE + GENEM_READ
    return [sys.executable, "-c", program, str(vcf)]


def frequency_peers(vcf: Path, scratch: Path) -> dict[str, list[str]]:
    """Commands of the installed peers that compute allele frequencies (and HWE, where they do both)."""
    commands = {}
    if shutil.which("plink2"):
        prefix = str(scratch / "plink2")
        commands["plink2 --freq"] = ["plink2", "--threads", "1", "--vcf", str(vcf), "--freq", "--out", prefix]
        commands["plink2 --freq --hardy"] = [*commands["plink2 --freq"][:-2], "--hardy", "--out", prefix]
    if shutil.which("bcftools"):
        tags = ["--", "-t", "AF,AN,AC,HWE"]
        commands["bcftools +fill-tags"] = [
            "bcftools",
            "+fill-tags",
            str(vcf),
            "-Ob",
            "-o",
            str(scratch / "x.bcf"),
            *tags,
        ]
    if importlib.util.find_spec("cyvcf2"):
        commands["cyvcf2 (num_called, aaf)"] = [sys.executable, "-c", CYVCF2_LOOP, str(vcf)]
    return commands


def reading_peers(vcf: Path) -> dict[str, list[str]]:
    """Commands that only read the genotypes."""
    commands = {"pysam (allele_indices)": [sys.executable, "-c", PYSAM_READ, str(vcf)]}
    if importlib.util.find_spec("cyvcf2"):
        commands["cyvcf2 (gt_types)"] = [sys.executable, "-c", CYVCF2_READ, str(vcf)]
    if shutil.which("bcftools"):
        commands["bcftools view -Ob"] = ["bcftools", "view", "-Ob", "-o", "/dev/null", str(vcf)]
    return commands


def missing_peers() -> list[str]:
    """Names of the peers a benchmark would use but did not find."""
    absent = [name for name in ("plink2", "plink1.9", "bcftools") if not shutil.which(name)]
    return absent + [name for name in ("cyvcf2", "deflate") if not importlib.util.find_spec(name)]
