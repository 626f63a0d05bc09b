from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from snakepit_bridge.grpc.client_tls import ClientTls

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_by_default_the_well_known_authorities_are_trusted() -> None:
    assert isinstance(ClientTls().credentials(), grpc.ChannelCredentials)


def test_a_certificate_and_its_key_are_of_no_use_alone() -> None:
    with pytest.raises(ValueError, match="give both"):
        ClientTls(certificate=Path("some.pem"))
    with pytest.raises(ValueError, match="give both"):
        ClientTls(key=Path("some.pem"))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*missing\.pem': No such file"):
        ClientTls(ca=tmp_path / "missing.pem").credentials()


@pytest.mark.parametrize("content", ["", "certificate", CERTIFICATE.replace("CERT", "CURT")])
def test_a_file_that_is_no_certificate_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(content)

    with pytest.raises(ValueError, match=r"ca\.pem' holds no PEM certificate"):
        ClientTls(ca=path).credentials()


def test_a_certificate_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "both.pem"
    path.write_text(CERTIFICATE)

    with pytest.raises(ValueError, match="holds no PEM private key"):
        ClientTls(certificate=path, key=path).credentials()
