"""The checkpoint of ``genem phylo``: the state of a search beside what it is a search of."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genem.errors import InputError

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.cli.phylo.input import PhyloInput
    from genem.data import Tree
    from genem.phylo import SearchState

__all__ = ["Checkpoint", "open_checkpoint"]

KIND = "genem phylo checkpoint"
REMEDY = "delete the file, or name another one with --checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state from which a search goes on, and a way to keep further ones.

    Attributes
    ----------
    state
        To resume from; None where the search begins.
    write
        Keeps a state; None without ``--checkpoint``.
    """

    state: SearchState | None
    write: Callable[[SearchState], None] | None


def open_checkpoint(
    data: PhyloInput,
    trees: tuple[Tree, ...],
    constraint: Tree | None,
    args: argparse.Namespace,
    context: RunContext,
) -> Checkpoint:
    """The state in the file of ``--checkpoint``, if it is of this very search, and a way to keep further ones.

    Raises
    ------
    InputError
        The file is no checkpoint, or one of another search.
    """
    from genem.io.files.output import open_output

    if args.checkpoint is None:
        return Checkpoint(None, None)
    identity = _identity(data, trees, constraint, args)
    state = _read(args.checkpoint, identity) if Path(args.checkpoint).exists() else None
    if state is not None:
        context.add_input(args.checkpoint)
        context.warn(f"{args.checkpoint}: the search is resumed after run {len(state.runs)}")

    def write(after: SearchState) -> None:
        text = json.dumps({"kind": KIND, "search": identity, "state": json.loads(after.to_json())}, indent=1)
        with open_output(args.checkpoint) as stream:
            stream.write(f"{text}\n".encode())

    return Checkpoint(state, write)


def _identity(
    data: PhyloInput, trees: tuple[Tree, ...], constraint: Tree | None, args: argparse.Namespace
) -> dict[str, object]:
    """All that a search depends on, whatever the order of the sequences and the number of threads."""
    from genem import __version__
    from genem.io.trees.newick import format_newick

    return {
        "genem_version": __version__,
        "alignment": _digest(data),
        "model": data.model,
        "partitions": [[part.name, part.model] for part in data.partitions],
        "gamma_rule": args.gamma_rule,
        "seed": args.seed,
        "starts": len(trees) or args.starts,
        "radius": args.radius,
        "patience": args.patience,
        "strategy": list(args.strategy or ()),
        "trees": [format_newick(tree) for tree in trees],
        "constraint": None if constraint is None else format_newick(constraint),
    }


def _digest(data: PhyloInput) -> str:
    """SHA-256 of the names and sequences, sorted by name, and of the columns of partitions."""
    import hashlib

    digest = hashlib.sha256()
    alignment = data.alignment
    for taxon in sorted(range(len(alignment)), key=alignment.names.__getitem__):
        digest.update(alignment.names[taxon].encode() + b"\0" + alignment.letters[taxon].tobytes() + b"\0")
    for part in data.partitions:
        digest.update(part.sites.tobytes() + b"\0")
    return digest.hexdigest()


def _read(path: str, identity: Mapping[str, object]) -> SearchState:
    from genem.phylo import SearchState

    try:
        content = json.loads(Path(path).read_bytes())
        if content["kind"] != KIND:
            raise ValueError(f"kind {content['kind']!r}")
        resumed, state = content["search"], SearchState.from_json(json.dumps(content["state"]))
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"is no checkpoint of genem phylo ({reason})", path=path, remedy=REMEDY) from None
    different = [name for name in identity if resumed.get(name) != identity[name]]
    if different:
        raise InputError(f"is the checkpoint of another search: {_listed(different)} differ", path=path, remedy=REMEDY)
    return state


def _listed(names: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
