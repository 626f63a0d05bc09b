"""The handlers of all ``dspy.*`` commands, put together and taken apart."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from snakepit_bridge.errors import DSPyError
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.handlers.dspy_handler import DSPyHandler

if TYPE_CHECKING:
    from snakepit_bridge.session.manager import SessionManager

log = logging.getLogger(__name__)

IMPORT_DELAY_S = 1.0
"""How long an import in the background waits, so that the bridge serves before it begins."""

When = Literal["first-use", "background", "ready"]


class DSPyRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator decides about DSPy."""

    allow: Sequence[str] = ()
    """Packages besides DSPy's computing parts that callers may reach."""

    code_execution: bool = False
    secrets: Secrets = msgspec.field(default_factory=Secrets)
    cache_dir: Path | None = None
    state_dir: Path | None = None
    import_when: When = "first-use"
    jobs: int = 4
    """Evaluations and optimizations that run at once."""

    capture_content: bool = False
    """Whether prompts and answers go into spans."""


@asynccontextmanager
async def open_dspy(sessions: SessionManager, rules: DSPyRules) -> AsyncIterator[list[object]]:
    """The handlers, which work as long as the block runs.

    Args:
        sessions: The owner of the sessions.
        rules: What the operator decides.

    Raises:
        DSPyError: It was to be imported first, and cannot be.
    """
    door = DSPyDoor(cache_dir=None if rules.cache_dir is None else str(rules.cache_dir))
    allow = AllowList(
        ("dspy", *rules.allow),
        code_execution=rules.code_execution,
        importer=door.import_module,
    )
    bench = Workbench(
        sessions.instances, allow=allow, secrets=rules.secrets, door=door, hold=sessions.holding
    )
    if rules.import_when == "ready":
        await asyncio.to_thread(door.open)
    loop = asyncio.get_running_loop()
    timer = (
        loop.call_later(IMPORT_DELAY_S, _begin_import, door)
        if (rules.import_when == "background")
        else None
    )
    try:
        yield _handlers(bench)
    finally:
        if timer is not None:
            timer.cancel()
        await asyncio.to_thread(bench.runner.close)


def _handlers(bench: Workbench) -> list[object]:
    return [DSPyHandler(bench.instances, workbench=bench)]


def _begin_import(door: DSPyDoor) -> None:
    threading.Thread(target=_import, args=(door,), name="bridge-dspy-import", daemon=True).start()


def _import(door: DSPyDoor) -> None:
    try:
        door.open()
    except DSPyError as error:
        log.warning("%s %s", error.message, error.hint)
