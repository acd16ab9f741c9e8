"""Model strings with the meaning that IQ-TREE gives them: ``HKY{6.25}+F{.31,.27,.12,.30}+G4{0.45}+I{0.2}``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from genem.data import Datatype
from genem.errors import UsageError
from genem.phylo.models.amino_acid_matrices import AMINO_ACID_MODELS
from genem.phylo.models.rates import GammaRule

__all__ = ["DNA_MODELS", "FrequencyRule", "ModelSpecification", "parse_model"]

FrequencyRule = Literal["equal", "counted", "optimised", "fixed", "model"]
Heterogeneity = Literal["none", "gamma", "free"]

DNA_MODELS: dict[str, tuple[str, bool]] = {
    "JC": ("000000", True),
    "F81": ("000000", False),
    "K80": ("010010", True),
    "HKY": ("010010", False),
    "TNe": ("010020", True),
    "TN": ("010020", False),
    "K81": ("012210", True),
    "K81u": ("012210", False),
    "TPM2": ("010212", True),
    "TPM2u": ("010212", False),
    "TPM3": ("012012", True),
    "TPM3u": ("012012", False),
    "TIMe": ("012230", True),
    "TIM": ("012230", False),
    "TIM2e": ("010232", True),
    "TIM2": ("010232", False),
    "TIM3e": ("012032", True),
    "TIM3": ("012032", False),
    "TVMe": ("412310", True),
    "TVM": ("412310", False),
    "SYM": ("012345", True),
    "GTR": ("012345", False),
}
"""Which of the rates AC, AG, AT, CG, CT, GT are equal, and whether the frequencies are. The class of GT is 1."""
ALIASES = {
    "JC69": "JC",
    "K2P": "K80",
    "HKY85": "HKY",
    "TN93": "TN",
    "TRN": "TN",
    "TRNE": "TNe",
    "TRNEF": "TNe",
    "K3P": "K81",
    "TPM1": "K81",
    "K3PU": "K81u",
    "K81UF": "K81u",
    "TPM1U": "K81u",
    "TPM1UF": "K81u",
    "TPM2UF": "TPM2u",
    "TPM3UF": "TPM3u",
    "TIM1": "TIM",
    "TIM1E": "TIMe",
    "TIM1EF": "TIMe",
    "TIMEF": "TIMe",
    "TIM2EF": "TIM2e",
    "TIM3EF": "TIM3e",
    "TVMEF": "TVMe",
    "REV": "GTR",
}
"""Other names of the same, as in IQ-TREE and jModelTest; upper or lower case."""

FREQUENCY_MODIFIERS: dict[FrequencyRule, str] = {"counted": "+F", "fixed": "+F", "optimised": "+FO", "equal": "+FQ"}
MODIFIERS = ("+F", "+FO", "+FQ", "+G4", "+I", "+R4", "+ASC")
DEFAULT_CATEGORIES = 4
MOST_CATEGORIES = 64

OTHER_CHOOSERS = frozenset({"MF", "MFP", "TEST", "TESTONLY", "TESTNEW", "TESTNEWONLY"})
"""What choosing a model is called in IQ-TREE."""
NEAR, NEAR_MODIFIER = 0.5, 0.6
"""How alike a name that is suggested must be."""
RAXML_NAME = re.compile(r"(?:PROT)?(?:GAMMA|CAT)(?P<invariant>I?)(?P<matrix>JTT|WAG|LG)(?P<counted>F?)")
RAXML_DNA_NAME = re.compile(r"(?P<matrix>GTR)(?:GAMMA|CAT)(?P<invariant>I?)(?P<counted>)X?")
PIECE = re.compile(r"(?P<name>[A-Za-z0-9*_]+)(?:\{(?P<values>[^{}]*)\})?")
COUNTED_MODIFIER = re.compile(r"(?P<kind>[GR])(?P<count>\d*)")


@dataclass(frozen=True, slots=True)
class ModelSpecification:
    """The meaning of a model string: the family, and the values that it fixes.

    Attributes
    ----------
    name
        ``GTR``, ``LG``, ... in its usual spelling.
    rate_values
        Rates of the classes other than that of GT, in the order AC, AG, AT, CG, CT, or None to estimate them.
    frequency_rule
        Equal, counted in the alignment, estimated, given, or those published with the model.
    frequencies
        Where they are given.
    heterogeneity, n_categories
        How rates differ between sites.
    alpha
        Shape of the gamma distribution, or None to estimate it.
    free_rates
        Pairs of (weight, rate), or None to estimate them.
    has_invariant, invariant
        Whether a proportion of sites never changes, and the proportion, or None to estimate it.
    ascertainment
        Only variable sites could be seen.
    """

    name: str
    datatype: Datatype
    rate_values: tuple[float, ...] | None
    frequency_rule: FrequencyRule
    frequencies: tuple[float, ...] | None = None
    heterogeneity: Heterogeneity = "none"
    n_categories: int = 1
    gamma_rule: GammaRule = "mean"
    alpha: float | None = None
    free_rates: tuple[tuple[float, float], ...] | None = None
    has_invariant: bool = False
    invariant: float | None = None
    ascertainment: bool = False

    @property
    def rate_classes(self) -> str:
        """One digit for each of AC, AG, AT, CG, CT, GT; empty for a published matrix."""
        return DNA_MODELS[self.name][0] if self.name in DNA_MODELS else ""

    @property
    def free_classes(self) -> tuple[str, ...]:
        """The classes other than that of GT, in order of appearance."""
        classes = self.rate_classes
        return tuple(digit for digit in dict.fromkeys(classes) if digit != classes[-1])

    def __str__(self) -> str:
        """The model string that says this, frequencies that are counted included: ``GTR+F+I+G4``."""
        text = self.name + _braces(self.rate_values)
        default = _default_rule(self.name)
        if self.frequency_rule in FREQUENCY_MODIFIERS and (
            self.frequency_rule == "counted" or self.frequency_rule != default
        ):
            text += FREQUENCY_MODIFIERS[self.frequency_rule] + _braces(self.frequencies)
        if self.has_invariant:
            text += "+I" + _braces(None if self.invariant is None else (self.invariant,))
        if self.heterogeneity == "gamma":
            text += f"+G{self.n_categories}" + _braces(None if self.alpha is None else (self.alpha,))
        elif self.heterogeneity == "free":
            pairs = None if self.free_rates is None else tuple(value for pair in self.free_rates for value in pair)
            text += f"+R{self.n_categories}" + _braces(pairs)
        return text + ("+ASC" if self.ascertainment else "")


def _default_rule(name: str) -> FrequencyRule:
    """The rule for frequencies of a model whose string does not name one."""
    if name not in DNA_MODELS:
        return "model"
    return "equal" if DNA_MODELS[name][1] else "counted"


def _braces(values: tuple[float, ...] | None) -> str:
    return "{" + ",".join(f"{value:.10g}" for value in values) + "}" if values else ""


def parse_model(text: str, gamma_rule: GammaRule = "mean") -> ModelSpecification:
    """Read a model string.

    A name (DNA: ``JC F81 K80 HKY TN K81 TPM2 TPM3 TIM TVM SYM GTR`` and their variants; protein: ``JTT WAG LG``), then
    in any order ``+F`` (frequencies counted in the alignment), ``+FO`` (estimated), ``+FQ`` (equal), ``+G4`` (gamma),
    ``+R4`` (free rates), ``+I`` (invariant sites), ``+ASC``. Values in braces are fixed; ``,`` or ``/`` stands between
    them: rates of the model (``GTR``: AC,AG,AT,CG,CT,GT or the first five with GT = 1), frequencies of ``+F``
    (ACGT, or ARNDCQEGHILKMFPSTWYV), ``+G4{alpha}``, ``+I{proportion}``, ``+R2{weight,rate,weight,rate}``.

    Parameters
    ----------
    gamma_rule
        What represents a gamma category: its mean or its median.

    Raises
    ------
    UsageError
        The string cannot be read; the message names the nearest valid one.

    Examples
    --------
    >>> parse_model("HKY{6.25}+G4{0.45}+I").alpha
    0.45
    >>> parse_model("GRT+G4")
    Traceback (most recent call last):
    genem.errors.UsageError: model 'GRT+G4': no model is called 'GRT'; did you mean 'GTR+G4'?
    """
    return _Parser(text, gamma_rule).parse()


class _Parser:
    def __init__(self, text: str, gamma_rule: GammaRule) -> None:
        self.text = text
        self.found: dict[str, object] = {"gamma_rule": gamma_rule}

    def parse(self) -> ModelSpecification:
        first, *others = self._pieces()
        name, datatype = self._name(first[0])
        self.datatype: Datatype = datatype
        self.found.update(name=name, datatype=datatype, frequency_rule=_default_rule(name))
        self.found["rate_values"] = self._rate_values(name, first[1])
        seen: dict[str, str] = {}
        for modifier, values in others:
            kind = self._modifier(modifier, values)
            if kind in seen:
                raise self._error(f"'+{modifier}' comes on top of '+{seen[kind]}'", "leave one of them out")
            seen[kind] = modifier
        return ModelSpecification(**self.found)  # type: ignore[arg-type]

    def _pieces(self) -> list[tuple[str, str | None]]:
        pieces: list[tuple[str, str | None]] = []
        for piece in re.split(r"\+(?![^{]*\})", self.text.strip()):
            match = PIECE.fullmatch(piece.strip())
            if not piece.strip():
                found = "a '+' with nothing behind it" if pieces else "no name of a model"
                raise self._error(found, "write NAME+MODIFIER, as GTR+G4")
            if match is None:
                raise self._error(f"{piece!r} cannot be read", "write NAME{values}+MODIFIER{values}, as HKY{2}+G4{0.5}")
            pieces.append((match["name"], match["values"]))
        return pieces

    def _name(self, name: str) -> tuple[str, Datatype]:
        spelled = {known.upper(): known for known in (*DNA_MODELS, *AMINO_ACID_MODELS)}
        upper = ALIASES.get(name.upper(), name).upper()
        if upper in spelled:
            known = spelled[upper]
            return known, Datatype.DNA if known in DNA_MODELS else Datatype.PROTEIN
        raise self._error(f"no model is called {name!r}", self._other_name(name, spelled))

    def _other_name(self, name: str, spelled: dict[str, str]) -> str:
        """The nearest name, or all."""
        upper = name.upper()
        if upper in OTHER_CHOOSERS:
            return "did you mean 'auto', which chooses a model?"
        if raxml := RAXML_NAME.fullmatch(upper) or RAXML_DNA_NAME.fullmatch(upper):
            matrix, counted = raxml["matrix"], "+F" if raxml["counted"] else ""
            near = matrix + counted + ("+I" if raxml["invariant"] else "") + "+G4"
        elif found := get_close_matches(upper, [*spelled, *ALIASES], n=1, cutoff=NEAR):
            near = ALIASES.get(found[0], spelled.get(found[0], found[0]))
        else:
            return f"choose from {', '.join(spelled.values())}"
        suggestion = self.text.replace(name, near, 1)
        return f"did you mean {suggestion!r}?"

    def _rate_values(self, name: str, text: str | None) -> tuple[float, ...] | None:
        if name not in DNA_MODELS:
            if text is not None:
                raise self._error(f"{name} has no rates to give", f"write {name} without braces")
            return None
        classes = DNA_MODELS[name][0]
        free = [digit for digit in dict.fromkeys(classes) if digit != classes[-1]]
        if text is None:
            return None if free else ()
        values = self._numbers(text)
        if len(values) == len(free) + 1 and values[-1] > 0.0 and free:
            values = tuple(value / values[-1] for value in values[:-1])
        if len(values) != len(free) or min(values, default=1.0) < 0.0:
            found = f"{name} has {len(free)} rates, {text!r} gives {len(values)}"
            raise self._error(found, "give them all, none negative")
        return values

    def _modifier(self, name: str, text: str | None) -> str:
        upper = name.upper()
        if upper in ("F", "FO", "FQ"):
            return self._frequencies(upper, text)
        if upper == "I":
            return self._invariant(text)
        if upper == "ASC" and text is None:
            self.found["ascertainment"] = True
            return upper
        counted = COUNTED_MODIFIER.fullmatch(upper)
        if counted is None:
            near = get_close_matches(f"+{upper}", MODIFIERS, n=1, cutoff=NEAR_MODIFIER)
            remedy = f"choose from {', '.join(MODIFIERS)}"
            if near:
                suggestion = re.sub(rf"\+\s*{re.escape(name)}", near[0], self.text, count=1)
                remedy = f"did you mean {suggestion!r}?"
            raise self._error(f"'+{name}' is no part of a model", remedy)
        n_categories = int(counted["count"] or DEFAULT_CATEGORIES)
        if not 1 <= n_categories <= MOST_CATEGORIES:
            raise self._error(f"'+{name}' asks for {n_categories} categories", f"ask for 1 to {MOST_CATEGORIES}")
        self.found["n_categories"] = n_categories
        return self._gamma(text) if counted["kind"] == "G" else self._free_rates(text, n_categories)

    def _frequencies(self, name: str, text: str | None) -> str:
        rules: dict[str, FrequencyRule] = {"F": "counted", "FO": "optimised", "FQ": "equal"}
        self.found["frequency_rule"] = rules[name]
        if text is not None:
            values = self._numbers(text)
            expected = len(self.datatype.states)
            if len(values) != expected or min(values) < 0.0 or not math.isclose(sum(values), 1.0, abs_tol=0.01):
                raise self._error(f"{text!r} are no frequencies", f"give {expected} that sum to 1")
            self.found["frequencies"] = tuple(value / sum(values) for value in values)
            self.found["frequency_rule"] = "fixed"
        return "F"

    def _invariant(self, text: str | None) -> str:
        self.found["has_invariant"] = True
        if text is not None:
            values = self._numbers(text)
            if len(values) != 1 or not 0.0 <= values[0] < 1.0:
                raise self._error(f"{text!r} is no proportion of sites", "give one number from 0 to below 1")
            self.found["invariant"] = values[0]
        return "I"

    def _gamma(self, text: str | None) -> str:
        self.found["heterogeneity"] = "gamma"
        if text is not None:
            values = self._numbers(text)
            if len(values) != 1 or not values[0] > 0.0:
                raise self._error(f"{text!r} is no shape of a gamma distribution", "give one positive number")
            self.found["alpha"] = values[0]
        return "G"

    def _free_rates(self, text: str | None, n_categories: int) -> str:
        self.found["heterogeneity"] = "free"
        if text is not None:
            values = self._numbers(text)
            if len(values) != 2 * n_categories or min(values) < 0.0 or not sum(values[::2]) > 0.0:
                raise self._error(f"{text!r} are no free rates", f"give weight,rate for {n_categories} categories")
            self.found["free_rates"] = tuple(zip(values[::2], values[1::2], strict=True))
        return "G"

    def _numbers(self, text: str) -> tuple[float, ...]:
        try:
            values = tuple(float(value) for value in re.split(r"[,/]", text))
        except ValueError:
            raise self._error(f"{text!r} are not numbers", "put ',' or '/' between numbers") from None
        if not all(map(math.isfinite, values)):
            raise self._error(f"{text!r} are not all finite", "give finite numbers")
        return values

    def _error(self, found: str, remedy: str) -> UsageError:
        return UsageError(f"model {self.text!r}: {found}; {remedy}")
