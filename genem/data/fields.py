"""FORMAT fields that genotypes are read from: calls, and likelihoods with their types and scales."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FieldName = Literal["GT", "PL", "GL"]
"""Fields that models of genotypes are estimated from."""
LikelihoodField = Literal["PL", "GL", "GP"]
"""Fields that hold a number per genotype."""

MISSING_PHRED = -1
"""A missing or absent value in integer (PL) likelihood arrays; float arrays (GL, GP) use NaN."""


@dataclass(frozen=True, slots=True)
class Field:
    """A FORMAT field of genotypes (VCF specification 4.3, section 1.6.2).

    Attributes
    ----------
    name
        In the FORMAT column.
    is_integer
        Its values are integers, stored as int32; else decimals, stored as float32.
    per_log10
        Units of the field per unit of log10 likelihood; None where the values are no logarithms of likelihoods.
    """

    name: str
    is_integer: bool = False
    per_log10: float | None = None

    @property
    def is_call(self) -> bool:
        """Whether the field holds calls, not a number per genotype."""
        return self.name == CALLS.name

    @property
    def vcf_type(self) -> str:
        """The type that a header declares for the field."""
        return "Integer" if self.is_integer else "Float"

    def is_missing(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which values are missing or absent."""
        import numpy as np

        missing: NDArray[np.bool_] = values < 0 if self.is_integer else np.isnan(values)
        return missing

    def natural_logarithms(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the natural logarithms of the likelihoods that values stand for."""
        assert self.per_log10 is not None
        logarithms: NDArray[np.float64] = values.astype(float) * (log(10.0) / self.per_log10)
        return logarithms


CALLS = Field("GT")
PHRED = Field("PL", is_integer=True, per_log10=-10.0)
LOG10 = Field("GL", per_log10=1.0)
PROBABILITY = Field("GP")

FIELDS = {field.name: field for field in (CALLS, PHRED, LOG10, PROBABILITY)}
"""By name."""
LIKELIHOODS = {name: field for name, field in FIELDS.items() if not field.is_call}
"""Fields that hold a number per genotype, by name."""
ESTIMATED_FROM = {name: field for name, field in FIELDS.items() if field.is_call or field.per_log10 is not None}
"""Fields that models of genotypes are estimated from, by name."""
