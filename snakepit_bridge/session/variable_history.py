"""Earlier versions of a session's variables, the oldest forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snakepit_bridge.session.variable_records import Record

MAX_VERSIONS = 100
"""Earlier versions of one variable; few runs of an optimiser have more steps worth a look back."""

MAX_BYTES = 8 * 1024 * 1024
"""Of all earlier versions in one session, beside the quota for what its variables are now."""


class History:
    """Keeps what a variable was, within bounds. Touched under the lock of the store only.

    What is kept of a variable are always its latest earlier versions, without a gap.

    Args:
        max_versions: Earlier versions of one variable.
        max_bytes: Their size together, of all variables.
    """

    def __init__(self, *, max_versions: int = MAX_VERSIONS, max_bytes: int = MAX_BYTES) -> None:
        self._max_versions = max_versions
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[str, int], Record] = OrderedDict()
        self.size_bytes = 0
        """Of all that is kept."""

    def keep(self, replaced: Record) -> None:
        """Remember a version that another one has just replaced."""
        self._kept[replaced.id, replaced.version] = replaced
        self.size_bytes += replaced.size_bytes
        self._forget(replaced.id, replaced.version - self._max_versions)
        while self.size_bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.size_bytes -= oldest.size_bytes

    def before(self, current: Record) -> Iterator[Record]:
        """The kept versions of a variable before its current one, the latest first."""
        version = current.version - 1
        while (earlier := self._kept.get((current.id, version))) is not None:
            yield earlier
            version -= 1

    def forget(self, current: Record) -> None:
        """Forget a variable that is no more."""
        for earlier in list(self.before(current)):
            self._forget(earlier.id, earlier.version)

    def _forget(self, variable_id: str, version: int) -> None:
        forgotten = self._kept.pop((variable_id, version), None)
        if forgotten is not None:
            self.size_bytes -= forgotten.size_bytes
