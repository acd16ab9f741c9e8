"""Frequencies of arrays that cannot be used, of samples that do not fit the model, and of a run that is interrupted."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from threading import Timer, main_thread

import numpy as np
import pytest

from genem.errors import InputError, UsageError
from genem.popgen import allele_frequencies_from_genotypes, allele_frequencies_from_likelihoods, freq
from tests.popgen.blocks import block_from_calls

PL = np.array([[[0, 3, 30], [20, 0, 20]]], np.int32)
LENGTHS = np.full((1, 2), 3)


@pytest.mark.kernel
@pytest.mark.parametrize("code", [-3, -128, 2, 127])
@pytest.mark.parametrize("n_samples", [1, 5])
def test_codes_that_are_no_alleles_are_refused(code: int, n_samples: int) -> None:
    calls = np.zeros((1, n_samples, 2), np.int8)
    calls[0, -1, 1] = code
    with pytest.raises(InputError, match=f"variant 0, sample {n_samples - 1}: .* allele"):
        allele_frequencies_from_genotypes(calls, [2])
    with pytest.raises(InputError, match="allele"):
        allele_frequencies_from_genotypes(calls.astype(np.int16), [2])


@pytest.mark.parametrize(
    ("calls", "n_alleles", "match"),
    [
        (np.zeros((1, 2, 2), np.float64), [2], "alleles of type float64"),
        (np.full((1, 2, 2), 70_000), [2], "alleles from 70000"),
        (np.full((1, 2, 2), -3), [2], "alleles from -3"),
        (np.zeros((2, 2), np.int8), [2, 2], "shape"),
        (np.zeros((1, 2, 2), np.int8), [2, 2], "n_alleles has shape"),
        (np.zeros((1, 2, 2), np.int8), [[2]], "n_alleles has shape"),
        (np.zeros((1, 2, 2), np.int8), [2.5], "n_alleles of type float64"),
        (np.zeros((1, 2, 2), np.int8), [0], "n_alleles from 0"),
    ],
)
def test_genotype_arrays_are_checked(calls: np.ndarray, n_alleles: list[int], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        allele_frequencies_from_genotypes(calls, n_alleles)


@pytest.mark.parametrize(
    ("likelihoods", "lengths", "n_alleles", "field", "match"),
    [
        (PL, np.full((1, 2), 4), [2], "PL", "n_likelihoods from 4 to 4"),
        (PL, np.full((1, 2), -1), [2], "PL", "n_likelihoods from -1"),
        (PL, np.full((1, 2), 3.0), [2], "PL", "n_likelihoods of type float64"),
        (PL, np.full((1, 3), 3), [2], "PL", "n_likelihoods has shape"),
        (PL, LENGTHS, [2, 2], "PL", "n_alleles has shape"),
        (PL[0], LENGTHS, [2], "PL", "likelihoods has shape"),
        (PL + 0.5, LENGTHS, [2], "PL", "PL of type float64"),
        (PL.astype(np.int64) << 32, LENGTHS, [2], "PL", "PL from 0"),
        (PL, LENGTHS, [2], "GL", "GL of type int32"),
        (np.full((1, 2, 3), np.inf, np.float32), LENGTHS, [2], "GL", "infinite"),
        (PL, LENGTHS, [2], "GP", "field is 'GP'"),
    ],
)
def test_likelihood_arrays_are_checked(
    likelihoods: np.ndarray, lengths: np.ndarray, n_alleles: list[int], field: str, match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        allele_frequencies_from_likelihoods(likelihoods, lengths, n_alleles, field=field)  # type: ignore[arg-type]


@pytest.mark.slow
def test_other_integer_types_are_the_same_numbers() -> None:
    calls = np.array([[[0, 1], [1, -1]]])
    expected = allele_frequencies_from_genotypes(calls.astype(np.int8), [2])
    assert allele_frequencies_from_genotypes(calls, [2]).allele_frequency == expected.allele_frequency
    expected = allele_frequencies_from_likelihoods(PL, LENGTHS, [2])
    assert allele_frequencies_from_likelihoods(PL.astype(np.int16), LENGTHS, [2]).lower == expected.lower


@pytest.mark.kernel
def test_the_polyploid_sample_is_named() -> None:
    calls = np.array([[[0, 1, -2], [1, -2, -2], [-1, -1, -1]], [[0, 0, -2], [1, 0, -2], [0, 1, 1]]], np.int8)
    block = block_from_calls(calls, [2, 2])
    name = block.samples[2]
    with pytest.raises(InputError, match=rf"record 2 .*, sample {name}: a sample of ploidy above 2"):
        freq(block, inbreeding=True)
    values = np.array([[[0, 3, 30, -1], [3, 0, 3, 40]]], np.int32)
    with pytest.raises(InputError, match="variant 0, sample 1: a sample of ploidy above 2"):
        allele_frequencies_from_likelihoods(values, np.array([[3, 4]]), [2], inbreeding=True)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell that runs the tests in the background lets them ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_likelihood_kernel_can_be_interrupted() -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 99, (4_000, 50, 21)).astype(np.int32)
    timer = Timer(0.5, _interrupt_main)
    start = time.monotonic()
    allele_frequencies_from_likelihoods(values[:1], np.full((1, 50), 21), [6])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        allele_frequencies_from_likelihoods(values, np.full((4_000, 50), 21), np.full(4_000, 6))
    assert time.monotonic() - start < 30.0


def _interrupt_main() -> None:
    signal.pthread_kill(main_thread().ident, signal.SIGINT)
