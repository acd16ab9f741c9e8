"""Phylogeny: substitution models, the likelihood of trees, and what is estimated from it."""

from genem.phylo.alphabet import Alphabet
from genem.phylo.ancestral import AncestralStates, ancestral_states
from genem.phylo.branches import BranchFit, fit_branches
from genem.phylo.climbing import Acceptance
from genem.phylo.evaluation import SitePartition, TreeFit, evaluate, fit_tree, make_partitions
from genem.phylo.expected_counts import PairCounts, expected_pair_counts
from genem.phylo.likelihood import Evaluation, Partition, TreeLikelihood
from genem.phylo.model_candidates import candidate_models
from genem.phylo.model_lattice import CandidateFit
from genem.phylo.model_selection import ModelSelection, select_model
from genem.phylo.model_strings import ModelSpecification, parse_model
from genem.phylo.models import Model, starting_model
from genem.phylo.nesting import is_nested
from genem.phylo.optimisation import Estimate, fit_models
from genem.phylo.patterns import SitePatterns, site_patterns
from genem.phylo.rooting import root_at_midpoint, root_at_outgroup
from genem.phylo.search import Optimum, Run, Search, SearchState, search
from genem.phylo.standard_errors import ModelParameter, StandardErrors, model_parameters, standard_errors
from genem.phylo.topology import build_tree, canonical, star_tree, unrooted
from genem.phylo.tree_plots import plot_tree

__all__ = [
    "Acceptance",
    "Alphabet",
    "AncestralStates",
    "BranchFit",
    "CandidateFit",
    "Estimate",
    "Evaluation",
    "Model",
    "ModelParameter",
    "ModelSelection",
    "ModelSpecification",
    "Optimum",
    "PairCounts",
    "Partition",
    "Run",
    "Search",
    "SearchState",
    "SitePartition",
    "SitePatterns",
    "StandardErrors",
    "TreeFit",
    "TreeLikelihood",
    "ancestral_states",
    "build_tree",
    "candidate_models",
    "canonical",
    "evaluate",
    "expected_pair_counts",
    "fit_branches",
    "fit_models",
    "fit_tree",
    "is_nested",
    "make_partitions",
    "model_parameters",
    "parse_model",
    "plot_tree",
    "root_at_midpoint",
    "root_at_outgroup",
    "search",
    "select_model",
    "site_patterns",
    "standard_errors",
    "star_tree",
    "starting_model",
    "unrooted",
]
