"""The tables of ``genem qtl``: LOD scores, peaks, effects, genotype probabilities, errors, maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import Cross, GeneticMap
    from genem.io.tables.writing import Cells
    from genem.qtl import ChromosomeGenotypes, LocusEffects, Peak, Scan

__all__ = [
    "write_effects",
    "write_error_lods",
    "write_genotype_probabilities",
    "write_lod_scores",
    "write_map",
    "write_peaks",
    "write_table",
]

CELLS_AT_ONCE = 200_000
"""Genotype probabilities written at a time: bounds the memory."""

POSITION_MEANINGS = {
    "CHROM": "chromosome",
    "POS": "position, in centimorgan",
    "MARKER": "marker; c1.loc45: 45 cM from the first marker of chromosome 1",
}
LOD_MEANINGS = {
    "LOD_EM": "LOD score by EM",
    "LOD_HK": "LOD score by Haley-Knott regression",
    "LOD_EHK": "LOD score by extended Haley-Knott regression",
    "LOD_IMP": "LOD score by multiple imputation",
    "LOD_MR": "LOD score by marker regression; NA between markers, or where too few are typed",
    "LOD_NP": "Kruskal-Wallis statistic on the scale of LOD scores",
    "LOD_2PART": "LOD score of both parts of the trait",
    "LOD_BINARY": "LOD score of being in the spike, given the other part",
    "LOD_NORMAL": "LOD score of the value outside the spike, given the other part",
}
SCAN_MEANINGS = {
    "ENTROPY": "missing genotype information, from 0 (all genotypes known) to 1",
    "N_ITER": "most iterations of a method",
    "STATUS": "how the fits ended; the worst of the methods",
}
PEAK_MEANINGS = {
    "TRAIT": "trait",
    "METHOD": "method of the scan",
    **POSITION_MEANINGS,
    "LOD": "LOD score, the highest of the chromosome",
    "THRESHOLD": "what it had to reach",
    "GENOME_WIDE_P": "probability of such a score anywhere by chance, from the permutations",
    "POS_LOW": "lower end of the interval of support, in centimorgan",
    "POS_HIGH": "upper end",
    "MARKER_LOW": "marker or position at the lower end",
    "MARKER_HIGH": "marker or position at the upper end",
    "PERCENT_VARIANCE": "percent of the variance of a normal trait explained by the locus alone",
    "SPIKE": "yes: EM exceeds Haley-Knott by much where little is known, probably an artefact",
}
EFFECT_MEANINGS = {
    "TRAIT": "trait",
    "METHOD": "method whose peak it is",
    **POSITION_MEANINGS,
    "KIND": "mean, adjusted_mean, effect, coefficient, interaction, residual or fit",
    "TERM": "genotype, covariate, genotype:covariate, or what else is estimated",
    "ESTIMATE": "maximum-likelihood estimate by EM",
    "SE": "standard error from the observed information",
}
PROBABILITY_MEANINGS = {
    **POSITION_MEANINGS,
    "INDIVIDUAL": "individual",
    "GENOTYPE": "genotype; on the X chromosome told apart by sex and direction",
    "PROBABILITY": "probability of the genotype given all calls of the individual on the chromosome",
}
ERROR_MEANINGS = {
    **POSITION_MEANINGS,
    "INDIVIDUAL": "individual",
    "GENOTYPE": "what was called",
    "ERROR_LOD": "log10 of how much likelier the call is an error than not",
}
MAP_MEANINGS = {
    "MARKER": "marker",
    "CHR": "chromosome",
    "CM": "estimated position, in centimorgan",
    "BP": "position on the reference, where known",
    "LOG_LIKELIHOOD": "of the calls on the chromosome, natural logarithm",
}


def write_table(
    path: str,
    meanings: Mapping[str, str],
    cells: Mapping[str, Cells],
    context: RunContext,
    notes: Mapping[str, str] | None = None,
) -> None:
    """A table of one block."""
    from genem.io.tables.writing import Column, TableWriter

    with context.open_output(path) as stream:
        TableWriter(stream, [Column(name, text) for name, text in meanings.items()], notes=notes).write(cells)


def write_lod_scores(
    scans: Mapping[str, Scan],
    genotypes: Sequence[ChromosomeGenotypes],
    path: str,
    context: RunContext,
    notes: Mapping[str, str],
) -> None:
    """A row per trait and position, a column per method."""
    import numpy as np

    from genem.em import Status
    from genem.io.tables.writing import Column, Labels, TableWriter
    from genem.qtl.one_locus.scanning import missing_information

    grid = max(scans.values(), key=len)
    columns: dict[str, NDArray[np.float64]] = {}
    for method, scan in scans.items():
        columns[f"LOD_{method.upper()}"] = _on_grid(scan, scan.lod, grid)
        columns |= {f"LOD_{part.upper()}": _on_grid(scan, lod, grid) for part, lod in scan.parts.items()}
    entropy = np.concatenate([missing_information(one) for one in genotypes])
    if len(entropy) > len(grid):
        entropy = entropy[np.concatenate([one.grid.marker for one in genotypes]) >= 0]
    whole = [scan for scan in scans.values() if len(scan) == len(grid)]
    n_iter = np.max([scan.n_iter for scan in whole], axis=0)
    status = np.max([scan.status for scan in whole], axis=0)
    meanings = {
        "TRAIT": "trait",
        **POSITION_MEANINGS,
        **{name: LOD_MEANINGS[name] for name in columns},
        **SCAN_MEANINGS,
    }
    with context.open_output(path) as stream:
        table = TableWriter(stream, [Column(name, text) for name, text in meanings.items()], notes=notes)
        names = Labels(grid.names, np.arange(len(grid)))
        for k, trait in enumerate(grid.traits):
            cells: dict[str, Cells] = {
                "TRAIT": Labels([trait], np.zeros(len(grid), np.int64)),
                "CHROM": Labels(grid.chromosomes, grid.chromosome),
                "POS": grid.position,
                "MARKER": names,
                **{name: np.ascontiguousarray(lod[:, k]) for name, lod in columns.items()},
                "ENTROPY": entropy,
                "N_ITER": n_iter[:, k],
                "STATUS": Labels([each.label for each in Status], status[:, k]),
            }
            table.write(cells)


def _on_grid(scan: Scan, lod: NDArray[np.float64], grid: Scan) -> NDArray[np.float64]:
    """LOD scores at the positions of another scan; NaN where the scan has none (between markers)."""
    import numpy as np

    if len(scan) == len(grid):
        return lod
    spread = np.full((len(grid), lod.shape[1]), np.nan)
    spread[grid.is_marker] = lod
    return spread


def write_peaks(peaks: Sequence[Peak], path: str, context: RunContext, notes: Mapping[str, str]) -> None:
    """A row per peak."""
    import numpy as np

    intervals = [peak.interval for peak in peaks]
    cells: dict[str, Cells] = {
        "TRAIT": [one.trait for one in intervals],
        "METHOD": [peak.method for peak in peaks],
        "CHROM": [one.chromosome for one in intervals],
        "POS": np.array([one.peak for one in intervals], np.float64),
        "MARKER": [one.peak_name for one in intervals],
        "LOD": np.array([one.lod for one in intervals], np.float64),
        "THRESHOLD": np.array([peak.threshold for peak in peaks], np.float64),
        "GENOME_WIDE_P": np.array([peak.genome_wide_p for peak in peaks], np.float64),
        "POS_LOW": np.array([one.left for one in intervals], np.float64),
        "POS_HIGH": np.array([one.right for one in intervals], np.float64),
        "MARKER_LOW": [one.left_name for one in intervals],
        "MARKER_HIGH": [one.right_name for one in intervals],
        "PERCENT_VARIANCE": np.array([peak.percent_variance for peak in peaks], np.float64),
        "SPIKE": ["yes" if peak.spike else "no" for peak in peaks],
    }
    write_table(path, PEAK_MEANINGS, cells, context, notes)


def write_effects(effects: Sequence[tuple[str, LocusEffects]], path: str, context: RunContext) -> None:
    """A row per peak and estimate; each comes with the method whose peak it is."""
    import numpy as np

    rows = [(method, one, *row) for method, one in effects for row in _estimates(one)]
    cells: dict[str, Cells] = {
        "TRAIT": [row[1].trait for row in rows],
        "METHOD": [row[0] for row in rows],
        "CHROM": [row[1].chromosome for row in rows],
        "POS": np.array([row[1].position for row in rows], np.float64),
        "MARKER": [row[1].name for row in rows],
        "KIND": [row[2] for row in rows],
        "TERM": [row[3] for row in rows],
        "ESTIMATE": np.array([row[4] for row in rows], np.float64),
        "SE": np.array([row[5] for row in rows], np.float64),
    }
    write_table(path, EFFECT_MEANINGS, cells, context)


def _estimates(one: LocusEffects) -> list[tuple[str, str, float, float]]:
    """Kind, term, estimate and standard error of everything estimated at a locus."""
    nothing = float("nan")
    n = len(one.adjusted_means)
    estimated = [*zip(one.terms, one.estimates.tolist(), one.standard_errors.tolist(), strict=True)]
    rows = [("mean", *row) for row in estimated[:n]]
    if len(estimated) > n:
        adjusted = zip(one.terms, one.adjusted_means.tolist(), one.adjusted_errors.tolist(), strict=False)
        rows += [("adjusted_mean", *row) for row in adjusted]
    rows += [("effect", name, *pair) for name, pair in one.contrasts.items()]
    rows += [("interaction" if ":" in row[0] else "coefficient", *row) for row in estimated[n:]]
    rows.append(("residual", "sigma", *one.sigma))
    rows.append(("fit", "percent_variance", one.percent_variance, nothing))
    rows.append(("fit", "lod", one.lod, nothing))
    rows.append(("fit", "n_individuals", float(one.n_individuals), nothing))
    return rows


def write_genotype_probabilities(
    genotypes: Sequence[ChromosomeGenotypes], individuals: Sequence[str], path: str, context: RunContext
) -> None:
    """A row per position, individual and genotype."""
    import numpy as np

    from genem.io.tables.writing import Column, Labels, TableWriter

    with context.open_output(path) as stream:
        table = TableWriter(stream, [Column(name, text) for name, text in PROBABILITY_MEANINGS.items()])
        for one in genotypes:
            n_positions, n, n_states = one.probabilities.shape
            at_once = max(1, CELLS_AT_ONCE // (n * n_states))
            for start in range(0, n_positions, at_once):
                some = one.probabilities[start : start + at_once]
                place, person, state = np.indices(some.shape).reshape(3, -1)
                table.write(
                    {
                        "CHROM": Labels([one.chromosome], np.zeros(len(place), np.int64)),
                        "POS": one.grid.position[start + place],
                        "MARKER": Labels(one.grid.names, start + place),
                        "INDIVIDUAL": Labels(individuals, person),
                        "GENOTYPE": Labels(one.states, state),
                        "PROBABILITY": some.ravel(),
                    }
                )


def write_error_lods(cross: Cross, lods: NDArray[np.float64], least: float, path: str, context: RunContext) -> None:
    """A row per suspicious call, the most suspicious first."""
    import numpy as np

    person, marker = np.nonzero(np.nan_to_num(lods, nan=-np.inf) >= least)
    order = np.argsort(-lods[person, marker], kind="stable")
    person, marker = person[order], marker[order]
    genetic_map = cross.genetic_map
    a, b = cross.alleles
    names = ["NA", a + a, a + b, b + b, f"not {b + b}", f"not {a + a}"]
    cells: dict[str, Cells] = {
        "CHROM": [genetic_map.chromosomes[k] for k in genetic_map.chromosome[marker].tolist()],
        "POS": genetic_map.position[marker],
        "MARKER": [genetic_map.markers[k] for k in marker.tolist()],
        "INDIVIDUAL": [cross.individuals[k] for k in person.tolist()],
        "GENOTYPE": [names[k] for k in cross.genotypes[person, marker].tolist()],
        "ERROR_LOD": lods[person, marker],
    }
    write_table(path, ERROR_MEANINGS, cells, context)


def write_map(
    genetic_map: GeneticMap,
    log_likelihood: NDArray[np.float64],
    base_position: Mapping[str, int],
    path: str,
    context: RunContext,
) -> None:
    """The map as ``--map`` reads it."""
    import numpy as np

    from genem.io.tables.writing import FullFloats, Labels

    base = [str(base_position[name]) if name in base_position else "" for name in genetic_map.markers]
    meanings = {name: text for name, text in MAP_MEANINGS.items() if name != "BP" or any(base)}
    cells: dict[str, Cells] = {
        "MARKER": list(genetic_map.markers),
        "CHR": Labels(genetic_map.chromosomes, genetic_map.chromosome),
        "CM": genetic_map.position,
        "BP": base,
        "LOG_LIKELIHOOD": FullFloats(np.asarray(log_likelihood)[genetic_map.chromosome]),
    }
    write_table(path, meanings, {name: cells[name] for name in meanings}, context)
