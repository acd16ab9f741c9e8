"""The tables of models of several loci that ``genem qtl`` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, integers, labels, numbers, repeated, statuses

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.io.tables.writing import Labels
    from genem.qtl import CompositeScan, QTLFit, QTLSelection, TwoQTLPermutations, TwoQTLScan, VisitedModel
    from genem.qtl.several_loci.pair_permutations import TwoQTLLods
    from genem.qtl.several_loci.pairs import PairPeak

__all__ = [
    "write_best_pairs",
    "write_composite",
    "write_model_effects",
    "write_models",
    "write_thresholds",
    "write_two_qtl",
]

ROWS_AT_ONCE = 100_000
LOD_MEANINGS = {
    "LOD_FULL": "two interacting loci against none",
    "LOD_FV1": "full against the best single locus on the two chromosomes",
    "LOD_INT": "interaction: full against additive",
    "LOD_ADD": "two additive loci against none",
    "LOD_AV1": "additive against the best single locus",
}


class PairRows(NamedTuple):
    """Some pairs of positions of a scan, a row each."""

    scan: TwoQTLScan
    rows: slice
    best_one: NDArray[np.float64]
    """LOD scores (row,) of the best single locus on the two chromosomes."""

    @property
    def first(self) -> NDArray[np.integer]:
        """The first position of each pair."""
        return self.scan.first[self.rows]

    @property
    def second(self) -> NDArray[np.integer]:
        """The second position of each pair."""
        return self.scan.second[self.rows]

    @property
    def full(self) -> NDArray[np.float64]:
        """LOD scores of the full model."""
        return self.scan.full[self.rows]

    @property
    def additive(self) -> NDArray[np.float64]:
        """LOD scores of the additive model."""
        return self.scan.additive[self.rows]

    def statuses(self) -> Labels:
        """Ends of the fits of both models, the worse of the two."""
        from genem.em.status import worst_status

        return statuses(worst_status(self.scan.status[self.rows], axis=1))

    def separation(self) -> NDArray[np.int64]:
        """Markers between the positions or at the second."""
        import numpy as np

        from genem.io.tables.writing import MISSING_INTEGER

        scan, first, second = self.scan, self.first, self.second
        apart = scan.chromosome[first] != scan.chromosome[second]
        return np.where(apart, MISSING_INTEGER, scan.markers_before[second] - scan.markers_before[first])


PAIR_COLUMNS: Columns[PairRows] = Columns(
    ("TRAIT", "trait", lambda pairs: repeated(pairs.scan.trait, len(pairs.first))),
    (
        "CHROM_A",
        "chromosome of the first position",
        lambda pairs: labels(pairs.scan.chromosomes, pairs.scan.chromosome[pairs.first]),
    ),
    ("POS_A", "first position, in centimorgan", lambda pairs: pairs.scan.position[pairs.first]),
    (
        "CHROM_B",
        "chromosome of the second position",
        lambda pairs: labels(pairs.scan.chromosomes, pairs.scan.chromosome[pairs.second]),
    ),
    ("POS_B", "second position", lambda pairs: pairs.scan.position[pairs.second]),
    ("LOD_FULL", LOD_MEANINGS["LOD_FULL"], lambda pairs: pairs.full),
    ("LOD_FV1", LOD_MEANINGS["LOD_FV1"], lambda pairs: pairs.full - pairs.best_one),
    ("LOD_INT", LOD_MEANINGS["LOD_INT"], lambda pairs: pairs.full - pairs.additive),
    ("LOD_ADD", LOD_MEANINGS["LOD_ADD"], lambda pairs: pairs.additive),
    ("LOD_AV1", LOD_MEANINGS["LOD_AV1"], lambda pairs: pairs.additive - pairs.best_one),
    ("MARKER_A", "marker or name of the first position", lambda pairs: labels(pairs.scan.names, pairs.first)),
    ("MARKER_B", "marker or name of the second position", lambda pairs: labels(pairs.scan.names, pairs.second)),
    (
        "SEPARATION",
        "markers between the positions or at the second; NA on different chromosomes",
        lambda pairs: pairs.separation(),
    ),
    (
        "SPIKE",
        "1: EM exceeds Haley-Knott by much where little is known, probably an artefact",
        lambda pairs: pairs.scan.spike[pairs.rows].astype(int),
    ),
    ("N_ITER", "EM steps of both models", lambda pairs: pairs.scan.n_iter[pairs.rows].sum(axis=1)),
    (
        "STATUS",
        "how the fits ended; the worse of the two",
        lambda pairs: pairs.statuses(),
    ),
)

BEST_COLUMNS: Columns[Sequence[tuple[str, PairPeak]]] = Columns(
    ("TRAIT", "trait", lambda peaks: [trait for trait, _ in peaks]),
    ("CHROM_A", "chromosome", lambda peaks: [peak.chromosomes[0] for _, peak in peaks]),
    ("CHROM_B", "other chromosome", lambda peaks: [peak.chromosomes[1] for _, peak in peaks]),
    (
        "POS_A_FULL",
        "where the full model fits best, in centimorgan",
        lambda peaks: numbers(peak.full_at[0] for _, peak in peaks),
    ),
    ("POS_B_FULL", "on the other chromosome", lambda peaks: numbers(peak.full_at[1] for _, peak in peaks)),
    ("LOD_FULL", "highest LOD score of the full model", lambda peaks: numbers(peak.full for _, peak in peaks)),
    (
        "LOD_FV1",
        "full less the best single locus on the two chromosomes",
        lambda peaks: numbers(peak.full_vs_one for _, peak in peaks),
    ),
    (
        "LOD_INT",
        "full less additive, each at its best",
        lambda peaks: numbers(peak.interaction for _, peak in peaks),
    ),
    (
        "POS_A_ADD",
        "where the additive model fits best",
        lambda peaks: numbers(peak.additive_at[0] for _, peak in peaks),
    ),
    ("POS_B_ADD", "on the other chromosome", lambda peaks: numbers(peak.additive_at[1] for _, peak in peaks)),
    ("LOD_ADD", "highest LOD score of the additive model", lambda peaks: numbers(peak.additive for _, peak in peaks)),
    (
        "LOD_AV1",
        "additive less the best single locus",
        lambda peaks: numbers(peak.additive_vs_one for _, peak in peaks),
    ),
    ("LOD_ONE", "best single locus on the two chromosomes", lambda peaks: numbers(peak.one_locus for _, peak in peaks)),
    (
        "SPIKE",
        "yes: the full model is probably an artefact",
        lambda peaks: ["yes" if peak.spike else "no" for _, peak in peaks],
    ),
)


class ThresholdRow(NamedTuple):
    """The thresholds of a trait in a region at a level."""

    trait: str
    region: str
    level: float
    lod: TwoQTLLods
    n_permutations: int


THRESHOLD_COLUMNS: Columns[Sequence[ThresholdRow]] = Columns(
    ("TRAIT", "trait", lambda rows: [row.trait for row in rows]),
    (
        "PAIRS",
        "all; autosomes, beside_x (an autosome and the X chromosome), x: at levels of their own",
        lambda rows: [row.region for row in rows],
    ),
    (
        "ALPHA",
        "probability that chance reaches the threshold anywhere",
        lambda rows: numbers(row.level for row in rows),
    ),
    ("LOD_FULL", LOD_MEANINGS["LOD_FULL"], lambda rows: numbers(row.lod.full for row in rows)),
    ("LOD_FV1", LOD_MEANINGS["LOD_FV1"], lambda rows: numbers(row.lod.full_vs_one for row in rows)),
    ("LOD_INT", LOD_MEANINGS["LOD_INT"], lambda rows: numbers(row.lod.interaction for row in rows)),
    ("LOD_ADD", LOD_MEANINGS["LOD_ADD"], lambda rows: numbers(row.lod.additive for row in rows)),
    ("LOD_AV1", LOD_MEANINGS["LOD_AV1"], lambda rows: numbers(row.lod.additive_vs_one for row in rows)),
    ("LOD_ONE", "a single locus against none", lambda rows: numbers(row.lod.one_locus for row in rows)),
    ("PERMUTATIONS", "number of permutations", lambda rows: integers(row.n_permutations for row in rows)),
)


def _selected(composite: CompositeScan) -> NDArray[np.int64]:
    """The order in which the marker at each position was selected."""
    from genem.io.tables.writing import MISSING_INTEGER

    scan = composite.scan
    order = {(marker.chromosome, marker.name): k + 1 for k, marker in enumerate(composite.markers)}
    places = ((scan.chromosomes[k], name) for k, name in zip(scan.chromosome.tolist(), scan.names, strict=True))
    return integers(order.get(place, MISSING_INTEGER) for place in places)


COMPOSITE_COLUMNS: Columns[CompositeScan] = Columns(
    ("TRAIT", "trait", lambda composite: repeated(composite.scan.traits[0], len(composite.scan))),
    ("CHROM", "chromosome", lambda composite: labels(composite.scan.chromosomes, composite.scan.chromosome)),
    ("POS", "position, in centimorgan", lambda composite: composite.scan.position),
    ("MARKER", "marker or name of the position", lambda composite: composite.scan.names),
    (
        "LOD",
        "LOD score given the markers outside the window",
        lambda composite: composite.scan.lod[:, 0],
    ),
    ("COVARIATES", "number of these markers", lambda composite: composite.n_covariates),
    ("SELECTED", "order in which the marker itself was selected; NA if it was not", _selected),
    ("STATUS", "how the fit ended", lambda composite: statuses(composite.scan.status[:, 0])),
)

MODEL_COLUMNS: Columns[Sequence[tuple[QTLSelection, VisitedModel]]] = Columns(
    ("TRAIT", "trait", lambda rows: [selection.trait for selection, _ in rows]),
    ("STEP", "null, forward or backward", lambda rows: [model.step for _, model in rows]),
    ("N_QTL", "number of loci", lambda rows: integers(len(model.loci) for _, model in rows)),
    (
        "LOCI",
        "chromosome and position in centimorgan of Q1, Q2, ...",
        lambda rows: [";".join(f"{name}@{position:.1f}" for name, position in model.loci) for _, model in rows],
    ),
    ("FORMULA", "loci and interactions", lambda rows: [model.formula for _, model in rows]),
    ("LOD", "against no loci", lambda rows: numbers(model.lod for _, model in rows)),
    ("DF", "parameters beyond those of no loci", lambda rows: integers(model.df for _, model in rows)),
    ("PENALTY", "taken off the LOD score", lambda rows: numbers(model.penalty for _, model in rows)),
    ("SCORE", "what is left; the higher the better", lambda rows: numbers(model.score for _, model in rows)),
    ("CHOICE", "best, near_tie (within 0.5 of the best) or no", lambda rows: [_choice(*row) for row in rows]),
    ("STATUS", "how the fit ended", lambda rows: [model.status.label for _, model in rows]),
)


class ModelRow(NamedTuple):
    """A model, what a term adds to it, or a coefficient: what does not apply is None or NaN."""

    trait: str
    kind: str
    name: str
    status: str
    df: int | None = None
    lod: float = nan
    percent_variance: float = nan
    f: float = nan
    p_lrt: float = nan
    p_f: float = nan
    estimate: float = nan
    standard_error: float = nan


def _degrees_of_freedom(rows: Sequence[ModelRow]) -> NDArray[np.int64]:
    from genem.io.tables.writing import MISSING_INTEGER

    return integers(MISSING_INTEGER if row.df is None else row.df for row in rows)


EFFECT_COLUMNS: Columns[Sequence[ModelRow]] = Columns(
    ("TRAIT", "trait", lambda rows: [row.trait for row in rows]),
    ("KIND", "model: all together; term: what is lost without it; estimate", lambda rows: [row.kind for row in rows]),
    (
        "NAME",
        "locus, interaction or coefficient (a additive, d dominance)",
        lambda rows: [row.name for row in rows],
    ),
    ("DF", "parameters", _degrees_of_freedom),
    ("LOD", "gained by them", lambda rows: numbers(row.lod for row in rows)),
    ("PERCENT_VARIANCE", "explained by them", lambda rows: numbers(row.percent_variance for row in rows)),
    ("F", "F statistic; NA for em", lambda rows: numbers(row.f for row in rows)),
    (
        "P_LRT",
        "p-value of the likelihood ratio; the search for the position is not accounted for",
        lambda rows: numbers(row.p_lrt for row in rows),
    ),
    ("P_F", "p-value of F; NA for em", lambda rows: numbers(row.p_f for row in rows)),
    ("ESTIMATE", "coefficient, in units of the trait", lambda rows: numbers(row.estimate for row in rows)),
    ("SE", "its standard error", lambda rows: numbers(row.standard_error for row in rows)),
    ("STATUS", "how the fit ended", lambda rows: [row.status for row in rows]),
)


def write_two_qtl(scans: Sequence[TwoQTLScan], path: str, context: RunContext) -> None:
    """Write a row per trait and pair of positions."""
    notes = {"method": scans[0].method, "individuals_with_trait": ",".join(str(scan.n_individuals) for scan in scans)}
    with context.open_output(path) as stream:
        table = PAIR_COLUMNS.open(stream, notes)
        for scan in scans:
            best_one = scan.best_one
            for start in range(0, len(scan), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                table.write(PairRows(scan, rows, best_one[rows]))


def write_best_pairs(scans: Sequence[TwoQTLScan], separation: int, path: str, context: RunContext) -> None:
    """Write a row per trait and pair of chromosomes."""
    peaks = [(scan.trait, peak) for scan in scans for peak in scan.summary(min_markers=separation)]
    with context.open_output(path) as stream:
        BEST_COLUMNS.open(stream).write(peaks)


def write_thresholds(
    permuted: Mapping[str, TwoQTLPermutations], levels: Sequence[float], path: str, context: RunContext
) -> None:
    """Write a row per trait, region and level."""
    import numpy as np

    from genem import qtl
    from genem.qtl.several_loci.pair_permutations import PAIR_REGIONS

    rows = []
    for trait, permutations in permuted.items():
        regions = ["all"]
        if np.isfinite(permutations.highest[:, 1:, 0]).any():
            regions += [name for k, name in enumerate(PAIR_REGIONS) if np.isfinite(permutations.highest[:, k, 0]).all()]
        rows += [
            ThresholdRow(
                trait, region, level, qtl.two_qtl_threshold(permutations, level, pairs=region), len(permutations)
            )
            for region in regions
            for level in levels
        ]
    with context.open_output(path) as stream:
        THRESHOLD_COLUMNS.open(stream).write(rows)


def write_composite(scans: Sequence[CompositeScan], path: str, context: RunContext) -> None:
    """Write a row per trait and position; the header names the markers."""
    notes = {
        "method": scans[0].scan.method,
        "window": f"{scans[0].window:g} cM to either side",
        "markers": "; ".join(
            f"{composite.scan.traits[0]}: {','.join(marker.name for marker in composite.markers) or 'none'}"
            for composite in scans
        ),
    }
    with context.open_output(path) as stream:
        table = COMPOSITE_COLUMNS.open(stream, notes)
        for composite in scans:
            table.write(composite)


def write_models(selections: Sequence[QTLSelection], path: str, context: RunContext) -> None:
    """Write a row per model visited."""
    notes: dict[str, str] = {"criterion": selections[0].criterion, "method": selections[0].method}
    if selections[0].penalties is not None:
        notes["penalties"] = "; ".join(
            f"{selection.trait}: " + ",".join(f"{value:.4g}" for value in selection.penalties or ())
            for selection in selections
        )
    with context.open_output(path) as stream:
        MODEL_COLUMNS.open(stream, notes).write(
            [(selection, model) for selection in selections for model in selection.visited]
        )


def _choice(selection: QTLSelection, model: VisitedModel) -> str:
    """Whether a model is the best or nearly, however often it was visited."""

    def is_the_model(other: VisitedModel) -> bool:
        return (model.loci, model.formula) == (other.loci, other.formula)

    if is_the_model(selection.best):
        return "best"
    return "near_tie" if any(is_the_model(other) for other in selection.near_ties) else "no"


def write_model_effects(fits: Sequence[QTLFit], path: str, context: RunContext) -> None:
    """Write the best model of each trait, then what each term adds, then all coefficients."""
    rows: list[ModelRow] = []
    for fit in fits:
        tests = (fit.df, fit.lod, fit.percent_variance, nan, fit.p_lrt, fit.p_f)
        rows.append(ModelRow(fit.trait, "model", fit.formula, fit.status.label, *tests))
        for term in fit.dropped:
            tests = (term.df, term.lod, term.percent_variance, term.f, term.p_lrt, term.p_f)
            rows.append(ModelRow(fit.trait, "term", term.name, term.status.label, *tests))
        estimates = zip(fit.terms, fit.estimates.tolist(), fit.standard_errors.tolist(), strict=True)
        rows += [
            ModelRow(fit.trait, "estimate", name, fit.status.label, estimate=estimate, standard_error=standard_error)
            for name, estimate, standard_error in estimates
        ]
    with context.open_output(path) as stream:
        EFFECT_COLUMNS.open(stream).write(rows)
