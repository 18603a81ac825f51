"""The ``engine`` command; ``python -m engine`` is the same."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from engine.cli.commands import run_command_line

    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
