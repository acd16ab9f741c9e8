"""A given tree: its likelihood, with lengths and model parameters as given or estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.data import Alignment, Datatype, Tree
from genem.em import EMFit, InformationCriteria, Status, fit, information_criteria
from genem.em.ascent_kernels import KKT_TOLERANCE, OBJECTIVE_TOLERANCE
from genem.errors import UsageError
from genem.phylo.fitting.branches import MIN_LENGTH, with_start_lengths
from genem.phylo.fitting.errors import standard_errors
from genem.phylo.fitting.optimisation import Estimate, TreeModel
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.models.nesting import transferred
from genem.phylo.models.parameters import pack_partitions, partition_bounds
from genem.phylo.models.partition import Partition
from genem.phylo.models.rates import GammaRule
from genem.phylo.models.specifications import ModelSpecification, parse_model
from genem.phylo.models.substitution import START_ALPHA, Model, starting_model
from genem.phylo.patterns import site_patterns
from genem.phylo.trees.topology import canonical, relabelled

__all__ = ["Precision", "SitePartition", "TreeFit", "evaluate", "fit_tree", "make_partitions"]

Vector = NDArray[np.float64]

MAX_ROUNDS = 200
SECOND_SHAPE, SECOND_INVARIANT = 2.0, 0.5
"""Another start where gamma shape (default 0.5) and invariant sites (default 0.1) go together: their likelihood may
have two summits. The proportion is of the sites that may be constant."""
START_MARGIN = 1e-4
"""No closer to a bound than this part of its range does a model start: the engine takes what starts on the very bound
and ends there for locked."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The tolerances of :func:`genem.em.fit` with which a fit ends."""

    objective: float = OBJECTIVE_TOLERANCE
    parameter: float = 1e-6
    gradient: float = KKT_TOLERANCE


@dataclass(frozen=True)
class SitePartition:
    """Some sites with a model of their own: what a line of a partition file says.

    Attributes
    ----------
    name
        What to call it.
    sites
        int64 (site,): columns of the alignment, from 0.
    model
        Model string.
    datatype
        The kind of the letters of these columns, where partitions differ in it; unless given that of the alignment, or
        DNA in an alignment of protein whose ``model`` is one of DNA.
    """

    name: str
    sites: NDArray[np.int64]
    model: str
    datatype: Datatype | None = None


@dataclass(frozen=True)
class TreeFit:
    """A tree with its likelihood.

    Attributes
    ----------
    tree
        As given where branches were fixed; else in standard form (see :func:`canonical`), with estimated lengths.
    partitions
        Sites and models, with all values.
    log_likelihood
        Natural logarithm.
    site_log_likelihoods
        float64 (site,), in the order of the alignment, NaN for columns in no partition; they add up to
        ``log_likelihood``.
    n_free
        Free parameters: lengths, and parameters of the models with the frequencies that were counted.
    n_sites
        Sample size.
    status
        How the fit ended; ``converged`` where nothing was to be estimated, ``degenerate`` where the data are
        impossible.
    fit
        The account of the fit with its trace; None where nothing was to be estimated.
    length_errors
        float64 (node,): standard errors of the lengths, NaN for those on their bound; None unless asked for.
    """

    tree: Tree
    partitions: tuple[Partition, ...]
    log_likelihood: float
    site_log_likelihoods: Vector
    n_free: int
    n_sites: int
    status: Status
    fit: EMFit[Estimate] | None = None
    length_errors: Vector | None = None

    @property
    def model(self) -> Model:
        """The model of the first partition."""
        return self.partitions[0].model

    @property
    def n_multifurcations(self) -> int:
        """Nodes with more than three neighbours: taken as they are, which is any resolution with edges of length 0."""
        counts = np.bincount(self.tree.parent[:-1], minlength=len(self.tree))
        counts[:-1] += 1
        return int(np.sum(counts > 3))

    @property
    def criteria(self) -> InformationCriteria:
        """AIC and BIC."""
        return information_criteria(self.log_likelihood, self.n_free, self.n_sites)


