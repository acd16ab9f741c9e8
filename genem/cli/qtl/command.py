"""``genem qtl``: interval mapping of quantitative trait loci in experimental crosses."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from genem.cli.options import MESSAGES, RUN, VARIANT_SELECTION, Command, without
from genem.cli.qtl.options import CROSS, CROSS_FILE, GENOTYPES, MODEL, OUTPUTS, PEAKS, SIGNIFICANCE
from genem.cli.qtl.several_loci import SEVERAL_LOCI
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.cli.qtl.input import CrossInput
    from genem.cli.qtl.permutations import Permuted
    from genem.data import Cross
    from genem.qtl import ChromosomeGenotypes, LocusEffects, Peak, Scan, Threshold

COMMAND = Command(
    description=(
        "Map quantitative trait loci of an intercross, a backcross or inbred lines: genotype probabilities between\n"
        "the markers, LOD scores by EM and other methods, permutation thresholds, peaks with intervals of support\n"
        "and effects. The cross is a VCF with its parents, a genetic map and a table of traits, or R/qtl's csv."
    ),
    arguments=(CROSS_FILE,),
    groups=(
        OUTPUTS,
        CROSS,
        GENOTYPES,
        MODEL,
        SIGNIFICANCE,
        PEAKS,
        SEVERAL_LOCI,
        without(VARIANT_SELECTION, "min_maf"),
        RUN,
        MESSAGES,
    ),
    examples=(
        (
            "genem qtl data/hyper.csv --cross bc --genotypes BB,BA,AA --alleles B,A --trait bp --method em,hk "
            "--permutations 100 --peaks peaks.tsv --plot lod.svg -o lod.tsv"
        ),
        (
            "genem qtl data/cross.vcf.gz --cross f2 --parents P1,P2 --map data/cross.map.tsv "
            "--pheno data/cross.pheno.tsv --trait logT --effects effects.tsv -q -o lod.tsv.gz"
        ),
    ),
    library_only=("method", "addcovar", "intcovar", "draws"),
)

METHODS = ("em", "hk", "ehk", "imp", "mr")
ITERATIVE = ("em", "ehk", "2part")
DEFAULT_ALPHA = 0.05


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read the cross, scan, permute, write."""
    from genem import qtl
    from genem.cli.qtl import permutations as qtl_permutations
    from genem.cli.qtl import several_loci as qtl_multiple
    from genem.cli.qtl import tables as qtl_tables
    from genem.cli.qtl.input import choose_traits, read_input

    methods = _methods(args)
    _check_request(args, methods)
    found = _with_estimated_map(read_input(args, context), args, context)
    cross = found.cross
    genotypes = qtl.genotype_probabilities(
        cross, step=args.step, error_prob=args.error_prob, map_function=args.map_function
    )
    with _naming_the_phenotypes(args):
        traits = choose_traits(cross, args)
        scans = {method: _scan(cross, genotypes, traits, method, args, context) for method in methods}
        permuted = _permutations(cross, genotypes, traits, methods, args, context)
        if qtl_multiple.wanted(args):
            qtl_multiple.run(cross, traits, args, context)
    levels = args.alpha or (DEFAULT_ALPHA,)
    limits = [
        limit
        for of_traits in permuted.values()
        for permutations in of_traits.values()
        for limit in qtl.thresholds(permutations, levels)
    ]
    peaks = [
        peak for method, scan in scans.items() for peak in _peaks(cross, method, scan, permuted, max(levels), args)
    ]
    context.count(peaks=len(peaks))
    qtl_tables.write_lod_scores(scans, genotypes, args.output, context, _notes(cross, scans, args))
    _write_about_genotypes(cross, genotypes, args, context)
    if args.permutation_maxima is not None:
        qtl_permutations.write_maxima(permuted, args.permutation_maxima, args, context)
    if args.thresholds is not None:
        qtl_permutations.write_thresholds(limits, args.thresholds, args, context)
    if args.peaks is not None:
        qtl_tables.write_peaks(peaks, args.peaks, context, _notes_of_peaks(args))
    if args.effects is not None or args.effect_plot is not None:
        _write_effects(_effects(cross, genotypes, peaks, args, context), args, context)
    if args.plot is not None:
        _plot(cross, scans, limits, args, context)


