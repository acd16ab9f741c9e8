"""``genem shuffle``: the words stay, their order does not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from genem.cli.main import main
from genem.io.sequences.fasta import read_fasta


def words(sequence: str, length: int) -> Counter[str]:
    return Counter(sequence[start : start + length] for start in range(len(sequence) - length + 1))


@pytest.mark.parametrize(("options", "length"), [([], 3), (["--order", "0"], 1), (["--order", "1"], 2)])
def test_words_keep_their_counts(data: Path, tmp_path: Path, options: list[str], length: int) -> None:
    output = tmp_path / "control.fa"
    assert main(["shuffle", str(data / "promoters.fa"), "-o", str(output), *options]) == 0
    before, after = read_fasta(data / "promoters.fa"), read_fasta(output)
    assert after.descriptions == before.descriptions
    for number in range(len(before)):
        assert words(after.sequence(number), length) == words(before.sequence(number), length)
        assert after.sequence(number) != before.sequence(number)


def test_seed_and_number_say_which_shuffle(data: Path, tmp_path: Path) -> None:
    runs = [[], [], ["--number", "1"], ["--seed", "2"], ["--threads", "2"]]
    results = []
    for number, options in enumerate(runs):
        output = tmp_path / f"{number}.fa"
        assert main(["shuffle", str(data / "promoters.fa"), "-o", str(output), *options]) == 0
        results.append(output.read_bytes())
    assert results[0] == results[1] == results[4]
    assert len(set(results)) == 3


def test_unknown_letters_keep_their_places(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\nACGTNNacgtRACCAGT\n>b\n\n")
    assert main(["shuffle", str(path), "--order", "0", "-q", "-o", str(tmp_path / "y.fa")]) == 0
    (shuffled,) = (read_fasta(tmp_path / "y.fa").sequence(0),)
    assert [place for place, letter in enumerate(shuffled) if letter not in "ACGT"] == [4, 5, 10]
