"""Configuration: the files under ``etc/`` and the environment, as one frozen value; all faults at once."""

from engine.config.faults import ConfigFaults, Fault
from engine.config.loader import load
from engine.config.redaction import redacted, redacted_text, secrets_in
from engine.config.secret import Secret
from engine.config.settings import AccountSettings, Settings, StrategyChoice, TraderSettings

__all__ = [
    "AccountSettings",
    "ConfigFaults",
    "Fault",
    "Secret",
    "Settings",
    "StrategyChoice",
    "TraderSettings",
    "load",
    "redacted",
    "redacted_text",
    "secrets_in",
]
