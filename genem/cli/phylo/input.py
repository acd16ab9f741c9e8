"""From the options of ``genem phylo`` to its data: an alignment or the SNPs of a VCF, models, partitions, trees."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from genem.cli.phylo.summary import InputSummary, summarise, warn_of_oddities
from genem.data import Datatype
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import Alignment, GenotypeBlock, Tree
    from genem.io.trees.partitions import FilePartition
    from genem.io.variants.reading import VariantReader
    from genem.phylo import SitePartition

__all__ = ["AUTO", "PhyloInput", "read_constraint_tree", "read_input", "read_trees"]

AUTO = "auto"
ASCERTAINMENT = "+ASC"
LARGEST_RATE = 1e6  # of one substitution over another: beyond it rounding errors are as large as the likelihoods
FOR_VCF = (
    *("regions", "regions_file", "samples", "samples_file", "apply_filters", "ids", "snps_only"),
    *("min_maf", "all_sites", "alignment_out"),
)
SKIPPED = {
    "indel": "with an allele of several bases",
    "symbolic": "with a symbolic allele",
    "without_alt": "without an ALT allele",
    "ref_not_acgt": "whose REF is not A, C, G or T",
    "rare": "below --min-maf",
    "missing": "above --max-missing-rate",
    "perhaps_constant": "that may be constant (+ASC)",
}


@dataclass(frozen=True, slots=True)
class PhyloInput:
    """Sequences with the models under which they are analysed.

    Attributes
    ----------
    alignment
        The sequences.
    model
        Model string of all sites, or ``auto``.
    partitions
        Sites with models of their own; empty where all share one.
    suffix
        ``+ASC`` where the columns were collected because they vary and models must say so; else "".
    summary
        What the report says of it.
    chrom, position
        Where the columns of a SNP alignment come from; None for other alignments.
    """

    alignment: Alignment
    model: str
    partitions: tuple[SitePartition, ...]
    suffix: str
    summary: InputSummary
    chrom: tuple[str, ...] | None = None
    position: NDArray[np.int64] | None = None

    def columns(self) -> list[NDArray[np.int64]]:
        """The columns of every partition: all of them in one list where there are none."""
        import numpy as np

        return [part.sites for part in self.partitions] or [np.arange(self.alignment.n_sites)]

    def with_model(self, model: str) -> PhyloInput:
        """The same data under another model."""
        return replace(self, model=model)


def read_input(args: argparse.Namespace, context: RunContext) -> PhyloInput:
    """Read sequences and partitions, and check that models and data go together.

    Raises
    ------
    InputError
        The data cannot be used.
    UsageError
        A model cannot be read, or options do not go together.
    """
    context.add_input(args.alignment)
    found = _from_variants(args, context) if _is_variant_file(args.alignment) else _from_alignment(args, context)
    _check_models(found, args)
    context.count(sequences=len(found.alignment), sites=found.alignment.n_sites, site_patterns=found.summary.n_patterns)
    warn_of_oddities(found.summary, context)
    return found


def read_trees(data: PhyloInput, args: argparse.Namespace, context: RunContext) -> tuple[Tree, ...]:
    """All trees of all files of ``--tree``, in order.

    Raises
    ------
    InputError
        A file cannot be read or holds no tree; the taxa of a tree are others than those of the alignment, or it lacks
        a length that is to be kept.
    """
    import numpy as np

    from genem.io.trees.newick import read_newick
    from genem.phylo.trees.topology import relabelled

    trees: list[Tree] = []
    for path in args.tree or ():
        context.add_input(path)
        found = tuple(tree for tree in read_newick(path) if tree.taxa)
        if not found:
            raise InputError("holds no tree", path=path, remedy="give trees in Newick format, each ended by ';'")
        for number, tree in enumerate(found, 1):
            place = f"tree {number}"
            try:
                relabelled(tree, data.alignment.names)
            except InputError as error:
                raise InputError(error.found, path=path, place=place, remedy=error.remedy) from None
            if args.fix_branches and np.any(np.isnan(tree.length)):
                remedy = "give every branch a length, or leave --fix-branches out"
                raise InputError("a branch without a length", path=path, place=place, remedy=remedy)
        trees += found
    return tuple(trees)


def read_constraint_tree(data: PhyloInput, args: argparse.Namespace, context: RunContext) -> Tree | None:
    """The tree of ``--constraint``; None without it.

    Raises
    ------
    InputError
        The file does not hold one tree of taxa of the alignment.
    """
    from genem.io.trees.newick import read_newick
    from genem.phylo.trees.constraints import read_constraint

    path = args.constraint
    if path is None:
        return None
    context.add_input(path)
    trees = [tree for tree in read_newick(path) if tree.taxa]
    if len(trees) != 1:
        raise InputError(f"{len(trees)} trees, 1 expected", path=path, remedy="give one constraint tree")
    try:
        read_constraint(trees[0], data.alignment.names)
    except InputError as error:
        raise InputError(error.found, path=path, remedy=error.remedy) from None
    return trees[0]


def _is_variant_file(path: str) -> bool:
    """By content: VCF and BCF say what they are in their first bytes. Standard input is looked at, not read."""
    import io
    import sys
    import zlib
    from contextlib import suppress

    from genem.io.files.bgzf import InflatedInput

    if path != "-":
        with InflatedInput(path) as stream:
            start = bytes(next(iter(stream.pieces(ahead=False)), b""))
    else:
        assert isinstance(sys.stdin.buffer, io.BufferedReader)
        start = sys.stdin.buffer.peek(1 << 16)
        if start.startswith(b"\x1f\x8b"):
            with suppress(zlib.error):  # whoever reads it says what is wrong
                start = zlib.decompressobj(31).decompress(start, 1 << 10)
    return start.startswith((b"##fileformat=VCF", b"BCF\2"))


def _from_alignment(args: argparse.Namespace, context: RunContext) -> PhyloInput:
    from genem.io.sequences.alignments import read_alignment

    for name in FOR_VCF:
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} is for a VCF: {args.alignment} is an alignment")
    if args.max_missing_rate < 1.0:
        raise UsageError(f"--max-missing-rate is for a VCF: {args.alignment} is an alignment")
    alignment = read_alignment(args.alignment, datatype=args.alphabet)
    _require_data(alignment, args.alignment)
    partitions = _read_partitions(args, alignment, context)
    return PhyloInput(alignment, args.model, partitions, "", summarise(alignment))


def _from_variants(args: argparse.Namespace, context: RunContext) -> PhyloInput:
    from genem.cli.variant_input import open_selected
    from genem.io.variants.alignment import alignment_from_variants

    if args.partitions is not None:
        raise UsageError(f"--partitions is for an alignment: {args.alignment} is a VCF")
    if args.alphabet is not None and args.alphabet != Datatype.DNA:
        raise UsageError(f"--alphabet {args.alphabet}: {args.alignment} is a VCF, which holds DNA")
    with open_selected(args, context, ("GT",), path=args.alignment) as reader:
        snps = alignment_from_variants(
            _blocks(reader, context),
            reader.samples,
            min_maf=args.min_maf,
            max_missing_rate=args.max_missing_rate,
            with_invariant=args.all_sites,
        )
        passed_over = {f"records_{name}": number for name, number in reader.counts.items() if number}
    skipped = dict(snps.skipped)
    alignment, chrom, position = snps.alignment, snps.chrom, snps.position
    suffix = "" if args.all_sites else ASCERTAINMENT
    model = args.model
    if suffix:
        alignment, chrom, position, n_dropped = _variable(alignment, chrom, position, args.alignment)
        skipped["perhaps_constant"] = n_dropped
        if model != AUTO and ASCERTAINMENT not in model.upper():
            model += ASCERTAINMENT
            context.warn(f"a VCF holds sites that vary: the model is {model} (--all-sites: without {ASCERTAINMENT})")
    _require_data(alignment, args.alignment)
    context.count(**passed_over, **{f"skipped_{reason}": number for reason, number in skipped.items() if number})
    _say_what_was_skipped(skipped, alignment.n_sites, context)
    return PhyloInput(alignment, model, (), suffix, summarise(alignment), chrom, position)


def _blocks(reader: VariantReader, context: RunContext) -> Iterator[GenotypeBlock]:
    with context.progress("reading variants", reader.total_bytes) as progress:
        for block in reader:
            yield block
            progress.update(reader.bytes_read)


def _say_what_was_skipped(skipped: dict[str, int], n_kept: int, context: RunContext) -> None:
    listed = [f"{number} {SKIPPED[reason]}" for reason, number in skipped.items() if number]
    if listed:
        context.warn(
            f"left out {sum(skipped.values())} of {sum(skipped.values()) + n_kept} records: {', '.join(listed)}"
        )


def _variable(
    alignment: Alignment, chrom: tuple[str, ...], position: NDArray[np.int64], path: str
) -> tuple[Alignment, tuple[str, ...], NDArray[np.int64], int]:
    """Without the columns in which all samples may have the same base: under +ASC they could not have been seen."""
    import numpy as np

    constant = perhaps_constant(alignment)
    if constant.all():
        raise InputError(
            f"all of {len(constant)} SNPs may be constant among the samples: none is left for {ASCERTAINMENT}",
            path=path,
            remedy="use other samples, or --all-sites where the file lists invariant sites, too",
        )
    kept = np.flatnonzero(~constant)
    left = replace(alignment, letters=np.ascontiguousarray(alignment.letters[:, kept]))
    return left, tuple(chrom[site] for site in kept.tolist()), position[kept], int(constant.sum())


def perhaps_constant(
    alignment: Alignment, sites: NDArray[np.int64] | None = None, datatype: Datatype | None = None
) -> NDArray[np.bool_]:
    """bool (site,): every sequence may have the same letter there, ambiguous ones and gaps included.

    ``datatype`` says what the letters of these columns are, where the alignment holds other ones, too.
    """
    import numpy as np

    from genem.phylo import site_patterns

    patterns = site_patterns(alignment, slice(None) if sites is None else sites, datatype)
    constant: NDArray[np.bool_] = np.any(patterns.constant_states() > 0.0, axis=0)[patterns.pattern_of]
    return constant


def _require_data(alignment: Alignment, path: str) -> None:
    if len(alignment) == 0:
        raise InputError("holds no sequence", path=path, remedy="give an alignment of at least one")
    if alignment.n_sites == 0:
        raise InputError("the sequences have no letters", path=path, remedy="give an alignment with columns")


def _read_partitions(args: argparse.Namespace, alignment: Alignment, context: RunContext) -> tuple[SitePartition, ...]:
    import numpy as np

    from genem.io.trees.partitions import read_partitions
    from genem.phylo import SitePartition

    if args.partitions is None:
        return ()
    context.add_input(args.partitions)
    found = read_partitions(args.partitions, alignment.n_sites)
    parts = tuple(
        SitePartition(part.name, part.sites, _model_of(part, args), Datatype.of_label(part.label)) for part in found
    )
    owner = np.full(alignment.n_sites, -1)
    for number, part in enumerate(parts):
        if np.any(owner[part.sites] >= 0):
            site = int(part.sites[(owner[part.sites] >= 0).argmax()])
            found_twice = f"column {site + 1} is in {parts[owner[site]].name!r} and {part.name!r}"
            raise InputError(found_twice, path=args.partitions, remedy="give every column to one partition")
        owner[part.sites] = number
    if n_left := int(np.count_nonzero(owner < 0)):
        first = int((owner < 0).argmax()) + 1
        context.warn(f"{args.partitions}: columns in no partition are left out: {n_left}, the first is column {first}")
        context.count(columns_in_no_partition=n_left)
    return parts


def _model_of(part: FilePartition, args: argparse.Namespace) -> str:
    """The model that a label of a partition file means; names of parts and datatypes stand for ``--model``."""
    from difflib import get_close_matches

    from genem.phylo import parse_model
    from genem.phylo.models.amino_acid_matrices import AMINO_ACID_MODELS
    from genem.phylo.models.specifications import ALIASES, DNA_MODELS

    label = part.label
    if not label or Datatype.of_label(label) is not None or label == part.name or label.upper() == AUTO.upper():
        return str(args.model)
    known = [name.upper() for name in (*DNA_MODELS, *AMINO_ACID_MODELS, *ALIASES)]
    looks_like_one = "+" in label or "{" in label or get_close_matches(label.upper(), known, n=1, cutoff=0.6)
    if not looks_like_one:
        return str(args.model)
    try:
        parse_model(label, args.gamma_rule)
    except UsageError as error:
        raise InputError(str(error), path=args.partitions, place=part.place) from None
    return label


def _check_models(data: PhyloInput, args: argparse.Namespace) -> None:
    """Refuse models that the data cannot have, naming what is in the way."""
    from genem.phylo import parse_model

    models = [(part.model, part.datatype) for part in data.partitions] or [(data.model, None)]
    for (model, labelled), sites in zip(models, data.columns(), strict=True):
        if model == AUTO:
            continue
        specification = parse_model(model, args.gamma_rule)
        expected = labelled or data.alignment.datatype
        needed = specification.datatype
        if data.partitions and needed.is_part_of(expected) and not len(_strange_letters(data.alignment, sites, needed)):
            expected = needed
        if needed != expected:
            raise _wrong_datatype(data.alignment, sites, model, needed, expected, args.alignment)
        largest = max(specification.rate_values or (), default=0.0)
        if largest > LARGEST_RATE:
            raise UsageError(f"model {model!r}: a rate of {largest:g} against one of 1; give at most {LARGEST_RATE:g}")
        if specification.ascertainment:
            _require_variable(data.alignment, model, sites, specification.datatype, args.alignment)


def _strange_letters(alignment: Alignment, sites: NDArray[np.int64], datatype: Datatype) -> NDArray[np.int64]:
    """int64 (letter, 2): sequence and place among the columns of what has no meaning under a kind of letters."""
    import numpy as np

    from genem.phylo.alphabet import NO_CODE, alphabet_of

    return np.argwhere(alphabet_of(datatype).code_of[alignment.letters[:, sites]] == NO_CODE)


def _wrong_datatype(
    alignment: Alignment, sites: NDArray[np.int64], model: str, needed: Datatype, expected: Datatype, path: str
) -> InputError:
    found, place = f"{expected.adjective} under the {needed.adjective} model {model}", None
    strange = _strange_letters(alignment, sites, needed)
    if needed.is_part_of(expected) and len(strange):
        row, column = strange[0, 0], sites[strange[0, 1]]
        place = f"sequence {alignment.names[row]!r}, column {column + 1}"
        found += f" ({chr(int(alignment.letters[row, column]))!r} is no {needed.letter})"
    remedy = f"choose a {expected.adjective} model (--model {expected.default_model}), or say --alphabet {needed}"
    return InputError(found, path=path, place=place, remedy=remedy)


def _require_variable(
    alignment: Alignment, model: str, sites: NDArray[np.int64], datatype: Datatype, path: str
) -> None:
    constant = perhaps_constant(alignment, sites, datatype)
    if constant.any():
        column = int(sites[constant.argmax()]) + 1
        raise InputError(
            f"may be constant, as {int(constant.sum())} of {len(constant)} columns: {model} is for variable ones only",
            path=path,
            place=f"column {column}",
            remedy=f"leave {ASCERTAINMENT} out of the model, or these columns out of the alignment",
        )
