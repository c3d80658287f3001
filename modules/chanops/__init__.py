"""What a plugin may import, and nothing else."""

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.money import an_hour
from chanops.core.plugin import command, cron, daily, every, hears, on, settings
from chanops.core.settings import Secret
from chanops.core.supplies import Reload, Say, Tell
from chanops.core.table import table
from chanops.core.text import ago, shorten, spoken
from chanops.core.words import Arguments, Flag, Rest, Targets, Url

__all__ = [
    "Arguments",
    "Flag",
    "Message",
    "Problem",
    "Reload",
    "Rest",
    "Say",
    "Secret",
    "Targets",
    "Tell",
    "Url",
    "ago",
    "an_hour",
    "command",
    "cron",
    "daily",
    "every",
    "hears",
    "on",
    "settings",
    "shorten",
    "spoken",
    "table",
]
