"""What ``genem warm`` runs: commands on files of a few records, which compiles every kernel they need."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

TINY_VCF = """\
##fileformat=VCFv4.3
##contig=<ID=1,length=1000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods">
##FORMAT=<ID=GL,Number=G,Type=Float,Description="Log10 genotype likelihoods">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	a	b	c
1	10	.	A	C	.	PASS	.	GT:PL:GL	0/0:0,9,90:0,-0.9,-9	0/1:30,0,30:-3,0,-3	./.:.:.
1	20	.	A	C	.	PASS	.	GT	0/0	0/1	1|1
1	30	.	A	C,G	.	PASS	.	GT:PL	1/2:9,9,9,9,0,9	0/0:0,9,9,9,9,9	0:0,9,9
"""


def run_on_tiny_files(command: str, variations: Iterable[Sequence[str]]) -> None:
    """Run a command on a tiny VCF and the same BCF, once for every list of further options."""
    from genem.cli.main import main

    options = list(variations)
    with tempfile.TemporaryDirectory() as folder:
        vcf, bcf = _tiny_files(Path(folder))
        for path in (vcf, bcf):
            for number, further in enumerate(options):
                output = Path(folder) / f"output-{number}.tsv"
                status = main([command, str(path), "-q", "--threads", "1", "-o", str(output), *further])
                if status != 0:
                    raise RuntimeError(f"genem {command} {' '.join(further)} failed on the files that warm it")


def _tiny_files(folder: Path) -> tuple[Path, Path]:
    import pysam

    from genem.io.htslib import htslib_quiet
    from genem.io.output import open_output

    vcf, bcf = folder / "tiny.vcf.gz", folder / "tiny.bcf"
    with open_output(vcf) as stream:
        stream.write(TINY_VCF.encode())
    with (
        htslib_quiet(),
        pysam.VariantFile(str(vcf)) as source,
        pysam.VariantFile(str(bcf), "wb", header=source.header) as target,
    ):
        for record in source:
            target.write(record)
    return vcf, bcf
