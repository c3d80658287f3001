"""What is said in the demo: a prompt for a person, or a conversation that plays by itself and checks the answers."""

import re
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from chanops.core.text import plain
from chanops.simulator.chat import Chat, Heard

BOT = "chanops"
WITHIN, JOB_WITHIN = 10.0, 40.0
TITLE = "How the site limits requests"
SLIP = "the key is under the mat"
HELP = """\
You are alice in {channel}, logged in, with the roles admin and ops. What you type is said there. Try
  .help                                     .url https://example.org/ A title
  have you seen https://example.org/news?   .links
  .machines      .up scraper-1,scraper-2    .jobs      .cost
  .run scraper-* uname -a                   .run db one-by-one=yes uptime; df -h
  .down scraper-*     .up scraper-*         .down spider
  .log limits nick:alice                    .seen bob      .line      .missed      .forget
/guest TEXT says it as somebody who is not logged in; /quit ends.
"""


@dataclass(frozen=True)
class Stage:
    """Where the demo's network, pages and cloud are."""

    irc: tuple[str, int]
    pages: str
    cloud: str


def prompt(alice: Chat, stage: Stage) -> int:
    """Lines from a person, until /quit or the end of input."""
    print(HELP.format(channel=alice.channel))
    threading.Thread(target=show_all, args=(alice,), daemon=True).start()
    guest: Chat | None = None
    while True:
        try:
            line = input()
        except (EOFError, KeyboardInterrupt):
            break
        if line.strip() in ("/quit", "/exit"):
            break
        if line.startswith("/guest "):
            guest = guest or arrived(Chat(stage.irc, "guest", alice.channel))
            guest.say(line.removeprefix("/guest "))
        elif line.strip():
            alice.say(line)
    if guest is not None:
        guest.leave()
    return 0


def arrived(chat: Chat) -> Chat:
    """A client that is in the channel."""
    chat.wait_for(chat.nick, WITHIN)
    return chat


def show_all(chat: Chat) -> None:
    while True:
        show(chat.heard.get())


def show(heard: Heard) -> None:
    """A line as IRC clients show it."""
    print(f"<{heard.nick}> {plain(heard.text)}", flush=True)


