"""The likelihood of trees against brute force, and the symmetries that it must have."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Alignment, Tree
from genem.errors import InputError, UsageError
from genem.phylo import Partition, TreeLikelihood, build_tree, site_patterns, star_tree, starting_model, unrooted
from tests.phylo.cases import MODELS, alignment_of, brute_force_arguments, cases, likelihood_of, random_tree, tips_of
from tests.reference.phylo import log_space_pruning, site_likelihood

QUARTET = build_tree(("A", "B", "C", "D"), [4, 4, 5, 5, 5, -1], [0.1, 0.2, 0.3, 0.4, 0.05, 0.0])


def brute_force(alignment: Alignment, tree: Tree, likelihood: TreeLikelihood) -> np.ndarray:
    model = likelihood.partitions[0].model
    arguments = brute_force_arguments(model)
    return np.array(
        [
            math.log(site_likelihood(tree, tips_of(alignment, site, likelihood), *arguments, model.invariant))
            for site in range(alignment.n_sites)
        ]
    )


@pytest.mark.kernel
@pytest.mark.parametrize("model", MODELS)
def test_equals_brute_force(model: str) -> None:
    alignment = alignment_of(["ACGTRN", "ACGAY-", "ATGCKA", "CCTTWN"])
    likelihood = likelihood_of(alignment, model)
    evaluation = likelihood.evaluate(QUARTET)
    np.testing.assert_allclose(
        evaluation.site_log_likelihoods()[0], brute_force(alignment, QUARTET, likelihood), atol=1e-10
    )
    assert evaluation.log_likelihood == pytest.approx(evaluation.site_log_likelihoods()[0].sum(), abs=1e-10)


@settings(max_examples=15)
@given(cases(), st.sampled_from(MODELS))
def test_equals_brute_force_on_any_tree(case: tuple[Alignment, Tree], model: str) -> None:
    alignment, tree = case
    likelihood = likelihood_of(alignment, model)
    found = likelihood.evaluate(tree).site_log_likelihoods()[0]
    np.testing.assert_allclose(found, brute_force(alignment, tree, likelihood), atol=1e-9)


@pytest.mark.parametrize("model", ["LG+G2{0.5}", "WAG+I{0.1}", "JTT+F"])
def test_protein_equals_brute_force(model: str) -> None:
    alignment = alignment_of(["ARNDBX", "ARDCZ-", "WRNEJ*"], "protein")
    likelihood = likelihood_of(alignment, model)
    tree = replace(star_tree(("A", "B", "C")), length=np.array([0.1, 0.4, 0.8, 0.0]))
    found = likelihood.evaluate(tree).site_log_likelihoods()[0]
    np.testing.assert_allclose(found, brute_force(alignment, tree, likelihood), atol=1e-10)


def rerooted(tree: Tree, edge: int, share: float) -> Tree:
    """Rooted within the edge above a node, at a share of its length from below."""
    parent, length = tree.parent.copy(), tree.length.copy()
    new_parent, new_length = np.append(parent, -1), np.append(length, 0.0)
    node, above, carried = int(parent[edge]), len(parent), (1.0 - share) * length[edge]
    new_parent[edge], new_length[edge] = above, share * length[edge]
    while node != -1:
        following, distance = int(parent[node]), length[node]
        new_parent[node], new_length[node] = above, carried
        above, node, carried = node, following, distance
    return build_tree(tree.taxa, new_parent.tolist(), new_length.tolist())


@settings(max_examples=25)
@given(cases(most_taxa=7), st.sampled_from(MODELS), st.integers(0, 100), st.floats(0.0, 1.0))
def test_the_root_says_nothing(case: tuple[Alignment, Tree], model: str, edge: int, share: float) -> None:
    """Felsenstein's pulley principle."""
    alignment, tree = case
    likelihood = likelihood_of(alignment, model)
    moved = rerooted(tree, edge % (len(tree) - 1), share)
    expected = likelihood.evaluate(tree).log_likelihood
    assert likelihood.evaluate(moved).log_likelihood == pytest.approx(expected, abs=1e-10 * (1 + abs(expected)))
    again = unrooted(moved)
    assert len(again) == len(tree)
    assert likelihood.evaluate(again).log_likelihood == pytest.approx(expected, abs=1e-10 * (1 + abs(expected)))


