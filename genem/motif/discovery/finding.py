"""``find_motifs``: the motifs of a set of sequences, one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Motif, MotifSites, SequenceSet
from genem.errors import InputError, UsageError
from genem.jit import set_threads
from genem.motif.alphabet import NUCLEOTIDE_PSEUDOCOUNT, EncodedSequences, detect_alphabet, encode
from genem.motif.background import Background, estimate_background
from genem.motif.discovery.alignment_kernels import Limits
from genem.motif.discovery.candidates import Candidate, SearchSettings, climb_from_seeds, lay_out, search_limits
from genem.motif.discovery.refinement import Refined, Refiner
from genem.motif.discovery.similarity import is_repetitive, resembles
from genem.motif.model.fitting import MotifFit
from genem.motif.model.layout_kernels import Layout
from genem.motif.model.placements import SiteModel
from genem.motif.priors import DirichletMixture
from genem.motif.significance.e_values import log10_e_value

__all__ = ["Discovery", "FoundMotif", "find_motifs"]

Floats = NDArray[np.float64]

WIDEST = 300
"""Columns of a motif at most."""
CLOSE = 6.0
"""Candidates whose log E-values are so close to the best one's are fitted, too,"""
WINDOWS_TO_FIT, FEWEST_FITTED, MOST_FITTED = 200_000, 2, 10
"""as many as have so many windows together, within bounds."""
NOTEWORTHY = math.log(0.05)
"""A motif that repeats itself gives way to another whose log E-value is below this."""
NO_INFORMATION = 1e-9
"""An alignment of unknown letters has no log-likelihood ratio but rounding, in nats, and is no motif."""


@dataclass(frozen=True, slots=True)
class FoundMotif:
    """A motif, its sites, and how it was found.

    Attributes
    ----------
    motif
        Named by number and consensus; with its number of sites and E-value.
    sites
        In order of sequence and place, with scores in bits, p-values and posterior probabilities.
    fit
        The EM run that ended at the motif.
    site_counts
        float64 (width, letter): letters of the sites; an unknown letter is shared out by the background.
    log10_e_value
        MEME's E-value of the sites' alignment; see :func:`genem.motif.log10_e_value`.
    log_likelihood_ratio
        Of the alignment: sum over columns of N f log(f / b), nats.
    repetitive
        Whether the motif fits itself when moved by up to three letters, as tandem repeats do.
    n_starts
        Starts that were climbed to the end, or to where one of those had begun.
    n_starts_best
        How many of them came to this motif.
    n_optima
        Distinct alignments that the starts came to.
    """

    motif: Motif
    sites: MotifSites
    fit: MotifFit
    site_counts: Floats
    log10_e_value: float
    log_likelihood_ratio: float
    repetitive: bool
    n_starts: int
    n_starts_best: int
    n_optima: int


@dataclass(frozen=True, slots=True)
class Discovery:
    """Result of a search.

    Attributes
    ----------
    motifs
        In the order they were found; fewer than asked for where nothing else was left.
    background
        What the motifs stand out from.
    min_width, max_width
        The widths that were possible: no wider than the longest sequence.
    n_copies
        Candidates that were passed over because they were an earlier motif again, moved or on the other strand.
    """

    motifs: tuple[FoundMotif, ...]
    background: Background
    min_width: int
    max_width: int
    n_copies: int


