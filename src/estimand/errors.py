"""One error tree, so that every refusal says what happened, where, and what to do.

::

    EstimandError (ValueError)
    ├── DataError             the table cannot be used as it is
    ├── DesignError           the study or its mapping contradicts itself
    ├── IdentificationError   the data cannot answer this question
    ├── ConvergenceError      a fit did not reach its optimum
    ├── UnsupportedError      a combination this version does not offer
    └── MissingDependency     an optional package is not installed
"""

from enum import StrEnum
from typing import Self


class Code(StrEnum):
    """Machine-readable reason of an error; a server maps it to a status."""

    INVALID_MAPPING = "INVALID_MAPPING"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    INSUFFICIENT_OVERLAP = "INSUFFICIENT_OVERLAP"
    NOT_IDENTIFIED = "NOT_IDENTIFIED"
    NOT_CONVERGED = "NOT_CONVERGED"
    UNSUPPORTED = "UNSUPPORTED"
    MISSING_DEPENDENCY = "MISSING_DEPENDENCY"
    UNREADABLE_FILE = "UNREADABLE_FILE"


class EstimandError(ValueError):
    """Root of every error the product raises on purpose.

    Parameters
    ----------
    message : str
        What happened and where, in one sentence.
    remedy : str
        What to do about it.
    code : Code, optional
        Defaults to the class's own code.
    found, expected : object, optional
        What was there and what would have been right.
    """

    default_code = Code.UNSUPPORTED

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        code: Code | None = None,
        found: object = None,
        expected: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = self.default_code if code is None else code
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.message, self.remedy, self.code, self.found, self.expected)

    def to_dict(self) -> dict[str, object]:
        """Return the error as plain JSON values."""
        return {
            "code": str(self.code),
            "message": self.message,
            "remedy": self.remedy,
            "found": None if self.found is None else str(self.found),
            "expected": None if self.expected is None else str(self.expected),
        }

    @classmethod
    def because(cls, cause: BaseException, message: str, *, remedy: str, code: Code | None = None) -> Self:
        """Build the error from a foreign exception, keeping its first line as ``found``."""
        first_line = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        return cls(message, remedy=remedy, code=code, found=first_line)


def _restore(
    kind: type[EstimandError], message: str, remedy: str, code: Code, found: object, expected: object
) -> EstimandError:
    return kind(message, remedy=remedy, code=code, found=found, expected=expected)


class DataError(EstimandError):
    """The table cannot be used as it is."""

    default_code = Code.INSUFFICIENT_DATA


class DesignError(EstimandError):
    """The study, the design or an option contradicts itself or the table."""

    default_code = Code.INVALID_MAPPING


class IdentificationError(EstimandError):
    """The data cannot answer this question, whatever the method."""

    default_code = Code.NOT_IDENTIFIED


class ConvergenceError(EstimandError):
    """A fit did not reach its optimum."""

    default_code = Code.NOT_CONVERGED


class UnsupportedError(EstimandError):
    """A combination of design, source, target and method that is not offered."""

    default_code = Code.UNSUPPORTED


class MissingDependency(EstimandError):
    """An optional package is not installed."""

    default_code = Code.MISSING_DEPENDENCY
