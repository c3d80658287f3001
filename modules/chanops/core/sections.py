"""The sections of the configuration: each key, its default, and under it what it is for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chanops.core.access import fold
from chanops.core.errors import Problem
from chanops.core.machine_sections import (
    MACHINE_NAMED,
    MACHINE_SINGLE,
    NO_SECRET,
    HostSettings,
    JobSettings,
    MachineSettings,
    ProviderSettings,
    check_machines,
)
from chanops.core.settings import (
    Channels,
    Host,
    HostAndPort,
    Line,
    LogLevel,
    OneWord,
    Reveal,
    Seconds,
    Secret,
    WebRoot,
    Words,
    Zone,
    checked,
    section,
    split,
)
from chanops.core.ssh_sections import SSH_NAMED, SSH_SINGLE, KeySettings, SshSettings, check_ssh
from chanops.core.text import near, visible


@section
class BotSettings:
    """The bot itself."""

    data_dir: str = "data"
    """Where it keeps its database; relative to this file. Made if missing; nobody else may read it."""
    log_level: LogLevel = "info"
    """How much it writes to standard error: debug, info, warning or error."""
    prefix: OneWord = "."
    """What a command begins with."""
    plugins: Words = ()
    """Folders with plugins of your own; nobody else may be able to write to them."""
    skip: Words = ()
    """Plugins to leave out, by name."""
    workers: int = 8
    """Threads that run plugins; one plugin can hold a quarter of them at most."""
    timezone: Zone = "UTC"
    """The zone of @daily and @cron where a plugin names none."""


@section
class NetworkSettings:
    """A network to connect to, one section each; NAME is what you call it."""

    host: Host
    """The server's name or address."""
    port: int = 6697
    """Its port."""
    tls: bool = True
    """Whether to speak TLS; the certificate is always checked."""
    tls_ca_file: str = ""
    """Certificates to trust instead of the system's, for a server of your own."""
    nick: OneWord = "chanops"
    """The nick; where it is taken, one with _ behind it."""
    user: OneWord = "chanops"
    """The user name shown before the host."""
    realname: Line = "chanops, a bot"
    """The real name shown in WHOIS."""
    password: Secret = NO_SECRET
    """The server's password, if it wants one."""
    channels: Channels = ()
    """The channels to join; commands work there and nowhere else."""
    sasl_user: Line = ""
    """The bot's services account. With it, the bot does not come online until it is logged in."""
    sasl_password: Secret = NO_SECRET
    """The account's password; sent over TLS only, or to this very machine."""
    reconnect_min: Seconds = 2.0
    """The first wait before connecting again; it doubles."""
    reconnect_max: Seconds = 300.0
    """The longest wait before connecting again."""
    send_burst: int = 5
    """Lines that may be sent at once."""
    send_interval: Seconds = 1.5
    """After them, one line in that time: most networks throw out whoever is faster."""


@section
class ChannelSettings:
    """A channel that differs from the others; #NAME, or NETWORK/#NAME where several networks have it."""

    log: bool = True
    """Whether what is said there is kept; a line that begins with [off] never is."""
    keep: int = 0
    """For how many days its lines are kept; 0 is for ever."""
    private: bool = False
    """Whether its pages and feeds are only for holders of a token (chanops token add NAME)."""
    links: bool = True
    """Whether addresses mentioned there are kept."""
    feed: bool = True
    """Whether its links and lines are for everybody's eyes; without, it is as private."""
    titles: bool = False
    """Whether the bot says the titles of the pages that are mentioned there."""
    commands: Words = ("*",)
    """The commands that work there; * is all."""

    @property
    def open(self) -> bool:
        """Whether everybody may see its lines and links."""
        return self.feed and not self.private


@section
class DatabaseSettings:
    """Where all is kept."""

    url: Secret = NO_SECRET
    """postgresql+psycopg://USER:PASSWORD@HOST/NAME; empty: SQLite in data_dir, which is right for most."""


@section
class WebSettings:
    """The pages and feeds. Reading only: nothing can be done through them."""

    listen: HostAndPort = "127.0.0.1:8080"
    """Where they are served; put a reverse proxy in front for the world. Empty: not at all."""
    url: WebRoot = ""
    """The address under which people reach them, as it is to appear in links."""
    machines: bool = True
    """Whether machines and jobs have pages, and ended jobs appear in the feeds."""
    index: bool = False
    """Whether search engines are asked in."""
    metrics: bool = True
    """Whether /metrics has figures for Prometheus: counts only, no names."""


@section
class FeedSettings:
    """The feed."""

    title: Line = "Links and jobs"
    """Its title."""
    items: int = 50
    """How many of the newest links and jobs it holds."""
    hub: Line = ""
    """A WebSub hub that is told of news, such as https://pubsubhubbub.appspot.com/; empty: none."""


@section
class TitleSettings:
    """The titles of pages whose links are posted. Only public addresses are asked, however they are spelt."""

    fetch: bool = True
    """Whether titles are fetched at all."""
    hosts: Words = ()
    """Hosts of your own that may be asked although they are not public, as HOST or HOST:PORT."""
    ports: Words = ("80", "443")
    """The ports that may be asked elsewhere."""
    seconds: Seconds = 5.0
    """The time for all of it: name, connection, redirects, page."""


USUAL = ChannelSettings()


