"""Baum-Welch on the passes against hmmlearn with its priors off, and published maxima."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genem.chain.emissions.categorical import Categorical
from genem.chain.emissions.gaussian import Gaussian
from genem.chain.kinds import Homogeneous
from genem.em import fit
from tests.chain.contributed import contributed_emission
from tests.reference.em_hidden_chain import HiddenChain, HiddenChainParams

pytestmark = pytest.mark.validation


@pytest.fixture
def chains(reference_data: Path) -> Path:
    return reference_data / "em" / "hmm"


def column(path: Path) -> np.ndarray:
    return np.loadtxt(path, skiprows=1, ndmin=2)[:, 0]


def bases(path: Path) -> np.ndarray:
    sequence = "".join(path.read_text().split("\n")[1:]).upper()
    return np.array(["ACGT".index(base) for base in sequence])


def emission_of(start: dict) -> object:
    if "lambdas" in start:
        return contributed_emission()(np.array(start["lambdas"], np.float64))
    if "emission" in start:
        return Categorical(np.array(start["emission"]))
    return Gaussian(np.array(start["means"])[:, None], np.array(start["vars"], np.float64)[:, None])


@pytest.mark.parametrize("name", ["gauss3", "earthquakes", "earthquakes_k2", "readdepth_cn123", "cpg_sim_a"])
def test_every_iteration_is_that_of_hmmlearn(chains, name):
    expected = json.loads((chains / f"{name}_hmmlearn.json").read_text())
    values = bases(chains / f"{name}.fa") if name == "cpg_sim_a" else column(chains / f"{name}.tsv")
    start = expected["start"]
    emission = emission_of(start)
    model = HiddenChain(values, emission)
    params = HiddenChainParams(Homogeneous(np.array(start["startprob"]), np.array(start["transmat"])), emission)
    for log_likelihood in expected["loglik_trace"]:
        step = model.em_step(params)
        assert step.log_likelihood == pytest.approx(log_likelihood, rel=1e-8)
        params = step.params


@pytest.mark.parametrize(
    ("name", "n_states", "published"), [("earthquakes_k2", 2, -341.8787), ("earthquakes", 3, -328.5275)]
)
def test_earthquakes_reach_the_published_maximum(chains, name, n_states, published):
    model = HiddenChain(column(chains / f"{name}.tsv"), contributed_emission()(np.ones(n_states)))
    result = fit(model, n_starts=10, seed=1)
    assert result.log_likelihood == pytest.approx(published, abs=1e-4)
