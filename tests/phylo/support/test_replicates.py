"""The standard bootstrap: samples, replicates, scattering."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from genem.data import Alignment
from genem.errors import UsageError
from genem.io.trees.newick import parse_newick
from genem.phylo import (
    Partition,
    Replicate,
    SitePartition,
    TreeLikelihood,
    bootstrap,
    consensus,
    fit_branches,
    make_partitions,
    robinson_foulds,
    search,
    split_shares,
)
from genem.phylo.searching.starts import random_tree
from genem.phylo.support.resampling import draw_weights, replicate_generator, sampled_partitions, weight_table
from genem.phylo.trees.constraints import splits
from tests.phylo.cases import alignment_of, simulated
from tests.reference.phylo_search import all_trees

MODEL = "HKY{4}+G4{0.6}"


def bits(replicates: list[Replicate]) -> list[tuple[int, float, bytes, bytes]]:
    return [
        (one.number, one.log_likelihood, one.tree.parent.tobytes(), one.tree.length.tobytes()) for one in replicates
    ]


def test_samples_keep_the_size_of_every_partition() -> None:
    alignment = simulated(5, 60, 1)
    parts = [SitePartition("x", np.arange(0, 25), "JC"), SitePartition("y", np.arange(25, 60), "JC")]
    made = make_partitions(alignment, "JC", parts)
    weights = weight_table(made, 1, range(1, 401))
    n_first = made[0].patterns.n_patterns
    assert set(weights[:, :n_first].sum(axis=1)) == {25.0}
    assert set(weights[:, n_first:].sum(axis=1)) == {35.0}
    expected = np.concatenate([part.patterns.weight for part in made])
    spread = np.sqrt(expected / len(weights))
    assert np.all(np.abs(weights.mean(axis=0) - expected) < 5.0 * spread)
    assert np.array_equal(weight_table(made, 1, [7])[0], weights[6])


def test_samples_have_the_likelihood_of_reweighted_patterns() -> None:
    partitions = make_partitions(simulated(6, 50, 2), MODEL)
    weights = draw_weights(partitions, replicate_generator(1, 1))
    tree = random_tree(partitions[0].patterns.taxa, np.random.default_rng(1))
    reweighted = TreeLikelihood(partitions).with_weights(weights).evaluate(tree)
    sampled = TreeLikelihood(sampled_partitions(partitions, weights)).evaluate(tree)
    assert sampled.log_likelihood == pytest.approx(reweighted.log_likelihood)
    assert sum(len(values) for values in sampled.site_log_likelihoods()) == 50


def test_a_replicate_depends_on_its_number_alone() -> None:
    alignment = simulated(6, 50, 3)
    together = bits(bootstrap(alignment, MODEL, replicates=range(1, 7)))
    assert bits(bootstrap(alignment, MODEL, replicates=[5, 2])) == [together[4], together[1]]
    assert bits(bootstrap(alignment, MODEL, replicates=range(1, 7), threads=2)) == together
    order = np.random.default_rng(1).permutation(len(alignment))
    shuffled = type(alignment)(
        tuple(alignment.names[k] for k in order), np.ascontiguousarray(alignment.letters[order]), alignment.datatype
    )
    assert bits(bootstrap(shuffled, MODEL, replicates=[3])) == [together[2]]
    assert bits(bootstrap(alignment, MODEL, replicates=[1], seed=2))[0] != together[0]


def test_replicates_end_at_the_best_of_all_trees() -> None:
    alignment = simulated(6, 200, 4)
    partitions = make_partitions(alignment, MODEL)
    for replicate in bootstrap(alignment, MODEL, replicates=range(1, 6)):
        weights = draw_weights(partitions, replicate_generator(1, replicate.number))
        # frequencies are counted in the sample
        sample = make_partitions(alignment_of_sample(partitions, weights), MODEL)
        likelihood = TreeLikelihood(sample)
        best = max(fit_branches(likelihood, tree, tolerance=1e-4).log_likelihood for tree in all_trees(likelihood.taxa))
        assert replicate.log_likelihood == pytest.approx(best, abs=0.01)


def alignment_of_sample(partitions: Sequence[Partition], weights: list[np.ndarray]) -> Alignment:
    """The sequences of a sample, written out."""
    patterns = partitions[0].patterns
    columns = np.repeat(patterns.codes, weights[0].astype(int), axis=1)
    return alignment_of(["".join("ACGT"[code] for code in row) for row in columns])


def test_clear_data_give_the_tree_of_the_search() -> None:
    alignment = simulated(6, 400, 5)
    best = search(alignment, "JC", n_starts=1).best.tree
    found = consensus([replicate.tree for replicate in bootstrap(alignment, "JC", replicates=range(1, 9))])
    assert robinson_foulds(best, found.tree) == 0
    assert np.nanmin(found.share) > 0.5


def test_groups_of_a_constraint_are_in_every_replicate() -> None:
    alignment = simulated(6, 30, 6)
    constraint = parse_newick("((A,D),B,C,E,F);")
    for replicate in bootstrap(alignment, "JC", replicates=range(1, 4), constraint=constraint):
        assert splits(constraint) <= splits(replicate.tree)


def test_counted_frequencies_and_partitions() -> None:
    alignment = simulated(5, 80, 7)
    parts = [SitePartition("x", np.arange(0, 40), "HKY+F"), SitePartition("y", np.arange(40, 80), "JC")]
    (replicate,) = bootstrap(alignment, partitions=parts, replicates=[1])
    assert np.isfinite(replicate.log_likelihood)


@pytest.mark.parametrize("n_taxa", [1, 2, 3, 4])
def test_few_taxa(n_taxa: int) -> None:
    alignment = alignment_of(["ACGTAC", "ACGTTC", "ACTTAC", "ACTAAC"][:n_taxa])
    found = bootstrap(alignment, "JC", replicates=range(1, 4))
    assert len(found) == 3
    assert len(split_shares([replicate.tree for replicate in found])) <= (3 if n_taxa == 4 else 0)


def test_identical_sequences() -> None:
    found = bootstrap(alignment_of(["ACGTACGTAA"] * 5), "JC", replicates=[1, 2])
    assert split_shares([replicate.tree for replicate in found]) == {}


def test_bad_requests() -> None:
    alignment = alignment_of(["AC", "AG"])
    with pytest.raises(UsageError, match="0 starts"):
        bootstrap(alignment, "JC", n_starts=0)
    with pytest.raises(UsageError, match="numbers from 0"):
        bootstrap(alignment, "JC", replicates=[-1])
    assert bootstrap(alignment, "JC", replicates=[]) == []
