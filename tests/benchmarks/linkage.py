"""``genem ld`` beside plink1.9 and plink2: pairs per CPU second as the slope between two windows."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.benchmarks import inputs, peers
from tests.benchmarks.measure import Measurement, measure_in_turn

N_VARIANTS = 10_000
NARROW, WIDE = 500, 2_000
MIN_R2 = "0.2"
PL_VARIANTS = 1_000
PL_NARROW, PL_WIDE = 2, 6

CALLS = f"""\
{N_VARIANTS:,} variants x {inputs.N_SAMPLES:,} samples, 2 % missing; each with the next {NARROW:,} and {WIDE:,}. genem
estimates haplotype frequencies with standard errors and intervals for each pair it writes; PLINK's plain `--r2`
correlates allele counts, `dprime` estimates haplotypes. PLINK reads its own format, made before.
"""
LIKELIHOODS = f"{PL_VARIANTS:,} variants x {inputs.N_SAMPLES:,} samples, every pair of the window written.\n"

Commands = dict[str, list[str]]


def report(repeats: int) -> str:
    """The Markdown section."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        vcf, pl = inputs.genotype_vcf(N_VARIANTS), inputs.likelihood_vcf(PL_VARIANTS)
        bed = _as_bed(vcf, scratch)
        return "\n".join(
            [
                "## Linkage disequilibrium of pairs, r2 >= 0.2 written\n",
                CALLS,
                _compare(
                    {window: _call_commands(vcf, bed, scratch, window) for window in (NARROW, WIDE)},
                    _pairs(N_VARIANTS, NARROW),
                    _pairs(N_VARIANTS, WIDE),
                    repeats,
                ),
                "## Linkage disequilibrium from genotype likelihoods\n",
                LIKELIHOODS,
                _compare(
                    {window: _likelihood_commands(pl, window) for window in (PL_NARROW, PL_WIDE)},
                    _pairs(PL_VARIANTS, PL_NARROW),
                    _pairs(PL_VARIANTS, PL_WIDE),
                    repeats,
                ),
            ]
        )


def _pairs(n_variants: int, window: int) -> int:
    return window * n_variants - window * (window + 1) // 2


def _as_bed(vcf: Path, scratch: Path) -> Path | None:
    """PLINK's own format, so that reading the VCF is not in its time."""
    if not shutil.which("plink1.9"):
        return None
    prefix = scratch / "bed"
    command = ["plink1.9", "--vcf", str(vcf), "--double-id", "--keep-allele-order", "--make-bed", "--out", str(prefix)]
    subprocess.run(command, check=True, capture_output=True)
    return prefix


def _call_commands(vcf: Path, bed: Path | None, scratch: Path, window: int) -> Commands:
    options = ["--window-variants", str(window), "--window-bp", "1000000000", "--min-r2", MIN_R2, "--threads", "1"]
    commands = {
        "genem ld (VCF)": peers.genem("ld", str(vcf), *options, "-q", "-o", "/dev/null"),
        "genem ld (BCF)": peers.genem("ld", str(inputs.as_bcf(vcf)), *options, "-q", "-o", "/dev/null"),
    }
    if bed is not None:
        limits = ["--ld-window", str(window + 1), "--ld-window-kb", "1000000", "--ld-window-r2", MIN_R2]
        for name, modifiers in (("plink1.9 --r2 dprime", ["dprime"]), ("plink1.9 --r2", [])):
            commands[name] = [
                "plink1.9", "--threads", "1", "--bfile", str(bed), "--r2", *modifiers, *limits,
                "--out", str(scratch / "plink"),
            ]  # fmt: skip
    return commands


def _likelihood_commands(vcf: Path, window: int) -> Commands:
    options = ["--field", "PL", "--window-variants", str(window), "--min-r2", "0", "--threads", "1"]
    return {"genem ld --field PL": peers.genem("ld", str(vcf), *options, "-q", "-o", "/dev/null")}


def _compare(commands: dict[int, Commands], small: int, large: int, repeats: int) -> str:
    """Slopes between the two windows; the first command is the one the ratios are against."""
    narrow, wide = (measure_in_turn(each, repeats) for each in commands.values())
    lines = [
        f"{small:,} and {large:,} pairs.\n",
        "| program | pairs / CPU s | slope ratio | CPU s, narrow | CPU s, wide | ratio, wide | peak MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    first = next(iter(wide))
    for name, measured in wide.items():
        extra = _extra(measured, narrow[name])
        lines.append(
            f"| {name} | {(large - small) / extra:,.0f} | {extra / _extra(wide[first], narrow[first]):.2f} "
            f"| {narrow[name].cpu_seconds:.2f} | {measured.cpu_seconds:.2f} "
            f"| {measured.cpu_seconds / wide[first].cpu_seconds:.2f} | {measured.peak_mb:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _extra(large: Measurement, small: Measurement) -> float:
    return max(large.cpu_seconds - small.cpu_seconds, 1e-9)
