"""Controls of ``genem motif``: how many, searched here, in pieces or in processes, and what they say."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from genem.cli.columns import Columns, full_numbers, integers, numbers
from genem.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.cli.motif.search import MotifSearch
    from genem.motif import Discovery
    from genem.motif.significance.controls import OrderedMap

AUTO = "auto"
AUTO_CONTROLS = 39
"""Controls where nothing is said: the smallest p-value is 1 / 40."""
SMALL = 200_000
"""Letters times motifs up to which a search takes about a second: controls are searched without being asked for, and
each on a thread of its own. Threads inside the kernels pay for more letters than that."""
USUAL_WIDTH = 60
"""The time grows with the square of the widths that are tried: the same for motifs that may be wider than this."""
CONTROLS_PER_PROCESS = 5
"""A process takes about as long to start as so many small searches."""

CONTROL_COLUMNS: Columns[Sequence[tuple[int, float]]] = Columns(
    ("CONTROL", "number of the control", lambda controls: integers(number for number, _ in controls)),
    (
        "STRENGTH",
        "-log10 of the E-value of its best motif, NA where none was found",
        lambda controls: full_numbers(numbers(strength for _, strength in controls)),
    ),
)


@dataclass(frozen=True, slots=True)
class Significance:
    """The significance of motifs as controls tell it.

    Attributes
    ----------
    p_value
        float64 (motif,)
    n_controls
        Controls searched; fewer than asked for where every motif had met enough as strong.
    floor
        The smallest p-value that the controls asked for can give.
    """

    p_value: NDArray[np.float64]
    n_controls: int
    floor: float


def significance(
    search: MotifSearch, found: Discovery, args: argparse.Namespace, context: RunContext
) -> Significance | None:
    """Compare the motifs with controls, searched here or taken from a table; None where no controls are wanted."""
    import numpy as np

    from genem.motif import empirical_p_value, search_significance

    strengths = [-each.log10_e_value for each in found.motifs]
    if args.with_controls is not None:
        controls = read_controls(args.with_controls, context)
        p_values = np.array([empirical_p_value(each, controls) for each in strengths])
        return Significance(p_values, len(controls), 1.0 / (1 + len(controls)))
    n_controls = number_of_controls(search, args, context) if found.motifs else 0
    if not n_controls:
        context.count(controls=0)
        return None
    alike, ordered_map = shared_out(search, n_controls, context)
    with context.timed("controls"), context.progress("controls", n_controls) as progress:
        result = search_significance(
            alike.strengths,
            search.encoded,
            statistics=strengths,
            control=search.control,
            n_controls=n_controls,
            word_length=search.word_length,
            seed=args.seed,
            threads=context.threads or 1,
            progress=lambda done, _: progress.update(done),
            ordered_map=ordered_map,
        )
    context.count(controls=len(result.control_statistic))
    return Significance(result.p_value, len(result.control_statistic), result.floor)


def number_of_controls(search: MotifSearch, args: argparse.Namespace, context: RunContext) -> int:
    """The number of controls that ``--controls`` says.

    ``auto``: the usual number where that is quick or a control set was given, else none. That none are searched is said
    and counted.
    """
    if args.controls != AUTO:
        return int(args.controls)
    if search.control is not None or (search.cost <= SMALL and args.max_width <= USUAL_WIDTH):
        return AUTO_CONTROLS
    slow = f"{search.encoded.codes.size:,} letters"
    slow += f", {args.n_motifs} motifs" if args.n_motifs > 1 else ""
    slow += f", widths up to {args.max_width}" if args.max_width > USUAL_WIDTH else ""
    context.warn(
        f"no controls were searched, which takes long ({slow}); --controls {AUTO_CONTROLS} gives an empirical p-value"
    )
    context.count(controls_not_searched=AUTO_CONTROLS)
    return 0


def shared_out(search: MotifSearch, n_controls: int, context: RunContext) -> tuple[MotifSearch, OrderedMap]:
    """The search and the ``map`` that go over controls.

    Small ones are gone over by processes of one thread each, others by threads inside the kernels.
    """
    from genem.cli.processes import map_in_processes

    n_processes = min(context.threads or 1, n_controls // CONTROLS_PER_PROCESS)
    if search.cost > SMALL or n_processes < 2:
        return search, map
    return search.on_one_thread(), partial(map_in_processes, n_processes=n_processes)


def write_controls(search: MotifSearch, args: argparse.Namespace, context: RunContext) -> None:
    """Search some controls and write how strong the best motif of each is."""
    import numpy as np

    from genem.motif.significance.controls import ControlSearch

    controls = range(args.first_control, args.first_control + args.controls)
    alike, ordered_map = shared_out(search, args.controls, context)
    strength_of = ControlSearch(alike.strengths, search.encoded, search.control, search.word_length, args.seed)
    strongest = []
    with context.timed("controls"), context.progress("controls", args.controls) as progress:
        for strength in ordered_map(strength_of, controls):
            strongest.append(strength if np.isfinite(strength) else np.nan)
            progress.update(len(strongest))
    context.count(controls=len(strongest))
    with context.open_output(args.write_controls) as stream:
        CONTROL_COLUMNS.open(stream).write([*zip(controls, strongest, strict=True)])


def read_controls(path: str, context: RunContext) -> NDArray[np.float64]:
    """The strengths of a table of :func:`write_controls`, or of several gathered; -inf where nothing was found.

    Raises
    ------
    InputError
        The table is not one of controls 0, 1, 2, ... without gaps.
    """
    import numpy as np

    from genem.io.files.bgzf import InflatedInput

    context.add_input(path)
    with InflatedInput(path) as stream:
        text = b"".join(stream.pieces()).decode(errors="replace")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("##")]
    remedy = "give the table that --write-controls wrote, all pieces gathered"
    if not rows or rows[0] != list(CONTROL_COLUMNS.meanings) or len(rows) < 2:
        raise InputError(f"is no table of {' and '.join(CONTROL_COLUMNS.meanings)}", path=path, remedy=remedy)
    if [row[0] for row in rows[1:]] != [str(number) for number in range(len(rows) - 1)]:
        raise InputError("controls are missing or not in order", path=path, remedy=remedy)
    try:
        return np.array([-np.inf if row[1] == "NA" else float(row[1]) for row in rows[1:]])
    except (ValueError, IndexError):
        raise InputError("a strength is not a number", path=path, remedy=remedy) from None
