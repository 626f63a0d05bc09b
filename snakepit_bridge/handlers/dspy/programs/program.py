"""The class of programs made of several modules."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any

from snakepit_bridge.handlers.dspy.programs.plan import Plan, Step, fields_of, gathered
from snakepit_bridge.handlers.dspy.programs.sources import Result, Scene


@cache
def program_class(dspy: Any) -> Any:
    """The class, which derives from DSPy's; called with a plan, modules by step, a signature."""

    class Program(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        """Several modules, each an attribute under the name of its step.

        Awaited, steps that do not need each other run at the same time; called, one by one. The
        answer is the same.
        """

        def __init__(self, plan: Plan, parts: Mapping[str, Any], signature: Any) -> None:
            super().__init__()
            self.plan = plan
            self.signature = signature
            for name, part in parts.items():
                setattr(self, name, part)

        def forward(self, **inputs: Any) -> Any:
            """Take one step after the other."""
            scene = self.plan.scene(inputs)
            for step in self.plan.steps:
                scene.results[step.name] = _taken(step, getattr(self, step.name), scene)
            return _prediction(dspy, self.plan.answer(scene))

        async def aforward(self, **inputs: Any) -> Any:
            """Take each step as soon as it can be taken."""
            scene = self.plan.scene(inputs)
            await _Run(dspy, self, scene).all_steps()
            return _prediction(dspy, self.plan.answer(scene))

    return Program


class _Run:
    """One awaited run of a program."""

    def __init__(self, dspy: Any, program: Any, scene: Scene) -> None:
        self._dspy = dspy
        self._program = program
        self._scene = scene
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._traces: dict[tuple[str, int], list[Any]] = {}

    async def all_steps(self) -> None:
        """Take them.

        Raises:
            BaseException: What the first of the steps that failed raised.
        """
        steps = self._program.plan.steps
        try:
            async with asyncio.TaskGroup() as group:
                for step in steps:
                    self._tasks[step.name] = group.create_task(self._step(step))
        except BaseExceptionGroup:
            failed = (task for task in self._tasks.values() if not task.cancelled())
            raise next(error for task in failed if (error := task.exception())) from None
        self._keep_traces()

    async def _step(self, step: Step) -> None:
        await asyncio.gather(*(self._tasks[name] for name in step.needs))
        part, scene = getattr(self._program, step.name), self._scene
        if not step.is_taken(scene):
            scene.results[step.name] = Result(None)
        elif step.over is None:
            scene.results[step.name] = Result(await self._call(step, part, scene))
        else:
            scene.results[step.name] = gathered(await self._each(step, part, step.scenes(scene)))

    async def _each(self, step: Step, part: Any, scenes: list[Scene]) -> list[Mapping[str, Any]]:
        places = asyncio.Semaphore(step.at_once)

        async def one(scene: Scene) -> Mapping[str, Any]:
            async with places:
                return await self._call(step, part, scene)

        tasks: list[asyncio.Task[Mapping[str, Any]]] = []
        try:
            async with asyncio.TaskGroup() as group:
                tasks += [group.create_task(one(scene)) for scene in scenes]
        except BaseExceptionGroup:
            failed = (task for task in tasks if not task.cancelled())
            raise next(error for task in failed if (error := task.exception())) from None
        return [task.result() for task in tasks]

    async def _call(self, step: Step, part: Any, scene: Scene) -> Mapping[str, Any]:
        arguments = step.arguments(scene)
        if self._dspy.settings.trace is None:
            return fields_of(await _called(part, arguments))
        # Calls at the same time would add to one trace in the order in which they end.
        trace = self._traces[step.name, scene.index] = []
        with self._dspy.context(trace=trace):
            return fields_of(await _called(part, arguments))

    def _keep_traces(self) -> None:
        trace, settings = self._dspy.settings.trace, self._dspy.settings
        for step in self._program.plan.steps if trace is not None else ():
            for key in sorted(key for key in self._traces if key[0] == step.name):
                trace.extend(self._traces[key])
        if trace is not None:
            del trace[: max(0, len(trace) - settings.max_trace_size)]


async def _called(part: Any, arguments: Mapping[str, Any]) -> Any:
    if hasattr(type(part), "aforward"):
        return await part.acall(**arguments)
    return await asyncio.to_thread(part, **arguments)


def _taken(step: Step, part: Any, scene: Scene) -> Result:
    if not step.is_taken(scene):
        return Result(None)
    if step.over is None:
        return Result(fields_of(part(**step.arguments(scene))))
    return gathered([fields_of(part(**step.arguments(each))) for each in step.scenes(scene)])


def _prediction(dspy: Any, answer: Mapping[str, Any]) -> Any:
    prediction = dspy.Prediction()
    for name, value in answer.items():
        prediction[name] = value
    return prediction
