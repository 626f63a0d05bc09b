"""Regular expressions from callers, searched for a bounded time."""

from __future__ import annotations

MAX_PATTERN = 256
"""Characters of a pattern; longer ones are programs."""

MAX_TEXT = 4096
"""Characters of a text that is searched."""

SEARCH_TIMEOUT_S = 0.1
"""Seconds of one search; ordinary ones take microseconds."""


class TextPattern:
    r"""A regular expression that cannot stop the process.

    Python's own matcher takes for ever over ``(a|aa)+$`` and holds the interpreter meanwhile, so
    whoever may send a pattern could stop every other command. The ``regex`` package gives up after
    a time and lets other threads run; it knows all that Elixir's expressions use, lookaround,
    ``\b`` and back-references included.

    Args:
        pattern: At most ``MAX_PATTERN`` characters.

    Raises:
        ValueError: The pattern is too long, or no regular expression; says why.
    """

    def __init__(self, pattern: str) -> None:
        # Imported here: few sessions have patterns, and it takes longer than all of this package.
        import regex  # noqa: PLC0415

        if len(pattern) > MAX_PATTERN:
            text = f"has {len(pattern)} characters; {MAX_PATTERN} are possible"
            raise ValueError(text)
        try:
            self._pattern = regex.compile(pattern)
        except (regex.error, OverflowError, RecursionError) as error:
            text = f"is broken: {error}"
            raise ValueError(text) from error

    def found_in(self, text: str) -> bool:
        """Whether the pattern is found anywhere in the text.

        Raises:
            ValueError: The text has more than ``MAX_TEXT`` characters, or the search takes too
                long.
        """
        if len(text) > MAX_TEXT:
            reason = f"has {len(text)} characters; {MAX_TEXT} can be searched"
            raise ValueError(reason)
        try:
            found = self._pattern.search(text, timeout=SEARCH_TIMEOUT_S, concurrent=True)
        except TimeoutError as error:
            reason = f"cannot be searched within {SEARCH_TIMEOUT_S} s"
            raise ValueError(reason) from error
        return found is not None
