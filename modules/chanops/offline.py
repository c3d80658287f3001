"""What stands for a network when there is none: it prints, or remembers, what is said."""

from dataclasses import dataclass, field

from chanops.core.text import lines_of


@dataclass
class Terminal:
    """Prints what is said."""

    spoke: bool = False

    def say(self, target: str, text: str, *, action: bool = False) -> None:
        """Print a text."""
        self.spoke = True
        for line in lines_of(text):
            print(f"* chanops {line}" if action else line, flush=True)


@dataclass
class Heard:
    """Remembers what is said, as (where, line)."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def say(self, target: str, text: str, *, action: bool = False) -> None:
        """Remember a text."""
        self.lines += [(target, f"\x01ACTION {line}\x01" if action else line) for line in lines_of(text)]
