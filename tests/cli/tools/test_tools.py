"""The tools: regions, warm, completion and demo."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from genem.cli.main import main
from genem.cli.table import BY_NAME, COMMANDS, CommandRow
from genem.cli.tools import completion, demo
from genem.errors import GenemError
from genem.io.variants.regions import balanced_regions, parse_regions
from tests.cli import probe as cli_probe


def test_regions_are_one_piece_a_line(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    vcf = data / "population.vcf.gz"
    assert main(["regions", str(vcf), "--pieces", "3"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [tuple(parse_regions(line)) for line in lines] == balanced_regions(vcf, 3)
    assert len(lines) > 1


def test_regions_of_a_file_without_an_index(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(data / "population.vcf.gz", tmp_path / "x.vcf.gz")
    assert main(["regions", str(tmp_path / "x.vcf.gz"), "-o", str(tmp_path / "regions.txt")]) == 1
    err = capfd.readouterr().err
    assert err.startswith(f"genem regions: error: {tmp_path / 'x.vcf.gz'}: has no index; ")
    assert not (tmp_path / "regions.txt").exists()


@pytest.fixture
def warmable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command whose ``warm`` compiles two kernels, as the cache folder sees it."""
    module = types.ModuleType("genem.cli.warmable")
    module.__dict__.update(COMMAND=completion.COMMAND, run=completion.run)

    def warm() -> None:
        for name in ("kernels.one-10.py311.1.nbc", "kernels.two-20.py311.1.nbc", "kernels.two-20.py311.nbi"):
            (tmp_path / name).touch()

    module.__dict__["warm"] = warm
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(BY_NAME, "warmable", CommandRow("warmable", "", module.__name__, "analysis"))
    monkeypatch.setattr("genem.kernel_cache.cache_places", lambda: (tmp_path,))
    monkeypatch.setattr("genem.jit.jit_enabled", lambda: True)


@pytest.mark.usefixtures("warmable")
def test_warm_counts_what_it_compiled(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for compiled in ("2", "0"):
        assert main(["warm", "warmable", "-v"]) == 0
        out, err = capfd.readouterr()
        assert out.splitlines()[0] == "COMMAND\tSECONDS\tCOMPILED"
        assert out.splitlines()[1].split("\t")[::2] == ["warmable", compiled]
        messages = err.splitlines()
        assert messages[-1] == f"genem warm: kernels are kept in {tmp_path}"
        assert len(messages) == 1 + int(compiled)


@pytest.mark.usefixtures("warmable")
def test_a_command_that_runs_another_keeps_its_own_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_NAME, "probe", cli_probe.ROW)
    inner = str(tmp_path / "inner.tsv")

    def warm() -> None:
        assert main(["probe", "nothing", "-o", inner]) == 0
        assert main(["probe", "bug", "-o", inner]) == 1

    monkeypatch.setattr(sys.modules["genem.cli.warmable"], "warm", warm)
    assert main(["warm", "warmable", "-o", str(tmp_path / "outer.tsv")]) == 0
    assert (tmp_path / "outer.tsv").read_text().startswith("COMMAND\tSECONDS\tCOMPILED\nwarmable\t")


@pytest.mark.usefixtures("warmable")
def test_warm_refuses_what_has_no_kernels(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["warm", "completion"]) == 2
    assert capfd.readouterr().err == "genem warm: error: completion has no kernels to compile\n"
    assert main(["warm", "warmabel"]) == 2
    assert "did you mean 'warmable'?" in capfd.readouterr().err


