"""Population genetics."""

from genem.popgen.haplotypes import HaplotypeFit, phase

__all__ = ["HaplotypeFit", "phase"]