def find_motifs(
    sequences: EncodedSequences | SequenceSet,
    *,
    model: SiteModel = "zoops",
    min_width: int = 6,
    max_width: int = 20,
    n_motifs: int = 1,
    both_strands: bool = False,
    palindrome: bool = False,
    background: Background | None = None,
    background_order: int = 0,
    pseudocount: float | None = None,
    prior: DirichletMixture | None = None,
    site_count_prior: float = 0.8,
    seed: int = 1,
    trace: bool = False,
    threads: int = 1,
) -> Discovery:
    r"""Search sequences for motifs.

    Words that occur more often than a Markov background explains are counted in one pass
    (:func:`~genem.motif.find_seeds`). From each a motif climbs by a few EM steps, after which its sites, their number
    and its window are chosen so that the alignment is as surprising as can be: the objective is the E-value

    .. math:: E(w, N) = Q_w\Big(\sum_k \log p_k\Big) \cdot A(w, N)

    with the columns' p-values :math:`p_k`, that of their product :math:`Q_w` and the number A of alignments that N
    windows of width w can form (Bailey & Gribskov 1998, doi:10.1093/bioinformatics/14.1.48): alignments of all widths
    and numbers of sites compare by it. The best go on, the best of all are fitted by EM to convergence
    (:func:`~genem.motif.fit_motif`), their windows are tried once more, and the occurrences of the best are erased
    before the next motif is searched.

    Parameters
    ----------
    sequences
        Of any number and lengths; a plain ``SequenceSet`` is encoded first, its alphabet detected.
    model
        Sites per sequence: "oops" exactly one, "zoops" none or one, "anr" any number.
    min_width, max_width
        Columns of a motif.
    n_motifs
        How many to look for.
    both_strands
        Sites may lie on either strand.
    palindrome
        A motif equals its reverse complement.
    background
        Default: a Markov model of order ``background_order`` of the sequences.
    background_order
        Letters of context of the default background.
    pseudocount, prior, site_count_prior
        As for :func:`~genem.motif.fit_motif`.
    seed
        Determines the few starts that are drawn at random beside the counted words.
    trace
        Record every EM step of the final fits.
    threads
        Threads to use; they do not change the result.

    Returns
    -------
    Discovery

    Raises
    ------
    UsageError
        Arguments that make no sense.
    InputError
        No letter is known, or no sequence is as long as ``min_width``.

    Examples
    --------
    >>> from genem.io.sequences.fasta import read_fasta
    >>> found = find_motifs(read_fasta("data/promoters.fa"), model="oops", both_strands=True, max_width=22)
    >>> best = found.motifs[0]
    >>> len(best.sites), best.fit.status.label, best.log10_e_value < -5.0
    (18, 'converged', True)
    """
    if isinstance(sequences, SequenceSet):
        sequences = encode(sequences, detect_alphabet(sequences))
    _check(sequences, min_width, max_width, n_motifs, both_strands, palindrome)
    if background is None:
        background = estimate_background(sequences, order=background_order, both_strands=both_strands)
    elif both_strands:
        background = background.symmetric()
    set_threads(threads)
    settings = SearchSettings(
        model=model,
        min_width=min_width,
        max_width=min(max_width, int(sequences.lengths.max())),
        both_strands=both_strands,
        palindrome=palindrome,
        pseudocount=max(sequences.alphabet.pseudocount if pseudocount is None else pseudocount, NUCLEOTIDE_PSEUDOCOUNT),
        seed=seed,
    )
    refiner = Refiner(sequences, background, settings, pseudocount, prior, site_count_prior, trace)
    found, n_copies = _one_after_the_other(sequences, background, settings, refiner, n_motifs)
    return Discovery(tuple(found), background, settings.min_width, settings.max_width, n_copies)


def _check(
    sequences: EncodedSequences, min_width: int, max_width: int, n_motifs: int, both_strands: bool, palindrome: bool
) -> None:
    if not 1 <= min_width <= max_width:
        raise UsageError(f"widths from {min_width} to {max_width}; 1 or more, the smaller first")
    if max_width > WIDEST:
        raise UsageError(f"a width of {max_width}; at most {WIDEST}")
    if n_motifs < 1:
        raise UsageError(f"{n_motifs} motifs; 1 is the least")
    if (both_strands or palindrome) and not sequences.alphabet.has_strands:
        raise UsageError(f"{sequences.alphabet.name} has no reverse complement: one strand, no palindromes")
    longest = int(sequences.lengths.max(initial=0))
    if longest < min_width:
        raise InputError(
            f"the longest of {len(sequences)} sequences has {longest} letters, a motif at least {min_width}",
            remedy="choose a smaller width",
        )


@dataclass(frozen=True, slots=True)
class _Best:
    candidate: Candidate
    refined: Refined