def test_warm_without_compilation(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("genem.jit.jit_enabled", lambda: False)
    assert main(["warm"]) == 2
    assert "NUMBA_DISABLE_JIT is set" in capfd.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capfd.readouterr().out
    for row in COMMANDS:
        assert row.name in script
    assert "pieces" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_and_options(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "genem.bash"
    script.write_text(capfd.readouterr().out)
    ask = (
        'source "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); COMPREPLY=();'
        '"$(complete -p genem | sed "s/.*-F \\([^ ]*\\).*/\\1/")"; echo "${COMPREPLY[@]}"'
    )

    def completions(*words: str) -> set[str]:
        command = ["bash", "-c", ask, "bash", str(script), *words]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

    assert completions("genem", "re") == {"regions"}
    assert "--pieces" in completions("genem", "regions", "--pi")
    assert completions("genem", "completion", "z") == {"zsh"}


def test_completion_without_shtab(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 1
    assert capfd.readouterr().err == "genem completion: error: completion needs the package shtab; pip install shtab\n"


def test_every_path_option_completes_files() -> None:
    marker = object()
    parser = completion.whole_parser(marker)
    (commands,) = parser._subparsers._group_actions  # type: ignore[union-attr]
    regions = commands.choices["regions"]  # type: ignore[index, call-overload]
    completed = {action.dest for action in regions._actions if getattr(action, "complete", None) is marker}
    assert completed == {"vcf", "output"}


def test_the_demo_finds_workflow_and_data_in_the_source_tree(root: Path) -> None:
    assert demo.bundle_root() == root


def test_the_demo_prefers_what_the_package_carries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "genem" / "_bundle"
    for folder in (
        bundle / "workflows" / "popgen",
        bundle / "data",
        tmp_path / "workflows" / "popgen",
        tmp_path / "data",
    ):
        folder.mkdir(parents=True)
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "genem" / "cli" / "tools" / "demo.py"))
    assert demo.bundle_root() == bundle
    shutil.rmtree(bundle / "data")
    assert demo.bundle_root() == tmp_path
    shutil.rmtree(tmp_path / "workflows")
    with pytest.raises(GenemError, match="are not installed"):
        demo.bundle_root()


def test_the_demo_without_snakemake(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "snakemake" else find(name))
    assert main(["demo", str(tmp_path / "results")]) == 1
    said = "genem demo: error: the demo needs Snakemake; pip install 'genem[workflow,plots]'\n"
    assert capfd.readouterr().err == said
    assert list(tmp_path.iterdir()) == []


def test_the_demo_knows_its_workflows(root: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundled = {path.parents[1].name for path in (root / "workflows").glob("*/workflow/Snakefile")}
    assert set(demo.KNOWN) == bundled
    assert main(["demo", str(tmp_path / "results"), "--only", "qtl,gwas"]) == 2
    assert "--only gwas: there is no such workflow, choose of popgen, qtl, motif" in capfd.readouterr().err
    assert [one.workflow for one in demo.demonstrations(("qtl", "popgen"))] == ["popgen", "qtl"]


def test_the_demo_prepares_a_project(root: Path, tmp_path: Path) -> None:
    for name in demo.KNOWN:
        demo.prepare(tmp_path / "d", root, name)
        assert (tmp_path / "d" / name / "data" / "population.vcf.gz").is_file()
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == sorted(["data", *demo.KNOWN])
    config = tmp_path / "d" / "qtl" / "config" / "config.yaml"
    config.write_text("changed")
    demo.prepare(tmp_path / "d", root, "qtl")
    assert config.read_text() == "changed"


def test_children_end_when_the_command_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **keywords: object) -> None:
            super().__init__(*arguments, **keywords)  # type: ignore[call-overload]
            started.append(self)

        def wait(self, timeout: float | None = None) -> int:
            if started[0] is self and not getattr(self, "interrupted", False):
                self.interrupted = True
                raise KeyboardInterrupt
            return super().wait(timeout)

    monkeypatch.setattr(demo.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.run_children([[sys.executable, "-c", "import time; time.sleep(60)"]] * 2, dict(os.environ))
    assert [child.returncode != 0 for child in started] == [True, True]


def test_the_summary_fits_a_screen(tmp_path: Path) -> None:
    for name in ("popgen/results/hapmap/freq.tsv.gz", "popgen/results/hapmap/regions.txt", "qtl/results/f2/lod.svg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    lines = list(demo.summary(tmp_path, demo.DEMONSTRATIONS))
    assert [line.split()[0].removeprefix(f"{tmp_path}/") for line in lines[1:]] == [
        "popgen:",
        "popgen/report.html",
        "popgen/results/hapmap/freq.tsv.gz",
        "popgen/config/config.yaml",
        "qtl:",
        "qtl/report.html",
        "qtl/results/f2/lod.svg",
        "qtl/config/config.yaml",
        "motif:",
        "motif/report.html",
        "motif/config/config.yaml",
        "phylo:",
        "phylo/report.html",
        "phylo/config/config.yaml",
    ]
    assert sum(len(one.meanings) + 3 for one in demo.DEMONSTRATIONS) < 24


@pytest.mark.slow
def test_the_demo_runs(root: Path, tmp_path: Path) -> None:
    """Two of the workflows: all of them run in ``make demo``."""
    pytest.importorskip("snakemake")
    chosen = ("popgen", "motif")
    program = tmp_path / "bin" / "genem"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{root}" exec "{sys.executable}" -m genem "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    for _ in range(2):
        ended = subprocess.run(
            [program, "demo", "results", "--only", ",".join(chosen)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith("Done. The results:\n")
        named = [line.split()[0] for line in ended.stdout.splitlines() if line.startswith("  ")]
        assert len(named) == sum(len(one.meanings) + 2 for one in demo.demonstrations(chosen))
        for name in named:
            assert (tmp_path / name).stat().st_size > 0
    assert ended.stderr.count("Nothing to be done") == len(chosen)
