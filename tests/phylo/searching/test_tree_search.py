"""The search for trees: optima, resumption, constraint, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Alignment
from genem.em import Status
from genem.errors import InputError, UsageError
from genem.phylo import fit_branches, star_tree
from genem.phylo.fitting.branches import with_start_lengths
from genem.phylo.searching.hill_climbing import Climb
from genem.phylo.searching.starts import (
    random_tree,
)
from genem.phylo.searching.tree_search import SearchState, search
from genem.phylo.trees.constraints import read_constraint
from tests.phylo.cases import alignment_of, is_bifurcating, likelihood_of, simulated
from tests.reference.phylo_search import all_trees

MODEL = "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_search_finds_the_best_of_all_trees_of_six_taxa(seed: int) -> None:
    alignment = simulated(6, 15, 20 + seed)
    likelihood = likelihood_of(alignment, "JC")
    ends = [fit_branches(likelihood, tree).log_likelihood for tree in all_trees(likelihood.taxa)]
    assert len(ends) == 105
    found = search(alignment, "JC", seed=seed, n_starts=4)
    assert found.best.log_likelihood == pytest.approx(max(ends), abs=1e-3)
    assert found.optima[0].log_likelihood == pytest.approx(found.best.log_likelihood, abs=0.01)
    assert sum(optimum.n_runs for optimum in found.optima) == len(found.runs)


@settings(max_examples=6)
@given(st.integers(0, 2**32))
def test_a_climb_never_descends(seed: int) -> None:
    likelihood = likelihood_of(simulated(7, 20, seed), MODEL)
    tree = random_tree(likelihood.taxa, np.random.default_rng(seed))
    climb = Climb(likelihood, tree, far_radius=12)
    reached = climb.log_likelihood
    climb.run()
    assert climb.log_likelihood >= reached
    assert is_bifurcating(climb.tree)
    assert climb.log_likelihood == pytest.approx(climb.likelihood.evaluate(climb.tree).log_likelihood, abs=1e-8)
    for step in climb.trace:
        assert step.gain > 0.0
        assert step.log_likelihood >= reached - 1e-9
        reached = step.log_likelihood
        if step.stage == "sem":
            assert step.gain >= step.expected_gain - 1e-3  # edges of length 0 start a little above it


def test_search_is_the_same_on_two_threads_and_in_any_order() -> None:
    alignment = simulated(9, 200, 11)
    order = np.random.default_rng(1).permutation(9)
    shuffled = Alignment(tuple(alignment.names[k] for k in order), alignment.letters[order][:, ::-1], "dna")
    one = search(alignment, "HKY+F+G2", n_starts=2, seed=4)
    other = search(shuffled, "HKY+F+G2", n_starts=2, seed=4, threads=2)
    assert one.best.log_likelihood == other.best.log_likelihood
    assert np.array_equal(one.best.tree.parent, other.best.tree.parent)
    assert np.array_equal(one.best.tree.length, other.best.tree.length)
    assert np.array_equal(one.best.site_log_likelihoods, other.best.site_log_likelihoods[::-1])
    assert [run.log_likelihood for run in one.runs] == [run.log_likelihood for run in other.runs]


def test_an_interrupted_search_goes_on_where_it_was() -> None:
    alignment = simulated(8, 60, 12)
    saved: list[str] = []
    whole = search(alignment, "HKY+F", n_starts=2, checkpoint=lambda state: saved.append(state.to_json()))
    assert len(saved) == len(whole.runs) >= 3
    for text in (saved[0], saved[-1]):
        resumed = search(alignment, "HKY+F", n_starts=2, resume=SearchState.from_json(text))
        assert resumed.best.log_likelihood == whole.best.log_likelihood
        assert np.array_equal(resumed.best.tree.length, whole.best.tree.length)
        assert len(resumed.trace) == len(whole.trace)
    with pytest.raises(UsageError, match="another seed"):
        search(alignment, "HKY+F", n_starts=2, seed=9, resume=SearchState.from_json(saved[0]))
    with pytest.raises(UsageError, match="another model"):
        search(alignment, "JC", n_starts=2, resume=SearchState.from_json(saved[0]))
    with pytest.raises(ValueError, match="not the state of a search"):
        SearchState.from_json(saved[0][:-5])


def test_constraint_is_kept_by_every_run() -> None:
    alignment = simulated(7, 80, 13)
    free = search(alignment, "JC", n_starts=2)
    wrong = next(
        tree
        for tree in all_trees(("A", "B", "C", "D", "E"))
        if not read_constraint(tree, free.best.tree.taxa).allows(free.best.tree)
    )
    bound = search(alignment, "JC", n_starts=2, constraint=wrong)
    constraint = read_constraint(wrong, free.best.tree.taxa)
    assert all(constraint.allows(run.tree) for run in bound.runs)
    assert constraint.allows(bound.best.tree)
    assert bound.best.log_likelihood < free.best.log_likelihood
    with pytest.raises(InputError, match="not in the alignment: 'Z'"):
        search(alignment, "JC", constraint=star_tree(("A", "Z", "B", "C")))


@pytest.mark.parametrize("n_taxa", [1, 2, 3])
def test_fewer_than_four_sequences_have_one_tree(n_taxa: int) -> None:
    found = search(alignment_of(["ACGT", "ACGA", "ACTA"][:n_taxa]), "JC")
    assert found.best.tree.taxa == ("A", "B", "C")[:n_taxa]
    assert found.runs == ()
    assert np.isfinite(found.best.log_likelihood)


def test_identical_sequences_stay_in_the_tree() -> None:
    found = search(alignment_of(["ACGTACGTAA"] * 3 + ["ACGTTCGTAC", "ACGTTCGGAC", "----------"]), "JC", n_starts=2)
    assert len(found.best.tree.taxa) == 6
    assert found.best.status in (Status.CONVERGED, Status.MAX_ITER)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": ("tbr",)}, "'tbr' is no part of a search"),
        ({"n_starts": 0}, "0 starts"),
        ({"radius": 0}, "radius of 0"),
    ],
)
def test_arguments_without_meaning_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        search(simulated(5, 5, 1), "JC", **arguments)


def test_parts_can_be_switched_off() -> None:
    alignment = simulated(8, 40, 15)
    found = search(alignment, "JC", n_starts=2, strategy=("sem",))
    assert {step.stage for step in found.trace} <= {"sem", "models"}
    assert {run.kind for run in found.runs} <= {"bionj", "parsimony", "random"}
    longer = search(alignment, "JC", n_starts=2, strategy=("sem", "nni"))
    assert longer.best.log_likelihood >= found.best.log_likelihood - 1e-3
    assert np.all(with_start_lengths(longer.best.tree).length[:-1] > 0.0)
