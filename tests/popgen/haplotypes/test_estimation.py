"""Haplotype-frequency EM: the fit against textbook EM, its properties, its answers to data it cannot use."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import ABSENT_ALLELE, MISSING_ALLELE, LocusTable
from genem.errors import InputError, UsageError
from genem.popgen import phase
from genem.popgen.haplotypes.em_kernels import climb, log_likelihood_and_gradient
from genem.popgen.haplotypes.explanations import distinct_genotypes, explain
from genem.popgen.haplotypes.posterior_kernels import observed_information
from genem.popgen.haplotypes.search_kernels import candidate_haplotypes, perturb, restrict
from tests.reference import haplotypes as reference

M, A = MISSING_ALLELE, ABSENT_ALLELE


def table_of(genotypes, n_alleles=None) -> LocusTable:
    alleles = np.array(genotypes, np.int16)
    counts = n_alleles or [max(2, int(alleles[:, k].max()) + 1) for k in range(alleles.shape[1])]
    names = tuple(tuple(str(a + 1) for a in range(n)) for n in counts)
    loci = tuple(f"L{k}" for k in range(alleles.shape[1]))
    return LocusTable(tuple(f"s{i}" for i in range(len(alleles))), loci, names, alleles)


def simulated(rng, n_samples, n_alleles, n_haplotypes, missing=0.0, haploid=0.0):
    """Genotypes drawn from a few haplotypes."""
    pool = np.array([[rng.integers(n) for n in n_alleles] for _ in range(n_haplotypes)])
    drawn = pool[rng.choice(n_haplotypes, (n_samples, 2), p=rng.dirichlet(np.ones(n_haplotypes)))]
    genotypes = np.swapaxes(drawn, 1, 2).astype(np.int16)
    genotypes[rng.random(genotypes.shape) < missing] = M
    genotypes[rng.random(n_samples) < haploid, :, 1] = A
    return genotypes


@st.composite
def genotype_sets(draw):
    n_alleles = draw(st.lists(st.integers(2, 3), min_size=2, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    missing, haploid = draw(st.sampled_from([0.0, 0.2])), draw(st.sampled_from([0.0, 0.3]))
    genotypes = simulated(rng, draw(st.integers(1, 8)), n_alleles, draw(st.integers(1, 6)), missing, haploid)
    return genotypes, n_alleles, rng


def explained(genotypes, haplotypes):
    return explain(distinct_genotypes(genotypes), np.array(haplotypes, np.int16), 10**6)


def as_reference(genotypes):
    return [[tuple(map(int, locus)) for locus in genotype] for genotype in genotypes]


@pytest.mark.kernel
@given(genotype_sets())
@settings(max_examples=40)
def test_em_step_is_the_textbook_one(case):
    genotypes, n_alleles, rng = case
    haplotypes = reference.all_haplotypes(n_alleles)
    frequency = rng.dirichlet(np.ones(len(haplotypes)))
    gradient = np.empty(frequency.size)
    explanations = explained(genotypes, haplotypes)
    found = log_likelihood_and_gradient(frequency, explanations, gradient)
    start = dict(zip(haplotypes, frequency, strict=True))
    assert found == pytest.approx(reference.log_likelihood(as_reference(genotypes), n_alleles, start), abs=1e-10)
    # Samples without any call say nothing and are left out by the kernel; they repeat the frequencies.
    called = [g for g in as_reference(genotypes) if any(a >= 0 for locus in g for a in locus)]
    if called:
        expected = reference.em_step(called, n_alleles, start)
        n_chromosomes = float(explanations.weight @ explanations.copies)
        np.testing.assert_allclose(frequency * gradient / n_chromosomes, list(expected.values()), atol=1e-13)


@pytest.mark.kernel
@given(genotype_sets())
@settings(max_examples=20)
def test_climb_never_falls_and_stays_a_distribution(case):
    genotypes, n_alleles, rng = case
    haplotypes = reference.all_haplotypes(n_alleles)
    explanations = explained(genotypes, haplotypes)
    start = rng.dirichlet(np.ones(len(haplotypes)))
    gradient = np.empty(start.size)
    before = log_likelihood_and_gradient(start, explanations, gradient)
    if not explanations.weight.any():
        return
    reached = -math.inf
    for max_iter in (1, 4, 40):
        end, reached, _, _ = climb(start, explanations, max_iter, 1e-12)
        assert reached >= before - 1e-9
        assert end.sum() == pytest.approx(1.0)
        assert np.all(end >= 0.0)
    assert reached == pytest.approx(log_likelihood_and_gradient(end, explanations, gradient), abs=1e-9)


@pytest.mark.kernel
@given(genotype_sets())
@settings(max_examples=20)
def test_zeros_may_be_left_out(case):
    genotypes, n_alleles, rng = case
    haplotypes = reference.all_haplotypes(n_alleles)
    explanations = explained(genotypes, haplotypes)
    frequency = rng.dirichlet(np.ones(len(haplotypes))) * (rng.random(len(haplotypes)) < 0.7)
    if not frequency.any():
        return
    few, narrowed, kept = restrict(frequency, explanations)
    whole, part = np.empty(frequency.size), np.empty(few.size)
    full = log_likelihood_and_gradient(frequency, explanations, whole)
    assert log_likelihood_and_gradient(few, narrowed, part) == pytest.approx(full, abs=1e-12)
    if np.isfinite(full):
        np.testing.assert_allclose(part, whole[kept], rtol=1e-12)


@pytest.mark.kernel
@given(genotype_sets())
@settings(max_examples=20)
def test_candidates_hold_every_partner(case):
    genotypes, n_alleles, rng = case
    haplotypes = reference.all_haplotypes(n_alleles)
    support = [haplotypes[i] for i in rng.permutation(len(haplotypes))[:3]]
    distinct = distinct_genotypes(genotypes)
    found = candidate_haplotypes(distinct.alleles, np.array(support, np.int16), np.array(n_alleles), 1000)
    names = [tuple(map(int, row)) for row in found]
    assert len(set(names)) == len(names)
    assert names[: len(support)] == support
    for genotype in as_reference(genotypes):
        for first, second in reference.pairs_of(genotype, n_alleles):
            if second is not None and first in support:
                assert second in names


@pytest.mark.kernel
@given(genotype_sets())
@settings(max_examples=20)
def test_a_perturbed_start_is_a_distribution(case):
    genotypes, n_alleles, rng = case
    explanations = explained(genotypes, reference.all_haplotypes(n_alleles))
    chosen = np.flatnonzero((explanations.copies == 2.0) & (explanations.weight > 0.0))
    if chosen.size:
        frequency = rng.dirichlet(np.ones(len(reference.all_haplotypes(n_alleles))))
        perturbed = perturb(frequency, chosen, rng.random(chosen.size), explanations)
        assert perturbed.sum() == pytest.approx(1.0)
        assert np.all(perturbed >= 0.0)


@pytest.mark.kernel
def test_information_is_minus_the_second_derivative():
    rng = np.random.default_rng(5)
    genotypes = simulated(rng, 30, [2, 3], 6, missing=0.1, haploid=0.2)
    haplotypes = reference.all_haplotypes([2, 3])
    explanations = explained(genotypes, haplotypes)
    frequency = rng.dirichlet(np.full(6, 4.0))
    step = 1e-6
    columns = []
    for k in range(6):
        slopes = []
        for sign in (1, -1):
            moved, gradient = frequency.copy(), np.empty(6)
            moved[k] += sign * step
            log_likelihood_and_gradient(moved, explanations, gradient)
            slopes.append(gradient)
        columns.append((slopes[0] - slopes[1]) / (2 * step))
    np.testing.assert_allclose(observed_information(frequency, explanations), -np.array(columns), rtol=1e-5, atol=1e-3)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_no_random_start_over_all_haplotypes_does_better(seed):
    rng = np.random.default_rng(seed)
    genotypes = simulated(rng, 10, [2, 3, 2], 5, missing=0.1)
    if np.any(np.all(genotypes < 0, axis=(0, 2))):
        return
    result = phase(table_of(genotypes, [2, 3, 2]))
    assert result.log_likelihood >= reference.best_of_starts(as_reference(genotypes), [2, 3, 2], 8, seed % 1000) - 1e-3
    assert result.status.label == "converged"


@given(st.lists(st.integers(0, 12), min_size=9, max_size=9).filter(lambda counts: sum(counts) > 0))
@settings(max_examples=40)
def test_two_complete_loci_reach_the_maximum_of_the_cubic(counts):
    genotypes = []
    for (i, j), count in zip(itertools.product(range(3), repeat=2), counts, strict=True):
        genotypes += [[(int(i > 1), int(i > 0)), (int(j > 1), int(j > 0))]] * count
    result = phase(table_of(genotypes, [2, 2]))
    best = reference.two_locus_maximum(np.reshape(counts, (3, 3)))
    assert result.log_likelihood == pytest.approx(best, abs=2e-5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_standard_errors_and_posteriors_are_the_textbook_ones(seed):
    rng = np.random.default_rng(seed)
    genotypes = simulated(rng, 40, [2, 2], 4, missing=0.05, haploid=0.2)
    result = phase(table_of(genotypes, [2, 2]))
    haplotypes = [tuple(map(int, h)) for h in result.haplotypes]
    frequency = dict(zip(haplotypes, result.frequency, strict=True))
    for sample, genotype in enumerate(as_reference(genotypes)):
        expected = reference.diplotype_posteriors(genotype, [2, 2], frequency)
        found = slice(*result.diplotypes.start[sample : sample + 2])
        assert np.all(np.diff(result.diplotypes.posterior[found]) <= 1e-15)
        for (first, second), posterior in zip(
            result.diplotypes.pair[found], result.diplotypes.posterior[found], strict=True
        ):
            pair = (haplotypes[first], None) if second < 0 else tuple(sorted((haplotypes[first], haplotypes[second])))
            assert posterior == pytest.approx(expected.pop(pair), abs=1e-9)
        assert all(left < 0.01 for left in expected.values())
    if result.resolved and len(haplotypes) > 1 and result.frequency.min() > 0.02:
        errors = reference.numerical_standard_errors(as_reference(genotypes), [2, 2], haplotypes, result.frequency)
        np.testing.assert_allclose(result.standard_error, errors, rtol=1e-3)


def test_order_of_samples_alleles_and_copies_does_not_matter():
    rng = np.random.default_rng(3)
    genotypes = simulated(rng, 60, [3, 4], 6, missing=0.05)
    plain = phase(table_of(genotypes, [3, 4]))
    shuffled = phase(table_of(rng.permutation(genotypes)[:, :, ::-1], [3, 4]))
    assert shuffled.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(np.sort(shuffled.frequency), np.sort(plain.frequency), atol=1e-5)


def test_the_same_seed_gives_the_same_bits():
    genotypes = simulated(np.random.default_rng(4), 50, [2, 3, 4], 8, missing=0.1)
    first, second = (phase(table_of(genotypes, [2, 3, 4]), seed=7) for _ in range(2))
    assert first.frequency.tobytes() == second.frequency.tobytes()
    assert first.log_likelihood == second.log_likelihood


def test_golden_haplotypes_with_a_missing_call():
    # Two haplotypes AB and ab with frequencies p and q; the last sample, A? B?, has at least one AB: P = 1 - q^2.
    # d log L / dp = 11 / p - 7 / q + 2 q / (1 - q^2) vanishes at p = 0.622600582465.
    genotypes = [[(0, 0), (0, 0)]] * 4 + [[(1, 1), (1, 1)]] * 2 + [[(0, 1), (0, 1)]] * 3 + [[(0, M), (0, M)]]
    result = phase(table_of(genotypes))
    p, q = 0.622600582465, 0.377399417535
    assert result.names(0) == ("1", "1")
    np.testing.assert_allclose(result.frequency, [p, q], atol=1e-7)
    expected = 11 * math.log(p) + 7 * math.log(q) + 3 * math.log(2) + math.log(1 - q * q)
    assert result.log_likelihood == pytest.approx(expected, abs=1e-9)


def test_all_missing_samples_change_nothing_but_get_posteriors():
    genotypes = [[(0, 0), (0, 1)]] * 5 + [[(1, 1), (1, 1)]] * 3
    plain = phase(table_of(genotypes))
    with_missing = phase(table_of([*genotypes, [(M, M), (M, M)]]))
    np.testing.assert_allclose(with_missing.frequency, plain.frequency, atol=1e-9)
    assert with_missing.n_chromosomes == plain.n_chromosomes == 16
    assert with_missing.diplotypes.posterior[with_missing.diplotypes.start[-2] :].sum() == pytest.approx(1.0)


def test_what_the_data_cannot_resolve_is_said():
    lone = phase(table_of([[(0, 1), (0, 1), (0, 1)]]))
    assert not lone.resolved
    assert np.all(np.isnan(lone.standard_error))


def test_one_haplotype():
    result = phase(table_of([[(0, 0), (1, 1)]] * 3))
    assert result.frequency.tolist() == [1.0]
    assert np.isnan(result.standard_error[0])
    assert result.log_likelihood == pytest.approx(0.0)


def test_of_equally_likely_answers_every_seed_gives_the_same():
    genotypes = simulated(np.random.default_rng(9), 12, [5, 6], 9)
    results = [phase(table_of(genotypes, [5, 6]), seed=seed) for seed in range(1, 4)]
    for other in results[1:]:
        np.testing.assert_array_equal(other.haplotypes, results[0].haplotypes)
        np.testing.assert_allclose(other.frequency, results[0].frequency, atol=1e-5)


def test_report_of_the_search():
    genotypes = simulated(np.random.default_rng(6), 60, [4, 5], 9, missing=0.05)
    search = phase(table_of(genotypes, [4, 5]), n_starts=5, max_starts=9, n_hits=2).search
    assert 5 <= search.n_starts <= 9
    assert search.n_starts_best <= search.n_starts
    assert sum(times for _, times in search.optima) == search.n_starts + search.n_perturbed
    assert [value for value, _ in search.optima] == sorted((value for value, _ in search.optima), reverse=True)


def test_loci_are_chosen_by_name_and_in_order():
    genotypes = simulated(np.random.default_rng(8), 30, [2, 2, 3], 5)
    result = phase(table_of(genotypes, [2, 2, 3]), loci=["L2", "L0"])
    assert result.table.loci == ("L2", "L0")
    assert len(result.names(0)) == 2


@pytest.mark.parametrize(
    ("genotypes", "options", "error", "message"),
    [
        ([[(0, 1)]], {}, InputError, "1 locus, at least 2"),
        ([[(0, 1), (0, 0)]], {"loci": ["L0"]}, InputError, "1 locus, at least 2"),
        ([[(0, 1), (0, 0)]], {"loci": ["L0", "X"]}, InputError, "^no locus X$"),
        ([[(0, 1), (0, 0)]], {"loci": ["L0", "L12"]}, InputError, "no locus L12; did you mean L1"),
        ([[(0, 1), (0, 0)]], {"loci": ["L0", "L0"]}, UsageError, "L0 is named twice"),
        ([[(0, 1), (M, M)]], {}, InputError, "locus L1 has no called allele"),
        ([[(0, A), (0, 1)]], {}, InputError, r"haploid at some loci \(L0\) and diploid at others \(L1\)"),
        ([[(0, 1), (0, 0)]], {"n_starts": 0}, UsageError, "each must be at least 1"),
        ([[(0, 1), (0, 0)]], {"n_starts": 9, "max_starts": 3}, UsageError, "less than n_starts"),
    ],
)
def test_what_cannot_be_used_is_refused(genotypes, options, error, message):
    with pytest.raises(error, match=message):
        phase(table_of(genotypes), **options)


def test_no_samples_and_repeated_names():
    with pytest.raises(InputError, match="no samples"):
        phase(LocusTable((), ("a", "b"), (("x",), ("y",)), np.empty((0, 2, 2), np.int16)))
    alleles = np.zeros((2, 2, 2), np.int16)
    with pytest.raises(InputError, match="sample s is there twice"):
        phase(LocusTable(("s", "s"), ("a", "b"), (("x",), ("y",)), alleles))
    with pytest.raises(InputError, match="locus a is there twice"):
        phase(LocusTable(("s", "t"), ("a", "a"), (("x",), ("y",)), alleles))


def test_an_explosion_of_haplotypes_is_stopped():
    genotypes = np.tile(np.array([0, 1], np.int16), (20, 30, 1))
    for max_pairs in (10_000, 5_000_000):
        with pytest.raises(InputError, match=r"cannot resolve that many loci together; use fewer loci") as caught:
            phase(table_of(genotypes), max_pairs=max_pairs)
        assert "\n" not in str(caught.value)
