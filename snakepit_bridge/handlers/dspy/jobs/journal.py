"""The answers a job has got, kept so that they need not be paid for again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.clean import encoded, with_texts
from snakepit_bridge.handlers.dspy.secrets import SHORTEST, without_secrets

FORMAT = "snakepit-bridge.dspy-job"
VERSION = 1

MAX_BYTES = 64 * 2**20
"""Bytes of one checkpoint; what comes after is not kept."""

MAX_ENTRIES = 100_000
"""Answers of one checkpoint; short ones take many times their length in memory."""


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
        max_entries: Answers it holds.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        *,
        entries: Sequence[bytes] = (),
        hidden: Collection[str] = (),
        max_bytes: int = MAX_BYTES,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self._hidden = [secret for secret in hidden if len(secret) >= SHORTEST]
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._append: Callable[[bytes], object] | None = None
        self._on_full: Callable[[], object] = _nothing
        self._lock = threading.Lock()
        self._kept: dict[str, list[bytes]] = {}
        self._lines: list[bytes] = []
        self._size = 0
        self._is_full = False
        spec = {name: self._safe(each) for name, each in spec.items()}
        self._add(_line_of({"format": FORMAT, "version": VERSION, "spec": spec}))
        lines = [line + b"\n" for line in entries]
        for line in reversed(lines):
            # The next one is the last of its list.
            self._kept.setdefault(_KEY.decode(line).key, []).append(line)
        for line in lines:
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
            line = waiting.pop() if waiting else None
        return None if line is None else _ENTRY.decode(line).outputs

    def keep(self, key: str, outputs: Any) -> None:
        """Keep an answer for those who resume the job; this one will not ask for it."""
        line = _line_of({"key": key, "outputs": self._safe(outputs)})
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

    def text(self) -> str:
        """The same as text, which JSON can say."""
        return self.content().decode()

    def told(self) -> dict[str, Any]:
        """The event that says how much is kept."""
        told = {"entries": self.entries, "bytes": self._size, "full": self._is_full}
        return {"event": "checkpoint", **told}

    def _add(self, line: bytes) -> None:
        is_too_long = self._size + len(line) > self._max_bytes
        if self._is_full or is_too_long or len(self._lines) > self._max_entries:
            self._is_full = True
            return
        self._lines.append(line)
        self._size += len(line)
        if self._append is not None:
            self._append(line)

    def _safe(self, value: Any) -> Any:
        if not self._hidden:
            return value
        # Not in the JSON as a whole: a key may look like a part of that.
        plain = msgspec.json.decode(encoded(value))
        return with_texts(plain, lambda text: without_secrets(text, self._hidden))


def _line_of(value: dict[str, Any]) -> bytes:
    return encoded(value) + b"\n"


def _nothing() -> None:
    pass


def read_checkpoint(content: bytes) -> Checkpoint:
    """A checkpoint from its bytes.

    What comes after a broken line is left out: it was being written when its process was killed,
    or its disk was full.

    Raises:
        InvalidArgumentError: It is none, or of another version, or holds too many answers.
    """
    if len(content) > MAX_BYTES:
        raise _wrong(f"it is longer than {MAX_BYTES} bytes")
    lines = _lines_of(content)
    try:
        header = msgspec.json.decode(next(lines, b""), type=dict[str, Any])
    except _UNREADABLE:
        raise _wrong("its first line is not that of a checkpoint") from None
    found = header.get("format"), header.get("version")
    spec = header.get("spec")
    if found != (FORMAT, VERSION) or not isinstance(spec, dict):
        raise _wrong(f"it says of itself to be {found[0]!r}, version {found[1]!r}")
    return Checkpoint(spec, tuple(_answers(lines)))


def _lines_of(content: bytes) -> Iterator[bytes]:
    """The lines that have an end, one by one: there may be as many as bytes."""
    begin = 0
    while (end := content.find(b"\n", begin)) >= 0:
        yield content[begin:end]
        begin = end + 1


def _answers(lines: Iterator[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if not _holds_answer(line):
            return
        if number == MAX_ENTRIES:
            raise _wrong(f"it holds more than {MAX_ENTRIES} answers")
        yield line


def _holds_answer(line: bytes) -> bool:
    try:
        return isinstance(_ENTRY.decode(line).outputs, list)
    except _UNREADABLE:
        return False


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
