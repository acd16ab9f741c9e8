"""The motif search: CPU seconds and memory against the number of sequences, and how near it comes to planted motifs.

``python -m tests.benchmarks.motif --sizes 50 --repeats 1`` runs this section alone, on fewer sequences.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genem.data import SequenceSet
from genem.io.sequences.fasta import write_fasta
from genem.motif import find_motifs
from tests.benchmarks.measure import measure
from tests.motif.planted_sets import Planted, likeness, plant, precision_and_recall

SIZES = (50, 200, 1_000, 10_000, 100_000)
MEME_SIZES = (50, 200)
"""MEME takes minutes for more."""
STREME_SIZES = (50, 200, 1_000, 10_000)
LENGTH = 100
PEERS = ("streme", "meme")

SEARCH = """
import sys, time
from genem.io.sequences.fasta import read_fasta
from genem.motif import find_motifs
sequences = read_fasta(sys.argv[1])
for _ in range(int(sys.argv[2])):
    find_motifs(sequences, min_width=8, max_width=15, both_strands=True)
"""

ACCURACY = {
    "16 bits, all sequences": {"bits": 16.0, "fraction": 1.0},
    "12 bits, half": {"bits": 12.0, "fraction": 0.5},
    "9 bits, all": {"bits": 9.0, "fraction": 1.0, "n_sequences": 200},
    "16 bits, a fifth": {"bits": 16.0, "fraction": 0.2, "n_sequences": 200},
    "width 6": {"width": 6, "bits": 11.5},
    "width 21": {"width": 21, "bits": 20.0},
    "10 sequences": {"n_sequences": 10, "bits": 18.0, "fraction": 1.0},
    "length 2,000": {"length": 2_000, "n_sequences": 50, "bits": 18.0, "width": 12},
    "repeats in 15 %": {"bits": 14.0, "repeats": 0.15},
    "RNA, one strand": {"alphabet": "RNA", "both_strands": False},
    "protein": {"alphabet": "protein", "both_strands": False, "bits": 28.0, "width": 12},
}
SEEDS = range(101, 106)
ACCURACY_TEXT = f"""\
Means of {len(SEEDS)} sets each; 100 sequences of 100 letters, a motif of 10 columns and 14 bits in 60 % of them on
either strand, but for what is said. Likeness: cosine of the columns less the uniform distribution.
"""


REFERENCE_TEXT = """\
Beside what MEME found in the same sets. genem is told the widths (6 to 22), that there are two strands and how many
motifs; sets named anr are searched with that model, the others with zoops.
"""


def report(repeats: int, sizes: Sequence[int] = SIZES) -> str:
    """The Markdown section."""
    return "\n".join([_times(repeats, sizes), _accuracy(), _reference_sets()])


def _times(repeats: int, sizes: Sequence[int]) -> str:
    """One search more in the same process, so that start-up does not count."""
    missing = [peer for peer in PEERS if not shutil.which(peer)]
    lines = [
        "## Motif search against the number of sequences\n",
        f"Sequences of {LENGTH} letters, a motif of 10 columns and 12 bits in half of them; both strands, widths 8 to "
        "15, one motif. genem: CPU seconds of one search more in a process that has made one, and the peak memory of "
        "the process; peers: the whole process."
        + (f" Not found here, so not measured: {', '.join(missing)}." if missing else "")
        + "\n",
        "| sequences | genem CPU s | us per letter | peak MB | STREME CPU s | MEME CPU s |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"n{size}.fa"
            _write(plant(size, n_sequences=size, length=LENGTH, bits=12.0, fraction=0.5), path)
            runs = repeats if size <= 1_000 else 1
            one, two = (measure([sys.executable, "-c", SEARCH, str(path), n], runs) for n in ("1", "2"))
            seconds = max(two.cpu_seconds - one.cpu_seconds, 0.0)
            peers = [_peer_seconds(name, path, size, Path(folder)) for name in PEERS]
            lines.append(
                f"| {size:,} | {seconds:.2f} | {1e6 * seconds / (size * LENGTH):.1f} | {one.peak_mb:.0f} "
                f"| {' | '.join(peers)} |"
            )
    return "\n".join(lines) + "\n"


def _peer_seconds(name: str, path: Path, size: int, scratch: Path) -> str:
    if not shutil.which(name) or size not in {"streme": STREME_SIZES, "meme": MEME_SIZES}[name]:
        return "NA"
    widths = ["--minw", "8", "--maxw", "15", "--nmotifs", "1"]
    commands = {
        "streme": ["streme", "--p", str(path), "--dna", *widths, "--oc", str(scratch / "streme")],
        "meme": ["meme", str(path), "-dna", "-revcomp", "-mod", "zoops", *(each.removeprefix("-") for each in widths),
                 "-oc", str(scratch / "meme"), "-nostatus"],
    }  # fmt: skip
    return f"{measure(commands[name], 1).cpu_seconds:.2f}"


def _write(planted: Planted, path: Path) -> None:
    letters = np.frombuffer(planted.sequences.alphabet.letters.encode(), np.uint8)[planted.sequences.codes]
    names = planted.sequences.names
    with path.open("wb") as stream:
        write_fasta(stream, SequenceSet(names, names, letters, planted.sequences.offsets))


def _accuracy() -> str:
    """Means over a few seeded sets of each kind."""
    lines = [
        "## Motif search: planted motifs\n",
        ACCURACY_TEXT,
        "| sets | likeness | precision of sites | recall | log10 E |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, options in ACCURACY.items():
        both = bool(options.get("both_strands", True))
        rows = []
        for seed in SEEDS:
            planted = plant(seed, **options)
            best = find_motifs(planted.sequences, both_strands=both, max_width=22).motifs[0]
            near = likeness(best.motif.probabilities, planted.matrix, both_strands=both)
            rows.append((near, *precision_and_recall(best, planted), best.log10_e_value))
        near, precision, recall, log10_e = np.mean(rows, axis=0)
        lines.append(f"| {name} | {near:.3f} | {precision:.3f} | {recall:.3f} | {log10_e:.1f} |")
    return "\n".join(lines) + "\n"


def _reference_sets() -> str:
    """Every planted set of reference beside MEME's row; nothing where there are none at hand."""
    folder = os.environ.get("GENEM_REFERENCE_DATA")
    if not folder:
        return "Not run: the planted sets of reference, in the folder that `GENEM_REFERENCE_DATA` names.\n"
    from tests.validation.test_motif_search_validation import planted_sets, search, table

    place = Path(folder)
    meme = {
        (row["set"], row["matched_true_motif"]): row
        for row in table(place / "motif" / "planted_expected" / "summary.tsv")
        if row["program"].startswith("MEME")
    }
    lines = [
        "## Motif search: planted sets of reference\n",
        REFERENCE_TEXT,
        "| set | motif | log10 E | likeness | precision | recall | MEME's likeness | precision | recall | CPU s |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in planted_sets(place):
        started = time.process_time()
        found = search(place, name)
        seconds = f"{time.process_time() - started:.2f}"
        for which, each, planted in found:
            near = likeness(each.motif.probabilities, planted.matrix)
            precision, recall = precision_and_recall(each, planted)
            row = meme.get((name, which), {})
            theirs = " | ".join(row.get(key, "NA") for key in ("ppm_cosine", "site_precision", "site_recall"))
            ours = f"{each.log10_e_value:.1f} | {near:.3f} | {precision:.3f} | {recall:.3f}"
            lines.append(f"| {name} | {which} | {ours} | {theirs} | {seconds} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.motif", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    print(report(given.repeats, given.sizes))
