"""The rules of the house, each a check of the syntax trees with examples that it has to find."""

from __future__ import annotations

from tests.architecture import floors, folders, functions, maxima, words

RULES = [*floors.RULES, *folders.RULES, *functions.RULES, *maxima.RULES, *words.RULES]
