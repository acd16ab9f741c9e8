"""Hidden Markov chains: an iteration of Baum-Welch, the likeliest path and the memory, with hmmlearn beside."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from genem.chain.emissions.gaussian import Gaussian
from genem.chain.kinds import Homogeneous, Renewal
from genem.chain.lanes import Lanes
from genem.chain.passes import Passes

MILLION = 1_000_000
BARS = {"K=2": 0.016, "K=3": 0.025, "K=6": 0.12, "64 chains of 16,384, K=3": 0.018}
"""CPU seconds of an iteration with emissions that are asked for."""
PATH_BAR = 0.015
MEMORY_BAR = 120

MEMORY = """
import re
from pathlib import Path
import numpy as np
from tests.benchmarks.chain import problem
def used():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
iteration, _ = problem([100_000], 3)
iteration()
values = np.random.default_rng(1).normal(size=1_000_000)
before = used()
iteration, _ = problem([len(values)], 3, values)
iteration()
print(used() - before)
"""

HMMLEARN = """
import sys, time
import numpy as np
from hmmlearn.hmm import GaussianHMM
n_states, implementation = int(sys.argv[1]), sys.argv[2]
values = np.random.default_rng(1).normal(size=1_000_000)[:, None]
def seconds(n_iter):
    model = GaussianHMM(n_states, "diag", n_iter=n_iter, tol=-np.inf, implementation=implementation, random_state=1)
    started = time.process_time()
    model.fit(values)
    return time.process_time() - started
print(seconds(4) - seconds(2))
"""


def problem(
    lengths: Sequence[int], n_states: int, values: np.ndarray | None = None
) -> tuple[Callable[[], object], Callable[[], object]]:
    """An iteration (E-step and M-step) and a likeliest path of Gaussian states two standard deviations apart."""
    rng = np.random.default_rng(1)
    n = int(sum(lengths))
    if values is None:
        values = rng.normal(size=n) + 2.0 * np.repeat(rng.integers(0, n_states, n // 50 + 1), 50)[:n]
    transitions = np.full((n_states, n_states), 0.02 / (n_states - 1))
    np.fill_diagonal(transitions, 0.98)
    chain = Homogeneous(np.full(n_states, 1.0 / n_states), transitions)
    emission = Gaussian(2.0 * np.arange(n_states)[:, None], np.ones((n_states, 1)))
    lanes = Lanes(list(lengths))
    observed, passes = emission.spread(lanes, values), Passes(lanes, n_states)

    def iteration() -> object:
        found = passes.expect(chain, emission, observed)
        return chain.expected_transitions(found.chain_sums), emission.maximised(found.emission_sums)

    return iteration, lambda: passes.likeliest_path(chain, emission, observed)


def renewal(n_states: int) -> Callable[[], object]:
    """An iteration of a renewal chain along a million places at equal distances."""
    lanes = Lanes([MILLION])
    emission = Gaussian(2.0 * np.arange(n_states)[:, None], np.ones((n_states, 1)))
    even = np.full(n_states, 1.0 / n_states)
    chain = Renewal(even, even, np.full(n_states, 0.02), Renewal.spread(lanes, np.ones(MILLION)))
    observed = emission.spread(lanes, np.random.default_rng(1).normal(size=MILLION))
    passes = Passes(lanes, n_states)
    return lambda: chain.expected_renewals(passes.expect(chain, emission, observed).chain_sums)


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median over repeats, after a first call."""
    work()
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def report(repeats: int) -> str:
    """The Markdown section."""
    lines = [
        "## Hidden Markov chains\n",
        "CPU seconds of one iteration of Baum-Welch (E-step with Gaussian densities, M-step), 10^6 places, one thread.",
        "hmmlearn's are differences of fits of 4 and 2 iterations, halved.\n",
        "| chain | genem | bar | hmmlearn, log | hmmlearn, scaling |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, lengths, n_states in (
        ("K=2", [MILLION], 2),
        ("K=3", [MILLION], 3),
        ("K=6", [MILLION], 6),
        ("64 chains of 16,384, K=3", [16_384] * 64, 3),
    ):
        iteration, _ = problem(lengths, n_states)
        peers = [_hmmlearn(n_states, kind) if len(lengths) == 1 and n_states < 6 else "" for kind in ("log", "scaling")]
        lines.append(f"| {name} | {cpu_seconds(iteration, repeats):.4f} | {BARS[name]:.3f} | {peers[0]} | {peers[1]} |")
    lines.append(f"| renewal, K=3 | {cpu_seconds(renewal(3), repeats):.4f} | | | |")
    path = cpu_seconds(problem([MILLION], 3)[1], repeats)
    lines.append(f"| likeliest path, K=3 | {path:.4f} | {PATH_BAR:.3f} | | |")
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    lines.append(f"\nMemory over that before the chain, K=3: {float(done.stdout):.0f} MB (bar {MEMORY_BAR}).\n")
    return "\n".join(lines)


def _hmmlearn(n_states: int, implementation: str) -> str:
    """CPU seconds of one of hmmlearn's iterations, where it is installed."""
    if not importlib.util.find_spec("hmmlearn"):
        return "not installed"
    command = [sys.executable, "-c", HMMLEARN, str(n_states), implementation]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"{float(done.stdout) / 2.0:.3f}"
