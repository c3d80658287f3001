#!/usr/bin/env python3
"""Start chanops from a checkout, without installing it: python bot.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "modules"))

try:
    from chanops.cli import main
except ModuleNotFoundError as missing:
    if missing.name and missing.name.split(".")[0] == "chanops":
        raise
    print(f"chanops needs the package {missing.name}: run `pip install -e .` in this folder", file=sys.stderr)
    sys.exit(2)

if __name__ == "__main__":
    sys.exit(main())
