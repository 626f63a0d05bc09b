"""What travels, or stays, beside the value of one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.errors import ErrorCode, SessionError
from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.detail import type_name_of

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.transport.options import Options
    from snakepit_bridge.values.blob import Blob
    from snakepit_bridge.values.refs import Ref


class Luggage(Beside):
    """Takes the blobs of a value, and has its session keep the objects.

    Args:
        options: What the caller wants.
        session: Keeps.
    """

    def __init__(self, options: Options, session: Session) -> None:
        self.blobs: list[Blob] = []
        """What was put, in order."""
        self.wants_binary = options.binary
        self._session = session
        self._keeps = options.refs
        # By identity: one object is one ref, however often the value holds it.
        self._kept: dict[int, Ref] = {}

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

    def give_up(self) -> None:
        """Forget what was kept; nobody will ever know its ref."""
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
