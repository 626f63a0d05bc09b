"""The answers a job has got, kept so that they need not be paid for again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from snakepit_bridge.errors import InvalidArgumentError

FORMAT = "snakepit-bridge.dspy-job"
VERSION = 1

MAX_BYTES = 64 * 2**20
"""Bytes of one checkpoint; what comes after is not kept."""


class Checkpoint(msgspec.Struct, frozen=True):
    """What is left of a job that has ended early."""

    spec: Mapping[str, Any]
    """What the job was asked to do."""

    entries: tuple[bytes, ...] = ()
    """One line of JSON per answer."""


class _Entry(msgspec.Struct, frozen=True):
    key: str
    outputs: Any


class JobJournal:
    """Answers of language models by request, in order. Safe from any thread.

    Several answers to one request are handed out in the order in which they were got: the same
    request may be asked more than once.

    Args:
        spec: What the job is asked to do, as JSON can say it.
        entries: Answers from a checkpoint, as they stand there.
        hidden: Secrets that are blotted out.
        max_bytes: Of the whole checkpoint.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        *,
        entries: Collection[bytes] = (),
        hidden: Collection[str] = (),
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._hidden = [secret.encode() for secret in hidden if secret]
        self._max_bytes = max_bytes
        self._append: Callable[[bytes], object] | None = None
        self._on_full: Callable[[], object] = _nothing
        self._lock = threading.Lock()
        self._kept: dict[str, deque[bytes]] = {}
        self._lines: list[bytes] = []
        self._size = 0
        self._is_full = False
        header = {"format": FORMAT, "version": VERSION, "spec": spec}
        self._add(self._safe(msgspec.json.encode(header)))
        for line in entries:
            self._kept.setdefault(_KEY.decode(line).key, deque()).append(line)
            self._add(line)

    @property
    def entries(self) -> int:
        """How many answers are kept."""
        return max(0, len(self._lines) - 1)

    @property
    def size_bytes(self) -> int:
        """How long the checkpoint is."""
        return self._size

    @property
    def is_full(self) -> bool:
        """Whether there were answers that are not kept."""
        return self._is_full

    def find(self, key: str) -> Any | None:
        """The next answer to a request that was got before; ``None`` where there is none left."""
        with self._lock:
            waiting = self._kept.get(key)
            line = waiting.popleft() if waiting else None
        return None if line is None else _ENTRY.decode(line).outputs

    def keep(self, key: str, outputs: Any) -> None:
        """Keep an answer for those who resume the job; this one will not ask for it."""
        line = self._safe(msgspec.json.encode(_Entry(key, outputs), enc_hook=str))
        with self._lock:
            was_full = self._is_full
            self._add(line)
        if self._is_full and not was_full:
            self._on_full()

    def write_to(self, append: Callable[[bytes], object]) -> None:
        """Hand on every line there is, and every one that comes, e.g. to a file."""
        with self._lock:
            for line in self._lines:
                append(line)
            self._append = append

    def when_full(self, told: Callable[[], object]) -> None:
        """Call ``told`` once, when something is not kept any more."""
        self._on_full = told

    def content(self) -> bytes:
        """The checkpoint: lines of JSON, the first of which says what the job was asked to do."""
        with self._lock:
            return b"".join(self._lines)

    def told(self) -> dict[str, Any]:
        """The event that says how much is kept."""
        told = {"entries": self.entries, "bytes": self._size, "full": self._is_full}
        return {"event": "checkpoint", **told}

    def _add(self, line: bytes) -> None:
        line = line if line.endswith(b"\n") else line + b"\n"
        if self._is_full or self._size + len(line) > self._max_bytes:
            self._is_full = True
            return
        self._lines.append(line)
        self._size += len(line)
        if self._append is not None:
            self._append(line)

    def _safe(self, line: bytes) -> bytes:
        for secret in self._hidden:
            line = line.replace(secret, b"***")
        return line


def _nothing() -> None:
    pass


def read_checkpoint(content: bytes) -> Checkpoint:
    """A checkpoint from its bytes.

    A last line without an end was being written when its process was killed, and is left out.

    Raises:
        InvalidArgumentError: It is none, or of another version.
    """
    if len(content) > MAX_BYTES:
        raise _wrong(f"it is longer than {MAX_BYTES} bytes")
    first, *lines = content.split(b"\n")[:-1] or [b""]
    try:
        header = msgspec.json.decode(first, type=dict[str, Any])
    except _UNREADABLE:
        raise _wrong("its first line is not that of a checkpoint") from None
    found = header.get("format"), header.get("version")
    spec = header.get("spec")
    if found != (FORMAT, VERSION) or not isinstance(spec, dict):
        raise _wrong(f"it says of itself to be {found[0]!r}, version {found[1]!r}")
    for number, line in enumerate(lines, start=2):
        _check_line(number, line)
    return Checkpoint(spec, tuple(lines))


def _check_line(number: int, line: bytes) -> None:
    try:
        entry = _ENTRY.decode(line)
    except _UNREADABLE:
        raise _wrong(f"its line {number} is broken") from None
    if not isinstance(entry.outputs, list):
        raise _wrong(f"its line {number} holds no answer")


def _wrong(why: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Wrong 'resume': {why}.",
        {
            "argument": "resume",
            "hint": f"Send what 'dspy.job_checkpoint' answered, unchanged ({FORMAT!r}, "
            f"version {VERSION}).",
        },
    )


class _Key(msgspec.Struct, frozen=True):
    key: str


_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_ENTRY = msgspec.json.Decoder(_Entry)
_KEY = msgspec.json.Decoder(_Key)
