"""The site frequency spectrum: kernels against exact sums, the fit against plain EM, diversity, bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import ABSENT_ALLELE, MISSING_ALLELE, GenotypeBlock, VariantSites
from genem.errors import InputError, UsageError
from genem.popgen import diversity, sfs
from genem.popgen.spectrum.estimation import fit_spectrum, gather_sites
from genem.popgen.spectrum.kernels import count_likelihoods, projected_counts
from genem.popgen.spectrum.model import SpectrumModel
from tests.reference import sfs as reference

M, A = MISSING_ALLELE, ABSENT_ALLELE


def sites_of(n_sites, position=None, n_alleles=2, contig=None) -> VariantSites:
    return VariantSites(
        contigs=("1", "2"),
        contig=np.zeros(n_sites, np.int32) if contig is None else np.array(contig, np.int32),
        position=np.arange(1, n_sites + 1) * 1000 if position is None else np.array(position),
        n_alleles=np.broadcast_to(np.int32(n_alleles), n_sites).copy(),
        record=np.arange(1, n_sites + 1),
        text=np.zeros(0, np.uint8),
        spans=np.zeros((n_sites, 6, 2), np.int64),
    )


def called(alleles, **sites) -> GenotypeBlock:
    alleles = np.array(alleles, np.int8)
    return GenotypeBlock(sites_of(len(alleles), **sites), names(alleles.shape[1]), alleles=alleles)


def likely(phred, n_values=None, field="PL", **sites) -> GenotypeBlock:
    phred = np.array(phred, np.int32 if field == "PL" else np.float32)
    if n_values is None:
        n_values = np.full(phred.shape[:2], phred.shape[2])
    block = sites_of(len(phred), **sites)
    return GenotypeBlock(
        block,
        names(phred.shape[1]),
        likelihood_field=field,
        likelihoods=phred,
        n_likelihoods=np.array(n_values, np.int32),
    )


def names(n):
    return tuple(f"s{i}" for i in range(n))


def h_of(likelihoods, copies):
    """The kernel's likelihood of every count, its scale put back."""
    padded = np.zeros((len(copies), 3))
    for row, values in zip(padded, likelihoods, strict=True):
        row[: len(values)] = values
    n = int(sum(copies))
    first, second = np.zeros(n + 1), np.zeros(n + 1)
    order = np.random.default_rng(1).permutation(len(copies))
    in_first, low, high, log_scale = count_likelihoods(padded, np.array(copies), order, first, second)
    dense = np.zeros(n + 1)
    dense[low : high + 1] = (first if in_first else second)[low : high + 1]
    return dense, log_scale


@st.composite
def samples(draw):
    copies = draw(st.lists(st.sampled_from([1, 2]), min_size=1, max_size=5))
    value = st.sampled_from([1.0, 0.5, 0.125, 2.0**-20, 0.0])
    likelihoods = []
    for c in copies:
        values = draw(st.lists(value, min_size=c + 1, max_size=c + 1))
        values[draw(st.integers(0, c))] = 1.0
        likelihoods.append(values if draw(st.integers(0, 3)) else [1.0] * (c + 1))
    return likelihoods, copies


@pytest.mark.kernel
@given(samples())
@settings(max_examples=80)
def test_counts_are_the_exact_sums(case):
    likelihoods, copies = case
    exact = np.array([float(value) for value in reference.count_likelihoods(likelihoods, copies)])
    found, log_scale = h_of(likelihoods, copies)
    np.testing.assert_allclose(found * math.exp(log_scale), exact, rtol=1e-12, atol=1e-30)


@pytest.mark.kernel
@given(samples(), st.integers(1, 3))
@settings(max_examples=20)
def test_flat_samples_leave_a_flat_site_flat(case, n_flat):
    _, copies = case
    found, log_scale = h_of([[1.0] * (c + 1) for c in copies] * n_flat, copies * n_flat)
    np.testing.assert_allclose(found, 1.0, rtol=1e-12)
    assert log_scale == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("sorted_samples", [True, False])
