"""Population genetics: allele frequencies, Hardy-Weinberg tests, gene counting, haplotypes, spectra."""

from genem.popgen.frequencies import allele_frequencies_from_genotypes, allele_frequencies_from_likelihoods, freq
from genem.popgen.gene_counting import GeneCounting, GeneCounts, gene_counting
from genem.popgen.haplotypes import HaplotypeFit, phase
from genem.popgen.hwe import hwe_exact, hwe_exact_x
from genem.popgen.phasing import PhasedRegion, phase_region
from genem.popgen.plots import SpectrumAccumulator, plot_frequency_spectrum
from genem.popgen.posteriors import GenotypePosteriors, genotype_posteriors
from genem.popgen.sfs_diversity import Diversity, diversity
from genem.popgen.sfs_fit import SpectrumFit, sfs
from genem.popgen.sfs_plots import plot_site_spectrum
from genem.popgen.table import FrequencyTable, minor_allele_frequency, missing_rate

__all__ = [
    "Diversity",
    "FrequencyTable",
    "GeneCounting",
    "GeneCounts",
    "GenotypePosteriors",
    "HaplotypeFit",
    "PhasedRegion",
    "SpectrumAccumulator",
    "SpectrumFit",
    "allele_frequencies_from_genotypes",
    "allele_frequencies_from_likelihoods",
    "diversity",
    "freq",
    "gene_counting",
    "genotype_posteriors",
    "hwe_exact",
    "hwe_exact_x",
    "minor_allele_frequency",
    "missing_rate",
    "phase",
    "phase_region",
    "plot_frequency_spectrum",
    "plot_site_spectrum",
    "sfs",
]
