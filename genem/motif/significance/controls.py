"""Empirical significance of a search: the same search on sequences that hold no motif."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.errors import UsageError
from genem.jit import set_threads
from genem.motif.alphabet import EncodedSequences
from genem.motif.shuffling.words import shuffle

__all__ = [
    "ControlSearch",
    "OrderedMap",
    "Search",
    "SearchSignificance",
    "control_sets",
    "empirical_p_value",
    "search_significance",
]

Floats = NDArray[np.float64]
Search = Callable[[EncodedSequences], Sequence[float]]
"""A whole search: how strong each motif is that it finds in some sequences, larger is stronger."""
OrderedMap = Callable[[Callable[[int], float], Iterable[int]], Iterable[float]]
"""What ``map`` does: a function of numbers, one after the other or several at once, results in the same order."""

WORD_LENGTH_WITH_STRANDS, WORD_LENGTH_WITHOUT = 3, 1


@dataclass(frozen=True, slots=True)
class SearchSignificance:
    """Comparison of the motifs of a search with the best motifs of searches of controls.

    Attributes
    ----------
    p_value
        float64 (motif,)
    floor
        The smallest p-value that so many controls can give: 1 / (1 + their number). A p-value at the floor means that
        no control had a motif as strong.
    statistic
        float64 (motif,): strength of the motifs.
    control_statistic
        float64 (control,): strength of the best motif of each control, in the order they were searched; -inf where
        none was found.
    """

    p_value: Floats
    floor: float
    statistic: Floats
    control_statistic: Floats


@dataclass(frozen=True, slots=True)
class ControlSearch:
    """The search of a control by its number; it can be sent to another process where the search can.

    Attributes
    ----------
    search
        Takes sequences, gives the strength of each motif it finds in them.
    sequences
        What was searched.
    control
        Sequences without the motif, or None: shuffle.
    word_length
        Of the words that shuffles keep. None: 3 for DNA and RNA, 1 for protein.
    seed
        With the number of a control it determines the control.
    """

    search: Search
    sequences: EncodedSequences
    control: EncodedSequences | None = None
    word_length: int | None = None
    seed: int = 1

    def __call__(self, number: int) -> float:
        """Strength of the control's best motif; -inf where none was found."""
        (drawn,) = control_sets(
            self.sequences, [number], control=self.control, word_length=self.word_length, seed=self.seed
        )
        return float(max(self.search(drawn), default=-np.inf))


def empirical_p_value(statistic: float, control_statistics: ArrayLike) -> float:
    """The share of controls as strong, the observed one counted among them: never 0.

    Parameters
    ----------
    statistic
        Observed.
    control_statistics
        (control,)

    Returns
    -------
    float
        (1 + number of controls at least as strong) / (1 + number of controls).

    References
    ----------
    Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9:39, doi:10.2202/1544-6115.1585.

    Examples
    --------
    >>> empirical_p_value(7.0, [1.0, 7.0, 2.0])
    0.5
    """
    controls = np.asarray(control_statistics, np.float64)
    return float((1 + np.count_nonzero(controls >= statistic)) / (1 + controls.size))


