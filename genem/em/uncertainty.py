"""Standard errors from the observed information; refused, not faked, where the theory does not hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import numpy as np

from genem.em.driver import EMFit
from genem.em.model import DEFECTS, Curved, Differentiable, EMModel, Packed, conditions
from genem.em.parameters import Params, Vector, parameter_names, parameter_vector, with_values

STEP_SEARCHES = 12
"""Trials of the length of a difference step."""
LONGEST_FLAT_STEP = 0.05
"""Relative length at which a search gives up on a coordinate along which the objective does not fall."""
BOUNDARY = 1e-8
"""Nearer to a bound than this is on it."""
SMALLEST_EIGENVALUE = 1e-9
"""Of the information scaled to a unit diagonal; below it a direction is not identified."""


@dataclass(frozen=True, slots=True)
class StandardErrors(Generic[Params]):
    """Standard errors of an estimate, or NaN and the reason why there are none.

    Attributes
    ----------
    params
        Standard errors in the shape of the parameters.
    names, values
        The same as names and a float64 (parameter,) vector.
    covariance
        float64 (parameter, parameter), in natural units.
    information
        float64 (coordinate, coordinate): observed information in packed coordinates.
    refused
        Why the errors are NaN; empty where they are given.
    """

    params: Params
    names: tuple[str, ...]
    values: Vector
    covariance: Vector
    information: Vector
    refused: str


def observed_information(model: EMModel[Params], params: Params) -> Vector:
    """Minus the second derivatives of log-likelihood + penalty in packed coordinates.

    Taken from the model where it knows them; else from central differences of its gradient; else from central
    differences of the observed log-likelihood that its E-step returns, both improved by one Richardson step. The
    step lengths follow the curvature: each lowers the objective by the cube root of its rounding error, which
    balances rounding against truncation whatever the scale of the parameters.

    Parameters
    ----------
    model
        A model with packed coordinates.
    params
        Where to take it; meaningful at a maximum.

    Returns
    -------
    float64 (coordinate, coordinate)
        NaN where the objective is not finite around ``params``.

    Raises
    ------
    TypeError
        The model has no packed coordinates.
    """
    if not isinstance(model, Packed):
        raise TypeError(f"{type(model).__name__} has no packed coordinates")
    if isinstance(model, Curved):
        return -np.asarray(model.hessian(params), dtype=np.float64)
    centre = np.asarray(model.pack(params), dtype=np.float64)
    objective = _objective_of(model)
    steps = _difference_steps(objective, centre)
    if isinstance(model, Differentiable):
        rows = _richardson(lambda vector: np.asarray(model.gradient(model.unpack(vector))), centre, steps)
        return -0.5 * (rows + rows.T)
    return -_hessian(objective, centre, steps)


def standard_errors(model: EMModel[Params], estimate: EMFit[Params] | Params) -> StandardErrors[Params]:
    """Standard errors of every parameter, in natural units.

    The inverse of the observed information in packed coordinates, carried to the parameters by the delta method.
    Efron & Hinkley (1978), Biometrika 65:457, doi:10.1093/biomet/65.3.457. With a penalty they describe the
    curvature of the penalised objective.

    Parameters
    ----------
    model
        A model with packed coordinates, as many as it has free parameters.
    estimate
        A fit, or parameters known to be a maximum.

    Returns
    -------
    StandardErrors
        All NaN, with the reason, where the fit did not converge, a parameter lies on a bound, the coordinates are
        redundant, or the information is not positive definite.

    Raises
    ------
    TypeError
        The model has no packed coordinates.

    Examples
    --------
    >>> class Coin:
    ...     n_free = 1
    ...     def start(self, rng):
    ...         return rng.uniform()
    ...     def em_step(self, p):
    ...         return EMStep((37 + 40 * p) / 100, 37 * np.log(p) + 23 * np.log1p(-p))
    ...     def pack(self, p):
    ...         return np.array([p])
    ...     def unpack(self, vector):
    ...         return float(vector[0])
    >>> from genem.em import EMStep, fit, standard_errors
    >>> errors = standard_errors(Coin(), fit(Coin(), start=0.5))
    >>> round(errors.params, 6)  # sqrt(p (1 - p) / 60): the flips nobody saw bring nothing
    0.062768
    """
    if not isinstance(model, Packed):
        raise TypeError(f"{type(model).__name__} has no packed coordinates")
    if isinstance(estimate, EMFit):
        params: Params = estimate.params
        if not estimate.status.is_converged:
            return _refuse(model, params, f"the fit ended as {estimate.status.label}")
    else:
        params = estimate
    n_coordinates = model.pack(params).size
    if n_coordinates != model.n_free:
        return _refuse(model, params, f"{n_coordinates} packed coordinates for {model.n_free} free parameters")
    first_order = conditions(model, params)
    if first_order is not None and np.any(first_order.slack <= BOUNDARY):
        return _refuse(model, params, "a parameter lies on its bound")
    information = observed_information(model, params)
    defect = _not_positive_definite(information)
    if defect:
        return _refuse(model, params, defect, information)
    inverse = np.linalg.inv(information)
    centre = model.pack(params)
    # a hundredth of the (conditional) standard error of each coordinate
    steps = 0.01 / np.sqrt(np.diag(information))
    jacobian = _richardson(lambda vector: parameter_vector(model.unpack(vector)), centre, steps).T
    covariance = jacobian @ inverse @ jacobian.T
    values = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if not np.all(np.isfinite(values)):
        return _refuse(model, params, "the parameters are not finite around the estimate", information)
    return StandardErrors(with_values(params, values), parameter_names(params), values, covariance, information, "")


def _refuse(
    model: EMModel[Params], params: Params, reason: str, information: Vector | None = None
) -> StandardErrors[Params]:
    names = parameter_names(params)
    size = len(names)
    values = np.full(size, np.nan)
    if information is None:
        information = np.full((model.n_free, model.n_free), np.nan)
    nothing = np.full((size, size), np.nan)
    return StandardErrors(with_values(params, values), names, values, nothing, information, reason)


def _not_positive_definite(information: Vector) -> str:
    if not np.all(np.isfinite(information)):
        return "the objective is not finite around the estimate"
    diagonal = np.diag(information)
    if np.all(diagonal > 0.0):
        scaled = information / np.sqrt(np.outer(diagonal, diagonal))
        if np.linalg.eigvalsh(scaled)[0] > SMALLEST_EIGENVALUE:
            return ""
    return "the observed information is not positive definite"


def _objective_of(model: EMModel[Params]) -> Callable[[Vector], float]:
    """The observed objective as a function of packed coordinates; NaN outside the parameter space."""
    assert isinstance(model, Packed)

    def objective(vector: Vector) -> float:
        try:
            return float(model.em_step(model.unpack(vector)).objective)
        except DEFECTS:
            return math.nan

    return objective


def _difference_steps(objective: Callable[[Vector], float], centre: Vector) -> Vector:
    """For every coordinate the step that lowers the objective by the wanted amount, found by trial."""
    top = objective(centre)
    wanted = (np.finfo(np.float64).eps * (1.0 + abs(top))) ** (1.0 / 3.0)
    steps = np.empty(centre.shape)
    for i in range(centre.size):
        size = max(abs(float(centre[i])), 1e-2)
        step = 1e-3 * size
        for _ in range(STEP_SEARCHES):
            drop = top - 0.5 * (_moved(objective, centre, (i, step)) + _moved(objective, centre, (i, -step)))
            if not math.isfinite(drop):
                step /= 8.0
            elif drop > 0.0 and not 0.3 * wanted < drop < 3.0 * wanted:
                step *= min(1e3, math.sqrt(wanted / drop))
            elif drop <= 0.0 and step < LONGEST_FLAT_STEP * size:
                step *= 4.0
            else:
                break
        steps[i] = step
    return steps


def _moved(function: Callable[[Vector], float], centre: Vector, *moves: tuple[int, float]) -> float:
    vector = centre.copy()
    for coordinate, distance in moves:
        vector[coordinate] += distance
    return function(vector)


def _hessian(objective: Callable[[Vector], float], centre: Vector, steps: Vector) -> Vector:
    """Second differences at the full and the half step, combined so that their leading error cancels."""
    hessian = np.empty((centre.size, centre.size))
    for i in range(centre.size):
        for j in range(i + 1):
            full, half = (_second_difference(objective, centre, steps * factor, i, j) for factor in (1.0, 0.5))
            hessian[i, j] = hessian[j, i] = (4.0 * half - full) / 3.0
    return hessian


def _second_difference(objective: Callable[[Vector], float], centre: Vector, steps: Vector, i: int, j: int) -> float:
    a, b = float(steps[i]), float(steps[j])
    if i == j:
        rise = _moved(objective, centre, (i, a)) + _moved(objective, centre, (i, -a))
        return (rise - 2.0 * objective(centre)) / a**2
    along = _moved(objective, centre, (i, a), (j, b)) + _moved(objective, centre, (i, -a), (j, -b))
    across = _moved(objective, centre, (i, a), (j, -b)) + _moved(objective, centre, (i, -a), (j, b))
    return (along - across) / (4.0 * a * b)


def _richardson(function: Callable[[Vector], Vector], centre: Vector, steps: Vector) -> Vector:
    """float64 (coordinate, value): first derivatives of a vector function, NaN where it cannot be evaluated."""

    def difference(i: int, step: float) -> Vector:
        ahead, behind = centre.copy(), centre.copy()
        ahead[i] += step
        behind[i] -= step
        slope: Vector = (function(ahead) - function(behind)) / (ahead[i] - behind[i])
        return slope

    try:
        rows = [(4.0 * difference(i, 0.5 * step) - difference(i, step)) / 3.0 for i, step in enumerate(steps)]
    except DEFECTS:
        return np.full((centre.size, function(centre).size), np.nan)
    return np.array(rows)
