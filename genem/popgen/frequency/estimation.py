"""Allele frequencies from called genotypes or genotype likelihoods: the library behind ``genem freq``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, chdtri

from genem.data import ABSENT_ALLELE, FIELDS, FieldName, GenotypeBlock
from genem.em.ascent_kernels import KKT_TOLERANCE
from genem.errors import InputError, UsageError
from genem.numerics.threads import spread
from genem.popgen.frequency.count_kernels import (
    ALLELE_NUMBER,
    N_ALT_COUNTS,
    N_CALLED,
    N_ROW_COUNTS,
    N_SAMPLES,
    Options,
    Rows,
)
from genem.popgen.frequency.genotype_kernels import (
    FREQUENCY,
    HETEROGENEITY_P,
    HWE_MID_P,
    HWE_P,
    INBREEDING,
    LOWER,
    LRT_HWE,
    LRT_P,
    N_STATISTICS,
    STANDARD_ERROR,
    UPPER,
    genotype_rows,
)
from genem.popgen.frequency.likelihood_row_kernels import likelihood_rows
from genem.popgen.frequency.table import FrequencyTable
from genem.popgen.samples import (
    LN_PER_UNIT,
    POOLED,
    HalfCalls,
    Samples,
    check_calls,
    check_likelihoods,
    check_samples,
    study_design,
)
from genem.popgen.samples_kernels import Design
from genem.popgen.sex_chromosomes import Build, ploidy_regions

__all__ = ["allele_frequencies_from_genotypes", "allele_frequencies_from_likelihoods", "freq"]

MAX_ITER = 5000
"""Most evaluations of the EM map per fit."""
MAX_MASKED_GROUPS = 16
"""With more groups than this one pass over the samples is faster than a pass over the words for each group."""


def freq(
    block: GenotypeBlock,
    *,
    field: FieldName = "GT",
    groups: ArrayLike | None = None,
    group_names: Sequence[str] | None = None,
    sex: ArrayLike | None = None,
    build: Build | None = None,
    inbreeding: bool = False,
    ci: float = 0.95,
    half_calls: HalfCalls = "em",
    max_iter: int = MAX_ITER,
    tolerance: float = KKT_TOLERANCE,
    threads: int = 1,
) -> FrequencyTable:
    r"""Allele frequencies of every variant of a block, per group of samples and pooled.

    Called genotypes are counted (missing ones enter the E-step with their Hardy-Weinberg expectation, so the fixed
    point is counting); genotype likelihoods are maximised by EM over the unknown genotypes,

    .. math:: p_a \leftarrow \frac{1}{\sum_i m_i} \sum_i \sum_g c_{ga}
              \frac{L_{ig} P(g; p)}{\sum_h L_{ih} P(h; p)},

    with :math:`m_i` the ploidy of sample i and :math:`c_{ga}` the copies of allele a in genotype g
    (see :func:`allele_frequencies_from_likelihoods`).

    With ``sex``, outside the pseudo-autosomal regions of ``build``: males have one copy of X and Y (a homozygous
    diploid call is one copy, a heterozygous one is set missing and counted), females two of X and none of Y;
    samples of unknown sex are left out there; mitochondria have one copy in everybody. Without ``sex`` each call
    counts the copies it is written with.

    Parameters
    ----------
    block
        Variants with ``alleles`` (GT) or ``likelihoods`` (PL, GL).
    field
        What to estimate from.
    groups
        int (sample,): group of each sample, -1 for none.
    group_names
        Names of the groups; default their numbers.
    sex
        int (sample,): 1 male, 2 female, 0 unknown.
    build
        Reference whose pseudo-autosomal regions apply: ``b37`` or ``b38``.
    inbreeding
        Free genotype frequencies, P(het) = 2 p (1 - p) (1 - F), for each ALT against the rest, instead of
        Hardy-Weinberg proportions: AF, F, SE and interval are those of that model, which needs ploidy 2 or 1.
    ci
        Level of the profile-likelihood interval.
    half_calls
        ``em``: the called copy of ``0/.`` counts. ``missing``: the whole call is missing.
    max_iter
        Most EM steps per fit.
    tolerance
        Largest Karush-Kuhn-Tucker residual at convergence, per copy.
    threads
        Threads to use; the results are the same bits for any number.

    Returns
    -------
    FrequencyTable
        Rows of each variant: the groups in their order, then ``ALL``.

    Raises
    ------
    UsageError
        Contradicting or incomplete arguments.
    InputError
        The field is not in the block, or holds what cannot be used (an allele the site does not have, a wrong
        number of likelihoods, a polyploid sample with ``inbreeding``).

    References
    ----------
    Ceppellini, Siniscalco & Smith (1955), doi:10.1111/j.1469-1809.1955.tb01348.x (gene counting).
    Li (2011), Bioinformatics 27:2987, doi:10.1093/bioinformatics/btr509, eq. (5) (likelihoods of any ploidy).

    Examples
    --------
    >>> import numpy as np
    >>> from genem.data import FIELDS, FieldName, ABSENT_ALLELE, GenotypeBlock, VariantSites
    >>> site = VariantSites(contigs=("1",), contig=np.zeros(1, np.int32), position=np.array([100]),
    ...     n_alleles=np.array([2], np.int32), record=np.array([1]), text=np.zeros(0, np.uint8),
    ...     spans=np.zeros((1, 6, 2), np.int64))
    >>> calls = np.array([[[0, 0], [0, 1], [1, 1], [0, -1]]], np.int8)
    >>> table = freq(GenotypeBlock(site, ("a", "b", "c", "d"), alleles=calls))
    >>> print(table.allele_number, table.allele_frequency.round(4), table.standard_error.round(4))
    [7] [0.4286] [0.187]
    """
    samples = check_samples(len(block.samples), sex, groups, group_names)
    regions = ploidy_regions(block.sites, sexed=sex is not None, build=build)
    options = _options(half_calls, inbreeding, ci, max_iter, tolerance)
    if FIELDS[field].is_call:
        if block.alleles is None:
            raise InputError("the block holds no GT", remedy="read it with GT among the fields")
        return _genotype_table(block.alleles, block.sites.n_alleles, regions, samples, options, threads, block)
    if block.likelihoods is None or block.n_likelihoods is None or block.likelihood_field != field:
        raise InputError(f"the block holds no {field}", remedy=f"read it with {field} among the fields")
    return _likelihood_table(
        block.likelihoods, block.n_likelihoods, block.sites.n_alleles, field, regions, samples, options, threads, block
    )


def allele_frequencies_from_genotypes(
    alleles: NDArray[np.integer[Any]],
    n_alleles: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    group_names: Sequence[str] | None = None,
    inbreeding: bool = False,
    ci: float = 0.95,
    half_calls: HalfCalls = "em",
    threads: int = 1,
) -> FrequencyTable:
    """Gene counting over arrays of called genotypes; see :func:`freq`, which adds the sex chromosomes.

    Parameters
    ----------
    alleles
        int8 or int16 (variant, sample, ploidy): allele index, -1 for a missing copy, -2 for one that does not exist.
    n_alleles
        int (variant,), REF included.
    groups, group_names, inbreeding, ci, half_calls, threads
        As in :func:`freq`.

    Returns
    -------
    FrequencyTable

    Raises
    ------
    UsageError, InputError
        As in :func:`freq`.

    Examples
    --------
    >>> import numpy as np
    >>> calls = np.array([[[0, 0]] * 57 + [[0, 1]] * 14 + [[1, 1]] * 50], np.int8)
    >>> table = allele_frequencies_from_genotypes(calls, [2])
    >>> print(f"AF {table.allele_frequency[0]:.4f} [{table.lower[0]:.4f}, {table.upper[0]:.4f}]"
    ...       f" F {table.inbreeding_coefficient[0]:.4f} HWE p {table.hwe_p[0]:.3g}")
    AF 0.4711 [0.4087, 0.5340] F 0.7678 HWE p 5.56e-19
    """
    n_variants, n_samples = _variants_and_samples("alleles", alleles)
    samples = check_samples(n_samples, None, groups, group_names)
    options = _options(half_calls, inbreeding, ci, MAX_ITER, KKT_TOLERANCE)
    regions = np.zeros(n_variants, np.int8)
    return _genotype_table(alleles, n_alleles, regions, samples, options, threads, None)


def allele_frequencies_from_likelihoods(
    likelihoods: NDArray[np.int32] | NDArray[np.float32],
    n_likelihoods: NDArray[np.integer[Any]],
    n_alleles: ArrayLike,
    *,
    field: Literal["PL", "GL"] = "PL",
    groups: ArrayLike | None = None,
    group_names: Sequence[str] | None = None,
    inbreeding: bool = False,
    ci: float = 0.95,
    max_iter: int = MAX_ITER,
    tolerance: float = KKT_TOLERANCE,
    threads: int = 1,
) -> FrequencyTable:
    r"""Allele frequencies from genotype likelihoods of any ploidy and number of alleles, by EM.

    Maximises :math:`\sum_i \log \sum_g L_{ig} P(g; p)` with multinomial (Hardy-Weinberg) P(g; p) over the frequencies,
    by EM steps accelerated with SQUAREM, to the Karush-Kuhn-Tucker conditions on the simplex. Where every sample has
    log-concave diploid likelihoods at two alleles (:math:`L_{01}^2 \ge L_{00} L_{11}`, as independent reads give),
    the log-likelihood is a sum of concave terms and the maximum is global; elsewhere it is the best of several
    starts. The likelihood-ratio test of Hardy-Weinberg proportions compares with free frequencies of the
    genotypes without, with one and with two copies of the ALT, over diploid samples; the alternative's EM starts
    at the null, so that the statistic is never negative. F is that of the free frequencies.

    Parameters
    ----------
    likelihoods
        int32 phred-scaled (PL, -1 missing) or float32 log10 (GL, NaN missing) (variant, sample, genotype), in VCF
        order.
    n_likelihoods
        int (variant, sample): how many values a sample has (its ploidy follows); 0 = missing.
    n_alleles
        int (variant,), REF included.
    field
        ``PL`` or ``GL``.
    groups, group_names, inbreeding, ci, max_iter, tolerance, threads
        As in :func:`freq`.

    Returns
    -------
    FrequencyTable
        A sample whose likelihoods are all equal is missing, one with some of them missing too (and counted).

    Raises
    ------
    UsageError, InputError
        As in :func:`freq`.

    References
    ----------
    Li (2011), Bioinformatics 27:2987, doi:10.1093/bioinformatics/btr509.
    Varadhan & Roland (2008), Scand. J. Stat. 35:335, doi:10.1111/j.1467-9469.2007.00585.x (SQUAREM).

    Examples
    --------
    >>> import numpy as np
    >>> pl = np.array([[[0, 3, 40], [20, 0, 30], [29, 3, 0], [0, 0, 0]]], np.int32)
    >>> table = allele_frequencies_from_likelihoods(pl, np.full((1, 4), 3), [2])
    >>> print(table.n_called, table.allele_frequency.round(4), table.standard_error.round(4))
    [3] [0.4987] [0.2509]
    """
    n_variants, n_samples = _variants_and_samples("likelihoods", likelihoods)
    samples = check_samples(n_samples, None, groups, group_names)
    options = _options("em", inbreeding, ci, max_iter, tolerance)
    regions = np.zeros(n_variants, np.int8)
    return _likelihood_table(likelihoods, n_likelihoods, n_alleles, field, regions, samples, options, threads, None)


def _variants_and_samples(what: str, array: NDArray[Any]) -> tuple[int, int]:
    if array.ndim != 3:
        raise UsageError(f"{what} has shape {array.shape}, an axis each of variants, samples and values expected")
    return array.shape[0], array.shape[1]


def _options(half_calls: HalfCalls, inbreeding: bool, ci: float, max_iter: int, tolerance: float) -> Options:
    if half_calls not in ("em", "missing"):
        raise UsageError(f"half_calls is {half_calls!r}, em or missing expected")
    if not 0.0 < ci < 1.0:
        raise UsageError(f"ci is {ci}, a level between 0 and 1 expected")
    if max_iter < 1 or not tolerance > 0.0:
        raise UsageError("max_iter and tolerance must be positive")
    return Options(
        half_calls == "missing",
        bool(inbreeding),
        float(chdtri(1, 1.0 - ci)),
        int(max_iter),
        float(tolerance),
        np.zeros(1, np.int8),
    )


def _genotype_table(
    alleles: NDArray[np.integer[Any]],
    n_alleles: ArrayLike,
    regions: NDArray[np.int8],
    samples: Samples,
    options: Options,
    threads: int,
    block: GenotypeBlock | None,
) -> FrequencyTable:
    design = study_design(n_alleles, regions, samples)
    rows = _empty_rows(design)
    calls = check_calls(alleles, len(regions), len(samples.sex))
    arguments = (calls, *_words(calls, design), design, options, rows)
    spread(threads, len(regions), lambda _, first, last: genotype_rows(first, last, *arguments))
    _refuse_bad_samples(rows, "GT has an allele the site does not have", block)
    if options.inbreeding:
        _refuse_polyploids(rows, block)
    return _table(samples, rows)


def _likelihood_table(
    likelihoods: NDArray[np.int32] | NDArray[np.float32],
    n_likelihoods: NDArray[np.integer[Any]],
    n_alleles: ArrayLike,
    field: FieldName,
    regions: NDArray[np.int8],
    samples: Samples,
    options: Options,
    threads: int,
    block: GenotypeBlock | None,
) -> FrequencyTable:
    design = study_design(n_alleles, regions, samples)
    rows = _empty_rows(design)
    cells, numbers = check_likelihoods(likelihoods, n_likelihoods, field, len(regions), len(samples.sex))
    arguments = (cells, numbers, LN_PER_UNIT[field], design, options, rows)
    spread(
        threads, len(regions), lambda _, first, last: likelihood_rows(first, last, *arguments), cancel=options.cancel
    )
    _refuse_bad_samples(rows, f"{field} has a number of values that fits no ploidy", block)
    if options.inbreeding:
        _refuse_polyploids(rows, block)
    return _table(samples, rows)


def _words(alleles: NDArray[np.integer[Any]], design: Design) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Diploid calls as 64-bit words of four samples, and masks of the groups and of all, for the fast count.

    The words have no columns where it does not apply.
    """
    n_variants, n_samples, ploidy = alleles.shape
    padding = -n_samples % 4
    n_words = (n_samples + padding) // 4
    selected = np.full((design.n_groups + 1, 4 * n_words), 0xFFFF, np.uint16)
    if ploidy != 2 or alleles.dtype != np.int8 or design.n_groups > MAX_MASKED_GROUPS or n_samples == 0:
        return np.empty((n_variants, 0), np.uint64), selected.view(np.uint64)
    for number in range(design.n_groups):
        selected[number, :n_samples] *= design.group == number
    if padding:
        absent = ((0, 0), (0, padding), (0, 0))
        alleles = np.pad(alleles, absent, constant_values=ABSENT_ALLELE)
    return alleles.reshape(n_variants, 8 * n_words).view(np.uint64), selected.view(np.uint64)


