"""Kernels that know how many likelihoods a sample must have: one per unordered genotype."""

from __future__ import annotations

from genem.jit import kernel


@kernel
def genotype_count(n_alleles: int, ploidy: int, limit: int) -> int:
    """Unordered genotypes of ``ploidy`` copies, C(n_alleles + ploidy - 1, ploidy); above ``limit`` any number above.

    The limit keeps hostile numbers of copies and alleles from overflowing, and from taking long.
    """
    if ploidy == 2:
        return n_alleles * (n_alleles + 1) >> 1
    count = 1
    for copy in range(1, ploidy + 1):
        count = count * (n_alleles - 1 + copy) // copy
        if count > limit:
            break
    return count


@kernel
def count_fits(n_values: int, n_alleles: int, ploidy: int) -> bool:
    """Whether a sample of this ploidy (0: not known, any will do) has ``n_values`` genotypes."""
    if ploidy > 0:
        return n_values == genotype_count(n_alleles, ploidy, n_values)
    count = n_alleles
    copy = 1
    while n_alleles > 1 and count < n_values:
        copy += 1
        count = count * (n_alleles - 1 + copy) // copy
    return n_values == count
