"""Where compiled kernels are kept, and what happens when a place cannot be read or written."""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from genem import kernel_cache

PACKAGE = Path(kernel_cache.__file__).parent
KERNEL_MODULES = sorted(PACKAGE.rglob("*kernels.py"))


def dotted(path: Path) -> str:
    return ".".join(("genem", *path.relative_to(PACKAGE).with_suffix("").parts))


@pytest.mark.parametrize("path", KERNEL_MODULES, ids=dotted)
def test_the_sources_of_a_module_are_closed_under_imports(path: Path) -> None:
    """As the syntax trees see it: no module that a source imports is left out."""
    files = kernel_cache.sources(dotted(path))
    assert path in files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("genem."):
                base = PACKAGE.joinpath(*str(node.module).split(".")[1:])
                names = [base, *(base / alias.name for alias in node.names)]
                candidates = [file for name in names for file in (name.with_suffix(".py"), name / "__init__.py")]
                assert {each for each in candidates if each.is_file()} <= set(files)


def test_an_edit_changes_the_folders_of_those_who_import_it_and_no_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "genem"
    (package / "field").mkdir(parents=True)
    for name in ("jit", "kernel_cache"):
        (package / f"{name}.py").write_text("")
    (package / "field" / "base_kernels.py").write_text("LIMIT = 1\n")
    (package / "field" / "other_kernels.py").write_text("OTHER = 1\n")
    (package / "field" / "upper_kernels.py").write_text(
        "from genem.field.base_kernels import (\n    LIMIT,\n)\nfrom genem.jit import kernel\n"
    )
    (package / "field" / "top_kernels.py").write_text("from genem.field import upper_kernels\n")
    monkeypatch.setattr(kernel_cache, "__file__", str(package / "kernel_cache.py"))
    names = [f"genem.field.{name}_kernels" for name in ("base", "other", "upper", "top")]

    def folders() -> list[str]:
        kernel_cache._imported.cache_clear()
        kernel_cache._source_hash.cache_clear()
        return [kernel_cache._source_hash(name) for name in names]

    before = folders()
    (package / "field" / "base_kernels.py").write_text("LIMIT = 2\n")
    changed = [old != new for old, new in zip(before, folders(), strict=True)]
    kernel_cache._imported.cache_clear()
    kernel_cache._source_hash.cache_clear()
    assert changed == [True, False, True, True]


