"""What holds for every workflow: it passes Snakemake's lint, is formatted, and its profiles are understood."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

import pytest

from tests.workflows.popgen_runs import ROOT, run

WORKFLOWS = sorted(path.parents[1].name for path in (ROOT / "workflows").glob("*/workflow/Snakefile"))
BY_WORKFLOW = pytest.mark.parametrize("name", WORKFLOWS)

Environment = Mapping[str, str]


@pytest.mark.slow
@BY_WORKFLOW
def test_lint(name: str, genem_environment: Environment) -> None:
    workflow = ROOT / "workflows" / name
    linted = run(workflow / ".test", genem_environment, "--lint", snakefile=workflow / "workflow" / "Snakefile")
    assert linted.returncode == 0, linted.stdout


@pytest.mark.slow
def test_format(genem_environment: Environment) -> None:
    snakefmt = shutil.which("snakefmt", path=genem_environment["PATH"])
    assert snakefmt is not None, "snakefmt is one of the development requirements"
    subprocess.run(
        [snakefmt, "--check", str(ROOT / "workflows")], check=True, capture_output=True, env={**genem_environment}
    )


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["default", "slurm"])
@BY_WORKFLOW
def test_the_profiles_are_understood(name: str, profile: str, genem_environment: Environment) -> None:
    workflow = ROOT / "workflows" / name
    chosen = ("--workflow-profile", str(workflow / "workflow" / "profiles" / profile))
    snakefile = workflow / "workflow" / "Snakefile"
    shown = run(workflow / ".test", genem_environment, "--dry-run", "--forceall", *chosen, snakefile=snakefile)
    assert shown.returncode == 0, shown.stdout
    assert f"/{name}/workflow/profiles/{profile} for setting default" in shown.stdout
    assert "mem_mb=" in shown.stdout
