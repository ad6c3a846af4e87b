"""PromQL of the dashboard.

The program pushes once per run. Its counters are part of the state, so they continue across runs and releases, and
Prometheus scrapes each pushed value many times. `rate()` and `increase()` are wrong for such a series: they extrapolate,
they ignore the first value of a new series, and windows that overlap count a run twice. The queries here compare two
values instead.
"""

RELEASE = 'namespace=~"$namespace",release=~"$release"'
SOURCE = RELEASE + ',account=~"$account",region=~"$region"'
BY_RELEASE = "namespace, release"
BY_SOURCE = "namespace, release, account, region"


RANGE = "$__range"
STEP = "$__interval"


def series(name: str, labels: str) -> str:
    """Selector of one of the program's metrics."""
    return f"guardduty_slack_{name}{{{labels}}}"


def grown_in_range(counter: str) -> str:
    """Growth of each series of a counter in the time range: exact, from the first value of a new series on.

    The base is the last value before the range, up to a day earlier, so that a restart of the Pushgateway or of
    Prometheus does not turn an old series into a new one. The cases, in this order: the counter was reset and is below
    its former value; it was reset and exceeds it (`increase` is the only function that finds the value before the reset;
    it extrapolates); it was not reset; it is new.
    """
    last = f"last_over_time({counter}[$__range])"
    peak = f"max_over_time({counter}[$__range])"
    base = f"last_over_time({counter}[1d] offset $__range)"
    return "\nor ".join(
        (
            f"(({last} < {peak}) + ({peak} - {base} >= 0 or {peak}))",
            f"(round(increase({counter}[$__range])) and resets({counter}[$__range]) > 0)",
            f"({last} - {base} >= 0)",
            last,
        )
    )


def grown_in_step(counter: str) -> str:
    """Growth of each series of a counter in a step of a graph.

    It is evaluated for each step, so it is cheaper: the base is exact for an hour, and beyond it one sample in five
    minutes is enough. A reset loses only the growth before it in the same step.
    """
    bases = (f"last_over_time({counter}[1h] offset $__interval)", f"last_over_time({counter}[1d:5m] offset $__interval)")
    return f"({counter} - ({' or '.join(bases)}) >= 0)\nor {counter}"


def total(counter: str, window: str, by: str = "") -> str:
    """Sum of the growth in the time range or in a step, by these labels."""
    grouping = f"sum by ({by})" if by else "sum"
    grown = grown_in_range(counter) if window == RANGE else grown_in_step(counter)
    return f"{grouping} (\n{grown}\n)"


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


def zeros(gauge: str, window: str = "") -> str:
    """Number of series of a 0/1 gauge that are 0, by release; with a window, that were 0 at any time within it."""
    value = f"min_over_time({gauge}[{window}])" if window else gauge
    return f"sum by ({BY_RELEASE}) (1 - {value})"


def delay_quantile(quantile: float, window: str) -> str:
    """Quantile of the notification delay, interpolated within a bucket."""
    buckets = total(series("notification_delay_seconds_bucket", RELEASE), window, "le")
    return f"histogram_quantile({quantile}, {buckets})"


def deliveries(window: str, bound: str = "") -> str:
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
