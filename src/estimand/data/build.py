"""From a source and a design to the sample that every method reads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from estimand.core.design import Design, Experiment, Panel
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.metric_of_rows import TOOK_ROLE
from estimand.core.metric_rows import METRIC_ROLE
from estimand.core.sample import DAY_ROLE, EXPOSED_ROLE, OTHER_ROLE, Drop, Encoded, Sample, content_fingerprint
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.core.triggered import TRIGGERED_ROLE
from estimand.data.column import Column, Numbers, as_labels, read_column
from estimand.data.encode import encode, encode_filled, imputed_finding, read_covariate, refuse_all_missing
from estimand.data.identity import cluster_codes, hash_keys, hash_positions, keys, refuse_repeats, refuse_several_arms
from estimand.data.metric_columns import read_metric, read_strata
from estimand.data.missing import Held, missing_by_arm
from estimand.data.mixed import mixed_finding
from estimand.data.names import check_names
from estimand.data.outcome import read_outcome, refuse_uninformative
from estimand.data.received import read_received
from estimand.data.rows import COVARIATE, OUTSIDE, Need, complete_rows, dropped_finding
from estimand.data.source import Source
from estimand.data.timeline import (
    Places,
    arms_by_cohort,
    build_timeline,
    refuse_treated_in_part,
    unit_period_ids,
    with_starts,
)
from estimand.data.timeline_findings import timeline_findings
from estimand.data.times import Times, in_window, read_times
from estimand.data.treatment import Arms, check_arm_sizes, read_arms
from estimand.data.trigger import read_trigger
from estimand.data.weights import read_weights
from estimand.errors import Code, DesignError
from estimand.stats.arrays import AnyArray, Bools, Floats, Hashes, Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """All columns of a design, before any row is dropped."""

    source: Source
    design: Design
    arms: Arms
    outcomes: dict[str, Numbers]
    covariates: tuple[Column, ...]
    post_treatment: tuple[Column, ...]
    segments: tuple[Column, ...]
    other_experiments: tuple[Column, ...]
    unit: tuple[AnyArray, Bools] | None
    cluster: tuple[AnyArray, Bools] | None
    weights: Numbers | None
    timestamp: Column | None
    negative_controls: tuple[Numbers, ...]
    negative_exposures: tuple[Column, ...]
    times: Times | None
    unit_codes: Ints | None
    absorbed: tuple[tuple[str, AnyArray, Bools], ...]
    beside_metrics: tuple[Numbers, ...] = ()
    strata: tuple[Ints, tuple[str, ...]] | None = None
    exposed: Column | None = None
    day: Column | None = None
    triggered: Numbers | None = None
    took: Numbers | None = None


def build_sample(source: Source, design: Design) -> Sample:
    """Build the sample of a design from a table.

    Rows without treatment, cluster, unit or (for complete cases) a covariate are dropped and counted;
    rows without an outcome stay, marked as not present. The same values give the same sample, byte for
    byte, whatever kind of table they come from.

    Parameters
    ----------
    source : Source
    design : Design

    Raises
    ------
    DataError
        If a column is missing or cannot play its part, or too few rows are left.
    DesignError
        If the design names a control that is no arm.
    """
    check_names(source.frame.columns, source.name, design.columns())
    read = _read(source, design)
    keep, drops = complete_rows(_needs(read), source.rows, source.name)
    return _assemble(read, keep, drops)


def _read(source: Source, design: Design) -> _Read:
    unit, cluster = (None if name is None else keys(source, name) for name in (design.unit, design.cluster))
    times = read_times(source, design) if isinstance(design, Panel) else None
    arms = _arms(source, design, times)
    codes = None if times is None or unit is None or not unit[1].all() else _lock(cluster_codes(unit[0]))
    if times is not None and times.start is None:
        group = cluster if unit is None else unit
        if unit is None and cluster is not None:
            refuse_treated_in_part(times, cluster, arms.codes, str(design.cluster))
        times = with_starts(times, group if codes is None or unit is None else (codes, unit[1]), arms.codes)
    outcomes, beside = _outcomes(source, design)
    asked = design if isinstance(design, Experiment) else None
    read = _Read(
        source=source,
        design=design,
        arms=arms,
        outcomes=outcomes,
        beside_metrics=beside,
        strata=read_strata(source, design.strata) if isinstance(design, Experiment) else None,
        exposed=None if not isinstance(design, Experiment) else _if_named(source, design.exposed),
        day=None if not isinstance(design, Experiment) else _if_named(source, design.day),
        triggered=None if asked is None or asked.triggered is None else read_trigger(source, asked.triggered),
        took=None if asked is None or asked.took is None else read_received(source, asked.took),
        covariates=tuple(read_covariate(source, name) for name in design.covariates),
        post_treatment=tuple(read_covariate(source, name) for name in design.roles.post_treatment),
        segments=tuple(read_covariate(source, name) for name in design.roles.segments),
        other_experiments=tuple(
            as_labels(read_column(source, name)) for name in getattr(design, "other_experiments", ())
        ),
        unit=unit,
        cluster=cluster,
        weights=None if design.weights is None else read_weights(source, design.weights),
        timestamp=None if design.roles.timestamp is None else read_column(source, design.roles.timestamp),
        negative_controls=tuple(read_outcome(source, name) for name in design.roles.negative_controls),
        negative_exposures=tuple(read_covariate(source, name) for name in design.roles.negative_exposures),
        times=times,
        unit_codes=codes,
        absorbed=tuple((name, *keys(source, name)) for name in getattr(design, "absorb", ())),
    )
    for column in read.covariates:
        refuse_all_missing(column, source)
    return read


def _if_named(source: Source, column: str | None) -> Column | None:
    return None if column is None else read_column(source, column)


def _outcomes(source: Source, design: Design) -> tuple[dict[str, Numbers], tuple[Numbers, ...]]:
    """Outcomes, or what metrics count; and the columns of metrics beside their values."""
    if not isinstance(design, Experiment) or not design.metrics:
        return {name: read_outcome(source, name) for name in design.outcome}, ()
    read = {metric.name: read_metric(source, metric, design) for metric in design.metrics}
    beside = {column.name: column for found in read.values() for column in found.others}
    return {name: found.value for name, found in read.items()}, tuple(beside.values())


def _arms(source: Source, design: Design, times: Times | None) -> Arms:
    """Arms of the rows; of a panel, whether the row is treated."""
    if times is not None and design.treatment == times.cohort_name:
        return arms_by_cohort(times)
    arms = read_arms(source, design.treatment, design.control)
    if times is not None and len(arms.labels) > 2:
        raise DesignError(
            f"Treatment '{design.treatment}' of a panel has {len(arms.labels)} values, and being treated is yes or no.",
            remedy="Leave out the rows of other treatments, or mark treated rows by 1.",
            code=Code.UNSUPPORTED,
            found=list(arms.labels),
        )
    return arms


def _needs(read: _Read) -> list[Need]:
    needs = [Need("treatment missing", read.design.treatment, read.arms.codes >= 0)]
    if read.times is not None:
        needs.append(Need("time missing", read.times.time.name, read.times.time.present))
        needs.append(Need(OUTSIDE, read.times.time.name, in_window(read.times, getattr(read.design, "window", None))))
    if read.cluster is not None:
        needs.append(Need("cluster missing", str(read.design.cluster), read.cluster[1]))
    if read.unit is not None:
        needs.append(Need("unit missing", str(read.design.unit), read.unit[1]))
    if read.weights is not None:
        needs.append(Need("weight missing", read.weights.name, read.weights.present))
    needs += [Need("absorbed level missing", name, present) for name, _, present in read.absorbed]
    if read.design.missing == "complete_case":
        needs += [Need(COVARIATE, column.name, column.present) for column in read.covariates]
    return needs


def _assemble(read: _Read, keep: Bools, drops: tuple[Drop, ...]) -> Sample:
    source, rows = read.source, int(np.count_nonzero(keep))
    arm = _lock(_rows(read.arms.codes, keep))
    timeline = _timeline(read, keep, arm)
    check_arm_sizes(read.arms, arm, source.rows - rows)
    outcomes = {name: _kept_outcome(column, keep, source) for name, column in read.outcomes.items()}
    covariates = _kept(read.covariates, keep)
    for column in covariates:
        refuse_all_missing(column, source)
    features = encode_filled(covariates, rows)
    roles = _roles(read, keep, rows)
    ids = _ids(read, keep, timeline, arm)
    cluster = None if read.cluster is None else _lock(cluster_codes(read.cluster[0][keep]))
    if cluster is None and timeline is not None:
        cluster = timeline.unit
    labelled = {f"arm {list(read.arms.labels)}": arm, "ids": ids, **_prefixed("outcome", outcomes)}
    weights = None if read.weights is None else _lock(read.weights.values[keep])
    labelled |= {} if read.cluster is None or cluster is None else {"cluster": cluster}
    labelled |= {} if weights is None else {"weights": weights}
    labelled |= {} if read.strata is None else {f"stratum {list(read.strata[1])}": read.strata[0][keep]}
    labelled |= {} if timeline is None else _timed(timeline)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # Hashing frees the interpreter, so what is left to look at runs beside it.
        told = beside.submit(content_fingerprint, _content(labelled, {"covariates": features, **roles}))
        findings, missing = _findings(read, keep, drops, timeline), _missing(read)
        fingerprint = told.result()
    return Sample(
        outcomes=FrozenMap(outcomes),
        present=FrozenMap({name: _lock(~np.isnan(values)) for name, values in outcomes.items()}),
        arm=arm,
        arms=read.arms.labels,
        features=features,
        roles=FrozenMap(roles),
        ids=ids,
        cluster=cluster,
        rows_read=source.rows,
        drops=drops,
        findings=findings,
        root=fingerprint,
        index=_lock(np.arange(rows)),
        fingerprint=fingerprint,
        weights=weights,
        weight_kind=None if read.design.weights is None else read.design.weights.kind,
        missing=missing,
        timeline=timeline,
        stratum=None if read.strata is None else _lock(read.strata[0][keep]),
        strata=("",) if read.strata is None else read.strata[1],
    )


def _findings(read: _Read, keep: Bools, drops: tuple[Drop, ...], timeline: Timeline | None) -> tuple[Finding, ...]:
    """What was noticed while reading."""
    randomised = read.design.kind == "experiment"
    return (
        *read.source.findings,
        *read.arms.findings,
        *(finding for column in read.covariates for finding in mixed_finding(column)),
        *dropped_finding(drops, read.source.rows),
        *imputed_finding(_kept(read.covariates, keep), randomised=randomised),
        *(() if timeline is None or read.times is None else timeline_findings(timeline, read.times.take(keep))),
    )


def _missing(read: _Read) -> Table:
    return missing_by_arm(_held(read), read.arms.codes, read.arms.labels)


def _timeline(read: _Read, keep: Bools, arm: Ints) -> Timeline | None:
    """Unit, period and cohort of the rows kept; of repeated cross-sections, cohorts are those of clusters."""
    times = read.times
    if times is None:
        return None
    unit = read.unit_codes if keep.all() else None
    if unit is None and read.unit is not None:
        unit = _lock(cluster_codes(read.unit[0][keep]))
    places = Places(unit, {name: cluster_codes(values[keep]) for name, values, _ in read.absorbed})
    treated = None if read.design.treatment == times.cohort_name else arm
    return build_timeline(times.take(keep), places, treated, read.source)


def _timed(timeline: Timeline) -> dict[str, AnyArray]:
    """What of a timeline tells two samples apart."""
    # A row's identity is that of its unit and period, so these are told apart already.
    held = {"cohort": timeline.cohort, **timeline.absorbed}
    return held if timeline.unit is not None else {f"period {list(timeline.labels)}": timeline.period, **held}


def _kept(columns: tuple[Column, ...], keep: Bools) -> tuple[Column, ...]:
    return columns if keep.all() else tuple(column.take(keep) for column in columns)


def _kept_outcome(column: Numbers, keep: Bools, source: Source) -> Floats:
    values = _rows(column.values, keep)
    refuse_uninformative(column.name, values, source)
    return _lock(values)


def _roles(read: _Read, keep: Bools, rows: int) -> dict[str, Encoded]:
    roles: dict[str, tuple[Column, ...]] = {
        "post_treatment": read.post_treatment,
        "segments": read.segments,
        OTHER_ROLE: read.other_experiments,
        "negative_controls": read.negative_controls,
        "negative_exposures": read.negative_exposures,
        METRIC_ROLE: read.beside_metrics,
    }
    if isinstance(read.timestamp, Numbers):
        roles["timestamp"] = (read.timestamp,)
    if isinstance(read.exposed, Numbers):
        roles[EXPOSED_ROLE] = (read.exposed,)
    if isinstance(read.day, Numbers):
        roles[DAY_ROLE] = (read.day,)
    if read.triggered is not None:
        roles[TRIGGERED_ROLE] = (read.triggered,)
    if read.took is not None:
        roles[TOOK_ROLE] = (read.took,)
    return {role: encode(_kept(columns, keep), rows) for role, columns in roles.items() if columns}


def _held(read: _Read) -> list[Held]:
    """Where each column of the design holds a value, in every row read."""
    single = (("cluster", read.cluster, read.design.cluster), ("unit", read.unit, read.design.unit))
    numbers = (("weights", read.weights), ("timestamp", read.timestamp))
    return [
        Held("treatment", read.design.treatment, read.arms.codes >= 0),
        *(Held("outcome", name, column.present) for name, column in read.outcomes.items()),
        *(Held("covariate", column.name, column.present) for column in read.covariates),
        *(Held("post-treatment", column.name, column.present) for column in read.post_treatment),
        *(Held("segment", column.name, column.present) for column in read.segments),
        *(Held("negative control", column.name, column.present) for column in read.negative_controls),
        *(Held("negative exposure", column.name, column.present) for column in read.negative_exposures),
        *(Held(part, str(name), found[1]) for part, found, name in single if found is not None),
        *(Held(part, column.name, column.present) for part, column in numbers if column is not None),
    ]


def _ids(read: _Read, keep: Bools, timeline: Timeline | None, arm: Ints) -> Hashes:
    if read.unit is None:
        return _lock(_rows(hash_positions(read.source.rows), keep))
    values = _rows(read.unit[0], keep)
    if read.times is not None and timeline is not None:
        return _lock(unit_period_ids(values, _rows(read.times.time.values, keep), timeline))
    ids = hash_keys(values)
    if read.design.kind == "experiment":
        refuse_several_arms(values, ids, arm, str(read.design.unit), read.source)
    refuse_repeats(values, ids, str(read.design.unit), read.source)
    return _lock(ids)


def _prefixed(prefix: str, arrays: dict[str, Floats]) -> dict[str, AnyArray]:
    return {f"{prefix} {name}": values for name, values in arrays.items()}


def _content(arrays: dict[str, AnyArray], encoded: dict[str, Encoded]) -> Iterator[tuple[str, AnyArray]]:
    yield from arrays.items()
    for role, columns in encoded.items():
        yield f"{role} {list(columns.names)}", columns.values


def _rows(values: AnyArray, keep: Bools) -> AnyArray:
    """Rows of a mask, without a copy where that is all of them."""
    return values if keep.all() else values[keep]


def _lock(array: AnyArray) -> AnyArray:
    """Lock an array nobody else holds, so that the sample need not copy it."""
    array.setflags(write=False)
    return array
