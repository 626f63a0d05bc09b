"""The ``blob.*`` commands: binary data that a caller hands over, or fetches, beside commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.leases.leases import Leases
    from snakepit_bridge.session.context import Session


class BlobHandler:
    """The ``blob.*`` commands; whoever knows a handle may use it, in whatever session.

    All of them touch files, so they run on the engine. No command takes a path.

    Args:
        leases: The store of the data.
    """

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    @handles("blob.create")
    def create(
        self,
        session: Session,
        *,
        bytes: int,  # noqa: A002  (the word of the wire)
    ) -> dict[str, Any]:
        """Reserve room for binary data: to upload, or to write to the path on the same host.

        Answers the handle to send as an argument then, and the seconds without use after which the
        data are removed.

        Raises:
            InvalidArgumentError: The number of bytes is below 0.
            QuotaExceededError: There is no room.
        """
        lease = self._leases.create(bytes)
        if session.cancelled:
            # Nobody will ever hear of it.
            self._leases.release(lease.handle)
        return {
            "handle": lease.handle,
            "path": str(lease.path),
            "bytes": lease.size,
            "expires_s": self._leases.idle_s,
        }

    @handles("blob.path")
    def path(self, session: Session, *, handle: str) -> dict[str, Any]:
        """Tell in which file complete data are, to read it on the same host; counts as a use.

        Raises:
            BlobNotFoundError: There is no such handle.
            WrongCallError: The data are not complete.
        """
        del session
        path = self._leases.path(handle)
        return {"path": str(path), "bytes": self._leases.info(handle).size}

    @handles("blob.info")
    def info(self, session: Session, *, handle: str) -> dict[str, Any]:
        """Tell how much of the data has come, and for how long they are kept without any use.

        ``crc32`` is that of what was uploaded so far; null where the data came another way.

        Raises:
            BlobNotFoundError: There is no such handle.
        """
        del session
        info = self._leases.info(handle)
        return {
            "bytes": info.size,
            "received": info.received,
            "crc32": info.crc32,
            "expires_s": info.expires_in_s,
        }

    @handles("blob.release")
    def release(self, session: Session, *, handle: str | list[str]) -> bool:
        """Remove the data of one handle, or of several; false when some were gone already.

        Whoever reads them goes on.
        """
        del session
        handles = [handle] if isinstance(handle, str) else handle
        gone = [each for each in handles if not self._leases.release(each)]
        return not gone
