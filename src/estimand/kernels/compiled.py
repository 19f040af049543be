"""How every kernel is compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first use, free of the interpreter lock, with the machine code kept for the next process."""
    return cast("F", njit(nogil=True, cache=True)(function))


def compiled_wide(function: F) -> F:
    """Compile likewise, dividing by zero as arrays do: loops without that check run several numbers at a time."""
    return cast("F", njit(nogil=True, cache=True, error_model="numpy")(function))
