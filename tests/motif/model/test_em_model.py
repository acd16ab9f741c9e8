"""The E and M steps of motif models against lists of all placements, and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.em import Status
from genem.errors import UsageError
from genem.motif import (
    BLOCKS9,
    DNA,
    PROTEIN,
    MotifModel,
    MotifParams,
    Pseudocounts,
    background_from_probabilities,
    batch_em,
    estimate_background,
    find_placements,
    fit_motif,
    site_posteriors,
    start_matrix,
)
from tests.motif.sets import DNA_SETS, encoded, expected_sites, matrices
from tests.reference import motif as textbook

pytestmark = pytest.mark.kernel

MODELS = ("oops", "zoops", "anr")
TEXTS = ("ACGTTNCA", "TTGRCA", "ACG", "", "GGTTGC", "NNNNNNN", "TGCATG")
UNEVEN = np.array([0.3, 0.2, 0.2, 0.3])


def model_of(
    texts: tuple[str, ...] | list[str],
    width: int,
    site_model: str = "zoops",
    *,
    both_strands: bool = False,
    palindrome: bool = False,
    pseudocount: float = 0.5,
    weights: np.ndarray | None = None,
    prior_chances: float = 3.0,
) -> MotifModel:
    sequences = encoded(*texts)
    background = background_from_probabilities(DNA, UNEVEN)
    placements = find_placements(sequences, width, background, both_strands=both_strands, weights=weights)
    columns = Pseudocounts(pseudocount, UNEVEN)
    return MotifModel(placements, site_model, columns, 0.4, prior_chances, palindrome)  # type: ignore[arg-type]


def params_of(width: int, site_model: str, seed: int = 1, palindrome: bool = False) -> MotifParams:
    matrix = matrices(width, seed)
    if palindrome:
        matrix = (matrix + matrix[::-1, ::-1]) / 2
    return MotifParams(matrix, 1.0 if site_model == "oops" else 0.3)


@pytest.mark.parametrize("site_model", MODELS)
@pytest.mark.parametrize(("both_strands", "palindrome"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("width", [1, 3, 6])
def test_a_step_is_that_of_the_list_of_placements(
    site_model: str, both_strands: bool, palindrome: bool, width: int
) -> None:
    letter_weights = np.random.default_rng(5).uniform(0.2, 1.0, sum(map(len, TEXTS)))
    model = model_of(TEXTS, width, site_model, both_strands=both_strands, palindrome=palindrome, weights=letter_weights)
    params = params_of(width, site_model, palindrome=palindrome)
    cuts = np.cumsum([len(text) for text in TEXTS])[:-1]
    matrix, rate, log_likelihood, penalty, posteriors = textbook.em_step(
        TEXTS,
        params.matrix,
        params.site_rate,
        UNEVEN,
        model=site_model,
        both_strands=both_strands,
        palindrome=palindrome,
        pseudocount=0.5,
        prior_rate=0.4,
        prior_chances=3.0,
        weights=[row.tolist() for row in np.split(letter_weights, cuts)],
    )
    step = model.em_step(params)
    np.testing.assert_allclose(step.params.matrix, matrix, rtol=1e-10)
    assert step.params.site_rate == pytest.approx(rate, rel=1e-10)
    assert step.log_likelihood == pytest.approx(log_likelihood, rel=1e-10, abs=1e-10)
    assert step.penalty == pytest.approx(penalty, rel=1e-10)
    assert step.expected_complete_log_likelihood is not None
    entropy = step.log_likelihood - step.expected_complete_log_likelihood
    assert entropy == pytest.approx(entropy_of(posteriors, site_model), abs=1e-8) or site_model == "anr"
    assert entropy >= -1e-9
    found = model.posteriors(params)
    offsets = model.placements.sequences.offsets
    usable = [i for i, text in enumerate(TEXTS) if len(text) >= width]
    for i, posterior in zip(usable, posteriors, strict=True):
        for (start, strand), z in posterior.items():
            assert found[0 if strand == 1 else 1, offsets[i] + start] == pytest.approx(z, rel=1e-9, abs=1e-15)


def entropy_of(posteriors: list[dict[tuple[int, int], float]], site_model: str) -> float:
    total = 0.0
    for posterior in posteriors:
        shares = [*posterior.values(), *([] if site_model == "oops" else [1.0 - sum(posterior.values())])]
        total -= sum(z * np.log(z) for z in shares if z > 0.0)
    return total


@pytest.mark.parametrize("site_model", MODELS)
@pytest.mark.parametrize(
    ("both_strands", "palindrome", "width"), [(False, False, 3), (True, False, 2), (True, True, 3)]
)
def test_the_gradient_is_that_of_differences(site_model: str, both_strands: bool, palindrome: bool, width: int) -> None:
    model = model_of(TEXTS, width, site_model, both_strands=both_strands, palindrome=palindrome)
    params = params_of(width, site_model, palindrome=palindrome)
    vector = model.pack(params)
    again = model.unpack(vector)
    np.testing.assert_allclose(again.matrix, params.matrix, rtol=1e-12)
    assert vector.size == model.n_free
    step = 1e-5
    for i, slope in enumerate(model.gradient(params)):
        ahead, behind = vector.copy(), vector.copy()
        ahead[i] += step
        behind[i] -= step
        rise = model.em_step(model.unpack(ahead)).objective - model.em_step(model.unpack(behind)).objective
        assert slope == pytest.approx(rise / (2 * step), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("site_model", MODELS)
@pytest.mark.parametrize("pseudocount", [0.0, 0.01])
def test_palindromes_on_one_strand_converge(site_model: str, pseudocount: float) -> None:
    """Their sites are not palindromic: only the gradients of mirror images together are 0."""
    texts = ["CCATTGACCTCAGGAT", "GGTTGACGTCACCTAA", "ATTAGTGACCTCAGCC", "CAGGATTGACCTAATT"]
    start = start_matrix("TGASSTCA", DNA)
    result = fit_motif(encoded(*texts), start, model=site_model, palindrome=True, pseudocount=pseudocount)  # type: ignore[arg-type]
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.matrix, result.matrix[::-1, ::-1], rtol=1e-12)


@settings(max_examples=30)
@given(texts=DNA_SETS, site_model=st.sampled_from(MODELS), seed=st.integers(0, 50), both=st.booleans())
def test_the_objective_never_falls(texts: list[str], site_model: str, seed: int, both: bool) -> None:
    texts = [*texts, "ACGTACGT"]
    model = model_of(texts, 4, site_model, both_strands=both)
    params = params_of(4, site_model, seed)
    before = -np.inf
    for _ in range(6):
        step = model.em_step(params)
        assert step.objective >= before - 1e-9
        before, params = step.objective, step.params
        np.testing.assert_allclose(params.matrix.sum(axis=1), 1.0, rtol=1e-12)


@settings(max_examples=25)
@given(texts=DNA_SETS, site_model=st.sampled_from(MODELS), seed=st.integers(0, 50))
def test_the_other_strand_tells_the_same(texts: list[str], site_model: str, seed: int) -> None:
    """Turning the sequences round, or the motif, changes nothing when both strands are searched."""
    texts = [*texts, "ACGTACGT"]
    params = params_of(4, site_model, seed)
    turned = MotifParams(params.matrix[::-1, ::-1].copy(), params.site_rate)
    plain = model_of(texts, 4, site_model, both_strands=True).em_step(params)
    other_motif = model_of(texts, 4, site_model, both_strands=True).em_step(turned)
    assert other_motif.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(other_motif.params.matrix[::-1, ::-1], plain.params.matrix, rtol=1e-9)
    if site_model != "anr" or not any("N" in text for text in texts):
        round_texts = [textbook.reverse_complement(text) for text in texts]
        other_data = model_of(round_texts, 4, site_model, both_strands=True).em_step(params)
        if site_model != "anr":  # "anr" reads from the left
            assert other_data.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)
            np.testing.assert_allclose(other_data.params.matrix, plain.params.matrix, rtol=1e-9)


@settings(max_examples=20)
@given(texts=DNA_SETS, site_model=st.sampled_from(MODELS), seed=st.integers(0, 50), shuffled=st.randoms())
def test_the_order_of_the_sequences_does_not_matter(
    texts: list[str], site_model: str, seed: int, shuffled: object
) -> None:
    texts = [*texts, "ACGTACGT"]
    mixed = list(texts)
    shuffled.shuffle(mixed)  # type: ignore[attr-defined]
    params = params_of(4, site_model, seed)
    first = model_of(texts, 4, site_model).em_step(params)
    second = model_of(mixed, 4, site_model).em_step(params)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-10)
    np.testing.assert_allclose(second.params.matrix, first.params.matrix, rtol=1e-10)


@pytest.mark.parametrize("site_model", ["oops", "zoops"])
def test_a_run_of_unknown_letters_says_nothing(site_model: str) -> None:
    model = model_of(("NNNNNNNNNN",), 4, site_model, pseudocount=0.0, prior_chances=0.0)
    params = params_of(4, site_model)
    step = model.em_step(params)
    assert step.log_likelihood == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(step.params.matrix, params.matrix, rtol=1e-12)
    assert step.params.site_rate == pytest.approx(params.site_rate)


def test_a_single_sequence_as_wide_as_the_motif() -> None:
    result = fit_motif(encoded("ACGTA"), start_matrix("ACGTN", DNA), model="oops")
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.window_posteriors()[0], [1, 0, 0, 0, 0])
    assert result.counts.argmax(axis=1).tolist() == [0, 1, 2, 3, 0]


def test_records_too_short_have_no_site() -> None:
    sequences = encoded("", "ACGTACGTAA", "AC", "TTACGTACGT", "A")
    result = fit_motif(sequences, start_matrix("ACGTACGT", DNA), model="zoops", n_sites=1.5)
    assert result.model.placements.usable.tolist() == [1, 3]
    assert expected_sites(result)[[0, 2, 4]].tolist() == [0.0, 0.0, 0.0]
    sites = site_posteriors(result)
    assert sites.sequence.tolist() == [1, 3]
    assert sites.start.tolist() == [0, 2]
    assert np.all(np.isnan(sites.p_value))


def test_scores_of_sites_are_log_ratios() -> None:
    texts = ("TTACGRTT", "GGAACGTA")
    background = estimate_background(encoded(*texts), both_strands=True)
    result = fit_motif(encoded(*texts), start_matrix("ACGT", DNA), model="zoops", both_strands=True)
    for strand, start, sequence, score in zip(
        *(getattr(site_posteriors(result, least=1e-9), name) for name in ("strand", "start", "sequence", "score")),
        strict=True,
    ):
        word = texts[sequence][start : start + 4]
        read = word if strand == 1 else textbook.reverse_complement(word)
        ratio = textbook.word_ratio(result.matrix, background.probabilities, read)
        assert score == pytest.approx(np.log2(ratio), abs=1e-9)


def test_a_letter_that_starts_at_zero_is_reported_as_locked() -> None:
    texts = ("TTACGTTT", "GGACGTGG", "CACGTCCC", "TACGTATT")
    start = start_matrix("ACGT", DNA)
    start[1] = [0.5, 0.0, 0.25, 0.25]
    locked = fit_motif(encoded(*texts), start, model="oops", pseudocount=0.0)
    assert locked.status is Status.LOCKED
    assert (2, "C") in locked.locked_cells
    assert "C in column 2" in locked.reason
    assert locked.matrix[1, 1] == 0.0
    free = fit_motif(encoded(*texts), start, model="oops", pseudocount=0.5)
    assert free.status is Status.CONVERGED
    assert free.matrix[1, 1] > 0.8


@pytest.mark.parametrize("site_model", MODELS)
def test_a_motif_that_no_sum_of_products_can_hold(site_model: str) -> None:
    """Wide and sharp: likelihood ratios beyond what a double holds as products."""
    rng = np.random.default_rng(3)
    texts = ["".join(rng.choice(list("ACGT"), size=330)) for _ in range(3)]
    word = texts[0][5:305]
    start = start_matrix(word, DNA, sharpness=1e-4)
    result = fit_motif(encoded(*texts), start, model=site_model, max_iter=3, accelerate=False)  # type: ignore[arg-type]
    assert np.isfinite(result.log_likelihood_ratio)
    assert result.window_posteriors()[0, 5] == pytest.approx(1.0)
    assert expected_sites(result)[0] == pytest.approx(1.0)


def test_acceleration_ends_where_plain_em_ends() -> None:
    rng = np.random.default_rng(11)
    texts = ["".join(rng.choice(list("ACGT"), 30)) + "TGACGTCAACGT" for _ in range(12)]
    start = start_matrix("TGNNNNCA", DNA)
    plain = fit_motif(encoded(*texts), start, both_strands=True, accelerate=False, trace=True, tolerance=1e-7)
    fast = fit_motif(encoded(*texts), start, both_strands=True, trace=True, tolerance=1e-7)
    assert plain.status is fast.status is Status.CONVERGED
    assert fast.fit.objective == pytest.approx(plain.fit.objective, rel=1e-9)
    assert plain.fit.trace is not None
    assert np.all(np.diff(plain.fit.trace.objective) >= -1e-9)
    assert np.all(plain.fit.trace.entropy >= -1e-9)


def test_threads_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(2)
    texts = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(40)]
    start = start_matrix("ACGTNN", DNA)
    one, two = (fit_motif(encoded(*texts), start, both_strands=True, max_iter=20, threads=n) for n in (1, 2))
    assert one.matrix.tobytes() == two.matrix.tobytes()
    assert one.log_likelihood_ratio == two.log_likelihood_ratio


@pytest.mark.parametrize("site_model", MODELS)
def test_the_batch_makes_the_steps_of_single_fits(site_model: str) -> None:
    rng = np.random.default_rng(7)
    texts = ["".join(rng.choice(list("ACGT"), 25)) for _ in range(6)]
    sequences = encoded(*texts)
    placements = find_placements(sequences, 5, estimate_background(sequences), both_strands=True)
    starts = np.stack([matrices(5, seed) for seed in range(4)])
    counts = [2.0, 3.0, 1.0, 2.5]
    batch = batch_em(placements, starts, model=site_model, n_sites=counts, max_iter=3, negligible=0.0, tolerance=0.0)  # type: ignore[arg-type]
    for i, start in enumerate(starts):
        single = fit_motif(
            sequences,
            start,
            model=site_model,  # type: ignore[arg-type]
            n_sites=counts[i],
            both_strands=True,
            accelerate=False,
            max_iter=4,
        )
        np.testing.assert_allclose(batch.matrices[i], single.matrix, rtol=1e-7)
        assert batch.log_likelihood_ratios[i] == pytest.approx(single.log_likelihood_ratio, rel=1e-7, abs=1e-8)
        assert batch.objectives[i] == pytest.approx(single.fit.objective, rel=1e-7)
        assert batch.site_rates[i] == pytest.approx(single.site_rate, rel=1e-7)
        assert batch.n_iter[i] == 3
        assert Status(batch.status[i]) is Status.MAX_ITER

    ended = batch_em(placements, starts, model=site_model, n_sites=counts, max_iter=5000, negligible=0.0)  # type: ignore[arg-type]
    assert np.all(ended.status == Status.CONVERGED_OBJECTIVE)
    assert np.all(ended.objectives >= batch.objectives - 1e-9)


def test_protein_with_a_mixture_climbs_and_posterior_means_are_means() -> None:
    sequences = encoded("MKVLAAGIVGLCAKW", "GGCWYHMKVLSAGI", "AXBZKVLAAGWYRND", alphabet=PROTEIN)
    result = fit_motif(sequences, start_matrix("KVLAAG", PROTEIN), model="oops", accelerate=False, trace=True)
    assert result.status is Status.CONVERGED
    assert result.fit.trace is not None
    assert np.all(np.diff(result.fit.trace.objective) >= -1e-9)
    mean = BLOCKS9.posterior_mean(np.zeros((1, 20)))
    weights = BLOCKS9.weights / BLOCKS9.weights.sum()
    prior_mean = weights @ (BLOCKS9.concentrations / BLOCKS9.concentrations.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(mean[0], prior_mean, rtol=1e-12)
    many = np.full((1, 20), 1e7)
    np.testing.assert_allclose(BLOCKS9.posterior_mean(many)[0], 0.05, rtol=1e-5)


@pytest.mark.parametrize("erased", [False, True])
def test_the_meme_step_rescales_overlaps_as_written_down(erased: bool) -> None:
    texts = ("AAATAAAGAATAAACC", "ACATACACGTGT")
    free = np.ones(28)
    if erased:
        free[3:6], free[20] = (0.2, 0.0, 0.7), 0.5
    model = model_of(texts, 4, "anr", weights=free if erased else None)
    compatible = MotifModel(model.placements, "anr", model.prior, 0.4, 3.0, False, True)
    matrix = np.array(
        [[0.8, 0.1, 0.04, 0.06], [0.7, 0.05, 0.1, 0.15], [0.66, 0.1, 0.03, 0.21], [0.9, 0.03, 0.02, 0.05]]
    )
    found = compatible.posteriors(MotifParams(matrix, 0.4))[0]
    for text, offset in zip(texts, (0, len(texts[0])), strict=True):
        expected = textbook.rescaled_mixture(text, matrix, UNEVEN, 0.4, False, free[offset:])[:, 0]
        np.testing.assert_allclose(found[offset : offset + expected.size], expected, rtol=1e-12)


@pytest.mark.parametrize(("site_model", "both_strands"), [("zoops", False), ("anr", True)])
def test_standard_errors_are_those_of_the_curvature(site_model: str, both_strands: bool) -> None:
    rng = np.random.default_rng(19)
    texts = []
    for i in range(30):
        flank = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(2)]
        word = "".join(rng.choice(list("ACGT"), p=[0.7, 0.1, 0.1, 0.1]) for _ in range(2)) + "GC"
        texts.append(flank[0] + (word if i < 20 else "TTTT") + flank[1])
    result = fit_motif(
        encoded(*texts),
        start_matrix("AAGC", DNA),
        model=site_model,  # type: ignore[arg-type]
        both_strands=both_strands,
        pseudocount=2.0,
        n_sites=20,
    )
    errors = result.standard_errors()
    assert errors.refused == ""
    assert np.all(errors.params.matrix > 0.0)
    assert 0.0 < errors.params.site_rate < 0.2
    information = np.empty_like(errors.information)
    vector = result.model.pack(result.params)
    for i in range(vector.size):
        ahead, behind = vector.copy(), vector.copy()
        ahead[i] += 1e-4
        behind[i] -= 1e-4
        unpack, gradient = result.model.unpack, result.model.gradient
        information[i] = (gradient(unpack(behind)) - gradient(unpack(ahead))) / 2e-4
    np.testing.assert_allclose(errors.information, information, rtol=1e-4, atol=1e-3)


def test_no_standard_errors_from_steps_that_maximise_nothing() -> None:
    result = fit_motif(encoded("ACGTACGT", "TTACGTAA"), start_matrix("ACGT", DNA), meme_compatible=True)
    with pytest.raises(UsageError, match="no standard errors"):
        result.standard_errors()


def test_every_window_is_listed_if_none_is_too_unlikely() -> None:
    result = fit_motif(encoded("ACGTACGT", "AC", "TTACGTAAC"), start_matrix("ACGT", DNA), both_strands=True)
    sites = site_posteriors(result, least=0.0)
    assert sites.sequence.tolist() == [0] * 10 + [2] * 12
    assert sites.start.tolist() == np.repeat([*range(5), *range(6)], 2).tolist()
    assert np.all(np.isfinite(sites.score))


def test_a_symmetric_start_is_no_trap() -> None:
    """Read on either strand a palindrome fits alike; sites that are not palindromic have one strand all the same."""
    texts = ["CCATTGACCTCAGGAT", "GGTTGACCTCACCTAA", "ATTAGTGACCTCAGCC", "CAGGATTGACCTCATT"]
    result = fit_motif(encoded(*texts), start_matrix("TGASSTCA", DNA), model="oops", both_strands=True)
    assert result.status is Status.CONVERGED
    sites = site_posteriors(result, least=0.9)
    assert len(sites) == 4
    assert len(set(sites.strand.tolist())) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0.0}, "each must be above 0"),
        ({"max_iter": 0}, "each must be above 0"),
        ({"model": "two"}, "oops, zoops or anr expected"),
        ({"n_sites": 3.0}, "3 sites; more than 0 and at most 2"),
        ({"site_count_prior": 1.0}, "from 0 to below 1"),
        ({"pseudocount": -1.0}, "0 or more expected"),
        ({"prior": BLOCKS9}, "a prior of 20 letters for an alphabet of 4"),
        ({"prior": BLOCKS9, "pseudocount": 1.0}, "exclude each other"),
    ],
)
def test_arguments_that_make_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit_motif(encoded("ACGTACGT", "TTACGTAA"), start_matrix("ACGT", DNA), **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"\(width, 4\) expected"):
        fit_motif(encoded("ACGT"), np.ones((3, 5)))
