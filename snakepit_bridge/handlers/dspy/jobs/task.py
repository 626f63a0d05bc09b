"""What a job is made of."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from snakepit_bridge.clock import Clock
    from snakepit_bridge.handlers.dspy.call import Scene
    from snakepit_bridge.handlers.dspy.jobs.events import EventRing
    from snakepit_bridge.handlers.dspy.jobs.journal import JobJournal
    from snakepit_bridge.handlers.dspy.jobs.output import Output
    from snakepit_bridge.handlers.dspy.jobs.progress import Progress


class State(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What a job has to work with."""

    scene: Scene
    ring: EventRing
    progress: Progress
    output: Output
    clock: Clock
    journal: JobJournal | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a job does."""

    kind: str
    """``"evaluate"`` or ``"optimize"``."""

    work: Callable[[], Any]
    answer: Callable[[Any], dict[str, Any]]
    """Makes the answer of what the work gave; may keep an instance, so it is called once only, and
    not for a job that was cancelled."""

    optimizer: str = ""
    hint: str = ""
    """What to do about arguments that DSPy refuses."""
