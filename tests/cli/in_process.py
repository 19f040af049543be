"""The command line within the process of the test."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from estimand import cli


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Ended]


def command_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """A call of the command line with the arguments given to it."""

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["estimand", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return Ended(int(ended.value.code or 0), shown.out, shown.err)

    return call