@dataclass(frozen=True)
class Settings:
    """The whole configuration; sections of plugins are in `plugins`, by class."""

    bot: BotSettings = field(default_factory=BotSettings)
    networks: Mapping[str, NetworkSettings] = field(default_factory=dict)
    channels: Mapping[str, ChannelSettings] = field(default_factory=dict)
    web: WebSettings = field(default_factory=WebSettings)
    feed: FeedSettings = field(default_factory=FeedSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    titles: TitleSettings = field(default_factory=TitleSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    machines: Mapping[str, MachineSettings] = field(default_factory=dict)
    hosts: Mapping[str, HostSettings] = field(default_factory=dict)
    ssh: SshSettings = field(default_factory=SshSettings)
    keys: Mapping[str, KeySettings] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)  # may hold secrets

    def channel(self, network: str, name: str) -> ChannelSettings:
        """The settings of one channel."""
        if not self.channels:
            return USUAL
        given = self.channels.get(f"{network}/{name}") or self.channels.get(name)
        if given is None:  # a log that was kept elsewhere may have it in other letters
            folded = {fold(each): its for each, its in self.channels.items()}
            given = folded.get(fold(f"{network}/{name}")) or folded.get(fold(name))
        return given or USUAL

    def is_open(self, network: str, name: str) -> bool:
        """Whether what is said in a channel just now is for everybody: not where the bot is to be no more."""
        given = self.networks.get(network)
        left = given is not None and fold(name) not in {fold(each) for each in given.channels}
        return self.channel(network, name).open and not left

    def nick(self, network: str) -> str:
        """The nick that the bot wants on a network."""
        given = self.networks.get(network)
        return given.nick if given else NetworkSettings.nick


SINGLE = {
    "bot": BotSettings,
    "database": DatabaseSettings,
    "web": WebSettings,
    "feed": FeedSettings,
    "titles": TitleSettings,
    **MACHINE_SINGLE,
    **SSH_SINGLE,
}
NAMED = {"network": NetworkSettings, "channel": ChannelSettings, **MACHINE_NAMED, **SSH_NAMED}


def settings_from(sections: Mapping[str, Mapping[str, str]], reveal: Reveal) -> Settings:
    """Settings from the sections of an INI file; those that are not ours are left in `others` for plugins."""
    values: dict[str, Any] = {**{f"{kind}s": {} for kind in NAMED}, "others": {}}
    for name, keys in sections.items():
        kind, colon, own = name.partition(":")
        if name in SINGLE:
            values[name] = checked(SINGLE[name], name, keys, reveal)
        elif name == "roles":
            values["roles"] = {role: split(members) for role, members in keys.items()}
        elif colon and kind in NAMED and own.strip():
            values[f"{kind}s"][own.strip()] = checked(NAMED[kind], name, keys, reveal)
        else:
            values["others"][name] = keys
    settings = Settings(**values)
    check_together(settings)
    return settings


def check_together(settings: Settings) -> None:
    """What can only be seen in more than one key."""
    for name, network in settings.networks.items():
        shown = f"[network:{name}]"
        if "/" in name or visible(name) != name or " " in name:
            raise Problem(f"{shown}: a network's name is one word without a slash")
        if bool(network.sasl_user) != bool(network.sasl_password.get_secret_value()):
            raise Problem(f"{shown}: sasl_user and sasl_password go together: give both or neither")
        if network.sasl_user and not network.tls and network.host not in ("127.0.0.1", "::1", "localhost"):
            raise Problem(f"{shown}: sasl_password would be sent in clear: set tls = yes")
        if not 0 < network.reconnect_min <= network.reconnect_max:
            raise Problem(f"{shown}: reconnect_min must be above zero and at most reconnect_max")
        if not 0 < network.port < 65536:
            raise Problem(f"{shown}: port must be from 1 to 65535")
        if network.send_burst < 1:
            raise Problem(f"{shown}: send_burst must be at least 1")
    if not 2 <= settings.bot.workers <= 256:
        raise Problem("[bot] workers must be from 2 to 256")
    if not 1 <= settings.feed.items <= 1000:
        raise Problem("[feed] items must be from 1 to 1000")
    for name, channel in settings.channels.items():
        if channel.keep < 0:
            raise Problem(f"[channel:{name}] keep is a number of days, or 0 for ever")
    if not all(port.isdecimal() and 0 < int(port) < 65536 for port in settings.titles.ports):
        raise Problem("[titles] ports are numbers from 1 to 65535, with blanks between")
    check_channels(settings)
    check_machines(settings.providers, settings.machines, settings.hosts, settings.jobs)
    check_ssh(settings.ssh, settings.keys, settings.hosts, settings.machines)


def check_channels(settings: Settings) -> None:
    """A [channel:…] section must be about a channel that the bot joins."""
    joined = {f"{name}/{each}" for name, network in settings.networks.items() for each in network.channels}
    known = joined | {each.partition("/")[2] for each in joined}
    for name in settings.channels:
        if name not in known:
            nearest = near(name, known)
            raise Problem(
                f"[channel:{name}]: no network's channels has it" + (f"; did you mean {nearest}?" if nearest else "")
            )


def unknown_section(name: str, sections: Iterable[str]) -> Problem:
    """What to say of a section that neither we nor any plugin knows."""
    known = [*SINGLE, "roles", *(f"{kind}:" for kind in NAMED), *sections]
    nearest = near(name.partition(":")[0], [each.rstrip(":") for each in known])
    shown = f"{nearest}:NAME" if nearest in NAMED else nearest
    return Problem(
        f"[{name}]: there is no such section; "
        + (f"did you mean [{shown}]?" if nearest else f"there are {', '.join(f'[{each}]' for each in known)}")
    )
