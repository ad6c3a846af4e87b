"""Values that several rows use."""

from panels import Json, Thresholds, override

# The chart replaces these three by values that follow `schedule` and `config.run.timeout`; no other threshold may have
# the same value.
TWO_INTERVALS = 600
THREE_INTERVALS = 900
RUN_TIMEOUT = 480
CHART_VALUES = (TWO_INTERVALS, THREE_INTERVALS, RUN_TIMEOUT)

LATE = Thresholds(((TWO_INTERVALS, "orange"), (THREE_INTERVALS, "red")))
NO_METRICS = "No metrics"
SOURCE_COLUMNS = {"account": "Account", "region": "Region", "namespace": "Namespace", "release": "Release"}
CONSOLE = "https://console.aws.amazon.com/guardduty/home?region=${__data.fields.Region}#/findings"
CONSOLE_LINK: list[Json] = [{"title": "GuardDuty console", "url": CONSOLE, "targetBlank": True}]
REGION_LINK = override("Region", [("links", CONSOLE_LINK)])