@contextmanager
def _naming_the_phenotypes(args: argparse.Namespace) -> Iterator[None]:
    """Name the table of phenotypes in errors about traits and covariates of a VCF's cross."""
    try:
        yield
    except InputError as error:
        if error.path is not None or args.pheno is None:
            raise
        raise InputError(error.found, path=args.pheno, place=error.place, remedy=error.remedy) from error


def _methods(args: argparse.Namespace) -> tuple[str, ...]:
    """The methods asked for; ranks and two-part traits have one of their own, under the name of the model."""
    if args.model in ("np", "2part"):
        if args.method not in (None, ("em",)):
            raise UsageError(f"--model {args.model} has a method of its own: leave --method out")
        return (args.model,)
    methods = tuple(dict.fromkeys(args.method or ("em",)))
    for method in methods:
        if method not in METHODS:
            raise UsageError(f"--method {method} is not one of {', '.join(METHODS)}")
    return methods


def _check_request(args: argparse.Namespace, methods: Sequence[str]) -> None:
    """Refuse what cannot be, before anything is read."""
    from genem.cli.qtl import permutations as qtl_permutations
    from genem.cli.qtl import several_loci as qtl_multiple
    from genem.io.files.output import check_output

    qtl_permutations.check_request(args, methods)
    qtl_multiple.check_request(args)
    if args.model != "normal":
        for name in ("effects", "effect_plot"):
            if getattr(args, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} is for --model normal")
    for path in (args.output, args.estimate_map, *(getattr(args, option.name) for option in OUTPUTS.options)):
        if path:
            check_output(path)


def _with_estimated_map(found: CrossInput, args: argparse.Namespace, context: RunContext) -> CrossInput:
    """The cross on a map estimated from it, where that is asked for."""
    from genem import qtl
    from genem.cli.qtl.tables import write_map

    if args.estimate_map is None:
        return found
    estimated = qtl.estimate_map(found.cross, error_prob=args.error_prob, map_function=args.map_function)
    for name, fit, log_likelihood in zip(
        estimated.genetic_map.chromosomes, estimated.fits, estimated.log_likelihood.tolist(), strict=True
    ):
        if fit is not None:
            context.add_fit(fit.status.label, map_of_chromosome=name, log_likelihood=log_likelihood, n_maps=fit.n_maps)
    if args.estimate_map:
        write_map(estimated.genetic_map, estimated.log_likelihood, found.base_position, args.estimate_map, context)
    return replace(found, cross=replace(found.cross, genetic_map=estimated.genetic_map))


