"""The search for trees: moves, structural EM, starts, constraint, resumption."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Alignment, Tree
from genem.em import Status
from genem.errors import InputError, UsageError
from genem.phylo import build_tree, expected_pair_counts, fit_branches, star_tree
from genem.phylo.fitting.branches import with_start_lengths
from genem.phylo.searching.hill_climbing import Climb
from genem.phylo.searching.perturbations import anneal, interchange_at_random, reweight
from genem.phylo.searching.rearrangements import regrafts, swaps
from genem.phylo.searching.starts import (
    bionj_tree,
    join_neighbours,
    pairwise_distances,
    parsimony_tree,
    random_resolution,
    random_tree,
)
from genem.phylo.searching.structural_em import bifurcating_tree, maximum_spanning_tree, pair_weights, propose_structure
from genem.phylo.searching.tree_search import SearchState, search
from genem.phylo.trees.constraints import read_constraint, splits
from genem.phylo.trees.editing import EditableTree
from tests.phylo.cases import alignment_of, cases, likelihood_of
from tests.reference.phylo_search import all_trees, best_spanning_weight, fitch_changes

MODEL = "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}"


def simulated(n_taxa: int, n_sites: int, seed: int) -> Alignment:
    """Letters copied down a random tree, some of them changed on the way."""
    rng = np.random.default_rng(seed)
    tree = random_tree(tuple(chr(65 + taxon) for taxon in range(n_taxa)), rng)
    letters = np.zeros((len(tree), n_sites), np.int64)
    letters[-1] = rng.integers(4, size=n_sites)
    for node in range(len(tree) - 2, -1, -1):
        changed = rng.random(n_sites) < 0.15
        letters[node] = np.where(changed, rng.integers(4, size=n_sites), letters[tree.parent[node]])
    return alignment_of(["".join("ACGT"[state] for state in row) for row in letters[:n_taxa]])


def is_bifurcating(tree: Tree) -> bool:
    counts = np.bincount(tree.parent[:-1], minlength=len(tree))
    return bool(np.all(counts[len(tree.taxa) : -1] == 2) and counts[-1] == 3)


@settings(max_examples=8)
@given(st.integers(5, 8), st.integers(0, 2**32))
def test_scores_of_moves_are_likelihoods_of_the_trees_they_make(n_taxa: int, seed: int) -> None:
    likelihood = likelihood_of(simulated(n_taxa, 12, seed), MODEL)
    tree = random_tree(likelihood.taxa, np.random.default_rng(seed))
    moves = [*swaps(likelihood, tree), *regrafts(likelihood, tree, 4, margin=np.inf, per_subtree=3)]
    assert moves
    for move in moves:
        changed = EditableTree(tree)
        assert changed.apply(move)
        made = changed.to_tree()
        assert is_bifurcating(made)
        assert likelihood.evaluate(made).log_likelihood == pytest.approx(move.log_likelihood, abs=1e-8)


@pytest.mark.kernel
@pytest.mark.parametrize("model", ["GTR{1,3,1,1,4,1}+F{.3,.2,.2,.3}+I{0.2}", "JC+ASC"])
def test_scores_under_invariant_sites_and_ascertainment(model: str) -> None:
    rows = ["AACGTACGTT", "CACGTACGAT", "CCAGTTCGAT", "CCATTTAGAA", "GCATGTAAAA"]
    if "ASC" not in model:
        rows = [row + "GGG" for row in rows]
    likelihood = likelihood_of(alignment_of(rows), model)
    tree = random_tree(likelihood.taxa, np.random.default_rng(3))
    for move in [*swaps(likelihood, tree), *regrafts(likelihood, tree, 3, margin=np.inf)]:
        changed = EditableTree(tree)
        assert changed.apply(move)
        assert likelihood.evaluate(changed.to_tree()).log_likelihood == pytest.approx(move.log_likelihood, abs=1e-8)


def test_moves_reach_all_neighbours() -> None:
    likelihood = likelihood_of(simulated(6, 20, 1), "JC")
    tree = random_tree(likelihood.taxa, np.random.default_rng(1))
    made = set()
    for move in swaps(likelihood, tree):
        changed = EditableTree(tree)
        changed.apply(move)
        made.add(splits(changed.to_tree()))
    assert len(made) == 2 * (6 - 3)
    far = set()
    for move in regrafts(likelihood, tree, 10, margin=np.inf, per_subtree=100):
        changed = EditableTree(tree)
        changed.apply(move)
        far.add(splits(changed.to_tree()))
    assert len(far) == 2 * (6 - 3) * (2 * 6 - 7)  # Allen & Steel 2001
    assert made < far


def test_a_move_is_refused_once_what_it_needs_is_gone() -> None:
    likelihood = likelihood_of(simulated(6, 20, 2), "JC")
    tree = random_tree(likelihood.taxa, np.random.default_rng(2))
    changed = EditableTree(tree)
    first = swaps(likelihood, tree)[0]
    assert changed.apply(first)
    assert not changed.apply(first)


@pytest.mark.kernel
@given(st.integers(3, 5), st.integers(0, 2**32))
@settings(max_examples=20)
def test_spanning_tree_is_the_best_of_all(n_nodes: int, seed: int) -> None:
    weight = np.random.default_rng(seed).normal(size=(n_nodes, n_nodes))
    weight += weight.T
    found = sum(float(weight[u, v]) for u, v in maximum_spanning_tree(weight))
    assert found == pytest.approx(best_spanning_weight(weight))


@pytest.mark.kernel
@settings(max_examples=10)
@given(cases(most_taxa=5), st.integers(0, 2**32))
def test_structural_step_gains_no_less_than_it_promises(case: tuple[Alignment, Tree], seed: int) -> None:
    alignment, _ = case
    if len(alignment) < 4:
        return
    likelihood = likelihood_of(alignment, MODEL)
    tree = random_tree(likelihood.taxa, np.random.default_rng(seed))
    proposal = propose_structure(likelihood, tree)
    assert is_bifurcating(proposal.tree)
    assert proposal.expected_gain >= -1e-8
    gain = likelihood.evaluate(proposal.tree).log_likelihood - likelihood.evaluate(tree).log_likelihood
    assert gain >= proposal.expected_gain - 1e-7


@pytest.mark.kernel
def test_bifurcating_tree_keeps_the_likelihood_of_a_spanning_tree() -> None:
    # Taxon B has three neighbours, node 4 two, node 5 one, and A four when the dust has settled.
    likelihood = likelihood_of(simulated(4, 30, 5), MODEL)
    length = np.full((6, 6), 0.3)
    tree = bifurcating_tree(likelihood.taxa, [(0, 1), (1, 2), (1, 4), (4, 3), (0, 5)], length)
    star = build_tree(likelihood.taxa, [4, 4, 4, 4, -1], [0.3, 0.0, 0.3, 0.6, 0.0])
    assert is_bifurcating(tree)
    assert likelihood.evaluate(tree).log_likelihood == pytest.approx(likelihood.evaluate(star).log_likelihood, abs=1e-9)


@pytest.mark.kernel
def test_pair_weights_are_maxima() -> None:
    likelihood = likelihood_of(simulated(4, 30, 6), MODEL)
    tree = random_tree(likelihood.taxa, np.random.default_rng(6))
    pairs = expected_pair_counts(likelihood, tree)
    weights = pair_weights(likelihood, pairs)
    process = likelihood.process
    for u, v in ((0, 1), (2, 4)):
        best = -np.inf
        for t in np.append(weights.length[u, v], np.geomspace(1e-6, 5.0, 60)):
            value = 0.0
            for c, rate in enumerate(process.rate[0]):
                p = process.right[0] @ np.diag(np.exp(process.eigenvalue[0] * rate * t)) @ process.left[0, c]
                value += float((pairs.counts[0, c, u, v] * np.log(p / process.frequency[0])).sum())
            best = max(best, value)
        assert weights.weight[u, v] == pytest.approx(best, abs=1e-9)


def test_distances_are_those_of_pairs_alone() -> None:
    alignment = simulated(4, 60, 7)
    likelihood = likelihood_of(alignment, MODEL)
    pair = Alignment(alignment.names[:2], alignment.letters[:2], "dna")
    alone = fit_branches(likelihood_of(pair, MODEL), star_tree(("A", "B"))).tree.length.sum()
    assert pairwise_distances(likelihood)[0, 1] == pytest.approx(alone, rel=1e-5)


def test_distances_without_common_sites_are_the_longest() -> None:
    distances = pairwise_distances(likelihood_of(alignment_of(["ACGT--", "----AC", "ACGAAC"]), "JC"))
    assert distances[0, 1] == distances.max() > 0.0


@settings(max_examples=10)
@given(st.integers(4, 9), st.integers(0, 2**32))
def test_neighbour_joining_finds_the_tree_behind_additive_distances(n_taxa: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(tuple(chr(65 + taxon) for taxon in range(n_taxa)), rng)
    tree = replace(tree, length=np.append(rng.uniform(0.1, 1.0, len(tree) - 1), 0.0))
    distances = np.zeros((n_taxa, n_taxa))
    for a in range(n_taxa):
        for b in range(n_taxa):
            up_a, up_b = path_up(tree, a), path_up(tree, b)
            distances[a, b] = sum(tree.length[node] for node in up_a ^ up_b)
    found = join_neighbours(tree.taxa, distances)
    assert splits(found) == splits(tree)
    assert found.length.sum() == pytest.approx(tree.length.sum())


def path_up(tree: Tree, node: int) -> set[int]:
    above = set()
    while tree.parent[node] >= 0:
        above.add(node)
        node = int(tree.parent[node])
    return above


@pytest.mark.kernel
def test_parsimony_adds_a_taxon_where_it_costs_least() -> None:
    alignment = simulated(6, 25, 8)
    likelihood = likelihood_of(alignment, "JC")
    five = Alignment(alignment.names[:5], alignment.letters[:5], "dna")
    backbone = parsimony_tree(likelihood_of(five, "JC"), np.random.default_rng(1))
    grown = parsimony_tree(likelihood, np.random.default_rng(2), backbone=backbone)
    letters = alignment.letters
    restricted = [tree for tree in all_trees(likelihood.taxa) if without(tree, "F") == splits(backbone)]
    assert len(restricted) == 7
    assert fitch_changes(grown, letters) == min(fitch_changes(tree, letters) for tree in restricted)
    assert without(grown, "F") == splits(backbone)


def without(tree: Tree, taxon: str) -> frozenset[frozenset[str]]:
    """The splits that are left when a taxon goes."""
    rest = set(tree.taxa) - {taxon}
    return frozenset(group - {taxon} for group in splits(tree) if 1 < len(group - {taxon}) < len(rest) - 1)


def test_starts_know_nothing_of_the_order_of_sequences() -> None:
    alignment = simulated(8, 40, 9)
    shuffled = Alignment(alignment.names[::-1], alignment.letters[::-1], "dna")
    one, other = likelihood_of(alignment, "JC"), likelihood_of(shuffled, "JC")
    for first, second in (
        (bionj_tree(one), bionj_tree(other)),
        (parsimony_tree(one, np.random.default_rng(5)), parsimony_tree(other, np.random.default_rng(5))),
    ):
        assert first.taxa == second.taxa
        assert np.array_equal(first.parent, second.parent)
        assert np.array_equal(first.length, second.length)


def test_random_trees_are_all_trees() -> None:
    found = {splits(random_tree(("a", "b", "c", "d", "e"), np.random.default_rng(seed))) for seed in range(200)}
    assert found == {splits(tree) for tree in all_trees(("a", "b", "c", "d", "e"))}
    assert len(found) == 15


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


def test_resolutions_have_the_groups_of_their_tree() -> None:
    tree = build_tree(("A", "B", "C", "D", "E", "F"), [6, 6, 6, 7, 7, 7, 7, -1], [0.1] * 8)
    made = random_resolution(tree, np.random.default_rng(1))
    assert is_bifurcating(made)
    assert splits(tree) < splits(made)


def test_escapes_change_the_tree() -> None:
    likelihood = likelihood_of(simulated(9, 60, 14), "JC")
    tree = bionj_tree(likelihood)
    rng = np.random.default_rng(1)
    assert is_bifurcating(interchange_at_random(tree, rng))
    assert splits(interchange_at_random(tree, rng)) != splits(tree)
    assert is_bifurcating(anneal(likelihood, tree, rng))
    weights = reweight(likelihood, rng).partitions[0].patterns.weight
    assert weights.sum() > likelihood.partitions[0].patterns.weight.sum()


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
