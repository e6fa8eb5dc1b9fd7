"""`python -m rnntui` is the command `rnntui`."""

from rnntui.cli.main import main

if __name__ == "__main__":
    main()
