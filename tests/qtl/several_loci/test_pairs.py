"""Joint genotype probabilities and scans for two loci."""

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.em import Status
from genem.errors import InputError, UsageError
from genem.qtl import (
    SpikeWarning,
    derive_penalties,
    genotype_probabilities,
    joint_genotypes,
    permute_two,
    scan,
    scan_two,
    threshold,
    two_qtl_threshold,
)
from genem.qtl.genotypes.joint import Locus, find_locus, joint_probabilities, pair_probabilities
from genem.qtl.genotypes.positions import prepared_chromosomes
from genem.qtl.several_loci.pair_kernels import largest_explained, pair_bases
from genem.qtl.several_loci.pair_methods import pair_blocks
from genem.qtl.several_loci.pair_permutations import TwoQTLPermutations
from genem.qtl.several_loci.pair_plots import plot_two_qtl
from tests.qtl.crosses import GOLDEN, golden_cross, rows, small_cross
from tests.reference import qtl as reference
from tests.reference import qtl_several as several

CASES = {
    "plain": {},
    "int": {"addcovar": ("sex", "age"), "intcovar": ("sex",)},
    "wt": {"weights": "wt"},
}
ERROR = 0.02


def named_pairs(found):
    labels = [
        f"{found.chromosomes[k]}@{position:.6f}".rstrip("0").rstrip(".")
        for k, position in zip(found.chromosome, found.position, strict=True)
    ]
    return labels, {(labels[a], labels[b]): k for k, (a, b) in enumerate(zip(found.first, found.second, strict=True))}


@pytest.mark.parametrize("method", ["em", "hk"])
@pytest.mark.parametrize(
    ("name", "case"), [("f2_bothsex_bothdir", "plain"), ("f2_bothsex_bothdir", "int"), ("bc_bothsex", "wt")]
)
def test_pairs_of_the_golden_crosses(name, case, method):
    cross = golden_cross(name)
    linked = joint_genotypes(cross, step=20, error_prob=0.001)
    found = scan_two(cross, linked, "y", method=method, **CASES[case])
    answers = rows(GOLDEN / f"{name}.scantwo_{case}.tsv")
    labels, index = named_pairs(found)
    assert len(answers) == len(found)
    order = [index[row["a"], row["b"]] for row in answers]
    tolerance = 1e-8 if method == "hk" else 1e-6
    for lods, column in ((found.full, "full"), (found.additive, "additive")):
        expected = np.array([float(row[f"{column}_{method}"]) for row in answers])
        np.testing.assert_allclose(lods[order], expected, atol=tolerance)
    assert (found.status == Status.CONVERGED).all()
    assert not found.spike.any()
    if case == "plain":
        for row in rows(GOLDEN / f"{name}.scantwo_one.tsv"):
            at = labels.index(row["a"])
            assert found.one_locus[at] == pytest.approx(float(row[f"one_{method}"]), abs=1e-8)
            assert found.one_beside_x[at] == pytest.approx(float(row[f"one_beside_x_{method}"]), abs=1e-8)


CALLS = {
    "f2": ("AA", "AB", "BB", "not BB", "not AA", None),
    "bc": ("AA", "AB", None),
    "dh": ("AA", "BB", None),
}


@pytest.mark.kernel
@settings(max_examples=8)
@given(st.data())
def test_joint_probabilities_are_sums_over_paths(data):
    cross_type = data.draw(st.sampled_from(sorted(CALLS)))
    calls = [data.draw(st.lists(st.sampled_from(CALLS[cross_type]), min_size=3, max_size=3)) for _ in range(2)]
    cross = small_cross(cross_type, calls, [0.0, 13.0, 20.0])
    linked = joint_genotypes(cross, step=10, include_markers=True, error_prob=ERROR)
    (prepared,) = prepared_chromosomes(cross, 10, ERROR, "haldane")
    (one,) = linked
    n_states = len(one.states)
    ahead = pair_probabilities(one, one, 1, 2)
    some = joint_probabilities(linked, [Locus(0, 3), Locus(0, 0), Locus(0, 2)])
    for individual, of_markers in enumerate(calls):
        emissions = [
            [reference.call_probability(of_markers[m], state, n_states, ERROR) for state in one.states]
            if m >= 0
            else [1.0] * n_states
            for m in prepared.grid.marker
        ]
        chain = (prepared.initial, prepared.transitions, emissions)
        for k, place in enumerate((2, 3)):
            expected = several.joint_given_calls(*chain, (1, place))
            np.testing.assert_allclose(ahead[k, :, individual], expected.ravel(), atol=1e-10)
        np.testing.assert_allclose(
            some[:, individual], several.joint_given_calls(*chain, (3, 0, 2)).ravel(), atol=1e-10
        )


