"""Population genetics."""

from genem.popgen.haplotypes import HaplotypeFit, phase
from genem.popgen.phasing import PhasedRegion, phase_region
from genem.popgen.sfs import SpectrumFit, sfs
from genem.popgen.sfs_diversity import Diversity, diversity

__all__ = ["Diversity", "HaplotypeFit", "PhasedRegion", "SpectrumFit", "diversity", "phase", "phase_region", "sfs"]
