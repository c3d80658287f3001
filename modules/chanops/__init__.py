"""What a plugin may import, and nothing else."""

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.plugin import command, cron, daily, every, hears, on, settings
from chanops.core.settings import Secret
from chanops.core.supplies import Reload, Say
from chanops.core.text import ago, shorten, spoken
from chanops.core.words import Rest, Targets, Url

__all__ = [
    "Message",
    "Problem",
    "Reload",
    "Rest",
    "Say",
    "Secret",
    "Targets",
    "Url",
    "ago",
    "command",
    "cron",
    "daily",
    "every",
    "hears",
    "on",
    "settings",
    "shorten",
    "spoken",
]