@settings(max_examples=20)
@given(cases(most_taxa=6), st.randoms(use_true_random=False))
def test_neither_order_of_taxa_nor_of_sites_changes_a_bit(case: tuple[Alignment, Tree], random: object) -> None:
    alignment, tree = case
    model = MODELS[3]
    rows, columns = list(range(len(alignment))), list(range(alignment.n_sites))
    random.shuffle(rows)  # type: ignore[attr-defined]
    random.shuffle(columns)  # type: ignore[attr-defined]
    shuffled = Alignment(tuple(alignment.names[row] for row in rows), alignment.letters[rows][:, columns], "dna")
    one = likelihood_of(alignment, model).evaluate(tree)
    other = likelihood_of(shuffled, model).evaluate(tree)
    assert one.log_likelihood == other.log_likelihood
    np.testing.assert_array_equal(one.site_log_likelihoods()[0][columns], other.site_log_likelihoods()[0])


def test_patterns_count_sites() -> None:
    alignment = alignment_of(["AACCA", "AACTA", "AAGCA"])
    patterns = site_patterns(alignment)
    assert patterns.n_patterns == 3
    np.testing.assert_array_equal(patterns.weight[patterns.pattern_of], [3, 3, 1, 1, 3])
    whole = likelihood_of(alignment, "JC").evaluate(star_tree(patterns.taxa)).log_likelihood
    by_site = [
        likelihood_of(replace(alignment, letters=alignment.letters[:, [site]]), "JC")
        .evaluate(star_tree(patterns.taxa))
        .log_likelihood
        for site in range(5)
    ]
    assert whole == pytest.approx(sum(by_site), abs=1e-12)


def caterpillar(n_taxa: int, length: float) -> tuple[tuple[str, ...], Tree]:
    taxa = tuple(f"t{number:04d}" for number in range(n_taxa))
    parent = [n_taxa, *range(n_taxa, 2 * n_taxa - 1), *range(n_taxa + 1, 2 * n_taxa - 1), -1]
    return taxa, build_tree(taxa, parent, [length] * len(parent))


@pytest.mark.parametrize("shape", ["caterpillar", "star"])
@pytest.mark.parametrize("model", ["JC", "JC+I{0.3}"])
def test_a_thousand_taxa_do_not_underflow(shape: str, model: str) -> None:
    n_taxa = 1200
    taxa, tree = caterpillar(n_taxa, 0.9) if shape == "caterpillar" else (caterpillar(n_taxa, 0.9)[0], None)
    tree = tree or star_tree(taxa, 2.0)
    rng = np.random.default_rng(1)
    letters = np.array(list(b"ACGT"), np.uint8)[rng.integers(0, 4, (n_taxa, 2))]
    letters[:, 1] = ord("A")
    likelihood = likelihood_of(Alignment(taxa, letters, "dna"), model)
    q, frequency, rates, weights = brute_force_arguments(likelihood.partitions[0].model)
    scaled = replace(tree, length=tree.length * rates[0])
    sets = [np.eye(4, dtype=bool)[[b"ACGT".index(letter) for letter in letters[:, site]]] for site in (0, 1)]
    expected = [math.log(weights[0]) + log_space_pruning(scaled, tips, q, frequency) for tips in sets]
    if "+I" in model:
        expected[1] = np.logaddexp(expected[1], math.log(0.3 * 0.25))
    assert expected[0] < -745.0  # below the smallest double
    evaluation = likelihood.evaluate(tree, down=True)
    np.testing.assert_allclose(evaluation.site_log_likelihoods()[0], expected, rtol=1e-12)


@pytest.mark.kernel
def test_edges_of_length_zero_are_exact() -> None:
    tree = replace(QUARTET, length=np.array([0.0, 0.0, 0.3, 0.0, 0.2, 0.0]))
    same = alignment_of(["AC", "AC", "AG", "AC"])
    likelihood = likelihood_of(same, "HKY{4}+G4{0.5}+I{0.1}")
    found = likelihood.evaluate(tree).site_log_likelihoods()[0]
    np.testing.assert_allclose(found, brute_force(same, tree, likelihood), atol=1e-12)
    assert likelihood_of(alignment_of(["A", "C", "A", "A"]), "JC").evaluate(tree).log_likelihood == -math.inf


def test_columns_of_gaps_say_nothing() -> None:
    alignment = alignment_of(["A-N?X", "C-N?-", "A-NX?"])
    sites = likelihood_of(alignment, "GTR{1,2,3,4,5,1}+F{.1,.2,.3,.4}+G4{0.2}").evaluate(star_tree(("A", "B", "C")))
    np.testing.assert_allclose(sites.site_log_likelihoods()[0][1:], 0.0, atol=1e-14)


