"""Sphinx configuration."""

import sys
from pathlib import Path

import genem

sys.path.insert(0, str(Path(__file__).parent))

project = "genem"
author = "the genem authors"
copyright = "2026, the genem authors"
release = version = genem.__version__

extensions = [
    "command_options",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
templates_path = ["_templates"]

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autosummary_ignore_module_all = False
napoleon_google_docstring = False
napoleon_use_ivar = True

# References to genem's own names must resolve; those to other libraries, and to type variables, stay text.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!genem\.).*"),
    (r"py:class", r"genem\.em\.\w+\.(Params|Given|Point)"),
    (r"py:class", r"genem\.(\w+\.)*\w*kernels\.\w+"),  # what kernels hand to each other is not public
]

html_theme = "alabaster"
html_static_path = ["_static"]
html_theme_options = {"description": "The EM toolkit for genetics", "fixed_sidebar": True, "page_width": "1080px"}

# Attributes of several results share their name (log_likelihood): a bare mention of one is no broken reference.
suppress_warnings = ["ref.python"]
