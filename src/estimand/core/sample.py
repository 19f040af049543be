"""One read of the data, ready for any method: outcomes, arms, features, identity, and what was dropped."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from estimand.core.finding import Finding
from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import Json
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.stats.arrays import AnyArray, Bools, Floats, Hashes, Ints
from estimand.stats.levels import tallied

# Of a sample's roles: when a unit was first exposed, and the day since then of a row.
EXPOSED_ROLE, DAY_ROLE = "exposed", "day"
# In which arm of other experiments it was.
OTHER_ROLE = "other_experiments"


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the encoded covariates.

    Attributes
    ----------
    name : str
        Label for people: ``age``, ``region = north``, ``age is missing``.
    source : str
        The data column it was made from.
    level : str or None
        The category it marks, for a one-hot column.
    """

    name: str
    source: str
    level: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Encoded(Frozen):
    """Numeric covariates: categories full one-hot, so that ``stats`` picks the reference.

    Attributes
    ----------
    values : ndarray of shape (n, p)
    features : tuple of Feature, of length p
    """

    values: Floats
    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Labels of the columns."""
        return tuple(feature.name for feature in self.features)

    def take(self, rows: AnyArray) -> "Encoded":
        """Keep the given rows."""
        return Encoded(_rows(self.values, rows), self.features)

    def without(self, source: str) -> "Encoded":
        """Leave out every column made from one data column."""
        keep = [j for j, feature in enumerate(self.features) if feature.source != source]
        return Encoded(self.values[:, keep], tuple(self.features[j] for j in keep))


@dataclass(frozen=True, slots=True)
class Drop:
    """Rows left out, and why."""

    reason: str
    column: str
    rows: int

    def to_dict(self) -> dict[str, Json]:
        """Return the drop as JSON."""
        return {"reason": self.reason, "column": self.column, "rows": self.rows}


@dataclass(frozen=True, slots=True, eq=False)
class Sample(Frozen):
    """Rows a study may use.

    Attributes
    ----------
    outcomes : mapping of str to ndarray of shape (n,)
        Not-a-number where ``present`` is False.
    present : mapping of str to ndarray of shape (n,) of bool
    arm : ndarray of shape (n,)
        Codes into ``arms``; 0 is the control arm.
    arms : tuple of str
    features : Encoded
        The covariates.
    roles : mapping of str to Encoded
        Columns of other roles: ``post_treatment``, ``segments``, ``negative_controls``, ``negative_exposures``,
        ``timestamp`` and ``exposed`` [days, where they are times], ``day`` (since exposure), ``metrics`` (columns of
        metrics beside their values), ``triggered`` (one where the unit could have seen the change), ``took``
        (one where it took the treatment).
    ids : ndarray of shape (n,) of uint64
        Hash of the row's identity: the ``unit`` column, or the row's position.
    cluster : ndarray of shape (n,) or None
        Codes of the clusters.
    rows_read : int
    drops : tuple of Drop
    findings : tuple of Finding
        What was noticed while reading.
    root : str
        Fingerprint of the sample as first built; shared by all samples taken from it.
    index : ndarray of shape (n,)
        Position of each row in the root sample.
    fingerprint : str
        Hash of this sample's content.
    weights : ndarray of shape (n,) or None
        Positive weight of each row, as read.
    weight_kind : "sampling" | "precision" | "frequency" or None
        What the weights mean; frequencies are whole numbers, and :meth:`expanded` turns them into rows.
    missing : Table or None
        Counts of missing values by column and arm, before any row was left out.
    timeline : Timeline or None
        Unit, period and cohort of each row, where the design is a panel.
    stratum : ndarray of shape (n,) or None
        Codes into ``strata``, where the design names any.
    strata : tuple of str
        Labels of the strata; one empty label where there are none.
    """

    outcomes: Mapping[str, Floats]
    present: Mapping[str, Bools]
    arm: Ints
    arms: tuple[str, ...]
    features: Encoded
    roles: Mapping[str, Encoded]
    ids: Hashes
    cluster: Ints | None
    rows_read: int
    drops: tuple[Drop, ...]
    findings: tuple[Finding, ...]
    root: str
    index: Ints
    fingerprint: str
    weights: Floats | None = None
    weight_kind: str | None = None
    missing: Table | None = None
    timeline: Timeline | None = None
    stratum: Ints | None = None
    strata: tuple[str, ...] = ("",)

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.arm.shape[0])

    @property
    def units(self) -> Ints:
        """Code of the independent unit of each row, comparable across samples of one root."""
        return self.index if self.cluster is None else self.cluster

    def arm_counts(self) -> dict[str, int]:
        """Rows in each arm."""
        return dict(zip(self.arms, tallied(self.arm, len(self.arms)), strict=True))

    def take(self, rows: AnyArray) -> "Sample":
        """Keep the given rows (positions, possibly repeated, or a mask)."""
        index = _rows(self.index, rows)
        return replace(
            self,
            outcomes=FrozenMap({name: _rows(values, rows) for name, values in self.outcomes.items()}),
            present=FrozenMap({name: _rows(mask, rows) for name, mask in self.present.items()}),
            arm=_rows(self.arm, rows),
            features=self.features.take(rows),
            roles=FrozenMap({name: encoded.take(rows) for name, encoded in self.roles.items()}),
            ids=_rows(self.ids, rows),
            cluster=None if self.cluster is None else _rows(self.cluster, rows),
            index=index,
            weights=None if self.weights is None else _rows(self.weights, rows),
            timeline=None if self.timeline is None else self.timeline.take(rows),
            stratum=None if self.stratum is None else _rows(self.stratum, rows),
            fingerprint=derived(self.fingerprint, "take", index),
        )

    def expanded(self) -> "Sample":
        """Turn frequency weights into that many rows each; other samples are returned as they are."""
        if self.weights is None or self.weight_kind != "frequency":
            return self
        rows = self.take(np.repeat(np.arange(self.n), self.weights.astype(np.int64)))
        return replace(
            rows,
            weights=None,
            weight_kind=None,
            root=rows.fingerprint,
            index=np.arange(rows.n),
            rows_read=rows.n + self.rows_read - self.n,
        )

    def without(self, source: str) -> "Sample":
        """Leave out every feature made from one data column."""
        name = derived(self.fingerprint, f"without {source}", np.empty(0))
        return replace(self, features=self.features.without(source), fingerprint=name)

    def with_treatment(self, codes: Ints) -> "Sample":
        """Replace the arms, as a placebo or a permutation does; the result is a root of its own."""
        name = derived(self.fingerprint, "treatment", codes)
        return replace(self, arm=codes, fingerprint=name, root=name, index=np.arange(self.n))

    def with_timeline(self, timeline: Timeline) -> "Sample":
        """Replace who was first treated when, as a placebo date does; arms follow the cohorts, and the root is new."""
        codes = (timeline.period >= timeline.cohort).astype(np.int64)
        moved = np.stack([timeline.period, timeline.cohort])
        name = derived(self.fingerprint, "timeline", moved)
        return replace(self, arm=codes, timeline=timeline, fingerprint=name, root=name, index=np.arange(self.n))


def _rows(values: AnyArray, rows: AnyArray) -> AnyArray:
    taken = values[rows]
    taken.setflags(write=False)
    return taken


def derived(fingerprint: str, change: str, data: AnyArray) -> str:
    """Fingerprint of a sample changed in a named way."""
    digest = hashlib.sha256(f"{fingerprint}|{change}|".encode())
    digest.update(np.ascontiguousarray(data).tobytes())
    return digest.hexdigest()


def content_fingerprint(columns: Iterator[tuple[str, AnyArray]]) -> str:
    """Fingerprint of named arrays, in the order given."""
    digest = hashlib.sha256()
    for name, array in columns:
        tidy = np.ascontiguousarray(array)
        digest.update(f"{name}|{tidy.dtype.str}|{tidy.shape}|".encode())
        digest.update(tidy.data if tidy.size else b"")
    return digest.hexdigest()