def search_significance(
    search: Search,
    sequences: EncodedSequences,
    *,
    statistics: Sequence[float] | None = None,
    control: EncodedSequences | None = None,
    n_controls: int = 99,
    n_exceedances: int = 10,
    word_length: int | None = None,
    seed: int = 1,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
    ordered_map: OrderedMap = map,
) -> SearchSignificance:
    """Repeat a search on controls, to learn how strong a motif chance gives.

    The search runs as a whole, so that every choice it makes (width, number of sites, start) is made on the controls,
    too, and each motif is compared with the best one of every control. Controls are either the sequences shuffled
    (words of ``word_length`` letters keep their counts), or, with a control set, as many sequences drawn at random from
    both sets: whether a sequence belongs to the first set or the second is then what is permuted.

    Parameters
    ----------
    search
        Takes sequences, gives the strength of each motif it finds in them. It must give the same for the same
        sequences.
    sequences
        What was searched.
    statistics
        What the search gave for them, where that is known.
    control
        Sequences without the motif, of the same lengths on the whole.
    n_controls
        Most controls.
    n_exceedances
        No more controls are searched once every motif has met so many as strong: its p-value is then that number over
        the number of controls until then. Motifs of no significance cost few controls, others all of them.
    word_length
        Of the words that shuffles keep. None: 3 for DNA and RNA, 1 for protein.
    seed
        With the number of a control it determines the control.
    threads
        Threads that the kernels use.
    progress
        Called with the number of controls done, and the most there may be.
    ordered_map
        Goes over the controls, as ``map`` does, or several at once in processes of their own. Results must come in
        order; those after the last one needed are not asked for.

    Returns
    -------
    SearchSignificance

    Raises
    ------
    UsageError
        ``n_controls`` or ``n_exceedances`` is below 1, the control set is empty or of another alphabet.

    Notes
    -----
    Under the null hypothesis P(p-value <= x) <= x for every x: with l controls until the h-th exceedance h / l, else
    (1 + exceedances) / (1 + n).

    References
    ----------
    Besag & Clifford (1991), Biometrika 78:301, doi:10.1093/biomet/78.2.301; Westfall & Young (1993),
    Resampling-Based Multiple Testing (best of each control).

    Examples
    --------
    >>> from genem.io.sequences.fasta import read_fasta
    >>> from genem.motif.alphabet import DNA, encode
    >>> promoters = encode(read_fasta("data/promoters.fa"), DNA)
    >>> def longest_run(sequences):
    ...     breaks = np.flatnonzero(np.diff(sequences.codes.astype(int)))
    ...     return [float(np.diff(breaks).max())]
    >>> found = search_significance(longest_run, promoters, n_controls=19)
    >>> float(found.statistic[0]), found.floor
    (8.0, 0.05)
    """
    if n_controls < 1 or n_exceedances < 1:
        raise UsageError(f"{n_controls} controls, {n_exceedances} exceedances: 1 is the least of either")
    if control is not None and (len(control) == 0 or control.alphabet.letters != sequences.alphabet.letters):
        raise UsageError(f"the control set has {len(control)} sequences of {control.alphabet.name}")
    set_threads(threads)
    observed = np.array(search(sequences) if statistics is None else statistics, np.float64)
    strength_of = ControlSearch(search, sequences, control, word_length, seed)
    strongest: list[float] = []
    exceedances = np.zeros(len(observed), np.int64)
    for strength in ordered_map(strength_of, range(n_controls)) if len(observed) else ():
        strongest.append(strength)
        exceedances += strength >= observed
        if progress is not None:
            progress(len(strongest), n_controls)
        if (exceedances >= n_exceedances).all():
            break
    controls = np.array(strongest)
    p_value = np.array([_sequential_p_value(each, controls, n_exceedances) for each in observed])
    return SearchSignificance(p_value, 1.0 / (1 + n_controls), observed, controls)


def _sequential_p_value(statistic: float, controls: Floats, n_exceedances: int) -> float:
    """h / l where the h-th exceedance came with control l, else as of a fixed number of controls."""
    reached = np.flatnonzero(np.cumsum(controls >= statistic) >= n_exceedances)
    return float(n_exceedances / (1 + reached[0])) if reached.size else empirical_p_value(statistic, controls)


def control_sets(
    sequences: EncodedSequences,
    numbers: Iterable[int],
    *,
    control: EncodedSequences | None = None,
    word_length: int | None = None,
    seed: int = 1,
) -> Iterator[EncodedSequences]:
    """The controls of :func:`search_significance`, by number: each depends on the seed and its number only.

    Parameters
    ----------
    sequences
        What was searched.
    numbers
        Which controls, counted from 0.
    control
        Sequences without the motif, or None: shuffle.
    word_length
        Of the words that shuffles keep. None: 3 for DNA and RNA, 1 for protein.
    seed
        With the number of a control it determines the control.
    """
    if word_length is None:
        word_length = WORD_LENGTH_WITH_STRANDS if sequences.alphabet.has_strands else WORD_LENGTH_WITHOUT
    for number in numbers:
        if control is None:
            yield shuffle(sequences, word_length=word_length, seed=seed, number=number)
        else:
            yield _relabelled(sequences, control, number, seed)


def _relabelled(sequences: EncodedSequences, control: EncodedSequences, number: int, seed: int) -> EncodedSequences:
    """Draw as many sequences as there are, from both sets."""
    names = sequences.names + control.names
    texts = [part.codes[start:end] for part in (sequences, control) for start, end in _bounds(part)]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    chosen = np.sort(rng.permutation(len(texts))[: len(sequences)])
    offsets = np.cumsum([0, *(len(texts[i]) for i in chosen)]).astype(np.int64)
    codes = np.concatenate([texts[i] for i in chosen])
    return EncodedSequences(sequences.alphabet, tuple(names[i] for i in chosen), codes, offsets)


def _bounds(sequences: EncodedSequences) -> Iterator[tuple[int, int]]:
    yield from zip(sequences.offsets[:-1].tolist(), sequences.offsets[1:].tolist(), strict=True)
