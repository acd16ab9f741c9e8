"""Composite interval mapping: a scan for one locus among markers that stand in for the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.em.status import CLOSED_FORM
from genem.errors import InputError, UsageError
from genem.numerics.linear_kernels import orthonormalise
from genem.qtl.genotypes.joint import LinkedGenotypes
from genem.qtl.one_locus.design import Design
from genem.qtl.one_locus.methods import Fits, Task, expectation_maximisation, haley_knott, null_basis, residuals
from genem.qtl.one_locus.regression_kernels import position_bases
from genem.qtl.one_locus.scanning import SPIKE_ENTROPY, SPIKE_LOD, Scan, missing_information
from genem.qtl.one_locus.traits import default_rule
from genem.qtl.several_loci.models import ModelSetting, model_setting

__all__ = ["CompositeScan", "MarkerCovariate", "composite_scan"]

Floats = NDArray[np.float64]
CompositeMethod = Literal["em", "hk"]
Imputation = Literal["expected", "likeliest"]


@dataclass(frozen=True, slots=True)
class MarkerCovariate:
    """A marker that stands in for a locus.

    Attributes
    ----------
    name, chromosome, position
        Which, and where in cM.
    lod
        What it added to the markers selected before.
    """

    name: str
    chromosome: str
    position: float
    lod: float


@dataclass(frozen=True, slots=True)
class CompositeScan:
    """LOD scores along the genome given markers elsewhere.

    Attributes
    ----------
    scan
        The LOD scores, as of a scan of one trait: peaks and intervals are found in the same way.
    markers
        The marker covariates, in the order in which they were selected.
    n_covariates
        int64 (position,): how many of them were in the model of the position, outside its window.
    window
        In cM, to either side.
    """

    scan: Scan
    markers: tuple[MarkerCovariate, ...]
    n_covariates: NDArray[np.int64]
    window: float


@dataclass(frozen=True, slots=True)
class _Marker:
    chromosome: int
    position: int
    lod: float
    columns: Floats


def composite_scan(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    trait: str,
    *,
    n_markers: int = 3,
    window: float = 10.0,
    imputation: Imputation = "expected",
    method: CompositeMethod = "em",
    addcovar: Sequence[str] = (),
    weights: str | None = None,
) -> CompositeScan:
    """Test every position for a locus, with markers elsewhere in the genome as covariates.

    Markers are selected forward: at each step the one whose genotype contrasts explain most of what those before
    leave. Each position is then scanned as in :func:`~genem.qtl.scan`, the markers farther than ``window`` from it
    being additive covariates of null model and alternative alike. They take up the variance that other loci cause; a
    linked one keeps the effect of its locus from spilling over.

    Parameters
    ----------
    cross, addcovar, weights
        As in :func:`~genem.qtl.scan`.
    linked
        From :func:`~genem.qtl.joint_genotypes`, with the markers.
    trait
        Its name; normal.
    n_markers
        How many to select.
    window
        Markers this close to a position, in cM, are left out of its model.
    imputation
        What stands for a genotype that is not known: its ``expected`` contrasts, or those of the ``likeliest``
        genotype at the marker.
    method
        ``em`` or ``hk``.

    Returns
    -------
    CompositeScan

    Raises
    ------
    InputError
        As in :func:`~genem.qtl.scan`, or there are fewer markers than asked for that differ from each other.
    UsageError
        An unknown column, method or imputation; ``n_markers`` or ``window`` is negative; no markers among the
        positions.

    References
    ----------
    Zeng (1994), Genetics 136:1457, doi:10.1093/genetics/136.4.1457.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> from genem.qtl import joint_genotypes
    >>> genetic_map = GeneticMap(("1", "2"), ("M1", "M2"), np.array([0, 1], np.int32), np.zeros(2))
    >>> calls = np.array([[1, 1], [1, 2], [2, 1], [2, 2]] * 3, np.int8)
    >>> trait = {"y": np.array([1.0, 2.0, 2.1, 3.0, 1.1, 2.2, 1.9, 3.1, 0.9, 1.8, 2.0, 2.9])}
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdefghijkl"), genetic_map, calls, trait, {})
    >>> found = composite_scan(cross, joint_genotypes(cross), "y", n_markers=1, method="hk")
    >>> [marker.name for marker in found.markers], found.n_covariates.tolist(), found.scan.lod[:, 0].round(2).tolist()
    (['M1'], [0, 1], [1.75, 8.1])
    """
    _check(linked, n_markers, window, imputation, method)
    with_x = any(linked_chromosome.is_x for linked_chromosome in linked)
    settings = {x: model_setting(cross, linked, trait, "hk", addcovar, (), weights, with_x=x) for x in {with_x, False}}
    setting = settings[with_x]
    markers = _selected(setting, n_markers, imputation)
    pieces, counts = [], []
    for chromosome, linked_chromosome in enumerate(setting.linked):
        fits, n_covariates = _scan_chromosome(settings[linked_chromosome.is_x], chromosome, markers, window, method)
        pieces.append(fits)
        counts.append(n_covariates)
    return CompositeScan(
        _assembled(setting, trait, method, pieces),
        tuple(_named(setting, marker) for marker in markers),
        np.concatenate(counts),
        window,
    )


def _check(linked: Sequence[LinkedGenotypes], n_markers: int, window: float, imputation: str, method: str) -> None:
    if method not in get_args(CompositeMethod):
        raise UsageError(f"method {method!r} is not one of {', '.join(get_args(CompositeMethod))}")
    if imputation not in get_args(Imputation):
        raise UsageError(f"imputation {imputation!r} is not one of {', '.join(get_args(Imputation))}")
    if n_markers < 0:
        raise UsageError(f"{n_markers} marker covariates; 0 or more expected")
    if not window >= 0.0:
        raise UsageError(f"a window of {window} cM; 0 or more expected")
    if n_markers and not any((linked_chromosome.grid.marker >= 0).any() for linked_chromosome in linked):
        raise UsageError("no markers among the positions: include the markers, or take a step of 0")


def _marker_columns(setting: ModelSetting, chromosome: int, position: int, imputation: Imputation) -> Floats:
    """The contrasts of a marker's genotypes, (column, individual)."""
    probabilities = setting.linked[chromosome].genotypes.probabilities[position]
    if imputation == "likeliest":
        probabilities = np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)]
    return np.asarray((probabilities @ setting.contrasts[chromosome][0]).T)


