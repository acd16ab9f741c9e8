"""Tests of inner edges against the other two ways to join the subtrees."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from genem.data import Tree
from genem.errors import UsageError
from genem.io.trees.newick import parse_newick
from genem.phylo import TreeFit, TreeLikelihood, branch_tests, evaluate, fit_branches, fit_tree, star_tree
from genem.phylo.searching.rearrangements import swaps
from genem.phylo.searching.starts import bionj_tree, random_tree
from genem.phylo.support.likelihood_ratio_tests import MARGIN, resolved
from genem.phylo.support.resampling import pattern_log_likelihoods, weight_table
from genem.phylo.trees.editing import EditableTree, Swap
from genem.phylo.trees.splits import split_lengths
from tests.phylo.cases import alignment_of, likelihood_of, simulated
from tests.reference.phylo_support import sh_alrt

MODEL = "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}"


def fitted(n_taxa: int, n_sites: int, seed: int, model: str = MODEL) -> TreeFit:
    likelihood = likelihood_of(simulated(n_taxa, n_sites, seed), model)
    return fit_tree(likelihood, bionj_tree(likelihood))


def interchanged(likelihood: TreeLikelihood, tree: Tree, move: Swap) -> tuple[Tree, float]:
    """The tree of an interchange with the five edges around it at their best lengths, all others as they are.

    Lengths may have several optima: of four climbs the best counts.
    """
    changed = EditableTree(tree)
    changed.apply(replace(move, lengths=()))
    made = changed.to_tree()
    taxa = likelihood.taxa
    before, new = split_lengths(tree, taxa), split_lengths(made, taxa)
    around = EditableTree(tree)
    near = [{move.near, other} for other in around.neighbours[move.near]]
    near += [{move.far, other} for other in around.neighbours[move.far]]
    touched = {split for split in before if {*_ends(tree, split, taxa)} in near} | new.keys() - before.keys()
    names = list(split_lengths(replace(made, length=np.arange(len(made)) * 1.0), taxa).items())
    free = np.zeros(len(made), np.bool_)
    for split, node in names:
        free[int(node)] = split in touched
    starts = [np.where(free, length, made.length) for length in (made.length, 1e-9, 0.02, 0.5)]
    climbs = [fit_branches(likelihood, replace(made, length=start), free=free, tolerance=1e-9) for start in starts]
    found = max(climbs, key=lambda climb: climb.log_likelihood)
    return found.tree, found.log_likelihood


def _ends(tree: Tree, split: int, taxa: tuple[str, ...]) -> tuple[int, int]:
    numbered = split_lengths(replace(tree, length=np.arange(len(tree)) * 1.0), taxa)
    node = int(numbered[split])
    return node, int(tree.parent[node])


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("n_taxa", "n_sites", "seed"),
    [(4, 60, 1), (5, 60, 2), (5, 60, 3), (4, 20, 176)],  # from the lengths of the tree the last ends 0.11 too low
)
def test_alternatives_are_the_best_trees_of_the_quartets(n_taxa: int, n_sites: int, seed: int) -> None:
    fit = fitted(n_taxa, n_sites, seed)
    likelihood = TreeLikelihood(fit.partitions)
    found = branch_tests(fit, n_replicates=0)
    expected: dict[int, list[float]] = {}
    for move in swaps(likelihood, fit.tree):
        expected.setdefault(move.near, []).append(interchanged(likelihood, fit.tree, move)[1])
    for node in range(n_taxa, len(fit.tree) - 1):
        if fit.tree.length[node] < 1e-6:
            assert np.isnan(found.statistic[node])
            continue
        # lengths may have more optima still: what is found may be better than what is expected
        assert np.all(found.alternative[node] >= np.sort(expected[node])[::-1] - 2e-3)
        lead = fit.log_likelihood - found.alternative[node, 0]
        assert found.statistic[node] == pytest.approx(2.0 * lead, abs=1e-6)
        p = 1.5 * chi2.sf(2.0 * lead, 1) if lead > 0.0 else 1.0
        assert found.alrt[node] == pytest.approx(1.0 - min(1.0, p), abs=1e-9)
        odds = np.exp(found.alternative[node] - fit.log_likelihood).sum()
        assert found.abayes[node] == pytest.approx(1.0 / (1.0 + odds))
        assert np.isnan(found.sh_alrt[node])


def test_alternatives_are_rarely_better_than_expected() -> None:
    """The bound from above of the test before: both look for the optimum, by other ways."""
    n_close = n_all = 0
    for seed in range(12):
        fit = fitted(5, 60, seed)
        likelihood = TreeLikelihood(fit.partitions)
        alternative = branch_tests(fit, n_replicates=0).alternative
        for move in swaps(likelihood, fit.tree):
            reached = interchanged(likelihood, fit.tree, move)[1]
            n_close += int(np.min(np.abs(alternative[move.near] - reached), initial=math.inf) < 2e-3)
            n_all += int(not np.isnan(alternative[move.near, 0]))
    assert n_all >= 40
    assert n_close >= 0.9 * n_all


@pytest.mark.kernel
def test_sh_alrt_is_the_share_of_smaller_leads() -> None:
    fit = fitted(4, 60, 8)
    likelihood = TreeLikelihood(fit.partitions)
    found = branch_tests(fit, n_replicates=200, seed=5)
    moves = swaps(likelihood, fit.tree)
    trees = [fit.tree, *(interchanged(likelihood, fit.tree, move)[0] for move in moves)]
    log_site = np.stack([likelihood.evaluate(tree).log_site for tree in trees])
    values = pattern_log_likelihoods(likelihood, log_site)
    observed = np.concatenate([partition.patterns.weight for partition in fit.partitions])
    weights = np.concatenate([observed[None], weight_table(fit.partitions, 5, range(1, 201))])
    assert found.sh_alrt[4] == pytest.approx(sh_alrt(values[0], list(values[1:]), weights, MARGIN), abs=0.011)
    assert 0.0 < found.sh_alrt[4] < 1.0


@pytest.mark.kernel
def test_pattern_log_likelihoods_add_up_under_ascertainment() -> None:
    rows = ["AACGTACGTT", "CACGTACGAT", "CCAGTTCGAT", "CCATTTAGAA", "GCATGTAAAA"]
    likelihood = likelihood_of(alignment_of(rows), "JC+ASC")
    tree = random_tree(likelihood.taxa, np.random.default_rng(3))
    evaluation = likelihood.evaluate(tree)
    values = pattern_log_likelihoods(likelihood, evaluation.log_site[None])
    weight = likelihood.partitions[0].patterns.weight
    assert float(weight @ values[0]) == pytest.approx(evaluation.log_likelihood)


def test_one_seed_and_any_number_of_threads() -> None:
    fit = fitted(7, 80, 2)
    one, other = branch_tests(fit, n_replicates=50), branch_tests(fit, n_replicates=50, threads=2)
    assert one.sh_alrt.tobytes() == other.sh_alrt.tobytes()
    assert one.alternative.tobytes() == other.alternative.tobytes()
    assert branch_tests(fit, n_replicates=50, seed=2).sh_alrt.tobytes() != one.sh_alrt.tobytes()


def test_multifurcations_and_edges_of_no_length_have_no_support() -> None:
    alignment = simulated(6, 60, 3)
    tree = parse_newick("((A:0.1,B:0.1):0.1,(C:0.1,(D:0.1,E:0.1):0.0):0.2,F:0.1);")
    fit = evaluate(alignment, tree, MODEL, fix_branches=True)
    found = branch_tests(fit, n_replicates=20)
    has_value = ~np.isnan(found.sh_alrt)
    lengths = tree.length[len(tree.taxa) : -1]
    assert has_value[len(tree.taxa) : -1].tolist() == (lengths > 0.0).tolist()
    flat = evaluate(alignment, parse_newick("((A:0.1,B:0.1):0.1,C:0.1,D:0.1,E:0.1,F:0.1);"), MODEL, fix_branches=True)
    assert (~np.isnan(branch_tests(flat, n_replicates=20).alrt)).sum() == 1


@pytest.mark.parametrize("n_taxa", [1, 2, 3])
def test_few_taxa_have_no_inner_edge(n_taxa: int) -> None:
    alignment = alignment_of(["ACGTAC", "ACGTTC", "ACTTAC"][:n_taxa])
    found = branch_tests(evaluate(alignment, star_tree(alignment.names), "JC"), n_replicates=5)
    assert np.isnan(found.sh_alrt).all()
    assert math.isfinite(found.log_likelihood)


def test_identical_sequences_support_nothing() -> None:
    alignment = alignment_of(["ACGTACGTAA"] * 5)
    fit = evaluate(alignment, parse_newick("((A,B),C,(D,E));"), "JC")
    assert np.isnan(branch_tests(fit, n_replicates=5).sh_alrt).all()


def test_resolved_trees_keep_what_is_there() -> None:
    tree = parse_newick("(a:1,b:1,c:1,(d:1,e:1,f:1):1);")
    made = resolved(tree)
    counts = np.bincount(made.parent[:-1], minlength=len(made))
    assert counts[6:].tolist().count(2) == 3
    kept = split_lengths(tree, tuple("abcdef"))
    found = split_lengths(made, tuple("abcdef"))
    assert {split: found[split] for split in kept} == kept
    assert all(length <= 1e-6 for split, length in found.items() if split not in kept)


def test_bad_number_of_replicates() -> None:
    with pytest.raises(UsageError, match="-1 replicates"):
        branch_tests(fitted(4, 10, 1), n_replicates=-1)