@pytest.mark.parametrize("name", ["f2_bothsex_bothdir", "bc_bothsex"])
def test_joint_probabilities_have_the_right_margins(name):
    linked = joint_genotypes(golden_cross(name), step=20, error_prob=0.001, include_markers=True)
    for index, one in enumerate(linked):
        n_states = len(one.states)
        pairs = pair_probabilities(one, one, 0, len(one.grid) - 1).reshape(-1, n_states, n_states, len(one.state_of))
        places = [(s, t) for s in range(len(one.grid)) for t in range(s + 1, len(one.grid))]
        for k, (s, t) in enumerate(places):
            np.testing.assert_allclose(pairs[k].sum(axis=1).T, one.genotypes.probabilities[s], atol=1e-9)
            np.testing.assert_allclose(pairs[k].sum(axis=0).T, one.genotypes.probabilities[t], atol=1e-9)
        turned = joint_probabilities(linked, [Locus(index, 3), Locus(0 if index else 1, 1), Locus(index, 1)])
        of_three = turned.reshape(n_states, -1, n_states, len(one.state_of)).sum(axis=1)
        k = places.index((1, 3))
        np.testing.assert_allclose(of_three.transpose(1, 0, 2), pairs[k], atol=1e-9)


def test_the_grid_leaves_markers_out_unless_asked_for():
    cross = golden_cross("bc_bothsex")
    (grid,) = (one.grid for one in joint_genotypes(cross, step=30, chromosomes=["2"]))
    assert grid.position.tolist() == [0.0, 30.0, 60.0]
    (both,) = joint_genotypes(cross, step=30, chromosomes=["2"], include_markers=True)
    (whole,) = (one for one in genotype_probabilities(cross, step=30) if one.chromosome == "2")
    assert both.grid.names == whole.grid.names
    (markers,) = joint_genotypes(cross, step=0, chromosomes=["2"])
    assert (markers.grid.marker >= 0).all()
    assert markers.markers_before.tolist() == list(range(1, len(markers.grid) + 1))
    assert find_locus([both], "2", 31.0).position == both.grid.names.index("c2.loc30")


