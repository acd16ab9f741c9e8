"""Standard errors from the observed information; refused, not faked, where the theory does not hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from genem.em.driver import EMFit
from genem.em.model import DEFECTS, Curved, Differentiable, EMModel, Packed, conditions
from genem.em.parameters import Params, Vector, parameter_names, parameter_vector, with_values

STEP_SEARCHES = 12
"""Trials of the length of a difference step."""
LONGEST_FLAT_STEP = 0.05
"""Relative length at which a search gives up on a coordinate along which the objective does not fall."""
SIDE_STEP = 1e-6
"""Length of a difference step where the curvature does not give one."""
BOUNDARY = 1e-8
"""Nearer to a bound than this is on it."""
SMALLEST_EIGENVALUE = 1e-9
"""Eigenvalue of the information scaled to a unit diagonal at or below which a direction is not identified."""
LARGEST_SHARE = 1e-8
"""A value with more of its squared gradient along directions that are not identified has no standard error."""
NO_SLOPE = 1e-8
"""A value that changes by less per unit of a coordinate, relative to its steepest change, does not depend on it."""

ON_BOUND = "a parameter lies on its bound"
NOT_FINITE = "the objective is not finite around the estimate"
NOT_CURVED = "the observed information is not positive definite"


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
        float64 (coordinate, coordinate): observed information in packed coordinates; NaN for those on a bound.
    refused
        Why some or all errors are NaN; empty where all are given.
    """

    params: Params
    names: tuple[str, ...]
    values: Vector
    covariance: Vector
    information: Vector
    refused: str


@dataclass(frozen=True, slots=True)
class Identification:
    """Findings of an information matrix about some values: their errors, or that they have none.

    Attributes
    ----------
    directions
        float64 (value, direction): change of every value along the directions that are identified.
    curvatures
        float64 (direction,): information along them.
    eigenvalues
        float64 (eigenvalue,): all those of the scaled information, in ascending order.
    is_identified
        bool (value,): whether the value hardly changes along directions in which the objective does not fall.
    """

    directions: Vector
    curvatures: Vector
    eigenvalues: Vector
    is_identified: NDArray[np.bool_]

    @property
    def standard_errors(self) -> Vector:
        """float64 (value,): NaN where the value is not identified."""
        return np.where(self.is_identified, np.sqrt(np.sum(self.directions**2 / self.curvatures, axis=1)), np.nan)

    @property
    def covariance(self) -> Vector:
        """float64 (value, value): NaN in the rows and columns of values that are not identified."""
        covariance: Vector = (self.directions / self.curvatures) @ self.directions.T
        covariance[~self.is_identified, :] = covariance[:, ~self.is_identified] = np.nan
        return covariance


def identify(
    information: Vector,
    gradients: Vector | None = None,
    *,
    unit: Vector | None = None,
    least_information: float = 0.0,
    smallest_eigenvalue: float = SMALLEST_EIGENVALUE,
    largest_share: float = LARGEST_SHARE,
) -> Identification:
    """Return which values an information matrix determines, and how well.

    A direction in which the objective does not fall (flat, or a saddle) takes their standard errors from exactly
    those values that change along it. The others keep theirs: the variance of a value with gradient g that is
    orthogonal to the null space of the information I is g' I^- g for every generalised inverse. Rao (1973), Linear
    Statistical Inference and Its Applications, section 4a.

    Parameters
    ----------
    information
        (coordinate, coordinate): minus the second derivatives of the objective, finite.
    gradients
        (value, coordinate): derivatives of the values. None: the coordinates themselves.
    unit
        (coordinate,): square root of the information of each coordinate by which it is scaled. None: of the diagonal.
    least_information
        A coordinate with no more is held where it is and is not identified.
    smallest_eigenvalue
        Eigenvalue of the scaled information at or below which a direction is not identified.
    largest_share
        A value with more of its squared gradient along such directions is not identified.

    Returns
    -------
    Identification

    Examples
    --------
    Two of three values enter the likelihood only by their sum.

    >>> import numpy as np
    >>> from genem.em import identify
    >>> found = identify(np.array([[4.0, 4.0, 0.0], [4.0, 4.0, 0.0], [0.0, 0.0, 25.0]]))
    >>> found.standard_errors.tolist()
    [nan, nan, 0.2]
    >>> identify(np.full((2, 2), 4.0), np.array([[1.0, 1.0]])).standard_errors.round(6).tolist()  # the sum itself
    [0.5]
    """
    slopes = np.eye(len(information)) if gradients is None else gradients
    is_informed = np.diag(information) > least_information
    lost = np.any(np.abs(slopes[:, ~is_informed]) > NO_SLOPE * np.abs(slopes).max(axis=1, initial=0.0)[:, None], axis=1)
    informed = information[np.ix_(is_informed, is_informed)]
    scale = np.sqrt(np.diag(informed)) if unit is None else unit[is_informed]
    eigenvalues, vectors = np.linalg.eigh(informed / np.outer(scale, scale))
    along = (slopes[:, is_informed] / scale) @ vectors
    is_clear = eigenvalues > smallest_eigenvalue
    squares = along**2
    lost |= squares[:, ~is_clear].sum(axis=1) > largest_share * squares.sum(axis=1)
    return Identification(along[:, is_clear], eigenvalues[is_clear], eigenvalues, ~lost)


