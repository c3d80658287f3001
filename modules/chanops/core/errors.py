"""The two kinds of error that are ours; anything else is a bug."""


class Problem(Exception):
    """Something a person can mend: one line that says what is wrong and what to do about it."""


class Refused(Problem):
    """Somebody asked for what they may not do."""
