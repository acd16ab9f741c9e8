"""Input files for the benchmarks, simulated once and kept in ``tests/benchmarks/.cache``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam

N_SAMPLES = 2504
MISSING_RATE = 0.02
CACHE = Path(__file__).parent / ".cache"

HEADER = """\
##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="All filters passed">
##contig=<ID=1,length=200000000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods">
"""


def genotype_vcf(n_variants: int) -> Path:
    """A BGZF VCF of msprime genotypes, 2,504 samples, 2 % missing, GT only."""
    return _cached(f"gt_{n_variants}.vcf.gz", n_variants, _gt_cells)


def likelihood_vcf(n_variants: int) -> Path:
    """The same genotypes seen through reads of mean depth 4 (GT:PL, 30 in phred per read at most)."""
    return _cached(f"pl_{n_variants}.vcf.gz", n_variants, _gt_pl_cells)


def as_bcf(vcf: Path) -> Path:
    """The same file as BCF, written by htslib."""
    target = vcf.with_name(vcf.name.replace(".vcf.gz", ".bcf"))
    if not target.exists():
        with pysam.VariantFile(str(vcf)) as source, pysam.VariantFile(str(target), "wb", header=source.header) as out:
            for record in source:
                out.write(record)
    return target


def _cached(name, n_variants, write_cells):
    CACHE.mkdir(exist_ok=True)
    target = CACHE / name
    if not target.exists():
        partial = target.with_suffix(".partial")
        _simulate(partial, n_variants, write_cells)
        partial.rename(target)
    return target


def _simulate(path, n_variants, write_cells):
    import msprime

    # The expected number of segregating sites is 4 N mu L sum(1/i): 10 % more than needed.
    length = n_variants * 1.1 / (4e4 * 1.25e-8 * np.sum(1 / np.arange(1, 2 * N_SAMPLES)))
    ancestry = msprime.sim_ancestry(
        N_SAMPLES, population_size=1e4, sequence_length=int(length), recombination_rate=1e-8, random_seed=7
    )
    mutated = msprime.sim_mutations(ancestry, rate=1.25e-8, random_seed=7)
    rng = np.random.default_rng(3)
    names = "\t".join(f"s{i}" for i in range(N_SAMPLES))
    columns = f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n"
    last_position = written = 0
    with pysam.BGZFile(str(path), "wb") as out:
        out.write((HEADER + columns).encode())
        for variant in mutated.variants():
            if variant.num_alleles != 2 or variant.genotypes.max() > 1:
                continue
            last_position = max(last_position + 1, int(variant.site.position) + 1)
            format_name, cells = write_cells(variant.genotypes.reshape(N_SAMPLES, 2), rng)
            fixed = f"1\t{last_position}\tv{written}\tA\tC\t.\tPASS\t.\t{format_name}\t"
            out.write(fixed.encode() + cells + b"\n")
            written += 1
            if written == n_variants:
                return
    raise RuntimeError(f"the simulation gave {written} variants, {n_variants} wanted")


def _gt_cells(genotypes, rng):
    missing = rng.random(N_SAMPLES) < MISSING_RATE
    text = np.empty((N_SAMPLES, 4), np.uint8)
    text[:, 0] = genotypes[:, 0] + ord("0")
    text[:, 2] = genotypes[:, 1] + ord("0")
    text[:, 1] = ord("|")
    text[:, 3] = ord("\t")
    text[missing, 0] = text[missing, 2] = ord(".")
    text[missing, 1] = ord("/")
    return "GT", text.tobytes()[:-1]


def _gt_pl_cells(genotypes, rng):
    depth = rng.poisson(4, N_SAMPLES)
    dosage = genotypes.sum(axis=1)
    error = 0.01
    alt_rate = np.array([error, 0.5, 1 - error])
    alt_reads = rng.binomial(depth, alt_rate[dosage])
    log10 = alt_reads[:, None] * np.log10(alt_rate) + (depth - alt_reads)[:, None] * np.log10(1 - alt_rate)
    phred = np.rint(-10 * (log10 - log10.max(axis=1, keepdims=True))).astype(int)
    calls = ("0/0", "0/1", "1/1")
    cells = [
        f"{calls[best]}:{a},{b},{c}" if reads else "./.:."
        for best, reads, (a, b, c) in zip(phred.argmin(axis=1), depth, phred, strict=True)
    ]
    return "GT:PL", "\t".join(cells).encode()


def simulated_alignment(n_taxa: int, n_sites: int) -> Path:
    """DNA evolved along a random tree under GTR with gamma-distributed rates, as FASTA."""
    CACHE.mkdir(exist_ok=True)
    target = CACHE / f"tree_{n_taxa}x{n_sites}.fa"
    if not target.exists():
        letters = _evolve(np.random.default_rng([n_taxa, n_sites]), n_taxa, n_sites)
        target.write_text("".join(f">t{k}\n{row.tobytes().decode()}\n" for k, row in enumerate(letters)))
    return target


def _evolve(rng, n_taxa, n_sites):
    """Lineages split at random; branches are exponential of mean 0.05, rates of sites gamma of shape 0.5 and mean 1."""
    frequencies = np.array([0.30, 0.22, 0.20, 0.28])
    exchange = np.zeros((4, 4))
    exchange[np.triu_indices(4, 1)] = 1.4, 4.2, 0.7, 0.9, 5.1, 1.0
    rates = (exchange + exchange.T) * frequencies
    rates -= np.diag(rates.sum(axis=1))
    rates /= -(frequencies * np.diag(rates)).sum()
    values, vectors = np.linalg.eig(rates)
    inverse = np.linalg.inv(vectors)
    site_rates = rng.gamma(0.5, 2.0, n_sites)

    def along_a_branch(states):
        decay = np.exp(np.outer(site_rates * rng.exponential(0.05), values))
        chances = np.einsum("sk,sk,kb->sb", vectors[states], decay, inverse)
        return (chances.cumsum(axis=1) < rng.random((n_sites, 1))).sum(axis=1).clip(max=3)

    tips = [rng.choice(4, n_sites, p=frequencies)]
    while len(tips) < n_taxa:
        parent = tips.pop(rng.integers(len(tips)))
        tips += [along_a_branch(parent), along_a_branch(parent)]
    return np.frombuffer(b"ACGT", np.uint8)[np.stack(tips)]
