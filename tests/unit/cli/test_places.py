from __future__ import annotations

import socket
from pathlib import Path

import pytest

from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.cli.places import MAX_SOCKET_PATH, claim_places
from snakepit_bridge.settings import Settings


def test_the_files_that_will_be_made_are_named(tmp_path: Path) -> None:
    ready, uds = tmp_path / "ready", tmp_path / "socket"

    assert claim_places(Settings(port=0)) == []
    assert claim_places(Settings(ready_file=ready, uds=uds)) == [ready, uds]


def test_a_ready_file_of_an_earlier_server_is_gone(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.write_text("1234")

    claim_places(Settings(ready_file=ready, port=0))

    assert not ready.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ready_file", "--ready-file: there is no folder"),
        ("uds", "--uds: there is no folder"),
    ],
)
def test_a_folder_that_is_not_there_is_named(name: str, message: str, tmp_path: Path) -> None:
    settings = Settings(**{name: tmp_path / "nowhere" / "file"})  # type: ignore[arg-type]  # a path

    with pytest.raises(StopError, match=message) as caught:
        claim_places(settings)

    assert caught.value.code is ExitCode.USAGE


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopError, match=f"longer than {MAX_SOCKET_PATH} bytes"):
        claim_places(Settings(uds=tmp_path / ("x" * 100)))


def test_a_file_in_the_place_of_the_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")

    with pytest.raises(StopError, match="exists and is no socket") as caught:
        claim_places(Settings(uds=path))

    assert caught.value.code is ExitCode.USAGE
    assert path.read_text() == "data"


def test_a_socket_somebody_listens_at_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        listener.listen()

        with pytest.raises(StopError, match="a server listens at 'socket' already") as caught:
            claim_places(Settings(uds=Path("socket")))

    assert caught.value.code is ExitCode.FAILED


def test_a_socket_that_was_left_behind_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")

    assert claim_places(Settings(uds=Path("socket"))) == [Path("socket")]


def test_a_port_in_use_says_how_to_get_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(StopError, match=f"{port} is in use on 127.0.0.1") as caught:
            claim_places(Settings(port=port))

    assert caught.value.code is ExitCode.FAILED


def test_an_address_that_cannot_be_bound_is_for_grpc_to_tell() -> None:
    assert claim_places(Settings(host="192.0.2.1", port=50_000)) == []
