from __future__ import annotations

import threading

from snakepit_bridge.handlers.dspy.jobs.lines import MAX_LINE, Lines


def told(*pieces: str) -> list[str]:
    heard: list[str] = []
    lines = Lines(heard.append)
    for piece in pieces:
        lines.write("stdout", piece)
    lines.flush()
    return heard


def test_pieces_become_lines() -> None:
    assert told("one", " line\nand ", "another\n\n", "the end") == [
        "one line",
        "and another",
        "the end",
    ]


def test_a_progress_bar_is_one_line_in_the_end() -> None:
    assert told("\r 10%", "\r 50%", "\r100%", "\n") == ["100%"]
    assert told("\r 10%|#", "\r 20%|##") == ["20%|##"]
    assert told("50%\r", "\n") == ["50%"]


def test_colours_are_left_out() -> None:
    assert told("\x1b[92mBest\x1b[0m score\x1b[A\n") == ["Best score"]


def test_a_line_has_a_longest_length() -> None:
    assert told("x" * 10 * MAX_LINE, "y" * 10 * MAX_LINE) == ["x" * MAX_LINE]


def test_threads_do_not_write_into_each_others_lines() -> None:
    heard: list[str] = []
    lines = Lines(heard.append)
    lines.write("stdout", "mine ")
    thread = threading.Thread(target=lines.write, args=("stdout", "theirs\n"))
    thread.start()
    thread.join()
    lines.write("stdout", "alone\n")

    assert heard == ["theirs", "mine alone"]


def test_streams_do_not_write_into_each_others_lines() -> None:
    heard: list[str] = []
    lines = Lines(heard.append)
    lines.write("stdout", "out ")
    lines.write("stderr", "err\n")
    lines.write("stdout", "again\n")

    assert heard == ["err", "out again"]
