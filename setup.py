"""What a built package holds beside its modules; everything else is said in pyproject.toml.

The workflows and the example data live at the top of the source tree, where people look for them, and are copied to
genem/_bundle/{workflows,data}. With GENEM_SHIP_KERNELS=1 the kernels of all commands are compiled into genem/_kernels,
once for every processor level of the machine; Numba and the other dependencies have to be installed for that.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BUNDLED = ("workflows", "data")
LEFT_OUT = shutil.ignore_patterns(".test", ".snakemake", "__pycache__", "results", "logs")


class BuildWithBundle(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # the source tree itself is at hand
        bundle = Path(self.build_lib, "genem", "_bundle")
        shutil.rmtree(bundle, ignore_errors=True)
        for folder in BUNDLED:
            shutil.copytree(folder, bundle / folder, ignore=LEFT_OUT)
        if os.environ.get("GENEM_SHIP_KERNELS") == "1":
            compile_kernels(Path(self.build_lib).resolve())


def compile_kernels(package_root: Path) -> None:
    """Run ``genem warm`` from the built package, for all processor levels side by side."""
    environment = {**os.environ, "PYTHONPATH": str(package_root), "NUMBA_CPU_FEATURES": ""}
    listing = "import platform; from genem.kernel_cache import LEVELS; print(*dict(LEVELS[platform.machine()]))"
    levels = subprocess.check_output([sys.executable, "-B", "-c", listing], env=environment, text=True).split()
    with tempfile.TemporaryDirectory() as compiled:  # outside the package, or the first level would serve the second
        running = [
            subprocess.Popen(
                [sys.executable, "-B", "-m", "genem", "warm"],
                env={**environment, "NUMBA_CPU_NAME": level, "NUMBA_CACHE_DIR": str(Path(compiled, level))},
                cwd=compiled,
            )
            for level in levels
        ]
        if [process.wait() for process in running] != [0] * len(levels):
            raise SystemExit("the kernels could not be compiled")
        shutil.copytree(compiled, package_root / "genem" / "_kernels", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithBundle})