def _empty_rows(design: Design) -> Rows:
    n_variants, per_variant = len(design.n_alleles), design.n_groups + 1
    n_rows = n_variants * per_variant
    offsets = np.zeros(n_rows + 1, np.int64)
    np.cumsum(np.repeat(design.n_alleles - 1, per_variant), out=offsets[1:])
    n_values = int(offsets[-1])
    return Rows(
        offsets=offsets,
        counts=np.zeros((n_rows, N_ROW_COUNTS), np.int64),
        alt_counts=np.zeros((n_values, N_ALT_COUNTS), np.int64),
        values=np.full((n_values, N_STATISTICS), np.nan),
        heterogeneity=np.zeros((n_values, 2)),
        log_likelihood=np.full(n_rows, np.nan),
        n_iter=np.zeros(n_rows, np.int64),
        status=np.zeros(n_rows, np.int64),
        heterozygous_haploids=np.zeros(n_variants, np.int64),
        incomplete=np.zeros(n_variants, np.int64),
        polyploid=np.full(n_variants, -1, np.int64),
        bad_sample=np.full(n_variants, -1, np.int64),
    )


def _refuse_bad_samples(rows: Rows, found: str, block: GenotypeBlock | None) -> None:
    bad = np.flatnonzero(rows.bad_sample >= 0)
    if len(bad):
        variant, sample = int(bad[0]), int(rows.bad_sample[bad[0]])
        raise InputError(found, place=_place(block, variant, sample))


