"""Whether findings arrive late."""

import queries
from panels import ANY_IS_ORANGE, RELEASE_NAME, Query, Row, Thresholds, lines, override, runbook, stat, table
from queries import BY_RELEASE, RANGE, RELEASE, SOURCE, series
from rows.common import NO_METRICS, REGION_LINK, RUN_TIMEOUT, SOURCE_COLUMNS


def row() -> Row:
    """Is it late?"""
    pending = series("pending_findings", SOURCE)
    delay_sum = queries.total(series("notification_delay_seconds_sum", RELEASE), RANGE)
    watermark_age = queries.age("source_watermark_timestamp_seconds", SOURCE)
    floor = series("source_floor_timestamp_seconds", SOURCE)
    duration = f"max by ({BY_RELEASE}) (max_over_time({series('run_duration_seconds', RELEASE)}[$__interval]))"
    return Row(
        "Latency",
        [
            stat(
                "Delivered within 15 minutes",
                "Share of the deliveries in the time range that Slack acknowledged at most 15 minutes after the updatedAt of the finding. "
                "GuardDuty publishes updates after some minutes; the schedule adds up to one interval.",
                [Query(f"{queries.deliveries(RANGE, '900')}\n/ ({queries.deliveries(RANGE)} > 0)")],
                unit="percentunit",
                no_value="No deliveries",
                thresholds=Thresholds(((0.9, "orange"), (0.99, "green")), base="red"),
            ),
            stat(
                "Average notification delay",
                "Average time from the updatedAt of a finding to the acknowledgment by Slack, for the deliveries in the time range.",
                [Query(f"{delay_sum}\n/ ({queries.deliveries(RANGE)} > 0)")],
                unit="s",
                no_value="No deliveries",
            ),
            stat(
                "Notification delay",
                "Quantiles for the deliveries in the time range, interpolated within the buckets of a histogram.",
                [Query(queries.delay_quantile(q, RANGE), f"p{q * 100:.0f}") for q in (0.5, 0.9, 0.99)],
                width=8,
                unit="s",
                no_value="No deliveries",
            ),
            stat(
                "Pending findings",
                "Listed but not processed when the last run finished.",
                [Query(f"sum by ({BY_RELEASE}) ({pending})", RELEASE_NAME)],
                thresholds=ANY_IS_ORANGE,
                no_value=NO_METRICS,
                link=runbook("GuardDutySlackWatermarkStuck"),
            ),
            stat(
                "Longest run",
                "Duration of the longest run in the time range. Limited by RUN_TIMEOUT.",
                [Query(f"max by ({BY_RELEASE}) (max_over_time({series('run_duration_seconds', RELEASE)}[$__range]))", RELEASE_NAME)],
                unit="s",
                thresholds=Thresholds(((RUN_TIMEOUT, "red"),)),
                no_value=NO_METRICS,
            ),
            lines(
                "Pending findings over time",
                "Listed but not processed when a run finished.",
                [Query(f"sum by ({BY_RELEASE}) ({pending})", RELEASE_NAME)],
                no_value=NO_METRICS,
            ),
            lines(
                "Run duration",
                "Limited by RUN_TIMEOUT (8 minutes by default).",
                [Query(duration, RELEASE_NAME)],
                unit="s",
                thresholds=Thresholds(((RUN_TIMEOUT, "red"),), base="transparent"),
                no_value=NO_METRICS,
            ),
            table(
                "Sources with pending findings",
                "The ten sources with the most pending findings. Findings updated up to the watermark are processed; "
                "an old watermark is a problem only if findings are pending. Findings updated before “Listed from” are not listed again.",
                [
                    Query(f"topk(10, {pending} > 0)"),
                    Query(queries.of_top_pending_sources(watermark_age)),
                    Query(queries.of_top_pending_sources(f"1000 * {floor}")),
                ],
                {"Value #A": "Pending", "Value #B": "Watermark age", "Value #C": "Listed from"} | SOURCE_COLUMNS,
                sort="Pending",
                no_value="No findings are pending",
                overrides=[override("Watermark age", [("unit", "s")]), override("Listed from", [("unit", "dateTimeAsIso")]), REGION_LINK],
                link=runbook("GuardDutySlackWatermarkStuck"),
            ),
        ],
    )
