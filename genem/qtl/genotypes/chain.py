"""The genotypes that a cross can have, how they follow one another along a chromosome, and what calls say of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.chain.emissions.genotype_kernels import NOT_FIRST, NOT_LAST
from genem.cross_types import AA, AB, BACKCROSS_CHAIN, BB, MEMBERS, GenotypeChain
from genem.data import Cross
from genem.errors import InputError

__all__ = [
    "SMALLEST_FRACTION",
    "ChromosomeChain",
    "chain_codes",
    "chromosome_chain",
    "reverse_females",
    "transition_matrices",
]

SMALLEST_FRACTION = 1e-14
"""Recombination fractions are kept off 0, so that no two calls contradict each other for good."""


NOT_THE_X = "leave the chromosome out, or name the X chromosome if it is another one"


def chain_codes(genotypes: tuple[int, ...]) -> NDArray[np.int8]:
    """The code of every call in a chain with these genotypes: 1 + state, NOT_LAST, NOT_FIRST, or 0 (nothing).

    Examples
    --------
    >>> chain_codes((AA, AB)).tolist()  # backcross: unknown, AA, AB, BB, not BB, not AA
    [0, 1, 2, 0, 0, 2]
    """
    codes = np.zeros(1 + len(MEMBERS), np.int8)
    for call, members in MEMBERS.items():
        states = [state for state, genotype in enumerate(genotypes) if genotype in members]
        if len(states) == 1:
            codes[call] = 1 + states[0]
        elif 1 < len(states) < len(genotypes):
            codes[call] = NOT_LAST if states[0] == 0 else NOT_FIRST
    return codes


@dataclass(frozen=True, slots=True)
class ChromosomeChain:
    """Calls of the individuals of a cross along one chromosome, in terms of their chain.

    Attributes
    ----------
    states
        The names of the genotypes the phenotype may depend on.
    chain
        How its states follow one another.
    codes
        int8 (individual, marker): see :mod:`genem.chain.emissions.genotype_kernels`.
    likelihoods
        float64 (individual, marker, chain state); without individuals where genotypes were called.
    state_of
        int64 (individual, chain state): which of ``states`` it is.
    """

    states: tuple[str, ...]
    chain: GenotypeChain
    codes: NDArray[np.int8]
    likelihoods: NDArray[np.float64]
    state_of: NDArray[np.int64]

    @property
    def n_chain_states(self) -> int:
        """The number of states of the chain."""
        return len(self.chain.initial)


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
    on_x = name in cross.x_chromosomes
    states, kinds = _on_x(cross, name) if on_x else _on_autosome(cross)
    genotypes = np.array([kind.genotypes for kind in kinds])
    tables = np.stack([chain_codes(kind.genotypes) for kind in kinds])
    codes = np.take_along_axis(tables, cross.genotypes[:, markers].astype(np.int64), axis=1)
    likelihoods = np.empty((0, len(markers), genotypes.shape[1]))
    if cross.likelihoods is not None:
        of_markers = cross.likelihoods[:, markers].astype(np.float64)
        likelihoods = np.take_along_axis(of_markers, (genotypes - AA)[:, None, :], axis=2)
    return ChromosomeChain(
        states,
        BACKCROSS_CHAIN if on_x else cross.breeding.chain,
        np.ascontiguousarray(codes),
        likelihoods,
        np.array([[states.index(name) for name in kind.names] for kind in kinds]),
    )


def transition_matrices(fractions: NDArray[np.float64], chain: GenotypeChain) -> NDArray[np.float64]:
    """Transition probabilities (step, from, to) across intervals of the recombination fractions that the chain sees."""
    rows = chain.transitions(np.maximum(fractions, SMALLEST_FRACTION))
    return np.ascontiguousarray(np.array(rows).transpose(2, 0, 1))


@dataclass(frozen=True, slots=True)
class _Kind:
    """Names and genotypes of the states of individuals that share them."""

    names: tuple[str, ...]
    genotypes: tuple[int, ...]


def _on_autosome(cross: Cross) -> tuple[tuple[str, ...], list[_Kind]]:
    """The states in order, and the kind of each individual."""
    genotypes = cross.breeding.genotypes
    kind = _Kind(tuple(genotype_names(cross)[genotype] for genotype in genotypes), genotypes)
    return kind.names, [kind] * len(cross)


def genotype_names(cross: Cross) -> dict[int, str]:
    """The names of the genotypes in the alleles of the cross."""
    a, b = cross.alleles
    return {AA: a + a, AB: a + b, BB: b + b}


def _on_x(cross: Cross, name: str) -> tuple[tuple[str, ...], list[_Kind]]:
    """The states in order, and the kind of each individual."""
    is_male = cross.is_male
    if not cross.breeding.x_by_sex:
        raise InputError(
            f"chromosome {name} is the X chromosome, which recombines and segregates by other rules in lines from a "
            f"cross of type {cross.cross_type}",
            remedy=NOT_THE_X,
        )
    if is_male is None:
        raise InputError(f"chromosome {name} is the X chromosome but no sex is given", remedy=NOT_THE_X)
    a, b = cross.alleles
    reverse = reverse_females(cross, is_male)
    both = bool(reverse.any()) and bool((~reverse & ~is_male).any())
    forward = _Kind((a + a, a + b + "f" * both), (AA, AB))
    backward = _Kind((b + b, a + b + "r" * both), (BB, AB))
    hemizygous = _Kind((a + "Y", b + "Y"), (AA, BB))
    kinds = [
        hemizygous if male else backward if turned else forward
        for male, turned in zip(is_male.tolist(), reverse.tolist(), strict=True)
    ]
    present = {state for kind in kinds for state in kind.names}
    states = dict.fromkeys((*forward.names, *reversed(backward.names), *hemizygous.names))
    return tuple(state for state in states if state in present), kinds


def reverse_females(cross: Cross, is_male: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The females whose father's X chromosome is the second parent's, in crosses that have such."""
    if cross.is_reverse is None or not cross.breeding.reciprocal:
        return np.zeros(len(cross), np.bool_)
    return np.asarray(cross.is_reverse & ~is_male)
