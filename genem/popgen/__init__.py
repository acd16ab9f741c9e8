"""Population genetics."""

from genem.popgen.haplotypes import HaplotypeFit, phase
from genem.popgen.phasing import PhasedRegion, phase_region

__all__ = ["HaplotypeFit", "PhasedRegion", "phase", "phase_region"]
