"""The run of a command, as every command shares it: outputs, progress, counts, warnings and the run record."""

from __future__ import annotations

import argparse
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from genem import __version__
from genem.cli.progress import Progress
from genem.cli.table import CommandRow
from genem.errors import NotConvergedError, UsageError
from genem.provenance import (
    SCHEMA_VERSION,
    Stopwatch,
    available_cpus,
    describe_input,
    environment,
    peak_memory_bytes,
    to_json,
    utc,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.io.files.output import IndexKind, OutputStream

CONVERGED_LABELS = ("converged", "converged (objective)")
"""Labels of the statuses of :mod:`genem.em` that mean success; importing the engine for them would cost 0.2 s."""
INTENDED_LABELS = (*CONVERGED_LABELS, "left")  # a fit that was left by a documented rule is no failure


class RunContext:
    """Handed to the ``run`` of every command.

    Attributes
    ----------
    log
        The command's logger.
    seed
        The value of ``--seed``; None for commands without it.
    threads
        How many threads the command uses; None for commands without ``--threads``.
    """

    def __init__(self, row: CommandRow, args: argparse.Namespace, command_line: Sequence[str]) -> None:
        self.log = logging.getLogger(f"genem.cli.{row.name}")
        self._row = row
        self._args = args
        self._command_line = list(command_line)
        self._stopwatch = Stopwatch()
        self._inputs: dict[str, None] = {}
        self._outputs: dict[str, Path] = {}
        self._announced: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._fits: list[dict[str, object]] = []
        self._warnings: list[str] = []
        self._timing: dict[str, float] = {}
        self._prepare_side_outputs()
        self.seed: int | None = getattr(args, "seed", None)
        self.threads: int | None = self._apply_threads()

    def add_input(self, path: str | Path) -> None:
        """Note a file that was read, for the run record and so that no output overwrites it."""
        self._inputs[str(path)] = None
        self._refuse_overwriting()

    def announce_outputs(self, *paths: str | None) -> None:
        """Refuse at the start what would fail at the end: outputs that cannot be written, are named twice, or are read.

        Raises
        ------
        OutputError
            A file cannot be written.
        UsageError
            Two outputs have the same name, or one is an input; of inputs not yet read :meth:`add_input` says so.
        """
        from genem.io.files.output import check_output

        given = [path for path in paths if path is not None]
        for path in given:
            check_output(path)
            self._claim(path)
        self._announced.update(given)

    def one_standard_input(self, *paths: str | None) -> None:
        """Refuse inputs of which more than one is standard input: the first would read it to its end.

        Raises
        ------
        UsageError
            They are.
        """
        if paths.count("-") > 1:
            raise UsageError("two inputs are -, and there is one standard input; give files for the others")

    def count(self, **counts: int) -> None:
        """Add to named counts: ``context.count(variants_read=len(block))``."""
        self._counts.update(counts)

    @property
    def counts(self) -> Mapping[str, int]:
        """The numbers counted so far; 0 for anything else."""
        return self._counts

    def add_statuses(self, statuses: NDArray[np.integer] | Sequence[int]) -> None:
        """Tally how fits ended, from the codes of ``genem.em.status``."""
        import numpy as np

        from genem.em.status import Status

        for code, times in enumerate(np.bincount(np.asarray(statuses).ravel(), minlength=len(Status)).tolist()):
            if times:
                self._statuses[Status(code).label] += times

    def add_fit(self, status: str, **details: object) -> None:
        """Record one fit by itself: its status label and whatever describes it (name, log_likelihood, trace)."""
        self._statuses[status] += 1
        self._fits.append({"status": status, **details})

    def warn(self, message: str) -> None:
        """Print a warning and keep it in the run record."""
        self._warnings.append(message)
        self.log.warning(message)

    @property
    def warnings(self) -> Sequence[str]:
        """The warnings given so far."""
        return self._warnings

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Time a part of the run by itself, processes that ended in it included, for the run record and ``-v``."""
        stopwatch = Stopwatch()
        yield
        seconds = stopwatch.seconds()
        self._timing |= {f"{part}_{kind}": value for kind, value in seconds.items()}
        self.log.info("%s: %.2f s, %.2f s of CPU time", part, seconds["wall_seconds"], seconds["cpu_seconds"])

    def progress(self, label: str, total: int | None = None) -> Progress:
        """A progress bar for a number of bytes; nothing is drawn unless stderr is a terminal."""
        shown = not getattr(self._args, "quiet", False) and getattr(self._args, "log_format", "text") == "text"
        return Progress(label, total, enabled=shown)

    @contextmanager
    def open_output(self, path: str | Path, *, index: IndexKind | None = None) -> Iterator[OutputStream]:
        """:func:`genem.io.files.output.open_output`, kept in the run record; refuses to overwrite an input."""
        from genem.io.files.output import open_output

        self._claim(path)
        with open_output(path, index=index) as stream:
            yield stream

    @contextmanager
    def replace_on_success(self, path: str | Path, *, index: IndexKind | None = None) -> Iterator[Path]:
        """:func:`genem.io.files.output.replace_on_success`, kept in the run record; refuses to overwrite an input."""
        from genem.io.files.output import replace_on_success

        self._claim(path)
        with replace_on_success(path, index=index) as temporary:
            yield temporary

    def finish(self) -> None:
        """Warn of fits that did not converge, write the run record.

        Raises
        ------
        NotConvergedError
            With ``--strict``, where a fit did not converge; every output is in place by then.
        """
        total = self._statuses.total()
        failed = total - sum(self._statuses[label] for label in INTENDED_LABELS)
        strict = bool(getattr(self._args, "strict", False)) and failed > 0
        message = f"{failed} of {total} fits did not converge ({self._failures()}); see their status in the output"
        if failed and not strict:
            self.warn(message)
        self._write_run_record(NotConvergedError.exit_status if strict else 0)
        if strict:
            raise NotConvergedError(message)

    def _failures(self) -> str:
        failures = sorted(item for item in self._statuses.items() if item[0] not in INTENDED_LABELS)
        return ", ".join(f"{n} {label}" for label, n in failures)

    def _apply_threads(self) -> int | None:
        if not hasattr(self._args, "threads"):
            return None
        from genem.jit import set_threads

        available = available_cpus()
        asked = self._args.threads or available
        if asked > available:
            self.log.info("--threads %d: the process may use %d", asked, available)
        return set_threads(min(asked, available))

    def _prepare_side_outputs(self) -> None:
        """Refuse at the start what would fail at the end: a run record or picture that cannot be written."""
        from genem.io.files.output import check_output

        record = getattr(self._args, "run_record", None)
        if record is None and getattr(self._args, "checksum", False):
            raise UsageError("--checksum needs --run-record")
        for path in (record, getattr(self._args, "plot", None)):
            if path is not None:
                check_output(path)
        if record is not None:
            self._claim(record)

    def _claim(self, path: str | Path) -> None:
        """Refuse a path that is an input, or an output already."""
        name = str(path)
        if name in self._announced:
            self._announced.remove(name)
            return
        if name != "-" and Path(name).exists() and not Path(name).is_file():
            self._outputs.setdefault(name, Path(name))  # devices and FIFOs may be named twice
            return
        target = Path(name) if name == "-" else Path(os.path.realpath(name))
        for other, other_target in self._outputs.items():
            if target == other_target:
                raise UsageError(f"two outputs have the same name: {other} and {name}")
        self._outputs[name] = target
        self._refuse_overwriting()

    def _refuse_overwriting(self) -> None:
        for output, target in self._outputs.items():
            if target.is_file() and any(given != "-" and _same_file(given, target) for given in self._inputs):
                raise UsageError(f"{output} is both input and output")

    def _write_run_record(self, exit_status: int) -> None:
        path = getattr(self._args, "run_record", None)
        if path is None:
            return
        checksum = bool(getattr(self._args, "checksum", False))
        record = {
            "schema_version": SCHEMA_VERSION,
            "command": self._row.name,
            "command_line": ["genem", *self._command_line],
            "working_directory": os.getcwd(),  # noqa: PTH109
            "exit_status": exit_status,
            "options": vars(self._args),
            "seed": self.seed,
            "threads": self.threads,
            "inputs": [describe_input(each, checksum=checksum) for each in self._inputs],
            "outputs": [each for each in self._outputs if each != path and each not in self._announced],
            "counts": dict(self._counts),
            "statuses": dict(self._statuses),
            "fits": self._fits,
            "warnings": self._warnings,
            "environment": environment(__version__),
            "started": utc(self._stopwatch.started),
            **self._stopwatch.seconds(),
            "timing": self._timing,
            "peak_memory_bytes": peak_memory_bytes(),
        }
        from genem.io.files.output import open_output

        with open_output(path) as stream:
            stream.write(to_json(record))


def _same_file(path: str, other: Path) -> bool:
    try:
        return other.samefile(path)
    except OSError:
        return False
