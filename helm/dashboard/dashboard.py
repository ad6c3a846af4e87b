"""The dashboard: variables, annotations, links and the layout of the rows."""

from collections.abc import Sequence

from panels import DATASOURCE, DOCUMENTS, Json, Object, Panel, Row, link
from queries import RELEASE, series
from rows import ROWS
from rows.common import CHART_VALUES

COLUMNS = 24


def variable(name: str, label: str, query: str) -> Object:
    """A variable with the values of a label. `All` matches series without the label, too."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "options": [],
        "regex": "",
    }


def variables() -> list[Json]:
    """Data source, namespace, release, account and region."""
    source: Object = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    source |= {"regex": "", "refresh": 1, "multi": False, "includeAll": False, "hide": 0, "options": []}
    sources = series("source_up", RELEASE)
    sources_of_accounts = series("source_up", RELEASE + ',account=~"$account"')
    return [
        source,
        variable("namespace", "Namespace", "label_values(guardduty_slack_build_info, namespace)"),
        variable("release", "Release", 'label_values(guardduty_slack_build_info{namespace=~"$namespace"}, release)'),
        variable("account", "Account", f"label_values({sources}, account)"),
        variable("region", "Region", f"label_values({sources_of_accounts}, region)"),
    ]


def annotation(name: str, color: str, expression: str, title: str, text: str, enable: bool) -> Object:
    """Marks on the time axis of every graph."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": enable,
        "hide": False,
        "iconColor": color,
        "target": {"refId": "Anno", "expr": expression, "interval": "60s"},
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "",
        "useValueForTime": False,
    }


def annotations() -> list[Json]:
    """Alerts, and the first metrics of a version."""
    builtin: Object = {"type": "dashboard", "name": "Annotations & Alerts", "builtIn": 1, "enable": True, "hide": True}
    builtin |= {"datasource": {"type": "grafana", "uid": "-- Grafana --"}, "iconColor": "rgba(0, 211, 255, 1)"}
    alerts = 'ALERTS{alertname=~"GuardDutySlack.+",alertstate="firing",namespace=~"$namespace"}'
    build = series("build_info", RELEASE)
    upgrades = f"{build} unless last_over_time({build}[1h] offset 5m)"
    release = "{{namespace}}/{{release}}"
    return [
        builtin,
        annotation("Alerts", "red", alerts, "{{alertname}}", "{{severity}} {{account}} {{region}} {{channel}}", True),
        annotation("New versions", "blue", upgrades, "{{version}}", f"{release}: {{{{version}}}} {{{{revision}}}}", True),
    ]


def heading(row: Row, identity: int, y: int) -> Object:
    """The heading of a row."""
    position: Object = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
    return {"id": identity, "type": "row", "title": row.title, "collapsed": False, "gridPos": position, "panels": []}


def place(panels: Sequence[Panel], identity: int, y: int) -> tuple[list[Json], int]:
    """Panels from left to right, line by line, and the first free line below them."""
    placed: list[Json] = []
    x = height = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        placed.append(panel.json(identity + len(placed), x, y))
        x += panel.width
        height = max(height, panel.height)
    return placed, y + height


def layout(rows: list[Row]) -> list[Json]:
    """All panels. The identities of a row begin at a multiple of 100, so that a new panel changes few others."""
    panels: list[Json] = []
    y = 0
    for number, row in enumerate(rows, 1):
        panels.append(heading(row, 100 * number, y))
        placed, y = place(row.panels, 100 * number + 1, y + 1)
        panels += placed
    return panels


def check_chart_values(rows: list[Row]) -> None:
    """The chart replaces some thresholds by their text; a limit of another kind must not have such a value.

    Raises ValueError if one does.
    """
    for panel in (panel for row in rows for panel in row.panels):
        for value, _ in panel.thresholds.steps:
            if value in CHART_VALUES and panel.unit != "s":
                raise ValueError(f"{panel.title}: threshold {value} would be replaced by the chart")


def dashboard() -> Object:
    """The whole dashboard."""
    check_chart_values(ROWS)
    return {
        "uid": "guardduty-slack",
        "title": "GuardDuty to Slack",
        "description": "Health, latency and deliveries of guardduty-slack. Prometheus must scrape the Pushgateway with honor_labels.",
        "tags": ["guardduty", "slack", "security"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "version": 2,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "annotations": {"list": annotations()},
        "links": [
            link("Runbook", f"{DOCUMENTS}/alerts.md"),
            link("Operations", f"{DOCUMENTS}/operations.md"),
        ],
        "templating": {"list": variables()},
        "panels": layout(ROWS),
    }
