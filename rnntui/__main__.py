"""Entry point of the command `rnntui`, and of `python -m rnntui`."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. Ctrl-C ends it in one line from the start, while its modules are still being loaded."""
    try:
        from rnntui.cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("rnntui: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
