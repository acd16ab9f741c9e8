"""Cross types: chains, fractions and codes of each, and what is generated from them."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from genem.cross_types import AA, AB, BB, CROSS_TYPES, F2, NOT_AA, NOT_BB, XRule, cross_type_of
from genem.errors import UsageError
from genem.qtl import estimate_map, genotype_probabilities, locus_effects, scan
from genem.qtl.genotypes.chain import chain_codes, transition_matrices
from tests.qtl.crosses import small_cross

FRACTIONS = np.array([1e-14, 0.01, 0.2, 0.5])


@pytest.mark.parametrize("breeding", CROSS_TYPES.values(), ids=lambda breeding: breeding.name)
def test_a_chain_keeps_its_proportions(breeding):
    matrices = transition_matrices(FRACTIONS, breeding.chain)
    initial = np.array(breeding.chain.initial)
    np.testing.assert_allclose(matrices.sum(axis=2), 1)
    np.testing.assert_allclose(initial @ matrices, np.broadcast_to(initial, matrices.shape[:2]))
    np.testing.assert_allclose(matrices[-1], np.broadcast_to(initial, matrices[-1].shape))
    assert len(breeding.genotypes) == len(initial)


@pytest.mark.parametrize("breeding", CROSS_TYPES.values(), ids=lambda breeding: breeding.name)
def test_recombinations_are_counted(breeding):
    """Under the chain itself they are the fraction times the meioses."""
    matrices = transition_matrices(FRACTIONS, breeding.chain)
    expected = np.array(breeding.chain.initial)[:, None] * matrices
    found = breeding.chain.recombinations(expected, FRACTIONS)
    np.testing.assert_allclose(found, breeding.chain.meioses * FRACTIONS, atol=1e-14)


@pytest.mark.parametrize("breeding", CROSS_TYPES.values(), ids=lambda breeding: breeding.name)
def test_fractions_of_lines_and_of_meiosis_are_inverse(breeding):
    seen = breeding.fraction_of_lines(FRACTIONS)
    np.testing.assert_allclose(breeding.fraction_of_meiosis(seen), FRACTIONS, rtol=1e-12)
    assert seen[-1] == pytest.approx(0.5)
    assert (seen >= FRACTIONS * (1 - 1e-15)).all()


@pytest.mark.parametrize("breeding", CROSS_TYPES.values(), ids=lambda breeding: breeding.name)
def test_effects_and_contrasts_are_of_the_genotypes(breeding):
    for weights in breeding.effects.values():
        assert len(weights) == len(breeding.genotypes)
        assert sum(weights) == 0
    assert all(len(values) == len(breeding.genotypes) for values in breeding.contrasts.values())
    assert set(breeding.genotypes) <= set(breeding.csv_codes.values())


@pytest.mark.parametrize(
    ("genotypes", "codes"),
    [
        ((AA, AB, BB), [0, 1, 2, 3, 4, 5]),
        ((AA, BB), [0, 1, 0, 2, 1, 2]),
        ((AA, AB), [0, 1, 2, 0, 0, 2]),
        ((BB, AB), [0, 0, 2, 1, 2, 0]),
    ],
)
def test_calls_leave_genotypes(genotypes, codes):
    """Unknown, AA, AB, BB, not BB, not AA."""
    assert (NOT_BB, NOT_AA) == (4, 5)
    assert chain_codes(genotypes).tolist() == codes


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match="cross type 'bc9' is not one of f2, bc, dh, riself, risib"):
        cross_type_of("bc9")


def test_the_workflow_knows_the_same(root):
    schema = yaml.safe_load((root / "workflows/qtl/workflow/schemas/config.schema.yaml").read_text())
    readme = (root / "workflows/qtl/config/README.md").read_text()
    cross = schema["properties"]["crosses"]["additionalProperties"]["properties"]["cross"]
    assert cross["enum"] == list(CROSS_TYPES)
    assert all(f"`{name}`" in readme for name in CROSS_TYPES)


def test_a_new_cross_type_is_one_object(monkeypatch):
    """The third generation of an advanced intercross, as CONTRIBUTING shows it."""
    third = replace(
        F2,
        name="ail3",
        x_rule=XRule.REFUSED,
        fraction_of_lines=lambda r: 0.5 * r * (3.0 - 2.0 * r),
        fraction_of_meiosis=lambda fraction: 0.25 * (3.0 - (9.0 - 16.0 * fraction) ** 0.5),
    )
    monkeypatch.setitem(CROSS_TYPES, "ail3", third)
    rng = np.random.default_rng(2)
    first = rng.choice(["AA", "AB", "BB"], 60)
    second = np.where(rng.random(60) < 0.7, first, rng.choice(["AA", "AB", "BB"], 60))
    traits = {"y": rng.normal(size=60)}
    crosses = {
        name: small_cross(name, np.column_stack([first, second]).tolist(), [0.0, 10.0], phenotypes=traits)
        for name in ("f2", "ail3")
    }
    genotypes = genotype_probabilities(crosses["ail3"], step=5)
    assert scan(crosses["ail3"], genotypes, "y").lod.shape == (3, 1)
    assert set(locus_effects(crosses["ail3"], genotypes, "y", "1", 5.0).contrasts) == {"additive", "dominance"}
    maps = {name: estimate_map(cross) for name, cross in crosses.items()}
    assert maps["ail3"].log_likelihood == pytest.approx(maps["f2"].log_likelihood, abs=1e-6)
    assert maps["ail3"].genetic_map.position[1] < maps["f2"].genetic_map.position[1]
