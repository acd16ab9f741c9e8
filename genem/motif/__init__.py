"""Motifs: alphabets, backgrounds, and EM for one site per sequence, none or one, or any number."""

from genem.motif.alphabet import DNA, PROTEIN, RNA, Alphabet, EncodedSequences, detect_alphabet, encode
from genem.motif.background import Background, background_from_probabilities, estimate_background
from genem.motif.batch import BatchFit, batch_em
from genem.motif.fitting import MotifFit, fit_motif, fit_placements
from genem.motif.matrices import column_information, start_matrix
from genem.motif.model import MotifModel, MotifParams
from genem.motif.placements import Placements, find_placements
from genem.motif.priors import BLOCKS9, DirichletMixture, Pseudocounts
from genem.motif.sites import site_posteriors

__all__ = [
    "BLOCKS9",
    "DNA",
    "PROTEIN",
    "RNA",
    "Alphabet",
    "Background",
    "BatchFit",
    "DirichletMixture",
    "EncodedSequences",
    "MotifFit",
    "MotifModel",
    "MotifParams",
    "Placements",
    "Pseudocounts",
    "background_from_probabilities",
    "batch_em",
    "column_information",
    "detect_alphabet",
    "encode",
    "estimate_background",
    "find_placements",
    "fit_motif",
    "fit_placements",
    "site_posteriors",
    "start_matrix",
]
