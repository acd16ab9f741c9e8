"""``genem phase`` beside haplo.em (likelihood and time on HLA types) and beside Beagle and SHAPEIT4 (switch errors)."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from tests.benchmarks import peers
from tests.benchmarks.measure import measure_in_turn

DATA = Path(__file__).parents[2] / "data"
LOCI = ("DQB,DRB", "DRB,B", "DQB,DRB,B")
SEEDS = range(1, 6)
WINDOWS = (8, 16, 24)
SMALL_REGION = "20:1000000-1300000"

HAPLO_EM = """
library(haplo.stats)
d <- read.delim("{table}", colClasses = "character")
loci <- strsplit("{loci}", ",")[[1]]
geno <- d[, unlist(lapply(loci, function(l) paste0(l, c(".a1", ".a2"))))]
set.seed({seed})
fit <- haplo.em(geno, locus.label = loci, miss.val = c("0", NA))
cat("lnlike", format(fit$lnlike, digits = 12), "\\n")
"""


def report(repeats: int) -> str:
    """The Markdown section."""
    with tempfile.TemporaryDirectory() as folder:
        return "\n".join([_haplotypes(Path(folder), min(repeats, 3)), _switch_errors(Path(folder), min(repeats, 3))])


def _haplotypes(scratch: Path, repeats: int) -> str:
    """Log-likelihoods over seeds, and CPU seconds of whole processes."""
    lines = [
        "## Haplotype frequencies (HLA types of 220 people)\n",
        "Log-likelihood over seeds 1 to 5 (higher is better), and CPU seconds of the whole process, start-up included.",
        "haplo.em runs with its defaults (10 starts).\n",
        "| loci | program | lowest | highest | CPU s |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    has_r = shutil.which("Rscript") is not None and _has_haplo_stats()
    for loci in LOCI:
        commands = {"genem phase": peers.genem("phase", str(DATA / "hla.tsv"), "--loci", loci, "-q")}
        ends = {"genem phase": [_genem_likelihood(loci, seed) for seed in SEEDS]}
        if has_r:
            commands["haplo.em"] = ["Rscript", str(_script(scratch, loci, 1))]
            ends["haplo.em"] = [_haplo_em_likelihood(scratch, loci, seed) for seed in SEEDS]
        for name, measured in measure_in_turn(commands, repeats).items():
            low, high = min(ends[name]), max(ends[name])
            lines.append(f"| {loci} | {name} | {low:.4f} | {high:.4f} | {measured.cpu_seconds:.2f} |")
    if not has_r:
        lines.append("\nhaplo.stats was not found here.")
    return "\n".join(lines) + "\n"


def _genem_likelihood(loci: str, seed: int) -> float:
    command = peers.genem("phase", str(DATA / "hla.tsv"), "--loci", loci, "-q", "--seed", str(seed))
    return _number(r"##log_likelihood=(\S+)", _output(command))


def _haplo_em_likelihood(scratch: Path, loci: str, seed: int) -> float:
    return _number(r"lnlike (\S+)", _output(["Rscript", str(_script(scratch, loci, seed))]))


def _script(scratch: Path, loci: str, seed: int) -> Path:
    path = scratch / f"{loci}.{seed}.R"
    path.write_text(HAPLO_EM.format(table=DATA / "hla.tsv", loci=loci, seed=seed))
    return path


def _has_haplo_stats() -> bool:
    asked = ["Rscript", "-e", "quit(status = !requireNamespace('haplo.stats', quietly = TRUE))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _switch_errors(scratch: Path, repeats: int) -> str:
    unphased, truth = DATA / "haplotypes.unphased_miss5.vcf.gz", DATA / "haplotypes.phased.vcf.gz"
    lines = [
        "## Phasing a region (203 people, 5 % of calls missing)\n",
        "Switch errors among neighbouring heterozygous sites of a person, against the 1000 Genomes phase (statistical",
        "itself). genem's phase sets are joined as they stand, so that a break counts as a coin toss; *within sets*",
        "counts only sites that genem says belong together. genem fits small windows; Beagle and SHAPEIT4 model the",
        "whole region, without a reference panel and with their default maps.\n",
        "| region | program | switch errors | within sets | missing calls filled in rightly | CPU s |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for region, label in ((SMALL_REGION, "300 kb"), (None, "1.6 Mb, 1,200 SNPs")):
        given, expected = (_cut(path, region, scratch) for path in (unphased, truth))
        outputs = {f"genem phase --window {k}": scratch / f"genem{k}.vcf.gz" for k in WINDOWS}
        commands = {
            name: peers.genem(
                *["phase", str(given), "--window", name.split()[-1], "--vcf", str(path)],
                *["-q", "--threads", "1", "-o", "/dev/null"],
            )
            for name, path in outputs.items()
        }
        for name, (command, path) in _phasers(given, scratch).items():
            commands[name], outputs[name] = command, path
        for name, measured in measure_in_turn(commands, repeats).items():
            errors, within, filled = _compare(expected, given, outputs[name])
            lines.append(
                f"| {label} | {name} | {errors:.2%} | {within:.2%} | {filled:.2%} | {measured.cpu_seconds:.1f} |"
            )
    absent = [name for name in ("beagle", "shapeit4") if shutil.which(name) is None]
    if absent:
        lines.append(f"\nNot found here: {', '.join(absent)}.")
    return "\n".join(lines) + "\n"


def _phasers(vcf: Path, scratch: Path) -> dict[str, tuple[list[str], Path]]:
    found = {}
    if shutil.which("beagle"):
        prefix = scratch / "beagle"
        found["Beagle"] = (
            ["beagle", f"gt={vcf}", f"out={prefix}", "nthreads=1", "seed=1"],
            prefix.with_name("beagle.vcf.gz"),
        )
    if shutil.which("shapeit4"):
        output = scratch / "shapeit4.vcf.gz"
        command = ["shapeit4", "--input", str(vcf), "--region", "20", "--output", str(output), "--seed", "1"]
        found["SHAPEIT4"] = ([*command, "--thread", "1"], output)
    return found


def _cut(path: Path, region: str | None, scratch: Path) -> Path:
    """The file, or its part in a region, with an index."""
    if region is None:
        return path
    target = scratch / f"small.{path.name}"
    if not target.exists():
        with pysam.VariantFile(str(path)) as source, pysam.VariantFile(str(target), "wz", header=source.header) as out:
            for record in source.fetch(region=region):
                out.write(record)
        pysam.tabix_index(str(target), preset="vcf", force=True)
    return target


def _compare(truth: Path, given: Path, found: Path) -> tuple[float, float, float]:
    """Switch errors, those within phase sets, and the share of masked calls that were filled in rightly."""
    true, _ = _read(truth)
    masked = np.any(_read(given)[0] < 0, axis=2)
    phased, phase_set = _read(found)
    filled = np.all(np.sort(true, axis=2) == np.sort(phased, axis=2), axis=2)[masked].mean()
    switches, inside, pairs, pairs_inside = 0, 0, 0, 0
    for sample in range(true.shape[1]):
        a, b = true[:, sample], phased[:, sample]
        sites = np.flatnonzero(~masked[:, sample] & (a[:, 0] != a[:, 1]))
        switched = np.diff(a[sites, 0] == b[sites, 0])
        together = np.diff(phase_set[sites, sample]) == 0
        switches += int(switched.sum())
        inside += int((switched & together).sum())
        pairs += switched.size
        pairs_inside += int(together.sum())
    return switches / pairs, inside / pairs_inside, float(filled)


def _read(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Alleles (variant, sample, 2), -1 where missing, and the phase set of each call, 0 where the file has none."""
    alleles, phase_sets = [], []
    with pysam.VariantFile(str(path)) as records:
        has_sets = "PS" in records.header.formats
        for record in records:
            calls = record.samples.values()
            alleles.append([[-1 if a is None else a for a in call.allele_indices] for call in calls])
            phase_sets.append([call["PS"] if has_sets else 0 for call in calls])
    return np.array(alleles), np.array(phase_sets)


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"no {pattern} in the output")
    return float(found.group(1))


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
