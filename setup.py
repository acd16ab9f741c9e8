"""Puts the workflows and the example data into the built package, as genem/_bundle/{workflows,data}.

They live at the top of the source tree, where people look for them; everything else is said in pyproject.toml.
"""

import shutil
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


setup(cmdclass={"build_py": BuildWithBundle})
