"""Kinds of letters: their names, their states, and the words that mean them."""

from __future__ import annotations

import json

import pytest

from genem.data import Alignment, Datatype
from genem.phylo import parse_model
from genem.phylo.alphabet import NO_CODE, alphabet_of


def test_a_kind_is_equal_to_its_name() -> None:
    assert [Datatype(str(kind)) for kind in Datatype] == list(Datatype)
    assert json.dumps(list(Datatype)) == '["dna", "protein"]'
    assert {"dna": 1}[Datatype.DNA] == 1


@pytest.mark.parametrize("kind", Datatype)
def test_every_kind_has_models_and_an_alphabet(kind: Datatype) -> None:
    for model in (kind.default_model, kind.rough_model, *kind.other_models):
        assert parse_model(model).datatype is kind
    alphabet = alphabet_of(kind)
    for letter in (*kind.states, *kind.sets, *kind.unknown):
        assert alphabet.code_of[ord(letter)] != NO_CODE
        expected = kind.sets.get(letter, kind.states if letter in kind.unknown else letter)
        states = alphabet.sets[alphabet.code_of[ord(letter.lower())]] > 0.0
        assert {state for state, possible in zip(kind.states, states, strict=True) if possible} == set(expected)
    assert alphabet.sets[alphabet.unknown].all()


def test_labels_name_one_kind_each() -> None:
    labels = [label for kind in Datatype for label in kind.labels]
    assert len(labels) == len(set(labels))
    assert [Datatype.of_label(label.lower()) for label in ("nt", "aa", "", "LG")] == [
        Datatype.DNA,
        Datatype.PROTEIN,
        None,
        None,
    ]


def test_an_alignment_of_a_kind_without_a_name_is_refused() -> None:
    import numpy as np

    assert Alignment(("a",), np.zeros((1, 1), np.uint8), "protein").datatype is Datatype.PROTEIN
    with pytest.raises(ValueError, match="morphology"):
        Alignment(("a",), np.zeros((1, 1), np.uint8), "morphology")
