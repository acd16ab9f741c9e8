"""Motifs: models and their EM, search, significance, scanning, comparison, pictures."""

from genem.motif.alphabet import (
    ALPHABETS,
    DNA,
    PROTEIN,
    RNA,
    Alphabet,
    EncodedSequences,
    detect_alphabet,
    encode,
)
from genem.motif.background import Background, background_from_probabilities, estimate_background
from genem.motif.comparison.matching import Comparison, compare
from genem.motif.discovery.finding import Discovery, FoundMotif, find_motifs
from genem.motif.discovery.seeding import Seeds, find_seeds
from genem.motif.model.batch import BatchFit, batch_em
from genem.motif.model.em_model import Expectation, MotifModel, MotifParams
from genem.motif.model.fitting import MotifFit, fit_motif, fit_placements, site_posteriors
from genem.motif.model.matrices import column_information, start_matrix
from genem.motif.model.placements import Placements, find_placements
from genem.motif.plots.aligned_logos import plot_aligned_logos
from genem.motif.plots.logos import plot_logos, reverse_complemented
from genem.motif.plots.site_maps import plot_site_map
from genem.motif.priors import BLOCKS9, ColumnPrior, DirichletMixture, Pseudocounts
from genem.motif.scanning.matches import Scan, scan
from genem.motif.scanning.score_distributions import ScoreDistribution, alphabet_of, log_odds, score_distribution
from genem.motif.shuffling.words import shuffle
from genem.motif.significance.controls import SearchSignificance, empirical_p_value, search_significance
from genem.motif.significance.e_values import log10_e_value
from genem.motif.significance.enrichment import log10_binomial_p, log10_fisher_p
from genem.numerics.multiple_testing import q_values

__all__ = [
    "ALPHABETS",
    "BLOCKS9",
    "DNA",
    "PROTEIN",
    "RNA",
    "Alphabet",
    "Background",
    "BatchFit",
    "ColumnPrior",
    "Comparison",
    "DirichletMixture",
    "Discovery",
    "EncodedSequences",
    "Expectation",
    "FoundMotif",
    "MotifFit",
    "MotifModel",
    "MotifParams",
    "Placements",
    "Pseudocounts",
    "Scan",
    "ScoreDistribution",
    "SearchSignificance",
    "Seeds",
    "alphabet_of",
    "background_from_probabilities",
    "batch_em",
    "column_information",
    "compare",
    "detect_alphabet",
    "empirical_p_value",
    "encode",
    "estimate_background",
    "find_motifs",
    "find_placements",
    "find_seeds",
    "fit_motif",
    "fit_placements",
    "log10_binomial_p",
    "log10_e_value",
    "log10_fisher_p",
    "log_odds",
    "plot_aligned_logos",
    "plot_logos",
    "plot_site_map",
    "q_values",
    "reverse_complemented",
    "scan",
    "score_distribution",
    "search_significance",
    "shuffle",
    "site_posteriors",
    "start_matrix",
]
