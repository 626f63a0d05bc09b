from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from snakepit_bridge.grpc.listen import Listen, Tls, has_ipv6_loopback
from snakepit_bridge.grpc.ports import FREE_PORTS_TRIED, bind
from tests.unit.grpc.certificates import write_certificate

if TYPE_CHECKING:
    import grpc

needs_ipv6 = pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no ::1")


class FakeServer:
    """A server on a machine where some addresses are taken.

    Args:
        taken: Those that cannot be bound; a port stands for itself on ``::1``.
    """

    def __init__(self, *taken: str) -> None:
        self.bound: list[str] = []
        self.secure: list[str] = []
        self._taken = taken
        self._free = 40_000

    def add_insecure_port(self, target: str) -> int:
        host, _, port = target.rpartition(":")
        if host == "unix":
            self.bound.append(target)
            return 1
        if port == "0":
            self._free += 1
            port = str(self._free)
        target = f"{host}:{port}"
        if target in self._taken or f"{host}:*" in self._taken:
            text = f"Failed to bind to address {target}"
            raise RuntimeError(text)
        self.bound.append(target)
        return int(port)

    def add_secure_port(self, target: str, credentials: grpc.ServerCredentials) -> int:
        port = self.add_insecure_port(target)
        self.secure.append(self.bound[-1])
        return port


def bound(server: FakeServer, **listen: Any) -> str:
    # A server has ten methods; these two are asked.
    return bind(cast("grpc.aio.Server", server), Listen(**listen))


def test_a_server_listens_where_it_is_told_to(tmp_path: Path) -> None:
    server = FakeServer()

    assert bound(server, port=50) == "127.0.0.1:50"
    assert bound(server, host="::1", port=51) == "[::1]:51"
    assert bound(server, uds=tmp_path / "s") == f"unix:{tmp_path / 's'}"
    assert server.bound == ["127.0.0.1:50", "[::1]:51", f"unix:{tmp_path / 's'}"]


def test_the_port_that_was_free_is_told() -> None:
    assert bound(FakeServer(), port=0) == "127.0.0.1:40001"


def test_an_address_that_is_taken_is_named() -> None:
    with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:50: is it in use"):
        bound(FakeServer("127.0.0.1:50"), port=50)


@needs_ipv6
def test_both_loopbacks_have_the_same_port() -> None:
    server = FakeServer()

    assert bound(server, port=0, both_loopbacks=True) == "127.0.0.1:40001"

    assert server.bound == ["127.0.0.1:40001", "[::1]:40001"]


def test_a_machine_without_ipv6_is_reached_over_ipv4_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snakepit_bridge.grpc.ports.has_ipv6_loopback", lambda: False)
    server = FakeServer("[::1]:*")

    assert bound(server, port=50, both_loopbacks=True) == "127.0.0.1:50"


@needs_ipv6
def test_a_port_that_somebody_has_on_the_other_loopback_is_not_used() -> None:
    """Callers who say localhost once reached that somebody."""
    server = FakeServer("[::1]:40001", "[::1]:40002", "[::1]:50")

    assert bound(server, port=0, both_loopbacks=True) == "127.0.0.1:40003"
    with pytest.raises(OSError, match="is it in use"):
        bound(server, port=50, both_loopbacks=True)

    assert server.bound[2:4] == ["127.0.0.1:40003", "[::1]:40003"]


@needs_ipv6
def test_looking_for_a_port_that_is_free_on_both_comes_to_an_end() -> None:
    server = FakeServer("[::1]:*")

    with pytest.raises(OSError, match="is it in use"):
        bound(server, port=0, both_loopbacks=True)

    assert len(server.bound) == FREE_PORTS_TRIED


@needs_ipv6
def test_a_certificate_holds_for_both_loopbacks(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    server = FakeServer()

    bound(server, port=50, both_loopbacks=True, tls=Tls(certificate=certificate, key=key))

    assert server.secure == ["127.0.0.1:50", "[::1]:50"]
