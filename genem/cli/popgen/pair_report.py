"""The readable report of ``genem ld --pair``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from genem.em.status import Status

if TYPE_CHECKING:
    from genem.popgen import LinkageReport

DOSES = ("{ref}/{ref}", "{ref}/{alt}", "{alt}/{alt}")


def report_text(reports: Sequence[LinkageReport]) -> str:
    """Every pair of ALT alleles and group, one below the other."""
    return "\n".join("\n".join(_lines(report)) + "\n" for report in reports)


def _lines(report: LinkageReport) -> Iterator[str]:
    pairs = report.pairs
    first, second = int(pairs.first[0]), int(pairs.second[0])
    loci = pairs.loci
    yield f"A: {loci.label(first)} ({loci.identifier[first]})"
    yield f"B: {loci.label(second)} ({loci.identifier[second]})"
    if len(pairs.group_names) > 1:
        yield f"group: {pairs.group_names[int(pairs.group[0])]}"
    yield f"samples: {int(pairs.n_samples[0])}"
    yield f"status: {Status(int(pairs.status[0])).label}"
    names_a = loci.ref[first], loci.alt[first]
    names_b = loci.ref[second], loci.alt[second]
    if report.genotypes is not None:
        yield ""
        yield "genotypes (A down, B across)"
        yield from _table(_genotype_names(names_a), _genotype_names(names_b), report.genotypes.tolist())
    if report.haploid is not None and report.haploid.any():
        yield ""
        yield "haploid samples (A down, B across)"
        yield from _table(names_a, names_b, report.haploid.tolist())
    yield ""
    yield from _estimates(report)
    for number, maximum in enumerate(report.maxima, 1):
        yield ""
        yield from _maximum(report, number, maximum, names_a, names_b)


def _genotype_names(names: tuple[str, str]) -> list[str]:
    ref, alt = (name if len(name) <= 6 else kind for name, kind in zip(names, ("REF", "ALT"), strict=True))
    return [dose.format(ref=ref, alt=alt) for dose in DOSES]


def _table(rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]) -> Iterator[str]:
    width = max(8, *(len(name) + 2 for name in (*rows, *columns)))
    yield " " * width + "".join(f"{name:>{width}}" for name in columns)
    for name, cells in zip(rows, counts, strict=True):
        yield f"{name:>{width}}" + "".join(f"{count:>{width}}" for count in cells)


def _estimates(report: LinkageReport) -> Iterator[str]:
    pairs = report.pairs
    yield f"r2    {_number(pairs.r2[0])}   standard error {_number(pairs.r2_standard_error[0])}"
    interval = f"[{_number(pairs.d_prime_low[0])}, {_number(pairs.d_prime_high[0])}]"
    yield f"D'    {_number(pairs.d_prime[0])}   5 % and 95 % bounds {interval}"
    yield f"D     {_number(pairs.d[0])}"
    yield f"LOD   {_number(pairs.lod[0])}"


def _maximum(
    report: LinkageReport, number: int, maximum: object, names_a: tuple[str, str], names_b: tuple[str, str]
) -> Iterator[str]:
    from genem.popgen import Maximum

    assert isinstance(maximum, Maximum)
    title = "the maximum of the likelihood"
    if len(report.maxima) > 1:
        title = f"maximum {number} of {len(report.maxima)}" + (", the highest" if number == 1 else "")
    yield f"{title}: log-likelihood {maximum.log_likelihood:.6f}"
    yield f"  r2 {_number(maximum.r2)}   D' {_number(maximum.d_prime)}   D {_number(maximum.d)}"
    p = maximum.frequencies
    p_a, p_b = p[2] + p[3], p[1] + p[3]
    yield f"  {'A':>8}{'B':>8}{'frequency':>12}{'without LD':>12}"
    expected = ((1 - p_a) * (1 - p_b), (1 - p_a) * p_b, p_a * (1 - p_b), p_a * p_b)
    for haplotype in range(4):
        a, b = names_a[haplotype // 2], names_b[haplotype % 2]
        yield f"  {a[:8]:>8}{b[:8]:>8}{p[haplotype]:>12.6f}{expected[haplotype]:>12.6f}"
    if maximum.d != 0.0 and not math.isnan(maximum.d):
        together = ((0, 0), (1, 1)) if maximum.d > 0.0 else ((0, 1), (1, 0))
        yield "  in phase: " + " and ".join(f"{names_a[i]}-{names_b[j]}" for i, j in together)


def _number(value: float) -> str:
    return "NA" if math.isnan(value) else f"{value:.6g}"
