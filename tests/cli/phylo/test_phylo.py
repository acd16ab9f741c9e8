"""``genem phylo``: searches and evaluations, what is written, inputs in any order and on any number of threads."""

from __future__ import annotations

import inspect
import io
import json
from pathlib import Path

import numpy as np
import pytest

from genem.cli.phylo.command import COMMAND
from genem.io.sequences.alignments import read_alignment
from genem.io.trees.newick import read_newick
from genem.phylo import search
from genem.phylo.trees.constraints import splits
from tests.qtl.crosses import table
from tests.workflows.phylo_runs import ROWS, fasta, phylo

MODEL = "HKY+G4"
NAMES = ("a b", "it's", "c:d", "(e)", "f_g")


@pytest.fixture(scope="session")
def primates(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the search of the bundled alignment and everything written of it."""
    folder = tmp_path_factory.mktemp("primates")
    outputs = ["-o", folder / "tree.nwk", "--report", folder / "report.json", "--site-loglik", folder / "sites.tsv"]
    ancestors = ["--ancestral", folder / "ancestors.tsv", "--ancestral-fasta", folder / "ancestors.fa"]
    record = ["--run-record", folder / "record.json", "--strict", "--patience", "2"]
    assert phylo(data / "alignment.fa", "--model", MODEL, *outputs, *ancestors, *record) == 0
    return folder


@pytest.fixture(scope="session")
def report(primates: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((primates / "report.json").read_text())
    return loaded


def test_a_search_finds_the_best_tree_known(report: dict) -> None:
    assert report["log_likelihood"] > -5728.0622
    assert report["status"] == "converged"
    assert report["n_hits"] == report["optima"][0]["n_runs"] >= 3
    assert report["runs"][0]["kind"] == "bionj"
    gains = [step["gain"] for step in report["trace"]]
    assert min(gains) >= 0.0
    assert {"expected_gain", "stage", "log_likelihood"} <= set(report["trace"][0])


def test_as_many_starts_as_the_library_makes() -> None:
    (starts,) = (option for option in COMMAND.options() if option.name == "starts")
    assert starts.default == inspect.signature(search).parameters["n_starts"].default


def test_the_report_describes_the_input(report: dict) -> None:
    said = report["input"]
    assert (said["n_taxa"], said["n_sites"], said["datatype"]) == (12, 898, "dna")
    assert said["identical"] == []
    assert 0 < said["n_patterns"] < 898


def test_criteria_count_lengths_frequencies_and_parameters(report: dict) -> None:
    n_free, n_sites = 21 + 3 + 1 + 1, 898
    assert report["n_free_parameters"] == n_free
    assert report["aic"] == pytest.approx(2 * n_free - 2 * report["log_likelihood"])
    assert report["bic"] == pytest.approx(n_free * np.log(n_sites) - 2 * report["log_likelihood"])
    assert report["aicc"] > report["aic"]


def test_free_parameters_have_standard_errors(report: dict) -> None:
    found = {each["name"]: each for each in report["parameters"]}
    assert 0.5 < found["kappa"]["standard_error"] < 3.0
    assert 0.02 < found["alpha"]["standard_error"] < 0.2
    assert found["frequency_A"]["standard_error"] is None
    errors = [branch["standard_error"] for branch in report["branches"]]
    assert len(errors) == 21
    assert min(errors) > 0.0


def test_the_model_of_the_report_gives_the_likelihood_again(
    primates: Path, data: Path, tmp_path: Path, report: dict
) -> None:
    again = tmp_path / "again.json"
    given = ["--tree", primates / "tree.nwk", "--evaluate", "--fix-branches", "--model", report["model"]]
    assert phylo(data / "alignment.fa", *given, "--report", again, "-o", tmp_path / "tree.nwk") == 0
    found = json.loads(again.read_text())
    assert found["log_likelihood"] == pytest.approx(report["log_likelihood"], abs=1e-8)
    assert found["model"] == report["model"]
    assert (tmp_path / "tree.nwk").read_text() == (primates / "tree.nwk").read_text()


def test_site_log_likelihoods_add_up(primates: Path, report: dict) -> None:
    rows = table(primates / "sites.tsv")
    assert [row["SITE"] for row in rows] == [str(site) for site in range(1, 899)]
    assert sum(float(row["LOG_LIKELIHOOD"]) for row in rows) == pytest.approx(report["log_likelihood"], abs=1e-8)


def test_ancestors_are_written_by_the_names_in_the_tree(primates: Path) -> None:
    (tree,) = read_newick(primates / "tree.nwk")
    assert tree.labels == tuple(f"Node{number}" for number in range(1, 11))
    rows = table(primates / "ancestors.tsv")
    assert len(rows) == 10 * 898
    sequences = read_alignment(primates / "ancestors.fa")
    assert sequences.names == tree.labels
    assert "".join(row["STATE"] for row in rows[:898]) == sequences.sequence(0)
    for row in rows[::500]:
        assert sum(float(row[f"P_{state}"]) for state in "ACGT") == pytest.approx(1.0, abs=1e-9)


def test_the_run_record_tells_how_the_fit_ended(primates: Path) -> None:
    record = json.loads((primates / "record.json").read_text())
    assert record["statuses"] == {"converged": 1}
    assert record["fits"][0]["log_likelihood"] > -5728.0622
    assert record["counts"]["site_patterns"] > 0
    assert record["fits"][0]["trace"]["log_likelihood"][-1] == record["fits"][0]["log_likelihood"]


def test_bytes_depend_neither_on_threads_nor_on_the_order_of_sequences(tmp_path: Path, data: Path) -> None:
    alignment = read_alignment(data / "alignment.fa")
    order = np.random.default_rng(1).permutation(len(alignment))
    shuffled = fasta(
        tmp_path / "shuffled.fa",
        tuple(alignment.names[taxon] for taxon in order),
        tuple(alignment.sequence(taxon) for taxon in order),
    )
    written = []
    for number, (path, threads) in enumerate([(data / "alignment.fa", 1), (data / "alignment.fa", 2), (shuffled, 2)]):
        tree, report = tmp_path / f"{number}.nwk", tmp_path / f"{number}.json"
        options = ["--model", "K80+G4", "--starts", "2", "--patience", "1", "--report", report]
        assert phylo(path, *options, "-o", tree, threads=threads) == 0
        written.append((tree.read_bytes(), report.read_bytes()))
    assert written[0] == written[1] == written[2]


def test_formats_and_line_ends_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = list(zip("abcde", ROWS, strict=True))
    forms = {
        "fasta": "".join(f">{name}\n{row}\n" for name, row in pairs),
        "crlf": "".join(f">{name}\r\n{row}\r\n" for name, row in pairs),
        "phylip": " 5 10\n" + "".join(f"{name} {row}\n" for name, row in pairs),
        "nexus": "#NEXUS\nbegin data;\ndimensions ntax=5 nchar=10;\nformat datatype=dna gap=- missing=?;\nmatrix\n"
        + "".join(f"{name} {row}\n" for name, row in pairs)
        + ";\nend;\n",
        "clustal": "CLUSTAL W (1.8)\n\n" + "".join(f"{name:<10} {row}\n" for name, row in pairs) + "\n",
    }
    trees = []
    for form, text in forms.items():
        path = tmp_path / form
        path.write_text(text, newline="")
        assert phylo(path, "--model", "JC", "-o", tmp_path / "tree.nwk") == 0
        trees.append((tmp_path / "tree.nwk").read_text())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(forms["fasta"].encode()))))
    assert phylo("-", "--model", "JC", "-o", tmp_path / "tree.nwk") == 0
    trees.append((tmp_path / "tree.nwk").read_text())
    assert len(set(trees)) == 1


@pytest.mark.parametrize(("n_taxa", "expected"), [(1, 1), (2, 2), (3, 3)])
def test_fewer_than_four_sequences_have_one_tree(n_taxa: int, expected: int, tmp_path: Path) -> None:
    path = fasta(tmp_path / "few.fa", tuple("abc"[:n_taxa]))
    for further in ([], ["--ancestral", tmp_path / "a.tsv", "--report", tmp_path / "r.json"]):
        assert phylo(path, "--model", "JC", "-o", tmp_path / "tree.nwk", *further) == 0
        (tree,) = read_newick(tmp_path / "tree.nwk")
        assert len(tree.taxa) == expected


def test_names_survive_in_newick(tmp_path: Path) -> None:
    path, tree, again = fasta(tmp_path / "names.fa", NAMES), tmp_path / "tree.nwk", tmp_path / "again.nwk"
    assert phylo(path, "--model", "JC", "-o", tree) == 0
    assert set(read_newick(tree)[0].taxa) == set(NAMES)
    assert "f_g" in tree.read_text()
    assert phylo(path, "--model", "JC", "--tree", tree, "--evaluate", "--fix-branches", "-o", again) == 0
    assert again.read_text() == tree.read_text()


def test_identical_and_empty_sequences_and_columns_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (*(row + "-" for row in ROWS), ROWS[0] + "-", "-" * 11)
    path = fasta(tmp_path / "odd.fa", tuple("abcdefg"), rows)
    assert phylo(path, "--model", "JC", "-o", tmp_path / "t.nwk", "--report", tmp_path / "r.json") == 0
    assert "1 of 7 sequences are gaps only: 'g'" in capsys.readouterr().err
    (tree,) = read_newick(tmp_path / "t.nwk")
    assert len(tree.taxa) == 7
    assert tree.length[tree.taxa.index("g")] < 1e-6
    said = json.loads((tmp_path / "r.json").read_text())["input"]
    assert (said["identical"], said["empty"], said["n_empty_columns"]) == ([["a", "f"]], ["g"], 1)


def test_columns_of_gaps_only_leave_every_tree_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path / "gaps.fa", tuple("abcde"), ("-" * 10_000,) * 5)
    assert phylo(path, "-o", tmp_path / "t.nwk", "--report", tmp_path / "r.json") == 0
    assert capsys.readouterr().err.count("\n") == 1
    assert json.loads((tmp_path / "r.json").read_text())["log_likelihood"] == pytest.approx(0.0, abs=1e-8)


def test_several_trees_are_evaluated_and_the_best_is_kept(tmp_path: Path) -> None:
    path, trees = fasta(tmp_path / "five.fa"), tmp_path / "trees.nwk"
    trees.write_text("((a,d),c,(b,e));\n((a,b),c,(d,e));\n")
    more = tmp_path / "more.nwk"
    more.write_text("((a,c),b,(d,e));")
    given = ["--model", "JC", "--evaluate", "--tree", trees, "--tree", more]
    outputs = ["-o", tmp_path / "all.nwk", "--report", tmp_path / "r.json", "--site-loglik", tmp_path / "s.tsv"]
    assert phylo(path, *given, *outputs) == 0
    written = read_newick(tmp_path / "all.nwk")
    assert len(written) == 3
    report = json.loads((tmp_path / "r.json").read_text())
    reached = [each["log_likelihood"] for each in report["trees"]]
    assert report["log_likelihood"] == max(reached) == reached[1]
    rows = table(tmp_path / "s.tsv")
    for number, expected in enumerate(reached, 1):
        sites = [float(row["LOG_LIKELIHOOD"]) for row in rows if row["TREE"] == str(number)]
        assert sum(sites) == pytest.approx(expected, abs=1e-8)
    assert phylo(path, *given, "--best", "-o", tmp_path / "best.nwk") == 0
    assert read_newick(tmp_path / "best.nwk")[0].length.tolist() == written[1].length.tolist()


def test_a_search_starts_at_given_trees(tmp_path: Path, data: Path) -> None:
    start, report = tmp_path / "start.nwk", tmp_path / "r.json"
    names = read_alignment(data / "alignment.fa").names
    start.write_text("(" + ",".join(names) + ");\n(" + ",".join(reversed(names)) + ");\n")
    options = ["--model", "JC", "--patience", "0", "--report", report, "-o", tmp_path / "t.nwk"]
    assert phylo(data / "alignment.fa", "--tree", start, *options) == 0
    assert [run["kind"] for run in json.loads(report.read_text())["runs"]] == ["given", "given"]


def test_a_constraint_is_kept(tmp_path: Path) -> None:
    path, constraint = fasta(tmp_path / "five.fa"), tmp_path / "constraint.nwk"
    constraint.write_text("((a,e),(b,c,d));")
    assert phylo(path, "--model", "JC", "--constraint", constraint, "-o", tmp_path / "t.nwk") == 0
    assert frozenset("bcd") in splits(read_newick(tmp_path / "t.nwk")[0])


PARTITIONS = {
    "raxml": "DNA, odd = 1-898\\2\nHKY, even = 2-898\\2\n",
    "nexus": "#nexus\nbegin sets;\ncharset odd=1-.\\2;\ncharset even=2-.\\2;\ncharpartition p=1:odd, HKY:even;\nend;\n",
}


@pytest.mark.parametrize("form", PARTITIONS)
def test_partitions_have_models_and_rates_of_their_own(form: str, tmp_path: Path, data: Path, primates: Path) -> None:
    partitions, report, sites = tmp_path / "parts", tmp_path / "r.json", tmp_path / "s.tsv"
    partitions.write_text(PARTITIONS[form])
    given = ["--tree", primates / "tree.nwk", "--evaluate", "--partitions", partitions, "--model", "K80"]
    assert phylo(data / "alignment.fa", *given, "--report", report, "--site-loglik", sites, "-o", tmp_path / "t") == 0
    found = json.loads(report.read_text())
    odd, even = found["partitions"]
    assert (odd["name"], even["name"], odd["n_sites"]) == ("odd", "even", 449)
    assert odd["model"].startswith("K80{")
    assert even["model"].startswith("HKY{")
    assert odd["log_likelihood"] + even["log_likelihood"] == pytest.approx(found["log_likelihood"], abs=1e-8)
    assert (odd["rate"] + even["rate"]) / 2 == pytest.approx(1.0)
    errors = {(each["name"], each["partition"]): each["standard_error"] for each in found["parameters"]}
    assert errors["partition_rate", 0] == pytest.approx(errors["partition_rate", 1])
    assert [row["PARTITION"] for row in table(sites)[:3]] == ["odd", "even", "odd"]


def test_ancestors_of_partitions_are_in_the_order_of_the_sites(tmp_path: Path, data: Path, primates: Path) -> None:
    partitions = tmp_path / "parts"
    partitions.write_text("DNA, odd = 1-896\\2\nDNA, even = 2-898\\2\n")
    given = ["--tree", primates / "tree.nwk", "--evaluate", "--fix-branches", "--model", "JC"]
    outputs = ["--ancestral", tmp_path / "a.tsv", "--ancestral-fasta", tmp_path / "a.fa", "-o", tmp_path / "t.nwk"]
    assert phylo(data / "alignment.fa", *given, "--partitions", partitions, *outputs) == 0
    rows = table(tmp_path / "a.tsv")[:897]
    assert [int(row["SITE"]) for row in rows] == [site for site in range(1, 899) if site != 897]
    sequence = read_alignment(tmp_path / "a.fa").sequence(0)
    assert sequence[896] == "-"
    assert "".join(row["STATE"] for row in rows) == sequence.replace("-", "")


def test_columns_in_no_partition_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    partitions = tmp_path / "parts"
    partitions.write_text("DNA, a = 1-4\nDNA, b = 6-9\n")
    path = fasta(tmp_path / "five.fa")
    options = [
        "--partitions",
        partitions,
        "--model",
        "JC",
        "-o",
        tmp_path / "t.nwk",
        "--site-loglik",
        tmp_path / "s.tsv",
    ]
    assert phylo(path, *options) == 0
    assert "columns in no partition are left out: 2, the first is column 5" in capsys.readouterr().err
    assert [row["LOG_LIKELIHOOD"] == "NA" for row in table(tmp_path / "s.tsv")] == [
        site in (5, 10) for site in range(1, 11)
    ]


def test_gamma_categories_by_their_medians(tmp_path: Path) -> None:
    path, tree = fasta(tmp_path / "five.fa"), tmp_path / "t.nwk"
    tree.write_text("((a:0.1,b:0.1):0.1,c:0.1,(d:0.1,e:0.1):0.1);")
    reached = []
    for rule in ("mean", "median"):
        given = ["--tree", tree, "--evaluate", "--fix-branches", "--model", "JC+G4{0.5}", "--gamma-rule", rule]
        assert phylo(path, *given, "--report", tmp_path / "r.json", "-o", tmp_path / "o.nwk") == 0
        reached.append(json.loads((tmp_path / "r.json").read_text())["log_likelihood"])
    assert abs(reached[0] - reached[1]) > 1e-3


def test_a_vcf_is_a_snp_alignment_under_ascertainment(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = "NA06989,NA07056,NA06994,NA07037,NA07000"
    outputs = ["-o", tmp_path / "t.nwk", "--report", tmp_path / "r.json", "--alignment-out", tmp_path / "snps.fa"]
    sites = ["--site-loglik", tmp_path / "s.tsv", "--run-record", tmp_path / "record.json"]
    options = ["-s", samples, "--model", "JC", "--starts", "1", "--patience", "0"]
    assert phylo(data / "haplotypes.phased.vcf.gz", *options, *outputs, *sites) == 0
    said = capsys.readouterr().err
    assert "the model is JC+ASC" in said
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["model"] == "JC+ASC"
    assert report["input"]["n_perhaps_constant"] == 0
    counts = json.loads((tmp_path / "record.json").read_text())["counts"]
    assert counts["skipped_perhaps_constant"] + report["n_sites"] == 1200
    assert f"{counts['skipped_perhaps_constant']} that may be constant (+ASC)" in said
    rows = table(tmp_path / "s.tsv")
    assert (rows[0]["CHROM"], len(rows)) == ("20", report["n_sites"])
    again = ["--model", "JC+ASC", "--tree", tmp_path / "t.nwk", "--evaluate", "--fix-branches"]
    assert phylo(tmp_path / "snps.fa", *again, "--report", tmp_path / "again.json", "-o", tmp_path / "again.nwk") == 0
    same = json.loads((tmp_path / "again.json").read_text())["log_likelihood"]
    assert same == pytest.approx(report["log_likelihood"], abs=1e-8)


def test_a_vcf_of_all_sites_needs_no_correction(tmp_path: Path, data: Path) -> None:
    options = ["-s", "NA06989,NA07056,NA06994", "--all-sites", "--model", "JC"]
    report = tmp_path / "r.json"
    assert phylo(data / "haplotypes.phased.vcf.gz", *options, "--report", report, "-o", tmp_path / "t.nwk") == 0
    found = json.loads(report.read_text())
    assert (found["model"], found["n_sites"]) == ("JC", 1200)


def test_trees_are_rooted_and_drawn(tmp_path: Path) -> None:
    path, tree = fasta(tmp_path / "five.fa"), tmp_path / "t.nwk"
    assert phylo(path, "--model", "JC", "--outgroup", "d,e", "--plot", tmp_path / "t.svg", "-o", tree) == 0
    (rooted,) = read_newick(tree)
    assert len(rooted.children()[rooted.top]) == 2
    assert (tmp_path / "t.svg").read_text().startswith("<?xml")
    assert phylo(path, "--model", "JC", "--midpoint", "-o", tree) == 0
    assert len(read_newick(tree)[0].children()[-1]) == 2


def test_an_outgroup_that_is_no_group_costs_the_root_but_not_the_tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, tree = fasta(tmp_path / "five.fa"), tmp_path / "t.nwk"
    assert phylo(path, "--model", "JC", "--outgroup", "a,e", "-o", tree) == 0
    assert "tree 1 is written without a new root: the outgroup 'a', 'e' is no group" in capsys.readouterr().err
    assert len(read_newick(tree)[0].children()[-1]) == 3


def test_proteins(tmp_path: Path) -> None:
    rows = ("ARNDCQEGHIKLMF", "ARNDCQEGHLKLMF", "ARNECQEGKLRLMF", "SRNECQDGKLRLMY")
    path = fasta(tmp_path / "proteins.fa", "abcd", rows)
    assert phylo(path, "--model", "LG+G4", "-o", tmp_path / "t.nwk", "--report", tmp_path / "r.json") == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["input"]["datatype"] == "protein"
    assert report["model"].startswith("LG+G4{")
