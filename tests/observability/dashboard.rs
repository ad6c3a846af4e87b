//! The dashboard's file: its panels, their queries, and the shape that Grafana expects.

use std::collections::BTreeSet;

use serde_json::Value;

const FILE: &str = include_str!("../../helm/guardduty-slack/dashboards/guardduty-slack.json");

pub fn read() -> Value {
    serde_json::from_str(FILE).expect("the dashboard is JSON")
}

/// Title and query of every target.
pub fn queries() -> Vec<(String, String)> {
    let dashboard = read();
    let panels = dashboard["panels"].as_array().expect("the dashboard has panels").clone();
    panels
        .iter()
        .flat_map(|panel| {
            let title = panel["title"].as_str().unwrap_or_default().to_owned();
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            targets
                .into_iter()
                .map(move |target| (title.clone(), target["expr"].as_str().unwrap_or_default().to_owned()))
        })
        .collect()
}

/// A query as Grafana would ask it with every variable at «All», over an hour.
pub fn asked(query: &str) -> String {
    let all = ["namespace", "release", "account", "region"];
    let query = all.iter().fold(query.to_owned(), |query, name| query.replace(&format!("\"${name}\""), "\".*\""));
    query.replace("$__rate_interval", "1h").replace("$__range", "1h")
}

/// The program's metrics that a text names.
pub fn metrics_in(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !word(c)).filter(|w| w.starts_with("guardduty_slack_")).map(str::to_owned).collect()
}

#[test]
fn every_panel_has_an_id_a_title_and_a_place_of_its_own() {
    let dashboard = read();
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<i64> = panels.iter().filter_map(|panel| panel["id"].as_i64()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{panel}");
        let side = |name: &str| panel["gridPos"][name].as_i64().expect("a place");
        assert!(side("x") + side("w") <= 24, "{} is outside", panel["title"]);
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{} overlaps at {x},{y}", panel["title"]);
            }
        }
    }
}

#[test]
fn every_query_goes_to_the_chosen_data_source_and_release() {
    let dashboard = read();
    let panels = dashboard["panels"].as_array().expect("panels");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().expect("a panel has targets");
        assert!(!targets.is_empty(), "{}", panel["title"]);
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
    for (title, query) in queries() {
        let selectors = query.matches("guardduty_slack_").count();
        let chosen = query.matches("namespace=~\"$namespace\",release=~\"$release\"").count();
        assert_eq!(selectors, chosen, "{title}: {query}");
    }
}
