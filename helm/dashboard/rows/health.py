"""Whether the program works."""

import queries
from panels import ANY_IS_ORANGE, ANY_IS_RED, RELEASE_NAME, Query, Row, lines, runbook, stat, table, timeline, value_mapping
from queries import BY_RELEASE, RELEASE, SOURCE, STEP, series
from rows.common import LATE, NO_METRICS, REGION_LINK, SOURCE_COLUMNS

COMPLETE = value_mapping({"0": ("incomplete", "red"), "1": ("complete", "green")})


def row() -> Row:
    """Is it working?"""
    down = series("source_up", SOURCE)
    detector = series("detector_enabled", SOURCE)
    version = f"max by ({BY_RELEASE}, version, revision) ({series('build_info', RELEASE)})"
    problems = (
        f'topk(100, label_replace({down} == 0, "problem", "not readable", "", "")\n'
        f'or label_replace({detector} == 0, "problem", "detector disabled or missing", "", ""))'
    )
    return Row(
        "Health",
        [
            stat(
                "Time since last successful run",
                "Time since the last run that processed everything it found. An alert fires after three schedule intervals.",
                [Query(f"max by ({BY_RELEASE}) ({queries.age('last_success_timestamp_seconds', RELEASE)})", RELEASE_NAME)],
                unit="s",
                thresholds=LATE,
                no_value="No successful run",
                link=runbook("GuardDutySlackNoSuccess"),
            ),
            stat(
                "Time since last run",
                "Time since the last run finished, successful or not.",
                [Query(f"max by ({BY_RELEASE}) ({queries.age('last_run_timestamp_seconds', RELEASE)})", RELEASE_NAME)],
                unit="s",
                thresholds=LATE,
                no_value=NO_METRICS,
                link=runbook("GuardDutySlackMetricsAbsent"),
            ),
            stat(
                "Failed runs",
                "Runs in the time range that did not process everything they found. The next run retries.",
                [Query(queries.failed_runs(), RELEASE_NAME)],
                thresholds=ANY_IS_ORANGE,
                no_value=NO_METRICS,
                link=runbook("GuardDutySlackNoSuccess"),
            ),
            stat(
                "Unreadable sources",
                "Accounts and regions that the last run could not read.",
                [Query(queries.zeros(down), RELEASE_NAME)],
                thresholds=ANY_IS_RED,
                no_value=NO_METRICS,
                link=runbook("GuardDutySlackSourceDown"),
            ),
            stat(
                "Disabled or missing detectors",
                "GuardDuty detects nothing in these accounts and regions.",
                [Query(queries.zeros(detector), RELEASE_NAME)],
                thresholds=ANY_IS_RED,
                no_value="Not reported",
                link=runbook("GuardDutySlackDetectorDisabled"),
            ),
            stat(
                "Version",
                "Version and revision of the releases.",
                [Query(version, f"{RELEASE_NAME}: {{{{version}}}} {{{{revision}}}}")],
                text="name",
                no_value=NO_METRICS,
            ),
            timeline(
                "Run results",
                "Result of the last run over time. A step in which any run was incomplete is red.",
                [Query(f"min by ({BY_RELEASE}) (min_over_time({series('run_success', RELEASE)}[$__interval]))", RELEASE_NAME)],
                COMPLETE,
                width=8,
                no_value=NO_METRICS,
            ),
            lines(
                "Unreadable sources and disabled detectors",
                "Number of accounts and regions with the problem at any time within a step.",
                [
                    Query(queries.zeros(down, STEP), f"not readable: {RELEASE_NAME}"),
                    Query(queries.zeros(detector, STEP), f"detector disabled or missing: {RELEASE_NAME}"),
                ],
                no_value=NO_METRICS,
            ),
            table(
                "Sources with problems",
                "Sources that the last run could not read, and sources whose detector is disabled or missing. At most 100 rows.",
                [Query(problems)],
                {"problem": "Problem"} | SOURCE_COLUMNS,
                sort="Problem",
                no_value="No source has a problem",
                overrides=[REGION_LINK],
                link=runbook("GuardDutySlackSourceDown"),
            ),
        ],
    )
