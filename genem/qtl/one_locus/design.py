"""Regressors of a scan: individuals kept, covariates, weights, and the null model of each chromosome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.errors import InputError, UsageError
from genem.numerics.linear_kernels import orthonormalise
from genem.qtl.genotypes.chain import reverse_females
from genem.qtl.genotypes.probabilities import ChromosomeGenotypes

__all__ = ["Design", "Sample", "column", "numbers", "prepare", "sample_of", "standardised", "x_indicators"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Design:
    """The regressors of a chromosome, centred and scaled.

    Attributes
    ----------
    own
        float64 (individual, 1 + interacting covariate): a one, and what interacts with the genotype.
    shared
        float64 (individual, covariate): what does not.
    null
        float64 (individual, column): the regressors of the null model.
    own_names, shared_names
        Names of the covariates.
    centre, scale
        By name: what was subtracted from, then divided out of, each covariate.
    """

    own: Floats
    shared: Floats
    null: Floats
    own_names: tuple[str, ...]
    shared_names: tuple[str, ...]
    centre: dict[str, float]
    scale: dict[str, float]

    def select(self, rows: NDArray[np.bool_]) -> Design:
        """The design of some individuals."""
        return replace(
            self,
            own=np.ascontiguousarray(self.own[rows]),
            shared=np.ascontiguousarray(self.shared[rows]),
            null=np.ascontiguousarray(self.null[rows]),
        )


def numbers(cross: Cross, name: str, role: str) -> Floats:
    """A column of the cross that must be numbers."""
    if name in cross.phenotypes:
        values = cross.phenotypes[name]
        if np.isinf(values).any():
            raise InputError(
                f"{role} {name} is infinite for individual {cross.individuals[int(np.isinf(values).argmax())]}"
            )
        return values
    if name in cross.labels:
        texts = cross.labels[name]
        at = next(k for k, text in enumerate(texts) if not _is_number(text))
        raise InputError(
            f"{role} {name} is not numeric: '{texts[at]}' for individual {cross.individuals[at]}",
            remedy="code it as numbers, or leave the column out",
        )
    raise UsageError(f"no column {name} among {', '.join((*cross.phenotypes, *cross.labels)) or 'none'}")


def column(cross: Cross, name: str) -> Floats:
    """A covariate; sex by words is 0 for females, 1 for males."""
    if name in cross.labels and name.lower() == "sex" and cross.is_male is not None:
        return cross.is_male.astype(np.float64)
    return numbers(cross, name, "covariate")


def standardised(values: Floats) -> tuple[Floats, float, float]:
    """Values less their mean, over their standard deviation (divisor n); mean and deviation.

    They are brought near 1 first, so that squares neither overflow nor vanish.
    """
    exponent = int(np.frexp(np.abs(values).max())[1])
    near_one = np.ldexp(values, -exponent)
    centre, scale = near_one.mean(), near_one.std()
    with np.errstate(divide="ignore", invalid="ignore"):
        standard = (near_one - centre) / scale
    return standard, float(np.ldexp(centre, exponent)), float(np.ldexp(scale, exponent))


def x_indicators(cross: Cross, keep: NDArray[np.bool_]) -> Floats:
    """Indicators that the null model gains on the X chromosome: sex, and among females the direction, where they vary.

    Broman et al. (2006), Genetics 174:2151, doi:10.1534/genetics.106.061176.
    """
    if cross.is_male is None:
        return np.empty((int(keep.sum()), 0))
    reverse = reverse_females(cross, cross.is_male)
    female_reverse, male = reverse[keep], cross.is_male[keep]
    columns = []
    if male.any() and not male.all():
        columns.append(male)
    if female_reverse.any() and (~female_reverse & ~male).any():
        columns.append(female_reverse)
    return np.array(columns, np.float64).reshape(len(columns), len(male)).T


def prepare(covariates: dict[str, Floats], interacting: Sequence[str], indicators: Floats, weights: Floats) -> Design:
    """The design of a chromosome with the given indicators in its null model (none on autosomes).

    With indicators, covariates that depend linearly on them (and on covariates before) are dropped. Without, linear
    dependence is an error that names the columns.

    Raises
    ------
    InputError
        A covariate is constant, or depends linearly on those before it.
    """
    n, n_indicators = indicators.shape
    root = np.sqrt(weights)
    rows = [root, *(root * indicators[:, k] for k in range(n_indicators))]
    kept: dict[str, Floats] = {}
    centre, scale = {}, {}
    for name, values in covariates.items():
        standard, centre[name], scale[name] = standardised(values)
        if not scale[name] > 1e-12 * abs(centre[name]):
            raise InputError(f"covariate {name} is constant", remedy="leave it out")
        if _is_dependent([*rows, *(root * x for x in kept.values()), root * standard]):
            if n_indicators:
                continue
            raise InputError(
                f"covariate {name} is a linear function of {', '.join(_culprits(kept, standard, root, rows))}",
                remedy="leave one of them out",
            )
        kept[name] = standard
    own_names = tuple(name for name in kept if name in interacting)
    shared_names = tuple(name for name in kept if name not in interacting)
    intercept = np.ones(n)
    return Design(
        own=np.stack([intercept, *(kept[name] for name in own_names)], axis=1),
        shared=np.stack([kept[name] for name in shared_names], axis=1) if shared_names else np.empty((n, 0)),
        null=np.column_stack([intercept, indicators, *kept.values()]),
        own_names=own_names,
        shared_names=shared_names,
        centre=centre,
        scale=scale,
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """The individuals that have a trait, with the designs of autosomes and X chromosome.

    Attributes
    ----------
    keep
        bool (individual of the cross,)
    weights
        float64 (individual kept,)
    autosomes, x
        The designs.
    strata
        int64 (individual kept,): groups that the null model on the X chromosome tells apart.
    """

    keep: NDArray[np.bool_]
    weights: Floats
    autosomes: Design
    x: Design
    strata: NDArray[np.int64]

    def design(self, genotypes: ChromosomeGenotypes) -> Design:
        return self.x if genotypes.is_x else self.autosomes


def sample_of(
    cross: Cross,
    values: Floats,
    addcovar: Sequence[str] = (),
    intcovar: Sequence[str] = (),
    weights: str | None = None,
    *,
    name: str = "trait",
) -> Sample:
    """The individuals with a trait, all covariates and a weight, and their designs.

    Raises
    ------
    InputError
        Nobody is left; a covariate is constant or collinear; a weight is not positive.
    """
    covariates = {covariate: column(cross, covariate) for covariate in dict.fromkeys((*addcovar, *intcovar))}
    weight = np.ones(len(cross)) if weights is None else numbers(cross, weights, "weight")
    keep = np.isfinite(values) & np.isfinite(weight)
    for covariate in covariates.values():
        keep &= np.isfinite(covariate)
    if not keep.any():
        found = "is missing for everybody" if not np.isfinite(values).any() else "comes with no complete covariates"
        raise InputError(f"trait {name} {found}")
    if (weight[keep] <= 0.0).any():
        individual = cross.individuals[int(np.flatnonzero(keep & (weight <= 0.0))[0])]
        raise InputError(f"weight {weights} of individual {individual} is not above 0")
    kept = {covariate: x[keep] for covariate, x in covariates.items()}
    indicators = x_indicators(cross, keep)
    w = np.ascontiguousarray(weight[keep])
    none = np.empty((int(keep.sum()), 0))
    strata = np.unique(np.column_stack([np.zeros(len(none)), indicators]), axis=0, return_inverse=True)[1].ravel()
    return Sample(
        keep,
        w,
        prepare(kept, intcovar, none, w),
        prepare(kept, intcovar, indicators, w),
        strata.astype(np.int64),
    )


def _is_dependent(rows: Sequence[Floats]) -> bool:
    """Whether the last row is a combination of those before it."""
    columns = np.array(rows)
    orthonormalise(columns, 0)
    return not columns[-1].any()


def _culprits(kept: dict[str, Floats], values: Floats, root: Floats, rows: Sequence[Floats]) -> list[str]:
    """The fewest earlier covariates that explain one, leaving out those that are not needed."""
    needed = dict(kept)
    for name in kept:
        others = [root * x for other, x in needed.items() if other != name]
        if _is_dependent([*rows, *others, root * values]):
            del needed[name]
    return list(needed)


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return "_" not in text
