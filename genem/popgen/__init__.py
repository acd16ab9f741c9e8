"""Population genetics: allele frequencies, Hardy-Weinberg tests, gene counting."""

from genem.popgen.frequencies import allele_frequencies_from_genotypes, allele_frequencies_from_likelihoods, freq
from genem.popgen.hwe import hwe_exact, hwe_exact_x
from genem.popgen.plots import SpectrumAccumulator, plot_frequency_spectrum
from genem.popgen.table import FrequencyTable, minor_allele_frequency, missing_rate

__all__ = [
    "FrequencyTable",
    "SpectrumAccumulator",
    "allele_frequencies_from_genotypes",
    "allele_frequencies_from_likelihoods",
    "freq",
    "hwe_exact",
    "hwe_exact_x",
    "minor_allele_frequency",
    "missing_rate",
    "plot_frequency_spectrum",
]
