"""Shuffles that keep words, and searches of controls."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import UsageError
from genem.jit import set_threads
from genem.motif import DNA, PROTEIN, EncodedSequences, empirical_p_value, search_significance, shuffle
from genem.motif.discovery.finding import find_motifs
from tests.reference import motif_significance as reference


def encoded(*texts: str, alphabet=DNA) -> EncodedSequences:
    codes = alphabet.code_table[np.frombuffer("".join(texts).encode(), np.uint8)]
    offsets = np.cumsum([0, *map(len, texts)])
    return EncodedSequences(alphabet, tuple(str(i) for i in range(len(texts))), codes, offsets.astype(np.int64))


texts = st.text("ACGTN", max_size=40)


@pytest.mark.kernel
@given(st.lists(texts, min_size=1, max_size=4), st.integers(1, 5), st.integers(0, 100))
def test_words_keep_their_counts_between_unknown_letters(given_texts, word_length, seed):
    shuffled = shuffle(encoded(*given_texts), word_length=word_length, seed=seed)
    for index, text in enumerate(given_texts):
        result = shuffled.sequence(index)
        assert [i for i, letter in enumerate(result) if letter == "N"] == [
            i for i, letter in enumerate(text) if letter == "N"
        ]
        for before, after in zip(text.split("N"), result.split("N"), strict=True):
            for length in range(1, word_length + 1):
                assert reference.words(after, length) == reference.words(before, length)


@pytest.mark.kernel
@given(st.text("ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=60), st.integers(1, 3))
def test_words_of_proteins_keep_their_counts(text, word_length):
    result = shuffle(encoded(text, alphabet=PROTEIN), word_length=word_length).sequence(0)
    assert reference.words(result, word_length) == reference.words(text, word_length)


@pytest.mark.parametrize(("text", "word_length"), [("ACATAGA", 1), ("ACATACA", 2), ("AACATACA", 2), ("ACTACTAC", 3)])
def test_every_arrangement_is_equally_likely(text, word_length):
    """All of them occur, and a chi-square statistic is what it should be."""
    from scipy.stats import chi2

    possible = reference.arrangements(text, word_length)
    n = 400 * len(possible)
    shuffled = shuffle(encoded(*[text] * n), word_length=word_length, seed=3)
    seen = Counter(shuffled.sequence(i) for i in range(n))
    assert set(seen) == possible
    statistic = sum((count - 400) ** 2 / 400 for count in seen.values())
    assert chi2.sf(statistic, max(1, len(possible) - 1)) > 1e-4 or len(possible) == 1


def test_shuffles_do_not_depend_on_threads_or_order():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, 200_000).astype(np.uint8)
    many = EncodedSequences(DNA, tuple(str(i) for i in range(400)), codes, np.arange(0, 200_001, 500))
    results = []
    for threads in (1, 2):
        set_threads(threads)
        results.append([shuffle(many, seed=7, number=number).codes.tobytes() for number in (3, 0)])
    assert results[0] == results[1]
    assert results[0][0] != results[0][1]


def test_fixed_letters_stay():
    text = "ACGTTGCAAC" * 5
    fixed = np.zeros(50, bool)
    fixed[20:30] = True
    result = shuffle(encoded(text), word_length=1, fixed=fixed).sequence(0)
    assert result[20:30] == text[20:30]
    assert result != text
    assert Counter(result[:20]) == Counter(text[:20])


@pytest.mark.parametrize("word_length", [0, 10])
def test_impossible_words_are_refused(word_length):
    with pytest.raises(UsageError, match="from 1 to 9"):
        shuffle(encoded("ACGT"), word_length=word_length)


def longest_match(sequences: EncodedSequences) -> list[float]:
    """A search: how many sequences hold the commonest word of five letters."""
    holders = Counter(word for index in range(len(sequences)) for word in reference.words(sequences.sequence(index), 5))
    return [float(holders.most_common(1)[0][1])]


def random_sequences(seed: int, n: int = 10, length: int = 40) -> list[str]:
    letters = np.random.default_rng(seed).choice(list("ACGT"), (n, length))
    return ["".join(row) for row in letters]


def test_a_planted_word_has_the_smallest_p_value():
    planted = [text[:10] + "TTGACGTCA" + text[19:] for text in random_sequences(1)]
    found = search_significance(longest_match, encoded(*planted), n_controls=39)
    assert found.p_value.tolist() == [found.floor] == [1 / 40]
    assert len(found.control_statistic) == 39


def test_null_sets_are_seldom_significant():
    """Under the null hypothesis, P(p <= 0.1) <= 0.1: of 60 sets 13 or more would be too many (binomial, 1 %)."""
    p_values = [
        search_significance(longest_match, encoded(*random_sequences(seed)), n_controls=19, seed=seed).p_value[0]
        for seed in range(60)
    ]
    assert np.count_nonzero(np.array(p_values) <= 0.1) < 13


def test_motifs_of_no_significance_cost_few_controls():
    found = search_significance(lambda _: [1.0], encoded("ACGT"), n_controls=1000, n_exceedances=5)
    assert len(found.control_statistic) == 5
    assert found.p_value.tolist() == [1.0]


def test_sequential_p_values():
    """The second of three motifs meets its second exceedance with the fourth control."""
    strengths = iter([[9.0, 5.0, 0.0], [6.0], [1.0], [], [5.0], [7.0], [1.0]])
    found = search_significance(
        lambda _: next(strengths), encoded("ACGT"), n_controls=6, n_exceedances=2, word_length=1
    )
    assert found.p_value.tolist() == [1 / 7, 2 / 4, 2 / 2]
    assert found.control_statistic.tolist() == [6.0, 1.0, -np.inf, 5.0, 7.0, 1.0]


def test_a_control_set_is_permuted_with_the_sequences():
    planted = [text[:10] + "TTGACGTCA" + text[19:] for text in random_sequences(1)]
    plain = random_sequences(2, n=30)
    seen = []

    def search(sequences):
        seen.append({sequences.sequence(i) for i in range(len(sequences))})
        return longest_match(sequences)

    found = search_significance(search, encoded(*planted), control=encoded(*plain), n_controls=19)
    assert found.p_value.tolist() == [1 / 20]
    assert all(len(drawn) == 10 and drawn <= {*planted, *plain} for drawn in seen)
    repeated = [text[:10] + "TTGACGTCA" + text[19:] for text in plain]
    shared = search_significance(longest_match, encoded(*planted), control=encoded(*repeated), n_controls=19)
    assert shared.p_value[0] > 0.1


def test_known_statistics_and_progress():
    calls = []
    found = search_significance(
        longest_match,
        encoded(*random_sequences(3)),
        statistics=[100.0],
        n_controls=3,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert found.p_value.tolist() == [0.25]
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert search_significance(lambda _: [], encoded("ACGT")).control_statistic.size == 0


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n_controls": 0}, "1 is the least"),
        ({"control": encoded("MKV", alphabet=PROTEIN)}, "1 sequences of protein"),
    ],
)
def test_impossible_controls_are_refused(keywords, message):
    with pytest.raises(UsageError, match=message):
        search_significance(longest_match, encoded("ACGTT"), **keywords)


@given(st.lists(st.floats(-5, 5), max_size=20), st.floats(-5, 5))
def test_empirical_p_values_are_never_0(controls, statistic):
    p_value = empirical_p_value(statistic, controls)
    assert p_value == pytest.approx((1 + sum(each >= statistic for each in controls)) / (1 + len(controls)))


def strengths(sequences: EncodedSequences) -> list[float]:
    found = find_motifs(sequences, both_strands=True, min_width=6, max_width=12)
    return [-each.log10_e_value for each in found.motifs]


@pytest.mark.slow
def test_motifs_of_null_sets_are_seldom_significant():
    """Of 16 sets without a motif, 4 or more with p <= 0.05 would be too many (binomial, 1 %)."""
    p_values = [
        search_significance(
            strengths, encoded(*random_sequences(100 + seed, 12, 40)), n_controls=19, n_exceedances=2, seed=seed
        ).p_value[0]
        for seed in range(16)
    ]
    assert np.count_nonzero(np.array(p_values) <= 0.05) < 4


@pytest.mark.slow
def test_a_planted_motif_is_at_the_floor():
    planted = [text[:20] + "TTGACGTCAA" + text[30:] for text in random_sequences(1, 12, 60)]
    found = search_significance(strengths, encoded(*planted), n_controls=19)
    assert found.p_value.tolist() == [found.floor]
