"""Population genetics: frequencies, Hardy-Weinberg tests, spectra, linkage, haplotypes, gene counting."""

from genem.popgen.frequency.dominance import GeneCounting, GeneCounts, gene_counting
from genem.popgen.frequency.estimation import (
    allele_frequencies_from_genotypes,
    allele_frequencies_from_likelihoods,
    freq,
)
from genem.popgen.frequency.hwe import hwe_exact, hwe_exact_x
from genem.popgen.frequency.plots import SpectrumAccumulator, plot_frequency_spectrum
from genem.popgen.frequency.posteriors import GenotypePosteriors, genotype_posteriors
from genem.popgen.frequency.table import FrequencyTable, minor_allele_frequency, missing_rate
from genem.popgen.haplotypes.estimation import Diplotypes, HaplotypeFit, phase
from genem.popgen.haplotypes.phasing import PhasedRegion, Window, phase_region
from genem.popgen.haplotypes.search import SearchReport, Support
from genem.popgen.linkage.copies import PloidyMismatches
from genem.popgen.linkage.decay import DecayCurve, LinkageDecay
from genem.popgen.linkage.disequilibrium import ld
from genem.popgen.linkage.haplotype_blocks import HaplotypeBlock, blocks
from genem.popgen.linkage.likelihoods import LikelihoodRows
from genem.popgen.linkage.loci import Loci
from genem.popgen.linkage.packed import PackedCalls
from genem.popgen.linkage.pairs import LinkagePairs
from genem.popgen.linkage.plots import LinkageMap, plot_linkage_decay, plot_linkage_map
from genem.popgen.linkage.pruning import PrunedVariant, prune
from genem.popgen.linkage.report import LinkageReport, Maximum, ld_pair
from genem.popgen.spectrum.estimation import Bootstrap, Sites, SpectrumFit, sfs
from genem.popgen.spectrum.plots import plot_site_spectrum
from genem.popgen.spectrum.sites import CountLikelihoods
from genem.popgen.spectrum.summary_statistics import Diversity, diversity

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
