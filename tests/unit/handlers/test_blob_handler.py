from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from snakepit_bridge.errors import (
    BlobNotFoundError,
    InvalidArgumentError,
    QuotaExceededError,
    WrongCallError,
)
from snakepit_bridge.handlers.blob_handler import BlobHandler
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.leases.leases import Leases, open_leases
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.testing import EmbeddedHost, FakeClock


class Bridge:
    """The ``blob.*`` commands, and the data they are about."""

    def __init__(self, leases: Leases) -> None:
        self.leases = leases
        registry = HandlerRegistry()
        registry.register(BlobHandler(leases))
        self._handler = CommandHandler(registry, SessionManager(EmbeddedHost()))

    def __call__(self, command: str, session_id: str = "s", **args: Any) -> Any:
        return self._handler.execute(session_id, command, args)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def bridge(tmp_path: Path, clock: FakeClock) -> Iterator[Bridge]:
    with open_leases(tmp_path, max_bytes=1000, idle_s=60, clock=clock) as leases:
        yield Bridge(leases)


def test_data_that_were_written_to_the_path_are_behind_the_handle(bridge: Bridge) -> None:
    created = bridge("blob.create", bytes=3)
    Path(created["path"]).write_bytes(b"abc")

    assert set(created) == {"handle", "path", "bytes", "expires_s"}
    assert (created["bytes"], created["expires_s"]) == (3, 60)
    assert bytes(bridge.leases.data(created["handle"])) == b"abc"


def test_the_path_of_complete_data_is_told_to_whoever_knows_the_handle(bridge: Bridge) -> None:
    handle = bridge.leases.put(b"abc")

    answer = bridge("blob.path", "another session", handle=handle)

    assert answer == {"path": str(bridge.leases.path(handle)), "bytes": 3}
    assert Path(answer["path"]).read_bytes() == b"abc"


def test_data_that_have_not_come_have_no_path_to_read(bridge: Bridge) -> None:
    handle = bridge("blob.create", bytes=3)["handle"]

    with pytest.raises(WrongCallError, match="3 of 3 bytes are missing"):
        bridge("blob.path", handle=handle)


def test_the_info_tells_how_far_an_upload_is(bridge: Bridge, clock: FakeClock) -> None:
    handle = bridge("blob.create", bytes=5)["handle"]
    bridge.leases.write(handle, 0, b"abc")
    clock.advance(20)

    assert bridge("blob.info", handle=handle) == {
        "bytes": 5,
        "received": 3,
        "crc32": zlib.crc32(b"abc"),
        "expires_s": 40,
    }


def test_released_data_are_gone(bridge: Bridge) -> None:
    handle = bridge.leases.put(b"abc")

    assert bridge("blob.release", handle=handle) is True
    assert bridge("blob.release", handle=handle) is False

    for command in ("blob.path", "blob.info"):
        with pytest.raises(BlobNotFoundError):
            bridge(command, handle=handle)


def test_what_does_not_fit_is_refused(bridge: Bridge) -> None:
    with pytest.raises(QuotaExceededError):
        bridge("blob.create", bytes=1001)
    with pytest.raises(InvalidArgumentError):
        bridge("blob.create", bytes=-1)
    with pytest.raises(InvalidArgumentError):
        bridge("blob.create", bytes="3")
    with pytest.raises(InvalidArgumentError):
        bridge("blob.create", bytes=3, path="/etc/passwd")


def test_several_handles_are_released_at_once(bridge: Bridge) -> None:
    handles = [bridge.leases.put(b"abc") for _ in range(3)]

    assert bridge("blob.release", handle=handles[:2])
    assert not bridge("blob.release", handle=handles)
    assert len(bridge.leases) == 0


def test_room_for_a_caller_who_has_gone_meanwhile_is_given_back(bridge: Bridge) -> None:
    gone = cast("Session", SimpleNamespace(cancelled=True))

    BlobHandler(bridge.leases).create(gone, bytes=3)

    assert len(bridge.leases) == 0
