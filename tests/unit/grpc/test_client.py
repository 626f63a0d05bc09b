from __future__ import annotations

import pytest

from snakepit_bridge.errors import WrongCallError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.session.host import HostRuntime


def test_a_client_is_a_host_runtime() -> None:
    with BridgeClient("nowhere.invalid:1") as client:
        host: HostRuntime = client

        assert host.variables_live_in == "host"
        assert host.state == "connecting"


def test_making_a_client_connects_nowhere() -> None:
    with BridgeClient("nowhere.invalid:1") as client:
        assert client.address == "nowhere.invalid:1"
        assert repr(client) == "BridgeClient('nowhere.invalid:1')"


@pytest.mark.parametrize(
    "wrong",
    [
        {"default_timeout_s": 0},
        {"connect_timeout_s": 0},
        {"max_message_bytes": -1},
        {"metadata": [("Authorization", "x")]},
    ],
)
def test_impossible_settings_are_refused_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(
        ValueError, match=next(iter(wrong)) if "metadata" not in wrong else "header"
    ):
        BridgeClient("nowhere.invalid:1", **wrong)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("call_tool", {"tool_name": "t", "args": {}}),
        ("list_tools", {}),
        ("get_variable", {"name": "x"}),
        ("set_variable", {"name": "x", "value": 1}),
        ("list_variables", {}),
        ("delete_variable", {"name": "x"}),
    ],
)
async def test_every_call_of_a_closed_client_says_that_it_is_closed(
    method: str, arguments: dict[str, object]
) -> None:
    async with BridgeClient("nowhere.invalid:1") as client:
        pass

    with pytest.raises(WrongCallError, match="is closed"):
        getattr(client, method)(session_id="s", **arguments)
    with pytest.raises(WrongCallError, match="is closed"):
        await getattr(client, f"a{method}")(session_id="s", **arguments)


async def test_other_calls_of_a_closed_client_say_so_too() -> None:
    client = BridgeClient("nowhere.invalid:1")
    client.close()

    with pytest.raises(WrongCallError, match="is closed"):
        client.request("Ping", pb.PingRequest())
    with pytest.raises(WrongCallError, match="is closed"):
        await client.arequest("Ping", pb.PingRequest())
    with pytest.raises(WrongCallError, match="is closed"):
        await client.abegin_session(pb.InitializeSessionRequest(session_id="s"))
