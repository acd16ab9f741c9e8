"""Phylogeny: substitution models, the likelihood of trees, and what is estimated from it."""

from genem.phylo.alphabet import Alphabet
from genem.phylo.ancestral import AncestralStates, ancestral_states
from genem.phylo.bootstrap import Replicate, bootstrap
from genem.phylo.branch_tests import BranchTests, branch_tests
from genem.phylo.branches import BranchFit, fit_branches
from genem.phylo.climbing import Acceptance
from genem.phylo.consensus import (
    Consensus,
    consensus,
    mapped_shares,
    node_supports,
    percent,
    split_shares,
    with_labels,
)
from genem.phylo.evaluation import Precision, SitePartition, TreeFit, evaluate, fit_tree, make_partitions
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
from genem.phylo.search import Optimum, Run, Search, search
from genem.phylo.search_state import SearchState
from genem.phylo.standard_errors import ModelParameter, StandardErrors, model_parameters, standard_errors
from genem.phylo.topology import build_tree, canonical, star_tree, unrooted
from genem.phylo.tree_distances import TreeDistances, compare_trees, robinson_foulds
from genem.phylo.tree_plots import plot_tree
from genem.phylo.tree_splits import SplitTable, split_table
from genem.phylo.ultrafast_bootstrap import UltrafastBootstrap, ultrafast_bootstrap

__all__ = [
    "Acceptance",
    "Alphabet",
    "AncestralStates",
    "BranchFit",
    "BranchTests",
    "CandidateFit",
    "Consensus",
    "Estimate",
    "Evaluation",
    "Model",
    "ModelParameter",
    "ModelSelection",
    "ModelSpecification",
    "Optimum",
    "PairCounts",
    "Partition",
    "Precision",
    "Replicate",
    "Run",
    "Search",
    "SearchState",
    "SitePartition",
    "SitePatterns",
    "SplitTable",
    "StandardErrors",
    "TreeDistances",
    "TreeFit",
    "TreeLikelihood",
    "UltrafastBootstrap",
    "ancestral_states",
    "bootstrap",
    "branch_tests",
    "build_tree",
    "candidate_models",
    "canonical",
    "compare_trees",
    "consensus",
    "evaluate",
    "expected_pair_counts",
    "fit_branches",
    "fit_models",
    "fit_tree",
    "is_nested",
    "make_partitions",
    "mapped_shares",
    "model_parameters",
    "node_supports",
    "parse_model",
    "percent",
    "plot_tree",
    "robinson_foulds",
    "root_at_midpoint",
    "root_at_outgroup",
    "search",
    "select_model",
    "site_patterns",
    "split_shares",
    "split_table",
    "standard_errors",
    "star_tree",
    "starting_model",
    "ultrafast_bootstrap",
    "unrooted",
    "with_labels",
]
