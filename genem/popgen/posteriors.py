"""Completed genotypes: what each sample's genotype is, given its data and the fitted frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.data import GenotypeBlock
from genem.errors import UsageError
from genem.popgen.count_kernels import Design
from genem.popgen.genotype_model_kernels import n_genotypes
from genem.popgen.posterior_kernels import call_posteriors, likelihood_posteriors
from genem.popgen.sex_chromosomes import Build, ploidy_regions
from genem.popgen.table import FrequencyTable

__all__ = ["GenotypePosteriors", "genotype_posteriors"]

USUAL_PLOIDY = 2


@dataclass(frozen=True, slots=True)
class GenotypePosteriors:
    """Posterior genotypes of a block.

    Attributes
    ----------
    probabilities
        float64 (variant, sample, genotype), in VCF order; NaN where nothing can be said, and beyond
        ``n_genotypes``.
    n_genotypes
        int32 (variant, sample): genotypes of the sample's ploidy; 0 for a sample without copies (females on Y).
    dosages
        float64 (variant, sample, ALT): expected copies of each ALT allele.
    """

    probabilities: NDArray[np.float64]
    n_genotypes: NDArray[np.int32]
    dosages: NDArray[np.float64]


def genotype_posteriors(
    block: GenotypeBlock,
    table: FrequencyTable,
    *,
    field: Literal["GT", "PL", "GL"] = "GT",
    groups: ArrayLike | None = None,
    sex: ArrayLike | None = None,
    build: Build | None = None,
    inbreeding: bool = False,
    half_calls: Literal["em", "missing"] = "em",
) -> GenotypePosteriors:
    r"""The E-step at the estimate: P(genotype | data, allele frequencies) of every sample.

    .. math:: P(g \mid D_i, p) = \frac{L_{ig} P(g; p)}{\sum_h L_{ih} P(h; p)}

    with p the frequencies of the sample's group, or of all samples where it is in no group or its group has no data.
    A called genotype is certain, a missing one has the prior P(g; p), the missing copy of a half-call is drawn from
    p. One copy that is written as a diploid (a male's X) can only be homozygous.

    Parameters
    ----------
    block
        The variants.
    table
        What :func:`genem.popgen.freq` estimated for them with the same arguments.
    field, groups, sex, build, inbreeding, half_calls
        As in :func:`genem.popgen.freq`. With ``inbreeding`` the prior has the fitted F; for several ALT alleles it
        is their average, weighted by expected heterozygosity.

    Returns
    -------
    GenotypePosteriors

    Raises
    ------
    UsageError
        The block does not hold the field.

    Examples
    --------
    >>> import numpy as np
    >>> from genem.data import GenotypeBlock, VariantSites
    >>> from genem.popgen import freq
    >>> site = VariantSites(("1",), np.zeros(1, np.int32), np.array([9]), np.array([2], np.int32), np.array([1]),
    ...                     np.zeros(0, np.uint8), np.zeros((1, 6, 2), np.int64))
    >>> block = GenotypeBlock(site, ("a", "b", "c"), np.array([[[0, 0], [1, 1], [-1, -1]]], np.int8))
    >>> posteriors = genotype_posteriors(block, freq(block))
    >>> print(posteriors.probabilities[0, 2], posteriors.dosages[0, :, 0])
    [0.25 0.5  0.25] [0. 2. 1.]
    """
    n_variants, n_samples = len(block), len(block.samples)
    sites = block.sites
    n_alleles = np.ascontiguousarray(sites.n_alleles, np.int64)
    group = np.full(n_samples, -1, np.int64) if groups is None else np.array(groups, np.int64)
    n_groups = len(table.groups) - 1
    group[group < 0] = n_groups
    design = Design(
        n_alleles,
        ploidy_regions(sites, sexed=sex is not None, build=build),
        np.zeros(n_samples, np.int8) if sex is None else np.ascontiguousarray(sex, np.int8),
        group,
        n_groups,
    )
    most_alleles = int(n_alleles.max(initial=1))
    coefficients = table.inbreeding_coefficient if inbreeding else np.zeros_like(table.inbreeding_coefficient)
    fitted = (table.row_offsets, table.allele_frequency, coefficients)
    if field == "GT":
        if block.alleles is None:
            raise UsageError("the block holds no GT")
        ploidy = block.alleles.shape[2]
    elif block.likelihoods is None or block.n_likelihoods is None or block.likelihood_field != field:
        raise UsageError(f"the block holds no {field}")
    else:
        ploidy = USUAL_PLOIDY
    width = n_genotypes(most_alleles, ploidy)
    if block.likelihoods is not None and field != "GT":
        width = max(width, block.likelihoods.shape[2])
    probabilities = np.full((n_variants, n_samples, width), np.nan)
    numbers = np.zeros((n_variants, n_samples), np.int32)
    dosages = np.full((n_variants, n_samples, most_alleles - 1), np.nan)
    out = (probabilities, numbers, dosages)
    if field == "GT":
        assert block.alleles is not None
        call_posteriors(np.ascontiguousarray(block.alleles), design, half_calls == "missing", *fitted, *out)
    else:
        assert block.likelihoods is not None
        assert block.n_likelihoods is not None
        likelihoods = np.ascontiguousarray(block.likelihoods)
        likelihood_posteriors(likelihoods, block.n_likelihoods.astype(np.int64), field == "PL", design, *fitted, *out)
    return GenotypePosteriors(probabilities, numbers, dosages)
