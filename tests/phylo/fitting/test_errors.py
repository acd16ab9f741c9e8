"""Standard errors of model parameters: against profiles of the likelihood, and where there are none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genem.data import Alignment, Tree
from genem.phylo import ModelParameter, TreeLikelihood, evaluate, standard_errors, star_tree
from genem.phylo.fitting.evaluation import SitePartition
from tests.phylo.cases import alignment_of
from tests.phylo.fitting.test_optimisation import simulated

Case = tuple[Alignment, Tree]


@pytest.fixture(scope="module")
def uneven() -> Case:
    """Sites of very different rates, some of which never change."""
    return simulated(3, 6, 400, speeds=(0.0, 0.3, 3.0))


def parameters(case: Case, model: str) -> tuple[dict[str, ModelParameter], float]:
    fit = evaluate(*case, model)
    found = standard_errors(TreeLikelihood(fit.partitions), fit.tree).parameters
    return {each.name: each for each in found}, fit.log_likelihood


@pytest.mark.parametrize(
    ("model", "name"),
    [("HKY{}", "kappa"), ("HKY{{4}}+G4{}", "alpha"), ("K80{{4}}+I{}", "invariant")],
)
def test_errors_are_those_of_the_profile(uneven: Case, model: str, name: str) -> None:
    """The curvature of the likelihood maximised over everything else."""
    found, best = parameters(uneven, model.format(""))
    step = 0.1 * found[name].standard_error
    sides = [
        evaluate(*uneven, model.format("{" + repr(found[name].value + move) + "}")).log_likelihood
        for move in (-step, step)
    ]
    curvature = (2.0 * best - sum(sides)) / step**2
    assert found[name].standard_error == pytest.approx(1.0 / math.sqrt(curvature), rel=0.02)


def test_frequencies_have_the_errors_of_a_multinomial_where_all_sites_are_free_to_differ() -> None:
    """A single sequence: counts of its letters."""
    n_sites = np.array([30, 20, 40, 10])
    alignment = alignment_of(["".join(letter * n for letter, n in zip("ACGT", n_sites, strict=True))])
    found, _ = parameters((alignment, star_tree(alignment.names)), "F81+FO")
    for letter, count in zip("ACGT", n_sites, strict=True):
        p = count / 100
        assert found[f"frequency_{letter}"].value == pytest.approx(p, abs=1e-4)
        assert found[f"frequency_{letter}"].standard_error == pytest.approx(math.sqrt(p * (1 - p) / 100), rel=1e-3)


def test_what_is_given_counted_or_on_a_bound_has_no_error(uneven: Case) -> None:
    found, _ = parameters(uneven, "HKY{2}+G4")
    assert not found["kappa"].is_free
    assert math.isnan(found["kappa"].standard_error)
    assert math.isnan(found["frequency_A"].standard_error)
    even = simulated(2, 5, 300, speeds=(1.0, 1.0))
    bounded, _ = parameters(even, "JC+I+G4")
    assert bounded["alpha"].is_free
    assert math.isnan(bounded["alpha"].standard_error)


def test_free_rates_and_partition_rates(uneven: Case) -> None:
    found, _ = parameters(uneven, "JC+R2")
    assert found["weight_1"].standard_error == pytest.approx(found["weight_2"].standard_error)
    assert found["weight_1"].standard_error > 0.0
    alignment, tree = uneven
    halves = [SitePartition("one", np.arange(0, 400, 2), "JC"), SitePartition("two", np.arange(1, 400, 2), "JC")]
    fit = evaluate(alignment, tree, partitions=halves)
    errors = standard_errors(TreeLikelihood(fit.partitions), fit.tree)
    rates = [each for each in errors.parameters if each.name == "partition_rate"]
    assert [each.partition for each in rates] == [0, 1]
    assert 0.0 < rates[0].standard_error == pytest.approx(rates[1].standard_error)


def test_fixed_branches_have_no_errors(uneven: Case) -> None:
    alignment, tree = uneven
    fit = evaluate(alignment, tree, "K80", fix_branches=True)
    errors = standard_errors(TreeLikelihood(fit.partitions), tree, fix_branches=True)
    assert np.all(np.isnan(errors.lengths))
    assert errors.parameters[0].standard_error > 0.0
