"""The house keeps its rules, and each rule finds what it is there to find."""

from __future__ import annotations

import pytest

from tests.architecture.rules import RULES
from tests.architecture.source import Rule, project, tree_of

WRONG = [(rule, sources) for rule in RULES for sources in rule.wrong]
RIGHT = [(rule, sources) for rule in RULES for sources in rule.right]


def label(value: object) -> str | None:
    return value.name if isinstance(value, Rule) else None


@pytest.mark.parametrize("rule", RULES, ids=label)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    assert "\n".join(map(str, rule.check(project()))) == ""


@pytest.mark.parametrize(("rule", "sources"), WRONG, ids=label)
def test_a_rule_finds_what_breaks_it(rule: Rule, sources: dict[str, str]) -> None:
    assert list(rule.check(tree_of(sources))) != []


@pytest.mark.parametrize(("rule", "sources"), RIGHT, ids=label)
def test_a_rule_lets_pass_what_keeps_it(rule: Rule, sources: dict[str, str]) -> None:
    assert list(rule.check(tree_of(sources))) == []


def test_every_rule_has_an_example_that_breaks_it() -> None:
    assert [rule.name for rule in RULES if not rule.wrong] == []
