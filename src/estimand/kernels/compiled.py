"""How every kernel is compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first use, free of the interpreter lock, with the machine code kept for the next process."""
    return cast("F", njit(nogil=True, cache=True)(function))
