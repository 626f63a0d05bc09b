"""What travels, or stays, beside the value of one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.errors import ErrorCode, SessionError
from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.detail import type_name_of

if TYPE_CHECKING:
    from snakepit_bridge.leases.leases import Leases
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.transport.options import Options
    from snakepit_bridge.values.blob import Blob
    from snakepit_bridge.values.refs import Ref


class Luggage(Beside):
    """Takes the blobs of a value, and has its session keep the objects.

    Args:
        options: What the caller wants.
        session: Keeps.
        leases: Where blobs are stored that do not travel in a message; ``None``: nowhere.
    """

    def __init__(self, options: Options, session: Session, leases: Leases | None = None) -> None:
        self.blobs: list[Blob] = []
        """What was put, in order."""
        self.wants_binary = options.binary
        self._session = session
        self._keeps = options.refs
        # By identity: one object is one ref, however often the value holds it.
        self._kept: dict[int, Ref] = {}
        self._leases = leases
        self.handles: list[str] = []
        """Of what was stored."""

    def put(self, blob: Blob) -> int | None:
        """Take a blob, if the caller wants any."""
        if not self.wants_binary:
            return None
        self.blobs.append(blob)
        return len(self.blobs) - 1

    def keep(self, instance: object) -> Ref | None:
        """Keep an object, if the caller wants that.

        Raises:
            SessionError: The session ends with the command, or is full.
        """
        if not self._keeps:
            return None
        ref = self._kept.get(id(instance))
        if ref is None:
            if self._session.single_use:
                raise _not_kept(instance)
            # Whose it is, nobody knows here: a connection of the handler's own, for example.
            ref = self._kept[id(instance)] = self._session.instances.register(instance, lent=True)
        return ref

    @property
    def stores(self) -> bool:
        """Whether blobs can be stored at all."""
        return self._leases is not None

    def store(self, blob: Blob) -> Blob:
        """Put the data of a blob where the caller can fetch them.

        Returns:
            The blob with their handle in the place of the data.

        Raises:
            QuotaExceededError: There is no room.
        """
        assert self._leases is not None, "see stores"
        handle = self._leases.put(blob.data)
        self.handles.append(handle)
        return blob.behind(handle)

    def path_of(self, stored: Blob) -> str:
        """The file of a blob that was stored."""
        assert self._leases is not None, "see stores"
        return str(self._leases.path(stored.handle))

    def give_up_stored(self) -> None:
        """Forget what was stored; nobody will ever know its handles."""
        handles, self.handles = self.handles, []
        for handle in handles:
            assert self._leases is not None, "see stores"
            self._leases.release(handle)

    def give_up(self) -> None:
        """Forget all that was kept or stored."""
        self.give_up_stored()
        for ref in self._kept.values():
            self._session.instances.forget(ref)
        self._kept.clear()


def _not_kept(instance: object) -> SessionError:
    kind = type_name_of(instance)
    return SessionError(
        f"The answer holds an object of type {kind!r}, which has no form as a value, and this "
        "session ends with its command.",
        {
            "type": kind,
            "hint": "Send a session_id with the command, so that the object is kept and a ref "
            "stands for it; or 'refs': 'off' in the metadata, for a marker in its place.",
        },
        code=ErrorCode.WRONG_CALL,
    )
