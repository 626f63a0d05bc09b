"""The places a server takes: port, socket, ready file, checked before anything starts."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from snakepit_bridge.cli.outcome import ExitCode, StopError

if TYPE_CHECKING:
    from pathlib import Path

    from snakepit_bridge.settings import Settings

MAX_SOCKET_PATH = 107
"""Bytes of the path of a Unix socket (``sockaddr_un.sun_path``, without its final zero)."""

_CONNECT_S = 1.0


def claim_places(settings: Settings) -> list[Path]:
    """Make sure that port, socket and ready file can be had, and say which files will be made.

    A ready file that an earlier server left behind is gone afterwards: nobody may read its port.

    Raises:
        StopError: One of them cannot be had, e.g. because another server has it.
    """
    places = []
    if settings.ready_file is not None:
        _check_folder(settings.ready_file, "--ready-file")
        settings.ready_file.unlink(missing_ok=True)
        places.append(settings.ready_file)
    if settings.uds is not None:
        _check_folder(settings.uds, "--uds")
        _check_socket(settings.uds)
        places.append(settings.uds)
    elif settings.port != 0:
        _check_port(settings.host, settings.port)
    return places


def _check_folder(path: Path, flag: str) -> None:
    if not path.absolute().parent.is_dir():
        text = f"{flag}: there is no folder {str(path.parent)!r}."
        raise StopError(text, ExitCode.USAGE)


def _check_port(host: str, port: int) -> None:
    """Refuse a port in use; every other trouble is for gRPC to tell, which really binds it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as attempt:
        # Connections of an earlier server may linger; they are nobody's.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host.strip("[]"), port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                text = f"--port: {port} is in use on {host}. Take another; 0 takes a free one."
                raise StopError(text, ExitCode.FAILED) from error


def _check_socket(path: Path) -> None:
    if len(str(path).encode()) > MAX_SOCKET_PATH:
        text = (
            f"--uds: {str(path)!r} is longer than {MAX_SOCKET_PATH} bytes, too long for a socket."
        )
        raise StopError(text, ExitCode.USAGE)
    if not path.exists():
        return
    if not path.is_socket():
        text = f"--uds: {str(path)!r} exists and is no socket."
        raise StopError(text, ExitCode.USAGE)
    # gRPC takes over a socket that is there, so two servers would not notice each other.
    with socket.socket(socket.AF_UNIX) as attempt:
        attempt.settimeout(_CONNECT_S)
        try:
            attempt.connect(str(path))
        except OSError:
            return  # nobody listens; it was left behind
    text = f"--uds: a server listens at {str(path)!r} already."
    raise StopError(text, ExitCode.FAILED)
