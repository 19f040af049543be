"""The command line: parse, call, print.

Commands are declared in :mod:`estimand.cli.app`; what a command does is imported when it is called, so that
``estimand --help`` stays instant.
"""

import sys
from importlib import import_module
from typing import Any

from estimand.errors import EstimandError

BAD_INPUT = 2
VETOED = 3


def main() -> None:
    """Run the command line; exit 0 when done, 2 on bad input, 3 when the headline is vetoed."""
    status = _status()
    if status is not None:
        sys.exit(status)


def _status() -> int | None:
    """Run and answer with an exit status, leaving no error alive: its frames would outlive the libraries they hold."""
    try:
        _call()
    except EstimandError as error:
        sys.stderr.write(f"Error: {error.message}\n{error.remedy}\n")
        return BAD_INPUT
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        return _refuse_output(error)
    return None


def _call() -> None:
    """Run the command line, and find out here whether what it printed could be printed."""
    from estimand.cli.app import app

    try:
        app()
    finally:
        sys.stdout.flush()


def _refuse_output(error: OSError) -> int:
    """Say what the system would not write, or read."""
    from estimand.cli.output import abandon_output

    abandon_output()
    place = f"'{error.filename}'" if error.filename else "Standard output"
    sys.stderr.write(f"Error: {place} failed: {error.strerror or error}.\nCheck that it is there, and has room.\n")
    return BAD_INPUT


def perform(module: str, command: str, **arguments: Any) -> None:
    """Import a command's module, run it, and exit with its status."""
    status: int = getattr(import_module(f"estimand.cli.{module}"), command)(**arguments)
    if status:
        sys.exit(status)
