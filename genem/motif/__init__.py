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
from genem.motif.batch import BatchFit, batch_em
from genem.motif.comparison import Comparison, compare
from genem.motif.comparison_plots import plot_aligned_logos
from genem.motif.controls import SearchSignificance, empirical_p_value, search_significance
from genem.motif.discovery import Discovery, FoundMotif, find_motifs
from genem.motif.enrichment import log10_binomial_p, log10_fisher_p
from genem.motif.fitting import MotifFit, fit_motif, fit_placements
from genem.motif.matrices import column_information, start_matrix
from genem.motif.model import Expectation, MotifModel, MotifParams
from genem.motif.placements import Placements, find_placements
from genem.motif.plots import plot_logos, reverse_complemented
from genem.motif.priors import BLOCKS9, ColumnPrior, DirichletMixture, Pseudocounts
from genem.motif.scanning import Scan, scan
from genem.motif.score_distribution import ScoreDistribution, alphabet_of, log_odds, score_distribution
from genem.motif.seeding import Seeds, find_seeds
from genem.motif.shuffling import shuffle
from genem.motif.significance import log10_e_value
from genem.motif.site_plots import plot_site_map
from genem.motif.sites import site_posteriors
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
