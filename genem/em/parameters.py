"""Parameters of any shape seen as one vector: what the driver measures steps in and what standard errors are for.

A parameter set is a number, an array, or a tuple, list, dict or dataclass of such. Floating-point leaves are
estimates; anything else (labels, sizes, a tree) is carried along untouched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Params = TypeVar("Params")
Vector = NDArray[np.float64]


def parameter_vector(params: object) -> Vector:
    """All floating-point leaves of ``params``, in order, as one float64 vector (natural units).

    Examples
    --------
    >>> parameter_vector({"weights": np.array([0.3, 0.7]), "labels": ("a", "b"), "sd": 2.0})
    array([0.3, 0.7, 2. ])
    """
    leaves = [np.ravel(leaf) for _, leaf in _leaves(params, "")]
    return np.concatenate(leaves).astype(np.float64, copy=False) if leaves else np.empty(0)


def parameter_names(params: object) -> tuple[str, ...]:
    """A name for every element of :func:`parameter_vector`.

    Examples
    --------
    >>> parameter_names({"weights": np.array([0.3, 0.7]), "sd": 2.0})
    ('weights[0]', 'weights[1]', 'sd')
    """
    names = []
    for path, leaf in _leaves(params, ""):
        array = np.asarray(leaf)
        for index in np.ndindex(array.shape):
            place = f"[{','.join(map(str, index))}]" if index else ""
            names.append(f"{path}{place}" or "value")
    return tuple(names)


def with_values(params: Params, vector: Vector) -> Params:
    """A copy of ``params`` whose floating-point leaves hold ``vector`` instead.

    Examples
    --------
    >>> with_values((np.zeros(2), 0.0, "kept"), np.array([1.0, 2.0, 3.0]))
    (array([1., 2.]), 3.0, 'kept')
    """
    values = iter(np.asarray(vector, dtype=np.float64).tolist())
    rebuilt: Params = _rebuild(params, values)
    return rebuilt


def json_value(value: object) -> Any:
    """``value`` in JSON's own types: arrays as lists, dataclasses as dicts, what is not finite as None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_value(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return json_value(value.tolist())
    if isinstance(value, tuple | list):
        return [json_value(item) for item in value]
    if isinstance(value, np.generic):
        return json_value(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _is_estimate(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "f")
    return isinstance(value, float | np.floating)


def _leaves(value: object, path: str) -> Iterator[tuple[str, Any]]:
    if _is_estimate(value):
        yield path, value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name), f"{path}.{field.name}" if path else field.name)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")


def _rebuild(value: Any, numbers: Iterator[float]) -> Any:
    if isinstance(value, np.ndarray) and _is_estimate(value):
        return np.array([next(numbers) for _ in range(value.size)]).reshape(value.shape)
    if _is_estimate(value):
        return next(numbers)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _rebuild(getattr(value, field.name), numbers) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    if isinstance(value, dict):
        return {key: _rebuild(item, numbers) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_rebuild(item, numbers) for item in value))
    if isinstance(value, tuple | list):
        return type(value)(_rebuild(item, numbers) for item in value)
    return value
