"""Population genetics: allele frequencies, Hardy-Weinberg tests, gene counting, linkage disequilibrium."""

from genem.popgen.blocks import HaplotypeBlock, blocks
from genem.popgen.frequencies import allele_frequencies_from_genotypes, allele_frequencies_from_likelihoods, freq
from genem.popgen.gene_counting import GeneCounting, GeneCounts, gene_counting
from genem.popgen.hwe import hwe_exact, hwe_exact_x
from genem.popgen.ld_decay import DecayCurve, LinkageDecay
from genem.popgen.ld_pairs import LinkagePairs
from genem.popgen.ld_plots import LinkageMap, plot_linkage_decay, plot_linkage_map
from genem.popgen.ld_report import LinkageReport, Maximum, ld_pair
from genem.popgen.ld_stream import ld
from genem.popgen.plots import SpectrumAccumulator, plot_frequency_spectrum
from genem.popgen.posteriors import GenotypePosteriors, genotype_posteriors
from genem.popgen.pruning import PrunedVariant, prune
from genem.popgen.table import FrequencyTable, minor_allele_frequency, missing_rate

__all__ = [
    "DecayCurve",
    "FrequencyTable",
    "GeneCounting",
    "GeneCounts",
    "GenotypePosteriors",
    "HaplotypeBlock",
    "LinkageDecay",
    "LinkageMap",
    "LinkagePairs",
    "LinkageReport",
    "Maximum",
    "PrunedVariant",
    "SpectrumAccumulator",
    "allele_frequencies_from_genotypes",
    "allele_frequencies_from_likelihoods",
    "blocks",
    "freq",
    "gene_counting",
    "genotype_posteriors",
    "hwe_exact",
    "hwe_exact_x",
    "ld",
    "ld_pair",
    "minor_allele_frequency",
    "missing_rate",
    "plot_frequency_spectrum",
    "plot_linkage_decay",
    "plot_linkage_map",
    "prune",
]