def evaluate(
    alignment: Alignment,
    tree: Tree,
    model: str | ModelSpecification = "GTR+G4",
    *,
    partitions: Sequence[SitePartition] = (),
    fix_branches: bool = False,
    length_errors: bool = False,
    gamma_rule: GammaRule = "mean",
    trace: bool = False,
    threads: int = 1,
) -> TreeFit:
    """The maximum likelihood of a given tree; values that the model string fixes, and lengths if asked, are kept.

    log L = sum over sites of log sum over categories c of w(c) sum over states x of pi(x) product over edges of
    P(r(c) t), the inner states summed out by pruning (Felsenstein 1981, doi:10.1007/BF01734359).

    Parameters
    ----------
    alignment
        The data.
    tree
        Its taxa are those of the alignment. A root says nothing under a reversible model: unless branches are fixed the
        two edges at it become one.
    model
        Model string, as ``HKY{6.25}+F+G4`` (see :func:`parse_model`).
    partitions
        Sites with models of their own, and a rate each; they share the tree. All sites under ``model`` unless given.
    fix_branches
        Keep the lengths of the tree.
    length_errors
        Standard errors of the lengths from the observed information of all parameters.
    gamma_rule
        What represents a gamma category: its mean or its median.
    trace
        Record the path of the fit.
    threads
        The bits do not depend on it.

    Returns
    -------
    TreeFit

    Raises
    ------
    UsageError
        The model cannot be read or does not fit the data; branches are fixed and one has no length.
    InputError
        The taxa of the tree are others; a letter stands for nothing.

    Examples
    --------
    >>> from genem.phylo.trees.topology import star_tree
    >>> letters = np.array([list(b"AAAAACCCCC"), list(b"AAAAACCCCT"), list(b"AAAAACCCGC")], np.uint8)
    >>> fit = evaluate(Alignment(("a", "b", "c"), letters, "dna"), star_tree(("a", "b", "c")), "JC")
    >>> fit.status.label, round(fit.log_likelihood, 4), fit.tree.length.round(4)
    ('converged', -22.5618, array([0.    , 0.1073, 0.1073, 0.    ]))
    """
    parts = make_partitions(alignment, model, partitions, gamma_rule)
    likelihood = TreeLikelihood(parts, threads=threads)
    found = fit_tree(likelihood, tree, fix_branches=fix_branches, length_errors=length_errors, trace=trace)
    return in_site_order(found, partitions, alignment.n_sites, likelihood)


def in_site_order(
    fit: TreeFit, partitions: Sequence[SitePartition], n_sites: int, likelihood: TreeLikelihood
) -> TreeFit:
    """The fit with the log-likelihoods of all columns of the alignment, NaN for those in no partition."""
    columns = [part.sites for part in partitions] or [np.arange(n_sites)]
    sites = np.full(n_sites, np.nan)
    evaluation = likelihood.with_partitions(fit.partitions).evaluate(canonical(fit.tree))
    for column, values in zip(columns, evaluation.site_log_likelihoods(), strict=True):
        sites[column] = values
    return replace(fit, site_log_likelihoods=sites)


def make_partitions(
    alignment: Alignment,
    model: str | ModelSpecification,
    partitions: Sequence[SitePartition] = (),
    gamma_rule: GammaRule = "mean",
) -> tuple[Partition, ...]:
    """Sites compressed and models at their starting values: one partition of all sites, or those given.

    Raises
    ------
    UsageError
        A model cannot be read, or two partitions share a site.
    """
    if not partitions:
        patterns = site_patterns(alignment)
        specification = parse_model(model, gamma_rule) if isinstance(model, str) else model
        return (Partition(patterns, starting_model(specification, patterns)),)
    owners = np.zeros(alignment.n_sites, np.int64)
    for part in partitions:
        np.add.at(owners, part.sites, 1)
    if np.any(owners > 1):
        site = int(np.flatnonzero(owners > 1)[0])
        names = " and ".join(repr(part.name) for part in partitions if site in part.sites)
        raise UsageError(f"column {site + 1} is in {names}; give every column to one partition")
    made = []
    for part in partitions:
        specification = parse_model(part.model, gamma_rule)
        modelled = specification.datatype
        datatype = part.datatype or (modelled if modelled.is_part_of(alignment.datatype) else alignment.datatype)
        patterns = site_patterns(alignment, part.sites, datatype)
        made.append(Partition(patterns, starting_model(specification, patterns), name=part.name))
    return tuple(made)


