"""``python -m wrmf`` is the command ``wrmf``."""

import sys

from wrmf.cli import main

if __name__ == "__main__":
    sys.exit(main())
