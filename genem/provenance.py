"""Record of a run: versions, inputs, seeds, times, memory. The run record is this as JSON."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import resource
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path

SCHEMA_FILE = Path(__file__).with_name("run_record.schema.json")
SCHEMA_VERSION = 1
LIBRARIES = ("numpy", "scipy", "numba", "pysam", "biopython")
CHUNK_BYTES = 1 << 20


def library_versions() -> dict[str, str]:
    """Versions of the libraries results depend on, without importing them."""
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = "not installed"
    return versions


def describe_input(path: str | Path, *, checksum: bool = False) -> dict[str, object]:
    """Path, size and time of change of an input; its SHA-256 on request. A pipe has only its path."""
    name = str(path)
    described: dict[str, object] = {"path": name}
    try:
        status = Path(name).stat()
    except OSError:
        return described
    if not stat.S_ISREG(status.st_mode):
        return described
    described |= {"bytes": status.st_size, "modified": utc(status.st_mtime)}
    if checksum:
        described["sha256"] = sha256(name)
    return described


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def utc(seconds: float) -> str:
    """A time in UTC, ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Stopwatch:
    """Wall-clock and CPU time of this process and its children since the stopwatch was made."""

    def __init__(self) -> None:
        self.started = time.time()
        self._wall = time.perf_counter()
        self._cpu = _cpu_seconds()

    def seconds(self) -> dict[str, float]:
        return {
            "wall_seconds": round(time.perf_counter() - self._wall, 6),
            "cpu_seconds": round(_cpu_seconds() - self._cpu, 6),
        }


def peak_memory_bytes() -> int:
    """The largest resident size this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def environment(genem_version: str) -> dict[str, object]:
    """Versions and the machine."""
    return {
        "genem_version": genem_version,
        "python_version": platform.python_version(),
        "library_versions": library_versions(),
        "platform": platform.platform(),
        "available_cpus": available_cpus(),
    }


def available_cpus() -> int:
    """Number of CPUs that the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def to_json(record: Mapping[str, object]) -> bytes:
    """The record as indented JSON; what is not a finite number becomes null, NumPy values plain ones."""
    return (json.dumps(_plain(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, without importing NumPy
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
