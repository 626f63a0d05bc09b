from __future__ import annotations

import errno
import re
import socket
from pathlib import Path
from typing import Any, NoReturn

import grpc
import pytest

from snakepit_bridge.grpc.listen import (
    Listen,
    Tls,
    has_ipv6_loopback,
    host_port,
    is_loopback,
)
from tests.unit.grpc.certificates import write_certificate

LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"]
REACHABLE = ["0.0.0.0", "::", "10.0.0.1", "example.com", "", "127.1", "localhost.example.com"]  # noqa: S104


@pytest.mark.parametrize("host", LOOPBACK)
def test_only_this_machine_reaches_the_loopback(host: str) -> None:
    assert is_loopback(host)
    assert Listen(host=host).target.endswith(":50051")


@pytest.mark.parametrize("host", REACHABLE)
def test_what_others_can_reach_needs_protection(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ValueError, match=f"listen on {re.escape(repr(host))}") as caught:
        Listen(host=host)
    assert "--tls-cert" in str(caught.value)
    assert "--token-file" in str(caught.value)


def test_a_token_or_a_certificate_is_protection(tmp_path: Path) -> None:
    tls = Tls(certificate=tmp_path / "c", key=tmp_path / "k")

    assert Listen(host="0.0.0.0", tokens=["secret"]).target == "0.0.0.0:50051"  # noqa: S104
    assert Listen(host="::", tls=tls).target == "[::]:50051"


def test_a_unix_socket_needs_none() -> None:
    assert Listen(uds=Path("/run/bridge.sock"), host="0.0.0.0").target == "unix:/run/bridge.sock"  # noqa: S104


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match=f"port {port} is not between 0 and 65535"):
        Listen(port=port)


def test_a_limit_too_small_for_a_failure_is_refused() -> None:
    with pytest.raises(ValueError, match="below 1 MiB"):
        Listen(max_message_bytes=1024 * 1024 - 1)


@pytest.mark.parametrize(
    "tokens", ["secret", [""], ["good", ""], [" "], ["two words"], ["line\n"], ["größe"], ["\0"]]
)
def test_what_is_no_token_is_refused_and_not_shown(tokens: str | list[str]) -> None:
    """An empty token file once let in whoever sent an empty token, and a text its letters."""
    with pytest.raises(ValueError, match="a token is a non-empty text") as caught:
        Listen(tokens=tokens)
    assert "secret" not in str(caught.value)


def test_tokens_are_shown_nowhere() -> None:
    listen = Listen(port=1, tokens=["secret-1f3a"])

    assert repr(listen) == "Listen('127.0.0.1:1', tls=False, tokens=1)"
    assert "secret" not in f"{listen} {listen!r}"


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("127.0.0.1", "127.0.0.1:1"),
        ("localhost", "localhost:1"),
        ("::1", "[::1]:1"),
        ("[::1]", "[::1]:1"),
    ],
)
def test_an_address_has_brackets_where_it_needs_them(host: str, target: str) -> None:
    assert host_port(host, 1) == target


# --- both loopbacks -----------------------------------------------------------------------------


def test_both_loopbacks_are_those_of_one_machine_and_no_other_address(tmp_path: Path) -> None:
    assert Listen(both_loopbacks=True).target == "127.0.0.1:50051"
    wrongs: list[dict[str, Any]] = [
        {"host": "::1"},
        {"host": "localhost"},
        {"uds": tmp_path / "bridge.sock"},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"both_loopbacks goes with 127\.0\.0\.1, not with"):
            Listen(both_loopbacks=True, **wrong)


def test_a_machine_may_have_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object) -> NoReturn:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported")

    before = has_ipv6_loopback()
    monkeypatch.setattr(socket, "socket", no_socket)

    assert isinstance(before, bool)
    assert not has_ipv6_loopback()


# --- certificates -------------------------------------------------------------------------------


def test_a_certificate_with_its_key_is_accepted(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)

    one_sided = Tls(certificate=certificate, key=key).credentials()
    mutual = Tls(certificate=certificate, key=key, client_ca=certificate).credentials()

    assert isinstance(one_sided, grpc.ServerCredentials)
    assert isinstance(mutual, grpc.ServerCredentials)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)

    with pytest.raises(ValueError, match=r"cannot read '.*nowhere\.pem': No such file"):
        Tls(certificate=tmp_path / "nowhere.pem", key=key).credentials()
    with pytest.raises(ValueError, match=r"cannot read .*: Is a directory"):
        Tls(certificate=certificate, key=tmp_path).credentials()


@pytest.mark.parametrize("wrong", ["certificate", "key", "client_ca"])
def test_a_file_of_the_wrong_kind_is_named(tmp_path: Path, wrong: str) -> None:
    certificate, key = write_certificate(tmp_path)
    files = {"certificate": certificate, "key": key, "client_ca": certificate}
    files[wrong] = certificate if wrong == "key" else key

    with pytest.raises(ValueError, match=f"{files[wrong].name}' holds no PEM"):
        Tls(**files).credentials()