@dataclass
class Played:
    """The played conversation; each answer must be what it should."""

    alice: Chat
    stage: Stage
    wrong: list[str] = field(default_factory=list)

    def play(self) -> int:
        """0 when every answer was right, else 1, with what was not."""
        guest = arrived(Chat(self.stage.irc, "bob", self.alice.channel))
        self.say(guest, "the numbers are at https://example.org/numbers, by the way")
        self.ask(self.alice, f".url https://example.org/rate-limits {TITLE}", f"kept: {TITLE}")
        self.ask(guest, ".url https://example.org/rate-limits", r"noted: alice posted it .* as How the site")
        self.ask(self.alice, ".help url", r"usage: \.url ADDRESS \[TITLE…\] · Put a link in the feed")
        self.ask(self.alice, ".urll https://example.org/", r"alice: no \.urll; did you mean \.url\?")
        self.ask(self.alice, ".url example.org", r"alice: address must be an address .*Usage: \.url ADDRESS")
        self.ask(guest, ".reload", r"bob: \.reload: this needs the role admin, and you are not logged in")
        self.ask(self.alice, ".whoami", r"alice: account alice on demo; roles: admin, ops")
        self.ask(self.alice, ".links numbers", r"the numbers are at .* bob, .* http")
        self.remember()
        self.ask(self.alice, ".reload", r"reloaded \d+ plugins")
        self.ask(guest, ".down db", r"bob: \.down: this needs the role ops")
        self.run_machines()
        guest.leave()
        self.read_feed()
        self.read_log()
        for each in self.wrong:
            print(f"WRONG: {each}")
        print("Every answer was what it should be." if not self.wrong else f"{len(self.wrong)} answers were wrong.")
        return 1 if self.wrong else 0

    def remember(self) -> None:
        """What was said is found again, and what should not have been said is forgotten."""
        self.ask(self.alice, '.log "numbers are"', r"\S+ \S+ <bob> the numbers are at .*/line/\d+$")
        self.ask(self.alice, ".seen bob", r"bob was seen .* in #ops, saying: .*/line/\d+$")
        self.ask(self.alice, ".line bob", r"<bob> \.reload .*/line/\d+$")
        self.say(self.alice, f"{SLIP}, but that was for another window")
        self.ask(self.alice, ".forget", r"forgotten: 1 line$")

    def run_machines(self) -> None:
        """A day of a freelancer's: machines up in the morning, down in the evening, and up again."""
        self.ask(
            self.alice, ".up scraper-1,scraper-2", r"job 1: up scraper-1, scraper-2 \(demo: s-2vcpu-4gb, fra1, .* \$"
        )
        self.see(r"job 1: done in .*scraper-1 (?:127|203)\.[\d.]+; .*scraper-2 (?:127|203)")
        self.ask(self.alice, ".machines scraper-1", r"scraper-1 +\x0303running")
        self.run_commands()
        self.ask(
            self.alice,
            ".up scraper-3 size=s-2vcpu-4bg",
            r"alice: there is no size s-2vcpu-4bg; did you mean s-2vcpu-4gb",
        )
        self.ask(self.alice, ".down spider", r"alice: spider is protected \(stop-only\)")
        shown = self.ask(
            self.alice, ".down scraper-*", r"alice: this snapshots, checks and then destroys scraper-1 \(id \d+"
        )
        code = re.search(r"\.confirm ([0-9A-Z]{6})", shown)
        self.ask(
            self.alice, f".confirm {code[1] if code else '?'}", r"job 5: down scraper-1, scraper-2 \(demo\) · saves \$"
        )
        self.see(r"job 5: done in .*snapshot scraper-1-\d{8}T\d{6}Z-j5 .*saves")
        self.ask(self.alice, ".up scraper-*", r"job 6: up scraper-1, scraper-2 .*from scraper-1-\d{8}T\d{6}Z-j5")
        self.see(r"job 6: done in .*scraper-1 (?:127|203)\.[\d.]+; .*scraper-2 (?:127|203)")
        self.ask(self.alice, ".cost", r"demo: 5 machines, 4 running · \$")

    def run_commands(self) -> None:
        """What is done on machines while they run."""
        self.ask(self.alice, ".run scraper-1 uname -a", r"job 2: scraper-1 ok in .* http")
        self.see(r"scraper-1: Linux scraper-1 ")
        self.ask(self.alice, ".run scraper-* git pull && nproc", r"job 3: 2 machines · scraper-1 ok .* scraper-2 ok ")
        self.see(r"scraper-1, scraper-2: Already up to date")
        self.see(r"scraper-1, scraper-2: 2")
        self.ask(self.alice, ".run scraper-*,db test -e /root/lock", r"job 4: 3 machines · db exit 1 in .*")

    def see(self, wanted: str) -> None:
        """Wait for the report of a job."""
        heard = self.alice.hear(lambda line: line.nick == BOT and bool(re.match(wanted, line.text)), JOB_WITHIN)
        if heard is None:
            self.wrong.append(f"{wanted!r} was not said within {JOB_WITHIN:.0f} s")
        else:
            show(heard)

    def say(self, chat: Chat, text: str) -> None:
        """Say something that needs no answer."""
        show(Heard(chat.nick, text))
        chat.say(text)

    def ask(self, chat: Chat, text: str, wanted: str) -> str:
        """Say something, and check the bot's answer, which is returned."""
        self.say(chat, text)
        heard = self.alice.hear(lambda line: line.nick == BOT, WITHIN)
        if heard is None:
            self.wrong.append(f"{text!r} was not answered within {WITHIN:.0f} s")
            return ""
        show(heard)
        self.check(bool(re.match(wanted, heard.text)), f"{text!r} was answered {heard.text!r}, not {wanted!r}")
        return heard.text

    def check(self, right: bool, complaint: str) -> None:
        if not right:
            self.wrong.append(complaint)

    def read_feed(self) -> None:
        """What somebody who was away reads."""
        address = f"{self.stage.pages}feed.rss"
        body, etag = fetch(address)
        titles = re.findall(r"<item>\s*<title>([^<]*)</title>", body)
        lines = re.findall(r'<guid isPermaLink="true">([^<]*)</guid>', body)
        print(f"\n{address} now has")
        for title, line in zip(titles, lines, strict=False):
            print(f"  {title}\n    {line}")
        self.check(TITLE in titles and len(titles) == 8, f"the feed's titles are {titles!r}")
        page, _ = fetch(lines[titles.index(TITLE)]) if TITLE in titles else ("", "")
        self.check(TITLE in page, "the line's page does not have the line")
        self.check(fetch(address, etag)[0] == "304", "an unchanged feed is not answered with 304")

    def read_log(self) -> None:
        """The day as a page, and what a search finds."""
        calendar, _ = fetch(f"{self.stage.pages}log/demo/%23ops/")
        days = re.findall(r'href="/(log/demo/%23ops/\d{4}-\d\d-\d\d)"', calendar)
        self.check(bool(days), "the calendar has no day")
        for path in days[-1:]:
            page, _ = fetch(self.stage.pages + path)
            print(f"\nThe day as a page: {self.stage.pages}{path}")
            self.check(TITLE in page, "the day's page does not have the link's title")
            self.check(SLIP not in page and "was removed" in page, "what was forgotten is on the day's page")
        found, _ = fetch(f"{self.stage.pages}search?q=numbers")
        self.check(re.search(r'href="/log/demo/%23ops/[^"]*#l\d+"', found) is not None, "the search page finds nothing")


def fetch(address: str, etag: str = "") -> tuple[str, str]:
    """A page's text and ETag; the status as text where it is not 200."""
    request = urllib.request.Request(address, headers={"If-None-Match": etag} if etag else {})  # noqa: S310  our own
    try:
        with urllib.request.urlopen(request, timeout=WITHIN) as response:  # noqa: S310  our own
            return response.read().decode(), response.headers.get("ETag", "")
    except urllib.error.HTTPError as error:
        return str(error.code), ""