@pytest.mark.parametrize("error", [0.2, 1e-3, 1e-30])
def test_two_thousand_samples_agree_with_logarithms(sorted_samples, error):
    rng = np.random.default_rng(2)
    alternative = np.arange(2000) < 700 if sorted_samples else rng.random(2000) < 0.3
    likelihoods = [[error**2, error, 1.0] if alt else [1.0, error, error**2] for alt in alternative]
    log_exact = reference.log_count_likelihoods(likelihoods, [2] * 2000)
    found, log_scale = h_of(likelihoods, [2] * 2000)
    kept = found > 0.0
    assert np.all(log_exact[~kept] < log_exact.max() + math.log(1.1e-30))
    np.testing.assert_allclose(np.log(found[kept]) + log_scale, log_exact[kept], rtol=1e-9, atol=1e-6)


def test_ten_thousand_samples_do_not_underflow():
    rng = np.random.default_rng(3)
    genotypes = rng.binomial(2, 0.1, 10_000)
    depth = rng.poisson(2, 10_000)
    reads = rng.binomial(depth, np.array([0.01, 0.5, 0.99])[genotypes])
    rate = np.array([0.01, 0.5, 0.99])
    log = reads[:, None] * np.log(rate) + (depth - reads)[:, None] * np.log1p(-rate)
    found, log_scale = h_of(np.exp(log - log.max(axis=1, keepdims=True)), [2] * 10_000)
    assert np.isfinite(log_scale)
    assert found.max() == 1.0
    assert abs(int(found.argmax()) - genotypes.sum()) < 150


@pytest.mark.kernel
@given(st.integers(1, 12), st.data())
def test_projection_is_what_flat_chromosomes_give(n, data):
    n_called = data.draw(st.integers(0, n))
    derived = data.draw(st.integers(0, n_called))
    log_factorial = np.array([math.lgamma(k + 1) for k in range(n + 1)])
    values = np.zeros(n + 1)
    low, high, log_scale = projected_counts(derived, n_called, n, log_factorial, values)
    calls = [[0.0, 1.0]] * derived + [[1.0, 0.0]] * (n_called - derived) + [[1.0, 1.0]] * (n - n_called)
    # The projection is the probability of the count, whichever of the called chromosomes carry the allele.
    ways = math.comb(n_called, derived)
    exact = np.array([float(ways * value) for value in reference.count_likelihoods(calls, [1] * n)])
    dense = np.zeros(n + 1)
    dense[low : high + 1] = values[low : high + 1]
    np.testing.assert_allclose(dense * math.exp(log_scale), exact, rtol=1e-11, atol=1e-30)


