from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge import Bridge, bridge_service
from snakepit_bridge.grpc.bridge_service import BridgeService
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.transport.dispatcher import Dispatcher
from snakepit_bridge.values.choice import find_encoding
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.refs import Ref
from tests.unit.grpc.fake_context import AbortedError, fake_context
from tests.unit.handlers.bridges import running

MATRIX = np.arange(6, dtype="float32").reshape(2, 3)
DESCRIPTION = {"kind": "tensor", "dtype": "float32", "shape": [2, 3]}
RICH = {"pair": (1, 2.0), 3: {date(2026, 1, 11)}, "price": Decimal("1.10"), "raw": b"\xff"}


class Thing:
    """Has no form as a value."""


class Tools:
    @handles("echo")
    async def echo(self, session: Session, *, value: object) -> object:
        return value

    @handles("kind")
    async def kind(self, session: Session, *, value: object) -> str:
        return type(value).__name__

    @handles("matrix")
    async def matrix(self, session: Session, *, nested: bool = False) -> object:
        return {"rows": MATRIX} if nested else MATRIX

    @handles("thing")
    async def thing(self, session: Session) -> list[Thing]:
        return [Thing()]

    @handles("each")
    async def each(self, session: Session, *, values: list[object]) -> AsyncIterator[object]:
        for value in values:
            yield value


@asynccontextmanager
async def serving() -> AsyncIterator[BridgeService]:
    async with running(Tools()) as handler:
        yield bridge_service(Dispatcher(handler), Bridge())


def asking(
    tool: str,
    args: Mapping[str, object] | None = None,
    /,
    encoding: str = "json",
    binary: Mapping[str, bytes] | None = None,
    **metadata: str,
) -> pb.ExecuteToolRequest:
    written = find_encoding(encoding).encode_args(args or {})
    told = {name.replace("_", "-"): text for name, text in metadata.items()}
    return pb.ExecuteToolRequest(
        tool_name=tool,
        session_id="s1",
        parameters={name: AnyMessage(value=data) for name, data in written.items()},
        binary_parameters=binary,
        metadata={"snakepit-encoding": encoding, **told},
    )


async def answer(asked: pb.ExecuteToolRequest) -> pb.ExecuteToolResponse:
    async with serving() as service:
        return await service.ExecuteTool(asked, fake_context())


@pytest.mark.parametrize("encoding", ["tagged", "msgpack"])
async def test_values_arrive_as_themselves_where_a_caller_asks_for_it(encoding: str) -> None:
    response = await answer(asking("echo", {"value": RICH}, encoding=encoding))

    assert response.success, response.error_message
    assert response.result.type_url == f"type.googleapis.com/snakepit.{encoding}"
    assert find_encoding(encoding).decode(Encoded(response.result.value)) == RICH


@pytest.mark.parametrize("encoding", ["tagged", "msgpack"])
@pytest.mark.parametrize(
    ("value", "description"), [(MATRIX, DESCRIPTION), (b"\x89PNG", {})], ids=["array", "bytes"]
)
async def test_a_result_of_binary_data_is_beside_its_description(
    encoding: str, value: Any, description: Mapping[str, object]
) -> None:
    response = await answer(asking("echo", {"value": value}, encoding=encoding))

    assert response.binary_result == bytes(value)
    assert json.loads(response.result.value) == description
    assert response.result.type_url == "type.googleapis.com/snakepit.map"


@pytest.mark.parametrize("encoding", ["json", "tagged", "msgpack"])
async def test_described_bytes_are_an_array_in_every_encoding(encoding: str) -> None:
    asked = asking("kind", encoding=encoding, binary={"value": MATRIX.tobytes()})
    bare = await answer(asked)
    asked.metadata["snakepit-blob:value"] = json.dumps(DESCRIPTION)
    described = await answer(asked)

    decode = find_encoding(encoding).decode
    assert decode(Encoded(bare.result.value)) == "bytes"
    assert decode(Encoded(described.result.value)) == "ndarray"


async def test_an_array_is_a_list_in_json_unless_binary_data_are_wanted() -> None:
    usual = await answer(asking("matrix"))
    wanted = await answer(asking("matrix", snakepit_arrays="binary"))
    nested = await answer(asking("matrix", {"nested": True}, snakepit_arrays="binary"))

    assert json.loads(usual.result.value) == MATRIX.tolist()
    assert usual.binary_result == b""
    assert json.loads(wanted.result.value) == DESCRIPTION
    assert wanted.binary_result == MATRIX.tobytes()
    assert json.loads(nested.result.value) == {"rows": MATRIX.tolist()}


async def test_an_object_is_kept_where_that_is_wanted() -> None:
    usual = await answer(asking("thing"))
    wanted = await answer(asking("thing", refs="on"))
    lossless = await answer(asking("thing", encoding="msgpack"))

    marker = {"__ffi_unserializable__": True, "__type__": f"{__name__}.Thing"}
    assert json.loads(usual.result.value) == [marker]
    [kept] = json.loads(wanted.result.value)
    assert kept.pop("__ref__")
    assert kept == marker
    [ref] = find_encoding("msgpack").decode(Encoded(lossless.result.value))
    assert type(ref) is Ref


@pytest.mark.parametrize("encoding", ["tagged", "msgpack"])
async def test_each_chunk_is_in_the_encoding(encoding: str) -> None:
    values = [(1, 2), b"\xff", None, MATRIX.tolist()]
    async with serving() as service:
        asked = asking("each", {"values": values}, encoding=encoding)
        chunks = [each async for each in service.ExecuteStreamingTool(asked, fake_context())]

    *items, last = chunks
    assert [find_encoding(encoding).decode(Encoded(item.data)) for item in items] == values
    assert last.is_final
    assert last.data == b""


@pytest.mark.parametrize("description", ["none", '{"kind":"tensor","dtype":"int16","shape":[1]}'])
async def test_a_wrong_description_names_its_parameter(description: str) -> None:
    asked = asking("echo", binary={"value": b"1"})
    asked.metadata["snakepit-blob:value"] = description

    response = await answer(asked)

    told = json.loads(response.error_message)
    assert told["type"] == "InvalidArgumentError"
    assert "'value'" in told["message"]


async def test_a_handle_of_nothing_is_a_failure() -> None:
    asked = asking("echo", binary={"value": b""})
    asked.metadata["snakepit-blob:value"] = '{"kind":"bytes","handle":"unknown"}'

    response = await answer(asked)

    assert not response.success
    assert "unknown" in response.error_message


async def test_an_encoding_that_does_not_exist_lists_those_that_do() -> None:
    async with serving() as service:
        asked = pb.ExecuteToolRequest(
            tool_name="each", session_id="s1", metadata={"snakepit-encoding": "xml"}
        )
        with pytest.raises(AbortedError) as caught:
            await anext(service.ExecuteStreamingTool(asked, fake_context()))

    assert "json, tagged, msgpack" in caught.value.details


@pytest.mark.parametrize(("encoding", "is_read"), [("msgpack", False), ("tagged", True)])
async def test_what_is_labelled_json_is_not_read_as_something_else(
    encoding: str, *, is_read: bool
) -> None:
    """The JSON text 0 is the message 48 of MessagePack, and a tool once got that."""
    asked = asking("echo", encoding=encoding)
    asked.parameters["value"].CopyFrom(
        AnyMessage(type_url="type.googleapis.com/google.protobuf.StringValue", value=b"0")
    )

    if is_read:
        assert find_encoding(encoding).decode(Encoded((await answer(asked)).result.value)) == 0
        return
    response = await answer(asked)
    assert not response.success
    assert "snakepit.msgpack" in response.error_message
