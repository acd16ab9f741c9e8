"""Sites and the model that they share."""

from __future__ import annotations

from dataclasses import dataclass

from genem.phylo.models.substitution import Model
from genem.phylo.patterns import SitePatterns

__all__ = ["Partition"]


@dataclass(frozen=True)
class Partition:
    """Sites that share a model.

    Attributes
    ----------
    patterns
        The sites.
    model
        Their model.
    rate
        How fast they change beside the other partitions, which share the tree and its branch lengths.
    name
        What to call them in a report.
    """

    patterns: SitePatterns
    model: Model
    rate: float = 1.0
    name: str = ""
