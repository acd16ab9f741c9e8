"""The front door: help without heavy imports, exit statuses, one-line errors, signals, closed pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genem import __version__
from genem.cli.main import main
from genem.cli.table import BY_NAME, COMMANDS
from tests.cli import probe as cli_probe

HEAVY = ("numpy", "scipy", "numba", "pysam", "Bio", "matplotlib")
BUG = "this is a bug in genem, please report it with the output of -vv"
PROBE = [sys.executable, "-m", "tests.cli.probe", "probe"]


@pytest.fixture(autouse=True)
def _probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_NAME, "probe", cli_probe.ROW)


def default_signals() -> None:
    """A shell that runs the tests in the background lets them ignore signals, and their children with them."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def start_probe(root: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the probe in a process of its own and wait until it writes."""
    process = subprocess.Popen(
        [*PROBE, *arguments],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=default_signals,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "writing\n"
    return process


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([row.name, "--help"] for row in COMMANDS)], ids=str)
def test_help_imports_nothing_heavy(root: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from genem.cli.main import main; status = main(sys.argv[1:]);"
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules));"
        "sys.exit(f'{status} {heavy}' if status or heavy else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code, *arguments], cwd=root, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout


def test_the_overview_lists_every_command(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capfd.readouterr().out
    for row in COMMANDS:
        assert f"  {row.name} " in shown
        assert row.summary in shown


def test_version_names_the_libraries(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    lines = dict(line.split(" ", 1) for line in capfd.readouterr().out.splitlines())
    assert lines["genem"] == __version__
    assert {"python", "numpy", "scipy", "numba", "pysam", "biopython"} < set(lines)
    assert "not installed" not in lines.values()


def test_python_m_genem(root: Path) -> None:
    ended = subprocess.run([sys.executable, "-m", "genem", "--version"], cwd=root, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"genem {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "genem: error: no command given; see genem --help\n"),
        (["regoins"], "genem: error: unknown command 'regoins'; did you mean 'regions'?\n"),
        (["qqqqqq"], "genem: error: unknown command 'qqqqqq'; see genem --help\n"),
        (["--wrong"], "genem: error: unknown option '--wrong'; see genem --help\n"),
        (["regions"], "the following arguments are required: VCF (see genem regions --help)\n"),
        (["regions", "x", "--pieces", "0"], "argument -n/--pieces: 0 is not at least 1 (see genem regions --help)\n"),
        (["regions", "x", "--pie", "3"], "unrecognized arguments: --pie 3 (see genem regions --help)\n"),
        (["probe", "usage"], "genem probe: error: --ids and --regions exclude each other\n"),
    ],
)
def test_usage_errors_are_one_line_and_status_2(
    capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.endswith(message)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("what", "status", "message"),
    [
        ("input", 1, "x.vcf: record 17: FORMAT/PL has 4 values, 3 expected"),
        ("output", 1, "x.tsv: no space left"),
        ("missing", 1, "absent.vcf: No such file or directory"),
        ("memory", 1, "not enough memory; use a part of the input: fewer samples, sequences or sites"),
        ("interrupt", 130, "interrupted"),
        (
            "bug",
            1,
            "ZeroDivisionError: division by zero; this is a bug in genem, please report it with the output of -vv",
        ),
        ("two lines", 1, "ValueError: first second; this is a bug in genem, please report it with the output of -vv"),
    ],
)
def test_every_failure_is_one_line(capfd: pytest.CaptureFixture[str], what: str, status: int, message: str) -> None:
    assert main(["probe", what]) == status
    assert capfd.readouterr() == ("", f"genem probe: error: {message}\n")


def test_a_traceback_is_shown_with_vv_only(capfd: pytest.CaptureFixture[str]) -> None:
    main(["probe", "bug", "-v"])
    assert "Traceback" not in capfd.readouterr().err
    main(["probe", "bug", "-vv"])
    assert "Traceback" in capfd.readouterr().err


def test_strict_turns_a_warning_into_status_3(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = "2 of 4 fits did not converge (1 locked, 1 max_iter); see their status in the output\n"
    assert main(["probe", "unconverged"]) == 0
    assert capfd.readouterr().err == f"genem probe: warning: {said}"
    output = tmp_path / "out.tsv"
    assert main(["probe", "unconverged", "--strict", "-o", str(output)]) == 3
    assert capfd.readouterr().err == f"genem probe: error: {said}"
    assert output.read_text() == "first row\n"
    assert main(["probe", "fits", "--strict"]) == 0


def test_messages_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    main(["probe", "unconverged", "--log-format", "json"])
    main(["probe", "input", "--log-format", "json"])
    warning, error = map(json.loads, capfd.readouterr().err.splitlines())
    assert (warning["level"], warning["command"]) == ("warning", "genem probe")
    assert (error["level"], error["message"]) == ("error", "x.vcf: record 17: FORMAT/PL has 4 values, 3 expected")


def test_quiet_keeps_errors_only(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "unconverged", "-q"]) == 0
    assert capfd.readouterr().err == ""
    assert main(["probe", "input", "-q"]) == 1
    assert capfd.readouterr().err != ""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_leaves_neither_result_nor_temporary_file(
    root: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with start_probe(root, "wait", "-o", str(tmp_path / "out.tsv")) as process:
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert out == ""
    assert err.startswith("genem probe: error: ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_kill_9_leaves_no_result(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.tsv"
    output.write_text("the result of an earlier run\n")
    with start_probe(root, "wait", "-o", str(output)) as process:
        process.kill()
        process.wait(timeout=20)
    assert process.returncode == -signal.SIGKILL
    assert output.read_text() == "the result of an earlier run\n"
    (stray,) = (path.name for path in tmp_path.iterdir() if path != output)
    assert stray.startswith(".out.tsv.genem-")
    assert stray.endswith(".tmp")


def test_a_closed_pipe_is_quiet(root: Path) -> None:
    with subprocess.Popen(
        [*PROBE, "flood"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "first row\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


def test_help_into_a_closed_pipe_is_quiet(root: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run([sys.executable, "-m", "genem", "--help"], cwd=root, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", [[*PROBE, "flood"], [sys.executable, "-m", "genem", "--help"]], ids=["run", "help"])
def test_a_full_standard_output_is_one_line(root: Path, command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, cwd=root, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1
    assert "No space left on device" in ended.stderr or "no space left on the device" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_closed_standard_output_is_one_line(root: Path) -> None:
    ended = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m tests.cli.probe probe nothing >&-"], cwd=root, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr == "genem probe: error: standard output is closed; name a file with -o\n"


def test_a_closed_standard_error_does_not_spoil_the_result(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.tsv"
    ended = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m tests.cli.probe probe unconverged -o {output} 2>&-"], cwd=root
    )
    assert ended.returncode == 0
    assert output.read_text() == "first row\n"


def test_an_input_is_not_overwritten(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.vcf"
    source.write_text("data")
    (tmp_path / "link.vcf").symlink_to(source)
    for output in ("in.vcf", "link.vcf"):
        assert main(["probe", "nothing", "--input", str(source), "-o", str(tmp_path / output)]) == 2
        assert capfd.readouterr().err.endswith("is both input and output\n")
    assert source.read_text() == "data"


def test_two_outputs_of_one_name_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "out")
    assert main(["probe", "nothing", "-o", output, "--run-record", output]) == 2
    assert "two outputs have the same name" in capfd.readouterr().err


def test_a_run_record_is_not_written_over_an_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.vcf"
    source.write_text("data")
    assert main(["probe", "nothing", "--input", str(source), "--run-record", str(source)]) == 2
    assert capfd.readouterr().err.endswith("in.vcf is both input and output\n")
    assert source.read_text() == "data"


def test_side_outputs_are_checked_before_the_work(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.tsv"
    assert main(["probe", "nothing", "-o", str(output), "--run-record", str(tmp_path / "absent" / "run.json")]) == 1
    assert "run.json: there is no folder" in capfd.readouterr().err
    assert main(["probe", "nothing", "-o", str(output), "--checksum"]) == 2
    assert capfd.readouterr().err == "genem probe: error: --checksum needs --run-record\n"
    assert not output.exists()


def test_a_failure_leaves_what_was_there_before(tmp_path: Path) -> None:
    output = tmp_path / "out.tsv"
    output.write_text("before")
    assert main(["probe", "fail late", "-o", str(output)]) == 1
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.tsv", "before")]


def test_main_restores_signals_and_logging() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    main(["probe", "bug", "-q"])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
