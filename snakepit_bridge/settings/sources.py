"""What flags, environment and file say of the settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from snakepit_bridge.nearest import nearest
from snakepit_bridge.settings.setting import PREFIX, Setting

FILE_NAME = "snakepit-bridge.toml"
"""The file that is read from the current folder when nobody names another."""

CONFIG = "config"
"""The flag that names the file."""

_CONFIG_VARIABLE = f"{PREFIX}{CONFIG.upper()}"
"""The variable that does."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What one source says of one setting."""

    setting: Setting
    raw: Any
    origin: str
    strict: bool = False
    folder: Path | None = None
    """What a relative path starts from, where that is not the current folder."""

    def value(self) -> Any:
        """The value in the setting's type.

        Raises:
            ValueError: It is something else; says what is expected.
        """
        value = self.setting.convert(self.raw, strict=self.strict)
        if isinstance(value, Path) and self.folder is not None:
            return self.folder / value
        return value


class Sources:
    """File, environment and flags, read once.

    Args:
        known: The settings by name.
        flags: What was given on the command line, by the name of the setting.
        environ: The environment.
        cwd: The current folder.
    """

    def __init__(
        self,
        known: Mapping[str, Setting],
        *,
        flags: Mapping[str, Any],
        environ: Mapping[str, str],
        cwd: Path,
    ) -> None:
        self.problems: list[str] = []
        """What cannot be used, a sentence each; complete once ``all`` has come to its end."""
        self.warnings: list[str] = []
        """What looks like a mistake but stops nothing; complete as ``problems``."""
        self._known = known
        self._flags = flags
        # Set to nothing is as good as not set: that is how a shell takes a variable back.
        self._variables = {
            name: value for name, value in environ.items() if name.startswith(PREFIX) and value
        }
        self._cwd = cwd

    def all(self) -> Iterator[Given]:
        """Everything the sources say, the weakest source first."""
        yield from self._from_file()
        yield from self._from_environment()
        for name, raw in self._flags.items():
            if name != CONFIG and raw != ():
                setting = self._known[name]
                yield Given(setting=setting, raw=raw, origin=setting.flag)

    def _from_environment(self) -> Iterator[Given]:
        by_variable = {setting.variable: setting for setting in self._known.values()}
        for variable, text in self._variables.items():
            setting = by_variable.get(variable)
            if setting is not None:
                raw = _listed(text) if setting.is_list else text
                yield Given(setting=setting, raw=raw, origin=variable)
            elif variable != _CONFIG_VARIABLE:
                names = [name.removeprefix(PREFIX) for name in (*by_variable, _CONFIG_VARIABLE)]
                near = _nearest(variable.removeprefix(PREFIX), names, prefix=PREFIX)
                self.warnings.append(f"{variable} means nothing here{near}.")

    def _from_file(self) -> Iterator[Given]:
        named = self._flags.get(CONFIG) or self._variables.get(_CONFIG_VARIABLE)
        path = self._cwd / (named or FILE_NAME)
        for key, raw in self._read(path, must_exist=named is not None).items():
            name = key.replace("-", "_")
            origin = f"{named or FILE_NAME}: {key}"
            setting = self._known.get(name)
            if setting is None:
                self.problems.append(f"{origin} is unknown{_nearest(name, self._known)}.")
            else:
                yield Given(
                    setting=setting, raw=raw, origin=origin, strict=True, folder=path.parent
                )

    def _read(self, path: Path, *, must_exist: bool) -> Mapping[str, Any]:
        try:
            text = path.read_text(encoding="utf-8")
            # Here, because most have no file, and a server should start quickly.
            import tomllib  # noqa: PLC0415

            return tomllib.loads(text)
        except FileNotFoundError:
            if must_exist:
                self.problems.append(f"{path} does not exist.")
        except OSError as error:
            self.problems.append(f"{path} cannot be read: {error.strerror}.")
        except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError both are one
            self.problems.append(f"{path} is no TOML: {error}.")
        return {}


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _nearest(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    near = nearest(name, known)
    return f"; the nearest is {prefix}{near}" if near else ""
