"""Findings that GuardDuty reported."""

import queries
from panels import SEVERITY_COLORS, Query, Row, bars, fixed_colors, lines, override, stat, table
from queries import BY_SOURCE, RANGE, RELEASE, SOURCE, STEP, series
from rows.common import NO_METRICS, REGION_LINK, SOURCE_COLUMNS


def row() -> Row:
    """What came in?"""
    found = series("findings_total", SOURCE)
    types = series("findings_by_type_total", RELEASE)
    feature = series("feature_enabled", SOURCE)
    coverage = series("coverage_unhealthy_resources", SOURCE)
    scans = series("malware_scans_missed", SOURCE)
    exports = series("publishing_destinations_failing", SOURCE)
    open_findings = f"sum by (severity) ({series('open_findings', SOURCE)})"
    # one query for each severity level keeps their order
    levels = [f'{SOURCE},severity="{severity}"' for severity in SEVERITY_COLORS]
    severities = fixed_colors(SEVERITY_COLORS)
    return Row(
        "Findings received",
        [
            stat(
                "Findings received",
                "Finding revisions processed in the time range, by severity level.",
                [Query(queries.total(series("findings_total", level), RANGE, "severity"), "{{severity}}") for level in levels],
                width=12,
                text="value_and_name",
                no_value=NO_METRICS,
                overrides=severities,
            ),
            stat(
                "Open findings",
                "Findings in GuardDuty that are not archived. Requires guardduty:GetFindingsStatistics.",
                [Query(f"sum by (severity) ({series('open_findings', level)})", "{{severity}}") for level in levels],
                width=12,
                text="value_and_name",
                no_value="Not reported",
                overrides=severities,
            ),
            bars(
                "Findings received over time",
                "Finding revisions processed in each step, by severity level.",
                [Query(queries.total(found, STEP, "severity"), "{{severity}}")],
                width=12,
                no_value=NO_METRICS,
                overrides=severities,
            ),
            lines(
                "Open findings over time",
                "Findings in GuardDuty that are not archived. Requires guardduty:GetFindingsStatistics.",
                [Query(open_findings, "{{severity}}")],
                width=12,
                no_value="Not reported",
                overrides=severities,
            ),
            table(
                "Most frequent finding types",
                "The ten finding types with the most revisions processed in the time range.",
                [Query(queries.top(10, queries.total(types, RANGE, "type")))],
                {"Value": "Findings", "type": "Finding type"},
                width=12,
                sort="Findings",
                no_value="No findings in the time range",
                overrides=[override("Findings", [("custom.width", 100)])],
            ),
            table(
                "Sources with most findings",
                "The ten sources with the most revisions processed in the time range.",
                [Query(queries.top(10, queries.total(found, RANGE, BY_SOURCE)))],
                {"Value": "Findings"} | SOURCE_COLUMNS,
                width=12,
                sort="Findings",
                no_value="No findings in the time range",
                overrides=[override("Findings", [("custom.width", 100)]), REGION_LINK],
            ),
            table(
                "Disabled protection plans",
                "Features of a detector that are disabled, and the number of sources. GuardDuty reports no findings of these features.",
                [Query(f"sum by (feature) (1 - {feature}) > 0")],
                {"feature": "Feature", "Value": "Sources"},
                sort="Sources",
                no_value="No feature is disabled",
            ),
            table(
                "Disabled protection plans by source",
                "Features of a detector that are disabled. At most 100 rows.",
                [Query(f"topk(100, {feature} == 0)")],
                {"feature": "Feature"} | SOURCE_COLUMNS,
                width=16,
                sort="Feature",
                no_value="No feature is disabled",
                overrides=[REGION_LINK],
            ),
            table(
                "Unhealthy runtime coverage",
                "Resources whose runtime coverage is unhealthy, by source and resource type. Requires guardduty:ListCoverage. At most 100 rows.",
                [Query(f"topk(100, {coverage} > 0)")],
                {"Value": "Resources", "resource_type": "Resource type"} | SOURCE_COLUMNS,
                sort="Resources",
                no_value="No resource is reported as unhealthy",
                overrides=[REGION_LINK],
            ),
            table(
                "Missed malware scans",
                "Malware scans of about the last day that failed or were skipped. Requires guardduty:ListMalwareScans. At most 100 rows.",
                [Query(f"topk(100, {scans} > 0)")],
                {"Value": "Scans", "outcome": "Outcome"} | SOURCE_COLUMNS,
                sort="Scans",
                no_value="No malware scan is reported as failed or skipped",
                overrides=[REGION_LINK],
            ),
            table(
                "Failing exports",
                "Publishing destinations to which GuardDuty does not export findings. Requires guardduty:ListPublishingDestinations. At most 100 rows.",
                [Query(f"topk(100, {exports} > 0)")],
                {"Value": "Destinations"} | SOURCE_COLUMNS,
                sort="Destinations",
                no_value="No export is reported as failing",
                overrides=[REGION_LINK],
            ),
        ],
    )
