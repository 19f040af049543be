"""An estimate's influence function, tied to the rows it came from."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from estimand.core.frozen import locked
from estimand.core.jsonable import ArrayStore, Json, decode, encode
from estimand.errors import DesignError, UnsupportedError
from estimand.stats.arrays import AnyArray, Floats, Ints
from estimand.stats.influence import influence_covariance, place, sum_within


class Influence:
    """One number per independent unit and term: ``estimate - truth ≈ Σψ / n``.

    Parameters
    ----------
    rows : ndarray of shape (n, k) or callable returning one
        ψ per row of the sample used; a callable is run when ψ is first asked for.
    units : ndarray of shape (n,)
        Independent unit of each row, in the codes of the root sample.
    n : int
        Divisor: rows of the sample used.
    root : str
        Fingerprint of the root sample; only influences of one root can be joined.
    """

    __slots__ = ("_names", "_psi", "_rows", "_unit_codes", "_units", "n", "root")

    def __init__(self, rows: Floats | Callable[[], Floats], units: Ints, n: int, root: str) -> None:
        self._rows: Floats | Callable[[], Floats] | None = rows if callable(rows) else locked(rows)
        self._units = locked(units)
        self._psi: Floats | None = None
        self._unit_codes: Ints | None = None
        self._names: Mapping[str, Json] | None = None
        self.n = n
        self.root = root

    def _summed(self) -> tuple[Floats, Ints]:
        if self._psi is None or self._unit_codes is None:
            rows: Floats = self._rows() if callable(self._rows) else np.asarray(self._rows)
            codes, positions = np.unique(self._units, return_inverse=True)
            alone = codes.shape[0] == rows.shape[0]
            psi = place(rows, positions, codes.shape[0]) if alone else sum_within(rows, positions, codes.shape[0])
            self._psi, self._unit_codes, self._rows = locked(psi), locked(codes), None
        return self._psi, self._unit_codes

    @property
    def psi(self) -> Floats:
        """ψ summed to the independent unit, shape (m, k)."""
        return self._summed()[0]

    @property
    def units(self) -> Ints:
        """Codes of the independent units, ascending, shape (m,)."""
        return self._summed()[1]

    def covariance(self) -> Floats:
        """Covariance ``Σψψ'/n²`` of shape (k, k)."""
        return influence_covariance(self.psi, self.n)

    def mapped(self, matrix: Floats) -> "Influence":
        """Influence of linear combinations of the terms."""
        return Influence(self.psi @ matrix.T, self.units, self.n, self.root)

    def __reduce__(self) -> tuple[object, ...]:
        if self._names is not None:
            return Influence.from_dict, (dict(self._names),)
        return Influence, (self.psi, self.units, self.n, self.root)

    def __repr__(self) -> str:
        return f"Influence(n={self.n}, root={self.root[:8]})"

    def to_dict(self, store: ArrayStore | None = None) -> dict[str, Json]:
        """Return the influence as JSON, its arrays by reference where large."""
        if self._names is not None:
            return dict(self._names)
        return {
            "psi": encode(self.psi, store),
            "units": encode(self.units, store),
            "n": self.n,
            "root": self.root,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], arrays: Mapping[str, AnyArray] | None = None) -> "Influence":
        """Rebuild an influence from its JSON; without the arrays it names, ψ cannot be read."""
        named = [item["$array"] for item in (data["psi"], data["units"]) if isinstance(item, Mapping)]
        if any(arrays is None or name not in arrays for name in named):
            absent = cls(_not_loaded, np.empty(0, dtype=np.int64), data["n"], data["root"])
            absent._names = dict(data)
            return absent
        psi, units = (decode(data[part], arrays) for part in ("psi", "units"))
        return cls(np.atleast_2d(psi), units, data["n"], data["root"])


def _not_loaded() -> Floats:
    raise UnsupportedError(
        "The influence function was not loaded with the record.",
        remedy="Load the record from its folder, with the arrays beside it: StudyRecord.load(folder).",
    )


def joint_psi(influences: tuple[Influence, ...]) -> Floats:
    """ψ/n of several estimates side by side over the union of their units, zero where unused.

    Returns
    -------
    ndarray of shape (m, Σk)
        ``joint.T @ joint`` is the joint covariance of all terms.

    Raises
    ------
    DesignError
        If the estimates come from different data.
    """
    roots = {influence.root for influence in influences}
    if len(roots) > 1:
        raise DesignError(
            "Estimates from different data have no joint influence function.",
            remedy="Compare estimates of one study, or treat them as independent.",
        )
    units = np.unique(np.concatenate([influence.units for influence in influences]))
    blocks = [
        place(influence.psi / influence.n, np.searchsorted(units, influence.units), units.shape[0])
        for influence in influences
    ]
    return np.hstack(blocks)
