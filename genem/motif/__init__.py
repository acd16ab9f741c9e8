"""Motif discovery."""

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
from genem.motif.comparison import Comparison, compare
from genem.motif.comparison_plots import plot_aligned_logos
from genem.motif.controls import SearchSignificance, empirical_p_value, search_significance
from genem.motif.enrichment import log10_binomial_p, log10_fisher_p
from genem.motif.false_discovery import q_values
from genem.motif.plots import reverse_complemented
from genem.motif.scanning import Scan, scan
from genem.motif.score_distribution import ScoreDistribution, alphabet_of, log_odds, score_distribution
from genem.motif.shuffling import shuffle
from genem.motif.significance import log10_e_value

__all__ = [
    "ALPHABETS",
    "DNA",
    "PROTEIN",
    "RNA",
    "Alphabet",
    "Background",
    "Comparison",
    "EncodedSequences",
    "Scan",
    "ScoreDistribution",
    "SearchSignificance",
    "alphabet_of",
    "background_from_probabilities",
    "compare",
    "detect_alphabet",
    "empirical_p_value",
    "encode",
    "estimate_background",
    "log10_binomial_p",
    "log10_e_value",
    "log10_fisher_p",
    "log_odds",
    "plot_aligned_logos",
    "q_values",
    "reverse_complemented",
    "scan",
    "score_distribution",
    "search_significance",
    "shuffle",
]
