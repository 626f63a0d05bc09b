"""What the operator decides."""

from snakepit_bridge.settings.model import Settings, SettingsError, all_settings, environment
from snakepit_bridge.settings.setting import Setting

__all__ = ["Setting", "Settings", "SettingsError", "all_settings", "environment"]
