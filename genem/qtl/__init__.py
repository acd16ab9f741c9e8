"""QTL interval mapping: genotype probabilities, maps, scans, permutations, intervals."""

from genem.qtl.genotypes.genetic_map import EstimatedMap, estimate_map
from genem.qtl.genotypes.joint import LinkedGenotypes, joint_genotypes
from genem.qtl.genotypes.positions import Grid, position_grid
from genem.qtl.genotypes.probabilities import (
    ChromosomeDraws,
    ChromosomeGenotypes,
    called_genotypes,
    genotype_draws,
    genotype_probabilities,
    genotyping_error_lods,
    likeliest_genotypes,
)
from genem.qtl.map_functions import map_distance, recombination_fraction
from genem.qtl.one_locus.effects import LocusEffects, locus_effects
from genem.qtl.one_locus.peaks import Peak, Threshold, find_peaks, thresholds
from genem.qtl.one_locus.permutations import Permutations, genome_wide_p, permute, threshold
from genem.qtl.one_locus.scanning import Scan, SpikeWarning, scan
from genem.qtl.one_locus.support_intervals import SupportInterval, bayes_interval, lod_interval
from genem.qtl.several_loci.composite import CompositeScan, MarkerCovariate, composite_scan
from genem.qtl.several_loci.fitting import DroppedTerm, QTLFit, fit_qtl
from genem.qtl.several_loci.pair_permutations import (
    Penalties,
    TwoQTLLods,
    TwoQTLPermutations,
    derive_penalties,
    permute_two,
    two_qtl_threshold,
)
from genem.qtl.several_loci.pairs import PairPeak, TwoQTLScan, scan_two
from genem.qtl.several_loci.profiles import LocusProfile, qtl_profiles
from genem.qtl.several_loci.selection import QTLSelection, VisitedModel, select_qtl

__all__ = [
    "ChromosomeDraws",
    "ChromosomeGenotypes",
    "CompositeScan",
    "DroppedTerm",
    "EstimatedMap",
    "Grid",
    "LinkedGenotypes",
    "LocusEffects",
    "LocusProfile",
    "MarkerCovariate",
    "PairPeak",
    "Peak",
    "Penalties",
    "Permutations",
    "QTLFit",
    "QTLSelection",
    "Scan",
    "SpikeWarning",
    "SupportInterval",
    "Threshold",
    "TwoQTLLods",
    "TwoQTLPermutations",
    "TwoQTLScan",
    "VisitedModel",
    "bayes_interval",
    "called_genotypes",
    "composite_scan",
    "derive_penalties",
    "estimate_map",
    "find_peaks",
    "fit_qtl",
    "genome_wide_p",
    "genotype_draws",
    "genotype_probabilities",
    "genotyping_error_lods",
    "joint_genotypes",
    "likeliest_genotypes",
    "locus_effects",
    "lod_interval",
    "map_distance",
    "permute",
    "permute_two",
    "position_grid",
    "qtl_profiles",
    "recombination_fraction",
    "scan",
    "scan_two",
    "select_qtl",
    "threshold",
    "thresholds",
    "two_qtl_threshold",
]
