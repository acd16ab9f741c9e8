"""Model selection: nesting, values carried over, criteria, and that no model loses to one nested in it."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from genem.data import Alignment, Tree
from genem.em import InformationCriteria, criterion_weights
from genem.errors import InputError, UsageError
from genem.phylo import (
    ModelSelection,
    TreeLikelihood,
    candidate_models,
    is_nested,
    make_partitions,
    parse_model,
    select_model,
)
from genem.phylo.fitting.evaluation import fit_tree
from genem.phylo.models.nesting import transferred
from genem.phylo.models.parameters import model_bounds, pack_model, unpack_model
from genem.phylo.models.substitution import starting_model
from genem.phylo.patterns import site_patterns
from genem.phylo.selection.lattice import ModelLattice
from genem.phylo.selection.models import quick_tree
from tests.phylo.cases import alignment_of, cases, random_tree
from tests.phylo.fitting.test_optimisation import simulated

RATES = ("", "+I", "+G4", "+I+G4", "+R2", "+R3", "+R4", "+I+R2", "+R5")
MATRICES = ("JC", "F81", "K80", "HKY", "TNe", "TPM2", "TIM2", "TVMe", "TVM", "SYM", "GTR", "JC+FO", "GTR+FO")
MODELS = tuple(parse_model(matrix + rates) for matrix, rates in product(MATRICES, RATES))
SMALL = ("JC", "K80", "F81", "HKY+FO", "+E", "+I", "+G4", "+I+G4", "+R2", "+R4")


def log_likelihoods(selection: ModelSelection) -> dict[str, float]:
    return {candidate.name: candidate.log_likelihood for candidate in selection.candidates}


def losses(selection: ModelSelection) -> list[tuple[str, str, float]]:
    """Pairs of candidates, the first nested in the second, but of a greater likelihood; and by how much."""
    pairs = product(selection.candidates, repeat=2)
    return [
        (inner.name, outer.name, inner.log_likelihood - outer.log_likelihood)
        for inner, outer in pairs
        if is_nested(inner.specification, outer.specification)
        and inner.log_likelihood - outer.log_likelihood > 1e-6 * (1.0 + abs(inner.log_likelihood))
    ]


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("JC", "K80", True),
        ("K80", "HKY", False),
        ("F81", "JC", False),
        ("JC", "F81+FO", True),
        ("F81", "GTR+FO", True),
        ("HKY+FO", "GTR", False),
        ("TPM2", "TIM2e", True),
        ("TPM2", "TIM3e", False),
        ("TIM", "TVM", False),
        ("TPM3u", "TVM", True),
        ("TNe", "TVMe", False),
        ("JC+G4", "JC+R4", True),
        ("JC+G4", "JC+R3", False),
        ("GTR+G4", "GTR+R2", False),
        ("JC+G4", "JC+G8", False),
        ("JC+I", "JC+R2", True),
        ("JC+I+G4", "JC+R4", False),
        ("JC+I+G4", "JC+R5", True),
        ("JC+I", "JC+G4", False),
        ("JC+R2", "JC+R3", True),
        ("JC+R3", "JC+I+R3", True),
        ("HKY{2}", "HKY", True),
        ("HKY", "HKY{2}", False),
        ("JC+G4{0.5}", "JC+G4", True),
        ("JC+G4", "JC+G4{0.5}", False),
        ("LG", "LG+G4", True),
        ("LG", "LG+F", False),
        ("LG", "WAG+G4", False),
        ("JC", "JC+ASC", False),
        ("JC", "LG", False),
    ],
)
def test_which_model_contains_which(inner: str, outer: str, expected: bool) -> None:
    assert is_nested(parse_model(inner), parse_model(outer)) is expected


@given(st.sampled_from(MODELS), st.sampled_from(MODELS), st.sampled_from(MODELS))
def test_nesting_is_an_order(one: object, two: object, three: object) -> None:
    assert is_nested(one, one)  # type: ignore[arg-type]
    if is_nested(one, two) and is_nested(two, three):  # type: ignore[arg-type]
        assert is_nested(one, three)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(cases(most_taxa=4, letters="ACGTN"), st.data())
def test_a_nested_model_is_carried_over_with_its_likelihood(case: tuple[Alignment, Tree], data: st.DataObject) -> None:
    alignment, tree = case
    inner = data.draw(st.sampled_from(MODELS))
    outer = data.draw(st.sampled_from([said for said in MODELS if is_nested(inner, said)]))
    patterns = site_patterns(alignment)
    start = starting_model(inner, patterns)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    values = (pack_model(start) + rng.normal(0.0, 0.5, len(pack_model(start)))).clip(*model_bounds(start))
    model = unpack_model(start, values)
    target = starting_model(outer, patterns)
    carried = unpack_model(target, pack_model(transferred(model, target)))
    likelihood = TreeLikelihood(make_partitions(alignment, inner))
    with_lengths = Tree(tree.taxa, tree.parent, np.maximum(tree.length, 1e-3), tree.labels)
    there = likelihood.with_models([model]).evaluate(with_lengths).log_likelihood
    here = likelihood.with_models([carried]).evaluate(with_lengths).log_likelihood
    assert here == pytest.approx(there, abs=1e-5)


@pytest.mark.slow
@settings(max_examples=4, phases=(Phase.explicit, Phase.generate))
@example(1107752, "letters at random")
@given(st.integers(0, 2**32), st.sampled_from(["saturated", "short", "two speeds", "letters at random"]))
def test_no_model_loses_to_one_nested_in_it(seed: int, kind: str) -> None:
    if kind == "letters at random":
        letters = np.random.default_rng(seed).choice(np.frombuffer(b"ACGTN-", np.uint8), (4, 24))
        alignment = Alignment(tuple("ABCD"), letters, "dna")
    else:
        speeds = {"saturated": (4.0, 9.0), "short": (0.02, 0.05), "two speeds": (0.0, 2.0)}[kind]
        alignment, _ = simulated(seed, 4, 40, speeds)
    found = select_model(alignment, models=SMALL, fit_all=True)
    assert losses(found) == []
    assert len(found.candidates) == 4 * 6


def saturated() -> Alignment:
    """Long branches, equal rates: the likelihood of a gamma shape has its maximum at infinity."""
    return simulated(4, 5, 60, (6.0, 6.0))[0]


def test_a_single_start_can_lose_to_the_nested_model_but_a_selection_does_not() -> None:
    alignment = saturated()
    tree = quick_tree([site_patterns(alignment)])
    alone = {
        model: fit_tree(TreeLikelihood(make_partitions(alignment, model)), tree).log_likelihood
        for model in ("JC", "JC+G4", "JC+R4")
    }
    together = log_likelihoods(select_model(alignment, tree, models=["JC", "+E", "+G4", "+R4"], fit_all=True))
    assert together["JC"] == pytest.approx(alone["JC"], abs=1e-4)
    assert together["JC"] <= together["JC+G4"] + 1e-4 <= together["JC+R4"] + 2e-4
    assert all(together[model] >= alone[model] - 1e-3 for model in alone)


def test_a_model_that_fell_behind_is_lifted_from_the_nested_one() -> None:
    alignment, tree = simulated(5, 5, 80, (0.3, 2.0))
    inner, outer = parse_model("HKY+G4"), parse_model("GTR+G4")
    lattice = ModelLattice(TreeLikelihood(make_partitions(alignment, inner)), tree)
    lattice.run([outer])
    stuck = starting_model(outer, lattice.patterns)
    lattice.fitted[outer] = fit_tree(
        lattice.base.with_models([starting_model(parse_model("GTR{1,1,1,1,1,1}+G4{9}"), lattice.patterns)]), tree
    )
    before = lattice.fitted[outer].log_likelihood
    lattice.run([inner, outer])
    assert lattice.fitted[inner].log_likelihood > before
    assert lattice.fitted[outer].log_likelihood >= lattice.fitted[inner].log_likelihood - 1e-5
    assert lattice.fitted[outer].model.specification == stuck.specification


def test_what_is_skipped_has_no_weight() -> None:
    alignment, tree = simulated(6, 7, 400, (0.1, 2.0))
    some = select_model(alignment, tree, models=["JC", "HKY", "TIM2e", "GTR", "+E", "+I", "+G4", "+I+G4"])
    every = select_model(
        alignment, tree, models=["JC", "HKY", "TIM2e", "GTR", "+E", "+I", "+G4", "+I+G4"], fit_all=True
    )
    skipped = {candidate.name for candidate in some.candidates if candidate.fit is None}
    assert skipped
    assert some.model == every.model
    for criterion in ("aic", "aicc", "bic"):
        weights = dict(zip((c.name for c in every.candidates), every.weights(criterion), strict=True))
        assert all(weights[name] < 1e-6 for name in skipped)
    likelihoods = log_likelihoods(every)
    for name, value in log_likelihoods(some).items():
        if name not in skipped:
            assert value == pytest.approx(likelihoods[name], abs=0.01)


def test_free_rates_are_added_while_they_help() -> None:
    alignment, tree = simulated(7, 6, 300, (0.05, 1.95))
    found = select_model(alignment, tree, models=["JC", "+E", "+R"])
    fitted = [candidate.specification.n_categories for candidate in found.candidates if candidate.fit is not None]
    assert found.model == "JC+R2"
    assert sorted(fitted) == [1, 2, 3]
    assert len(found.candidates) == 10


def test_free_rates_leave_the_rate_of_0_of_invariant_sites() -> None:
    alignment, tree = simulated(10, 7, 800, (0.3, 3.0))
    found = log_likelihoods(select_model(alignment, tree, models=["JC", "+E", "+I", "+R2"], fit_all=True))
    alone = fit_tree(TreeLikelihood(make_partitions(alignment, "JC+R2")), tree).log_likelihood
    assert found["JC+R2"] >= alone - 0.01
    assert found["JC+R2"] > found["JC+I"] + 2.0


def test_criteria_by_their_definitions() -> None:
    alignment, tree = simulated(8, 4, 30)
    (candidate,) = select_model(alignment, tree, models=["K80+G4"]).candidates
    assert candidate.fit is not None
    log_likelihood, d, n = candidate.log_likelihood, 5 + 2, 30
    assert candidate.fit.n_free == d
    assert candidate.criterion("aic") == pytest.approx(2 * d - 2 * log_likelihood)
    assert candidate.criterion("aicc") == pytest.approx(2 * d - 2 * log_likelihood + 2 * d * (d + 1) / (n - d - 1))
    assert candidate.criterion("bic") == pytest.approx(d * math.log(n) - 2 * log_likelihood)


@pytest.mark.parametrize(("n_free", "n_sites"), [(5, 6), (5, 5), (5, None)])
def test_no_corrected_criterion_for_samples_that_are_too_small(n_free: int, n_sites: int | None) -> None:
    assert math.isnan(InformationCriteria(10.0, 12.0, math.nan, n_free, n_sites).aicc)


def test_weights() -> None:
    assert criterion_weights([10.0, 12.0, math.nan, 10.0]) == pytest.approx(
        np.array([1.0, math.exp(-1.0), math.nan, 1.0]) / (2.0 + math.exp(-1.0)), nan_ok=True
    )
    assert np.all(np.isnan(criterion_weights([math.nan, math.nan])))


def test_too_few_sites_leave_no_corrected_criterion_and_an_order_by_the_others() -> None:
    found = select_model(alignment_of(["ACGT", "ACGA", "ACCA", "AGCA"]), models=["JC", "GTR"], criterion="aicc")
    assert all(math.isnan(candidate.criterion("aicc")) for candidate in found.candidates)
    assert np.all(np.isnan(found.weights("aicc")))


def test_candidates_of_dna_and_protein() -> None:
    dna = [str(said) for said in candidate_models("dna")]
    assert len(dna) == len(set(dna)) == 22 * 13
    assert {"JC", "TVM+F+I", "TPM2u+F+I+G4", "GTR+F+R10", "SYM+G4"} <= set(dna)
    protein = [str(said) for said in candidate_models("protein")]
    assert len(protein) == len(set(protein)) == 6 * 13
    assert {"LG", "WAG+F+I+G4", "JTT+R2"} <= set(protein)


def test_a_list_restricts_the_candidates() -> None:
    assert [str(m) for m in candidate_models("dna", ["hky", "TNe+FQ", "+e", "+R3", "JC+I", "GTR+F+G8", "K80+E"])] == [
        *("HKY+F", "HKY+F+R3", "TNe", "TNe+R3", "JC+I", "GTR+F+G8", "K80"),
    ]
    assert [str(m) for m in candidate_models("protein", ["LG", "LG+F", "+G4"])] == ["LG+G4", "LG+F+G4"]
    assert len(candidate_models("dna", ["+G4"])) == 22


def test_candidates_for_variable_sites() -> None:
    found = [str(said) for said in candidate_models("dna", ["JC", "+E", "+I", "+G4"], ascertainment=True)]
    assert found == ["JC+ASC", "JC+G4+ASC"]


@pytest.mark.parametrize(
    ("models", "ascertainment", "message"),
    [
        (["HKX"], False, "did you mean 'HKY'"),
        (["LG"], False, "LG is a protein model, the alignment is dna"),
        (["JC", "+I4"], False, r"'\+I4' says nothing about rates"),
        (["JC", "+I"], True, "no model is left"),
    ],
)
def test_candidates_that_cannot_be(models: list[str], ascertainment: bool, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        candidate_models("dna", models, ascertainment=ascertainment)


def test_variable_sites_and_constant_ones() -> None:
    rows = ["ACGTACAA", "ACGAATCA", "CCTAATCT", "CATAGACT"]
    found = select_model(alignment_of([row[:-2] for row in rows]), models=["JC", "K80", "+E"], ascertainment=True)
    assert {candidate.name for candidate in found.candidates} == {"JC+ASC", "K80+ASC"}
    with pytest.raises(UsageError, match="may be constant"):
        select_model(alignment_of(["AACG", "AACT", "AACC"]), ascertainment=True)


def test_a_tree_of_other_taxa_is_refused() -> None:
    with pytest.raises(InputError, match="taxa of the"):
        select_model(alignment_of(["ACGT"] * 4), random_tree(np.random.default_rng(1), 5))


@pytest.mark.parametrize("n_taxa", [1, 2, 3])
def test_few_sequences(n_taxa: int) -> None:
    found = select_model(alignment_of(["ACGTACGA", "ACGTACTT", "ACTTACGT"][:n_taxa]), models=["JC", "K80", "+E", "+G4"])
    assert all(math.isfinite(value) for value in log_likelihoods(found).values() if not math.isnan(value))


def test_the_same_bits_at_any_number_of_threads_and_in_any_order() -> None:
    alignment, _ = simulated(9, 6, 200)
    order = np.random.default_rng(2).permutation(6)
    shuffled = Alignment(tuple(alignment.names[k] for k in order), alignment.letters[order], "dna")
    models = ["JC", "HKY", "+E", "+G4"]
    one, two, three = (
        log_likelihoods(select_model(data, models=models, threads=threads))
        for data, threads in ((alignment, 1), (alignment, 2), (shuffled, 1))
    )
    assert one == two == three


def test_protein() -> None:
    rng = np.random.default_rng(3)
    ancestor = rng.integers(0, 20, 40)
    states = np.where(rng.random((4, 40)) < 0.3, rng.integers(0, 20, (4, 40)), ancestor)
    letters = np.frombuffer(b"ARNDCQEGHILKMFPSTWYV", np.uint8)[states]
    found = select_model(Alignment(tuple("ABCD"), letters, "protein"), models=["LG", "WAG", "+E", "+G4"], fit_all=True)
    assert losses(found) == []
    n_free = {candidate.name: candidate.fit.n_free for candidate in found.candidates if candidate.fit is not None}
    assert n_free == {"LG": 5, "WAG": 5, "LG+G4": 6, "WAG+G4": 6}
