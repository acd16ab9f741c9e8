"""What the tests of all workflows share: whole runs, counting jobs, joining configurations, killing a run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.workflows.popgen_runs import SNAKEFILE, command, configure, run


def job_counts(shown: str) -> dict[str, int]:
    """How many jobs each rule has, from what a dry run prints."""
    counts = (line.split() for line in shown.splitlines() if re.fullmatch(r"[a-z_]+ +\d+", line))
    return {rule: int(count) for rule, count in counts}


def joined(configs: Mapping[str, str]) -> str:
    """One configuration for all workflows: that of each, below its name."""
    return "".join(
        f"{name}:\n" + "".join(f"  {line}\n" for line in config.splitlines()) for name, config in configs.items()
    )


def finished_run(folder: Path, config: str, environment: Mapping[str, str], snakefile: Path) -> Path:
    """The folder in which a workflow has run to its end."""
    configure(folder, config)
    done = run(folder, environment, "--cores", "2", snakefile=snakefile)
    assert done.returncode == 0, done.stdout
    return folder


def modified(path: Path) -> int:
    """When the file was last written, in nanoseconds."""
    return path.stat().st_mtime_ns


def kill_once(
    begun: Callable[[], bool], folder: Path, environment: Mapping[str, str], snakefile: Path = SNAKEFILE
) -> None:
    """Start the workflow on one core and kill all its processes as soon as something has begun."""
    process = subprocess.Popen(
        command(folder, "--cores", "1", "--notemp", snakefile=snakefile),
        env={**environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not begun():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "it did not begin within two minutes"
            time.sleep(0.02)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
