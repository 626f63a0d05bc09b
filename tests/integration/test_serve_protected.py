"""Whom a server lets in: tokens and certificates, right, missing and wrong."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from snakepit_bridge.cli.outcome import ExitCode
from tests.integration.test_serve import Server, refused, serving

NAME = "bridge.example"
"""In the server's certificate, beside the address it listens on."""

DAY = timedelta(days=1)


class Authority:
    """Signs certificates and writes them as PEM files.

    Args:
        folder: Where the files go, named after who they are for.
        name: Of the authority; its own certificate is ``NAME.pem``.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._write(name, self._name, self._key, valid_for=DAY)

    def sign(self, name: str, *, valid_for: timedelta = DAY) -> None:
        """Write ``NAME.pem``, valid from two days ago on, and its key ``NAME.key``."""
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(name, _name(name), key, valid_for=valid_for)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (self._folder / f"{name}.key").write_bytes(private)

    def _write(
        self,
        name: str,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        valid_for: timedelta,
    ) -> None:
        now = datetime.now(UTC)
        names = [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        signed = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + valid_for)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.BasicConstraints(ca=subject == self._name, path_length=None), critical=True
            )
            .sign(self._key, hashes.SHA256())
        )
        pem = signed.public_bytes(serialization.Encoding.PEM)
        (self._folder / f"{name}.pem").write_bytes(pem)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where certificates and tokens lie; server and client both start there."""
    folder = tmp_path_factory.mktemp("protected")
    ours, others = Authority(folder, "ours"), Authority(folder, "others")
    ours.sign("server")
    ours.sign("client")
    ours.sign("expired", valid_for=-DAY)
    others.sign("stranger")
    (folder / "tokens").write_text("# two, while one replaces the other\nold-token\nnew-token\n")
    (folder / "wrong").write_text("wrong-token\n")
    (folder / "old").write_text("old-token\n")
    return folder


SERVER = ("--tls-cert", "server.pem", "--tls-key", "server.key")


@pytest.fixture(scope="module", name="by_token")
def _by_token(folder: Path) -> Iterator[Server]:
    with serving(folder, "--token-file", "tokens") as server:
        yield server


@pytest.fixture(scope="module", name="by_tls")
def _by_tls(folder: Path) -> Iterator[Server]:
    with serving(folder, *SERVER) as server:
        yield server


@pytest.fixture(scope="module", name="by_certificate")
def _by_certificate(folder: Path) -> Iterator[Server]:
    with serving(folder, *SERVER, "--tls-client-ca", "ours.pem") as server:
        yield server


def call(folder: Path, server: Server, *flags: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a call of the server."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakepit_bridge", "call", "system.ping"),
            *("--target", server.target, "--timeout", "10", *flags),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr


# --- tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token_file", ["tokens", "old"])
def test_any_of_the_tokens_opens_the_server(
    token_file: str, folder: Path, by_token: Server
) -> None:
    code, answer, _ = call(folder, by_token, "--token-file", token_file)

    assert code == ExitCode.DONE
    assert "pong" in answer
    assert "protected by a token" in by_token.announcement


@pytest.mark.parametrize("flags", [["--token-file", "wrong"], []])
def test_a_wrong_token_is_refused_as_is_none(
    flags: list[str], folder: Path, by_token: Server
) -> None:
    code, answer, told = call(folder, by_token, *flags)

    assert code == ExitCode.FAILED
    assert answer == ""
    assert "The token is missing or wrong." in told
    assert "--token-file" in told
    assert "wrong-token" not in told


# --- TLS ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [[], ["--tls-server-name", NAME]])
def test_the_server_is_believed_by_whoever_trusts_its_authority(
    flags: list[str], folder: Path, by_tls: Server
) -> None:
    code, answer, _ = call(folder, by_tls, "--tls-ca", "ours.pem", *flags)

    assert code == ExitCode.DONE
    assert "pong" in answer
    assert "protected by TLS" in by_tls.announcement


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--tls"],
        ["--tls-ca", "others.pem"],
        ["--tls-ca", "ours.pem", "--tls-server-name", "another.example"],
    ],
    ids=["no TLS", "unknown authority", "wrong authority", "wrong name"],
)
def test_a_server_that_cannot_be_believed_is_not_reached(
    flags: list[str], folder: Path, by_tls: Server
) -> None:
    code, answer, told = call(folder, by_tls, *flags)

    assert code == ExitCode.UNREACHABLE
    assert answer == ""
    assert f"The bridge at {by_tls.target} cannot be reached" in told
    assert "TLS" in told


# --- TLS on both sides -------------------------------------------------------------------------


def test_a_client_with_a_certificate_is_let_in(folder: Path, by_certificate: Server) -> None:
    code, answer, _ = call(folder, by_certificate, *client_certificate("client"))

    assert code == ExitCode.DONE
    assert "pong" in answer
    assert "protected by TLS and client certificates" in by_certificate.announcement


@pytest.mark.parametrize(
    "flags",
    [
        ["--tls-ca", "ours.pem"],
        ["--tls-ca", "ours.pem", "--tls-cert", "stranger.pem", "--tls-key", "stranger.key"],
        ["--tls-ca", "ours.pem", "--tls-cert", "expired.pem", "--tls-key", "expired.key"],
    ],
    ids=["no certificate", "wrong authority", "expired"],
)
def test_a_client_without_a_right_certificate_is_not(
    flags: list[str], folder: Path, by_certificate: Server
) -> None:
    code, answer, told = call(folder, by_certificate, *flags)

    assert code == ExitCode.UNREACHABLE
    assert answer == ""
    assert "cannot be reached" in told


def client_certificate(name: str) -> list[str]:
    return ["--tls-ca", "ours.pem", "--tls-cert", f"{name}.pem", "--tls-key", f"{name}.key"]


# --- files that do not fit ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("client.key", "'client.key' is not the key of 'server.pem'"),
        ("server.pem", "'server.pem' holds no PEM private key"),
        ("nowhere", "cannot read 'nowhere': No such file or directory"),
    ],
)
def test_a_key_that_does_not_fit_is_wrong_usage(key: str, message: str, folder: Path) -> None:
    code, told = refused(folder, "--tls-cert", "server.pem", "--tls-key", key)

    assert code == ExitCode.USAGE
    assert message in told
    assert "Traceback" not in told


def test_with_protection_the_server_listens_for_others(folder: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104  (the point of the test; with a token)
    with serving(folder, "--host", everywhere, "--token-file", "tokens") as server:
        port = server.target.rpartition(":")[2]
        server.target = f"127.0.0.1:{port}"
        code, answer, _ = call(folder, server, "--token-file", "tokens")

    assert code == ExitCode.DONE
    assert "pong" in answer
