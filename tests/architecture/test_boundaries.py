"""Failures are stopped at known boundaries only."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import modules, name_of

# Where any failure may arrive: foreign code, the last line before the wire, the top of a
# long-lived task. A new entry is a new boundary, which is a decision.
BOUNDARIES = {
    "adapters/base.py": 1,  # a stub raises what its transport does; a session works without it
    "adapters/calls.py": 2,  # an adapter's cleanup(), on a thread and on the loop
    "adapters/door.py": 2,  # an adapter's hook at the end of a session; its registration
    "adapters/dspex/dispatch.py": 1,  # a tool of DSPex breaks; Elixir's code matches on answers
    "adapters/from_loop.py": 2,  # from a tool's coroutine to the thread that waits for it
    "adapters/from_thread.py": 1,  # from a thread to the coroutine that waits for it
    "adapters/registration.py": 1,  # annotations and defaults are code of the adapter
    "adapters/serialization_news.py": 1,  # telemetry never costs a result
    "adapters/stub_questions.py": 2,  # a stub is ours, gRPC's, or somebody's double
    "engine/eager.py": 1,  # how a first step ends is handed on to its task, whatever it is
    "engine/pool.py": 1,  # a pool that loses threads stands still
    "grpc/bridge_hosting.py": 2,  # the last boundary before the wire, for answers and streams
    "handlers/command_handler.py": 2,  # can_handle(), types of parameters, code that comes late
    "handlers/discovery.py": 2,  # a handler's module or constructor, at start
    "handlers/dspy/failures.py": 1,  # what DSPy raises becomes one DSPyError
    "handlers/dspy/jobs/job.py": 1,  # the top of a job's thread
    "handlers/dspy/models/session_lm.py": 1,  # what a request raised is told, and raised on
    "handlers/dspy/runs.py": 1,  # a tool of Python raises what a tool of the host would be told by
    "handlers/dspy/runner.py": 2,  # from DSPy's loop and threads to whoever awaits them
    "handlers/failures.py": 2,  # an exception's own __str__ is user code
    "handlers/python/batch.py": 1,  # one call of a batch fails, the others go on
    "handlers/work.py": 4,  # a handler's failure: of a value or of items, on the engine or the loop
    "session/embedded_host.py": 1,  # a tool of the embedded host
    "session/instances.py": 1,  # one instance that cannot be closed keeps no other open
    "session/manager.py": 1,  # one listener that fails keeps no other uninformed
    "session/tool_calls.py": 1,  # from a tool's thread to whoever awaits it
    "telemetry/instrumentation.py": 1,  # the span of whatever failed, which goes on
    "telemetry/manager.py": 2,  # a backend is foreign code, an exception's own __str__ too
    "telemetry/stream.py": 1,  # the top of the task that reads controls
    "testing/elixir/servicer.py": 1,  # a tool of Elixir is user code
    "transport/dispatcher.py": 2,  # the last line before a transport, which gets data only
    "values/binary/forms.py": 2,  # a library makes bytes of its object, or reads damaged ones
    "values/detail.py": 1,  # an object's repr is user code
    "values/fallback.py": 1,  # an object that refuses to become plain becomes a marker
    "values/leaves.py": 1,  # methods of a subclass of a plain type are user code
    "values/value_types.py": 1,  # the constructor of a registered type is user code
    "worker/adapter_class.py": 1,  # the import of the user's module
    "worker/elixir_link.py": 2,  # the adapter's hook; the top of the worker's long-lived task
    "worker/service.py": 1,  # the top of the task that serves
    "worker/session_upkeep.py": 1,  # registration is code of the adapter, too
}

_BROAD = {"Exception", "BaseException"}


def _broad_excepts(source: str) -> Iterator[int]:
    """Line of every clause or ``suppress`` that catches whatever comes."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ExceptHandler(type=None):
                yield node.lineno
            case ast.ExceptHandler(type=caught) if caught and _names(caught) & _BROAD:
                yield node.lineno
            case ast.Call(func=called, args=caught_types) if "suppress" in _names(called):
                if any(_names(caught) & _BROAD for caught in caught_types):
                    yield node.lineno


def _names(node: ast.expr) -> set[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return {name}
        case ast.Tuple(elts=elements):
            return {name for element in elements for name in _names(element)}
        case _:
            return set()


def test_broad_excepts_stand_at_the_boundaries_alone() -> None:
    found = Counter(
        {name_of(path): sum(1 for _ in _broad_excepts(path.read_text())) for path in modules()}
    )

    assert +found == BOUNDARIES


@pytest.mark.parametrize(
    ("statement", "is_broad"),
    [
        ("try: x()\nexcept Exception: pass", True),
        ("try: x()\nexcept (OSError, BaseException) as e: pass", True),
        ("try: x()\nexcept builtins.Exception: pass", True),
        ("try: x()\nexcept: pass", True),
        ("with contextlib.suppress(Exception): x()", True),
        ("with suppress(OSError): x()", False),
        ("try: x()\nexcept (OSError, ValueError): pass", False),
    ],
)
def test_every_way_to_catch_everything_is_recognised(statement: str, *, is_broad: bool) -> None:
    assert bool(list(_broad_excepts(statement))) == is_broad
