"""Which modules callers may reach: those the operator named, less what runs code."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

from snakepit_bridge.errors import NotAllowedError
from snakepit_bridge.handlers.definitions import is_public, lies_under, refusal
from snakepit_bridge.handlers.python import library, rules

CODE_EXECUTION = "The operator allows that with --allow-code-execution."

DSPY = "dspy"

MOST_KNOWN = 4096
"""Modules of which is remembered whether they are open; callers may make up more."""


class Places:
    """Decides about modules by their names. Safe to use from any thread.

    Args:
        packages: Dotted names; each covers what lies under it.
        code_execution: Whether modules count that run code somebody sends.
    """

    def __init__(self, packages: Sequence[str], *, code_execution: bool) -> None:
        self.code_execution = code_execution
        self._packages = tuple(home_of(name) for name in packages)
        self._opens = functools.lru_cache(MOST_KNOWN)(lambda module: self._decide(home_of(module)))
        self._leads = functools.lru_cache(MOST_KNOWN)(self._leads_somewhere)

    def opens(self, module: str) -> bool:
        """Whether what is defined in the module may be used."""
        return self._opens(module)

    def leads_somewhere(self, module: str) -> bool:
        """Whether the module may be used, or one that lies under it."""
        return self._leads(module)

    def require(self, module: str, name: str) -> None:
        """Refuse a thing that is defined in a module that is not open.

        Raises:
            NotAllowedError: The hint names the setting that would open it, if there is one.
        """
        if not self.opens(module):
            raise self.refusal(module, name)

    def runs_code(self, module: str) -> bool:
        """Whether the module runs code, and nothing of that kind is allowed here."""
        return not self.code_execution and _reason(home_of(module)) != ""

    def refusal(self, module: str, name: str) -> NotAllowedError:
        """Why the thing of this name, defined in this module, cannot be used."""
        home = home_of(module)
        if lies_under(home, DSPY):
            return refusal(name, "is DSPy's", "Use the 'dspy.*' commands, which know its rules.")
        setting = f"--allow {_public_part(home)}"
        why = "" if self.code_execution else _why_closed(home)
        if why:
            if self._is_named(home):
                return refusal(name, why, CODE_EXECUTION)
            hint = f"The operator allows that with {setting} --allow-code-execution."
            return refusal(name, why, hint)
        why = f"lies in {home!r}, outside of what is allowed"
        if not _public_part(home):
            return refusal(name, why)
        return refusal(name, why, f"The operator allows it with {setting}.")

    def _decide(self, home: str) -> bool:
        if lies_under(home, DSPY) or not self._is_named(home):
            return False
        return self.code_execution or not _why_closed(home)

    def _leads_somewhere(self, module: str) -> bool:
        home = home_of(module)
        inner = self._packages if _reason(home) else (*self._packages, *library.COMPUTES)
        return self.opens(module) or any(
            lies_under(name, home) and self._decide(name) for name in inner
        )

    def _is_named(self, home: str) -> bool:
        return any(lies_under(home, name) for name in self._packages)


def home_of(module: str) -> str:
    """The module whose part this one is: ``operator`` for ``_operator``, which is its C half."""
    first, dot, rest = module.partition(".")
    home = library.HALVES.get(first)
    if home is None:
        is_half = first.startswith("_") and {first, first[1:]} <= sys.stdlib_module_names
        home = first[1:] if is_half else first
    return home + dot + rest


def _why_closed(home: str) -> str:
    """Why the module needs more than its name on the list, or nothing."""
    why = _reason(home)
    first, *inner = home.split(".")
    if first in sys.stdlib_module_names:
        return (
            why if why or _computes(home) else f"lies in {first!r}, which may do more than compute"
        )
    return why or (rules.TESTS if not rules.TEST_PARTS.isdisjoint(inner) else "")


def _reason(home: str) -> str:
    """Why the module, or one it lies in, is on the list of those that are closed."""
    parts = home.split(".")
    names = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    for name in names:
        if name in library.COMPUTES:
            return ""
        if name in rules.MODULES:
            return rules.MODULES[name]
    return ""


def _computes(home: str) -> bool:
    return any(lies_under(home, area) for area in library.COMPUTES)


def _public_part(module: str) -> str:
    """The longest beginning of a dotted name that an operator would write."""
    parts = module.split(".")
    private = (number for number, part in enumerate(parts) if not is_public(part))
    return ".".join(parts[: next(private, len(parts))])