@given(st.integers(1, 10), st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_complete_calls_give_counting(n_samples, n_sites, seed):
    alleles = np.random.default_rng(seed).integers(0, 2, (n_sites, n_samples, 2))
    result = sfs([called(alleles)])
    counts = np.bincount(alleles.sum(axis=(1, 2)), minlength=2 * n_samples + 1)
    np.testing.assert_allclose(result.expected_sites, counts, atol=1e-9)
    exact = sum(
        math.log(counts[site.sum()] / n_sites * 2 ** np.sum(site[:, 0] != site[:, 1]))
        - math.log(math.comb(2 * n_samples, site.sum()))
        for site in alleles
    )
    assert result.log_likelihood == pytest.approx(exact, abs=1e-9)
    folded = sfs([called(alleles)], fold=True).expected_sites
    minor = np.minimum(alleles.sum(axis=(1, 2)), 2 * n_samples - alleles.sum(axis=(1, 2)))
    np.testing.assert_allclose(folded, np.bincount(minor, minlength=2 * n_samples + 1), atol=1e-9)


@given(st.lists(st.sampled_from([1, 2]), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_a_called_genotype_is_likelihood_one(copies, seed):
    rng = np.random.default_rng(seed)
    alleles = rng.integers(-1, 2, (4, len(copies), 2))
    alleles[rng.random(alleles.shape[:2]) < 0.2] = M
    alleles[:, np.array(copies) == 1, 1] = A
    alleles[0] = np.where(alleles[0] == A, A, 0)  # the first calls tell the ploidy
    alleles[:, 0, 0] = rng.integers(0, 2, 4)  # no site without data
    sites = gather_sites([called(alleles)])
    found = sites.groups[0].dense() * np.exp(sites.groups[0].log_scale)[:, None]
    copy_likelihood = {0: (1, 0), 1: (0, 1), M: (1, 1)}
    for site, row in zip(alleles, found, strict=True):
        likelihoods = []
        for sample, ploidy in zip(site, copies, strict=True):
            first, second = (copy_likelihood.get(int(allele)) for allele in sample)
            if ploidy == 1:
                likelihoods.append(first)
                continue
            one = 0.5 if M in sample else 1  # of a half-call, one order only shows the allele seen where it was seen
            mixed = max(first[0] * second[1], first[1] * second[0]) * (one if sample[0] != sample[1] else 1)
            likelihoods.append((first[0] * second[0], mixed, first[1] * second[1]))
        exact = [float(value) for value in reference.count_likelihoods(likelihoods, copies)]
        np.testing.assert_allclose(row, exact, rtol=1e-10, atol=1e-30)


def test_certain_likelihoods_and_calls_have_the_same_log_likelihood():
    alleles = np.random.default_rng(8).integers(0, 2, (30, 5, 2))
    phred = np.full((30, 5, 3), 3000)
    np.put_along_axis(phred, alleles.sum(axis=2)[:, :, None], 0, axis=2)
    from_calls, from_phred = sfs([called(alleles)]), sfs([likely(phred)], field="PL")
    assert from_calls.log_likelihood == pytest.approx(from_phred.log_likelihood, abs=1e-8)


def random_phred(rng, n_sites, n_samples):
    phred = rng.integers(0, 40, (n_sites, n_samples, 3))
    phred -= phred.min(axis=2, keepdims=True)
    phred[rng.random((n_sites, n_samples)) < 0.2] = 0
    return phred


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=15)
def test_no_plain_em_does_better_and_the_gap_is_a_bound(seed, fold):
    rng = np.random.default_rng(seed)
    sites = gather_sites([likely(random_phred(rng, 20, 4))], field="PL")
    result = fit_spectrum(sites, fold=fold, tolerance=1e-6)
    dense, shift = sites.groups[0].dense(), sites.groups[0].log_scale.sum()
    slow = reference.log_likelihood(dense, reference.em(dense, 3000, fold)) + shift
    assert result.status.label == "converged"
    assert result.gap <= 1e-6
    assert slow - 1e-9 <= result.log_likelihood + result.gap
    assert result.log_likelihood >= slow - 1e-6


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_em_step_is_the_textbook_one(seed):
    rng = np.random.default_rng(seed)
    groups = gather_sites([likely(random_phred(rng, 37, 5))], field="PL").groups
    model = SpectrumModel(groups, np.ones(37))
    dense = groups[0].dense()
    frequency = rng.dirichlet(np.ones(11))
    step = model.em_step(frequency)
    joint = dense * frequency
    np.testing.assert_allclose(step.params, (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0), atol=1e-14)
    expected = reference.log_likelihood(dense, frequency) + groups[0].log_scale.sum()
    assert step.log_likelihood == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_two_groups_multiply(seed):
    rng = np.random.default_rng(seed)
    block = likely(random_phred(rng, 25, 5))
    sites = gather_sites([block], field="PL", groups=[0, 1, 0, 1, 1])
    model = SpectrumModel(sites.groups, np.ones(25))
    first, second = (group.dense() for group in sites.groups)
    joint = (first[:, :, None] * second[:, None, :]).reshape(25, -1)
    frequency = rng.dirichlet(np.ones(joint.shape[1]))
    step = model.em_step(frequency)
    weighted = joint * frequency
    np.testing.assert_allclose(step.params, (weighted / weighted.sum(axis=1, keepdims=True)).mean(axis=0), atol=1e-14)


@pytest.mark.parametrize("fold", [False, True])
def test_joint_spectrum_of_complete_calls_is_counting(fold):
    alleles = np.random.default_rng(4).integers(0, 2, (60, 5, 2))
    result = sfs([called(alleles)], groups=[0, 0, 1, 1, 1], fold=fold)
    expected = np.zeros((5, 7))
    for site in alleles:
        k1, k2 = site[:2].sum(), site[2:].sum()
        mirror = (4 - k1, 6 - k2)
        if fold and (k1 + k2 > 5 or (k1 + k2 == 5 and (k1, k2) > mirror)):
            k1, k2 = mirror
        expected[k1, k2] += 1
    np.testing.assert_allclose(result.expected_sites, expected, atol=1e-9)
    assert len(result.diversity) == 2


def test_mixed_ploidy_half_calls_and_missing_calls():
    alleles = [[[0, 1], [1, A], [0, M]], [[1, 1], [0, A], [M, M]], [[M, M], [1, A], [0, 0]]]
    sites = gather_sites([called(alleles)])
    assert sites.groups[0].n == 5
    dense = sites.groups[0].dense()
    # Site 1: 2 of 4 known copies are derived, one is unknown: k = 2 or 3.
    np.testing.assert_allclose(dense[0] / dense[0].sum(), [0, 0, 0.5, 0.5, 0, 0], atol=1e-12)
    # Site 2: 2 of 3 known.
    assert np.flatnonzero(dense[1]).tolist() == [2, 3, 4]


def test_haploid_likelihoods():
    phred = [[[0, 20, -1], [0, 10, 30]], [[30, 0, -1], [0, 0, 0]]]
    sites = gather_sites([likely(phred, [[2, 3], [2, 3]])], field="PL")
    exact = reference.count_likelihoods([[1.0, 0.01], [1.0, 0.1, 0.001]], [1, 2])
    group = sites.groups[0]
    np.testing.assert_allclose(
        group.dense()[0] * math.exp(group.log_scale[0]), [float(value) for value in exact], rtol=1e-12
    )


def test_log10_likelihoods_keep_their_units():
    phred = np.array([[[0, 10, 30], [20, 0, 40]]])
    from_phred = sfs([likely(phred)], field="PL")
    from_log10 = sfs([likely(phred / -10.0 - 2.0, field="GL")], field="GL")
    assert from_log10.log_likelihood == pytest.approx(from_phred.log_likelihood - 4 * math.log(10), abs=1e-5)


def test_ancestral_alleles_turn_counts_round_and_unknown_ones_drop_sites():
    alleles = [[[0, 0], [0, 1]], [[0, 0], [0, 1]], [[0, 1], [1, 1]]]
    result = sfs([called(alleles)], ancestral=lambda _: np.array([0, 1, -1]))
    np.testing.assert_allclose(result.expected_sites, [0, 1, 0, 1, 0], atol=1e-9)
    assert result.sites.not_polarised == 1
    assert sfs([called(alleles)], ancestral=lambda _: np.array([0, 1, -1]), fold=True).sites.not_polarised == 0


def test_sites_left_out_are_counted():
    block = called([[[0, 1]], [[0, 2]], [[M, M]]])
    block.sites.n_alleles[1] = 3
    result = sfs([block])
    assert (result.sites.not_biallelic, result.sites.not_called, len(result.sites)) == (1, 1, 1)


def test_blocks_of_variants_do_not_matter():
    phred = random_phred(np.random.default_rng(5), 30, 6)
    whole = sfs([likely(phred)], field="PL")
    parts = sfs([likely(phred[:7]), likely(phred[7:])], field="PL")
    np.testing.assert_array_equal(whole.expected_sites, parts.expected_sites)


def test_threads_do_not_matter():
    phred = random_phred(np.random.default_rng(6), 50, 6)
    one, two = (sfs([likely(phred)], field="PL", threads=threads) for threads in (1, 2))
    assert one.expected_sites.tobytes() == two.expected_sites.tobytes()


def test_bootstrap_replicates_depend_on_their_number_only():
    alleles = np.random.default_rng(7).integers(0, 2, (80, 4, 2))
    sites = gather_sites([called(alleles)])
    whole = fit_spectrum(sites, bootstrap=range(6), block_size=5000).bootstrap
    part = fit_spectrum(sites, bootstrap=range(2, 4), block_size=5000).bootstrap
    assert part.numbers.tolist() == [2, 3]
    np.testing.assert_array_equal(part.expected_sites, whole.expected_sites[2:4])


def test_bootstrap_error_of_one_site_blocks_is_binomial():
    alleles = np.zeros((400, 1, 2), np.int8)
    alleles[:100, :, 1] = 1
    result = sfs([called(alleles)], bootstrap=400, block_size=1000)
    assert result.standard_error[1] == pytest.approx(math.sqrt(400 * 0.25 * 0.75), rel=0.15)
    assert result.standard_error[2] == pytest.approx(0.0, abs=1e-9)


@given(st.integers(2, 12), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_diversity_is_the_textbook_one(n, n_sites, seed):
    haplotypes = np.random.default_rng(seed).integers(0, 2, (n, n_sites))
    spectrum = np.bincount(haplotypes.sum(axis=0), minlength=n + 1)
    found = diversity(spectrum)
    pi = reference.pairwise_differences(haplotypes)
    assert found.theta_pi == pytest.approx(pi)
    assert found.segregating_sites == spectrum[1:n].sum()
    if n >= 4 and found.segregating_sites > 0:
        assert found.tajima_d == pytest.approx(reference.tajima_d(n, found.segregating_sites, pi))
    else:
        assert math.isnan(found.tajima_d)
    assert diversity(spectrum, 100.0).theta_pi == pytest.approx(pi / 100)
    assert diversity(spectrum[::-1]).tajima_d == pytest.approx(found.tajima_d, nan_ok=True)


def test_diversity_without_chromosomes_or_length():
    assert math.isnan(diversity([3, 2]).theta_w)
    with pytest.raises(ValueError, match="callable_length is 0"):
        diversity([0, 1, 0], 0.0)


@pytest.mark.parametrize(
    ("block", "options", "error", "message"),
    [
        (called([[[0, 1]]]), {"field": "PL"}, InputError, "FORMAT/PL is not in the input"),
        (likely([[[0, 1, 2]]]), {}, InputError, "FORMAT/GT is not in the input"),
        (likely([[[0, -1, 2]]]), {"field": "PL"}, InputError, "missing values among others"),
        (called([[[0, 1, 1]]]), {}, InputError, r"record 1 \(1:1000\), sample s0: ploidy 3; 1 or 2 expected"),
        (called([[[0, 1]], [[0, A]]]), {}, InputError, "ploidy 1, but 2 before"),
        (called([[[M, M]]]), {}, InputError, r"no site to estimate.*1 without data"),
        (called(np.empty((0, 1, 2))), {}, InputError, "no site to estimate"),
        (called(np.empty((1, 0, 2))), {}, InputError, "no samples"),
        (called([[[0, 1], [0, 0]]]), {"groups": [0]}, UsageError, "one per sample"),
        (called([[[0, 1], [0, 0]]]), {"groups": [-1, -1]}, UsageError, "0 groups"),
        (called([[[0, 1], [0, 0]]]), {"groups": [1, 1]}, UsageError, "group 0 has no sample"),
        (called([[[0, 1]]]), {"bootstrap": 2}, InputError, "1 block of 1,000,000 bp"),
        (called([[[0, 1]]]), {"tolerance": 0.0}, UsageError, "must be above 0"),
    ],
)
def test_what_cannot_be_used_is_refused(block, options, error, message):
    with pytest.raises(error, match=message):
        sfs([block], **options)