def test_ten_thousand_columns_of_gaps_are_one_pattern() -> None:
    alignment = alignment_of(["-" * 10_000] * 4)
    likelihood = likelihood_of(alignment, "GTR+G4")
    assert likelihood.partitions[0].patterns.n_patterns == 1
    assert likelihood.evaluate(QUARTET).log_likelihood == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("n_taxa", [0, 1, 2, 3])
def test_few_taxa(n_taxa: int) -> None:
    alignment = alignment_of(["AC", "AG", "TC"][:n_taxa])
    reached = likelihood_of(alignment, "JC").evaluate(star_tree(alignment.names)).log_likelihood
    assert reached <= 0.0
    if n_taxa == 1:
        assert reached == pytest.approx(2 * math.log(0.25))


@pytest.mark.kernel
def test_ascertainment_divides_by_the_probability_of_a_variable_site() -> None:
    alignment = alignment_of(["ACG", "ACT", "CAG", "CTT"])
    tree, text = QUARTET, "HKY{3}+F{.3,.2,.1,.4}+G2{0.7}"
    constant = alignment_of(["ACGT"] * 4)
    plain = likelihood_of(alignment, text).evaluate(tree).log_likelihood
    unseen = np.exp(likelihood_of(constant, text).evaluate(tree).site_log_likelihoods()[0]).sum()
    corrected = likelihood_of(alignment, text + "+ASC").evaluate(tree)
    assert corrected.log_likelihood == pytest.approx(plain - 3 * math.log(1.0 - unseen), abs=1e-12)
    assert corrected.site_log_likelihoods()[0].sum() == pytest.approx(corrected.log_likelihood, abs=1e-12)


def test_ascertainment_needs_variable_sites() -> None:
    with pytest.raises(UsageError, match="2 of 2 may be constant"):
        likelihood_of(alignment_of(["AC", "AN"]), "JC+ASC")


def test_partitions_share_the_tree() -> None:
    alignment = alignment_of(["ACGTAC", "ACGAAC", "ATGCAT", "CCTTAC"])
    columns = (np.array([0, 2, 4]), np.array([1, 3, 5]))
    texts = ("JC+G4{0.5}", "HKY{3}+F{.3,.2,.1,.4}")
    parts = []
    for sites, text, rate in zip(columns, texts, (0.5, 1.5), strict=True):
        patterns = site_patterns(alignment, sites)
        parts.append(Partition(patterns, starting_model(text, patterns), rate=rate))
    together = TreeLikelihood(parts).evaluate(QUARTET)
    apart = [
        TreeLikelihood([replace(part, rate=1.0)]).evaluate(replace(QUARTET, length=QUARTET.length * part.rate))
        for part in parts
    ]
    assert together.log_likelihood == pytest.approx(sum(one.log_likelihood for one in apart), abs=1e-11)
    for found, one in zip(together.site_log_likelihoods(), apart, strict=True):
        np.testing.assert_allclose(found, one.site_log_likelihoods()[0], atol=1e-12)


def test_threads_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(7)
    letters = np.array(list(b"ACGT"), np.uint8)[rng.integers(0, 4, (9, 500))]
    tree = random_tree(rng, 9)
    alignment = Alignment(tree.taxa, letters, "dna")
    one, two = (likelihood_of(alignment, MODELS[5], threads=threads).evaluate(tree) for threads in (1, 2))
    assert one.log_likelihood == two.log_likelihood
    np.testing.assert_array_equal(one.log_site, two.log_site)


def test_more_threads_than_chunks() -> None:
    alignment = alignment_of(["A", "C", "G"])
    assert len(likelihood_of(alignment, "JC", threads=64).storage(4, keep=False).up) == 1


def test_refusals() -> None:
    alignment = alignment_of(["AC", "AC", "AC"])
    with pytest.raises(InputError, match="1 taxa of the tree are not in the alignment: 'Z'"):
        likelihood_of(alignment, "JC").evaluate(star_tree(("A", "B", "Z")))
    with pytest.raises(UsageError, match="edges without a length"):
        likelihood_of(alignment, "JC").evaluate(replace(star_tree(alignment.names), length=np.full(4, np.nan)))
    with pytest.raises(UsageError, match="LG is a protein model, the alignment is dna"):
        likelihood_of(alignment, "LG")
    with pytest.raises(InputError, match=r"sequence 'A', column 2: 'Q' is an amino acid under a DNA model"):
        site_patterns(alignment_of(["AQ", "AC"]))