def _selected(setting: ModelSetting, n_markers: int, imputation: Imputation) -> list[_Marker]:
    """Forward selection, by the share of the remaining squares that a marker explains."""
    places = [
        (chromosome, position)
        for chromosome, linked_chromosome in enumerate(setting.linked)
        for position in np.flatnonzero(linked_chromosome.grid.marker >= 0).tolist()
    ]
    root = np.sqrt(setting.weights)
    columns = [_marker_columns(setting, *place, imputation) for place in places]
    n_columns, n = max((len(linked_chromosome) for linked_chromosome in columns), default=0), setting.n_individuals
    stacked = np.zeros((len(places), n, n_columns))
    for k, of_marker in enumerate(columns):
        stacked[k, :, : len(of_marker)] = of_marker.T
    basis = null_basis(setting.design, setting.weights)
    response = (root * setting.response)[:, None]
    found: list[_Marker] = []
    for _ in range(n_markers):
        left = residuals(basis, response)[:, 0]
        bases, ranks = np.empty((len(places), n_columns, n)), np.zeros(len(places), np.int64)
        position_bases(basis, stacked, root[:, None], bases, ranks)
        explained = ((bases.reshape(-1, n) @ left) ** 2).reshape(len(places), -1).sum(axis=1)
        if not ranks.any():
            raise InputError(
                f"only {len(found)} markers differ from each other, {n_markers} asked for as covariates",
                remedy="ask for fewer",
            )
        best = int(explained.argmax())
        share = min(float(explained[best]) / float(left @ left), 1.0 - 1e-15)
        found.append(_Marker(*places[best], -0.5 * n * math.log10(1.0 - share), columns[best]))
        basis = np.vstack([basis, columns[best] * root])
        orthonormalise(basis, len(basis) - len(columns[best]))
    _check_size(setting, found)
    return found


def _check_size(setting: ModelSetting, markers: Sequence[_Marker]) -> None:
    n_states = max(len(linked_chromosome.states) for linked_chromosome in setting.linked)
    n_covariates = setting.design.null.shape[1] - 1 + sum(len(marker.columns) for marker in markers)
    if setting.n_individuals <= n_states + n_covariates + 1:
        raise InputError(
            f"{setting.n_individuals} individuals have the trait, too few for {n_states + n_covariates + 1} parameters",
            remedy="use fewer marker covariates",
        )


