"""Partitions of DNA and of protein in one alignment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genem.data import Alignment
from genem.errors import InputError, UsageError
from genem.io.trees.newick import format_newick
from genem.phylo import (
    SitePartition,
    TreeLikelihood,
    ancestral_states,
    evaluate,
    make_partitions,
    search,
    select_model,
)
from genem.phylo.alphabet import alphabet_of, common_alphabet, recoding
from genem.phylo.likelihood.gradients import edge_sums, gradient_by_lengths, gradient_by_models
from genem.phylo.models.parameters import pack_partitions, unpack_partitions
from tests.phylo.cases import alignment_of, random_tree
from tests.qtl.crosses import table
from tests.workflows.phylo_runs import fasta, phylo

DNA = ["ACGTRYNA-A", "ACGTACGTA-", "AGGTACTTNA", "AGCTAMTTAA", "TGCTA-TTAA"]
PROTEIN = ["ARNDCQEGHIXB", "ARNDCQEGHLZ-", "ARNECQEGKLEB", "SRNECQDGKLQD", "SRNEAQ-GKVQN"]
MIXED = Alignment(
    tuple("ABCDE"), np.array([list((d + p).encode()) for d, p in zip(DNA, PROTEIN, strict=True)], np.uint8), "protein"
)
TREE = random_tree(np.random.default_rng(5), 5)
MODELS = [
    ("HKY{3}+F{.31,.27,.12,.30}+G4{0.5}", "LG+I{0.1}"),
    ("JC+I{0.2}", "WAG+F+G3{0.7}"),
    ("GTR{1.7,5.1,.6,.9,7.3,1}+F{.33,.22,.19,.26}", "JTT"),
]


def parts(dna: str, protein: str) -> list[SitePartition]:
    return [
        SitePartition("nucleotides", np.arange(10), dna, "dna"),
        SitePartition("amino acids", np.arange(10, 22), protein),
    ]


@pytest.mark.kernel
@pytest.mark.parametrize(("dna", "protein"), MODELS)
def test_the_likelihood_is_the_sum_of_those_of_the_parts(dna: str, protein: str) -> None:
    together = TreeLikelihood(make_partitions(MIXED, "JC", parts(dna, protein))).evaluate(TREE)
    apart = [
        TreeLikelihood(make_partitions(alignment_of(rows, datatype), model)).evaluate(TREE)
        for rows, datatype, model in ((DNA, "dna", dna), (PROTEIN, "protein", protein))
    ]
    assert together.log_likelihood == pytest.approx(sum(each.log_likelihood for each in apart), abs=1e-10)
    for found, alone in zip(together.site_log_likelihoods(), apart, strict=True):
        np.testing.assert_allclose(found, alone.site_log_likelihoods()[0], atol=1e-10)


@pytest.mark.kernel
def test_sites_that_had_to_vary() -> None:
    dna = ["ACGTA", "ACGTC", "AGGTA", "CACAT"]
    protein = ["ARND", "ARNE", "ARND", "SCQD"]
    letters = np.array([list((d[::-1] + p).encode()) for d, p in zip(dna, protein, strict=True)], np.uint8)
    alignment, tree = Alignment(tuple("ABCD"), letters, "protein"), random_tree(np.random.default_rng(5), 4)
    both = [SitePartition("n", np.arange(5), "K80{2}+ASC"), SitePartition("a", np.arange(5, 9), "LG")]
    together = TreeLikelihood(make_partitions(alignment, "JC", both)).evaluate(tree).log_likelihood
    alone = [
        TreeLikelihood(make_partitions(alignment_of(rows, datatype), model)).evaluate(tree).log_likelihood
        for rows, datatype, model in (([d[::-1] for d in dna], "dna", "K80{2}+ASC"), (protein, "protein", "LG"))
    ]
    assert together == pytest.approx(sum(alone), abs=1e-10)


def test_gradients_are_those_of_differences() -> None:
    likelihood = TreeLikelihood(make_partitions(MIXED, "JC", parts("GTR+FO+G2", "LG+I")))
    sums = edge_sums(likelihood, TREE)
    centre, step = pack_partitions(likelihood.partitions), 1e-5

    def at(vector: np.ndarray) -> float:
        moved = likelihood.with_partitions(unpack_partitions(likelihood.partitions, vector))
        return moved.evaluate(TREE).log_likelihood

    slopes = [(at(centre + row) - at(centre - row)) / (2.0 * step) for row in step * np.eye(len(centre))]
    np.testing.assert_allclose(gradient_by_models(sums), slopes, rtol=1e-4, atol=1e-4)

    def stretched(node: int, by: float) -> float:
        lengths = TREE.length.copy()
        lengths[node] += by
        return likelihood.evaluate(type(TREE)(TREE.taxa, TREE.parent, lengths, TREE.labels)).log_likelihood

    along = [(stretched(node, 1e-6) - stretched(node, -1e-6)) / 2e-6 for node in range(len(TREE) - 1)]
    np.testing.assert_allclose(gradient_by_lengths(sums)[:-1], along, rtol=1e-4, atol=1e-4)


def test_estimates_and_ancestors() -> None:
    fit = evaluate(MIXED, TREE, partitions=parts("HKY+G4", "LG+G4"), length_errors=True)
    assert fit.status.label == "converged"
    assert fit.n_free == 7 + (1 + 3 + 1) + 1 + 1
    assert fit.site_log_likelihoods.sum() == pytest.approx(fit.log_likelihood, abs=1e-8)
    states = ancestral_states(TreeLikelihood(fit.partitions), fit.tree)
    for posterior in states.posterior:
        np.testing.assert_allclose(posterior.sum(axis=2), 1.0)
    assert set("".join(states.sequences(0))) <= set("ACGT")
    assert states.sequences(1)[0][6] in "ED"


@pytest.mark.kernel
def test_ancestors_are_those_of_the_parts() -> None:
    dna, protein = MODELS[0]
    together = ancestral_states(TreeLikelihood(make_partitions(MIXED, "JC", parts(dna, protein))), TREE)
    alone = ancestral_states(TreeLikelihood(make_partitions(alignment_of(DNA), dna)), TREE)
    letters = [alphabet_of("protein").states.index(letter) for letter in "ACGT"]
    np.testing.assert_allclose(together.posterior[0][:, :, letters], alone.posterior[0], atol=1e-10)
    assert together.sequences(0) == alone.sequences(0)


def test_a_search_over_both() -> None:
    found = search(MIXED, partitions=parts("K80", "LG"), n_starts=2, patience=1)
    fitted = evaluate(MIXED, TREE, partitions=parts("K80", "LG"))
    assert found.status.label == "converged"
    assert found.best.log_likelihood >= fitted.log_likelihood - 1e-6


def test_a_model_is_chosen_for_part_of_the_sites() -> None:
    found = select_model(MIXED, sites=np.arange(10), datatype="dna", models=["JC", "K80", "+E"])
    alone = select_model(alignment_of(DNA), models=["JC", "K80", "+E"])
    assert found.model == alone.model
    assert found.best.log_likelihood == pytest.approx(alone.best.log_likelihood, abs=1e-6)


def test_the_model_tells_the_datatype_of_a_part_of_a_protein_alignment() -> None:
    said = make_partitions(MIXED, "LG", [SitePartition("n", np.arange(10), "HKY")])
    assert said[0].patterns.alphabet.datatype == "dna"
    with pytest.raises(InputError, match="'Q' is an amino acid under a DNA model"):
        make_partitions(MIXED, "LG", [SitePartition("n", np.arange(10, 22), "HKY")])
    with pytest.raises(UsageError, match="LG is a protein model, the alignment is dna"):
        make_partitions(alignment_of(DNA), "LG", [SitePartition("n", np.arange(10), "LG")])


def test_codes_of_both_alphabets_mean_the_same_sets() -> None:
    dna, protein = alphabet_of("dna"), alphabet_of("protein")
    both = common_alphabet([protein, dna, protein])
    for alphabet in (dna, protein):
        codes = recoding(alphabet, both)
        np.testing.assert_array_equal(both.sets[codes][:, : alphabet.n_states], alphabet.sets)
        assert not both.sets[codes][:, alphabet.n_states :].any()
        assert codes[: alphabet.n_states].tolist() == list(range(alphabet.n_states))
    assert common_alphabet([dna, dna]) is dna


def test_the_command_reads_both(tmp_path: Path) -> None:
    rows = [d + p for d, p in zip(DNA, PROTEIN, strict=True)]
    alignment = fasta(tmp_path / "both.fa", "ABCDE", rows)
    (tmp_path / "parts.txt").write_text("HKY{3}+FQ, n = 1-10\nLG, a = 11-22\n")
    (tmp_path / "tree.nwk").write_text(format_newick(TREE) + "\n")
    given = ["--tree", tmp_path / "tree.nwk", "--evaluate", "--fix-branches", "-o", tmp_path / "out.nwk"]
    outputs = ["--report", tmp_path / "r.json", "--ancestral", tmp_path / "a.tsv"]
    assert phylo(alignment, "--partitions", tmp_path / "parts.txt", *given, *outputs) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    fit = evaluate(MIXED, TREE, partitions=parts("HKY{3}+FQ", "LG"), fix_branches=True)
    assert report["log_likelihood"] == pytest.approx(fit.log_likelihood, abs=1e-6)
    states = table(tmp_path / "a.tsv")
    assert {row["STATE"] for row in states if int(row["SITE"]) <= 10} <= set("ACGT")
    (tmp_path / "labels.txt").write_text("DNA, n = 1-10\nAA, a = 11-22\n")
    chosen = ["--model", "auto", "--models", "GTR,WAG,+E", "--partitions", tmp_path / "labels.txt"]
    chosen += ["--model-table", tmp_path / "m.tsv", "--skip-errors"]
    assert phylo(alignment, *chosen, "--starts", "1", "--patience", "0", "-o", tmp_path / "out.nwk") == 0
    models = {(row["PARTITION"], row["MODEL"]) for row in table(tmp_path / "m.tsv")}
    assert models == {("n", "GTR+F"), ("a", "WAG")}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("DNA, n = 1-10\nLG, a = 11-22\nHKY, b = 12-13\n", "column 12 is in 'a' and 'b'"),
        ("HKY, n = 1-22\n", "sequence 'A', column 16: protein under the DNA model HKY ('Q' is no nucleotide)"),
        ("DNA, n = 1-10\nDNA, a = 11-22\n", "sequence 'A', column 16: 'Q' is an amino acid under a DNA model"),
    ],
)
def test_parts_whose_letters_are_others_are_refused(
    lines: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alignment = fasta(tmp_path / "both.fa", "ABCDE", [d + p for d, p in zip(DNA, PROTEIN, strict=True)])
    (tmp_path / "parts.txt").write_text(lines)
    assert phylo(alignment, "--partitions", tmp_path / "parts.txt") == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
