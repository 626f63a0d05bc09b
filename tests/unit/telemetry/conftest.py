from __future__ import annotations

from collections.abc import Iterator

import pytest

from snakepit_bridge.telemetry.manager import get_backend, set_backend
from tests.unit.telemetry.recorded import Recorded


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """The backend of the process while the test runs."""
    before, backend = get_backend(), Recorded()
    set_backend(backend)
    yield backend
    set_backend(before)
