"""Which jobs want the main thread, by what Snakepit's callers and operators say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.words import says_yes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from snakepit_bridge.engine.job import Job

_EVERYTHING = "*"

_MODULE_ARGUMENTS = ("module_path", "python_module", "library")
_FUNCTION_ARGUMENTS = ("function", "method")


def thread_sensitive(names: Iterable[str] = ()) -> Callable[[Job], bool]:
    """A test for jobs that must run on the main thread.

    Args:
        names: Modules, e.g. ``"faiss"``, and functions of modules, e.g. ``"math_verify.verify"``,
            that work only there. Which one a job calls its arguments say, by the names that
            Snakepit's own callers use. ``"*"`` stands for whatever a job calls.

    Returns:
        True for a job whose caller set ``thread_sensitive`` in the metadata, or that calls one of
        the names.
    """
    listed = frozenset(name.strip() for name in names if name.strip())
    if _EVERYTHING in listed:
        return lambda _: True

    def is_thread_sensitive(job: Job) -> bool:
        if says_yes(job.metadata.get("thread_sensitive", "")):
            return True
        return bool(listed) and _calls_one_of(listed, job.args)

    return is_thread_sensitive


def _calls_one_of(listed: frozenset[str], args: Mapping[str, Any]) -> bool:
    module = _first_text(args, _MODULE_ARGUMENTS)
    if not module:
        return False
    function = _first_text(args, _FUNCTION_ARGUMENTS)
    return module in listed or (bool(function) and f"{module}.{function}" in listed)


def _first_text(args: Mapping[str, Any], names: Iterable[str]) -> str:
    for name in names:
        value = args.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