def _one_after_the_other(
    sequences: EncodedSequences, background: Background, settings: SearchSettings, refiner: Refiner, n_motifs: int
) -> tuple[list[FoundMotif], int]:
    """Find a motif, erase it, find the next; also how many candidates were copies."""
    limits = search_limits(sequences, background, settings)
    intact = lay_out(sequences, background, settings, np.zeros(sequences.codes.size, np.bool_))
    layout, weights = intact, np.ones(sequences.codes.size)
    found: list[FoundMotif] = []
    n_copies = 0
    for number in range(1, n_motifs + 1):
        candidates = climb_from_seeds(sequences, layout, limits, settings, erased=number > 1, round_=number)
        best, n_again = _best_new(candidates, found, refiner, layout, intact, limits, weights if number > 1 else None)
        n_copies += n_again
        if best is None:
            break
        found.append(_result(number, best, candidates, sequences, background, settings))
        if number < n_motifs:
            weights = weights * (1.0 - refiner.occupied(best.refined))
            layout = lay_out(sequences, background, settings, weights < 0.5)
    return found, n_copies


def _best_new(
    candidates: list[Candidate],
    found: list[FoundMotif],
    refiner: Refiner,
    layout: Layout,
    intact: Layout,
    limits: Limits,
    weights: Floats | None,
) -> tuple[_Best | None, int]:
    """The best candidate that is not a motif found before; also how many were passed over.

    The first few that come close to the first are all fitted: their order may change.
    """
    both_strands = refiner.settings.both_strands
    best: _Best | None = None
    n_fitted, n_copies = 0, 0
    most = int(np.clip(WINDOWS_TO_FIT // max(1, layout.n_strands * len(layout.codes)), FEWEST_FITTED, MOST_FITTED))
    for candidate, repetitive in _in_order(candidates, refiner.background.probabilities):
        if best is not None and (n_fitted == most or repetitive or candidate.log_e > best.candidate.log_e + CLOSE):
            break
        if any(resembles(candidate.matrix, each.fit.matrix, both_strands) for each in found):
            n_copies += 1
            continue
        refined = refiner.refine(candidate, layout, limits, weights)
        if refined is None or refined.log_likelihood_ratio < NO_INFORMATION:
            continue
        n_fitted += 1
        if any(refiner.is_same(refined, each.fit.matrix, each.sites, intact) for each in found):
            n_copies += 1
        elif best is None or refined.log10_e_value < best.refined.log10_e_value:
            best = _Best(candidate, refined)
    return best, n_copies


def _in_order(candidates: list[Candidate], background: Floats) -> list[tuple[Candidate, bool]]:
    """Best first; but where anything else is noteworthy, what repeats itself comes last, and is marked."""
    repetitive = [is_repetitive(each.matrix, background) for each in candidates]
    if not any(each.log_e < NOTEWORTHY and not again for each, again in zip(candidates, repetitive, strict=True)):
        return [(each, False) for each in candidates]
    return sorted(zip(candidates, repetitive, strict=True), key=lambda pair: pair[1])


def _result(
    number: int,
    best: _Best,
    candidates: list[Candidate],
    sequences: EncodedSequences,
    background: Background,
    settings: SearchSettings,
) -> FoundMotif:
    refined, matrix = best.refined, best.refined.fit.matrix
    alphabet = sequences.alphabet
    log10_e = log10_e_value(
        refined.counts,
        background.probabilities,
        sequences.lengths,
        model=settings.model,
        both_strands=settings.both_strands,
        palindrome=settings.palindrome,
    )
    consensus = "".join(alphabet.letters[letter] for letter in matrix.argmax(axis=1))
    return FoundMotif(
        motif=Motif(
            f"motif_{number}",
            alphabet.letters,
            matrix,
            background.probabilities,
            float(len(refined.sites)),
            log10_e,
            consensus,
        ),
        sites=refined.sites,
        fit=refined.fit,
        site_counts=refined.counts,
        log10_e_value=log10_e,
        log_likelihood_ratio=refined.log_likelihood_ratio,
        repetitive=is_repetitive(matrix, background.probabilities),
        n_starts=sum(each.n_starts for each in candidates),
        n_starts_best=best.candidate.n_starts,
        n_optima=len(candidates),
    )
