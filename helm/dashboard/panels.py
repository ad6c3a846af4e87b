"""Building blocks of Grafana panels, as JSON values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypedDict, Unpack

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Object: TypeAlias = dict[str, Json]

DATASOURCE: Object = {"type": "prometheus", "uid": "${datasource}"}
DOCUMENTS = "https://github.com/guardduty-slack/guardduty-slack/blob/main/docs"
SEVERITY_COLORS = {"critical": "dark-red", "high": "red", "medium": "orange", "low": "yellow"}
OUTCOME_COLORS = {"failed": "red", "given_up": "dark-red"}
RELEASE_NAME = "{{namespace}}/{{release}}"


@dataclass(frozen=True)
class Query:
    """A PromQL expression and the name of its series."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Thresholds:
    """Colors from these values on; below the first one, the base color."""

    steps: tuple[tuple[float, str], ...] = ()
    base: str = "green"

    def json(self) -> Object:
        """The JSON form."""
        steps: list[Json] = [{"color": self.base, "value": None}]
        steps += [{"color": color, "value": value} for value, color in self.steps]
        return {"mode": "absolute", "steps": steps}


PLAIN = Thresholds()
ANY_IS_RED = Thresholds(((1, "red"),))
ANY_IS_ORANGE = Thresholds(((1, "orange"),))


