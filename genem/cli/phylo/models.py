"""``genem phylo --model auto``: the model that a criterion prefers, of all sites or of each partition."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from genem.cli.columns import Columns, full_numbers, integers, numbers, repeated
from genem.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.cli.phylo.input import PhyloInput
    from genem.data import Tree
    from genem.phylo import CandidateFit, ModelSelection, SitePartition

__all__ = ["choose_model"]

ALL = ""
"""Name of all sites where there are no partitions."""


class CandidateRows(NamedTuple):
    """The candidates of a choice of model, a row each, the best first."""

    partition: str
    selection: ModelSelection

    @property
    def candidates(self) -> Sequence[CandidateFit]:
        """The model of each row."""
        return self.selection.candidates

    def criterion(self, name: Literal["aic", "aicc", "bic"]) -> NDArray[np.float64]:
        """The value of a criterion of every candidate."""
        return numbers(candidate.criterion(name) for candidate in self.candidates)

    def if_fitted(self, values: Iterable[int]) -> NDArray[np.int64]:
        """Integers of the candidates that were fitted; NA of the others."""
        from genem.io.tables.writing import MISSING_INTEGER

        return integers(
            MISSING_INTEGER if candidate.fit is None else value
            for candidate, value in zip(self.candidates, values, strict=True)
        )


COLUMNS: Columns[CandidateRows] = Columns(
    ("PARTITION", "name of the partition", lambda rows: repeated(rows.partition, len(rows.candidates))),
    ("MODEL", "model string", lambda rows: [candidate.name for candidate in rows.candidates]),
    (
        "LOGLIK",
        "natural logarithm of its greatest likelihood on the tree",
        lambda rows: full_numbers(numbers(candidate.log_likelihood for candidate in rows.candidates)),
    ),
    (
        "DF",
        "free parameters, branch lengths and counted frequencies included",
        lambda rows: rows.if_fitted(0 if each.fit is None else each.fit.n_free for each in rows.candidates),
    ),
    ("AIC", "Akaike's information criterion", lambda rows: rows.criterion("aic")),
    ("AICC", "the same for small samples; NA without a site more than DF + 1", lambda rows: rows.criterion("aicc")),
    ("BIC", "Bayesian information criterion", lambda rows: rows.criterion("bic")),
    ("AIC_WEIGHT", "share of the support by AIC", lambda rows: rows.selection.weights("aic")),
    ("AICC_WEIGHT", "share of the support by AICc", lambda rows: rows.selection.weights("aicc")),
    ("BIC_WEIGHT", "share of the support by BIC", lambda rows: rows.selection.weights("bic")),
    ("RANK", "by the criterion of choice", lambda rows: rows.if_fitted(range(1, len(rows.candidates) + 1))),
    (
        "N_ITER",
        "rounds of all its fits",
        lambda rows: rows.if_fitted(candidate.n_iterations for candidate in rows.candidates),
    ),
    (
        "STATUS",
        (
            "how its fit ended; skipped: models that contain it show that its weight is below 1e-6, or one free rate "
            "less was no better than two less"
        ),
        lambda rows: ["skipped" if each.fit is None else each.fit.status.label for each in rows.candidates],
    ),
)


def choose_model(
    data: PhyloInput, trees: tuple[Tree, ...], args: argparse.Namespace, context: RunContext
) -> tuple[PhyloInput, object]:
    """The data under the model of each part that was to be chosen, and what the report says about it.

    Partitions choose apart, on one topology: the first given tree, or one made quickly from all sites.

    Raises
    ------
    UsageError
        A candidate cannot be read, or is for another datatype; every partition has a model already.
    """
    from genem.cli.phylo.input import AUTO

    waiting = [part for part in _parts(data) if part.model == AUTO]
    if not waiting:
        raise UsageError(f"--model auto: every partition of {args.partitions} names its model; leave --model out")
    tree = trees[0] if trees else _quick_tree(data, context)
    chosen = {part.name: _select(data, tree, part, args, context) for part in waiting}
    if args.model_table is not None:
        _write_table(chosen, args.model_table, context)
    if not data.partitions:
        return data.with_model(chosen[ALL].model), _summary(chosen[ALL])
    partitions = tuple(
        replace(part, model=chosen[part.name].model) if part.name in chosen else part for part in data.partitions
    )
    record = {name: _summary(selection) for name, selection in chosen.items()}
    return replace(data, model=partitions[0].model, partitions=partitions), record


def _parts(data: PhyloInput) -> tuple[SitePartition, ...]:
    """The partitions, or all sites as one."""
    import numpy as np

    from genem.phylo import SitePartition

    return data.partitions or (SitePartition(ALL, np.arange(data.alignment.n_sites), data.model),)


def _quick_tree(data: PhyloInput, context: RunContext) -> Tree:
    from genem.cli.phylo.input import AUTO
    from genem.phylo import parse_model, site_patterns
    from genem.phylo.selection.models import quick_tree

    patterns = []
    for part in _parts(data):
        datatype = part.datatype or (None if part.model == AUTO else parse_model(part.model).datatype)
        patterns.append(site_patterns(data.alignment, part.sites, datatype))
    return quick_tree(patterns, threads=context.threads or 1)


def _select(
    data: PhyloInput, tree: Tree, part: SitePartition, args: argparse.Namespace, context: RunContext
) -> ModelSelection:
    from genem.phylo import select_model
    from genem.phylo.selection.candidates import is_candidate_for

    models = args.models or ()
    if len({each.datatype for each in data.partitions}) > 1 and part.datatype is not None:
        models = tuple(entry for entry in models if is_candidate_for(entry, part.datatype))
    label = f"choosing a model of {part.name}" if part.name else "choosing a model"
    n_fitted = 0
    with context.progress(label) as progress:

        def tell(candidate: CandidateFit) -> None:
            nonlocal n_fitted
            n_fitted += 1
            context.log.debug("%s: log-likelihood %.4f", candidate.name, candidate.log_likelihood)
            progress.update(n_fitted)

        selection = select_model(
            data.alignment,
            tree,
            models=models,
            criterion=args.criterion,
            sites=part.sites,
            datatype=part.datatype,
            ascertainment=bool(data.suffix),
            gamma_rule=args.gamma_rule,
            progress=tell,
            threads=context.threads or 1,
        )
    for candidate in selection.candidates:
        if candidate.fit is not None:
            context.add_fit(
                candidate.fit.status.label,
                name=f"{part.name}: {candidate.name}" if part.name else candidate.name,
                log_likelihood=candidate.log_likelihood,
                n_free=candidate.fit.n_free,
                n_maps=candidate.n_iterations,
            )
    context.log.info("%s: %s by %s", label, selection.model, args.criterion)
    return selection


def _summary(selection: ModelSelection) -> dict[str, object]:
    """For the report: the best of each criterion, and how many candidates there were."""
    from genem.phylo.selection.lattice import CRITERIA

    fitted = [candidate for candidate in selection.candidates if candidate.fit is not None]
    best = {
        criterion: min(fitted, key=lambda candidate: _last_if_nan(candidate.criterion(criterion)))
        for criterion in CRITERIA
    }
    return {
        "model": selection.model,
        "criterion": selection.criterion,
        "best_by": {criterion: candidate.name for criterion, candidate in best.items()},
        "n_candidates": len(selection.candidates),
        "n_skipped": len(selection.candidates) - len(fitted),
    }


def _last_if_nan(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _write_table(selections: dict[str, ModelSelection], path: str, context: RunContext) -> None:
    columns = COLUMNS.without(("PARTITION",)) if ALL in selections else COLUMNS
    with context.open_output(path) as stream:
        table = columns.open(stream)
        for partition, selection in selections.items():
            table.write(CandidateRows(partition, selection))
