"""``python -m genem``."""

import sys

from genem.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
