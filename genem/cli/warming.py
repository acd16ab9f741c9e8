"""Runs of ``genem warm``: commands on files of a few records, which compiles every kernel they need."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

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

TINY_MOTIFS = """\
MEME version 5

ALPHABET= ACGT

MOTIF tiny
letter-probability matrix: alength= 4 w= 3 nsites= 10
0.7 0.1 0.1 0.1
0.1 0.7 0.1 0.1
0.1 0.1 0.7 0.1
"""
TINY_SEQUENCES = ">a\nACGTACGTTACGNNACG\n>b\nTTGACGAT\n"


def run_on_tiny_motifs(
    command: str, second: Literal["sequences", "motifs"], variations: Iterable[Sequence[str]]
) -> None:
    """Run a command on a motif and a few sequences, or the motif again, once for every list of further options."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {"motifs": Path(folder) / "tiny.meme", "sequences": Path(folder) / "tiny.fa"}
        paths["motifs"].write_text(TINY_MOTIFS)
        paths["sequences"].write_text(TINY_SEQUENCES)
        for further in variations:
            _run(command, [str(paths["motifs"]), str(paths[second]), *further], Path(folder) / "output.tsv")


def run_on_tiny_sequences(command: str, variations: Iterable[Sequence[str]]) -> None:
    """Run a command on a few sequences, once for every list of further options."""
    with tempfile.TemporaryDirectory() as folder:
        sequences = Path(folder) / "tiny.fa"
        sequences.write_text(TINY_SEQUENCES)
        for further in variations:
            _run(command, [str(sequences), *further], Path(folder) / "output.meme")


def run_on_tiny_files(command: str, variations: Iterable[Sequence[str]]) -> None:
    """Run a command on a tiny VCF and the same BCF, once for every list of further options."""
    options = list(variations)
    with tempfile.TemporaryDirectory() as folder:
        vcf, bcf = _tiny_files(Path(folder))
        for path in (vcf, bcf):
            for number, further in enumerate(options):
                _run(command, [str(path), *further], Path(folder) / f"output-{number}.tsv")


def _run(command: str, arguments: Sequence[str], output: Path) -> None:
    from genem.cli.main import main

    status = main([command, *arguments, "-q", "--threads", "1", "-o", str(output)])
    if status != 0:
        raise RuntimeError(f"genem {command} {' '.join(arguments)} failed on the files that warm it")


def _tiny_files(folder: Path) -> tuple[Path, Path]:
    import pysam

    from genem.io.files.htslib import htslib_quiet
    from genem.io.files.output import open_output

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
