"""The part of the bot that acts on machines: the clouds of the configuration, the jobs, what may be asked of both."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chanops.configuration import Configuration
from chanops.core.confirm import Confirmations
from chanops.core.known_secrets import secrets_of
from chanops.core.masking import Mask, mask_for
from chanops.core.sections import Settings
from chanops.core.ssh_sections import SshSettings
from chanops.providers import open_provider
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.work import may_act, may_ask
from chanops.services.machines.clouds import Cloud, Clouds
from chanops.services.machines.memory import Memory
from chanops.services.machines.service import Machines, workflows
from chanops.services.pages import Pages
from chanops.services.remote.output import Writer
from chanops.services.remote.reach import Reach
from chanops.services.remote.service import Remote, remote_tellings, remote_workflows
from chanops.ssh import open_shell
from chanops.ssh.base import Limits, Shell
from chanops.ssh.known import KnownHosts

KNOWN_HOSTS = "known_hosts"


@dataclass(frozen=True)
class Opened:
    """What a configuration says of machines, ready to be used."""

    clouds: dict[str, Cloud]
    ssh: SshSettings
    shell: Shell | None
    known: KnownHosts | None
    mask: Mask


class Fleet:
    """Made once; a reload changes which clouds there are, and how machines are reached."""

    def __init__(
        self,
        database: Database,
        history: History,
        confirmations: Confirmations,
        settings: Callable[[], Settings],
        pages: Callable[[], Pages],
        beside: Callable[[str], Path],
    ) -> None:
        self.clouds = Clouds({})
        self.secrets: set[str] = set()
        self.mask = mask_for(())
        self.ssh = SshSettings()
        self.reach = Reach(settings)
        memory = Memory(database)
        self.jobs = Jobs(
            database,
            history,
            settings,
            pages,
            {
                **workflows(self.clouds, memory, settings, self.reach),
                **remote_workflows(self.reach, settings, lambda: self.mask, lambda: self.writer, beside),
            },
            remote_tellings(lambda: self.jobs, database),
        )
        self.jobs.journal.mask = history.mask = lambda text: self.mask.text(text)
        self.writer = Writer(self.jobs.journal, self.jobs.heard_news)
        self.machines = Machines(self.clouds, memory, self.jobs, confirmations, settings, beside("."))
        self.remote = Remote(self.clouds, self.jobs, confirmations, settings, self.reach, beside)

    def opened(self, configured: Configuration, *others: object) -> Opened:
        """What a configuration says; what is as before is the same, with all that waits for it.

        `others` are settings of plugins, which may hold secrets too; old ones are kept, since they may be on their way.
        """
        before = self.clouds.by_name
        clouds = {
            name: before[name]
            if name in before and before[name].settings == settings
            else Cloud(open_provider(name, settings, may_act, may_ask), settings)
            for name, settings in configured.settings.providers.items()
        }
        ssh = configured.settings.ssh
        self.secrets |= secrets_of(configured.settings, *others)
        mask = mask_for(self.secrets)
        if ssh == self.ssh and self.reach.on:
            return Opened(clouds, ssh, self.reach.engine, self.reach.hosts, mask)
        if not ssh.on:
            return Opened(clouds, ssh, None, None, mask)
        data = configured.beside(configured.settings.bot.data_dir)
        known = KnownHosts(configured.beside(ssh.known_hosts) if ssh.known_hosts else data / KNOWN_HOSTS)
        key_file = configured.beside(ssh.key_file) if ssh.key_file else None
        limits = Limits(connect=ssh.connect_timeout, idle=ssh.idle)
        shell = open_shell(known, key_file, ssh.key_passphrase.get_secret_value, ssh.agent, limits)
        if not ssh.agent:  # which may come later; a key that cannot be read is told of before anything is begun
            shell.own_keys()
        return Opened(clouds, ssh, shell, known, mask)

    def use(self, opened: Opened) -> None:
        """From now on it is so."""
        self.clouds.by_name = opened.clouds
        self.mask, self.ssh = opened.mask, opened.ssh
        old, self.reach.engine, self.reach.hosts = self.reach.engine, opened.shell, opened.known
        if old is not None and old is not opened.shell:
            old.close(at_once=False)

    def stop(self) -> None:
        """Leave all jobs as they are, and all connections."""
        self.jobs.stop()
        if self.reach.engine is not None:
            self.reach.engine.close()