@st.composite
def cell_mixtures(draw):
    n, n_states = draw(st.integers(30, 40)), draw(st.sampled_from([(2, 2), (2, 3)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prior = rng.dirichlet(np.full(n_states[0] * n_states[1], draw(st.sampled_from([0.2, 1.0]))), n)
    own = np.column_stack([np.ones(n), *rng.normal(size=(draw(st.integers(0, 1)), n))])
    shared = rng.normal(size=(n, draw(st.integers(0, 1))))
    weight = rng.uniform(0.5, 2, n)
    response = rng.normal(size=n) + 1.5 * prior[:, 0]
    return prior, n_states, response, own, shared, weight


@pytest.mark.kernel
@settings(max_examples=10)
@given(cell_mixtures())
def test_bases_of_pairs_give_the_regressions(mixture):
    prior, n_states, response, own, shared, weight = mixture
    n = len(response)
    root = np.sqrt(weight)
    null = np.hstack([own, shared])
    basis = np.linalg.qr(null * root[:, None])[0].T
    cells = prior.T.reshape(*n_states, n)
    first, second = (
        np.ascontiguousarray(cells.sum(axis=1)[None, :-1]),
        np.ascontiguousarray(cells.sum(axis=0)[None, :-1]),
    )
    rooted = np.ascontiguousarray((root[:, None] * own).T)
    n_all = (n_states[0] * n_states[1] - 1) * own.shape[1]
    bases = np.empty((1, n_all, n))
    pair_bases(
        np.ascontiguousarray(basis), first, second, prior.T[None].copy(), np.zeros((1, 2), np.int64), rooted, bases
    )
    y = root * response
    left = y - basis.T @ (basis @ y)
    explained = (bases[0] @ left) ** 2
    n_additive = (n_states[0] + n_states[1] - 2) * own.shape[1]
    for additive, gained in ((True, explained[:n_additive].sum()), (False, explained.sum())):
        lod = -n / 2 * math.log10(1 - gained / (left @ left))
        expected = several.pair_lod_by_regression(response, prior, n_states, additive, own, shared, null, weight)
        assert lod == pytest.approx(expected, abs=1e-7)


@pytest.mark.kernel
@settings(max_examples=10)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_the_most_explained_is_that_of_the_best_pair(n_additive, n_more, seed):
    rng = np.random.default_rng(seed)
    bases, left = rng.normal(size=(5, n_additive + n_more, 7)), rng.normal(size=(2, 7, 3))
    additive, full = np.full((2, 3), 1.5), np.full((2, 3), -np.inf)
    largest_explained(bases, left, n_additive, additive, full)
    squares = np.einsum("pci,til->ptlc", bases, left) ** 2
    np.testing.assert_allclose(additive, np.maximum(squares[..., :n_additive].sum(axis=-1).max(axis=0), 1.5))
    np.testing.assert_allclose(full, squares.sum(axis=-1).max(axis=0))


@pytest.fixture(scope="module")
def f2():
    cross = golden_cross("f2_bothsex_bothdir")
    return cross, joint_genotypes(cross, step=20, error_prob=0.001)


@pytest.mark.parametrize("method", ["em", "hk"])
def test_derived_lods_follow_from_full_additive_and_one(f2, method):
    found = scan_two(*f2, "y", method=method)
    assert (found.full >= found.additive - 1e-6).all()
    np.testing.assert_allclose(found.interaction, found.full - found.additive)
    single = scan(f2[0], [one.genotypes for one in f2[1]], "y", method=method).lod[:, 0]
    np.testing.assert_allclose(found.one_locus, single, atol=1e-8)
    peaks = found.summary()
    assert len(peaks) == 10
    for peak in peaks:
        a, b = (found.chromosomes.index(name) for name in peak.chromosomes)
        among = (found.chromosome[found.first] == a) & (found.chromosome[found.second] == b)
        assert peak.full == found.full[among].max()
        assert peak.additive == found.additive[among].max()
        one = found.one_beside_x if "X" in peak.chromosomes else found.one_locus
        assert peak.one_locus == one[np.isin(found.chromosome, (a, b))].max()
        assert peak.full_vs_one == pytest.approx(found.full_vs_one[among].max())
        assert peak.additive_vs_one == pytest.approx(found.additive_vs_one[among].max())
        assert peak.interaction == peak.full - peak.additive
        at = np.flatnonzero(among)[found.full[among].argmax()]
        assert peak.full_at == (found.position[found.first[at]], found.position[found.second[at]])


def test_close_pairs_can_be_left_out(f2):
    found = scan_two(*f2, "y", method="hk")
    same = found.chromosome[found.first] == found.chromosome[found.second]
    apart = found.separated(4)
    assert apart[~same].all()
    assert 0 < apart[same].sum() < same.sum()
    assert {peak.chromosomes for peak in found.summary(min_markers=100)} == {
        peak.chromosomes for peak in found.summary() if peak.chromosomes[0] != peak.chromosomes[1]
    }


def test_blocks_cover_every_pair_once(f2, monkeypatch):
    whole = scan_two(*f2, "y", method="hk")
    monkeypatch.setattr("genem.qtl.several_loci.pair_methods.BLOCK", 5000)
    pairs = [(block.a, block.b, *pair) for block in pair_blocks(f2[1]) for pair in block.pairs.tolist()]
    assert len(pairs) == len(set(pairs)) == len(whole)
    pieces = scan_two(*f2, "y", method="hk")
    np.testing.assert_array_equal(whole.first, pieces.first)
    np.testing.assert_allclose(whole.full, pieces.full, atol=1e-10)


def test_missing_phenotypes_are_left_out(f2):
    cross, _ = f2
    kept = np.isfinite(cross.phenotypes["y"])
    assert not kept.all()
    fields = {name: getattr(cross, name) for name in cross.__slots__}
    fields |= {"individuals": tuple(np.array(cross.individuals)[kept]), "genotypes": cross.genotypes[kept]}
    fields |= {"phenotypes": {"y": cross.phenotypes["y"][kept]}, "labels": {}}
    fields |= {"is_male": cross.is_male[kept], "is_reverse": cross.is_reverse[kept]}
    smaller = type(cross)(**fields)
    options = {"step": 20, "error_prob": 0.001, "chromosomes": ["2", "X"]}
    found = scan_two(cross, joint_genotypes(cross, **options), "y")
    np.testing.assert_allclose(found.full, scan_two(smaller, joint_genotypes(smaller, **options), "y").full, atol=1e-8)
    assert found.n_individuals == kept.sum()


def test_a_spike_is_warned_of():
    rng = np.random.default_rng(4)
    calls = [[call, None] for call in rng.choice(["AA", "AB"], 60)]
    y = np.where(np.arange(60) % 2 == 0, 0.0, 10.0) + 0.1 * rng.normal(size=60)
    cross = small_cross("bc", calls, [0.0, 90.0], phenotypes={"y": y})
    linked = joint_genotypes(cross, step=30)
    with pytest.warns(SpikeWarning, match="by Haley-Knott regression"):
        found = scan_two(cross, linked, "y")
    assert found.spike.any()
    assert any(peak.spike for peak in found.summary())


@pytest.mark.parametrize(
    ("options", "shuffled"), [({}, ("y",)), ({"addcovar": ("age",)}, ("y", "age")), ({"weights": "wt"}, ("y", "wt"))]
)
def test_permutations_are_scans_of_shuffled_traits(options, shuffled):
    cross = golden_cross("bc_bothsex")
    linked = joint_genotypes(cross, step=30, error_prob=0.001, chromosomes=["2", "3", "X"])
    found = permute_two(cross, linked, "y", n_permutations=2, seed=5, **options)
    second = permute_two(cross, linked, "y", n_permutations=1, first=1, seed=5, **options)
    np.testing.assert_array_equal(found.highest[1:], second.highest)
    kept = np.isfinite(cross.phenotypes["y"])
    male = cross.is_male[kept]
    rng = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(0,)))
    order = np.empty(len(male), np.int64)
    for sex in (False, True):
        order[male == sex] = rng.permutation(np.flatnonzero(male == sex))
    columns = dict(cross.phenotypes)
    for name in shuffled:
        columns[name] = columns[name].copy()
        columns[name][kept] = cross.phenotypes[name][kept][order]
    fields = {name: getattr(cross, name) for name in cross.__slots__} | {"phenotypes": columns}
    scanned = scan_two(type(cross)(**fields), linked, "y", method="hk", **options)
    peaks = scanned.summary()
    for region, with_x in enumerate((0, 1, 2)):
        of_region = [peak for peak in peaks if peak.chromosomes.count("X") == with_x]
        names = ("full", "full_vs_one", "interaction", "additive", "additive_vs_one")
        expected = [max(getattr(peak, name) for peak in of_region) for name in names]
        np.testing.assert_allclose(found.highest[0, region, :5], expected, atol=1e-8)
    of_x = scanned.chromosome == 2
    assert found.highest[0, 0, 5] == pytest.approx(scanned.one_locus[~of_x].max(), abs=1e-8)
    assert found.highest[0, 2, 5] == pytest.approx(scanned.one_locus[of_x].max(), abs=1e-8)
    assert found.highest[0, 1, 5] == -np.inf


def test_thresholds_and_penalties_are_quantiles():
    highest = np.full((101, 3, 6), -np.inf)
    highest[:, 0] = np.arange(101.0)[:, None] + np.arange(6)
    found = TwoQTLPermutations("y", highest, np.array([1.0, 0.0, 0.0]), 0, 1)
    assert len(found) == 101
    assert two_qtl_threshold(found, 0.05).interaction == pytest.approx(97)
    penalties = derive_penalties(found, 0.05)
    assert penalties == pytest.approx((100, 97, -4))
    with pytest.raises(UsageError, match="no permutations of pairs 'x'"):
        two_qtl_threshold(found, pairs="x")
    with pytest.raises(UsageError, match="between 0 and 1"):
        two_qtl_threshold(found, 1.0)
    highest[:, 2] = 2 * highest[:, 0]
    both = TwoQTLPermutations("y", highest, np.array([0.9, 0.0, 0.1]), 0, 1)
    level = 1 - 0.95**0.1
    assert two_qtl_threshold(both, 0.05, pairs="x").full == pytest.approx(np.quantile(highest[:, 2, 0], 1 - level))
    assert two_qtl_threshold(both, 0.05).full == pytest.approx(np.quantile(highest[:, 2, 0], 0.95))


def test_requests_that_cannot_be():
    cross = golden_cross("bc_bothsex")
    linked = joint_genotypes(cross, step=40, chromosomes=["2"])
    with pytest.raises(UsageError, match="method 'mr' is not one of em, hk"):
        scan_two(cross, linked, "y", method="mr")
    with pytest.raises(UsageError, match="no chromosome 7 among 1, 2, 3, X"):
        joint_genotypes(cross, chromosomes=["7"])
    with pytest.raises(UsageError, match="no chromosome 9"):
        find_locus(linked, "9", 3.0)
    with pytest.raises(UsageError, match="no position Z"):
        find_locus(linked, "2", "Z")
    with pytest.raises(InputError, match="two loci need two positions, 1 found"):
        scan_two(cross, joint_genotypes(cross, step=500, chromosomes=["2"]), "y")
    with pytest.raises(UsageError, match="0 permutations"):
        permute_two(cross, linked, "y", n_permutations=0)
    few = small_cross("f2", [["AA"], ["AB"], ["BB"]] * 3, [0.0], phenotypes={"y": np.arange(9.0)})
    linked = joint_genotypes(few)
    with pytest.raises(InputError, match="9 individuals have the trait, too few for 10 parameters of two loci"):
        scan_two(few, [*linked, *joint_genotypes(few)], "y")


def test_permuted_traits_of_one_locus_agree_with_the_scan():
    cross = golden_cross("dh")
    linked = joint_genotypes(cross, step=30, error_prob=0.001)
    found = two_qtl_threshold(permute_two(cross, linked, "y", n_permutations=300), 0.1)
    from genem.qtl import permute

    single = permute(cross, [one.genotypes for one in linked], "y", method="hk", n_permutations=300)
    assert found.one_locus == pytest.approx(threshold(single, 0.1), abs=1e-8)
    assert found.full > found.additive > found.one_locus
    assert found.full > found.interaction


@pytest.mark.parametrize("upper", ["interaction", "full_vs_one"])
def test_the_picture_is_the_same_every_time(f2, upper):
    found = scan_two(*f2, "y", method="hk")
    pictures = [io.BytesIO(), io.BytesIO()]
    for picture in pictures:
        plot_two_qtl(found, picture, upper=upper, file_format="svg")
    assert pictures[0].getvalue() == pictures[1].getvalue()
    text = pictures[0].getvalue().decode()
    for word in ("LOD, full model (below the diagonal)", "(above the diagonal)", "chromosome", ">X<"):
        assert word in text
    with pytest.raises(UsageError, match="upper triangle 'both'"):
        plot_two_qtl(found, io.BytesIO(), upper="both")
