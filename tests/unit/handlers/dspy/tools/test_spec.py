from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.tools.spec import name_problem, spec_from
from snakepit_bridge.values.tag_objects import HostFunction


@pytest.mark.parametrize(
    "spec",
    [
        "shop.search",
        {"tool": "shop.search"},
        HostFunction(tool="shop.search"),
        {"__type__": "tool", "name": "shop.search"},
        {"tool": HostFunction(tool="shop.search")},
        {"tool": {"__type__": "tool", "name": "shop.search"}},
    ],
)
def test_every_way_to_name_a_tool_means_the_same(spec: Any) -> None:
    found = spec_from(spec)

    assert found.function == HostFunction(tool="shop.search")
    assert (found.name, found.on_error, found.timeout_s) == ("shop_search", "tell", None)


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("search", "search"),
        ("Elixir.Shop.search/2", "Elixir_Shop_search_2"),
        ("2nd", "_2nd"),
        ("näher", "n_her"),
        ("x" * 90, "x" * 64),
    ],
)
def test_a_name_becomes_one_that_language_models_can_say(tool: str, name: str) -> None:
    assert spec_from(tool).name == name
    assert not name_problem(name)


def test_a_callback_is_called_by_its_own_name() -> None:
    spec = spec_from({"__type__": "callback", "ref_id": "cb:1", "arity": 2})

    assert (spec.name, spec.function.arity) == ("cb_1", 2)


def test_what_is_given_is_kept() -> None:
    spec = spec_from(
        {
            "tool": "a",
            "name": "b",
            "description": "c",
            "parameters": {"type": "object"},
            "timeout_s": 2,
            "on_error": "hide",
        }
    )

    assert (spec.name, spec.description, spec.timeout_s, spec.on_error) == ("b", "c", 2.0, "hide")
    assert spec.parameters == {"type": "object"}


def test_everything_that_is_wrong_is_named_at_once() -> None:
    wrong = {"name": "a b", "descriptoin": "", "timeout_s": 0, "on_error": "shout", 7: 1}

    with pytest.raises(InvalidArgumentError) as caught:
        spec_from(wrong)

    message = caught.value.message
    for part in (
        "'tool' does not name a tool",
        "'a b'",
        "'descriptoin' (did you mean 'description'?)",
        "'timeout_s'",
        "'on_error'",
        "unknown is 7",
    ):
        assert part in message


@pytest.mark.parametrize("spec", [7, None, "", ["search"], {"tool": 7}, {"__type__": "ref"}])
def test_what_names_no_tool_is_refused(spec: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        spec_from(spec)


@pytest.mark.parametrize("name", ["finish", "submit", "1a", "a b", "", "a" * 65])
def test_names_that_agents_or_providers_refuse_are_refused(name: str) -> None:
    assert repr(name) in name_problem(name)
    with pytest.raises(InvalidArgumentError):
        spec_from({"tool": "a", "name": name})
