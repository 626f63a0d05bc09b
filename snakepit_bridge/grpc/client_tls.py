"""Whose servers a client trusts, what it shows them."""

from __future__ import annotations

from pathlib import Path

import grpc
import msgspec

from snakepit_bridge.grpc.pem import read_pem


class ClientTls(msgspec.Struct, frozen=True, kw_only=True):
    """The client's side of TLS; every path is that of a PEM file."""

    ca: Path | None = None
    """Who signed the server's certificate; the well-known authorities by default."""

    certificate: Path | None = None
    """What to show a server that asks for a certificate (mTLS), the chain from the own upwards."""

    key: Path | None = None
    """The private key of that certificate."""

    server_name: str | None = None
    """The name in the server's certificate, where it is not the host of the target."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            text = "a client's certificate and its key are of use together only: give both"
            raise ValueError(text)

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC needs.

        Raises:
            ValueError: A file cannot be read, or is no PEM; names it.
        """
        return grpc.ssl_channel_credentials(
            root_certificates=_optional(self.ca, "CERTIFICATE"),
            private_key=_optional(self.key, "PRIVATE KEY"),
            certificate_chain=_optional(self.certificate, "CERTIFICATE"),
        )


def _optional(path: Path | None, kind: str) -> bytes | None:
    return None if path is None else read_pem(path, kind)
