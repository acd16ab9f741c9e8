"""Substitution models with all their values: rate matrix, frequencies, rates over sites."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError
from genem.phylo.models.amino_acid_matrices import amino_acid_matrix
from genem.phylo.models.rates import gamma_rates
from genem.phylo.models.specifications import ModelSpecification, parse_model
from genem.phylo.patterns import SitePatterns

__all__ = ["Model", "starting_model"]

Vector = NDArray[np.float64]

SMALLEST_FREQUENCY = 1e-8
"""A state that was never counted keeps this much: the eigenvectors divide by the square root."""
SMALLEST_START = 1e-4
"""Frequencies that are to be estimated start no lower."""
DNA_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
START_ALPHA, START_INVARIANT, START_RATE = 0.5, 0.1, 1.0


@dataclass(frozen=True)
class Model:
    """A reversible substitution model: Q(x, y) = r(x, y) pi(y), scaled to one expected substitution per unit of time.

    Attributes
    ----------
    specification
        The family and what is fixed.
    rate_values
        float64: rates of the classes other than that of GT (DNA); empty for published matrices.
    frequency
        float64 (state,): stationary frequencies, all positive.
    alpha
        Shape of the gamma distribution of rates; NaN without one.
    invariant
        Proportion of sites that never change.
    free_weight, free_rate
        float64 (category,): of ``+R``; empty without it.
    """

    specification: ModelSpecification
    rate_values: Vector
    frequency: Vector
    alpha: float = float("nan")
    invariant: float = 0.0
    free_weight: Vector = field(default_factory=lambda: np.empty(0))
    free_rate: Vector = field(default_factory=lambda: np.empty(0))

    @property
    def n_states(self) -> int:
        return len(self.frequency)

    @property
    def n_categories(self) -> int:
        return self.specification.n_categories

    def exchangeabilities(self) -> Vector:
        """float64 (state, state): r, symmetric, with a zero diagonal."""
        specification = self.specification
        if not specification.rate_classes:
            return amino_acid_matrix(specification.name)[0]
        value_of = dict(zip(specification.free_classes, self.rate_values, strict=True))
        matrix = np.zeros((4, 4))
        for (x, y), digit in zip(DNA_PAIRS, specification.rate_classes, strict=True):
            matrix[x, y] = matrix[y, x] = value_of.get(digit, 1.0)
        return matrix

    def rate_matrix(self) -> Vector:
        """float64 (state, state): Q, rows sum to 0, expected rate 1."""
        q = self.exchangeabilities() * self.frequency
        np.fill_diagonal(q, -q.sum(axis=1))
        scaled: Vector = q / -(self.frequency @ np.diag(q))
        return scaled

    def categories(self) -> tuple[Vector, Vector]:
        """Rates and weights of the categories of variable sites; the weights sum to 1 - ``invariant``.

        The mean rate over all sites is 1: variable sites are faster where some never change.
        """
        specification = self.specification
        if specification.heterogeneity == "free":
            weight = self.free_weight / self.free_weight.sum()
            rate = self.free_rate / (weight @ self.free_rate)
        elif specification.heterogeneity == "gamma":
            rate = gamma_rates(self.alpha, specification.n_categories, specification.gamma_rule)
            weight = np.full(len(rate), 1.0 / len(rate))
        else:
            rate = weight = np.ones(1)
        variable = 1.0 - self.invariant
        return rate / variable, weight * variable

    @property
    def n_free(self) -> int:
        """Free parameters as counted by AIC and BIC: frequencies counted in the alignment are among them."""
        specification = self.specification
        rates = len(self.rate_values) if specification.rate_values is None else 0
        frequencies = self.n_states - 1 if specification.frequency_rule in ("counted", "optimised") else 0
        shape = 0
        if specification.heterogeneity == "gamma":
            shape = int(specification.alpha is None)
        elif specification.heterogeneity == "free" and specification.free_rates is None:
            shape = 2 * specification.n_categories - 2
        return rates + frequencies + shape + int(specification.has_invariant and specification.invariant is None)

    def __str__(self) -> str:
        """The model string that fixes every value."""
        specification = self.specification
        text = specification.name
        if len(self.rate_values):
            text += _braces([*self.rate_values, 1.0] if specification.name == "GTR" else self.rate_values)
        if specification.frequency_rule not in ("equal", "model"):
            text += "+F" + _braces(self.frequency)
        elif specification.frequency_rule != parse_model(specification.name).frequency_rule:
            text += "+FQ"
        if specification.heterogeneity == "gamma":
            text += f"+G{specification.n_categories}" + _braces([self.alpha])
        elif specification.heterogeneity == "free":
            pairs = np.column_stack([self.free_weight, self.free_rate]).ravel()
            text += f"+R{specification.n_categories}" + _braces(pairs)
        if specification.has_invariant:
            text += "+I" + _braces([self.invariant])
        return text + ("+ASC" if specification.ascertainment else "")


def starting_model(model: str | ModelSpecification, patterns: SitePatterns) -> Model:
    """A model for an alignment: fixed and counted values in place, the others at customary starting values.

    Parameters
    ----------
    model
        A model string (see :func:`parse_model`) or what one says.
    patterns
        The alignment: its datatype must be that of the model; frequencies are counted in it.

    Raises
    ------
    UsageError
        The string cannot be read; a protein model meets DNA or the other way round; with +ASC the alignment has
        constant sites.

    Examples
    --------
    >>> from genem.data import Alignment
    >>> from genem.phylo.patterns import site_patterns
    >>> letters = np.array([list(b"AACCT"), list(b"AACGT")], np.uint8)
    >>> print(starting_model("HKY{4}+G4{0.5}", site_patterns(Alignment(("a", "b"), letters, "dna"))))
    HKY{4}+F{0.4,0.3,0.1,0.2}+G4{0.5}
    """
    specification = parse_model(model) if isinstance(model, str) else model
    found = patterns.alphabet.datatype
    if specification.datatype != found:
        raise UsageError(
            f"{specification.name} is a {specification.datatype} model, the alignment is {found}; "
            f"choose {found.default_model}, {' or '.join(found.other_models)}"
        )
    if specification.ascertainment:
        _require_variable_sites(patterns)
    free_weight, free_rate = _starting_free_rates(specification)
    invariant = specification.invariant if specification.invariant is not None else START_INVARIANT
    return Model(
        specification=specification,
        rate_values=_starting_rates(specification),
        frequency=_frequencies(specification, patterns),
        alpha=(specification.alpha or START_ALPHA) if specification.heterogeneity == "gamma" else float("nan"),
        invariant=invariant if specification.has_invariant else 0.0,
        free_weight=free_weight,
        free_rate=free_rate,
    )


def _starting_rates(specification: ModelSpecification) -> Vector:
    if specification.rate_values is not None:
        return np.array(specification.rate_values)
    transitions = {specification.rate_classes[1:2], specification.rate_classes[4:5]}
    values = [START_RATE if digit not in transitions else 2.0 * START_RATE for digit in specification.free_classes]
    return np.array(values)


def _frequencies(specification: ModelSpecification, patterns: SitePatterns) -> Vector:
    n_states = len(specification.datatype.states)
    if specification.frequency_rule == "fixed":
        frequency = np.array(specification.frequencies)
    elif specification.frequency_rule == "equal":
        frequency = np.full(n_states, 1.0 / n_states)
    elif specification.frequency_rule == "model":
        frequency = amino_acid_matrix(specification.name)[1]
    else:
        frequency = patterns.frequencies()
    smallest = SMALLEST_START if specification.frequency_rule == "optimised" else SMALLEST_FREQUENCY
    if frequency.min() >= smallest:
        return frequency
    floored = np.maximum(frequency, smallest)
    return np.asarray(floored / floored.sum(), dtype=np.float64)


def _starting_free_rates(specification: ModelSpecification) -> tuple[Vector, Vector]:
    if specification.heterogeneity != "free":
        return np.empty(0), np.empty(0)
    if specification.free_rates is not None:
        weight, rate = np.array(specification.free_rates).T
        return weight / weight.sum(), rate.copy()
    n_categories = specification.n_categories
    return np.full(n_categories, 1.0 / n_categories), gamma_rates(START_ALPHA, n_categories)


def _require_variable_sites(patterns: SitePatterns) -> None:
    constant = float(patterns.weight @ np.any(patterns.constant_states() > 0.0, axis=0))
    if constant:
        raise UsageError(
            f"+ASC is for alignments of variable sites, {constant:g} of {patterns.n_sites} may be constant; "
            "leave +ASC out, or remove these sites"
        )


def _braces(values: Vector | list[float]) -> str:
    """In full: the string gives the same likelihood again."""
    return "{" + ",".join(repr(float(value)).removesuffix(".0") for value in values) + "}"
