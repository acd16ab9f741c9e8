"""From the shared options of commands that read VCF or BCF to an open reader and its sample annotations."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.io.variants.reading import VariantReader

EXCLUDES = "^"


def open_selected(
    args: argparse.Namespace,
    context: RunContext,
    fields: Sequence[str],
    *,
    path: str | None = None,
    keep_lines: bool = False,
) -> VariantReader:
    """Open the command's VCF with the records and samples that its options select.

    ``path`` is for commands whose first argument may be something else than a VCF.
    ``--min-maf`` and ``--max-missing-rate`` need estimates: the command applies them itself.
    """
    from genem.io.tables.samples import read_names
    from genem.io.variants.reading import open_variants
    from genem.io.variants.regions import split_regions
    from genem.io.variants.selection import read_regions_file

    names, exclude = _sample_names(args, context)
    regions: list[object] | None = None
    if args.regions is not None and args.regions_file is not None:
        raise UsageError("--regions and --regions-file exclude each other")
    if args.regions is not None:
        regions = [*split_regions(args.regions)]
    if args.regions_file is not None:
        context.add_input(args.regions_file)
        regions = list(read_regions_file(args.regions_file))
    ids = None
    if args.ids is not None:
        context.add_input(args.ids)
        ids = frozenset(read_names(args.ids, "ID"))
    path = args.vcf if path is None else path
    context.add_input(path)
    return open_variants(
        path,
        fields=fields,
        regions=regions,  # type: ignore[arg-type]
        regions_overlap=args.regions_overlap,
        samples=names,
        exclude_samples=exclude,
        filters=None if args.apply_filters is None else args.apply_filters.split(","),
        ids=ids,
        snps_only=args.snps_only,
        threads=context.threads or 1,
        keep_lines=keep_lines,
    )


def _sample_names(args: argparse.Namespace, context: RunContext) -> tuple[list[str] | None, bool]:
    """The samples named by ``-s`` or ``-S``, and whether they are to be left out."""
    from genem.io.tables.samples import read_names

    if args.samples is not None and args.samples_file is not None:
        raise UsageError("--samples and --samples-file exclude each other")
    if args.samples is not None:
        names = args.samples.removeprefix(EXCLUDES).split(",")
        return names, args.samples.startswith(EXCLUDES)
    if args.samples_file is not None:
        path = args.samples_file.removeprefix(EXCLUDES)
        context.add_input(path)
        return list(read_names(path)), args.samples_file.startswith(EXCLUDES)
    return None, False


def group_numbers(path: str, samples: Sequence[str], context: RunContext) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The group of each sample as a number, -1 for none, and the names of the groups in the order of the file."""
    import numpy as np

    from genem.io.tables.samples import read_groups

    context.add_input(path)
    group_of = read_groups(path)
    present = [group_of[sample] for sample in samples if sample in group_of]
    if not present:
        raise InputError(
            "names none of the samples that are read",
            path=path,
            remedy="the first column must hold sample names of the VCF",
        )
    names = tuple(dict.fromkeys(group for group in group_of.values() if group in set(present)))
    number = {name: index for index, name in enumerate(names)}
    read = set(samples)
    absent = [sample for sample in group_of if sample not in read]
    if absent:
        context.log.info("%s: %d samples are not among those read, the first is %s", path, len(absent), absent[0])
    if len(present) < len(samples):
        context.log.info("%d of %d samples are in no group", len(samples) - len(present), len(samples))
    return np.array([number.get(group_of.get(sample, ""), -1) for sample in samples], dtype=np.int64), names


def sexes(path: str, samples: Sequence[str], context: RunContext) -> NDArray[np.int8]:
    """Sex codes of the samples (1 male, 2 female, 0 unknown or not in the table)."""
    import numpy as np

    from genem.io.tables.samples import Sex, read_sexes

    context.add_input(path)
    sex_of = read_sexes(path)
    codes = np.array([int(sex_of.get(sample, Sex.UNKNOWN)) for sample in samples], dtype=np.int8)
    unknown = int(np.count_nonzero(codes == Sex.UNKNOWN))
    if unknown == len(samples):
        raise InputError(
            "gives the sex of none of the samples that are read",
            path=path,
            remedy="the first column must hold sample names of the VCF",
        )
    if unknown:
        context.warn(f"{path}: the sex of {unknown} of {len(samples)} samples is unknown")
    return codes
