"""The one door to DSPy, opened when the first command needs it."""

from __future__ import annotations

import importlib
import os
import re
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import DSPyError, ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST = (3, 4)
"""First version with engines (``dspy.lm15``), which the offline model is."""

TOO_NEW = (4, 0)

WANTED = "dspy>=3.4,<4"
"""What to install, as people write it for pip."""

_INSTALL = "pip install 'snakepit-bridge[dspy]'"


class DSPyDoor:
    """Imports DSPy, once, in the thread of whoever asks first; safe to use from any thread.

    The first ``open`` takes one to two seconds and belongs on a thread, never on the loop.

    Args:
        importer: Imports a module by name.
        cache_dir: Where DSPy may keep answers of language models; ``None`` keeps none, neither on
            disk nor in memory.
    """

    def __init__(
        self,
        *,
        importer: Callable[[str], Any] = importlib.import_module,
        cache_dir: str | None = None,
    ) -> None:
        self._importer = importer
        self._module: Any = None
        self.cache_dir = cache_dir

    @property
    def is_open(self) -> bool:
        """Whether ``open`` answers at once."""
        return self._module is not None

    def open(self) -> Any:
        """The ``dspy`` module.

        Raises:
            DSPyError: It is not installed, cannot be imported, or is of another version.
        """
        # Two threads may both get here before the first is done. Python's own lock lets one of them
        # import, and what follows gives the same twice.
        if self._module is None:
            module = self._import()
            _check_version(str(module.__version__))
            self._set_up_cache(module)
            self._module = module
        return self._module

    def import_module(self, name: str) -> Any:
        """Import any module by name, DSPy's own through this door.

        Raises:
            DSPyError: The name is DSPy's, and ``open`` fails.
            ImportError: There is no such module, or it cannot be imported.
        """
        if name == "dspy" or name.startswith("dspy."):
            self.open()
        return self._importer(name)

    def _import(self) -> Any:
        # litellm would fetch a price list from the network when it is imported. It reads this
        # variable and nothing else, and only here is known that it is about to be imported.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # noqa: TID251  (see above)
        try:
            return self._importer("dspy")
        except ModuleNotFoundError as error:
            if error.name == "dspy":
                raise _unusable("DSPy is not installed.", f"Run: {_INSTALL}") from error
            raise _unusable(_broken(error), f"Run: {_INSTALL}") from error
        except ImportError as error:
            raise _unusable(_broken(error), f"Run: {_INSTALL}") from error

    def _set_up_cache(self, module: Any) -> None:
        if "cache" in vars(module):
            return  # a program around the bridge has chosen one
        module.configure_cache(
            enable_disk_cache=self.cache_dir is not None,
            enable_memory_cache=self.cache_dir is not None,
            disk_cache_dir=self.cache_dir,
            # The folder may be shared; what lies in it is never unpickled into anything but data.
            restrict_pickle=True,
        )


def _check_version(version: str) -> None:
    numbers = re.match(r"(\d+)\.(\d+)", version)
    found = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if not OLDEST <= found < TOO_NEW:
        raise _unusable(
            f"DSPy {version} is installed, which the bridge does not work with.",
            f"Install {WANTED!r}, e.g.: pip install '{WANTED}'",
            version=version,
        )


def _broken(error: ImportError) -> str:
    return f"DSPy is installed but cannot be imported: {error}."


def _unusable(message: str, hint: str, **details: str) -> DSPyError:
    return DSPyError(message, {**details, "hint": hint}, code=ErrorCode.WRONG_CALL)
