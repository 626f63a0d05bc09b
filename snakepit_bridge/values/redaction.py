"""Takes secrets out of a text that is about to be shown."""

from __future__ import annotations

import re

REDACTED = "<REDACTED>"

# In this order: the first is the most certain, and what it has replaced no later one matches.
_RULES = (
    (re.compile(r"(Authorization:\s*Bearer\s+)[^\s\"'\\]+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"(Bearer\s+)[A-Za-z0-9\-._~+/]+=*", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"\bsk-[A-Za-z0-9]{10,}"), f"sk-{REDACTED}"),
    # Keys that say whose they are, such as "sk-proj-" followed by letters, digits, "-" and "_".
    (re.compile(r"\bsk-(?:proj|svcacct|admin|ant|or|lf)-[A-Za-z0-9_-]{10,}"), f"sk-{REDACTED}"),
    # A quoted value under a telling name, as in JSON, in a dict's repr or as a keyword argument.
    # Quotes may be escaped, where a repr stands inside of another one.
    (
        re.compile(
            r"""((?:api[_-]?key|token|secret|password)(?:\\*["'])?\s*[:=]\s*)"""
            r"""(\\*["'])(?:\\.|[^\\])*?\2""",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\1\2{REDACTED}\2",
    ),
)


def redacted(text: str) -> str:
    """The text without what looks like a secret: bearer tokens, ``sk-`` keys, named values.

    Names are ``api_key``, ``token``, ``secret`` and ``password``, also at the end of a longer
    name; their values are found where they are quoted. No list of patterns is complete: this
    lessens what a leak costs and does not prevent one.
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
