"""QTL interval mapping: genotype probabilities, maps, scans, permutations, intervals."""

from genem.qtl.effects import LocusEffects, locus_effects
from genem.qtl.genetic_map import EstimatedMap, estimate_map
from genem.qtl.interval_mapping import Scan, SpikeWarning, scan
from genem.qtl.intervals import SupportInterval, bayes_interval, lod_interval
from genem.qtl.map_functions import map_distance, recombination_fraction
from genem.qtl.markers import (
    ChromosomeDraws,
    ChromosomeGenotypes,
    called_genotypes,
    genotype_draws,
    genotype_probabilities,
    genotyping_error_lods,
    likeliest_genotypes,
)
from genem.qtl.peaks import Peak, Threshold, find_peaks, thresholds
from genem.qtl.permutations import Permutations, genome_wide_p, permute, threshold
from genem.qtl.positions import Grid, position_grid

__all__ = [
    "ChromosomeDraws",
    "ChromosomeGenotypes",
    "EstimatedMap",
    "Grid",
    "LocusEffects",
    "Peak",
    "Permutations",
    "Scan",
    "SpikeWarning",
    "SupportInterval",
    "Threshold",
    "bayes_interval",
    "called_genotypes",
    "estimate_map",
    "find_peaks",
    "genome_wide_p",
    "genotype_draws",
    "genotype_probabilities",
    "genotyping_error_lods",
    "likeliest_genotypes",
    "locus_effects",
    "lod_interval",
    "map_distance",
    "permute",
    "position_grid",
    "recombination_fraction",
    "scan",
    "threshold",
    "thresholds",
]
