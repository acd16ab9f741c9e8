"""The tables of models of several loci that ``genem qtl`` writes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.io.tables.writing import Cells
    from genem.qtl import CompositeScan, QTLFit, QTLSelection, TwoQTLPermutations, TwoQTLScan, VisitedModel

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
PAIR_MEANINGS = {
    "TRAIT": "trait",
    "CHROM_A": "chromosome of the first position",
    "POS_A": "first position, in centimorgan",
    "CHROM_B": "chromosome of the second position",
    "POS_B": "second position",
    **LOD_MEANINGS,
    "MARKER_A": "marker or name of the first position",
    "MARKER_B": "marker or name of the second position",
    "SEPARATION": "markers between the positions or at the second; NA on different chromosomes",
    "SPIKE": "1: EM exceeds Haley-Knott by much where little is known, probably an artefact",
    "N_ITER": "EM steps of both models",
    "STATUS": "how the fits ended; the worse of the two",
}
BEST_MEANINGS = {
    "TRAIT": "trait",
    "CHROM_A": "chromosome",
    "CHROM_B": "other chromosome",
    "POS_A_FULL": "where the full model fits best, in centimorgan",
    "POS_B_FULL": "on the other chromosome",
    "LOD_FULL": "highest LOD score of the full model",
    "LOD_FV1": "full less the best single locus on the two chromosomes",
    "LOD_INT": "full less additive, each at its best",
    "POS_A_ADD": "where the additive model fits best",
    "POS_B_ADD": "on the other chromosome",
    "LOD_ADD": "highest LOD score of the additive model",
    "LOD_AV1": "additive less the best single locus",
    "LOD_ONE": "best single locus on the two chromosomes",
    "SPIKE": "yes: the full model is probably an artefact",
}
THRESHOLD_MEANINGS = {
    "TRAIT": "trait",
    "PAIRS": "all; autosomes, beside_x (an autosome and the X chromosome), x: at levels of their own",
    "ALPHA": "probability that chance reaches the threshold anywhere",
    **LOD_MEANINGS,
    "LOD_ONE": "a single locus against none",
    "PERMUTATIONS": "number of permutations",
}
COMPOSITE_MEANINGS = {
    "TRAIT": "trait",
    "CHROM": "chromosome",
    "POS": "position, in centimorgan",
    "MARKER": "marker or name of the position",
    "LOD": "LOD score given the markers outside the window",
    "COVARIATES": "number of these markers",
    "SELECTED": "order in which the marker itself was selected; NA if it was not",
    "STATUS": "how the fit ended",
}
MODEL_MEANINGS = {
    "TRAIT": "trait",
    "STEP": "null, forward or backward",
    "N_QTL": "number of loci",
    "LOCI": "chromosome and position in centimorgan of Q1, Q2, ...",
    "FORMULA": "loci and interactions",
    "LOD": "against no loci",
    "DF": "parameters beyond those of no loci",
    "PENALTY": "taken off the LOD score",
    "SCORE": "what is left; the higher the better",
    "CHOICE": "best, near_tie (within 0.5 of the best) or no",
    "STATUS": "how the fit ended",
}
EFFECT_MEANINGS = {
    "TRAIT": "trait",
    "KIND": "model: all together; term: what is lost without it; estimate",
    "NAME": "locus, interaction or coefficient (a additive, d dominance)",
    "DF": "parameters",
    "LOD": "gained by them",
    "PERCENT_VARIANCE": "explained by them",
    "F": "F statistic; NA for em",
    "P_LRT": "p-value of the likelihood ratio; the search for the position is not accounted for",
    "P_F": "p-value of F; NA for em",
    "ESTIMATE": "coefficient, in units of the trait",
    "SE": "its standard error",
    "STATUS": "how the fit ended",
}


def write_two_qtl(scans: Sequence[TwoQTLScan], path: str, context: RunContext) -> None:
    """A row per trait and pair of positions."""
    import numpy as np

    from genem.em import Status
    from genem.io.tables.writing import MISSING_INTEGER, Column, Labels, TableWriter

    statuses = [each.label for each in Status]
    with context.open_output(path) as stream:
        notes = {"method": scans[0].method, "individuals_with_trait": ",".join(str(one.n_individuals) for one in scans)}
        table = TableWriter(stream, [Column(name, text) for name, text in PAIR_MEANINGS.items()], notes=notes)
        for one in scans:
            best_one = one.best_one
            for start in range(0, len(one), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                a, b = one.first[rows], one.second[rows]
                full, additive = one.full[rows], one.additive[rows]
                apart = one.chromosome[a] != one.chromosome[b]
                between = np.where(apart, MISSING_INTEGER, one.markers_before[b] - one.markers_before[a])
                cells: dict[str, Cells] = {
                    "TRAIT": Labels([one.trait], np.zeros(len(a), np.int64)),
                    "CHROM_A": Labels(one.chromosomes, one.chromosome[a]),
                    "POS_A": one.position[a],
                    "CHROM_B": Labels(one.chromosomes, one.chromosome[b]),
                    "POS_B": one.position[b],
                    "LOD_FULL": full,
                    "LOD_FV1": full - best_one[rows],
                    "LOD_INT": full - additive,
                    "LOD_ADD": additive,
                    "LOD_AV1": additive - best_one[rows],
                    "MARKER_A": Labels(one.names, a),
                    "MARKER_B": Labels(one.names, b),
                    "SEPARATION": between,
                    "SPIKE": one.spike[rows].astype(np.int64),
                    "N_ITER": one.n_iter[rows].sum(axis=1),
                    "STATUS": Labels(statuses, one.status[rows].max(axis=1)),
                }
                table.write(cells)


def write_best_pairs(scans: Sequence[TwoQTLScan], separation: int, path: str, context: RunContext) -> None:
    """A row per trait and pair of chromosomes."""
    import numpy as np

    from genem.cli.qtl.tables import write_table

    peaks = [(one.trait, peak) for one in scans for peak in one.summary(min_markers=separation)]
    numbers = {
        "POS_A_FULL": [peak.full_at[0] for _, peak in peaks],
        "POS_B_FULL": [peak.full_at[1] for _, peak in peaks],
        "LOD_FULL": [peak.full for _, peak in peaks],
        "LOD_FV1": [peak.full_vs_one for _, peak in peaks],
        "LOD_INT": [peak.interaction for _, peak in peaks],
        "POS_A_ADD": [peak.additive_at[0] for _, peak in peaks],
        "POS_B_ADD": [peak.additive_at[1] for _, peak in peaks],
        "LOD_ADD": [peak.additive for _, peak in peaks],
        "LOD_AV1": [peak.additive_vs_one for _, peak in peaks],
        "LOD_ONE": [peak.one for _, peak in peaks],
    }
    cells: dict[str, Cells] = {
        "TRAIT": [trait for trait, _ in peaks],
        "CHROM_A": [peak.chromosomes[0] for _, peak in peaks],
        "CHROM_B": [peak.chromosomes[1] for _, peak in peaks],
        **{name: np.array(values, np.float64) for name, values in numbers.items()},
        "SPIKE": ["yes" if peak.spike else "no" for _, peak in peaks],
    }
    write_table(path, BEST_MEANINGS, {name: cells[name] for name in BEST_MEANINGS}, context)


def write_thresholds(
    permuted: Mapping[str, TwoQTLPermutations], levels: Sequence[float], path: str, context: RunContext
) -> None:
    """A row per trait, region and level."""
    import numpy as np

    from genem import qtl
    from genem.cli.qtl.tables import write_table
    from genem.qtl.several_loci.pair_permutations import PAIR_REGIONS

    rows = []
    for trait, one in permuted.items():
        regions = ["all"]
        if np.isfinite(one.highest[:, 1:, 0]).any():
            regions += [name for k, name in enumerate(PAIR_REGIONS) if np.isfinite(one.highest[:, k, 0]).all()]
        rows += [
            (trait, region, alpha, *astuple(qtl.two_qtl_threshold(one, alpha, pairs=region)), len(one))
            for region in regions
            for alpha in levels
        ]
    columns = list(zip(*rows, strict=True))
    names = ["LOD_FULL", "LOD_FV1", "LOD_INT", "LOD_ADD", "LOD_AV1", "LOD_ONE"]
    cells: dict[str, Cells] = {
        "TRAIT": list(columns[0]),
        "PAIRS": list(columns[1]),
        "ALPHA": np.array(columns[2]),
        **{name: np.array(columns[3 + k], np.float64) for k, name in enumerate(names)},
        "PERMUTATIONS": np.array(columns[-1]),
    }
    write_table(path, THRESHOLD_MEANINGS, cells, context)


def write_composite(scans: Sequence[CompositeScan], path: str, context: RunContext) -> None:
    """A row per trait and position; the header names the markers."""
    import numpy as np

    from genem.em import Status
    from genem.io.tables.writing import MISSING_INTEGER, Column, Labels, TableWriter

    notes = {
        "method": scans[0].scan.method,
        "window": f"{scans[0].window:g} cM to either side",
        "markers": "; ".join(
            f"{one.scan.traits[0]}: {','.join(marker.name for marker in one.markers) or 'none'}" for one in scans
        ),
    }
    with context.open_output(path) as stream:
        table = TableWriter(stream, [Column(name, text) for name, text in COMPOSITE_MEANINGS.items()], notes=notes)
        for one in scans:
            scan = one.scan
            order = {(marker.chromosome, marker.name): k + 1 for k, marker in enumerate(one.markers)}
            places = [(scan.chromosomes[k], name) for k, name in zip(scan.chromosome.tolist(), scan.names, strict=True)]
            table.write(
                {
                    "TRAIT": Labels(scan.traits, np.zeros(len(scan), np.int64)),
                    "CHROM": Labels(scan.chromosomes, scan.chromosome),
                    "POS": scan.position,
                    "MARKER": Labels(scan.names, np.arange(len(scan))),
                    "LOD": np.ascontiguousarray(scan.lod[:, 0]),
                    "COVARIATES": one.n_covariates,
                    "SELECTED": np.array([order.get(place, MISSING_INTEGER) for place in places]),
                    "STATUS": Labels([each.label for each in Status], scan.status[:, 0]),
                }
            )


def write_models(selections: Sequence[QTLSelection], path: str, context: RunContext) -> None:
    """A row per model visited."""
    import numpy as np

    from genem.cli.qtl.tables import write_table

    rows = [(one, model) for one in selections for model in one.visited]
    models = [model for _, model in rows]
    notes: dict[str, str] = {"criterion": selections[0].criterion, "method": selections[0].method}
    if selections[0].penalties is not None:
        notes["penalties"] = "; ".join(
            f"{one.trait}: " + ",".join(f"{value:.4g}" for value in one.penalties or ()) for one in selections
        )
    cells: dict[str, Cells] = {
        "TRAIT": [one.trait for one, _ in rows],
        "STEP": [model.step for model in models],
        "N_QTL": np.array([len(model.loci) for model in models]),
        "LOCI": [";".join(f"{name}@{position:.1f}" for name, position in model.loci) or "NA" for model in models],
        "FORMULA": [model.formula for model in models],
        "LOD": np.array([model.lod for model in models]),
        "DF": np.array([model.df for model in models]),
        "PENALTY": np.array([model.penalty for model in models]),
        "SCORE": np.array([model.score for model in models]),
        "CHOICE": [_choice(one, model) for one, model in rows],
        "STATUS": [model.status.label for model in models],
    }
    write_table(path, MODEL_MEANINGS, cells, context, notes)


def _choice(selection: QTLSelection, model: VisitedModel) -> str:
    """Of a model, however often it was visited."""

    def is_the_model(other: VisitedModel) -> bool:
        return (model.loci, model.formula) == (other.loci, other.formula)

    if is_the_model(selection.best):
        return "best"
    return "near_tie" if any(is_the_model(other) for other in selection.near_ties) else "no"


def write_model_effects(fits: Sequence[QTLFit], path: str, context: RunContext) -> None:
    """The best model of each trait, then what each term adds, then all coefficients."""
    import numpy as np

    from genem.cli.qtl.tables import write_table
    from genem.io.tables.writing import MISSING_INTEGER

    nothing = math.nan
    rows: list[tuple[object, ...]] = []
    for one in fits:
        tests = (one.df, one.lod, one.percent_variance, nothing, one.p_lrt, one.p_f)
        rows.append((one.trait, "model", one.formula, *tests, nothing, nothing, one.status.label))
        for term in one.dropped:
            tests = (term.df, term.lod, term.percent_variance, term.f, term.p_lrt, term.p_f)
            rows.append((one.trait, "term", term.name, *tests, nothing, nothing, term.status.label))
        estimates = zip(one.terms, one.estimates.tolist(), one.standard_errors.tolist(), strict=True)
        missing = (MISSING_INTEGER, *[nothing] * 5)
        rows += [(one.trait, "estimate", name, *missing, value, se, one.status.label) for name, value, se in estimates]
    columns = list(zip(*rows, strict=True))
    texts = ("TRAIT", "KIND", "NAME", "STATUS")
    cells: dict[str, Cells] = {
        name: [str(value) for value in column] if name in texts else np.array(column)
        for name, column in zip(EFFECT_MEANINGS, columns, strict=True)
    }
    write_table(path, EFFECT_MEANINGS, cells, context)
