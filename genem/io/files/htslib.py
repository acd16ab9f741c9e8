"""htslib prints to stderr what it also reports as an error; genem says it once, in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pysam


@contextmanager
def htslib_quiet() -> Iterator[None]:
    """Keep htslib from printing while the context lasts."""
    verbosity = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(verbosity)
