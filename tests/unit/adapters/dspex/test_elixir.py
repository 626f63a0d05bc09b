from __future__ import annotations

import ast
from typing import Any

import pytest

from tests.unit.adapters.dspex.scene import Worker, offline_worker


def seen(worker: Worker) -> Any:
    """What is known of the tool that was registered."""
    return ast.literal_eval(worker.call("retrieve_object", name="elixir_tool_search")["info"])


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        (None, {"type": "object", "properties": {}}),
        (
            [{"name": "query", "type": "string", "description": "What."}],
            {
                "type": "object",
                "properties": {"query": {"type": "string", "description": "What."}},
                "required": ["query"],
            },
        ),
        (
            '[{"name": "query", "type": "Text", "required": false}]',
            {"type": "object", "properties": {"query": {}}, "required": []},
        ),
        (
            {"query": "string", "limit": {"type": "integer"}},
            {
                "type": "object",
                "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
            },
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {"a": {"type": "string"}}},
        ),
        (
            '{"properties": {"a": {"type": "string"}}}',
            {"type": "object", "properties": {"a": {"type": "string"}}},
        ),
    ],
)
def test_parameters_may_be_described_in_several_ways(parameters: Any, schema: Any) -> None:
    worker = Worker()

    worker.call("register_elixir_tool", name="search", parameters=parameters)

    assert seen(worker)["parameters"] == schema


@pytest.mark.parametrize("parameters", [["query"], [{"type": "string"}], '["query"]'])
def test_a_parameter_without_a_name_is_refused(parameters: Any) -> None:
    answer = Worker().call("register_elixir_tool", name="search", parameters=parameters)

    assert answer["success"] is False
    assert "has no 'name'" in answer["error"]


def test_a_tool_is_listed_among_the_stored_objects() -> None:
    worker = offline_worker()
    worker.call("register_elixir_tool", name="search")

    assert {"name": "elixir_tool_search", "type": "dict"} in worker.call("list_stored_objects")[
        "objects"
    ]
    assert worker.call("list_programs") == {"programs": []}


# --- names that are kept for tools and signatures -------------------------------------------------


@pytest.mark.parametrize("name", ["elixir_tool_x", "signature_x"])
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("store_object", {"data": 5}), ("create_program", {"signature_name": "a -> b"})],
)
def test_a_name_of_another_kind_of_thing_is_refused(
    name: str, tool: str, arguments: dict[str, Any]
) -> None:
    worker = offline_worker()

    answer = worker.call(tool, name=name, **arguments)
    agent = worker.call(
        "create_program", name="agent", program_type="react", signature_name="question -> answer"
    )

    assert answer["success"] is False
    assert f"The name {name!r} is taken" in answer["error"]
    assert answer["hint"] == "Choose another name."
    assert agent["success"] is True
