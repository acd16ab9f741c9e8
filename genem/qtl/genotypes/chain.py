"""Which genotypes a cross can have, how they follow one another along a chromosome, and what calls say of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.chain.emissions.genotype_kernels import NOT_FIRST, NOT_LAST
from genem.data import AA, AB, BB, NOT_AA, NOT_BB, Cross, CrossType
from genem.errors import InputError

__all__ = [
    "SMALLEST_FRACTION",
    "ChromosomeChain",
    "chromosome_chain",
    "initial_probabilities",
    "reverse_females",
    "transition_matrices",
]

SMALLEST_FRACTION = 1e-14
"""Recombination fractions are kept off 0, so that no two calls contradict each other for good."""


NOT_THE_X = "leave the chromosome out, or name the X chromosome if it is another one"


def _table(codes: dict[int, int]) -> NDArray[np.int8]:
    table = np.zeros(6, np.int8)
    for genotype, code in codes.items():
        table[genotype] = code
    return table


# What each genotype code says in a chain: 1 + state, NOT_LAST, NOT_FIRST, or 0 where it says nothing.
INTERCROSS = _table({AA: 1, AB: 2, BB: 3, NOT_BB: NOT_LAST, NOT_AA: NOT_FIRST})
ONE_COPY = _table({AA: 1, BB: 2, NOT_BB: 1, NOT_AA: 2})
FORWARD_FEMALE = _table({AA: 1, AB: 2, NOT_AA: 2})
REVERSE_FEMALE = _table({BB: 1, AB: 2, NOT_BB: 2})


@dataclass(frozen=True, slots=True)
class ChromosomeChain:
    """What the individuals of a cross show along one chromosome, in terms of their chain.

    Attributes
    ----------
    states
        The names of the genotypes the phenotype may depend on.
    n_chain_states
        States of the chain: 3 on the autosomes of an intercross, 2 elsewhere.
    codes
        int8 (individual, marker): see :mod:`genem.chain.emissions.genotype_kernels`.
    likelihoods
        float64 (individual, marker, chain state); without individuals where genotypes were called.
    state_of
        int64 (individual, chain state): which of ``states`` it is.
    """

    states: tuple[str, ...]
    n_chain_states: int
    codes: NDArray[np.int8]
    likelihoods: NDArray[np.float64]
    state_of: NDArray[np.int64]


def chromosome_chain(cross: Cross, chromosome: int) -> ChromosomeChain:
    """The chain of one chromosome of the map.

    On the X chromosome everybody follows the two-state chain of a backcross. The states are told apart by sex, and the
    heterozygous females of an intercross by direction: Broman et al. (2006), doi:10.1534/genetics.106.061176.

    Raises
    ------
    InputError
        The chromosome is the X but no sex is given, or the cross is one of inbred lines.
    """
    name = cross.genetic_map.chromosomes[chromosome]
    markers = cross.genetic_map.on(chromosome)
    states, kinds = _on_x(cross, name) if name in cross.x_chromosomes else _on_autosome(cross)
    genotypes = np.array([kind.genotypes for kind in kinds])
    tables = np.stack([kind.table for kind in kinds])
    codes = np.take_along_axis(tables, cross.genotypes[:, markers].astype(np.int64), axis=1)
    likelihoods = np.empty((0, len(markers), genotypes.shape[1]))
    if cross.likelihoods is not None:
        of_markers = cross.likelihoods[:, markers].astype(np.float64)
        likelihoods = np.take_along_axis(of_markers, (genotypes - AA)[:, None, :], axis=2)
    return ChromosomeChain(
        states,
        genotypes.shape[1],
        np.ascontiguousarray(codes),
        likelihoods,
        np.array([[states.index(name) for name in kind.names] for kind in kinds]),
    )


def initial_probabilities(n_states: int) -> NDArray[np.float64]:
    """Mendel's proportions."""
    return np.array([0.25, 0.5, 0.25]) if n_states == 3 else np.full(2, 0.5)


