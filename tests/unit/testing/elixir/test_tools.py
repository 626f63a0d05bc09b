from __future__ import annotations

import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.json_rules import wire_value
from snakepit_bridge.testing.elixir.tools import LocalTool, RemoteTool, ToolFault, ToolRegistry


def _request(*names: str, metadata: dict[str, str] | None = None) -> pb.RegisterToolsRequest:
    return pb.RegisterToolsRequest(
        session_id="s",
        worker_id="w",
        tools=[pb.ToolRegistration(name=name, metadata=metadata or {}) for name in names],
    )


def _never(args: object) -> object:
    raise NotImplementedError


def test_tools_of_a_worker_get_ids() -> None:
    registry = ToolRegistry()

    assert registry.register(_request(" add ", "sub.v-1_x")) == {
        "add": "s:add",
        "sub.v-1_x": "s:sub.v-1_x",
    }
    found = registry.find("s", "add")
    assert isinstance(found, RemoteTool)
    assert found.worker_id == "w"
    assert [tool.name for tool in registry.registered("s")] == ["add", "sub.v-1_x"]
    assert registry.registered("other") == []
    assert len(registry.registered()) == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("  ", "{:invalid_tool_name, :empty}"),
        ("ö" * 33, "{:invalid_tool_name, :too_long}"),
        ("two words", "{:invalid_tool_name, :invalid_format}"),
        ("_private", "{:invalid_tool_name, :invalid_format}"),
        ("grüße", "{:invalid_tool_name, :invalid_format}"),
    ],
)
def test_names_are_checked(name: str, reason: str) -> None:
    with pytest.raises(ToolFault) as caught:
        ToolRegistry().register(_request(name))

    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({str(number): "" for number in range(33)}, "{:invalid_metadata, :too_many_entries}"),
        ({"details": "x" * 4_200}, "{:invalid_metadata, :too_large}"),
    ],
)
def test_metadata_are_bounded(metadata: dict[str, str], reason: str) -> None:
    with pytest.raises(ToolFault) as caught:
        ToolRegistry().register(_request("heavy", metadata=metadata))

    assert str(caught.value) == reason


@pytest.mark.parametrize("names", [("new", "taken", "newer"), ("twice", "twice")])
def test_a_batch_with_a_name_that_is_taken_is_refused_whole(names: tuple[str, ...]) -> None:
    registry = ToolRegistry()
    registry.register(_request("taken"))

    with pytest.raises(ToolFault, match="duplicate_tool"):
        registry.register(_request(*names))

    assert [tool.name for tool in registry.registered()] == ["taken"]


def test_a_tool_of_elixir_takes_its_name_too() -> None:
    registry = ToolRegistry()
    registry.offer(LocalTool(name="add", function=_never))

    with pytest.raises(ToolFault) as caught:
        registry.register(_request("add"))

    assert str(caught.value) == '{:duplicate_tool, "add"}'


def test_python_is_told_of_the_exposed_tools_of_its_session() -> None:
    registry = ToolRegistry()
    for tool in (
        LocalTool(name="common", function=_never),
        LocalTool(name="hidden", function=_never, exposed=False),
        LocalTool(name="own", function=_never, session_id="s"),
        LocalTool(name="alien", function=_never, session_id="t"),
    ):
        registry.offer(tool)

    assert [tool.name for tool in registry.exposed("s")] == ["common", "own"]
    assert registry.find("s", "hidden") is not None
    assert registry.find("s", "alien") is None


def test_a_spec_has_elixirs_defaults() -> None:
    tool = LocalTool(
        name="search",
        function=_never,
        description="Finds.",
        parameters=[
            {"name": "query", "type": "string", "description": "What.", "required": True},
            {"name": "limit", "default": 10, "validation": {"max": 100}},
        ],
        metadata={"supports_streaming": "true"},
    )

    assert tool.spec() == pb.ToolSpec(
        name="search",
        description="Finds.",
        parameters=[
            pb.ParameterSpec(
                name="query",
                type="string",
                description="What.",
                required=True,
                validation_json="{}",
            ),
            pb.ParameterSpec(
                name="limit",
                type="any",
                default_value=wire_value(10),
                validation_json='{"max":100}',
            ),
        ],
        metadata={"exposed_to_python": "true", "supports_streaming": "true"},
        supports_streaming=True,
    )


@pytest.mark.parametrize(
    ("registration", "streams"),
    [
        (pb.ToolRegistration(name="t"), False),
        (pb.ToolRegistration(name="t", supports_streaming=True), True),
        (pb.ToolRegistration(name="t", metadata={"supports_streaming": "1"}), True),
        (pb.ToolRegistration(name="t", metadata={"supports_streaming": "no"}), False),
    ],
)
def test_a_flag_or_metadata_say_whether_a_tool_streams(
    registration: pb.ToolRegistration, *, streams: bool
) -> None:
    tool = RemoteTool(name="t", worker_id="w", registration=registration)

    assert tool.streams is streams
