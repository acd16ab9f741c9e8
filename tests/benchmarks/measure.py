"""CPU seconds and peak memory of whole processes, several repeats, medians."""

from __future__ import annotations

import os
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measurement:
    """Medians over the repeats of one command."""

    cpu_seconds: float
    peak_mb: float


class CommandFailed(RuntimeError):
    """The measured command ended with a non-zero exit status."""


def measure(
    command: list[str], repeats: int = 5, env: dict[str, str] | None = None, *, warm_up: bool = True
) -> Measurement:
    """Run ``command`` once to warm the caches, then ``repeats`` times; its output is thrown away."""
    runs = [_run_once(command, env) for _ in range(repeats + warm_up)][warm_up:]
    return Measurement(statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs))


def measure_in_turn(commands: dict[str, list[str]], repeats: int = 5) -> dict[str, Measurement]:
    """Measure several commands A B C A B C ..., so that a drift of the machine's speed hits all of them alike."""
    for command in commands.values():
        _run_once(command, None)
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            runs[name].append(_run_once(command, None))
    return {
        name: Measurement(statistics.median(cpu for cpu, _ in taken), statistics.median(mb for _, mb in taken))
        for name, taken in runs.items()
    }


def version_of(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def _run_once(command, env):
    child = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    stderr = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise CommandFailed(f"{' '.join(command)} ended with {child.returncode}: {stderr.decode()[-500:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
