"""PromQL of the dashboard.

The program pushes once per run. Its counters are part of the state, so they continue across runs and releases, and
Prometheus scrapes each pushed value many times. `rate()` and `increase()` are wrong for such a series: they extrapolate,
they ignore the first value of a new series, and windows that overlap count a run twice. `grown()` compares two values
instead.
"""

from dataclasses import dataclass

RELEASE = 'namespace=~"$namespace",release=~"$release"'
SOURCE = RELEASE + ',account=~"$account",region=~"$region"'
BY_RELEASE = "namespace, release"
BY_SOURCE = "namespace, release, account, region"


@dataclass(frozen=True)
class Window:
    """A part of the time axis and the expressions for the last value before it."""

    length: str
    bases: tuple[str, ...]


# Base of a counter: its last value before the window, up to a day back, so that a restart of the Pushgateway or of
# Prometheus is not taken for a new series. A step of a graph is evaluated hundreds of times: an hour of samples is
# cheap there, and beyond it one sample in five minutes is enough.
RANGE = Window("$__range", ("last_over_time({series}[1d] offset $__range)",))
STEP = Window(
    "$__interval",
    ("last_over_time({series}[1h] offset $__interval)", "last_over_time({series}[1d:5m] offset $__interval)"),
)


def series(name: str, labels: str) -> str:
    """Selector of one of the program's metrics."""
    return f"guardduty_slack_{name}{{{labels}}}"


def grown(counter: str, window: Window) -> str:
    """Growth of each series of a counter within the window: exact, from the first value of a new series on.

    The cases, in this order: the counter was reset and is still below its former value; it was reset and exceeds it
    (`increase` is the only function that finds the value before the reset; it extrapolates); it was not reset; it is new.
    """
    length = window.length
    last = f"last_over_time({counter}[{length}])"
    peak = f"max_over_time({counter}[{length}])"
    base = " or ".join(template.format(series=counter) for template in window.bases)
    base = f"({base})" if len(window.bases) > 1 else base
    return "\nor ".join(
        (
            f"(({last} < {peak}) + ({peak} - {base} >= 0 or {peak}))",
            f"(round(increase({counter}[{length}])) and resets({counter}[{length}]) > 0)",
            f"({last} - {base} >= 0)",
            last,
        )
    )


def total(counter: str, window: Window, by: str = "") -> str:
    """Sum of the growth, by these labels."""
    grouping = f"sum by ({by})" if by else "sum"
    return f"{grouping} (\n{grown(counter, window)}\n)"


def top(count: int, query: str) -> str:
    """The largest values that are not 0. Not for graphs, where each step has a selection of its own."""
    return f"topk({count}, {query} > 0)"


def runs_that_ended(timestamp: str) -> str:
    """Number of runs in the time range, by release, from a gauge with the time at which a run ended.

    Each run changes the gauge once. The first value counts if that run ended within the range.
    """
    gauge = series(timestamp, RELEASE)
    return f"sum by ({BY_RELEASE}) (changes({gauge}[$__range]) + (min_over_time({gauge}[$__range]) > bool time() - $__range_s))"


def failed_runs() -> str:
    """Runs in the time range that ended without success, by release."""
    ended = runs_that_ended("last_run_timestamp_seconds")
    return f"{ended}\n- ({runs_that_ended('last_success_timestamp_seconds')} or 0 * {ended})"


def zeros(gauge: str, window: Window | None = None) -> str:
    """Number of series of a 0/1 gauge that are 0, by release; with a window, that were 0 at any time within it."""
    value = f"min_over_time({gauge}[{window.length}])" if window else gauge
    return f"sum by ({BY_RELEASE}) (1 - {value})"


def delay_quantile(quantile: float, window: Window) -> str:
    """Quantile of the notification delay, interpolated within a bucket."""
    buckets = total(series("notification_delay_seconds_bucket", RELEASE), window, "le")
    return f"histogram_quantile({quantile}, {buckets})"


def deliveries(window: Window, bound: str = "") -> str:
    """Deliveries whose delay was measured; with a bound, those within so many seconds."""
    if bound:
        # Prometheus 3 writes bounds with a decimal point
        return total(series("notification_delay_seconds_bucket", f'{RELEASE},le=~"{bound}(\\\\.0)?"'), window)
    return total(series("notification_delay_seconds_count", RELEASE), window)


def age(timestamp: str, labels: str) -> str:
    """Seconds since the time in a gauge."""
    return f"time() - {series(timestamp, labels)}"


def of_top_pending_sources(query: str) -> str:
    """The part of a query by source that belongs to the ten sources with the most pending findings."""
    return f"({query}) and on ({BY_SOURCE}) topk(10, {series('pending_findings', SOURCE)} > 0)"
