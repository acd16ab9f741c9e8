"""Reader and ``genem freq`` beside plink2, bcftools, cyvcf2 and pysam: rates, ratios, memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import inputs, peers
from tests.benchmarks.measure import Measurement, measure_in_turn

SMALL, LARGE = 10_000, 50_000
PYSAM_SMALL, PYSAM_LARGE = 500, 2_500
PL_SMALL, PL_LARGE = 1_000, 5_000

Commands = dict[str, list[str]]


def report(repeats: int) -> str:
    """The Markdown section: one table per question."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        sections = [
            "## Allele frequencies from GT\n",
            _compare(lambda n: _frequency_commands(inputs.genotype_vcf(n), scratch), SMALL, LARGE, repeats),
            "## Reading genotypes only\n",
            _compare(lambda n: _reading_commands(inputs.genotype_vcf(n)), SMALL, LARGE, repeats),
            "`pysam`, measured on fewer records because it is slow:\n",
            _compare(
                lambda n: {"pysam": peers.reading_peers(inputs.genotype_vcf(n))["pysam (allele_indices)"]},
                PYSAM_SMALL,
                PYSAM_LARGE,
                repeats,
            ),
            "## Allele frequencies from genotype likelihoods (PL)\n",
            _compare(lambda n: _likelihood_commands(inputs.likelihood_vcf(n)), PL_SMALL, PL_LARGE, repeats),
        ]
    return "\n".join(sections)


def _frequency_commands(vcf: Path, scratch: Path) -> Commands:
    options = ["--threads", "1", "-q", "-o", str(scratch / "freq.tsv")]
    return {
        "genem freq (libdeflate)": peers.genem("freq", str(vcf), *options),
        "genem freq (zlib)": peers.genem("freq", str(vcf), *options, libdeflate=False),
        "genem freq (BCF)": peers.genem("freq", str(inputs.as_bcf(vcf)), *options),
        **peers.frequency_peers(vcf, scratch),
    }


def _reading_commands(vcf: Path) -> Commands:
    readers = peers.reading_peers(vcf)
    del readers["pysam (allele_indices)"]
    return {
        "genem reader (libdeflate)": peers.genem_reads(vcf),
        "genem reader (zlib)": peers.genem_reads(vcf, libdeflate=False),
        "genem reader (BCF)": peers.genem_reads(inputs.as_bcf(vcf)),
        **readers,
    }


def _likelihood_commands(vcf: Path) -> Commands:
    return {
        "genem freq --field PL": peers.genem(
            "freq", str(vcf), "--field", "PL", "--threads", "1", "-q", "-o", "/dev/null"
        )
    }


def _compare(commands_for: Callable[[int], Commands], small: int, large: int, repeats: int) -> str:
    """Slopes between two input sizes; the first command is the one the ratios are against."""
    at_small = measure_in_turn(commands_for(small), repeats)
    at_large = measure_in_turn(commands_for(large), repeats)
    genotypes = (large - small) * inputs.N_SAMPLES / 1e6
    lines = [
        f"{small:,} and {large:,} variants x {inputs.N_SAMPLES:,} samples.\n",
        "| program | M genotypes / CPU s | slope ratio | CPU s, small | CPU s, large | ratio, large | peak MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    first = next(iter(at_large))
    for name, measured in at_large.items():
        rate = genotypes / _extra(measured, at_small[name])
        slower = _extra(measured, at_small[name]) / _extra(at_large[first], at_small[first])
        whole = measured.cpu_seconds / at_large[first].cpu_seconds
        lines.append(
            f"| {name} | {rate:.0f} | {slower:.2f} | {at_small[name].cpu_seconds:.2f} "
            f"| {measured.cpu_seconds:.2f} | {whole:.2f} | {measured.peak_mb:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _extra(large: Measurement, small: Measurement) -> float:
    return max(large.cpu_seconds - small.cpu_seconds, 1e-9)
