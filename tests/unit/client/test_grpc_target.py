from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest

from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.client.grpc_target import Client, ClientTls, connect, leads_here
from snakepit_bridge.errors import InvalidArgumentError

NOWHERE = "127.0.0.1:1"


async def test_connecting_waits_for_the_first_call() -> None:
    async with connect(NOWHERE, token="secret", max_message_bytes=2**21, retries=1) as client:  # noqa: S106
        assert type(client) is AsyncClient


async def test_a_certificate_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"

    with pytest.raises(ValueError, match=r"cannot read .*ca\.pem"):
        await connect(NOWHERE, tls=ClientTls(ca=missing)).__aenter__()


def test_the_options_are_those_of_the_blocking_client_too() -> None:
    with pytest.raises(InvalidArgumentError, match="morse"):
        Client(NOWHERE, encoding="morse").__enter__()


@pytest.mark.parametrize("opened", [connect, Client])
def test_both_take_the_same_options(opened: object) -> None:
    assert callable(opened)
    options = set(signature(opened).parameters)

    assert options == {
        "target",
        "token",
        "tls",
        "max_message_bytes",
        "encoding",
        "retries",
        "shares_files",
        "metadata",
    }


@pytest.mark.parametrize(
    ("target", "is_here"),
    [
        ("unix:/run/bridge.sock", True),
        ("127.0.0.1:50051", True),
        ("127.8.8.8:1", True),
        ("localhost:50051", True),
        ("[::1]:50051", True),
        ("ipv4:127.0.0.1:50051", True),
        ("dns:///localhost:50051", True),
        ("10.0.0.1:50051", False),
        ("bridge.example:443", False),
        ("localhost.example:443", False),
    ],
)
def test_files_are_shared_where_the_target_looks_like_this_machine(
    target: str, *, is_here: bool
) -> None:
    assert leads_here(target) is is_here
