"""Runs of ``genem warm qtl``: every kind of scan, on crosses of a few individuals."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["run_on_tiny_crosses"]

N = 24
TRAITS = 8
"""So many are scanned side by side."""
GENOTYPES = ("A", "H", "B", "H")
SEVERAL_LOCI = ("--two-qtl", "/dev/null", "--multiple-qtl", "/dev/null", "--composite", "/dev/null")
VARIATIONS: tuple[tuple[str, ...], ...] = (
    ("--method", "em,hk,ehk,imp,mr", "--draws", "2", "--min-lod", "0.001", "--effects", "/dev/null"),
    ("--addcovar", "age", "--intcovar", "age", "--weights", "wt", "--estimate-map", "--error-lods", "/dev/null"),
    ("--model", "binary", "--trait", "died", "--method", "em,hk"),
    ("--model", "np", "--genoprob", "/dev/null"),
    ("--model", "2part", "--trait", "latency"),
    ("--trait", "y*", "--method", "em,hk", "--permutations", "2"),
    (*SEVERAL_LOCI, "--several-method", "em", "--penalties", "1,1,1", "--max-qtl", "2", "--composite-markers", "1"),
)


def run_on_tiny_crosses() -> None:
    """Run the command on an intercross and a backcross in R/qtl's format, and on a cross in a VCF."""
    from genem.cli.main import main

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        f2, bc, vcf = folder / "f2.csv", folder / "bc.csv", folder / "tiny.vcf"
        f2.write_text(_csv(GENOTYPES))
        bc.write_text(_csv(("A", "H")))
        vcf.write_text(_vcf())
        (folder / "pheno.tsv").write_text(_phenotypes())
        common = ["-q", "--threads", "1", "--step", "5", "-o", "/dev/null"]
        from_vcf = ["--parents", "P1,P2", "--pheno", str(folder / "pheno.tsv"), "--cm-per-mb", "1"]
        runs: list[Sequence[str]] = [
            ["qtl", str(path), "--cross", kind, *common, *further]
            for path, kind in ((f2, "f2"), (bc, "bc"))
            for further in VARIATIONS
        ]
        runs += [["qtl", str(vcf), "--cross", "f2", *from_vcf, "--field", field, *common] for field in ("GT", "PL")]
        for run in runs:
            if main(run) != 0:
                raise RuntimeError(f"genem {' '.join(run)} failed on the crosses that warm it")


def _csv(genotypes: Sequence[str]) -> str:
    traits = [f"y{k}" for k in range(TRAITS)]
    lines = [",".join([*traits, "died", "latency", "age", "wt", "M1", "M2"])]
    lines += [f"{',' * (TRAITS + 4)}1,1", f"{',' * (TRAITS + 4)}0,12"]
    for i in range(N):
        of_traits = [f"{(7 * i + 5 * k) % 11 + (i % 4) / 2}" for k in range(TRAITS)]
        calls = genotypes[i % len(genotypes)], genotypes[(i + i // 5) % len(genotypes)]
        lines.append(
            ",".join(
                [*of_traits, str(i * 7 // 3 % 2), str(min(7 * i % 11, 8)), str(i * i % 13), str(1 + i % 3), *calls]
            )
        )
    return "\n".join([*lines, ""])


def _phenotypes() -> str:
    return "\n".join(["id\ty", *(f"i{i}\t{(7 * i) % 11}" for i in range(N)), ""])


def _vcf() -> str:
    calls = {"A": "0/0:0,9,90", "H": "0/1:30,0,30", "B": "1/1:90,9,0"}
    header = [
        "##fileformat=VCFv4.3",
        "##contig=<ID=1,length=100000000>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods">',
        "\t".join(
            [
                "#CHROM",
                "POS",
                "ID",
                "REF",
                "ALT",
                "QUAL",
                "FILTER",
                "INFO",
                "FORMAT",
                "P1",
                "P2",
                *(f"i{i}" for i in range(N)),
            ]
        ),
    ]
    for marker in range(2):
        of_all = [calls[GENOTYPES[(i + marker * (i // 5)) % len(GENOTYPES)]] for i in range(N)]
        start = ["1", str(1 + marker * 10_000_000), f"M{marker}", "A", "C", ".", "PASS", ".", "GT:PL"]
        header.append("\t".join([*start, calls["A"], calls["B"], *of_all]))
    return "\n".join([*header, ""])