def _scan(
    cross: Cross,
    genotypes: Sequence[ChromosomeGenotypes],
    traits: Sequence[str],
    method: str,
    args: argparse.Namespace,
    context: RunContext,
) -> Scan:
    from genem import qtl

    draws = None
    if method == "imp":
        draws = qtl.genotype_draws(
            cross,
            n_draws=args.draws,
            seed=args.seed,
            step=args.step,
            error_prob=args.error_prob,
            map_function=args.map_function,
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", qtl.SpikeWarning)
        found = qtl.scan(
            cross,
            genotypes,
            traits,
            method="em" if method == args.model else method,  # type: ignore[arg-type]
            model=args.model,
            addcovar=args.addcovar or (),
            intcovar=args.intcovar or (),
            weights=args.weights,
            draws=draws,
            max_iter=args.max_iter,
        )
    for warning in caught:
        context.warn(str(warning.message))
    if method in ITERATIVE:
        context.add_statuses(found.status)
    return found


def _permutations(
    cross: Cross,
    genotypes: Sequence[ChromosomeGenotypes],
    traits: Sequence[str],
    methods: Sequence[str],
    args: argparse.Namespace,
    context: RunContext,
) -> Permuted:
    from genem.cli.qtl import permutations as qtl_permutations

    if args.permutations:
        return qtl_permutations.compute(cross, genotypes, traits, methods, args, context)
    if args.with_permutations:
        return qtl_permutations.read(genotypes, traits, methods, args, context)
    return {}


def _peaks(
    cross: Cross, method: str, scan: Scan, permuted: Permuted, alpha: float, args: argparse.Namespace
) -> list[Peak]:
    from genem import qtl

    found = qtl.find_peaks(
        scan,
        permutations=permuted.get(method),
        x_chromosomes=cross.x_chromosomes,
        alpha=alpha,
        min_lod=args.min_lod,
        interval=args.interval,
        drop=args.drop,
        coverage=args.bayes_coverage,
        expand_to_markers=args.expand_to_markers,
    )
    return [replace(peak, method=method) for peak in found]


def _effects(
    cross: Cross,
    genotypes: Sequence[ChromosomeGenotypes],
    peaks: Sequence[Peak],
    args: argparse.Namespace,
    context: RunContext,
) -> list[tuple[str, LocusEffects]]:
    """The effects at every peak, with the method whose peak it is; peaks of several methods are fitted once."""
    from genem import qtl

    known: dict[tuple[str, str, str], LocusEffects] = {}
    found = []
    for peak in peaks:
        place = peak.interval.trait, peak.interval.chromosome, peak.interval.peak_name
        if place not in known:
            known[place] = qtl.locus_effects(
                cross,
                genotypes,
                *place,
                addcovar=args.addcovar or (),
                intcovar=args.intcovar or (),
                weights=args.weights,
            )
            trait, chromosome, marker = place
            locus = known[place]
            context.add_fit(
                locus.status.label,
                effects_on=trait,
                chromosome=chromosome,
                marker=marker,
                log_likelihood=locus.log_likelihood,
            )
        found.append((peak.method, known[place]))
    return found


def _write_about_genotypes(
    cross: Cross, genotypes: Sequence[ChromosomeGenotypes], args: argparse.Namespace, context: RunContext
) -> None:
    """Genotype probabilities and suspicious calls."""
    from genem import qtl
    from genem.cli.qtl import tables as qtl_tables

    if args.genoprob is not None:
        qtl_tables.write_genotype_probabilities(genotypes, cross.individuals, args.genoprob, context)
    if args.error_lods is not None:
        lods = qtl.genotyping_error_lods(cross, map_function=args.map_function)
        qtl_tables.write_error_lods(cross, lods, args.min_error_lod, args.error_lods, context)


def _write_effects(effects: Sequence[tuple[str, LocusEffects]], args: argparse.Namespace, context: RunContext) -> None:
    from genem.cli.qtl import tables as qtl_tables
    from genem.qtl.one_locus.plots import plot_effects

    if args.effects is not None:
        qtl_tables.write_effects(effects, args.effects, context)
    if args.effect_plot is not None:
        drawn: dict[tuple[str, str], LocusEffects] = {}
        for _, locus in effects:
            drawn.setdefault((locus.trait, locus.chromosome), locus)  # of several methods the peak of the first
        with context.replace_on_success(args.effect_plot) as picture:
            plot_effects(list(drawn.values()), picture, file_format=args.effect_plot.rpartition(".")[2].lower())


def _plot(
    cross: Cross,
    scans: dict[str, Scan],
    limits: Sequence[Threshold],
    args: argparse.Namespace,
    context: RunContext,
) -> None:
    from genem.qtl.one_locus.plots import plot_lod_curves

    with context.replace_on_success(args.plot) as picture:
        plot_lod_curves(
            scans,
            picture,
            thresholds=limits,
            x_chromosomes=cross.x_chromosomes,
            file_format=args.plot.rpartition(".")[2].lower(),
        )


def _notes(cross: Cross, scans: dict[str, Scan], args: argparse.Namespace) -> dict[str, str]:
    """Notes on the scan in the header of the LOD scores."""
    first = next(iter(scans.values()))
    return {
        "cross": cross.cross_type,
        "model": args.model,
        "individuals": str(len(cross)),
        "individuals_with_trait": ",".join(map(str, first.n_individuals.tolist())),
        "markers": str(len(cross.genetic_map)),
        "error_prob": f"{args.error_prob:g}",
        "map_function": args.map_function,
        "addcovar": ",".join(args.addcovar or ()) or "none",
        "intcovar": ",".join(args.intcovar or ()) or "none",
        "weights": args.weights or "none",
    }


def _notes_of_peaks(args: argparse.Namespace) -> dict[str, str]:
    if args.interval == "bayes":
        return {"interval": f"{100 * args.bayes_coverage:g} % Bayes"}
    return {"interval": f"{args.drop:g} LOD"}


def warm() -> None:
    """Compile the kernels of every kind of cross and scan, on crosses of a few individuals."""
    from genem.cli.qtl.warming import run_on_tiny_crosses

    run_on_tiny_crosses()