def observed_information(model: EMModel[Params], params: Params, is_free: NDArray[np.bool_] | None = None) -> Vector:
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
    is_free
        bool (coordinate,): the packed coordinates that are moved. None: all.

    Returns
    -------
    float64 (coordinate, coordinate)
        Of the coordinates that are moved; NaN where the objective is not finite around ``params``.

    Raises
    ------
    TypeError
        The model has no packed coordinates.
    """
    if not isinstance(model, Packed):
        raise TypeError(f"{type(model).__name__} has no packed coordinates")
    packed = np.asarray(model.pack(params), dtype=np.float64)
    moved = np.ones(packed.shape, np.bool_) if is_free is None else is_free
    if isinstance(model, Curved):
        information: Vector = -np.asarray(model.hessian(params), dtype=np.float64)[np.ix_(moved, moved)]
        return information

    def place(vector: Vector) -> Vector:
        complete = packed.copy()
        complete[moved] = vector
        return complete

    centre = packed[moved]
    objective = _objective_of(model, place)
    steps = _difference_steps(objective, centre)
    if isinstance(model, Differentiable):
        rows = _richardson(lambda vector: np.asarray(model.gradient(model.unpack(place(vector))))[moved], centre, steps)
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
        All NaN, with the reason, where the fit did not converge, the coordinates are redundant, or the objective is
        not finite around the estimate. NaN for a parameter on its bound; the others are then given with those on
        their bounds held there. NaN for parameters along a direction in which the objective does not fall; the
        others keep theirs.

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
    is_bound, is_free = _bounds(model, params)
    if not np.any(is_free):
        return _refuse(model, params, ON_BOUND)
    information = observed_information(model, params, is_free)
    if not np.all(np.isfinite(information)):
        return _refuse(model, params, ON_BOUND if np.any(is_bound) else NOT_FINITE)
    slopes = _slopes(model, params, is_free, information)
    if not np.all(np.isfinite(slopes)):
        return _refuse(model, params, "the parameters are not finite around the estimate")
    found = identify(information, slopes)
    covariance = found.covariance
    covariance[is_bound, :] = covariance[:, is_bound] = np.nan
    values = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    complete = np.full((n_coordinates, n_coordinates), np.nan)
    complete[np.ix_(is_free, is_free)] = information
    refused = "" if np.all(found.is_identified) else NOT_CURVED
    refused = ON_BOUND if np.any(is_bound) else refused
    return StandardErrors(with_values(params, values), parameter_names(params), values, covariance, complete, refused)


def _refuse(model: EMModel[Params], params: Params, reason: str) -> StandardErrors[Params]:
    names = parameter_names(params)
    values, nothing = np.full(len(names), np.nan), np.full((len(names), len(names)), np.nan)
    information = np.full((model.n_free, model.n_free), np.nan)
    return StandardErrors(with_values(params, values), names, values, nothing, information, reason)


def _bounds(model: EMModel[Params], params: Params) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each parameter lies on a bound, and each packed coordinate is free.

    No coordinate is free where a bound takes several.
    """
    assert isinstance(model, Packed)
    centre, values = model.pack(params), parameter_vector(params)
    is_bound, is_free = np.zeros(values.shape, np.bool_), np.ones(centre.shape, np.bool_)
    first_order = conditions(model, params)
    if first_order is None or not np.any(first_order.slack <= BOUNDARY):
        return is_bound, is_free
    at_bound = first_order.slack <= BOUNDARY
    slopes = _one_sided_slopes(model, centre)
    depends = np.abs(slopes) > NO_SLOPE * np.abs(slopes).max(axis=0, initial=0.0)
    if at_bound.shape == centre.shape:
        is_free = ~at_bound
        return np.any(depends[:, at_bound], axis=1) & ~np.any(depends[:, is_free], axis=1), is_free
    if at_bound.shape != values.shape or np.any(depends[at_bound].sum(axis=1) != 1):
        return np.ones(values.shape, np.bool_), np.zeros(centre.shape, np.bool_)
    is_free = ~np.any(depends[at_bound], axis=0)
    return at_bound | ~np.any(depends[:, is_free], axis=1), is_free


def _one_sided_slopes(model: Packed[Params], centre: Vector) -> Vector:
    """float64 (parameter, coordinate): derivatives from whichever side the model is defined on; NaN if on neither."""
    values = parameter_vector(model.unpack(centre))
    slopes = np.full((values.size, centre.size), np.nan)
    for i in range(centre.size):
        for step in (SIDE_STEP, -SIDE_STEP):
            moved = centre.copy()
            moved[i] += step
            try:
                slopes[:, i] = (parameter_vector(model.unpack(moved)) - values) / step
            except DEFECTS:
                continue
            break
    return slopes


def _slopes(model: Packed[Params], params: Params, is_free: NDArray[np.bool_], information: Vector) -> Vector:
    """float64 (parameter, free coordinate): derivatives of the parameters; NaN where they cannot be taken."""
    packed = np.asarray(model.pack(params), dtype=np.float64)

    def natural(vector: Vector) -> Vector:
        complete = packed.copy()
        complete[is_free] = vector
        return parameter_vector(model.unpack(complete))

    # a hundredth of the (conditional) standard error of each coordinate
    diagonal = np.diag(information)
    steps = np.where(diagonal > 0.0, 0.01 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)), SIDE_STEP)
    return _richardson(natural, packed[is_free], steps).T


def _objective_of(model: EMModel[Params], place: Callable[[Vector], Vector]) -> Callable[[Vector], float]:
    """The observed objective as a function of the coordinates that move; NaN outside the parameter space."""
    assert isinstance(model, Packed)

    def objective(vector: Vector) -> float:
        try:
            return float(model.em_step(model.unpack(place(vector))).objective)
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
