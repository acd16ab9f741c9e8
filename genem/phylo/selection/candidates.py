"""The models that a selection chooses from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches

from genem.data import Datatype
from genem.errors import UsageError
from genem.phylo.models.amino_acid_matrices import AMINO_ACID_MODELS
from genem.phylo.models.rates import GammaRule
from genem.phylo.models.specifications import DNA_MODELS, ModelSpecification, parse_model

__all__ = ["MOST_FREE_RATES", "RATE_CLASSES", "candidate_models", "is_candidate_for"]

MOST_FREE_RATES = 10
RATE_CLASSES = ("+E", "+I", "+G4", "+I+G4", "+R")
"""One rate, invariant sites, gamma categories, both, free rates of 2 and more categories."""


def candidate_models(
    datatype: Datatype, models: Sequence[str] = (), *, ascertainment: bool = False, gamma_rule: GammaRule = "mean"
) -> tuple[ModelSpecification, ...]:
    """The candidates of a selection, without repetition.

    Parameters
    ----------
    datatype
        The kind of the letters: all its matrices, those with free frequencies with frequencies counted in the
        alignment, published ones with their frequencies and with counted ones. Each with one rate, ``+I``, ``+G4``,
        ``+I+G4``, and ``+R2`` to ``+R10``.
    models
        Restricts them. A matrix with frequencies (``GTR``, ``LG+F``) stands for itself
        with all rates over sites; an entry that begins with ``+`` (``+E`` one rate, ``+I``, ``+G8``, ``+R``, ``+R3``)
        restricts those; a whole model (``HKY+G4``, ``HKY+E``) stands for itself.
    ascertainment
        Put ``+ASC`` onto all; those with ``+I``, which it does not go with, are left out unless named whole.
    gamma_rule
        What represents a gamma category: its mean or its median.

    Raises
    ------
    UsageError
        An entry cannot be read or is for another datatype, or nothing is left.

    Examples
    --------
    >>> [str(model) for model in candidate_models("dna", ["K80", "HKY", "+E", "+G4", "GTR+I"])]
    ['K80', 'K80+G4', 'HKY+F', 'HKY+F+G4', 'GTR+F+I']
    >>> len(candidate_models("dna")), len(candidate_models("protein"))
    (286, 78)
    """
    matrices, rates, complete = _sorted_entries(models)
    if not matrices and not complete:
        named = [parse_model(name) for name in (*DNA_MODELS, *AMINO_ACID_MODELS)]
        matrices = [
            model.name + frequencies
            for model in named
            if model.datatype == datatype
            for frequencies in (("", "+F") if model.frequency_rule == "model" else ("",))
        ]
    texts = [matrix + rate for matrix in matrices for rate in _spelled_out(rates or RATE_CLASSES)]
    found: dict[ModelSpecification, None] = {}
    for text in [*texts, *complete]:
        specification = parse_model(_without_one_rate(text), gamma_rule)
        if specification.datatype != datatype:
            raise UsageError(
                f"{specification.name} is a {specification.datatype} model, the alignment is {datatype}; leave it out"
            )
        if not (ascertainment and specification.has_invariant and text not in complete):
            found[replace(specification, ascertainment=ascertainment or specification.ascertainment)] = None
    if not found:
        listed = ", ".join(models)
        raise UsageError(f"no model is left of {listed!r} for variable sites (+ASC); name models without +I")
    return tuple(found)


def is_candidate_for(entry: str, datatype: Datatype) -> bool:
    """Whether a candidate is for a kind of letters; an entry that only says how rates differ is for all.

    Raises
    ------
    UsageError
        The entry cannot be read.

    Examples
    --------
    >>> [entry for entry in ("HKY", "LG+F", "+G4", "GTR+E") if is_candidate_for(entry, "protein")]
    ['LG+F', '+G4']
    """
    return entry.startswith("+") or parse_model(_without_one_rate(entry)).datatype == datatype


def _without_one_rate(model: str) -> str:
    """Without ``+E``, which model strings do not know."""
    return model[:-2] if model.upper().endswith("+E") else model


def _sorted_entries(models: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Matrices, rates over sites, and whole models of a list."""
    matrices, rates, complete = [], [], []
    for entry in filter(None, map(str.strip, models)):
        modifiers = entry.upper().split("+")[1:]
        if entry.startswith("+"):
            rates.append(_checked_rates(entry))
        elif all(modifier.partition("{")[0] in ("F", "FO", "FQ", "ASC") for modifier in modifiers):
            matrices.append(entry)
        else:
            complete.append(entry)
    return matrices, rates, complete


def _checked_rates(entry: str) -> str:
    upper = entry.upper()
    try:
        if upper not in RATE_CLASSES:
            parse_model("JC" + upper)
    except UsageError:
        near = get_close_matches(upper, RATE_CLASSES, n=1, cutoff=0.0)[0]
        raise UsageError(f"{entry!r} says nothing about rates over sites; did you mean {near!r}?") from None
    return upper


def _spelled_out(rates: Sequence[str]) -> Iterator[str]:
    """``+R`` as the models it stands for."""
    for rate in rates:
        if rate.endswith("+R"):
            yield from (f"{rate}{count}" for count in range(2, MOST_FREE_RATES + 1))
        else:
            yield rate