def transition_matrices(fractions: NDArray[np.float64], cross_type: CrossType, n_states: int) -> NDArray[np.float64]:
    """Transition probabilities (step, from, to) across intervals of the given recombination fractions.

    Recombinant inbred lines recombine at R = 2r / (1 + 2r) (selfing) or 4r / (1 + 6r) (sib mating):
    Haldane & Waddington (1931), Genetics 16:357, doi:10.1093/genetics/16.4.357.
    """
    r = np.maximum(fractions, SMALLEST_FRACTION)
    if cross_type == "riself":
        r = 2.0 * r / (1.0 + 2.0 * r)
    elif cross_type == "risib":
        r = 4.0 * r / (1.0 + 6.0 * r)
    matrices = np.empty((len(r), n_states, n_states))
    if n_states == 2:
        matrices[:, 0, 0] = matrices[:, 1, 1] = 1.0 - r
        matrices[:, 0, 1] = matrices[:, 1, 0] = r
        return matrices
    matrices[:, 0, 0] = matrices[:, 2, 2] = (1.0 - r) ** 2
    matrices[:, 0, 1] = matrices[:, 2, 1] = 2.0 * r * (1.0 - r)
    matrices[:, 0, 2] = matrices[:, 2, 0] = r**2
    matrices[:, 1, 0] = matrices[:, 1, 2] = r * (1.0 - r)
    matrices[:, 1, 1] = (1.0 - r) ** 2 + r**2
    return matrices


@dataclass(frozen=True, slots=True)
class _Kind:
    """Individuals that share their chain: names and genotypes of its states, and the table of codes."""

    names: tuple[str, ...]
    genotypes: tuple[int, ...]
    table: NDArray[np.int8]


def _on_autosome(cross: Cross) -> tuple[tuple[str, ...], list[_Kind]]:
    """The states in order, and the kind of each individual."""
    a, b = cross.alleles
    if cross.cross_type == "f2":
        kind = _Kind((a + a, a + b, b + b), (AA, AB, BB), INTERCROSS)
    elif cross.cross_type == "bc":
        kind = _Kind((a + a, a + b), (AA, AB), FORWARD_FEMALE)
    else:
        kind = _Kind((a + a, b + b), (AA, BB), ONE_COPY)
    return kind.names, [kind] * len(cross)


def _on_x(cross: Cross, name: str) -> tuple[tuple[str, ...], list[_Kind]]:
    """The states in order, and the kind of each individual."""
    is_male = cross.is_male
    if is_male is None or cross.cross_type not in ("f2", "bc"):
        if cross.cross_type in ("f2", "bc"):
            raise InputError(f"chromosome {name} is the X chromosome but no sex is given", remedy=NOT_THE_X)
        raise InputError(
            f"chromosome {name} is the X chromosome, which recombines and segregates by other rules in lines from a "
            "cross of type risib",
            remedy=NOT_THE_X,
        )
    a, b = cross.alleles
    reverse = reverse_females(cross, is_male)
    both = bool(reverse.any()) and bool((~reverse & ~is_male).any())
    forward = _Kind((a + a, a + b + "f" * both), (AA, AB), FORWARD_FEMALE)
    backward = _Kind((b + b, a + b + "r" * both), (BB, AB), REVERSE_FEMALE)
    hemizygous = _Kind((a + "Y", b + "Y"), (AA, BB), ONE_COPY)
    kinds = [
        hemizygous if male else backward if turned else forward
        for male, turned in zip(is_male.tolist(), reverse.tolist(), strict=True)
    ]
    present = {state for kind in kinds for state in kind.names}
    states = dict.fromkeys((*forward.names, *reversed(backward.names), *hemizygous.names))
    return tuple(state for state in states if state in present), kinds


def reverse_females(cross: Cross, is_male: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The females of an intercross whose second X came from the second parent."""
    if cross.is_reverse is None or cross.cross_type != "f2":
        return np.zeros(len(cross), np.bool_)
    return np.asarray(cross.is_reverse & ~is_male)
