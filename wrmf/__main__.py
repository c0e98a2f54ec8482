"""``python -m wrmf`` runs the command ``wrmf``."""

import sys

from wrmf.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
