"""Substitution models: model strings, rate matrices, rates over sites, coordinates."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.stats import gamma

from genem.errors import UsageError
from genem.phylo import Partition, parse_model, site_patterns, starting_model
from genem.phylo.likelihood.transition_kernels import fill_transition
from genem.phylo.likelihood.tree_likelihood import build_process
from genem.phylo.models.amino_acid_matrices import AMINO_ACID_MODELS, amino_acid_matrix
from genem.phylo.models.parameters import model_bounds, pack_model, unpack_model
from genem.phylo.models.rates import gamma_rates
from genem.phylo.models.specifications import DNA_MODELS
from tests.phylo.cases import MODELS, alignment_of
from tests.reference.phylo import rate_matrix

PATTERNS = site_patterns(alignment_of(["AACGTTRN", "AACGAC-T", "ACCGTTAT"]))


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("HKY{6.25}+F{.31,.27,.12,.30}+G4{0.45}+I{0.2}", "HKY", (6.25,)),
        ("hky85{6.25}", "HKY", (6.25,)),
        ("TN93{5.5/8.25}", "TN", (5.5, 8.25)),
        ("GTR{2,4,6,8,10,2}+FO", "GTR", (1, 2, 3, 4, 5)),
        ("GTR{1,2,3,4,5}", "GTR", (1, 2, 3, 4, 5)),
        ("JC69+R2{0.5,0.1,0.5,1.9}", "JC", ()),
        ("K2P", "K80", None),
        ("gtr + g", "GTR", None),
        ("TrNef", "TNe", None),
        ("TPM2uf", "TPM2u", None),
        ("TPM1", "K81", None),
    ],
)
def test_strings_are_read(text: str, name: str, values: tuple[float, ...] | None) -> None:
    said = parse_model(text)
    assert (said.name, said.rate_values) == (name, values)


def test_every_part_of_a_string_is_read() -> None:
    said = parse_model("HKY{6.25}+F{.31,.27,.12,.30}+G8{0.45}+I{0.2}+ASC")
    assert (said.heterogeneity, said.n_categories, said.alpha) == ("gamma", 8, 0.45)
    assert (said.has_invariant, said.invariant, said.ascertainment) == (True, 0.2, True)
    assert said.frequencies == (0.31, 0.27, 0.12, 0.30)
    assert parse_model("JC+R3").n_categories == 3
    assert parse_model("JC+G").n_categories == 4
    assert parse_model("GTR").frequency_rule == "counted"
    assert parse_model("GTR+FO").frequency_rule == "optimised"
    assert parse_model("K80").frequency_rule == "equal"
    assert parse_model("LG").frequency_rule == "model"
    assert parse_model("LG+F").frequency_rule == "counted"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("GRT+G4", "no model is called 'GRT'; did you mean 'GTR\\+G4'"),
        ("HKT", "did you mean 'HKY'"),
        ("JTTT+G", "did you mean 'JTT\\+G'"),
        ("HKY+GG4", "'\\+GG4' is no part of a model; did you mean 'HKY\\+G4'"),
        ("HKY+F0", "did you mean 'HKY\\+F'"),
        ("HKY{1,2,3}", "HKY has 1 rates, '1,2,3' gives 3"),
        ("HKY{x}", "'x' are not numbers"),
        ("HKY+F{.5,.5,.5,.5}", "are no frequencies; give 4 that sum to 1"),
        ("HKY+I{1}", "no proportion of sites"),
        ("HKY+G4{0}", "no shape"),
        ("HKY+G4+R4", "'\\+R4' comes on top of '\\+G4'"),
        ("HKY+G4+G8", "'\\+G8' comes on top of '\\+G4'"),
        ("HKY+R2{1,1,1}", "no free rates"),
        ("LG{2}", "LG has no rates to give"),
        ("", "no name of a model"),
        ("HKY+G4{", "cannot be read"),
        ("HKY+G99", "asks for 99 categories"),
        ("GTR+G0", "asks for 0 categories; ask for 1 to 64"),
        ("GTRR+G4", "did you mean 'GTR\\+G4'"),
        ("LGG", "did you mean 'LG'"),
        ("hkyy85", "did you mean 'HKY'"),
        ("GTR+G4+G4", "'\\+G4' comes on top of '\\+G4'; leave one of them out"),
        ("GTR++G4", "a '\\+' with nothing behind it"),
        ("BLOSUM62", "no model is called 'BLOSUM62'; choose from JC, F81, .*, LG$"),
        ("MFP", "did you mean 'auto'"),
        ("LG+C20", "'\\+C20' is no part of a model; choose from \\+F, .*, \\+ASC$"),
        ("GTRGAMMAI", "did you mean 'GTR\\+I\\+G4'"),
        ("PROTGAMMAWAGF", "did you mean 'WAG\\+F\\+G4'"),
    ],
)
def test_strings_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_model(text)


@pytest.mark.parametrize("text", [*MODELS, "K80+FQ", "F81+FQ", "TVM+G4+I+FO", "GTR+R3"])
def test_a_written_model_is_the_same_model(text: str) -> None:
    model = starting_model(text, PATTERNS)
    again = starting_model(str(model), PATTERNS)
    np.testing.assert_allclose(again.rate_matrix(), model.rate_matrix(), rtol=1e-8)
    np.testing.assert_allclose(again.categories(), model.categories(), rtol=1e-8)
    assert again.n_free == 0 or model.specification.frequency_rule == "equal"


@pytest.mark.parametrize(
    "text", [*DNA_MODELS, *MODELS, "JC+F", "GTR+FO+I+R3", "TVM+FQ+G8{0.5}+ASC", "LG+F+R2{0.3,0.2,0.7,1.5}", "WAG+FQ+I"]
)
def test_what_a_string_says_is_written_as_a_string(text: str) -> None:
    said = parse_model(text)
    assert parse_model(str(said)) == said


@pytest.mark.parametrize(
    ("name", "n_free"),
    [
        *(("JC", 0), ("F81", 0), ("K80", 1), ("HKY", 1), ("TN", 2), ("K81", 2), ("TPM2", 2), ("TPM3", 2), ("TIM", 3)),
        *(("TIM2", 3), ("TIM3", 3), ("TVM", 4), ("SYM", 5), ("GTR", 5)),
    ],
)
def test_how_many_rates_are_free(name: str, n_free: int) -> None:
    assert len(parse_model(name).free_classes) == n_free


def test_transversion_models_have_four_rates_for_transversions() -> None:
    matrix = starting_model("TVM{2,3,4,5}", PATTERNS).exchangeabilities()
    assert sorted({matrix[0, 1], matrix[0, 3], matrix[1, 2], matrix[2, 3]}) == [1.0, 2.0, 4.0, 5.0]
    assert matrix[0, 2] == matrix[1, 3] == 3.0


@pytest.mark.parametrize("name", DNA_MODELS)
def test_rate_matrices_are_reversible_and_scaled(name: str) -> None:
    n_rates = len(parse_model(name).free_classes)
    values = "{" + ",".join(str(2.0 + number) for number in range(n_rates)) + "}" if n_rates else ""
    model = starting_model(name + values, PATTERNS)
    q, frequency = model.rate_matrix(), model.frequency
    np.testing.assert_allclose(q, rate_matrix(model.exchangeabilities(), frequency), rtol=1e-12)
    flux = frequency[:, None] * q
    np.testing.assert_allclose(flux, flux.T, atol=1e-15)
    assert frequency @ np.diag(q) == pytest.approx(-1.0)
    assert len(set(model.exchangeabilities()[np.triu_indices(4, 1)])) == n_rates + 1
    assert model.n_free == (0 if DNA_MODELS[name][1] else 3)


@pytest.mark.parametrize("name", AMINO_ACID_MODELS)
def test_published_matrices(name: str) -> None:
    exchangeability, frequency = amino_acid_matrix(name)
    np.testing.assert_array_equal(exchangeability, exchangeability.T)
    assert frequency.sum() == pytest.approx(1.0)
    assert exchangeability[np.triu_indices(20, 1)].min() >= 0.0
    most = np.unravel_index(np.argmax(exchangeability), (20, 20))
    assert {"ARNDCQEGHILKMFPSTWYV"[state] for state in most} == {"I", "V"}


@pytest.mark.kernel
@pytest.mark.parametrize("length", [0.0, 1e-12, 1e-6, 0.1, 3.0, 100.0])
@pytest.mark.parametrize("text", [MODELS[0], MODELS[5]])
def test_transition_probabilities_are_the_matrix_exponential(text: str, length: float) -> None:
    model = starting_model(text, PATTERNS)
    process = build_process([Partition(PATTERNS, model)])
    rates = model.categories()[0]
    target = np.empty((len(rates), 4, 4))
    fill_transition(process, 0, length, target)
    expected = np.array([expm(model.rate_matrix() * rate * length) for rate in rates])
    np.testing.assert_allclose(target, expected, rtol=1e-9, atol=1e-25)
    np.testing.assert_allclose(target.sum(axis=2), 1.0, atol=1e-13)


@given(st.floats(0.05, 50.0), st.integers(1, 8))
def test_gamma_rates_are_means_of_slices(alpha: float, n_categories: int) -> None:
    rates = gamma_rates(alpha, n_categories)
    assert rates.mean() == pytest.approx(1.0)
    assert np.all(np.diff(rates) > 0.0)
    assert gamma_rates(alpha, n_categories, "median").mean() == pytest.approx(1.0)


def test_gamma_rates_by_integration() -> None:
    distribution = gamma(0.8, scale=1.0 / 0.8)
    cuts = [0.0, *distribution.ppf([0.25, 0.5, 0.75]), math.inf]
    slices = [quad(lambda rate: rate * distribution.pdf(rate), low, high)[0] for low, high in pairwise(cuts)]
    np.testing.assert_allclose(gamma_rates(0.8, 4), 4.0 * np.array(slices), rtol=1e-6)


@pytest.mark.parametrize("text", ["HKY+G4{0.5}+I{0.25}", "JC+I{0.4}", "JC+R3{1,0.1,2,1,1,5}+I{0.1}", "GTR+R4"])
def test_the_mean_rate_is_one(text: str) -> None:
    model = starting_model(text, PATTERNS)
    rates, weights = model.categories()
    assert weights.sum() == pytest.approx(1.0 - model.invariant)
    assert rates @ weights == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["GTR+FO+I+G4", "TN+R4+I", "HKY", "LG+G4", "GTR{1,2,3,4,5}+G4{1}", "LG+FO"])
def test_coordinates_are_as_many_as_free_parameters(text: str) -> None:
    patterns = PATTERNS
    if text.startswith("LG"):
        patterns = site_patterns(alignment_of(["ARND", "AEND"], "protein"))
    model = starting_model(text, patterns)
    vector = pack_model(model)
    counted = model.n_states - 1 if model.specification.frequency_rule == "counted" else 0
    assert len(vector) == model.n_free - counted
    lower, upper = model_bounds(model)
    assert np.all((lower <= vector) & (vector <= upper))
    moved = unpack_model(model, (vector + 0.1).clip(lower, upper))
    np.testing.assert_allclose(pack_model(moved), (vector + 0.1).clip(lower, upper), atol=1e-12)
    np.testing.assert_allclose(unpack_model(model, vector).rate_matrix(), model.rate_matrix(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(unpack_model(model, vector).categories(), model.categories(), rtol=1e-9)


def test_counted_frequencies_leave_ambiguous_letters_out() -> None:
    patterns = site_patterns(alignment_of(["AACCR", "AGTU-"]))
    np.testing.assert_allclose(patterns.frequencies(), np.array([3, 2, 1, 2]) / 8)


def test_a_letter_that_never_occurs_keeps_a_little() -> None:
    model = starting_model("HKY", site_patterns(alignment_of(["AACC", "ACCC"])))
    assert 0.0 < model.frequency.min() < 1e-7
    assert np.all(np.isfinite(model.rate_matrix()))
