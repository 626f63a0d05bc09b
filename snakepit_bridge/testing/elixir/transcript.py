"""Everything that travelled between Elixir and its workers, as data that can be compared."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from snakepit_bridge.telemetry.correlation import CORRELATION_HEADER
from snakepit_bridge.testing.elixir.journal import Journal
from snakepit_bridge.testing.elixir.message_data import as_data

if TYPE_CHECKING:
    from google.protobuf.message import Message

Direction = Literal["to_elixir", "to_worker"]
"""Whom the call goes to; its answers go the other way."""

Record = Mapping[str, Any]
"""``call``: number of the call; ``direction``; ``rpc``; ``part``: ``request``, ``answer``, ``item``
of a stream, or ``status`` when the call failed; ``message``; ``headers`` of a request; ``worker``:
the id of the worker."""

RELEVANT_HEADERS = frozenset({CORRELATION_HEADER})

PERIODIC = frozenset({"Heartbeat", "Ping", "StreamTelemetry"})
"""RPCs of which there are the more the longer a test takes."""


@dataclass(frozen=True, slots=True)
class CallRecorder:
    """Writes down one call."""

    journal: Journal[Record]
    number: int
    direction: Direction
    rpc: str
    worker: str | None

    def request(self, message: Message, headers: Mapping[str, str | bytes]) -> None:
        """Write down what was asked; of a stream of requests each."""
        relevant = {name: str(headers[name]) for name in sorted(RELEVANT_HEADERS & set(headers))}
        self._write("request", message=as_data(message), headers=relevant)

    def answer(self, message: Message) -> None:
        """Write down the answer."""
        self._write("answer", message=as_data(message))

    def item(self, message: Message) -> None:
        """Write down one item of a stream of answers."""
        self._write("item", message=as_data(message))

    def status(self, name: str, text: str) -> None:
        """Write down how the call failed."""
        self._write("status", message={"status": name, "text": text})

    def _write(self, part: str, **content: Any) -> None:
        self.journal.append(
            {
                "call": self.number,
                "direction": self.direction,
                "rpc": self.rpc,
                "part": part,
                **content,
                "worker": self.worker,
            }
        )


@dataclass(frozen=True, slots=True)
class Transcript:
    """The records of all calls, those of several workers mixed."""

    records: Journal[Record] = field(default_factory=lambda: Journal("record"))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(self, direction: Direction, rpc: str, worker: str | None) -> CallRecorder:
        """Begin to write down a call."""
        return CallRecorder(self.records, next(self._numbers), direction, rpc, worker)

    def of_worker(self, worker: str) -> list[Record]:
        """What belongs to one worker, or to none for certain."""
        return self.records.matching(lambda record: record["worker"] in {worker, None})


# --- normalisation --------------------------------------------------------------------------------

_PATTERNS = {
    "session": r"session_\d+_\d{10,}",
    "ready": r"[^\s\"]*snakepit_ready_[^\s\"]*",
    "worker": r"\b\w+_worker_\d+_\d+\b",
    "time": r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)?",
    "correlation": r"\bsp-[0-9a-f]{24}\b",
    "hex": r"\b[0-9a-f]{32}\b|\b[0-9a-f]{64}\b",
    "uuid": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "address": r"\b(?:127\.0\.0\.1|localhost|\[::1?\]):\d+",
    "frame": r"File \\?\"[^\"\n]*\", line \d+",
    "pointer": r"\b0x[0-9a-f]{6,}\b",
}
_CHANGES = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()))

_MEASURED = frozenset(
    {"execution_time", "duration", "timestamp_ns", "python_pid", "in_flight", "queued"}
)
"""Beside all that is counted in milliseconds."""

_ABSENT_WHEN_ZERO = "execution_time_ms"
"""Whether it stands in a message is a matter of time, too."""

_ERRORS = frozenset({"error_message", "text"})
_TRACEBACKS = frozenset({"stacktrace", "traceback"})
_OF_THE_MACHINE = frozenset({"python_runtime_hash", "python_version", "python_platform"})


class _Normaliser:
    """Replaces what differs from run to run; equal things stay recognisably equal."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, str]] = {}

    def data(self, value: Any) -> Any:
        match value:
            case str():
                return _CHANGES.sub(self._token, value)
            case Mapping():
                return {
                    self.data(key): self._member(key, each)
                    for key, each in value.items()
                    if key != _ABSENT_WHEN_ZERO
                }
            case list():
                return [self.data(each) for each in value]
            case _:
                return value

    def _member(self, key: str, value: Any) -> Any:
        if key in _MEASURED or key.endswith("_ms"):
            return "<measured>"
        if key in _TRACEBACKS:
            return f"<{key}>"
        if key in _OF_THE_MACHINE:
            return f"<{key}>"
        if key in _ERRORS and isinstance(value, str):
            return self._error(value)
        return self.data(value)

    def _error(self, text: str) -> Any:
        """A text that is an object when it tells of a Python exception."""
        try:
            error = json.loads(text)
        except ValueError:
            return self.data(text)
        return json.dumps(self.data(error), ensure_ascii=False, sort_keys=True)

    def _token(self, match: re.Match[str]) -> str:
        kind = match.lastgroup
        assert kind is not None, "every alternative has a name"
        if kind in {"time", "frame", "pointer"}:
            return f"<{kind}>"
        seen = self._seen.setdefault(kind, {})
        return seen.setdefault(match.group(), f"<{kind} {len(seen) + 1}>")


def normalised(
    records: Iterable[Record], *, without: Collection[str] = PERIODIC
) -> list[dict[str, Any]]:
    """Records without what differs from run to run, fit to be kept and compared.

    Ids, times, addresses and places in source code become tokens, e.g. ``"<session 1>"``; equal
    ids become equal tokens. The parts of a call stand together, calls in the order they began.

    Args:
        records: A transcript, or a part of it.
        without: RPCs to leave out.
    """
    kept = [record for record in records if record["rpc"] not in without]
    kept.sort(key=lambda record: int(record["call"]))
    normaliser = _Normaliser()
    return [
        {
            name: normaliser.data(value)
            for name, value in record.items()
            if name not in {"call", "worker"} and value != {}
        }
        for record in kept
    ]


def as_text(records: Iterable[Record]) -> str:
    """Records as JSON for a file: a line for each, keys in order."""
    lines = (json.dumps(record, ensure_ascii=False, sort_keys=True) for record in records)
    return "[\n" + ",\n".join(lines) + "\n]\n"