def fit_tree(
    likelihood: TreeLikelihood,
    tree: Tree,
    *,
    fix_branches: bool = False,
    length_errors: bool = False,
    trace: bool = False,
    starts: Sequence[Estimate] = (),
    precision: Precision = Precision(),
) -> TreeFit:
    """The maximum likelihood of a tree for data and models that are laid out already; else as :func:`evaluate`.

    Site log-likelihoods are in the order of the partitions. The models of ``likelihood`` are where their free
    parameters start, beside customary starts; or ``starts`` are, with lengths in the node order of the standard form of
    ``tree``. ``precision`` says when the fit ends.
    """
    standard = canonical(tree)
    standard = relabelled(standard, likelihood.taxa)
    if not fix_branches:
        standard = with_start_lengths(standard)
    elif np.any(np.isnan(standard.length)):
        raise UsageError("branches are to be fixed, but the tree has edges without a length; give lengths")
    free = np.full(len(standard), not fix_branches)
    if not fix_branches:
        empty = _sequences_of_gaps(likelihood)
        free[: len(empty)] = ~empty
        standard.length[: len(empty)][empty] = MIN_LENGTH
    model = TreeModel(likelihood, standard, free, precision.gradient)
    found = None
    status: Status = Status.SOLVED
    estimate = Estimate(standard.length, pack_partitions(likelihood.partitions))
    if model.n_free > 0 and len(standard) > 1:
        if not starts:
            coordinates = _starting_coordinates(likelihood, standard, fix_branches)
            starts = [Estimate(standard.length, start) for start in coordinates]
        found = fit(
            model,
            start=[replace(start, lengths=np.where(free, start.lengths, standard.length)) for start in starts],
            n_starts=len(starts),
            max_iter=MAX_ROUNDS,
            objective_tolerance=precision.objective,
            parameter_tolerance=precision.parameter,
            gradient_tolerance=precision.gradient,
            accelerate=False,
            trace=trace,
        )
        estimate, status = found.params, found.status
    fitted, with_lengths = model.at(estimate)
    evaluation = fitted.evaluate(with_lengths)
    reached = evaluation.log_likelihood
    is_wanted = length_errors and not fix_branches
    return TreeFit(
        tree=tree if fix_branches else with_lengths,
        partitions=fitted.partitions,
        log_likelihood=reached,
        site_log_likelihoods=np.concatenate(evaluation.site_log_likelihoods()),
        n_free=_n_free(fitted.partitions, 0 if fix_branches else _n_edges(with_lengths)),
        n_sites=model.n_observations,
        status=status if np.isfinite(reached) else Status.DEGENERATE,
        fit=found,
        length_errors=standard_errors(fitted, with_lengths).lengths if is_wanted else None,
    )


def _sequences_of_gaps(likelihood: TreeLikelihood) -> NDArray[np.bool_]:
    """bool (taxon,): nothing is known of the sequence; nor, therefore, of the length of its branch."""
    empty = np.ones(len(likelihood.taxa), np.bool_)
    for partition in likelihood.partitions:
        patterns = partition.patterns
        empty &= np.all(patterns.codes == patterns.alphabet.unknown, axis=1)
    return empty


def _n_edges(tree: Tree) -> int:
    """Two taxa have one length between them, however it is shared."""
    return 1 if len(tree.taxa) == 2 else len(tree) - 1


def _n_free(partitions: Sequence[Partition], n_edges: int) -> int:
    return n_edges + sum(partition.model.n_free for partition in partitions) + len(partitions) - 1


def _starting_coordinates(likelihood: TreeLikelihood, tree: Tree, fix_branches: bool) -> list[Vector]:
    """The models as they are; where shape and invariant sites go together, two customary pairs as well; for free rates
    also the best gamma rates, so that they cannot do worse than these.
    """
    starts = [likelihood.partitions]
    specifications = [partition.model.specification for partition in likelihood.partitions]
    if any(_estimates_shape(specification) and _estimates_invariant(specification) for specification in specifications):
        starts.append(tuple(_reshaped(partition) for partition in likelihood.partitions))
    if any(
        specification.heterogeneity == "free" and specification.free_rates is None for specification in specifications
    ):
        starts.append(_from_gamma(likelihood, tree, fix_branches))
    lower, upper = partition_bounds(likelihood.partitions)
    margin = START_MARGIN * (upper - lower)
    return [pack_partitions(start).clip(lower + margin, upper - margin) for start in starts]


def _estimates_shape(specification: ModelSpecification) -> bool:
    return specification.heterogeneity == "gamma" and specification.alpha is None


def _estimates_invariant(specification: ModelSpecification) -> bool:
    return specification.has_invariant and specification.invariant is None


def _reshaped(partition: Partition) -> Partition:
    """The partition at the second start."""
    model = partition.model
    if _estimates_shape(model.specification):
        model = replace(model, alpha=SECOND_SHAPE)
    if _estimates_invariant(model.specification):
        weight = partition.patterns.weight
        constant = float(weight @ np.any(partition.patterns.constant_states() > 0.0, axis=0))
        model = replace(model, invariant=SECOND_INVARIANT * constant / max(1.0, float(weight.sum())))
    return replace(partition, model=model)


def _from_gamma(likelihood: TreeLikelihood, tree: Tree, fix_branches: bool) -> tuple[Partition, ...]:
    """The partitions with the rates of the best gamma distribution in the place of free ones."""

    def gamma_twin(partition: Partition) -> Partition:
        specification = partition.model.specification
        if specification.heterogeneity != "free" or specification.free_rates is not None:
            return partition
        twin = replace(specification, heterogeneity="gamma", alpha=None)
        return replace(partition, model=replace(partition.model, specification=twin, alpha=START_ALPHA))

    twins = likelihood.with_partitions([gamma_twin(partition) for partition in likelihood.partitions])
    fitted = fit_tree(twins, tree, fix_branches=fix_branches).partitions
    pairs = zip(likelihood.partitions, fitted, strict=True)
    return tuple(replace(free, model=transferred(gamma.model, free.model)) for free, gamma in pairs)
