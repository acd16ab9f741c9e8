"""Completed genotypes: what each sample's genotype is likely to be, given its data and the frequencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.data import FIELDS, FieldName, GenotypeBlock
from genem.errors import InputError, UsageError
from genem.numerics.threads import spread
from genem.popgen.frequency.count_kernels import Options
from genem.popgen.frequency.posterior_kernels import Estimates, Posteriors, posterior_rows
from genem.popgen.frequency.table import FrequencyTable
from genem.popgen.samples import (
    LN_PER_UNIT,
    Calls,
    Cells,
    HalfCalls,
    check_calls,
    check_likelihoods,
    check_samples,
    study_design,
)
from genem.popgen.sex_chromosomes import Build, ploidy_regions

__all__ = ["GenotypePosteriors", "genotype_posteriors"]


@dataclass(frozen=True, slots=True)
class GenotypePosteriors:
    """Posterior genotypes of a block.

    Attributes
    ----------
    probabilities
        float32 (variant, sample, genotype): posterior probabilities in VCF order (FORMAT/GP), NaN beyond
        ``n_genotypes``.
    n_genotypes
        int32 (variant, sample): the genotypes of the sample's ploidy; 0 where there is no estimate.
    dosages
        float32 (variant, sample, ALT): expected copies of each ALT (FORMAT/DS), NaN beyond the site's ALTs.
    """

    probabilities: NDArray[np.float32]
    n_genotypes: NDArray[np.int32]
    dosages: NDArray[np.float32]


def genotype_posteriors(
    block: GenotypeBlock,
    table: FrequencyTable,
    *,
    field: FieldName = "GT",
    groups: ArrayLike | None = None,
    sex: ArrayLike | None = None,
    build: Build | None = None,
    inbreeding: bool = False,
    half_calls: HalfCalls = "em",
    threads: int = 1,
) -> GenotypePosteriors:
    r"""Complete the genotypes of a block: the E-step at the estimated frequencies.

    .. math:: P(g \mid \text{data}_i) \propto L_{ig} \, P(g; p), \qquad
              P(g; p) = \frac{m!}{\prod_a c_{ga}!} \prod_a p_a^{c_{ga}}

    with the frequencies p of the sample's group (pooled where it is in none, or its group has no estimate). A call is
    certain; a missing one takes the expectation; a half-call's other copy is drawn from p. With ``inbreeding``
    diploids have :math:`P(ii) = p_i^2 + F p_i (1 - p_i)`, :math:`P(ij) = 2 p_i p_j (1 - F)`; at more than two alleles
    F is pooled over the ALTs (sum of observed over sum of expected heterozygosities). Where one copy is expected
    (males on X and Y) a diploid sample has probability on homozygotes alone, and dosages run from 0 to 1.

    Parameters
    ----------
    block
        The block that ``table`` was estimated from.
    table
        Its frequencies, with the same groups.
    field, groups, sex, build, inbreeding, half_calls, threads
        As given to :func:`genem.popgen.freq`.

    Returns
    -------
    GenotypePosteriors

    Raises
    ------
    UsageError
        The table does not belong to the block or the groups.
    InputError
        The field is not in the block.

    References
    ----------
    Li (2011), Bioinformatics 27:2987, doi:10.1093/bioinformatics/btr509, eq. (7).

    Examples
    --------
    >>> import numpy as np
    >>> from genem.data import FIELDS, FieldName, GenotypeBlock, VariantSites
    >>> from genem.popgen import freq
    >>> site = VariantSites(contigs=("1",), contig=np.zeros(1, np.int32), position=np.array([100]),
    ...     n_alleles=np.array([2], np.int32), record=np.array([1]), text=np.zeros(0, np.uint8),
    ...     spans=np.zeros((1, 6, 2), np.int64))
    >>> calls = np.array([[[0, 0], [0, 1], [-1, -1], [0, -1]]], np.int8)
    >>> block = GenotypeBlock(site, ("a", "b", "c", "d"), alleles=calls)
    >>> completed = genotype_posteriors(block, freq(block))
    >>> print(completed.probabilities[0].round(2))
    [[1.   0.   0.  ]
     [0.   1.   0.  ]
     [0.64 0.32 0.04]
     [0.8  0.2  0.  ]]
    >>> print(completed.dosages[0, :, 0].round(2))
    [0.  1.  0.4 0.2]
    """
    samples = check_samples(len(block.samples), sex, groups, table.groups[:-1] if groups is not None else None)
    design = study_design(
        block.sites.n_alleles, ploidy_regions(block.sites, sexed=sex is not None, build=build), samples
    )
    if len(table) != len(block) * (design.n_groups + 1):
        raise UsageError(
            f"the table has {len(table)} rows, {len(block) * (design.n_groups + 1)} expected for this block"
        )
    n_variants, n_samples = len(block), len(block.samples)
    alleles: Calls = np.empty((n_variants, n_samples, 0), np.int8)
    likelihoods: Cells = np.empty((n_variants, n_samples, 0), np.int32)
    n_likelihoods = np.empty((n_variants, 0), np.int64)
    scale = 0.0
    if FIELDS[field].is_call:
        if block.alleles is None:
            raise InputError("the block holds no GT", remedy="read it with GT among the fields")
        alleles = check_calls(block.alleles, n_variants, n_samples)
        width = _most_genotypes(block, alleles.shape[2])
    else:
        if block.likelihoods is None or block.n_likelihoods is None or block.likelihood_field != field:
            raise InputError(f"the block holds no {field}", remedy=f"read it with {field} among the fields")
        likelihoods, n_likelihoods = check_likelihoods(
            block.likelihoods, block.n_likelihoods, field, n_variants, n_samples
        )
        scale = LN_PER_UNIT[field]
        width = max(likelihoods.shape[2], _most_genotypes(block, 2))
    posteriors = Posteriors(
        np.full((n_variants, n_samples, width), np.nan, np.float32),
        np.full((n_variants, n_samples, int(block.sites.n_alleles.max(initial=1)) - 1), np.nan, np.float32),
        np.zeros((n_variants, n_samples), np.int32),
    )
    arguments = (
        alleles,
        likelihoods,
        n_likelihoods,
        scale,
        design,
        Options(half_calls == "missing", bool(inbreeding), 0.0, 0, 0.0, np.zeros(1, np.int8)),
        Estimates(table.row_offsets, table.allele_frequency, table.inbreeding_coefficient),
        posteriors,
    )
    spread(threads, n_variants, lambda _, first, last: posterior_rows(first, last, *arguments))
    return GenotypePosteriors(posteriors.probability, posteriors.n_genotypes, posteriors.dosage)


def _most_genotypes(block: GenotypeBlock, ploidy: int) -> int:
    """The number of genotypes of this ploidy at the site with most alleles (two copies at least)."""
    n_alleles = int(block.sites.n_alleles.max(initial=1))
    number = 1
    for k in range(max(2, ploidy)):
        number = number * (n_alleles + k) // (k + 1)
    return number
