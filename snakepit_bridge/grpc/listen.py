"""Where a server listens, whom it lets in."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import msgspec

from snakepit_bridge.grpc.pem import read_pem

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_PORT = 50051

IPV4_LOOPBACK = "127.0.0.1"
IPV6_LOOPBACK = "::1"

MAX_MESSAGE_BYTES = 100 * 1024 * 1024
"""The limit of Snakepit's workers, in both directions."""


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """The server's certificate, and whose clients it accepts."""

    certificate: Path
    """PEM, the chain from the server's own certificate upwards."""

    key: Path
    """PEM, the private key of the first certificate."""

    client_ca: Path | None = None
    """PEM; when given, clients must show a certificate signed by it (mTLS)."""

    def credentials(self) -> grpc.ServerCredentials:
        """What gRPC needs.

        Raises:
            ValueError: A file cannot be read, or is no PEM; names it.
        """
        chain, key = read_pem(self.certificate, "CERTIFICATE"), read_pem(self.key, "PRIVATE KEY")
        authority = None if self.client_ca is None else read_pem(self.client_ca, "CERTIFICATE")
        return grpc.ssl_server_credentials(
            [(key, chain)],
            root_certificates=authority,
            require_client_auth=authority is not None,
        )


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen; loopback unless told otherwise."""

    host: str = IPV4_LOOPBACK
    port: int = DEFAULT_PORT
    """0 asks for a free one."""

    uds: Path | None = None
    """Path of a Unix socket to listen on instead of ``host`` and ``port``."""

    both_loopbacks: bool = False
    """Whether to listen on the same port of ``::1``, too, because callers say ``localhost``."""

    tls: Tls | None = None
    tokens: Sequence[str] = ()
    """Callers must send one of these as ``authorization: Bearer TOKEN``; empty lets all in."""

    max_message_bytes: int = MAX_MESSAGE_BYTES

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            text = f"port {self.port} is not between 0 and 65535"
            raise ValueError(text)
        if self.both_loopbacks and (self.uds is not None or self.host != IPV4_LOOPBACK):
            text = f"both_loopbacks goes with {IPV4_LOOPBACK}, not with {self.target}"
            raise ValueError(text)
        if self.max_message_bytes < 1024 * 1024:
            text = f"max_message_bytes={self.max_message_bytes} is below 1 MiB"
            raise ValueError(text)
        if isinstance(self.tokens, str) or not all(map(_is_token, self.tokens)):
            text = "a token is a non-empty text of printable ASCII without spaces"
            raise ValueError(text)
        if self.uds is None and not is_loopback(self.host) and not self.tls and not self.tokens:
            text = (
                f"Refusing to listen on {self.host!r}, which other machines can reach, without any "
                "protection. Use --tls-cert and --tls-key, or --token-file, or listen on 127.0.0.1 "
                "or a Unix socket (--uds)."
            )
            raise ValueError(text)

    def __repr__(self) -> str:
        # Not the tokens: this is what logs and tracebacks show.
        return f"Listen({self.target!r}, tls={self.tls is not None}, tokens={len(self.tokens)})"

    @property
    def target(self) -> str:
        """What gRPC binds."""
        return f"unix:{self.uds}" if self.uds is not None else host_port(self.host, self.port)


def host_port(host: str, port: int) -> str:
    """``host:port``, with the brackets that an IPv6 address needs."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; of names, localhost alone counts."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def has_ipv6_loopback() -> bool:
    """Whether this machine has ``::1``."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((IPV6_LOOPBACK, 0))
    except OSError:
        return False
    return True


def _is_token(token: str) -> bool:
    # An empty one, of an empty file for example, would let in whoever sends an empty one.
    return token.isascii() and token.isprintable() and token != "" and " " not in token
