"""The tables of ``genem qtl``: LOD scores, peaks, effects, genotype probabilities, errors, maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from operator import methodcaller
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, full_numbers, labels, numbers, repeated, statuses

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import Cross, GeneticMap
    from genem.io.tables.writing import Labels
    from genem.qtl import ChromosomeGenotypes, LocusEffects, Peak, Scan

__all__ = [
    "write_effects",
    "write_error_lods",
    "write_genotype_probabilities",
    "write_lod_scores",
    "write_map",
    "write_peaks",
]

CELLS_AT_ONCE = 200_000
"""Genotype probabilities written at a time: bounds the memory."""

POS_MEANING = "position, in centimorgan"
MARKER_MEANING = "marker; c1.loc45: 45 cM from the first marker of chromosome 1"
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


class LodScores(NamedTuple):
    """LOD scores of all methods at the positions of a scan, one trait after the other."""

    grid: Scan
    trait: int
    lod: Mapping[str, NDArray[np.float64]]  # (position, trait) of each column
    entropy: NDArray[np.float64]  # (position,)
    n_iter: NDArray[np.integer]  # (position, trait)
    status: NDArray[np.integer]  # (position, trait)

    def column(self, name: str) -> NDArray[np.float64]:
        """The LOD scores of a method, or a part of the trait, by the name of the column."""
        import numpy as np

        return np.ascontiguousarray(self.lod[name][:, self.trait])


def _lod_columns(names: Iterable[str]) -> Columns[LodScores]:
    """The table of LOD scores, with these columns of LOD scores."""
    import numpy as np

    return Columns(
        ("TRAIT", "trait", lambda scores: repeated(scores.grid.traits[scores.trait], len(scores.grid))),
        ("CHROM", "chromosome", lambda scores: labels(scores.grid.chromosomes, scores.grid.chromosome)),
        ("POS", POS_MEANING, lambda scores: scores.grid.position),
        ("MARKER", MARKER_MEANING, lambda scores: labels(scores.grid.names, np.arange(len(scores.grid)))),
        *((name, LOD_MEANINGS[name], methodcaller("column", name)) for name in names),
        (
            "ENTROPY",
            "missing genotype information, from 0 (all genotypes known) to 1",
            lambda scores: scores.entropy,
        ),
        ("N_ITER", "most iterations of a method", lambda scores: scores.n_iter[:, scores.trait]),
        (
            "STATUS",
            "how the fits ended; the worst of the methods",
            lambda scores: statuses(scores.status[:, scores.trait]),
        ),
    )


PEAK_COLUMNS: Columns[Sequence[Peak]] = Columns(
    ("TRAIT", "trait", lambda peaks: [peak.interval.trait for peak in peaks]),
    ("METHOD", "method of the scan", lambda peaks: [peak.method for peak in peaks]),
    ("CHROM", "chromosome", lambda peaks: [peak.interval.chromosome for peak in peaks]),
    ("POS", POS_MEANING, lambda peaks: numbers(peak.interval.peak for peak in peaks)),
    ("MARKER", MARKER_MEANING, lambda peaks: [peak.interval.peak_name for peak in peaks]),
    (
        "LOD",
        "LOD score, the highest of the chromosome",
        lambda peaks: numbers(peak.interval.lod for peak in peaks),
    ),
    ("THRESHOLD", "what it had to reach", lambda peaks: numbers(peak.threshold for peak in peaks)),
    (
        "GENOME_WIDE_P",
        "probability of such a score anywhere by chance, from the permutations",
        lambda peaks: numbers(peak.genome_wide_p for peak in peaks),
    ),
    (
        "POS_LOW",
        "lower end of the interval of support, in centimorgan",
        lambda peaks: numbers(peak.interval.left for peak in peaks),
    ),
    ("POS_HIGH", "upper end", lambda peaks: numbers(peak.interval.right for peak in peaks)),
    (
        "MARKER_LOW",
        "marker or position at the lower end",
        lambda peaks: [peak.interval.left_name for peak in peaks],
    ),
    (
        "MARKER_HIGH",
        "marker or position at the upper end",
        lambda peaks: [peak.interval.right_name for peak in peaks],
    ),
    (
        "PERCENT_VARIANCE",
        "percent of the variance of a normal trait explained by the locus alone",
        lambda peaks: numbers(peak.percent_variance for peak in peaks),
    ),
    (
        "SPIKE",
        "yes: EM exceeds Haley-Knott by much where little is known, probably an artefact",
        lambda peaks: ["yes" if peak.spike else "no" for peak in peaks],
    ),
)


class EffectRow(NamedTuple):
    """An estimate at a peak, with the method whose peak it is."""

    method: str
    effects: LocusEffects
    kind: str
    term: str
    estimate: float
    standard_error: float


EFFECT_COLUMNS: Columns[Sequence[EffectRow]] = Columns(
    ("TRAIT", "trait", lambda rows: [row.effects.trait for row in rows]),
    ("METHOD", "method whose peak it is", lambda rows: [row.method for row in rows]),
    ("CHROM", "chromosome", lambda rows: [row.effects.chromosome for row in rows]),
    ("POS", POS_MEANING, lambda rows: numbers(row.effects.position for row in rows)),
    ("MARKER", MARKER_MEANING, lambda rows: [row.effects.name for row in rows]),
    (
        "KIND",
        "mean, adjusted_mean, effect, coefficient, interaction, residual or fit",
        lambda rows: [row.kind for row in rows],
    ),
    ("TERM", "genotype, covariate, genotype:covariate, or what else is estimated", lambda rows: [r.term for r in rows]),
    ("ESTIMATE", "maximum-likelihood estimate by EM", lambda rows: numbers(row.estimate for row in rows)),
    (
        "SE",
        "standard error from the observed information",
        lambda rows: numbers(row.standard_error for row in rows),
    ),
)


class ProbabilityRows(NamedTuple):
    """Genotype probabilities at some positions of a chromosome; one index per row for each axis."""

    genotypes: ChromosomeGenotypes
    individuals: Sequence[str]
    position: NDArray[np.integer]  # (row,)
    individual: NDArray[np.integer]  # (row,)
    state: NDArray[np.integer]  # (row,)
    probability: NDArray[np.float64]  # (row,)


PROBABILITY_COLUMNS: Columns[ProbabilityRows] = Columns(
    ("CHROM", "chromosome", lambda rows: repeated(rows.genotypes.chromosome, len(rows.position))),
    ("POS", POS_MEANING, lambda rows: rows.genotypes.grid.position[rows.position]),
    ("MARKER", MARKER_MEANING, lambda rows: labels(rows.genotypes.grid.names, rows.position)),
    ("INDIVIDUAL", "individual", lambda rows: labels(rows.individuals, rows.individual)),
    (
        "GENOTYPE",
        "genotype; on the X chromosome told apart by sex and direction",
        lambda rows: labels(rows.genotypes.states, rows.state),
    ),
    (
        "PROBABILITY",
        "probability of the genotype given all calls of the individual on the chromosome",
        lambda rows: rows.probability,
    ),
)


class SuspiciousCalls(NamedTuple):
    """Calls that are probably errors: individual, marker and error LOD score, a row each."""

    cross: Cross
    individual: NDArray[np.integer]  # (row,)
    marker: NDArray[np.integer]  # (row,)
    error_lod: NDArray[np.float64]  # (row,)

    def genotypes(self) -> Labels:
        """The genotypes that were called."""
        a, b = self.cross.alleles
        names = ("NA", a + a, a + b, b + b, f"not {b + b}", f"not {a + a}")
        return labels(names, self.cross.genotypes[self.individual, self.marker])


ERROR_COLUMNS: Columns[SuspiciousCalls] = Columns(
    (
        "CHROM",
        "chromosome",
        lambda calls: labels(calls.cross.genetic_map.chromosomes, calls.cross.genetic_map.chromosome[calls.marker]),
    ),
    ("POS", POS_MEANING, lambda calls: calls.cross.genetic_map.position[calls.marker]),
    ("MARKER", MARKER_MEANING, lambda calls: labels(calls.cross.genetic_map.markers, calls.marker)),
    ("INDIVIDUAL", "individual", lambda calls: labels(calls.cross.individuals, calls.individual)),
    ("GENOTYPE", "what was called", lambda calls: calls.genotypes()),
    ("ERROR_LOD", "log10 of how much likelier the call is an error than not", lambda calls: calls.error_lod),
)


class EstimatedMap(NamedTuple):
    """A genetic map, its log-likelihood by chromosome, and where known the places of markers on the reference."""

    genetic_map: GeneticMap
    log_likelihood: NDArray[np.float64]  # (chromosome,)
    base_position: Mapping[str, int]

    def base_positions(self) -> list[str]:
        """The place of every marker on the reference; empty where it is unknown."""
        return [str(self.base_position.get(name, "")) for name in self.genetic_map.markers]


MAP_COLUMNS: Columns[EstimatedMap] = Columns(
    ("MARKER", "marker", lambda estimated: estimated.genetic_map.markers),
    (
        "CHR",
        "chromosome",
        lambda estimated: labels(estimated.genetic_map.chromosomes, estimated.genetic_map.chromosome),
    ),
    ("CM", "estimated position, in centimorgan", lambda estimated: estimated.genetic_map.position),
    ("BP", "position on the reference, where known", lambda estimated: estimated.base_positions()),
    (
        "LOG_LIKELIHOOD",
        "of the calls on the chromosome, natural logarithm",
        lambda estimated: full_numbers(estimated.log_likelihood[estimated.genetic_map.chromosome]),
    ),
)


def write_lod_scores(
    scans: Mapping[str, Scan],
    genotypes: Sequence[ChromosomeGenotypes],
    path: str,
    context: RunContext,
    notes: Mapping[str, str],
) -> None:
    """Write a row per trait and position, a column per method."""
    import numpy as np

    from genem.em.status import worst_status
    from genem.qtl.one_locus.scanning import missing_information

    grid = max(scans.values(), key=len)
    lod: dict[str, NDArray[np.float64]] = {}
    for method, scan in scans.items():
        lod[f"LOD_{method.upper()}"] = _on_grid(scan, scan.lod, grid)
        lod |= {f"LOD_{part.upper()}": _on_grid(scan, values, grid) for part, values in scan.parts.items()}
    entropy = np.concatenate([missing_information(chromosome) for chromosome in genotypes])
    if len(entropy) > len(grid):
        entropy = entropy[np.concatenate([chromosome.grid.marker for chromosome in genotypes]) >= 0]
    full_scans = [scan for scan in scans.values() if len(scan) == len(grid)]
    n_iter = np.max([scan.n_iter for scan in full_scans], axis=0)
    status = worst_status([scan.status for scan in full_scans], axis=0)
    with context.open_output(path) as stream:
        table = _lod_columns(lod).open(stream, notes)
        for trait in range(len(grid.traits)):
            table.write(LodScores(grid, trait, lod, entropy, n_iter, status))


def _on_grid(scan: Scan, lod: NDArray[np.float64], grid: Scan) -> NDArray[np.float64]:
    """LOD scores at the positions of another scan; NaN where the scan has none (between markers)."""
    import numpy as np

    if len(scan) == len(grid):
        return lod
    spread = np.full((len(grid), lod.shape[1]), np.nan)
    spread[grid.is_marker] = lod
    return spread


def write_peaks(peaks: Sequence[Peak], path: str, context: RunContext, notes: Mapping[str, str]) -> None:
    """Write a row per peak."""
    with context.open_output(path) as stream:
        PEAK_COLUMNS.open(stream, notes).write(peaks)


def write_effects(effects: Sequence[tuple[str, LocusEffects]], path: str, context: RunContext) -> None:
    """Write a row per peak and estimate; each peak comes with its method."""
    rows = [EffectRow(method, locus, *estimate) for method, locus in effects for estimate in _estimates(locus)]
    with context.open_output(path) as stream:
        EFFECT_COLUMNS.open(stream).write(rows)


def _estimates(effects: LocusEffects) -> list[tuple[str, str, float, float]]:
    """Kind, term, estimate and standard error of everything estimated at a locus."""
    n = len(effects.adjusted_means)
    estimated = [*zip(effects.terms, effects.estimates.tolist(), effects.standard_errors.tolist(), strict=True)]
    rows = [("mean", *row) for row in estimated[:n]]
    if len(estimated) > n:
        adjusted = zip(effects.terms, effects.adjusted_means.tolist(), effects.adjusted_errors.tolist(), strict=False)
        rows += [("adjusted_mean", *row) for row in adjusted]
    rows += [("effect", name, *pair) for name, pair in effects.contrasts.items()]
    rows += [("interaction" if ":" in row[0] else "coefficient", *row) for row in estimated[n:]]
    rows.append(("residual", "sigma", *effects.sigma))
    rows.append(("fit", "percent_variance", effects.percent_variance, nan))
    rows.append(("fit", "lod", effects.lod, nan))
    rows.append(("fit", "n_individuals", float(effects.n_individuals), nan))
    return rows


def write_genotype_probabilities(
    genotypes: Sequence[ChromosomeGenotypes], individuals: Sequence[str], path: str, context: RunContext
) -> None:
    """Write a row per position, individual and genotype."""
    import numpy as np

    with context.open_output(path) as stream:
        table = PROBABILITY_COLUMNS.open(stream)
        for chromosome in genotypes:
            n_positions, n, n_states = chromosome.probabilities.shape
            at_once = max(1, CELLS_AT_ONCE // (n * n_states))
            for start in range(0, n_positions, at_once):
                block = chromosome.probabilities[start : start + at_once]
                position, individual, state = np.indices(block.shape).reshape(3, -1)
                table.write(
                    ProbabilityRows(chromosome, individuals, start + position, individual, state, block.ravel())
                )


def write_error_lods(cross: Cross, lods: NDArray[np.float64], least: float, path: str, context: RunContext) -> None:
    """Write a row per suspicious call, the most suspicious first."""
    import numpy as np

    individual, marker = np.nonzero(np.nan_to_num(lods, nan=-np.inf) >= least)
    order = np.argsort(-lods[individual, marker], kind="stable")
    individual, marker = individual[order], marker[order]
    with context.open_output(path) as stream:
        ERROR_COLUMNS.open(stream).write(SuspiciousCalls(cross, individual, marker, lods[individual, marker]))


def write_map(
    genetic_map: GeneticMap,
    log_likelihood: NDArray[np.float64],
    base_position: Mapping[str, int],
    path: str,
    context: RunContext,
) -> None:
    """Write the map as ``--map`` reads it."""
    import numpy as np

    estimated = EstimatedMap(genetic_map, np.asarray(log_likelihood), base_position)
    columns = MAP_COLUMNS if any(estimated.base_positions()) else MAP_COLUMNS.without(("BP",))
    with context.open_output(path) as stream:
        columns.open(stream).write(estimated)
