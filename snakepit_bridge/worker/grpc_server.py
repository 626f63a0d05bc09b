"""The file that Snakepit's worker process shows in its command line."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

# All of this runs before the package can be imported, in children of the worker, too. So it needs
# nothing that an interpreter has not loaded by now, pathlib included.
HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
PACKAGE = os.path.dirname(HERE)  # noqa: PTH120

STUBS = ("snakepit_bridge_pb2", "snakepit_bridge_pb2_grpc")
"""What Snakepit's adapters call the generated modules."""

RUN_ID = "--snakepit-run-id"


class OwnPackage:
    """Finds this package before a rival of its name, which may come first on the path.

    Generated modules of the rival cannot be loaded beside ours, because both describe the same
    messages; so the names that adapters import lead to ours.
    """

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where the package, or a generated module, is; everything else is found as ever."""
        del path, target
        if fullname == "snakepit_bridge":
            return PathFinder.find_spec(fullname, [os.path.dirname(PACKAGE)])  # noqa: PTH120
        if fullname in STUBS:
            # It has what a loader needs; the class of loaders would have to be imported.
            return ModuleSpec(fullname, OwnStub())  # type: ignore[arg-type]
        return None


class OwnStub:
    """Loads a generated module under its short name: the module itself, not a second one."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, imported under its full name."""
        full_name = f"snakepit_bridge.grpc._generated.{spec.name}"
        __import__(full_name)
        module = sys.modules[full_name]
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, which importing has just replaced."""
        module.__spec__ = self._own_spec


def prefer_own_package() -> None:
    """Make this package the one that is imported, whatever lies on the path."""
    # Python puts a script's folder on the path; what is in ours are no top-level modules.
    sys.path[:] = [folder for folder in sys.path if folder != HERE]
    sys.meta_path.insert(0, OwnPackage)


def show_run_id() -> None:
    """Start again as the same process, unless the run id is written as Snakepit looks for it."""
    shown = [part for word in sys.orig_argv for part in _parted(word)]
    if shown != sys.orig_argv:
        os.execv(sys.executable, shown)  # noqa: S606  (there is no shell to avoid)


def _parted(word: str) -> list[str]:
    return word.split("=", 1) if word.startswith(f"{RUN_ID}=") else [word]


def main() -> NoReturn:
    """Run the worker of this process; its exit code says how that ended."""
    show_run_id()
    import gc  # noqa: PLC0415
    import signal  # noqa: PLC0415

    # Until the worker hears signals itself, they just end it. Python's own handler would raise in
    # the midst of an import, where some code catches it, and the wish is lost.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What a start makes lives on; to look for garbage among it takes a twelfth of the time.
    gc.disable()
    from snakepit_bridge.worker.run import run  # noqa: PLC0415  (can be found only now)
    from snakepit_bridge.worker.signals import ignore_signals  # noqa: PLC0415

    code = run(sys.argv[1:])
    # The process ends as it says; who asks for its end now would make it look killed.
    ignore_signals()
    sys.exit(code)


# Children that multiprocessing starts import this file under the second name.
if __name__ in {"__main__", "__mp_main__"}:
    prefer_own_package()

if __name__ == "__main__":
    main()
