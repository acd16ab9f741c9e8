"""Steps of EM against MEME's own traces: one or no site per sequence, any number, palindromes, protein."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genem.io.sequences.fasta import read_fasta
from genem.motif import DNA, PROTEIN, encode, fit_motif, start_matrix
from tests.motif.traces import CRP, CRP_RUNS, TracedRun, make_steps, read_trace

pytestmark = pytest.mark.validation

RUNS = {
    **CRP_RUNS,
    "lex0_zoops_revcomp_n12": TracedRun("CTGTATATATATACAG", "zoops", n_sites=12),
    "lipocalin_oops_dirichlet": TracedRun("GACPEVKPVENFDISKFAGTWYEIAK", "oops", both_strands=False, alphabet=PROTEIN),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_first_steps_are_those_of_meme(name: str, reference_data: Path) -> None:
    folder = reference_data / "motif"
    trace = read_trace(folder / "em_trace" / f"{name}.txt")
    steps = make_steps(folder / "real" / f"{name.split('_')[0]}.fa", RUNS[name], len(trace))
    assert len(trace) >= 3
    np.testing.assert_allclose(steps[:, 2], trace[:, 2], rtol=0, atol=1e-4)
    np.testing.assert_allclose(steps[:, :2], trace[:, :2], rtol=0, atol=2e-3)


@pytest.mark.parametrize("model", ["oops", "anr"])
def test_the_log_likelihood_ratio_of_columns_is_not_below_that_of_meme(model: str, reference_data: Path) -> None:
    """The ratio of the expected alignment, at the end of each run, against the last that MEME printed."""
    run = CRP_RUNS["crp0_oops_revcomp" if model == "oops" else "crp0_anr_revcomp_n24"]
    name = "crp0_oops_revcomp" if model == "oops" else "crp0_anr_revcomp_n24"
    last = [
        line
        for line in (reference_data / "motif" / "em_trace" / f"{name}.txt").read_text().splitlines()
        if " ll1 = " in line
    ][-1].split()
    meme = float(last[4]) - float(last[7])
    sequences = encode(read_fasta(reference_data / "motif" / "real" / "crp0.fa"), DNA)
    fit = fit_motif(sequences, start_matrix(CRP, DNA), model=run.model, n_sites=run.n_sites, both_strands=True)
    frequency = fit.counts / fit.counts.sum(axis=1, keepdims=True)
    logs = np.log(np.where(frequency > 0.0, frequency / fit.background.probabilities, 1.0))
    assert fit.n_sites * float(np.sum(frequency * logs)) >= 0.99 * meme
