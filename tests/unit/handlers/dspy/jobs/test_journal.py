from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.journal import (
    FORMAT,
    MAX_BYTES,
    MAX_ENTRIES,
    JobJournal,
    read_checkpoint,
)

SPEC = {"kind": "optimize"}


def resumed(journal: JobJournal, **options: Any) -> JobJournal:
    checkpoint = read_checkpoint(journal.content())
    return JobJournal(checkpoint.spec, entries=checkpoint.entries, **options)


def test_answers_come_back_in_order_each_once() -> None:
    first = JobJournal(SPEC)
    for key, text in [("a", "1"), ("b", "2"), ("a", "3")]:
        first.keep(key, [text])

    second = resumed(first)

    assert [second.find("a"), second.find("a"), second.find("a")] == [["1"], ["3"], None]
    assert second.find("b") == ["2"]
    assert second.find("c") is None


def test_what_a_job_keeps_itself_it_does_not_find() -> None:
    """The same request may want another answer, e.g. at a temperature above 0."""
    journal = JobJournal(SPEC)
    journal.keep("a", ["1"])

    assert journal.find("a") is None


def test_a_resumed_job_can_be_resumed() -> None:
    first = JobJournal(SPEC)
    first.keep("a", ["1"])
    second = resumed(first)
    second.find("a")
    second.keep("b", [{"text": "2"}])

    third = resumed(second)

    assert third.entries == 2
    assert (third.find("a"), third.find("b")) == (["1"], [{"text": "2"}])


def test_the_checkpoint_is_lines_of_json() -> None:
    journal = JobJournal(SPEC)
    journal.keep("a", ["ü"])

    header, entry = map(json.loads, journal.content().splitlines())

    assert header == {"format": FORMAT, "version": 1, "spec": SPEC}
    assert entry == {"key": "a", "outputs": ["ü"]}
    assert journal.size_bytes == len(journal.content())
    assert journal.text().encode() == journal.content()


def test_secrets_are_blotted_out() -> None:
    journal = JobJournal({"note": "the key sk-12345678"}, hidden=["sk-12345678", ""])
    journal.keep("a", ["sk-12345678 is the key"])

    assert b"sk-12345678" not in journal.content()
    assert b"*** is the key" in journal.content()


def test_what_is_too_much_is_not_kept_and_said_once() -> None:
    told: list[None] = []
    journal = JobJournal(SPEC, max_bytes=400)
    journal.when_full(lambda: told.append(None))
    for _ in range(5):
        journal.keep("a", ["x" * 100])

    assert (journal.entries, journal.is_full, len(told)) == (2, True, 1)
    assert journal.told() == {
        "event": "checkpoint",
        "entries": 2,
        "bytes": len(journal.content()),
        "full": True,
    }
    assert resumed(journal).entries == 2


def test_being_full_need_not_be_said() -> None:
    journal = JobJournal(SPEC, max_bytes=10)
    journal.keep("a", ["1"])

    assert (journal.entries, journal.is_full, journal.content()) == (0, True, b"")


def test_short_answers_are_limited_by_their_number() -> None:
    journal = JobJournal(SPEC, max_entries=2)
    for number in range(4):
        journal.keep(str(number), ["1"])

    assert (journal.entries, journal.is_full) == (2, True)
    line = b'{"key":"","outputs":[]}\n'
    assert len(read_checkpoint(JobJournal(SPEC).content() + line * MAX_ENTRIES).entries) > 1000
    with pytest.raises(InvalidArgumentError, match="more than 100000 answers"):
        read_checkpoint(JobJournal(SPEC).content() + line * (MAX_ENTRIES + 1))


def test_a_hostile_checkpoint_costs_little() -> None:
    lines = b"".join(b'{"key":"%d","outputs":[]}\n' % number for number in range(50_000))
    content = JobJournal(SPEC).content() + lines
    tracemalloc.start()
    try:
        checkpoint = read_checkpoint(content)
        journal = JobJournal(checkpoint.spec, entries=checkpoint.entries)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert journal.entries == 50_000
    assert used < 20 * len(content)


def test_many_empty_lines_are_not_even_counted() -> None:
    content = JobJournal(SPEC).content() + b"\n" * 10_000_000
    tracemalloc.start()
    try:
        assert read_checkpoint(content).entries == ()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize("key", ["1", "key", "version", "outputs", '"entries"', "a\nb\tcdef"])
def test_a_key_is_not_taken_for_a_part_of_the_json(key: str) -> None:
    journal = JobJournal({"n": 1, "told": f"it is {key}"}, hidden=[key])
    journal.keep("a", [{"text": f"{key}!", "n": 1.5}])

    checkpoint = read_checkpoint(journal.content())
    (entry,) = [json.loads(line) for line in checkpoint.entries]

    shown = key if len(key) < 6 else "***"
    assert checkpoint.spec == {"n": 1, "told": f"it is {shown}"}
    assert entry == {"key": "a", "outputs": [{"text": f"{shown}!", "n": 1.5}]}


def test_half_a_character_fails_nothing() -> None:
    journal = JobJournal({"note": "half \ud800"})
    journal.keep("\ud800", [{"text": "half \ud800"}])

    assert resumed(journal).find("?") == [{"text": "half ?"}]


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"",
        b'{"key": "a", "outputs": "text"}',
        b'{"key": 1, "outputs": []}',
        b'{"key": "a", "outputs": ' + b"[" * 100_000,
        b'{"key": "\xff", "outputs": []}',
    ],
)
def test_reading_stops_at_a_broken_line(line: bytes) -> None:
    journal = JobJournal(SPEC)
    journal.keep("a", ["1"])
    whole = journal.content()

    assert len(read_checkpoint(whole + line + b"\n" + whole).entries) == 1


def test_lines_are_appended_as_they_come() -> None:
    lines: list[bytes] = []
    journal = JobJournal(SPEC)
    journal.keep("a", ["1"])
    journal.write_to(lines.append)
    journal.keep("b", ["2"])

    assert b"".join(lines) == journal.content()


def test_a_line_without_an_end_is_left_out() -> None:
    journal = JobJournal(SPEC)
    journal.keep("a", ["1"])
    journal.keep("b", ["2"])

    assert len(read_checkpoint(journal.content()[:-5]).entries) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "first line"),
        (b"\n", "first line"),
        (b"[]\n", "first line"),
        (b"{}\n", "None"),
        (b'{"format": "pickle", "version": 1, "spec": {}}\n', "'pickle'"),
        (b'{"format": "snakepit-bridge.dspy-job", "version": 2, "spec": {}}\n', "version 2"),
        (b'{"format": "snakepit-bridge.dspy-job", "version": 1, "spec": []}\n', "version 1"),
        (b"[" * 1_000_000 + b"\n", "first line"),
        (b" " * (MAX_BYTES + 1), "longer"),
    ],
)
def test_what_is_no_checkpoint_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why) as caught:
        read_checkpoint(content)

    assert "dspy.job_checkpoint" in caught.value.hint
