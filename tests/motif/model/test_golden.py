"""Steps of EM against the numbers that MEME printed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genem.io.sequences.fasta import read_fasta
from genem.motif import DNA, encode, fit_motif, site_posteriors, start_matrix
from tests.motif.sets import expected_sites
from tests.motif.traces import CRP, CRP_RUNS, make_steps


def printed(root: Path, name: str) -> np.ndarray:
    with (root / "tests" / "golden" / "motif" / "crp0.em_trace.tsv").open() as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["trace"] == name]
    return np.array([[float(row[key]) for key in ("ll1", "ll0", "d_theta")] for row in rows])


@pytest.mark.parametrize("name", CRP_RUNS)
def test_ten_steps_are_those_of_meme(name: str, root: Path) -> None:
    trace = printed(root, name)
    steps = make_steps(root / "data" / "promoters.fa", CRP_RUNS[name], len(trace))
    assert len(trace) == 10
    np.testing.assert_allclose(steps[:, 2], trace[:, 2], rtol=0, atol=1e-4)
    np.testing.assert_allclose(steps[:, :2], trace[:, :2], rtol=0, atol=2e-3)


def test_one_site_in_every_promoter(root: Path) -> None:
    promoters = encode(read_fasta(root / "data" / "promoters.fa"), DNA)
    result = fit_motif(promoters, start_matrix(CRP, DNA), model="oops", both_strands=True)
    assert result.status.label == "converged"
    assert result.n_sites == pytest.approx(18.0)
    np.testing.assert_allclose(expected_sites(result), 1.0)
    sites = site_posteriors(result, least=0.5)
    assert len(sites) == 18
    assert sites.sequence.tolist() == list(range(18))
    assert np.all(sites.score > 0.0)


def test_any_number_finds_more_sites_and_none_overlap(root: Path) -> None:
    promoters = encode(read_fasta(root / "data" / "promoters.fa"), DNA)
    result = fit_motif(promoters, start_matrix(CRP, DNA), model="anr", n_sites=24, both_strands=True)
    assert result.status.label == "converged"
    assert result.n_sites > 18.0
    posterior = result.window_posteriors().sum(axis=0)
    for start, end in zip(promoters.offsets[:-1], promoters.offsets[1:], strict=True):
        running = np.convolve(posterior[start:end], np.ones(22))
        assert running.max() <= 1.0 + 1e-9
