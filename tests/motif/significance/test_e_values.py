"""Column p-values, E-values, score distributions, q-values and enrichment against enumeration."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Motif
from genem.errors import UsageError
from genem.io.sequences.fasta import read_fasta
from genem.motif import (
    DNA,
    PROTEIN,
    alphabet_of,
    background_from_probabilities,
    encode,
    estimate_background,
    log10_binomial_p,
    log10_e_value,
    log10_fisher_p,
    log_odds,
    score_distribution,
)
from genem.motif.alphabet import EncodedSequences
from genem.motif.significance.e_values import (
    column_log_likelihood_ratios,
    column_log_p_values,
    log10_alignments,
)
from tests import GOLDEN_ANSWERS
from tests.reference import motif_significance as reference
from tests.reference import numerics

backgrounds = st.lists(st.floats(0.05, 1.0), min_size=4, max_size=4).map(lambda raw: np.array(raw) / sum(raw))
counts = st.lists(st.integers(0, 6), min_size=4, max_size=4).filter(any)


@pytest.mark.kernel
@given(counts, backgrounds)
def test_four_letters_are_summed_exactly(column, background):
    ratio = reference.log_likelihood_ratio(column, background)
    expected = reference.column_p_value(ratio, sum(column), background)
    assert column_log_likelihood_ratios([column], background)[0] == pytest.approx(ratio, abs=1e-9)
    assert math.exp(column_log_p_values([ratio], sum(column), background)[0]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.kernel
@settings(max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=5, max_size=5).filter(any), st.integers(0, 2**32))
def test_other_alphabets_are_off_by_half_a_step_for_each_letter(column, seed):
    """The value lies between the exact ones for ratios half a step a letter higher and lower."""
    background = np.random.default_rng(seed).dirichlet(np.full(5, 5.0)) * 0.9 + 0.02
    n_sites = sum(column)
    ratio = reference.log_likelihood_ratio(column, background)
    step = max(0.005, -n_sites * math.log(background.min()) / 4000)
    found = math.exp(column_log_p_values([ratio], n_sites, background)[0])
    slack = 3.0 * step  # five terms and the ratio itself
    assert found <= reference.column_p_value(ratio - slack, n_sites, background) * (1 + 1e-9)
    assert found >= reference.column_p_value(ratio + slack, n_sites, background) * (1 - 1e-9)


def test_a_column_of_one_letter_has_the_probability_of_that_letter():
    background = np.array([0.4, 0.3, 0.2, 0.1])
    ratio = column_log_likelihood_ratios([[0, 0, 0, 700]], background)
    assert column_log_p_values(ratio, 700, background)[0] == pytest.approx(700 * math.log(0.1), rel=1e-12)


def test_many_sites_are_scaled_from_those_that_are_summed(monkeypatch):
    background = np.array([0.3, 0.2, 0.2, 0.3])
    columns = np.random.default_rng(1).multinomial(1500, [[0.7, 0.1, 0.1, 0.1], [0.3, 0.25, 0.2, 0.25]])
    ratios = column_log_likelihood_ratios(columns, background)
    scaled = column_log_p_values(ratios, 1500, background)
    monkeypatch.setattr("genem.motif.significance.e_values.MAX_SITES_EXACT", 1500)
    assert scaled == pytest.approx(column_log_p_values(ratios, 1500, background), abs=0.05)


@pytest.mark.parametrize("model", ["oops", "zoops", "anr"])
@pytest.mark.parametrize("strands", [1, 2])
def test_the_number_of_alignments(model, strands):
    lengths = [9, 30, 12, 4, 12]
    expected = reference.count_alignments(lengths, 6, 3, model, strands)
    assert log10_alignments(lengths, 6, 3, model=model, strands=strands) == pytest.approx(math.log10(expected))


@pytest.mark.parametrize("model", ["zoops", "anr"])
@pytest.mark.parametrize("both_strands", [False, True])
@pytest.mark.parametrize("resolution", [None, 20])
def test_the_e_value_by_enumeration(model, both_strands, resolution):
    background = [0.3, 0.2, 0.2, 0.3]
    columns = [[6, 0, 1, 0], [0, 7, 0, 0], [2, 1, 0, 4]]
    lower = -7 * math.log(0.2) / (2 * resolution) if resolution else 0.0
    ratios = [reference.log_likelihood_ratio(column, background) - lower for column in columns]
    product = math.prod(reference.column_p_value(ratio, 7, background) for ratio in ratios)
    alignments = reference.count_alignments([20] * 9, 3, 7, model, 1 + both_strands)
    expected = numerics.product_p_value(product, 3) * alignments
    found = log10_e_value(columns, background, [20] * 9, model=model, both_strands=both_strands, resolution=resolution)
    assert found == pytest.approx(math.log10(expected), abs=1e-9)


@given(st.integers(0, 2**32), st.integers(1, 400))
def test_a_resolution_makes_no_e_value_smaller(seed, resolution):
    columns = np.random.default_rng(seed).multinomial(30, [[0.7, 0.1, 0.1, 0.1], [0.25] * 4, [0.0, 1.0, 0.0, 0.0]])
    exact = log10_e_value(columns, [0.3, 0.2, 0.2, 0.3], [50] * 40, resolution=None)
    assert log10_e_value(columns, [0.3, 0.2, 0.2, 0.3], [50] * 40, resolution=resolution) >= exact - 1e-12


def test_a_palindrome_has_no_choice_of_strand():
    """It is the E-value of the counts averaged with those of the other strand, on one strand."""
    columns = np.array([[8, 0, 0, 0], [0, 6, 2, 0], [0, 2, 6, 0], [0, 0, 0, 8]])
    one = log10_e_value(columns, [0.25] * 4, [40] * 8, both_strands=False)
    assert log10_e_value(columns, [0.25] * 4, [40] * 8, both_strands=True, palindrome=True) == pytest.approx(one)
    assert log10_e_value(columns, [0.25] * 4, [40] * 8, both_strands=True) > one


def test_e_values_far_below_the_smallest_double():
    columns = np.tile([400, 0, 0, 0], (12, 1))
    assert -3000 < log10_e_value(columns, [0.25] * 4, [200] * 400) < -1500


@pytest.mark.parametrize(
    ("columns", "background", "message"),
    [
        ([[3, 0, 0, 0], [2, 0, 0, 0]], [0.25] * 4, "same whole number of sites"),
        ([[0.5, 0, 0, 0]], [0.25] * 4, "same whole number of sites"),
        ([[9, 0, 0, 0]], [0.25] * 4, "room for 2"),
        ([[2, 0, 0, 0]], [0.5, 0.5, 0.0, 0.0], "positive"),
    ],
)
def test_impossible_motifs_are_refused(columns, background, message):
    with pytest.raises(UsageError, match=message):
        log10_e_value(columns, background, [10, 10])


def markov_probability(word, background):
    """Of a word after letters in stationary proportions, for order 0 or 1."""
    first, table = background.conditionals[0][0], background.conditionals[-1]
    if background.order == 0:
        return math.prod(first[letter] for letter in word)
    n = len(first)
    stationary = np.linalg.matrix_power(table, 200)[0]
    return stationary[word[0]] * math.prod(table[a, b] for a, b in pairwise(word)) if n else 0.0


@pytest.mark.kernel
@pytest.mark.parametrize("order", [0, 1])
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_score_distributions_by_enumeration_of_all_words(order, seed, width):
    rng = np.random.default_rng(seed)
    letters = EncodedSequences(DNA, ("a",), rng.integers(0, 4, 60).astype(np.uint8), np.array([0, 60]))
    background = estimate_background(letters, order=order)
    found = score_distribution(rng.normal(0.0, 2.0, (width, 4)), background, step=0.1)
    assert found.tail[0] == pytest.approx(1.0)
    for threshold in rng.integers(found.lowest, found.highest + 1, 3).tolist():
        expected = reference.score_tail(
            found.letter_scores.tolist(), lambda word: markov_probability(word, background), threshold
        )
        assert found.p_values(np.array([threshold]))[0] == pytest.approx(expected, rel=1e-6, abs=1e-15)
    assert found.p_values(np.array([found.highest + 1, found.lowest - 5])).tolist() == [0.0, pytest.approx(1.0)]


@given(st.floats(1e-4, 1.0), st.integers(0, 2**32))
def test_the_threshold_is_the_lowest_score_that_is_rare_enough(p_value, seed):
    background = background_from_probabilities(DNA, [0.3, 0.2, 0.2, 0.3])
    found = score_distribution(np.random.default_rng(seed).normal(0.0, 2.0, (3, 4)), background, step=0.25)
    threshold = found.threshold(p_value)
    assert found.p_values(np.array([threshold]))[0] <= p_value
    if threshold > found.lowest:
        assert found.p_values(np.array([threshold - 1]))[0] > p_value


def test_log_odds_have_pseudocounts():
    motif = Motif("m", "ACGT", np.array([[1.0, 0.0, 0.0, 0.0]]), np.full(4, 0.25), n_sites=9.0)
    bits = log_odds(motif, np.full(4, 0.25), pseudocount=1.0)
    assert bits[0] == pytest.approx(np.log2([9.25 / 2.5, 0.1, 0.1, 0.1]))
    with pytest.raises(UsageError, match="pseudocount 0"):
        log_odds(motif, np.full(4, 0.25), pseudocount=0.0)
    with pytest.raises(UsageError, match="frequency 0"):
        log_odds(motif, np.array([0.5, 0.5, 0.0, 0.0]))


def test_the_alphabet_of_a_motif():
    assert alphabet_of(Motif("m", PROTEIN.letters, np.full((1, 20), 0.05), np.full(20, 0.05))) is PROTEIN
    with pytest.raises(UsageError, match="'XY'"):
        alphabet_of(Motif("m", "XY", np.full((1, 2), 0.5), np.full(2, 0.5)))


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_fisher_by_counting_tables(a, b, c, d):
    expected = float(reference.fisher(a, a + b, c, c + d))
    assert 10 ** log10_fisher_p(a, a + b, c, c + d) == pytest.approx(expected, rel=1e-9)


def test_binomial_enrichment():
    from scipy.stats import binom

    assert 10 ** log10_binomial_p(7, 5, 0.4) == pytest.approx(binom.sf(6, 12, 0.4), rel=1e-9)
    assert log10_binomial_p(3000, 0, 0.5) == pytest.approx(3000 * math.log10(0.5))
    with pytest.raises(UsageError):
        log10_binomial_p(1, 1, 1.0)
    with pytest.raises(UsageError):
        log10_fisher_p(3, 2, 0, 1)


def meme_runs(golden: str) -> list[dict]:
    return json.loads((GOLDEN_ANSWERS / "motif" / golden).read_text())


@pytest.mark.parametrize("run", meme_runs("meme_e_values.json"), ids=lambda run: run["name"])
def test_e_values_are_those_of_meme(run, data):
    """Within 0.5 in log10."""
    promoters = encode(read_fasta(data / "promoters.fa"), DNA)
    background = estimate_background(promoters, both_strands=run["both_strands"]).probabilities
    keywords = {key: run[key] for key in ("model", "both_strands", "palindrome")}
    found = log10_e_value(run["counts"], background, promoters.lengths, **keywords)
    assert found == pytest.approx(math.log10(float(run["e_value"])), abs=0.5)
