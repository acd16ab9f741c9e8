"""From genotypes to the pairs of haplotypes that explain them, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import ABSENT_ALLELE, MISSING_ALLELE
from genem.errors import InputError
from genem.popgen.haplotypes.em_kernels import Explanations, count_entries, count_members, fill_entries, fill_members


@dataclass(frozen=True, slots=True)
class DistinctGenotypes:
    """The different multi-locus genotypes of a sample; equal ones need explaining once.

    Attributes
    ----------
    alleles
        int16 (genotype, locus, 2): as in :class:`genem.data.LocusTable`, the larger allele index first.
    weight
        float64 (genotype,): samples that have it; 0 for the one with nothing called, which says nothing.
    copies
        float64 (genotype,): 2, or 1 for a haploid genotype.
    of_sample
        int64 (sample,): the genotype of each sample.
    """

    alleles: NDArray[np.int16]
    weight: NDArray[np.float64]
    copies: NDArray[np.float64]
    of_sample: NDArray[np.int64]

    @property
    def n_chromosomes(self) -> float:
        """Copies of the samples with at least one call."""
        return float(self.weight @ self.copies)


def distinct_genotypes(alleles: NDArray[np.int16]) -> DistinctGenotypes:
    """Collapse the samples of an int16 (sample, locus, 2) array to their distinct genotypes."""
    ordered = np.sort(alleles, axis=2)[:, :, ::-1]
    distinct, of_sample, times = np.unique(ordered, axis=0, return_inverse=True, return_counts=True)
    called = np.any(distinct >= 0, axis=(1, 2))
    haploid = distinct[:, 0, 1] == ABSENT_ALLELE
    return DistinctGenotypes(
        alleles=np.ascontiguousarray(distinct),
        weight=np.where(called, times, 0.0),
        copies=np.where(haploid, 1.0, 2.0),
        of_sample=of_sample.reshape(-1).astype(np.int64),
    )


def explain(genotypes: DistinctGenotypes, haplotypes: NDArray[np.int16], max_pairs: int) -> Explanations:
    """List every way in which ``haplotypes``, int16 (haplotype, locus), explain the genotypes.

    Raises
    ------
    InputError
        There would be more than ``max_pairs`` of them.
    """
    n_entries, n_open = count_entries(genotypes.alleles, haplotypes)
    _check_size(n_entries, haplotypes, max_pairs)
    start, haplotype, pattern, open_patterns = fill_entries(genotypes.alleles, haplotypes, n_entries, n_open)
    member_start = count_members(open_patterns, haplotypes)
    _check_size(int(member_start[-1]), haplotypes, max_pairs)
    member = fill_members(open_patterns, haplotypes, member_start)
    return Explanations(genotypes.weight, genotypes.copies, start, haplotype, pattern, member_start, member)


def check_explosion(n_haplotypes: int, n_loci: int, max_pairs: int) -> None:
    """Refuse more candidate haplotypes than there may be pairs."""
    if n_haplotypes > max_pairs:
        raise _explosion(f"{n_haplotypes:,} candidate haplotypes", n_loci, max_pairs)


def _check_size(n_pairs: int, haplotypes: NDArray[np.int16], max_pairs: int) -> None:
    if n_pairs > max_pairs:
        n_haplotypes, n_loci = haplotypes.shape
        raise _explosion(f"{n_pairs:,} ways to explain the genotypes by {n_haplotypes:,} haplotypes", n_loci, max_pairs)


def _explosion(found: str, n_loci: int, max_pairs: int) -> InputError:
    return InputError(
        f"after {n_loci} loci there are {found}, more than the {max_pairs:,} allowed: "
        "the samples cannot resolve that many loci together",
        remedy="use fewer loci, windows (--window), or a larger --max-pairs",
    )


def check_alleles(alleles: NDArray[np.int16], loci: tuple[str, ...], samples: tuple[str, ...]) -> None:
    """Refuse genotypes that no haplotype model can use.

    Raises
    ------
    InputError
        Fewer than two loci, no samples, a locus without a single call, a name that repeats, or a sample that is
        haploid at some loci and diploid at others.
    """
    if len(loci) < 2:
        counted = "1 locus" if len(loci) == 1 else f"{len(loci)} loci"
        raise InputError(f"{counted}, at least 2 needed for haplotypes", remedy="name more loci")
    if not samples:
        raise InputError("no samples")
    for names, kind in ((loci, "locus"), (samples, "sample")):
        if len(set(names)) < len(names):
            repeated = next(name for index, name in enumerate(names) if name in names[:index])
            raise InputError(f"{kind} {repeated} is there twice", remedy="give each its own name")
    uncalled = ~np.any(alleles > MISSING_ALLELE, axis=(0, 2))
    if np.any(uncalled):
        raise InputError(
            f"locus {loci[int(np.argmax(uncalled))]} has no called allele in any sample", remedy="leave it out"
        )
    absent = alleles[:, :, 1] == ABSENT_ALLELE
    mixed = np.any(absent, axis=1) & ~np.all(absent, axis=1)
    if np.any(mixed):
        sample = int(np.argmax(mixed))
        haploid, diploid = loci[int(np.argmax(absent[sample]))], loci[int(np.argmin(absent[sample]))]
        raise InputError(
            f"sample {samples[sample]} is haploid at some loci ({haploid}) and diploid at others ({diploid})",
            remedy="use one kind of loci, or leave the sample out",
        )