def _scan_chromosome(
    setting: ModelSetting, chromosome: int, markers: Sequence[_Marker], window: float, method: CompositeMethod
) -> tuple[Fits, NDArray[np.int64]]:
    """Positions that share their covariates are scanned together; ``excess`` is the LOD of EM over that of hk."""
    linked_chromosome = setting.linked[chromosome]
    outside = np.array(
        [
            (marker.chromosome != chromosome)
            | (np.abs(linked_chromosome.grid.position - _place(setting, marker)) > window)
            for marker in markers
        ],
        np.bool_,
    ).reshape(len(markers), len(linked_chromosome.grid))
    lod, excess = np.empty((len(linked_chromosome.grid), 1)), np.empty((len(linked_chromosome.grid), 1))
    n_iter, status = np.zeros(lod.shape, np.int64), np.full(lod.shape, CLOSED_FORM, np.int8)
    for pattern in np.unique(outside, axis=1).T:
        at = np.flatnonzero((outside == pattern[:, None]).all(axis=0))
        chosen = [marker for marker, used in zip(markers, pattern, strict=True) if used]
        design = _with_markers(setting, chosen)
        probabilities = np.ascontiguousarray(linked_chromosome.genotypes.probabilities[at])
        task = Task(probabilities, design, setting.response[:, None], setting.weights, default_rule())
        regression = haley_knott(task)
        fits = regression if method == "hk" else expectation_maximisation(task)
        lod[at], n_iter[at], status[at] = fits.lod, fits.n_iter, fits.status
        excess[at] = fits.lod - regression.lod
    return Fits(lod, n_iter, status, {"excess": excess}), outside.sum(axis=0)


def _with_markers(setting: ModelSetting, markers: Sequence[_Marker]) -> Design:
    """Markers as further covariates, left out where they depend on those before."""
    root = np.sqrt(setting.weights)
    n_null = setting.design.null.shape[1]
    columns = np.vstack([setting.design.null.T, *(marker.columns for marker in markers)])
    basis = columns * root
    orthonormalise(basis, 0)
    added = columns[n_null:][basis[n_null:].any(axis=1)].T
    return replace(
        setting.design,
        shared=np.ascontiguousarray(np.hstack([setting.design.shared, added])),
        null=np.ascontiguousarray(np.hstack([setting.design.null, added])),
    )


def _place(setting: ModelSetting, marker: _Marker) -> float:
    return float(setting.linked[marker.chromosome].grid.position[marker.position])


def _named(setting: ModelSetting, marker: _Marker) -> MarkerCovariate:
    linked_chromosome = setting.linked[marker.chromosome]
    return MarkerCovariate(
        linked_chromosome.grid.names[marker.position], linked_chromosome.chromosome, _place(setting, marker), marker.lod
    )


def _assembled(setting: ModelSetting, trait: str, method: CompositeMethod, pieces: Sequence[Fits]) -> Scan:
    linked = setting.linked
    lod = np.vstack([fits.lod for fits in pieces])
    entropy = np.concatenate([missing_information(linked_chromosome.genotypes) for linked_chromosome in linked])
    excess = np.vstack([fits.parts["excess"] for fits in pieces])
    return Scan(
        traits=(trait,),
        method=method,
        model="normal",
        chromosomes=tuple(linked_chromosome.chromosome for linked_chromosome in linked),
        chromosome=np.repeat(
            np.arange(len(linked), dtype=np.int32), [len(linked_chromosome.grid) for linked_chromosome in linked]
        ),
        position=np.concatenate([linked_chromosome.grid.position for linked_chromosome in linked]),
        names=tuple(name for linked_chromosome in linked for name in linked_chromosome.grid.names),
        is_marker=np.concatenate([linked_chromosome.grid.marker for linked_chromosome in linked]) >= 0,
        lod=lod,
        parts={},
        entropy=entropy,
        n_iter=np.vstack([fits.n_iter for fits in pieces]),
        status=np.vstack([fits.status for fits in pieces]),
        spike=np.asarray((excess > SPIKE_LOD) & (entropy > SPIKE_ENTROPY)[:, None]),
        n_individuals=np.array([setting.n_individuals]),
    )
