"""Protocols of the EM contract: what a model tells the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from genem.em.parameters import Params, Vector
from genem.em.stationarity import Stationarity

Given = TypeVar("Given", contravariant=True)


class Degenerate(ArithmeticError):
    """Raised by a model where there is nothing to estimate, or the likelihood has no bound.

    An empty component, a variance below the resolution of the data, a vector outside the parameter space. On the
    path of a fit it ends the run as ``degenerate``; at a point that SQUAREM only tries, the try is dropped. A
    division by zero, an overflow of Python's numbers and ``LinAlgError`` are understood in the same way.
    """


DEFECTS = (ArithmeticError, np.linalg.LinAlgError)
"""What a model raises where its arithmetic has no answer."""


@dataclass(frozen=True, slots=True)
class EMStep(Generic[Params]):
    """One application of the EM map, with what the E-step learnt about the *incoming* parameters.

    Attributes
    ----------
    params
        The outgoing parameters: the M-step's answer.
    log_likelihood
        Observed-data log-likelihood of the incoming parameters (natural logarithm).
    penalty
        Log prior density (up to a constant) of the incoming parameters; 0 for maximum likelihood.
    entropy
        Entropy of the missing data given the observed data and the incoming parameters, or None.
    expected_complete_log_likelihood
        Q(incoming | incoming), computed on its own, or None. Where entropy is given too, a traced fit checks
        that log-likelihood = Q + entropy (Neal & Hinton 1998, doi:10.1007/978-94-011-5014-9_12).
    """

    params: Params
    log_likelihood: float
    penalty: float = 0.0
    entropy: float | None = None
    expected_complete_log_likelihood: float | None = None

    @property
    def objective(self) -> float:
        """The value that must not fall: log-likelihood plus penalty of the incoming parameters."""
        return self.log_likelihood + self.penalty


class EMModel(Protocol[Params]):
    """The least a model must offer. Every method must be a pure function of its arguments.

    A model whose log-likelihood is concave may say so with an attribute ``concave = True``.
    """

    @property
    def n_free(self) -> int:
        """Number of free parameters, as counted by AIC and BIC."""
        ...

    def start(self, rng: np.random.Generator) -> Params:
        """Draw a starting point."""
        ...

    def em_step(self, params: Params) -> EMStep[Params]:
        """One E-step and M-step."""
        ...


@runtime_checkable
class Packed(Protocol[Params]):
    """A model whose parameters have coordinates: needed for acceleration and numerical standard errors.

    The coordinates are unconstrained (``unpack`` takes any vector), or projected (``unpack`` moves a vector to
    the nearest parameters, or raises :class:`Degenerate`). For standard errors they must not be redundant:
    as many as ``n_free``.
    """

    def pack(self, params: Params) -> Vector:
        """float64 (coordinate,): coordinates of the parameters."""
        ...

    def unpack(self, vector: Vector) -> Params: ...


@runtime_checkable
class Differentiable(Protocol[Given]):
    """A packed model that knows the gradient of its objective (log-likelihood plus penalty)."""

    def gradient(self, params: Given) -> Vector:
        """float64 (coordinate,): derivative with respect to each packed coordinate."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A packed model whose coordinates live in a box."""

    def bounds(self) -> tuple[Vector, Vector]:
        """Lower and upper bound of every packed coordinate, float64 (coordinate,) each, may be infinite."""
        ...


@runtime_checkable
class Conditioned(Protocol[Given]):
    """A model that states its own first-order (Karush-Kuhn-Tucker) conditions, such as those of a simplex."""

    def stationarity(self, params: Given) -> Stationarity: ...


@runtime_checkable
class Curved(Protocol[Given]):
    """A packed model that knows the second derivatives of its objective."""

    def hessian(self, params: Given) -> Vector:
        """float64 (coordinate, coordinate): second derivatives with respect to the packed coordinates."""
        ...


@runtime_checkable
class Counted(Protocol):
    """A model that knows its sample size, as used by BIC and ICL."""

    @property
    def n_observations(self) -> int: ...


def conditions(model: EMModel[Params], params: Params) -> Stationarity | None:
    """The first-order conditions at ``params``, where the model offers them."""
    if isinstance(model, Conditioned):
        return model.stationarity(params)
    if isinstance(model, Differentiable) and isinstance(model, Packed):
        gradient = np.asarray(model.gradient(params), dtype=np.float64)
        if isinstance(model, Bounded):
            lower, upper = model.bounds()
            return Stationarity.box(model.pack(params), gradient, lower, upper)
        return Stationarity.unconstrained(gradient)
    return None


def effective_learning_rate(model: EMModel[Params], params: Params) -> Vector:
    """The step size that gradient ascent would need, coordinate by coordinate, to make this EM step.

    EM is gradient ascent with a matrix of step sizes, step = P(params) gradient. For the mean of a Gaussian
    component P is sigma^2 / N_k: no step size to choose, and larger the vaguer the component.
    Xu & Jordan (1996), Neural Computation 8:129, doi:10.1162/neco.1996.8.1.129.

    Parameters
    ----------
    model
        A packed model with a gradient.
    params
        Where the step starts.

    Returns
    -------
    float64 (coordinate,)
        EM step divided by gradient; NaN where the gradient is zero.

    Raises
    ------
    TypeError
        The model has no packed coordinates or no gradient.
    """
    if not (isinstance(model, Packed) and isinstance(model, Differentiable)):
        raise TypeError(f"{type(model).__name__} offers no gradient in packed coordinates")
    step = model.pack(model.em_step(params).params) - model.pack(params)
    gradient = np.asarray(model.gradient(params), dtype=np.float64)
    rate: Vector = np.full(step.shape, np.nan)
    np.divide(step, gradient, out=rate, where=gradient != 0.0)
    return rate
