"""For all tests: the real servers of servers.py and sshd.py, and this folder's modules under their plain names."""

import sys
from pathlib import Path

# Behind all others: the folder irc beside this file must not hide the library of that name.
sys.path.append(str(Path(__file__).parent))
pytest_plugins = ["servers", "sshd", "chanops.testing"]
