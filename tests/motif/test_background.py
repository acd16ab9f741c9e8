"""Alphabets, codes and background models."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.errors import InputError, UsageError
from genem.motif import (
    DNA,
    PROTEIN,
    RNA,
    background_from_probabilities,
    detect_alphabet,
    encode,
    estimate_background,
    find_placements,
)
from tests.motif.sets import DNA_SETS, encoded, sequence_set
from tests.reference import motif as textbook


@pytest.mark.parametrize("alphabet", [DNA, RNA], ids=["DNA", "RNA"])
def test_complements_are_those_of_the_nucleotide_code(alphabet: object) -> None:
    symbols = DNA.symbols
    found = {symbols[i]: symbols[c] for i, c in enumerate(alphabet.complement_codes)}  # type: ignore[attr-defined]
    assert found == textbook.COMPLEMENT


def test_ambiguity_codes_stand_for_their_letters() -> None:
    for code, row in zip(DNA.symbols, DNA.membership, strict=True):
        assert "".join(np.array(list("ACGT"))[row]) == textbook.MEANINGS[code]
    assert PROTEIN.membership[PROTEIN.symbols.index("B")].nonzero()[0].tolist() == [2, 11]
    assert PROTEIN.wildcard == 23
    assert PROTEIN.membership[23].all()


def test_masked_letters_are_kept_or_missing() -> None:
    records = sequence_set("ACgtN", "", "rYu")
    assert [encode(records, DNA).sequence(i) for i in range(3)] == ["ACGTN", "", "RYT"]
    assert [encode(records, DNA, mask="ignore").sequence(i) for i in range(3)] == ["ACNNN", "", "NYN"]
    assert encode(records, DNA, mask="ignore").n_known == 2


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("ACGTNNRY", "acgt"), "DNA"),
        (("ACGUUGCA",), "RNA"),
        (("MKVLAAGIVG", "GGCWYH"), "protein"),
        (("", "ACGT"), "DNA"),
    ],
)
def test_the_alphabet_is_told_from_the_letters(texts: tuple[str, ...], name: str) -> None:
    assert detect_alphabet(sequence_set(*texts)).name == name


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("ACGT" * 10 + "E",), r"record 1 \(s1\): 'E' at position 41 is not a letter of DNA; replace it by N"),
        (("", ""), "hold no letters"),
    ],
)
def test_no_alphabet_fits(texts: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        detect_alphabet(sequence_set(*texts))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("ACGT", "MKVLEA"), r"record 2 \(s2\): 'L' at position 4 is not a letter of DNA; these look like protein"),
        (("AC-GT",), "gaps are for alignments"),
        (("ACGTACGTACGTACGTACGTACGT1",), "'1' at position 25 is not a letter of DNA; replace it by N"),
    ],
)
def test_a_strange_letter_is_named(texts: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        encoded(*texts)


@settings(max_examples=40)
@given(texts=DNA_SETS, order=st.integers(0, 3), both=st.booleans())
def test_the_background_is_that_of_counting_words(texts: list[str], order: int, both: bool) -> None:
    texts = [*texts, "ACGTTGCA"]
    sequences = encoded(*texts)
    background = estimate_background(sequences, order=order, both_strands=both)
    expected = textbook.background(texts, order, both)
    for level, table in enumerate(background.conditionals):
        words = [word for word in expected if len(word) == level + 1]
        np.testing.assert_allclose(table.ravel(), [expected[word] for word in sorted(words)], rtol=1e-12)
    logs = background.log_probabilities(sequences)
    np.testing.assert_allclose(
        logs,
        [value for text in texts for value in textbook.log_background(text, expected, order)],
        rtol=1e-10,
        atol=1e-12,
    )


def test_single_letters_are_smoothed_by_one_each() -> None:
    background = estimate_background(encoded("AAAC"))
    np.testing.assert_allclose(background.probabilities, [4 / 8, 2 / 8, 1 / 8, 1 / 8])


@settings(max_examples=20)
@given(texts=DNA_SETS, order=st.integers(0, 2))
def test_both_strands_make_words_and_their_reverse_complements_alike(texts: list[str], order: int) -> None:
    sequences = encoded(*texts, "ACGTTGCAAC")
    symmetric = estimate_background(sequences, order=order).symmetric()
    words = symmetric.probabilities
    np.testing.assert_allclose(words, words[::-1], rtol=1e-12)
    again = symmetric.symmetric()
    np.testing.assert_allclose(again.probabilities, words, rtol=1e-12)


def test_given_probabilities_of_words() -> None:
    letters = {"A": 0.4, "C": 0.1, "G": 0.1, "T": 0.4}
    pairs = {a + b: letters[a] * letters[b] for a in "ACGT" for b in "ACGT"}
    background = background_from_probabilities(DNA, letters | pairs)
    assert background.order == 1
    np.testing.assert_allclose(background.conditionals[1], np.tile([0.4, 0.1, 0.1, 0.4], (4, 1)))
    skewed = background_from_probabilities(DNA, [0.4, 0.3, 0.2, 0.1], both_strands=True)
    np.testing.assert_allclose(skewed.probabilities, [0.25] * 4)


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, 0.5], "2 background probabilities, 4 letters"),
        ([0.5, 0.5, 0.0, 0.0], "not above 0"),
        ({"A": 0.5, "C": 0.5, "G": 0.1}, "no probability for 'T'"),
        ({"A": 0.5, "X": 0.5}, "'X' is not made of the letters"),
        (dict.fromkeys("ACGT", 0.3), "words of length 1 add up to 1.2, not 1"),
        (dict.fromkeys("ACGT", 0.25) | {a + b: 0.06 for a in "ACGT" for b in "ACGT"}, "length 2 add up to 0.96"),
    ],
)
def test_probabilities_that_are_none(probabilities: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        background_from_probabilities(DNA, probabilities)  # type: ignore[arg-type]


def test_an_order_that_is_too_high_is_refused() -> None:
    with pytest.raises(UsageError, match="order 11 is not possible; from 0 to 10"):
        estimate_background(encoded("ACGT"), order=11)
    with pytest.raises(InputError, match="no letter of the sequences is known"):
        estimate_background(encoded("NNNN"))


@pytest.mark.kernel
@settings(max_examples=15)
@given(texts=DNA_SETS, order=st.integers(0, 3))
def test_windows_are_weighed_against_the_markov_background(texts: list[str], order: int) -> None:
    """The table of single letters times the weight of the window is the ratio to P(letter | letters before)."""
    texts = [*texts, "ACGTTGCA"]
    sequences = encoded(*texts)
    background = estimate_background(sequences, order=order)
    windows = find_placements(sequences, 3, background).windows
    logs = background.log_probabilities(sequences)
    for start, n_windows in zip(windows.starts, windows.n_windows, strict=True):
        for p in range(start, start + n_windows):
            codes = sequences.codes[p : p + 3]
            single = sum(math.log(float(np.sum(background.probabilities[DNA.membership[code]]))) for code in codes)
            weight = windows.weights[p] if windows.weights.size else 1.0
            assert single - math.log(weight) == pytest.approx(float(logs[p : p + 3].sum()), abs=1e-9)


def test_widths_and_alphabets_that_do_not_fit() -> None:
    sequences = encoded("ACGT", "AC")
    background = estimate_background(sequences)
    with pytest.raises(InputError, match=r"no sequence can hold a site of width 5 \(the longest has 4 letters\)"):
        find_placements(sequences, 5, background)
    with pytest.raises(UsageError, match="width 0"):
        find_placements(sequences, 0, background)
    with pytest.raises(UsageError, match="6 numbers from 0 to 1"):
        find_placements(sequences, 2, background, weights=np.ones(3))
    with pytest.raises(InputError, match="no sequence can hold a site of width 2"):
        find_placements(sequences, 2, background, weights=np.zeros(6))
    protein = encoded("MKVLA", alphabet=PROTEIN)
    with pytest.raises(UsageError, match="protein has no reverse complement"):
        find_placements(protein, 2, estimate_background(protein), both_strands=True)
    with pytest.raises(UsageError, match="a background of DNA for sequences of protein"):
        find_placements(protein, 2, background)
