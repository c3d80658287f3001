"""python -m chanops."""

import sys

from chanops.cli import main

if __name__ == "__main__":
    sys.exit(main())
