"""The client, and a server with TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from snakepit_bridge.client import AsyncClient, ClientTls, connect
from snakepit_bridge.errors import HostUnavailableError
from snakepit_bridge.grpc.listen import Listen, Tls
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

NAME = "bridge.example"

LIFETIME = timedelta(days=1)


class Authority:
    """Signs certificates and writes them as PEM files.

    Args:
        folder: Where the files go.
        name: Of the authority; also of its file.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        """What those who trust the authority need."""
        signed = (
            _builder(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str) -> tuple[Path, Path]:
        """A certificate for a host name, and its private key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = (
            _builder(subject, self._name, key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate, private = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFETIME)
        .not_valid_after(now + LIFETIME)
    )


class Greeter:
    @handles("greet.say")
    async def say(self, session: Session) -> str:
        return "hello"


@asynccontextmanager
async def serving(tls: Tls) -> AsyncIterator[str]:
    """A server with TLS, and its address."""
    registry = HandlerRegistry()
    registry.register(Greeter())
    handler = CommandHandler(registry, SessionManager(EmbeddedHost()))
    async with grpc_server(handler, Listen(port=0, tls=tls)) as address:
        yield address


async def greeting(opened: AbstractAsyncContextManager[AsyncClient]) -> str:
    """What the server answers."""
    async with asyncio.timeout(5), opened as client:
        answer: str = await client.call("greet.say", timeout_s=3)
        return answer


async def test_a_client_reaches_a_server_whose_authority_it_trusts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign(NAME)
    trusting = ClientTls(ca=authority.certificate, server_name=NAME)

    async with serving(Tls(certificate=certificate, key=key)) as address:
        assert await greeting(connect(address, tls=trusting)) == "hello"


async def test_a_client_without_tls_reaches_nobody_there(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).sign(NAME)

    async with serving(Tls(certificate=certificate, key=key)) as address:
        with pytest.raises(HostUnavailableError) as caught:
            await greeting(connect(address))

    assert "TLS" in caught.value.hint


async def test_a_client_trusts_no_other_authority(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).sign(NAME)
    other = ClientTls(ca=Authority(tmp_path, "other").certificate, server_name=NAME)

    async with serving(Tls(certificate=certificate, key=key)) as address:
        with pytest.raises(HostUnavailableError):
            await greeting(connect(address, tls=other))


async def test_a_client_trusts_no_other_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign(NAME)

    async with serving(Tls(certificate=certificate, key=key)) as address:
        with pytest.raises(HostUnavailableError):
            await greeting(connect(address, tls=ClientTls(ca=authority.certificate)))


async def test_a_server_that_asks_for_a_certificate_lets_in_who_has_one(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign(NAME)
    shown, shown_key = authority.sign("client.example")
    asking = Tls(certificate=certificate, key=key, client_ca=authority.certificate)
    nobody = ClientTls(ca=authority.certificate, server_name=NAME)
    somebody = ClientTls(
        ca=authority.certificate, certificate=shown, key=shown_key, server_name=NAME
    )

    async with serving(asking) as address:
        assert await greeting(connect(address, tls=somebody)) == "hello"
        with pytest.raises(HostUnavailableError):
            await greeting(connect(address, tls=nobody))
