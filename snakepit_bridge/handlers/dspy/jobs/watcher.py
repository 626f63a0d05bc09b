"""DSPy's own reports of what it does, as the progress of a job."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from snakepit_bridge.handlers.dspy.jobs.evaluation import PART_KEY

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.jobs.progress import Progress
    from snakepit_bridge.handlers.dspy.runs import Run

JOIN_S = 30.0
"""How long the threads of a job are waited for in the end; each ends with its next step."""


class Watch:
    """What is known of a job's code from DSPy's reports.

    Args:
        run: The job's.
        progress: Is told of evaluations.
        is_optimizer: Whether evaluations are of candidates.
    """

    def __init__(self, run: Run, progress: Progress, *, is_optimizer: bool) -> None:
        self.run = run
        self.progress = progress
        self.is_optimizer = is_optimizer
        self.last_error: BaseException | None = None
        """What a module raised last; evaluators swallow it."""

        self._threads: WeakSet[threading.Thread] = WeakSet()
        self._evaluations: dict[str, bool] = {}

    def note_thread(self) -> None:
        """Remember a thread that the job's code runs on; loops have other users."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._threads.add(threading.current_thread())

    def join(self) -> None:
        """Wait for the threads that DSPy has started: it leaves them behind."""
        mine, until = threading.current_thread(), time.monotonic() + JOIN_S
        for thread in [each for each in self._threads if each is not mine]:
            thread.join(max(0.0, until - time.monotonic()))

    def evaluation_begins(self, call_id: str, evaluate: Any, inputs: Mapping[str, Any]) -> None:
        """An evaluation, in full or of a few examples."""
        examples = inputs.get("devset") or evaluate.devset
        metadata = inputs.get("callback_metadata") or {}
        some = metadata.get("metric_key") == "eval_minibatch" or metadata.get("disable_logging")
        if metadata.get("metric_key") != PART_KEY:
            self._evaluations[call_id] = not some
        self.progress.expect_more(len(examples))

    def evaluation_ends(self, call_id: str, result: Any) -> None:
        """As ``evaluation_begins``; without a result where it failed."""
        is_full = self._evaluations.pop(call_id, None)
        if result is not None and is_full is not None:
            self.progress.scored(result.score, is_full=is_full and self.is_optimizer)


def reported(dspy: Any, watch: Watch) -> AbstractContextManager[None]:
    """While the block runs, DSPy reports to the watch, besides whomever it reports to."""
    callbacks = [*dspy.settings.get("callbacks", []), _callback_class(dspy)(watch)]
    context: AbstractContextManager[None] = dspy.context(callbacks=callbacks)
    return context


@cache
def _callback_class(dspy: Any) -> Any:
    class Reports(dspy.utils.callback.BaseCallback):  # type: ignore[misc]  # dspy ships no types
        """Hands on what DSPy reports. An ``Exception`` in here would be swallowed, ``Halt`` not."""

        def __init__(self, watch: Watch) -> None:
            self._watch = watch

        def __deepcopy__(self, memo: object) -> Any:
            # DSPy copies settings; what is reported goes to one place.
            return self

        def on_module_start(self, **_: Any) -> None:
            self._watch.note_thread()
            self._watch.run.check()

        def on_module_end(self, exception: BaseException | None = None, **_: Any) -> None:
            if exception is not None:
                self._watch.last_error = exception

        def on_evaluate_start(self, call_id: str, instance: Any, inputs: Any) -> None:
            self._watch.evaluation_begins(call_id, instance, inputs)

        def on_evaluate_end(self, call_id: str, outputs: Any, **_: Any) -> None:
            self._watch.evaluation_ends(call_id, outputs)

    return Reports
