"""Run records: what they hold, that they are valid against their schema, and the plain JSON they become."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genem import __version__, provenance
from genem.cli.main import main
from genem.cli.table import BY_NAME
from tests.cli import probe as cli_probe

Record = dict[str, Any]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Record]:
    """Run the probe with a run record and read it."""
    monkeypatch.setitem(BY_NAME, "probe", cli_probe.ROW)
    (tmp_path / "in.vcf").write_bytes(b"##fileformat=VCFv4.2\n")

    def run(*arguments: str, status: int = 0) -> Record:
        path = tmp_path / "run.json"
        given = ["probe", *arguments, "--input", str(tmp_path / "in.vcf"), "--run-record", str(path)]
        assert main(given) == status
        read: Record = json.loads(path.read_text())
        return read

    return run


def test_a_record_tells_what_was_run(record: Callable[..., Record], tmp_path: Path) -> None:
    output = str(tmp_path / "out.tsv")
    made = record("fits", "--seed", "7", "--threads", "1", "-o", output, "-q")
    assert made["command"] == "probe"
    assert made["command_line"][:3] == ["genem", "probe", "fits"]
    assert made["options"]["strict"] is False
    assert (made["seed"], made["threads"], made["exit_status"]) == (7, 1, 0)
    assert made["counts"] == {"variants_read": 2}
    assert made["statuses"] == {"converged": 3}
    assert made["fits"] == [
        {"status": "converged", "name": "spectrum", "log_likelihood": -12.5, "trace": [-13.0, -12.5]}
    ]
    assert made["warnings"] == ["two males are heterozygous on X"]
    assert made["outputs"] == [output]
    assert made["environment"]["genem_version"] == __version__
    assert made["environment"]["library_versions"]["numpy"] == np.__version__
    assert 0 < made["wall_seconds"] < 60
    assert made["peak_memory_bytes"] > 10_000_000


def test_inputs_have_sizes_and_on_request_sums(record: Callable[..., Record]) -> None:
    (described,) = record("nothing")["inputs"]
    assert described["bytes"] == 21
    assert set(described) == {"path", "bytes", "modified"}
    (described,) = record("nothing", "--checksum")["inputs"]
    assert described["sha256"] == hashlib.sha256(b"##fileformat=VCFv4.2\n").hexdigest()


def test_a_strict_run_is_recorded(record: Callable[..., Record]) -> None:
    made = record("unconverged", "--strict", status=3)
    assert made["exit_status"] == 3
    assert made["statuses"] == {"converged": 2, "max_iter": 1, "locked": 1}


def test_a_failed_run_has_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_NAME, "probe", cli_probe.ROW)
    assert main(["probe", "bug", "--run-record", str(tmp_path / "run.json")]) == 1
    assert list(tmp_path.iterdir()) == []


def test_records_are_valid_against_the_schema(record: Callable[..., Record]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(provenance.SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    made = record("fits", "--checksum")
    jsonschema.validate(made, schema)
    jsonschema.validate(record("unconverged", "--strict", status=3), schema)
    for change in ({"exit_status": 1}, {"surplus": 1}, {"statuses": {"fine": 1}}, {"counts": {"n": 0.5}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**made, **change}, schema)


def test_the_schema_and_the_code_agree_on_the_version() -> None:
    schema = json.loads(provenance.SCHEMA_FILE.read_text())
    assert schema["properties"]["schema_version"] == {"const": provenance.SCHEMA_VERSION}


def test_a_pipe_and_an_absent_input_have_only_a_path(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (str(tmp_path / "pipe"), str(tmp_path / "absent"), "-"):
        assert provenance.describe_input(name, checksum=True) == {"path": name}


def test_json_is_plain() -> None:
    value = {"a": np.array([1.5, np.nan]), "b": np.int64(3), "c": (float("inf"), None), "d": Path("x"), 5: True}
    assert json.loads(provenance.to_json(value)) == {"a": [1.5, None], "b": 3, "c": [None, None], "d": "x", "5": True}


def test_the_stopwatch_counts_cpu_and_wall_time() -> None:
    watch = provenance.Stopwatch()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    time.sleep(0.05)
    seconds = watch.seconds()
    assert 0.03 < seconds["cpu_seconds"] < seconds["wall_seconds"]


def test_libraries_that_are_absent_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "LIBRARIES", ("no-such-library",))
    assert provenance.library_versions() == {"no-such-library": "not installed"}
