"""Population genetics: frequencies, Hardy-Weinberg tests, spectra, linkage, haplotypes, gene counting."""

from genem.popgen.blocks import HaplotypeBlock, blocks
from genem.popgen.frequencies import allele_frequencies_from_genotypes, allele_frequencies_from_likelihoods, freq
from genem.popgen.gene_counting import GeneCounting, GeneCounts, gene_counting
from genem.popgen.haplotype_search import SearchReport, Support
from genem.popgen.haplotypes import Diplotypes, HaplotypeFit, phase
from genem.popgen.hwe import hwe_exact, hwe_exact_x
from genem.popgen.ld_decay import DecayCurve, LinkageDecay
from genem.popgen.ld_likelihoods import LikelihoodRows
from genem.popgen.ld_loci import Loci
from genem.popgen.ld_pairs import LinkagePairs
from genem.popgen.ld_ploidy import PloidyMismatches
from genem.popgen.ld_plots import LinkageMap, plot_linkage_decay, plot_linkage_map
from genem.popgen.ld_report import LinkageReport, Maximum, ld_pair
from genem.popgen.ld_stream import ld
from genem.popgen.packed import PackedCalls
from genem.popgen.phasing import PhasedRegion, Window, phase_region
from genem.popgen.plots import SpectrumAccumulator, plot_frequency_spectrum
from genem.popgen.posteriors import GenotypePosteriors, genotype_posteriors
from genem.popgen.pruning import PrunedVariant, prune
from genem.popgen.sfs_diversity import Diversity, diversity
from genem.popgen.sfs_fit import Bootstrap, Sites, SpectrumFit, sfs
from genem.popgen.sfs_plots import plot_site_spectrum
from genem.popgen.sfs_sites import CountLikelihoods
from genem.popgen.table import FrequencyTable, minor_allele_frequency, missing_rate

__all__ = [
    "Bootstrap",
    "CountLikelihoods",
    "DecayCurve",
    "Diplotypes",
    "Diversity",
    "FrequencyTable",
    "GeneCounting",
    "GeneCounts",
    "GenotypePosteriors",
    "HaplotypeBlock",
    "HaplotypeFit",
    "LikelihoodRows",
    "LinkageDecay",
    "LinkageMap",
    "LinkagePairs",
    "LinkageReport",
    "Loci",
    "Maximum",
    "PackedCalls",
    "PhasedRegion",
    "PloidyMismatches",
    "PrunedVariant",
    "SearchReport",
    "Sites",
    "SpectrumAccumulator",
    "SpectrumFit",
    "Support",
    "Window",
    "allele_frequencies_from_genotypes",
    "allele_frequencies_from_likelihoods",
    "blocks",
    "diversity",
    "freq",
    "gene_counting",
    "genotype_posteriors",
    "hwe_exact",
    "hwe_exact_x",
    "ld",
    "ld_pair",
    "minor_allele_frequency",
    "missing_rate",
    "phase",
    "phase_region",
    "plot_frequency_spectrum",
    "plot_linkage_decay",
    "plot_linkage_map",
    "plot_site_spectrum",
    "prune",
    "sfs",
]
