"""Parts that the commands on pairs of loci share: options of the model and the window, and the variants they read."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from genem.cli.options import BUILD, FIELD, SEX, Option
from genem.cli.values import positive_integer
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.data import GenotypeBlock
    from genem.io.variants.reading import VariantReader

ROWS_AT_ONCE = 1 << 12
"""Rows written at a time: bounds the memory."""

Row = TypeVar("Row")

MODEL = (
    FIELD,
    SEX,
    BUILD,
    Option(
        ("--phased",),
        "count the haplotypes of double heterozygotes whose calls are both phased",
        default=False,
        kind="switch",
        mirrors=True,
    ),
)

WINDOW = (
    Option(
        ("--window-bp",),
        "compare variants at most this many base pairs apart",
        default=1_000_000,
        parse=positive_integer,
        metavar="BP",
        mirrors=True,
    ),
    Option(
        ("--window-variants",),
        "compare variants at most this many variants apart (1: neighbours)",
        parse=positive_integer,
        metavar="N",
        mirrors=True,
    ),
)


def model_arguments(args: argparse.Namespace, reader: VariantReader, context: RunContext) -> dict[str, Any]:
    """The keywords of the library that the options of ``MODEL`` give."""
    from genem.cli.variant_input import sexes

    if args.build is not None and args.sex is None:
        raise UsageError("--build needs --sex")
    if not reader.samples:
        raise InputError("no samples to estimate from", path=args.vcf)
    return {
        "field": args.field,
        "sex": None if args.sex is None else sexes(args.sex, reader.samples, context),
        "build": args.build,
        "phased": args.phased,
    }


def passing_blocks(
    reader: VariantReader,
    args: argparse.Namespace,
    context: RunContext,
    model: dict[str, Any],
    label: str,
    *,
    min_maf: float,
    say_few: Callable[[str], None],
) -> Iterator[GenotypeBlock]:
    """The blocks of a file without variants rarer than ``min_maf`` or missing more than ``--max-missing-rate``.

    In the end it says how many there were, through ``say_few`` if there is no pair.
    """
    n_variants = 0
    with context.progress(label, reader.total_bytes) as progress:
        for block in reader:
            passing = _passing(block, min_maf, args.max_missing_rate, context, model)
            n_variants += len(passing)
            yield passing
            progress.update(reader.bytes_read)
    context.count(
        variants=n_variants, **{f"records_{name}": number for name, number in reader.counts.items() if number}
    )
    context.log.info("%d variants", n_variants)
    if n_variants < 2:
        say_few("fewer than two variants: no pairs")


def _passing(
    block: GenotypeBlock, min_maf: float, max_missing_rate: float, context: RunContext, model: dict[str, Any]
) -> GenotypeBlock:
    from genem import popgen

    if min_maf == 0.0 and max_missing_rate == 1.0:
        return block
    chosen = {name: model[name] for name in ("field", "sex", "build")}
    estimates = popgen.freq(block, half_calls="missing", threads=context.threads or 1, **chosen)
    frequent = ~(popgen.minor_allele_frequency(estimates) < min_maf)
    called = ~(popgen.missing_rate(estimates) > max_missing_rate)
    context.count(below_min_maf=int((~frequent).sum()), above_max_missing_rate=int((frequent & ~called).sum()))
    return block.select(frequent & called)


def portions(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Lists of at most ``ROWS_AT_ONCE`` of the rows, in order."""
    while portion := list(islice(rows, ROWS_AT_ONCE)):
        yield portion