SCRIPT = """
import errno, logging, sys
from pathlib import Path
logging.basicConfig(format="%(message)s")
from genem import jit, kernel_cache

def refuse(file, key, data, keep=kernel_cache._CheckedFile.keep):
    for part, reason in REFUSED.items():
        if part in str(file.place):
            raise OSError(reason, __import__("os").strerror(reason))
    return keep(file, key, data)

REFUSED = eval(sys.argv[1])
if len(sys.argv) > 2:
    kernel_cache.SHIPPED = Path(sys.argv[2])
kernel_cache._CheckedFile.keep = refuse

@jit.kernel
def doubled(number):
    return 2 * number

assert doubled(21) == 42
print(sum(doubled.stats.cache_hits.values()), len(kernel_cache.REFUSALS))
"""
"""Prints how often the kernel was found in the cache, and how often no place took it."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment with a home and a folder of temporary files of its own."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    here = str(PACKAGE.parent)
    return {**kept, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": here, "USER": "me"}


def call(folder: Path, environment: dict[str, str], refused: str = "{}", *shipped: str) -> tuple[int, int, str]:
    """Run a kernel in a process of its own: hits in the cache, refusals, and what was said."""
    script = folder / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), refused, *shipped],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hits, refusals = done.stdout.split()
    return int(hits), int(refusals), done.stderr


def kernels(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.nbc"))


def test_kernels_are_kept_in_the_cache_of_the_user(tmp_path: Path, environment: dict[str, str]) -> None:
    assert call(tmp_path, environment) == (0, 0, "")
    assert len(kernels(tmp_path / "home")) == 1
    assert call(tmp_path, environment) == (1, 0, "")


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_a_named_folder_is_used_also_when_it_cannot_be_written(
    tmp_path: Path, environment: dict[str, str], variable: str
) -> None:
    environment = {**environment, variable: str(tmp_path / "named")}
    read_only = "{'named': errno.EROFS, 'home': errno.EROFS}"
    assert call(tmp_path, environment) == (0, 0, "")
    assert len(kernels(tmp_path / "named")) == 1
    assert call(tmp_path, environment, read_only) == (1, 0, "")


def test_a_relative_folder_is_ignored(tmp_path: Path, environment: dict[str, str]) -> None:
    call(tmp_path, {**environment, "XDG_CACHE_HOME": "relative"})
    assert not (tmp_path / "relative").exists()
    assert len(kernels(tmp_path / "home")) == 1


@pytest.mark.parametrize("reason", ["EROFS", "ENOSPC", "EACCES"])
def test_a_folder_of_temporary_files_serves_where_the_home_cannot_be_written(
    tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    refused = f"{{'home': errno.{reason}}}"
    hits, refusals, message = call(tmp_path, environment, refused)
    assert (hits, refusals) == (0, 0)
    assert len(message.splitlines()) == 1
    assert str(tmp_path / "home") in message
    assert "genem-kernels-me" in message
    assert call(tmp_path, environment, refused) == (1, 0, "")
    assert len(kernels(tmp_path / "tmp")) == 1


def test_nothing_can_be_written(tmp_path: Path, environment: dict[str, str]) -> None:
    hits, refusals, message = call(tmp_path, environment, "{'home': errno.ENOSPC, 'tmp': errno.ENOSPC}")
    assert (hits, refusals) == (0, 1)
    assert len(message.splitlines()) == 1
    assert "No space left on device" in message
    assert "every run" in message


def test_no_home_and_no_entry_in_the_list_of_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody(*_arguments: object) -> None:
        raise KeyError("getpwuid(): uid not found")

    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    assert kernel_cache.cache_places.__wrapped__() == (tmp_path / f"genem-kernels-{os.getuid()}",)


@pytest.mark.parametrize("length", [0, 300])
@pytest.mark.parametrize("pattern", ["*.nbc", "*.nbi"])
def test_a_damaged_file_is_compiled_anew(
    tmp_path: Path, environment: dict[str, str], pattern: str, length: int
) -> None:
    call(tmp_path, environment)
    (damaged,) = (tmp_path / "home").rglob(pattern)
    content = damaged.read_bytes()
    damaged.write_bytes(content[: min(length, len(content) - 1)])
    assert call(tmp_path, environment) == (0, 0, "")
    assert call(tmp_path, environment) == (1, 0, "")


def test_changed_bytes_are_damage(tmp_path: Path, environment: dict[str, str]) -> None:
    call(tmp_path, environment)
    (damaged,) = kernels(tmp_path / "home")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert call(tmp_path, environment) == (0, 0, "")
    assert call(tmp_path, environment) == (1, 0, "")


def test_what_others_may_write_is_not_run(tmp_path: Path, environment: dict[str, str]) -> None:
    refused = "{'home': errno.EROFS}"
    call(tmp_path, environment, refused)
    (tmp_path / "tmp" / "genem-kernels-me").chmod(0o777)
    hits, refusals, message = call(tmp_path, environment, refused)
    assert (hits, refusals) == (0, 1)
    assert "others may write there" in message


@pytest.fixture
def shipped(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A folder as in a wheel: the kernel compiled for every level of this kind of processor."""
    folder = tmp_path / "shipped"
    for level, _ in kernel_cache.LEVELS[platform.machine()]:
        building = {"NUMBA_CPU_NAME": level, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(folder / level)}
        assert call(tmp_path, {**environment, **building})[:2] == (0, 0)
    return folder


def test_shipped_kernels_are_used_and_nothing_is_written(
    tmp_path: Path, environment: dict[str, str], shipped: Path
) -> None:
    assert call(tmp_path, environment, "{}", str(shipped)) == (1, 0, "")
    assert kernels(tmp_path / "home") == []
    best = next(iter(kernel_cache.LEVELS[platform.machine()]))[0]
    for kernel in kernels(shipped / best):
        kernel.write_bytes(b"damaged")
    assert call(tmp_path, environment, "{}", str(shipped)) == (0, 0, "")
    assert len(kernels(tmp_path / "home")) == 1


def test_shipped_kernels_of_other_versions_are_left_alone_with_one_line(
    tmp_path: Path, environment: dict[str, str], shipped: Path
) -> None:
    for place in shipped.glob("*/*"):
        place.rename(place.with_name("0" * 16))
    hits, refusals, message = call(tmp_path, environment, "{}", str(shipped))
    assert (hits, refusals) == (0, 0)
    assert len(message.splitlines()) == 1
    assert "are not for Numba" in message
    assert call(tmp_path, environment, "{}", str(shipped)) == (1, 0, "")


def test_the_level_is_the_best_that_the_processor_can_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    levels = (("best", frozenset({"wide", "fast"})), ("plain", frozenset[str]()))
    monkeypatch.setattr(kernel_cache, "LEVELS", {"machine": levels})
    monkeypatch.setattr(kernel_cache, "SHIPPED", tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "machine")
    for level, _ in levels:
        (tmp_path / level).mkdir()
    for features, expected in (({"wide": True, "fast": True}, "best"), ({"wide": True, "fast": False}, "plain")):
        monkeypatch.setattr(kernel_cache, "get_host_cpu_features", lambda features=features: features)
        assert kernel_cache.shipped_place.__wrapped__() == tmp_path / expected
