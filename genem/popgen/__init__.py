"""Population genetics: allele frequencies, Hardy-Weinberg tests, gene counting."""

from genem.popgen.frequencies import allele_frequencies_from_genotypes, allele_frequencies_from_likelihoods, freq
from genem.popgen.gene_counting import GeneCounting, GeneCounts, gene_counting
from genem.popgen.hwe import hwe_exact, hwe_exact_x
from genem.popgen.plots import SpectrumAccumulator, plot_frequency_spectrum
from genem.popgen.posteriors import GenotypePosteriors, genotype_posteriors
from genem.popgen.table import FrequencyTable, minor_allele_frequency, missing_rate

__all__ = [
    "FrequencyTable",
    "GeneCounting",
    "GeneCounts",
    "GenotypePosteriors",
    "SpectrumAccumulator",
    "allele_frequencies_from_genotypes",
    "allele_frequencies_from_likelihoods",
    "freq",
    "gene_counting",
    "genotype_posteriors",
    "hwe_exact",
    "hwe_exact_x",
    "minor_allele_frequency",
    "missing_rate",
    "plot_frequency_spectrum",
]
