"""Run the command line with ``python -m skyfence``."""

from skyfence.cli.main import main

if __name__ == "__main__":
    main()
