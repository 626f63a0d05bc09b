"""The class of programs made of several modules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from functools import cache, partial
from typing import Any

from snakepit_bridge.handlers.dspy.programs.plan import Plan, Step, fields_of, gathered
from snakepit_bridge.handlers.dspy.programs.sources import Result, Stock
from snakepit_bridge.handlers.dspy.runs import current_run


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
            stock = self.plan.stock(inputs)
            for step in self.plan.steps:
                stock.results[step.name] = _taken(step, getattr(self, step.name), stock)
            return _prediction(dspy, self.plan.answer(stock))

        async def aforward(self, **inputs: Any) -> Any:
            """Take each step as soon as it can be taken."""
            stock = self.plan.stock(inputs)
            await _Walk(dspy, self, stock).all_steps()
            return _prediction(dspy, self.plan.answer(stock))

    return Program


class _Walk:
    """One awaited run of a program."""

    def __init__(self, dspy: Any, program: Any, stock: Stock) -> None:
        self._dspy = dspy
        self._program = program
        self._stock = stock
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
        part, stock = getattr(self._program, step.name), self._stock
        if not step.is_taken(stock):
            stock.results[step.name] = Result(None)
        elif step.over is None:
            stock.results[step.name] = Result(await self._call(step, part, stock))
        else:
            stock.results[step.name] = gathered(await self._each(step, part, step.stocks(stock)))

    async def _each(self, step: Step, part: Any, stocks: list[Stock]) -> list[Mapping[str, Any]]:
        places = asyncio.Semaphore(step.at_once)

        async def one(stock: Stock) -> Mapping[str, Any]:
            async with places:
                return await self._call(step, part, stock)

        tasks: list[asyncio.Task[Mapping[str, Any]]] = []
        try:
            async with asyncio.TaskGroup() as group:
                tasks += [group.create_task(one(stock)) for stock in stocks]
        except BaseExceptionGroup:
            failed = (task for task in tasks if not task.cancelled())
            raise next(error for task in failed if (error := task.exception())) from None
        return [task.result() for task in tasks]

    async def _call(self, step: Step, part: Any, stock: Stock) -> Mapping[str, Any]:
        called = _called(self._dspy, part, step.arguments(stock))
        if self._dspy.settings.trace is None:
            return fields_of(await _told(step, called))
        # Calls at the same time would add to one trace in the order in which they end.
        trace = self._traces[step.name, stock.index] = []
        with self._dspy.context(trace=trace):
            return fields_of(await _told(step, called))

    def _keep_traces(self) -> None:
        trace, settings = self._dspy.settings.trace, self._dspy.settings
        for step in self._program.plan.steps if trace is not None else ():
            for key in sorted(key for key in self._traces if key[0] == step.name):
                trace.extend(self._traces[key])
        if trace is not None:
            del trace[: max(0, len(trace) - settings.max_trace_size)]


async def _told(step: Step, called: Awaitable[Any]) -> Any:
    """What a part answers; one that ends as if it was cancelled has failed."""
    task = asyncio.current_task()
    try:
        return await called
    except asyncio.CancelledError as error:
        if task is None or task.cancelling():
            raise
        # A group takes a task that was cancelled for one that nobody waits for any more.
        text = f"The step {step.name!r} was cancelled by what it called."
        raise RuntimeError(text) from error


async def _called(dspy: Any, part: Any, arguments: Mapping[str, Any]) -> Any:
    if hasattr(type(part), "aforward"):
        return await part.acall(**arguments)
    run = current_run(dspy)
    # Not a thread of the loop's own pool: DSPy needs those for requests, which the part waits for.
    in_thread = asyncio.to_thread if run is None or run.runner is None else run.runner.in_thread
    return await in_thread(partial(part, **arguments))


def _taken(step: Step, part: Any, stock: Stock) -> Result:
    if not step.is_taken(stock):
        return Result(None)
    if step.over is None:
        return Result(fields_of(part(**step.arguments(stock))))
    return gathered([fields_of(part(**step.arguments(each))) for each in step.stocks(stock)])


def _prediction(dspy: Any, answer: Mapping[str, Any]) -> Any:
    prediction = dspy.Prediction()
    for name, value in answer.items():
        prediction[name] = value
    return prediction