def _refuse_polyploids(rows: Rows, block: GenotypeBlock | None) -> None:
    bad = np.flatnonzero(rows.polyploid >= 0)
    if len(bad):
        raise InputError(
            "a sample of ploidy above 2, --inbreeding is a model of diploids",
            place=_place(block, int(bad[0]), int(rows.polyploid[bad[0]])),
            remedy="run without --inbreeding",
        )


def _place(block: GenotypeBlock | None, variant: int, sample: int) -> str:
    if block is None:
        return f"variant {variant}, sample {sample}"
    sites = block.sites
    where = f"record {sites.record[variant]} ({sites.chrom(variant)}:{sites.position[variant]})"
    return f"{where}, sample {block.samples[sample]}"


def _table(samples: Samples, rows: Rows) -> FrequencyTable:
    values = rows.values
    tested = rows.heterogeneity[:, 1] > 0
    statistic, freedom = rows.heterogeneity[tested].T
    values[tested, HETEROGENEITY_P] = chdtrc(freedom, statistic)
    columns = np.ascontiguousarray(values.T)
    return FrequencyTable(
        groups=(*samples.group_names, POOLED),
        row_offsets=rows.offsets,
        n_samples=rows.counts[:, N_SAMPLES].copy(),
        n_called=rows.counts[:, N_CALLED].copy(),
        allele_number=rows.counts[:, ALLELE_NUMBER].copy(),
        n_iter=rows.n_iter,
        status=rows.status,
        log_likelihood=rows.log_likelihood,
        allele_frequency=columns[FREQUENCY],
        standard_error=columns[STANDARD_ERROR],
        lower=columns[LOWER],
        upper=columns[UPPER],
        hwe_p=columns[HWE_P],
        hwe_mid_p=columns[HWE_MID_P],
        inbreeding_coefficient=columns[INBREEDING],
        lrt_hwe=columns[LRT_HWE],
        lrt_p=columns[LRT_P],
        heterogeneity_p=columns[HETEROGENEITY_P],
        heterozygous_haploids=rows.heterozygous_haploids,
        incomplete_likelihoods=rows.incomplete,
    )
