"""The motif search: kernels against readable twins, planted motifs found, odd sets survived."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import SequenceSet
from genem.em import Optimum
from genem.errors import InputError, UsageError
from genem.motif import DNA, PROTEIN, encode, estimate_background, find_motifs, find_seeds
from genem.motif.discovery.alignment_kernels import choose_number, choose_window, column_log_p, log_alignments
from genem.motif.discovery.candidate_kernels import count_places, make_bench, sorted_sites
from genem.motif.discovery.candidates import Columns, SearchSettings, _finalists, lay_out, search_limits
from genem.motif.discovery.seeding import Template, expected_counts, random_seeds, start_columns, word_probabilities
from genem.motif.discovery.seeding_kernels import alike, count_words, has_period, score_words, sum_over_similar
from genem.motif.discovery.similarity import is_repetitive, resembles, similarity
from genem.motif.model.layout_kernels import windows_of
from genem.motif.significance.e_values import column_log_p_values
from genem.numerics.tails_kernels import log_product_tail
from tests.motif.planted_sets import likeness, plant, precision_and_recall
from tests.reference import motif_search as reference

sequence_lists = st.lists(st.text("ACGT", min_size=12, max_size=30), min_size=2, max_size=6)


def encoded(sequences):
    letters = np.frombuffer("".join(sequences).encode(), np.uint8)
    offsets = np.cumsum([0, *map(len, sequences)]).astype(np.int64)
    names = tuple(f"s{index}" for index in range(len(sequences)))
    return encode(SequenceSet(names, names, letters, offsets), DNA)


def laid_out(sequences, *, model="zoops", both_strands=True, widths=(4, 10), erased=None, palindrome=False):
    """Layout, limits and background of a small set."""
    data = encoded(sequences)
    background = estimate_background(data, both_strands=both_strands)
    settings_ = SearchSettings(model, *widths, both_strands, palindrome, 0.01, 1)
    erased = np.zeros(data.codes.size, np.bool_) if erased is None else erased
    return lay_out(data, background, settings_, erased), search_limits(data, background, settings_), background


def words_of(codes):
    return "".join("ACGT"[code] for code in codes)


@pytest.mark.kernel
@settings(max_examples=25, deadline=None)
@given(sequence_lists, st.sampled_from([(0, 1, 2), (0, 1, 4, 5)]), st.booleans(), st.booleans())
def test_words_are_counted_as_one_by_one(sequences, places, both_strands, once) -> None:
    sequences = [*sequences, "ACNNGTACGTTT"]
    layout, _, _ = laid_out(sequences, both_strands=both_strands)
    words = [
        "".join("ACGT"[number // 4**k % 4] for k in range(len(places) - 1, -1, -1))
        for number in range(4 ** len(places))
    ]
    canonical = np.arange(len(words))
    if both_strands:
        canonical = np.array([min(number, words.index(reference.turned(word))) for number, word in enumerate(words)])
    counts, n_windows = np.zeros(len(words), np.int64), np.zeros(len(sequences), np.int64)
    count_words(layout.codes, layout.offsets, layout.room, np.array(places), 4, canonical, once, counts, n_windows)
    expected = reference.word_counts(sequences, places, both_strands=both_strands, once=once)
    assert {word: int(count) for word, count in zip(words, counts, strict=True) if count} == dict(expected)
    assert n_windows[-1] == sum(all(sequences[-1][i + p] != "N" for p in places) for i in range(12 - places[-1]))


@pytest.mark.kernel
def test_similar_words_are_added() -> None:
    values = np.random.default_rng(1).random(64)
    names = [words_of((number // 16, number // 4 % 4, number % 4)) for number in range(64)]
    sums = np.empty(64)
    sum_over_similar(values, np.arange(64), np.ones((4, 4), np.bool_), 3, sums)
    by_name = dict(zip(names, values, strict=True))
    for name, total in zip(names, sums, strict=True):
        assert total == pytest.approx(sum(by_name[other] for other in reference.similar_words(name)), rel=1e-12)


@pytest.mark.kernel
def test_surprise_is_the_poisson_likelihood_ratio() -> None:
    counts, expected, scores = np.array([3.0, 10.0, 2.0]), np.array([1.5, 2.0, 4.0]), np.empty(3)
    score_words(counts, expected, scores)
    wanted = [reference.excess(c, e) for c, e in zip(counts, expected, strict=True)]
    np.testing.assert_allclose(scores, wanted, rtol=1e-12)


def test_word_probabilities_add_up_and_follow_the_markov_chain() -> None:
    background = estimate_background(encoded(["ACGTTGCAACGGTTACATTTACG"] * 3), order=2)
    for places in ((0, 1, 2, 3), (0, 1, 5, 6)):
        assert word_probabilities(Template(places), background).sum() == pytest.approx(1.0, rel=1e-12)
    one = word_probabilities(Template((0, 1, 2, 3)), background)[int("0123", 4)]
    p = background.conditionals
    assert one == pytest.approx(p[0][0, 0] * p[1][0, 1] * p[2][int("01", 4), 2] * p[2][int("12", 4), 3], rel=1e-12)


def test_expected_presence_is_one_minus_absence() -> None:
    got = expected_counts(np.array([0.1, 0.0]), np.array([5, 5, 20]), once=True)
    assert got == pytest.approx([3 - 2 * np.exp(-0.5) - np.exp(-2.0), 0.0], rel=1e-12)
    assert expected_counts(np.array([0.1]), np.array([5, 5, 20]), once=False) == pytest.approx([3.0])


@pytest.mark.kernel
def test_patterns_alike_and_periodic() -> None:
    pattern = np.array([0, 1, 2, 3, 3, 0, -1, -1])
    assert alike(pattern, np.array([1, 2, 3, 3, 0, 2, -1, -1]), 2)
    assert not alike(pattern, np.array([3, 3, 0, 0, 1, 2, -1, -1]), 2)
    assert has_period(np.array([0, 1, 0, 1, 0, 1]), 3)
    assert has_period(np.array([2, -1, -1, 2, 2, 2, 2, -1]), 3)
    assert not has_period(pattern, 3)


@pytest.mark.kernel
@settings(max_examples=20, deadline=None)
@given(sequence_lists, st.integers(0, 10**6), st.booleans())
def test_best_sites_and_their_number(sequences, seed, both_strands) -> None:
    layout, limits, background = laid_out(sequences, both_strands=both_strands)
    matrix = np.random.default_rng(seed).dirichlet(np.ones(4), 5) * 0.9 + 0.025
    windows = windows_of(layout, 5, False)
    assert count_places(windows, 1) == len(sequences)
    sites, log_ratios = sorted_sites(layout, windows, 1, matrix, 0.5, make_bench(layout, windows))
    expected = reference.best_sites(sequences, matrix, background.probabilities, both_strands=both_strands)
    np.testing.assert_allclose(log_ratios, [row[0] for row in expected], rtol=1e-9, atol=1e-9)
    if len(np.unique(np.round(log_ratios, 9))) == len(log_ratios):
        starts = np.searchsorted(layout.offsets, sites[:, 2], side="right") - 1
        assert starts.tolist() == [row[1] for row in expected]
    words = [words_of(layout.codes[p : p + 5]) for p in sites[:, 2]]
    words = [word if strand > 0 else reference.turned(word) for word, strand in zip(words, sites[:, 3], strict=True)]
    lengths = [len(sequence) for sequence in sequences]
    objectives = [
        reference.alignment_log_e(
            words[:n],
            background.probabilities,
            lengths,
            model="zoops",
            strands=1 + both_strands,
            narrowest=limits.min_width,
        )
        for n in range(2, len(words) + 1)
    ]
    number, objective = choose_number(layout, limits, sites, len(sites), 5, 100)
    assert objective == pytest.approx(min(objectives), rel=1e-9, abs=1e-9)
    assert objectives[number - 2] == pytest.approx(objective, rel=1e-9, abs=1e-9)


@pytest.mark.kernel
def test_the_window_goes_to_where_the_columns_agree() -> None:
    core = "GATTACAGG"
    rng = np.random.default_rng(3)
    sequences = [
        "".join(rng.choice(list("ACGT"), 20)) + core + "".join(rng.choice(list("ACGT"), 20)) for _ in range(12)
    ]
    layout, limits, _ = laid_out(sequences, widths=(4, 12))
    start = layout.offsets[:-1]
    sites = np.column_stack([start, layout.offsets[1:], start + 23, np.ones(12, np.int64)])
    first, width, _ = choose_window(layout, limits, sites, 12, 5)
    assert (first, width) == (-3, 9)
    turned = sites.copy()
    turned[:, 3] = -1
    first, width, _ = choose_window(layout, limits, turned, 12, 5)
    assert (first, width) == (-1, 9)


@pytest.mark.kernel
def test_sites_without_room_cost_a_wider_window() -> None:
    sequences = ["GATTACA" + "ACGGTCATTC"[i:] + "ACGT" for i in range(8)]
    layout, limits, _ = laid_out(sequences, widths=(4, 12))
    start = layout.offsets[:-1]
    sites = np.column_stack([start, layout.offsets[1:], start + 2, np.ones(8, np.int64)])
    first, _, _ = choose_window(layout, limits, sites, 8, 5)
    assert first >= -2


@pytest.mark.kernel
def test_alignments_and_p_values_agree_with_the_formulas() -> None:
    for model in ("zoops", "anr"):
        _, limits, _ = laid_out(["ACGTACGTACGT", "ACGTACGT", "ACG", "ACGTACGTACGTACGT"], model=model)
        for n in (1, 2, 3):
            whole = reference.alignment_log_e(
                ["AAAA"] * n, [0.25] * 4, [12, 8, 3, 16], model=model, strands=2, narrowest=4
            )
            ratio = reference.column_log_p([n, 0, 0, 0], [0.25] * 4)
            product = log_product_tail(4 * ratio, 4)
            assert log_alignments(n, 4, 2, limits) == pytest.approx(whole - product, rel=1e-9)
    assert column_log_p(600.0, 1000, 4, limits) == pytest.approx(reference.stats.chi2.logsf(1200.0, 3), rel=1e-5)


def test_columns_of_few_amino_acids_have_exact_p_values() -> None:
    data = plant(1, alphabet="protein", n_sequences=5, length=40, both_strands=False).sequences
    background = estimate_background(data)
    limits = search_limits(data, background, SearchSettings("zoops", 4, 8, False, False, 1.0, 1))
    for n, ratio in ((4, 8.0), (12, 20.0), (25, 30.0)):
        exact = column_log_p_values([ratio], n, background.probabilities)[0]
        assert column_log_p(ratio, n, 20, limits) == pytest.approx(exact, abs=0.4)


def test_the_planted_word_is_the_first_seed() -> None:
    planted = plant(7, n_sequences=60, bits=18.0, width=10)
    layout, _, background = (
        *laid_out([planted.sequences.sequence(i) for i in range(60)], widths=(6, 20))[:2],
        estimate_background(planted.sequences, order=1, both_strands=True),
    )
    seeds = find_seeds(layout, background, n_seeds=20, max_width=20)
    word = words_of(planted.matrix.argmax(axis=1))
    first = words_of(seeds.patterns[0][seeds.patterns[0] >= 0])
    pattern = "".join("." if code < 0 else "ACGT"[code] for code in seeds.patterns[0][: seeds.span[0]])
    agreeing = max(
        sum(a == b for a, b in zip(pattern, read[shift:], strict=False))
        for read in (word, reference.turned(word))
        for shift in range(4)
    )
    assert agreeing >= len(first) - 2
    assert np.all(seeds.excess >= 0.0)
    assert len(seeds) == 20


CASES = {
    "strong": {"bits": 16.0, "fraction": 0.5},
    "weak": {"bits": 11.0, "fraction": 0.9, "n_sequences": 150},
    "rare": {"bits": 18.0, "fraction": 0.15, "n_sequences": 150},
    "wide": {"bits": 20.0, "width": 18},
    "short": {"bits": 11.5, "width": 6, "length": 60},
    "long sequences": {"bits": 18.0, "length": 500, "n_sequences": 40, "width": 12},
    "few": {"bits": 18.0, "n_sequences": 12, "fraction": 1.0},
    "repeats": {"bits": 14.0, "repeats": 0.15},
    "one strand": {"bits": 14.0, "both_strands": False},
    "RNA": {"bits": 14.0, "both_strands": False, "alphabet": "RNA"},
    "protein": {"alphabet": "protein", "bits": 28.0, "width": 12, "both_strands": False, "n_sequences": 90},
}


@pytest.mark.parametrize("case", CASES)
def test_planted_motifs_are_found(case) -> None:
    planted = plant(11, **CASES[case])
    both = CASES[case].get("both_strands", True)
    best = find_motifs(planted.sequences, both_strands=both, max_width=22).motifs[0]
    precision, recall = precision_and_recall(best, planted)
    assert likeness(best.motif.probabilities, planted.matrix, both_strands=both) > 0.95
    assert precision > 0.8
    assert recall > 0.65
    assert best.log10_e_value < -3.0
    assert best.fit.status.label == "converged"
    assert not best.repetitive
    assert best.motif.n_sites == len(best.sites) == best.site_counts.sum(axis=1).round(6)[0]
    assert np.all(np.diff(best.sites.sequence) > 0)
    assert np.all((best.sites.p_value > 0.0) & (best.sites.p_value < 0.01))


@pytest.mark.parametrize("per_sequence", [2, 3])
def test_any_number_of_sites_is_found(per_sequence) -> None:
    planted = plant(5, bits=16.0, per_sequence=per_sequence, n_sequences=40)
    best = find_motifs(planted.sequences, model="anr", both_strands=True).motifs[0]
    precision, recall = precision_and_recall(best, planted)
    assert precision > 0.9
    assert recall > 0.85
    assert np.bincount(best.sites.sequence).max() > 1


def test_one_site_in_every_sequence() -> None:
    planted = plant(5, bits=14.0, fraction=1.0, n_sequences=40)
    best = find_motifs(planted.sequences, model="oops", both_strands=True).motifs[0]
    assert best.sites.sequence.tolist() == list(range(40))


def test_motifs_found_one_after_the_other_differ() -> None:
    first, second = plant(21, bits=16.0), plant(22, bits=16.0, width=8)
    codes = np.concatenate([first.sequences.codes, second.sequences.codes])
    offsets = np.arange(201, dtype=np.int64) * 100
    data = type(first.sequences)(DNA, tuple(map(str, range(200))), codes, offsets)
    found = find_motifs(data, both_strands=True, n_motifs=4)
    matrices = [each.motif.probabilities for each in found.motifs]
    assert max(likeness(matrices[0], first.matrix), likeness(matrices[1], first.matrix)) > 0.95
    assert max(likeness(matrices[0], second.matrix), likeness(matrices[1], second.matrix)) > 0.95
    for i in range(len(matrices)):
        for j in range(i):
            assert not resembles(matrices[i], matrices[j], True)
    assert found.motifs[1].log10_e_value < -10.0
    assert all(each.log10_e_value > -10.0 for each in found.motifs[2:])


def test_a_palindrome_stays_one() -> None:
    planted = plant(3, bits=12.0, width=8)
    best = find_motifs(planted.sequences, both_strands=True, palindrome=True).motifs[0]
    matrix = best.motif.probabilities
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)


def test_threads_and_repeats_change_nothing_and_the_seed_little() -> None:
    planted = plant(9, n_sequences=40, bits=14.0)
    first, again, other = (
        find_motifs(planted.sequences, both_strands=True, threads=threads, seed=seed)
        for threads, seed in ((1, 1), (2, 1), (1, 2))
    )
    for one in (again, other):
        assert one.motifs[0].log10_e_value == pytest.approx(first.motifs[0].log10_e_value, abs=1.0)
    assert first.motifs[0].motif.probabilities.tobytes() == again.motifs[0].motif.probabilities.tobytes()
    assert first.motifs[0].sites.score.tobytes() == again.motifs[0].sites.score.tobytes()
    assert first.motifs[0].log10_e_value == again.motifs[0].log10_e_value


def random_texts(*lengths):
    rng = np.random.default_rng(8)
    return ["".join(rng.choice(list("ACGT"), length)) for length in lengths]


ODD = {
    "one sequence": random_texts(80),
    "one window": random_texts(6),
    "identical": random_texts(40) * 6,
    "empty and short": ["", "A", "ACG", *random_texts(30, 30, 30)],
    "mostly unknown": ["N" * 40] * 3 + random_texts(20, 20),
    "one letter": ["A" * 30] * 5,
    "two letters": ["AC" * 15] * 5,
    "no motif": random_texts(*[60] * 20),
}


@pytest.mark.parametrize("model", ["oops", "zoops", "anr"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_sets_are_survived(kind, model) -> None:
    data = encoded(ODD[kind])
    found = find_motifs(data, model=model, both_strands=True, n_motifs=2, max_width=20)
    assert found.max_width == min(20, data.lengths.max())
    for each in found.motifs:
        assert np.isfinite(each.log10_e_value)
        assert 6 <= each.motif.width <= found.max_width
        assert len(each.sites) >= 1
        assert np.all(each.sites.start + each.motif.width <= data.lengths[each.sites.sequence])
    if kind == "no motif":
        assert len(found.motifs) == 2
        assert found.motifs[0].log10_e_value > 0.0


def test_random_seeds_are_long_words_of_the_sequences() -> None:
    texts = ["ACGTTGCATTAGGCATCGATCNNACGGATTACAGGCAT", "GATTACAGATTA", "ACGTA"]
    sequences = encoded(texts)
    background = estimate_background(sequences)
    options = SearchSettings("zoops", 6, 30, False, False, 0.01, 1)
    layout = lay_out(sequences, background, options, np.zeros(sequences.codes.size, np.bool_))
    seeds = random_seeds(layout, 30, 200, np.random.default_rng(1))
    rows = zip(seeds.patterns, seeds.span, strict=True)
    words = {"".join((DNA.letters + "N")[code] for code in row[:span]) for row, span in rows}
    assert max(map(len, words)) == 24
    assert min(map(len, words)) == 8
    assert all(any(word in text for text in texts[:2]) for word in words)
    assert np.all((seeds.patterns >= 0).sum(axis=1) >= 8)
    assert set(seeds.n_sites) == {2.0}
    theta = start_columns(seeds, DNA, background.probabilities, 6, 30)
    assert theta.sum(axis=2) == pytest.approx(1.0)


def test_repeats_leave_half_the_finalists_to_others() -> None:
    word, run = np.eye(4)[[0, 1, 2, 3, 0, 2, 1, 1]], np.eye(4)[[0] * 8]
    optima = [Optimum(9.0 - i, Columns(run, 5.0)) for i in range(6)] + [
        Optimum(-float(i), Columns(word, 5.0)) for i in range(6)
    ]
    chosen = _finalists(optima, 6, np.full(4, 0.25))
    assert [-each.objective for each in chosen] == [-9.0, -8.0, -7.0, 0.0, 1.0, 2.0]


def test_runs_of_a_letter_do_not_come_first() -> None:
    planted = plant(4, bits=13.0, fraction=0.6)
    codes = planted.sequences.codes.reshape(100, 100).copy()
    codes[::3, 40:65] = 0
    data = type(planted.sequences)(DNA, planted.sequences.names, codes.ravel(), planted.sequences.offsets)
    best = find_motifs(data, both_strands=True).motifs[0]
    assert not best.repetitive
    assert likeness(best.motif.probabilities, planted.matrix) > 0.9


def test_what_resembles_what() -> None:
    word = np.eye(4)[[0, 1, 2, 3, 0, 2, 1, 1]]
    assert resembles(word, word[2:], False)
    assert resembles(word, word[::-1, ::-1], True)
    assert not resembles(word, word[::-1, ::-1], False)
    assert similarity(word, np.full((6, 4), 0.25), both_strands=True) == 0.0
    assert not is_repetitive(word, np.full(4, 0.25))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_width": 9, "max_width": 8}, "widths from 9 to 8"),
        ({"max_width": 301}, "at most 300"),
        ({"n_motifs": 0}, "1 is the least"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, message) -> None:
    with pytest.raises(UsageError, match=message):
        find_motifs(encoded(random_texts(30, 30)), **options)


def test_sequences_that_cannot_be_searched_are_refused() -> None:
    with pytest.raises(InputError, match="longest of 2 sequences has 3 letters"):
        find_motifs(encoded(["ACG", "AC"]))
    with pytest.raises(InputError, match="no letter"):
        find_motifs(encoded(["NNNNNNNNN"]))
    protein = plant(1, alphabet="protein", n_sequences=3, length=30, both_strands=False).sequences
    assert protein.alphabet is PROTEIN
    with pytest.raises(UsageError, match="no reverse complement"):
        find_motifs(protein, both_strands=True)


def test_background_does_not_widen_the_motif_of_many_sequences() -> None:
    """A window one letter wider has fewer places in each sequence; that must not make up for a column of background."""
    rng = np.random.default_rng(11)
    core = "TGACTCATGC"
    sequences = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(3000)]
    for number in range(0, len(sequences), 2):
        start = int(rng.integers(0, 50))
        sequences[number] = sequences[number][:start] + core + sequences[number][start + len(core) :]
    found = find_motifs(encoded(sequences), both_strands=True).motifs[0]
    assert found.motif.alternative_name in (core, reference.turned(core))


def test_ambiguous_letters_of_sites_score_by_what_they_may_be() -> None:
    """R for A or G: less than A, more than N, which scores 0."""
    word = "TGACTCAT"
    sequences = [word[:2] + letter + word[3:] for letter in "AAAAAAAAAARN"]
    found = find_motifs(encoded(sequences), model="oops", min_width=8, max_width=8).motifs[0]
    known, either, unknown = found.sites.score[-3:]
    frequencies = found.motif.background
    share = (found.motif.n_sites * found.motif.probabilities[2] + 0.1 * frequencies) / (found.motif.n_sites + 0.1)
    ratios = share / frequencies
    assert known - unknown == pytest.approx(np.log2(ratios[0]), abs=0.01)
    assert either - unknown == pytest.approx(np.log2((share[0] + share[2]) / frequencies[[0, 2]].sum()), abs=0.01)


@pytest.mark.parametrize("model", ["oops", "zoops", "anr"])
def test_unknown_letters_are_no_motif(model) -> None:
    """Nothing is known but in a sequence too short for a site."""
    assert find_motifs(encoded(["N" * 60] * 8 + ["ACGTA"]), model=model, both_strands=True).motifs == ()