@dataclass(frozen=True)
class Panel:
    """A panel without its position."""

    kind: str
    title: str
    description: str
    queries: Sequence[Query]
    width: int
    height: int
    options: Object
    unit: str = "locale"
    no_value: str = "No data"
    thresholds: Thresholds = PLAIN
    once: bool = False  # evaluated once, at the end of the time range
    table: bool = False
    color_mode: str = "thresholds"
    custom: Object = field(default_factory=dict)
    more_defaults: Object = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()
    link: str = ""

    def json(self, identity: int, x: int, y: int) -> Object:
        """The JSON form at a position."""
        defaults: Object = {
            "unit": self.unit,
            "noValue": self.no_value,
            "thresholds": self.thresholds.json(),
            "mappings": [],
            "color": {"mode": self.color_mode},
            "custom": self.custom,
            **self.more_defaults,
        }
        panel: Object = {
            "id": identity,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [self.target(index, query) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": defaults, "overrides": list(self.overrides)},
            "options": self.options,
            "transformations": list(self.transformations),
        }
        if not self.once:
            panel["interval"] = "1m"
        if self.link:
            panel["links"] = [link(*self.link.split("|"))]
        return panel

    def target(self, index: int, query: Query) -> Object:
        """The JSON form of a query."""
        return {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
            "instant": self.once,
            "range": not self.once,
            "format": "table" if self.table else "time_series",
        }


@dataclass(frozen=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: Sequence[Panel]


class Settings(TypedDict, total=False):
    """Fields of a panel that its kind leaves open."""

    unit: str
    no_value: str
    thresholds: Thresholds
    overrides: Sequence[Json]
    link: str


def link(title: str, url: str) -> Object:
    """A link that opens in another tab."""
    shown: Object = {"title": title, "tooltip": "", "type": "link", "icon": "doc", "tags": [], "url": url}
    return {**shown, "asDropdown": False, "targetBlank": True, "includeVars": False, "keepTime": False}


def runbook(alert: str) -> str:
    """The link of a panel to the runbook of an alert."""
    return f"Runbook: {alert}|{DOCUMENTS}/alerts.md#{alert.lower()}"


def fixed_colors(colors: Mapping[str, str]) -> list[Json]:
    """Overrides that give series of these names a color."""
    return [override(name, [("color", {"mode": "fixed", "fixedColor": color})]) for name, color in colors.items()]


def override(name: str, properties: Iterable[tuple[str, Json]]) -> Json:
    """Properties of the field with this name."""
    settings: list[Json] = [{"id": identity, "value": value} for identity, value in properties]
    return {"matcher": {"id": "byName", "options": name}, "properties": settings}


def value_mapping(texts: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Texts and colors for values."""
    options: Object = {value: {"text": text, "color": color, "index": index} for index, (value, (text, color)) in enumerate(texts.items())}
    return [{"type": "value", "options": options}]


def stat(title: str, description: str, queries: Sequence[Query], *, width: int = 4, text: str = "auto", **more: Unpack[Settings]) -> Panel:
    """Numbers for the time range or for now. Their queries are evaluated once, so that nothing is summed over steps."""
    options: Object = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "none" if text == "name" else "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": text,
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    return Panel("stat", title, description, queries, width, 4, options, once=True, **more)


def lines(title: str, description: str, queries: Sequence[Query], *, width: int = 8, **more: Unpack[Settings]) -> Panel:
    """Values over time, with the current one in the legend."""
    custom: Object = {"drawStyle": "line", "lineInterpolation": "stepAfter", "lineWidth": 1, "fillOpacity": 10}
    custom |= {"showPoints": "auto", "spanNulls": False, "thresholdsStyle": {"mode": "off"}}
    if "thresholds" in more:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    return graph(title, description, queries, width, custom, ["lastNotNull"], **more)


def bars(title: str, description: str, queries: Sequence[Query], *, width: int = 8, **more: Unpack[Settings]) -> Panel:
    """Growth in each step. The legend has no numbers: totals are in panels that cover the time range exactly."""
    custom: Object = {"drawStyle": "bars", "lineWidth": 0, "fillOpacity": 80, "barAlignment": -1}
    custom |= {"showPoints": "never", "stacking": {"mode": "normal", "group": "A"}}
    return graph(title, description, queries, width, custom, [], **more)


def graph(
    title: str,
    description: str,
    queries: Sequence[Query],
    width: int,
    custom: Object,
    numbers: list[Json],
    **more: Unpack[Settings],
) -> Panel:
    """Values over time, from 0."""
    legend: Object = {"displayMode": "table" if numbers else "list", "placement": "bottom", "showLegend": True}
    options: Object = {"legend": {**legend, "calcs": numbers}, "tooltip": {"mode": "multi", "sort": "desc"}}
    more_defaults: Object = {"min": 0}
    return Panel(
        "timeseries", title, description, queries, width, 8, options,
        custom=custom, more_defaults=more_defaults, color_mode="palette-classic", **more,
    )  # fmt: skip


def timeline(title: str, description: str, queries: Sequence[Query], mapping: list[Json], *, width: int, **more: Unpack[Settings]) -> Panel:
    """States over time."""
    options: Object = {
        "mergeValues": True,
        "showValue": "never",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return Panel(
        "state-timeline", title, description, queries, width, 8, options,
        custom={"fillOpacity": 70, "lineWidth": 0}, more_defaults={"mappings": mapping}, **more,
    )  # fmt: skip


def table(
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Mapping[str, str],
    *,
    width: int = 8,
    sort: str,
    **more: Unpack[Settings],
) -> Panel:
    """Rows of labels and values: `columns` names the fields to show, in order, and their headings."""
    options: Object = {
        "frameIndex": 0,
        "showHeader": True,
        "cellHeight": "sm",
        "sortBy": [{"displayName": sort, "desc": True}],
    }
    order: Object = {name: position for position, name in enumerate(columns)}
    organize: Object = {"indexByName": order, "renameByName": dict(columns), "includeByName": {name: True for name in columns}}
    organize["excludeByName"] = {name: True for name in ("Time", "__name__", "job", "instance", "Value") if name not in columns}
    transformations: list[Json] = [{"id": "merge", "options": {}}] if len(queries) > 1 else []
    transformations.append({"id": "organize", "options": organize})
    custom: Object = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    return Panel(
        "table", title, description, queries, width, 8, options,
        once=True, table=True, custom=custom, transformations=transformations, **more,
    )  # fmt: skip
