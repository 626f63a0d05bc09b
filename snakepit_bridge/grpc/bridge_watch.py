"""``WatchVariables``: changes of variables as messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_values import wire_variable
from snakepit_bridge.session.variable_watch import ChangeKind, VariableChange, VariableWatch

INLINE_BYTES = 64 * 1024
"""Of values; larger ones are written on a thread, since writing them takes milliseconds."""


async def updates_of(
    watch: VariableWatch, *, with_initial: bool
) -> AsyncGenerator[pb.VariableUpdate, None]:
    """What there is to tell, until the watch ends.

    Raises:
        QuotaExceededError: The reader is too slow.
    """
    if with_initial:
        for change in watch.initial:
            yield await _update(change)
    async for change in watch:
        yield await _update(change)


async def _update(change: VariableChange) -> pb.VariableUpdate:
    if change.record.size_bytes > INLINE_BYTES:
        return await asyncio.to_thread(_message, change)
    return _message(change)


def _message(change: VariableChange) -> pb.VariableUpdate:
    is_initial = change.kind is ChangeKind.INITIAL_VALUE
    update = pb.VariableUpdate(
        variable_id=change.record.id,
        variable=wire_variable(change.record, change.claim),
        update_source="initial" if is_initial else change.record.source,
        update_metadata=change.metadata,
        update_type=change.kind,
    )
    if change.kind is ChangeKind.DELETED:
        # It has a value no more; the rest says which one it was.
        update.variable.ClearField("value")
        update.variable.ClearField("binary_value")
    if change.kind is ChangeKind.OPTIMIZATION_CHANGE and change.claim is not None:
        update.update_metadata.update(change.claim.config)
        update.update_metadata["optimization_id"] = change.claim.id
    update.timestamp.FromDatetime(change.at)
    return update
