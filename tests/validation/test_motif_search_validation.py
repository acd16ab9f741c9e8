"""The motif search on planted sets and on CRP sites, against what MEME reported for them; its CPU seconds."""

from __future__ import annotations

import csv
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest

from genem.io.motifs.meme_reader import log10_of_text
from genem.io.sequences.fasta import read_fasta
from genem.motif import (
    DNA,
    EncodedSequences,
    FoundMotif,
    detect_alphabet,
    encode,
    find_motifs,
    fit_motif,
    start_matrix,
)
from tests.motif.planted_sets import Planted, likeness, precision_and_recall

pytestmark = pytest.mark.validation

MARGIN = 0.03
LIKENESS = 0.98
FIRST_SETS = ("p03_weak_all", "p09_anr", "p11_two_motifs", "p13_messy")
"""Searched by default; the others with ``-m slow``."""


def read(path: Path) -> EncodedSequences:
    sequences = read_fasta(path, empty_records="keep", duplicate_names="number")
    return encode(sequences, detect_alphabet(sequences))


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def planted_sets(folder: Path) -> list[str]:
    return sorted(path.name.removesuffix(".fa") for path in (folder / "motif" / "planted").glob("p*.fa"))


def truth(folder: Path, name: str, sequences: EncodedSequences) -> dict[str, Planted]:
    """The planted motifs of a set, by name."""
    place = folder / "motif" / "planted"
    index = {each: number for number, each in enumerate(sequences.names)}
    rows = table(place / f"{name}.sites.tsv")
    return {
        motif["name"]: Planted(
            sequences,
            np.array(motif["ppm_ACGT"]),
            np.array([(index[r["seq"]], int(r["start1"]) - 1) for r in rows if r["motif"] == motif["id"]]),
        )
        for motif in json.loads((place / f"{name}.motifs.json").read_text())["motifs"]
    }


def search(folder: Path, name: str) -> list[tuple[str, FoundMotif, Planted]]:
    """The motifs of a set with the planted ones that they are nearest to."""
    sequences = read(folder / "motif" / "planted" / f"{name}.fa")
    known = truth(folder, name, sequences)
    model = "anr" if "anr" in name else "zoops"
    found = find_motifs(sequences, model=model, max_width=22, both_strands=True, n_motifs=max(1, len(known)))
    nearest = []
    for each in found.motifs if known else ():
        matrix = each.motif.probabilities
        which = max(known, key=lambda motif: likeness(matrix, known[motif].matrix))
        nearest.append((which, each, known[which]))
    return nearest


def compare(folder: Path, names: list[str]) -> list[tuple[float, float]]:
    """Assert the bars of every set; what precision and recall are above those of MEME."""
    summary = table(folder / "motif" / "planted_expected" / "summary.tsv")
    meme = {(r["set"], r["matched_true_motif"]): r for r in summary if r["program"].startswith("MEME")}
    gains = []
    for name in names:
        nearest = search(folder, name)
        assert len({which for which, _, _ in nearest}) == len(nearest)
        for which, each, planted in nearest:
            precision, recall = precision_and_recall(each, planted)
            near = likeness(each.motif.probabilities, planted.matrix)
            print(f"{name} {which} {each.motif.width} {len(each.sites)} {near:.3f} {precision:.3f} {recall:.3f}")
            assert near >= LIKENESS
            row = meme.get((name, which))
            if row is not None:
                gains.append((precision - float(row["site_precision"]), recall - float(row["site_recall"])))
                assert min(gains[-1]) >= -MARGIN, (name, which, gains[-1])
    return gains


def test_some_planted_motifs_as_well_as_meme(reference_data: Path) -> None:
    assert len(compare(reference_data, list(FIRST_SETS))) == len(FIRST_SETS) + 1


@pytest.mark.slow
def test_planted_motifs_better_than_meme_on_average(reference_data: Path) -> None:
    gains = np.array(compare(reference_data, planted_sets(reference_data)))
    assert len(gains) >= 14
    assert gains.mean(axis=0).min() > 0.0


def footprinted(folder: Path, each: FoundMotif, sequences: EncodedSequences) -> int:
    """Sites that share half of the shorter width with a footprint."""
    prints = table(folder / "motif" / "real" / "crp0.sites.tsv")
    right = 0
    for sequence, start in zip(each.sites.sequence, each.sites.start, strict=True):
        for row in prints:
            first, last = int(row["start1"]) - 1, int(row["end1"])
            overlap = min(start + each.motif.width, last) - max(start, first)
            if row["seq"] == sequences.names[sequence] and 2 * overlap >= min(each.motif.width, last - first):
                right += 1
                break
    return right


def test_crp_sites_are_footprints(reference_data: Path) -> None:
    sequences = encode(read_fasta(reference_data / "motif" / "real" / "crp0.fa"), DNA)
    one = find_motifs(sequences, model="oops", both_strands=True, min_width=22, max_width=22).motifs[0]
    assert footprinted(reference_data, one, sequences) == len(one.sites) == 18
    several = find_motifs(sequences, model="anr", both_strands=True, max_width=22).motifs[0]
    assert footprinted(reference_data, several, sequences) > 18
    summary = table(reference_data / "motif" / "real_expected" / "summary.tsv")
    meme = {row["file"]: float(row["llr"]) for row in summary if row["program"].startswith("MEME")}
    assert one.log_likelihood_ratio >= 0.99 * meme["crp0.cons_w22_oops.meme.txt"]
    for model in ("oops", "zoops", "anr"):
        best = find_motifs(sequences, model=model, both_strands=True, min_width=8, max_width=50).motifs[0]
        assert best.log_likelihood_ratio >= 0.99 * meme[f"crp0.{model}.meme.txt"]


def test_on_one_strand_the_best_crp_alignment_is_not_all_footprints(reference_data: Path) -> None:
    """From the consensus EM comes to the 17 footprinted sites of MEME; the search finds a likelier motif with 16."""
    sequences = encode(read_fasta(reference_data / "motif" / "real" / "crp0.fa"), DNA)
    best = find_motifs(sequences, model="oops", min_width=22, max_width=22).motifs[0]
    meme = fit_motif(sequences, start_matrix("AAATGTGATCTAGATCACATTT", DNA), model="oops")
    text = (reference_data / "motif" / "em_trace" / "crp0_oops_1strand.txt").read_text()
    assert best.fit.log_likelihood_ratio > meme.log_likelihood_ratio + 0.5
    assert best.log_likelihood_ratio > float(re.findall(r"llr= *([\d.]+) nsites_obs", text)[-1])
    assert best.log10_e_value < log10_of_text(re.findall(r"E= (\S+)", text)[-1])
    assert footprinted(reference_data, best, sequences) == 16


@pytest.mark.slow
def test_seconds_of_a_search(reference_data: Path) -> None:
    for name, most in (("n200", 0.6), ("n1000", 2.5)):
        sequences = encode(read_fasta(reference_data / "motif" / "timing" / f"{name}.fa"), DNA)
        seconds = []
        for _ in range(4):
            before = time.process_time()
            best = find_motifs(sequences, min_width=8, max_width=15, both_strands=True).motifs[0]
            seconds.append(time.process_time() - before)
        print(name, seconds)
        assert "CTTCC" in best.motif.alternative_name or "GGAAG" in best.motif.alternative_name
        assert np.median(seconds[1:]) < most
