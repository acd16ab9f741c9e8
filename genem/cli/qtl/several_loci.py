"""Models of several loci in ``genem qtl``: two-locus scans, composite interval mapping, model selection."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genem.cli.options import Option, OptionGroup
from genem.cli.values import (
    non_negative_integer,
    non_negative_number,
    picture,
    positive_integer,
    positive_number,
    three_penalties,
)
from genem.errors import UsageError

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.data import Cross
    from genem.qtl import LinkedGenotypes, QTLFit, QTLSelection, TwoQTLPermutations

__all__ = ["SEVERAL_LOCI", "check_request", "run", "wanted"]

OF_TWO = ("two_qtl", "two_qtl_best", "two_qtl_thresholds", "two_qtl_plot")
OF_SELECTION = ("multiple_qtl", "multiple_qtl_effects", "multiple_qtl_plot")
DEFAULT_ALPHA = 0.05


def _file(flag: str, text: str) -> Option:
    return Option((flag,), text, metavar="PATH", file=True)


def _picture(flag: str, text: str) -> Option:
    return Option((flag,), f"{text} to a .svg, .png or .pdf file", parse=picture, metavar="PATH", file=True)


SEVERAL_LOCI = OptionGroup(
    "several loci",
    (
        Option(("--several-method",), "how models of several loci are fitted", default="hk", choices=("hk", "em")),
        _file("--two-qtl", "scan all pairs of positions and write their LOD scores"),
        Option(
            ("--two-qtl-step",),
            "distance of the positions of that scan and of --multiple-qtl",
            default=5.0,
            parse=positive_number,
            metavar="CM",
        ),
        _file("--two-qtl-best", "write the best pair of every pair of chromosomes"),
        Option(
            ("--two-qtl-separation",),
            "markers that must lie between the best pairs on a chromosome",
            default=1,
            parse=non_negative_integer,
            metavar="N",
        ),
        _file("--two-qtl-thresholds", "write the thresholds of two-locus LOD scores that --permutations give"),
        _picture("--two-qtl-plot", "draw the LOD scores of all pairs"),
        Option(
            ("--two-qtl-upper",),
            "what that picture shows above its diagonal",
            default="interaction",
            choices=("interaction", "full_vs_one"),
        ),
        _file("--composite", "scan with markers elsewhere as covariates and write the LOD scores"),
        Option(
            ("--composite-markers",),
            "markers that are selected",
            default=3,
            parse=non_negative_integer,
            metavar="N",
        ),
        Option(
            ("--composite-window",),
            "markers this close to a position are left out of its model",
            default=10.0,
            parse=non_negative_number,
            metavar="CM",
        ),
        _file("--multiple-qtl", "search for the model of several loci and write the models visited"),
        Option(
            ("--criterion",),
            "what the best model maximises: the penalised LOD score, or the Bayesian information criterion",
            default="plod",
            choices=("plod", "bic"),
        ),
        Option(
            ("--penalties",),
            "of plod: for a locus, a further and a first interaction",
            parse=three_penalties,
            default_text="from permutations, 1000 if --permutations does not say",
            metavar="MAIN,HEAVY,LIGHT",
        ),
        Option(("--max-qtl",), "most loci of a model", default=6, parse=positive_integer, metavar="N"),
        Option(("--additive-only",), "no interactions in --multiple-qtl", default=False, kind="switch"),
        _file("--multiple-qtl-effects", "write what loci and interactions of the best model add, and their effects"),
        _picture("--multiple-qtl-plot", "draw the LOD profile of each locus of the best model"),
    ),
)


def wanted(args: argparse.Namespace) -> bool:
    """Whether any model of several loci is asked for."""
    return any(getattr(args, name) is not None for name in (*OF_TWO, "composite", *OF_SELECTION))


def check_request(args: argparse.Namespace) -> None:
    """Refuse options that do not go together, before anything is read."""
    from genem.io.files.output import check_output

    if not wanted(args):
        return
    asked = next(name for name in (*OF_TWO, "composite", *OF_SELECTION) if getattr(args, name) is not None)
    if args.model != "normal":
        raise UsageError(f"--{asked.replace('_', '-')} is for --model normal")
    if args.two_qtl_thresholds is not None and not args.permutations:
        raise UsageError("--two-qtl-thresholds needs --permutations")
    if args.intcovar and (args.composite is not None or _any(args, OF_SELECTION)):
        raise UsageError("--composite and --multiple-qtl take no --intcovar")
    if args.penalties is not None and args.criterion == "bic":
        raise UsageError("--penalties are for --criterion plod")
    for name in (*OF_TWO, "composite", *OF_SELECTION):
        if getattr(args, name) is not None:
            check_output(getattr(args, name))


def run(cross: Cross, traits: Sequence[str], args: argparse.Namespace, context: RunContext) -> None:
    """Fit and write all that is asked for."""
    from genem import qtl

    if args.composite is not None:
        along = _linked(cross, args, args.step, include_markers=True)
        _composite(cross, along, traits, args, context)
    if not (_any(args, OF_TWO) or _any(args, OF_SELECTION)):
        return
    linked = _linked(cross, args, args.two_qtl_step, include_markers=False)
    permuted: dict[str, TwoQTLPermutations] = {}
    if args.two_qtl_thresholds is not None or (_any(args, OF_SELECTION) and _needs_permutations(args)):
        for trait in traits:
            permuted[trait] = qtl.permute_two(
                cross,
                linked,
                trait,
                n_permutations=args.permutations or 1000,
                first=args.permutation_first - 1,
                seed=args.seed,
                addcovar=args.addcovar or (),
                intcovar=args.intcovar or (),
                weights=args.weights,
                strata=args.strata,
            )
    if _any(args, OF_TWO):
        _two(cross, linked, traits, permuted, args, context)
    if _any(args, OF_SELECTION):
        _select(cross, linked, traits, permuted, args, context)


def _any(args: argparse.Namespace, names: Sequence[str]) -> bool:
    return any(getattr(args, name) is not None for name in names)


def _needs_permutations(args: argparse.Namespace) -> bool:
    return bool(args.criterion == "plod" and args.penalties is None)


def _linked(
    cross: Cross, args: argparse.Namespace, step: float, *, include_markers: bool
) -> tuple[LinkedGenotypes, ...]:
    from genem import qtl

    return qtl.joint_genotypes(
        cross,
        step=step,
        include_markers=include_markers,
        error_prob=args.error_prob,
        map_function=args.map_function,
    )


def _two(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    traits: Sequence[str],
    permuted: dict[str, TwoQTLPermutations],
    args: argparse.Namespace,
    context: RunContext,
) -> None:
    from genem import qtl
    from genem.cli.qtl import several_loci_tables as qtl_multiple_tables
    from genem.qtl.several_loci.pair_plots import plot_two_qtl

    if args.two_qtl_thresholds is not None:
        levels = args.alpha or (DEFAULT_ALPHA,)
        qtl_multiple_tables.write_thresholds(permuted, levels, args.two_qtl_thresholds, context)
    if not _any(args, ("two_qtl", "two_qtl_best", "two_qtl_plot")):
        return
    scans = []
    for trait in traits:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", qtl.SpikeWarning)
            found = qtl.scan_two(
                cross,
                linked,
                trait,
                method=args.several_method,
                addcovar=args.addcovar or (),
                intcovar=args.intcovar or (),
                weights=args.weights,
                max_iter=args.max_iter,
            )
        for warning in caught:
            context.warn(str(warning.message))
        if args.several_method == "em":
            context.add_statuses(found.status)
        context.count(pairs_of_positions=len(found))
        scans.append(found)
    if args.two_qtl is not None:
        qtl_multiple_tables.write_two_qtl(scans, args.two_qtl, context)
    if args.two_qtl_best is not None:
        qtl_multiple_tables.write_best_pairs(scans, args.two_qtl_separation, args.two_qtl_best, context)
    if args.two_qtl_plot is not None:
        if len(scans) > 1:
            context.warn(f"--two-qtl-plot shows the first trait only, {traits[0]}")
        with context.replace_on_success(args.two_qtl_plot) as drawn:
            shown = args.two_qtl_plot.rpartition(".")[2].lower()
            plot_two_qtl(scans[0], drawn, upper=args.two_qtl_upper, file_format=shown)


def _composite(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    traits: Sequence[str],
    args: argparse.Namespace,
    context: RunContext,
) -> None:
    from genem import qtl
    from genem.cli.qtl import several_loci_tables as qtl_multiple_tables

    scans = [
        qtl.composite_scan(
            cross,
            linked,
            trait,
            n_markers=args.composite_markers,
            window=args.composite_window,
            method=args.several_method,
            addcovar=args.addcovar or (),
            weights=args.weights,
        )
        for trait in traits
    ]
    for composite in scans:
        if args.several_method == "em":
            context.add_statuses(composite.scan.status)
    qtl_multiple_tables.write_composite(scans, args.composite, context)


def _select(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    traits: Sequence[str],
    permuted: dict[str, TwoQTLPermutations],
    args: argparse.Namespace,
    context: RunContext,
) -> None:
    from genem import qtl
    from genem.cli.qtl import several_loci_tables as qtl_multiple_tables
    from genem.qtl.several_loci.model_plots import plot_qtl_profiles

    found: list[tuple[QTLSelection, QTLFit]] = []
    for trait in traits:
        penalties = None if args.penalties is None else qtl.Penalties(*args.penalties)
        if trait in permuted and penalties is None:
            penalties = qtl.derive_penalties(permuted[trait], min(args.alpha or (DEFAULT_ALPHA,)))
        selection = qtl.select_qtl(
            cross,
            linked,
            trait,
            criterion=args.criterion,
            penalties=penalties,
            max_qtl=args.max_qtl,
            additive_only=args.additive_only,
            method=args.several_method,
            addcovar=args.addcovar or (),
            weights=args.weights,
        )
        best = selection.best
        fit = qtl.fit_qtl(
            cross,
            linked,
            trait,
            best.loci,
            best.formula if best.loci else None,
            method=args.several_method,
            addcovar=args.addcovar or (),
            weights=args.weights,
        )
        context.add_fit(best.status.label, model_of=trait, formula=best.formula, lod=best.lod, score=best.score)
        context.count(models_compared=selection.n_candidates)
        if selection.near_ties:
            context.warn(
                f"trait {trait}: {len(selection.near_ties)} other models come within 0.5 of the best score; "
                "the choice among them is not firm"
            )
        found.append((selection, fit))
    if args.multiple_qtl is not None:
        qtl_multiple_tables.write_models([selection for selection, _ in found], args.multiple_qtl, context)
    if args.multiple_qtl_effects is not None:
        qtl_multiple_tables.write_model_effects([fit for _, fit in found], args.multiple_qtl_effects, context)
    if args.multiple_qtl_plot is not None:
        if len(found) > 1:
            context.warn(f"--multiple-qtl-plot shows the first trait only, {traits[0]}")
        selection, _ = found[0]
        with context.replace_on_success(args.multiple_qtl_plot) as drawn:
            shown = args.multiple_qtl_plot.rpartition(".")[2].lower()
            title = f"{selection.trait}: {selection.best.formula}"
            plot_qtl_profiles(selection.profiles, drawn, title=title, file_format=shown)
