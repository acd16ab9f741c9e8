"""Phylogeny: substitution models, the likelihood of trees, and what is estimated from it."""

from genem.phylo.alphabet import Alphabet
from genem.phylo.fitting.branches import BranchFit, fit_branches
from genem.phylo.fitting.errors import ModelParameter, StandardErrors, model_parameters, standard_errors
from genem.phylo.fitting.evaluation import Precision, SitePartition, TreeFit, evaluate, fit_tree, make_partitions
from genem.phylo.fitting.optimisation import Estimate, ModelFit, fit_models
from genem.phylo.likelihood.ancestral import AncestralStates, ancestral_states
from genem.phylo.likelihood.expected_counts import PairCounts, expected_pair_counts
from genem.phylo.likelihood.tree_likelihood import Evaluation, TreeLikelihood
from genem.phylo.models.nesting import is_nested
from genem.phylo.models.partition import Partition
from genem.phylo.models.specifications import ModelSpecification, parse_model
from genem.phylo.models.substitution import Model, starting_model
from genem.phylo.patterns import SitePatterns, site_patterns
from genem.phylo.searching.hill_climbing import Acceptance
from genem.phylo.searching.state import Run, SearchState
from genem.phylo.searching.tree_search import Optimum, Search, search
from genem.phylo.selection.candidates import candidate_models
from genem.phylo.selection.lattice import CandidateFit
from genem.phylo.selection.models import ModelSelection, select_model
from genem.phylo.support.likelihood_ratio_tests import BranchTests, branch_tests
from genem.phylo.support.replicates import Replicate, bootstrap
from genem.phylo.support.ultrafast import UltrafastBootstrap, ultrafast_bootstrap
from genem.phylo.trees.consensus_trees import (
    Consensus,
    consensus,
    mapped_shares,
    node_supports,
    percent,
    split_shares,
    with_labels,
)
from genem.phylo.trees.distances import TreeDistances, compare_trees, robinson_foulds
from genem.phylo.trees.plots import plot_tree
from genem.phylo.trees.rooting import root_at_midpoint, root_at_outgroup
from genem.phylo.trees.splits import SplitTable, split_table
from genem.phylo.trees.topology import build_tree, canonical, star_tree, unrooted

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
    "ModelFit",
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
