//! The file of the dashboard: its panels, their queries, and the structure that Grafana expects.

use std::collections::BTreeSet;

use serde_json::Value;

const FILE: &str = include_str!("../../helm/guardduty-slack/dashboards/guardduty-slack.json");

/// One query of a panel.
pub(crate) struct Target {
    pub title: String,
    /// Position within the panel.
    pub index: usize,
    pub expression: String,
    pub instant: bool,
}

impl Target {
    /// The query that Grafana sends with every variable at `All`.
    pub(crate) fn query(&self, range: i64, step: i64) -> String {
        interpolate(&self.expression, range, step)
    }
}

pub(crate) fn read() -> Value {
    serde_json::from_str(FILE).expect("the dashboard is JSON")
}

fn panels() -> Vec<Value> {
    let all = read()["panels"].as_array().expect("the dashboard has panels").clone();
    all.into_iter().filter(|panel| panel["type"] != "row").collect()
}

pub(crate) fn targets() -> Vec<Target> {
    panels().iter().flat_map(targets_of).collect()
}

fn targets_of(panel: &Value) -> Vec<Target> {
    let targets = panel["targets"].as_array().expect("a panel has targets");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let target = |(index, target): (usize, &Value)| Target {
        title: text(&panel["title"]),
        index,
        expression: text(&target["expr"]),
        instant: target["instant"] == true,
    };
    targets.iter().enumerate().map(target).collect()
}

/// Expressions of the annotations.
pub(crate) fn annotations() -> Vec<String> {
    let all = read()["annotations"]["list"].as_array().expect("the dashboard has annotations").clone();
    all.iter().filter_map(|annotation| annotation["target"]["expr"].as_str().map(str::to_owned)).collect()
}

/// An expression with its variables replaced.
pub(crate) fn interpolate(expression: &str, range: i64, step: i64) -> String {
    let variables = ["namespace", "release", "account", "region"];
    let all = |query: String, name: &&str| query.replace(&format!("\"${name}\""), "\".*\"");
    let query = variables.iter().fold(expression.to_owned(), all);
    let query = query.replace("$__range_s", &range.to_string());
    query.replace("$__range", &format!("{range}s")).replace("$__interval", &format!("{step}s"))
}

/// Names of the program's metrics in a text.
pub(crate) fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_word(c)).filter(|word| word.starts_with("guardduty_slack_")).map(str::to_owned).collect()
}

#[test]
fn panels_have_unique_ids_and_do_not_overlap() {
    let dashboard = read();
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<i64> = panels.iter().filter_map(|panel| panel["id"].as_i64()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let side = |name: &str| panel["gridPos"][name].as_i64().expect("a position");
        assert!(side("x") + side("w") <= 24, "{} is outside", panel["title"]);
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{} overlaps at {x},{y}", panel["title"]);
            }
        }
    }
}

#[test]
fn panels_have_a_title_a_description_and_a_text_for_no_value() {
    let mut titles = BTreeSet::new();
    for panel in panels() {
        let texts = [&panel["title"], &panel["description"], &panel["fieldConfig"]["defaults"]["noValue"]];
        assert!(texts.iter().all(|text| text.as_str().is_some_and(|text| !text.is_empty())), "{}", panel["title"]);
        assert!(titles.insert(panel["title"].to_string()), "{} occurs twice", panel["title"]);
    }
}

#[test]
fn queries_use_the_selected_data_source_and_releases() {
    for panel in panels() {
        for target in panel["targets"].as_array().expect("a panel has targets") {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
    for target in targets() {
        let selectors = target.expression.matches("guardduty_slack_").count();
        let selected = target.expression.matches("namespace=~\"$namespace\",release=~\"$release\"").count();
        assert_eq!(selectors, selected, "{}: {}", target.title, target.expression);
    }
}

#[test]
fn values_by_release_are_named_by_the_release() {
    for panel in panels() {
        for target in panel["targets"].as_array().expect("a panel has targets") {
            let by_release = target["expr"].as_str().is_some_and(|query| query.contains(" by (namespace, release"));
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            let named = legend.contains("{{namespace}}/{{release}}") || target["format"] == "table";
            assert!(!by_release || named, "{}: {legend}", panel["title"]);
        }
    }
}
