//! The README and docs/ agree with the program, the chart and the files that they describe.
//!
//! `UPDATE_README=1 cargo test --test readme` updates the generated parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use guardduty_slack::config::{self, Config};
use guardduty_slack::finding::SeverityLevel;
use guardduty_slack::metrics::{
    CumulativeCounters, DelayHistogram, RunMetrics, ScanOutcome, SourceMetrics, Unacknowledged, render,
};
use guardduty_slack::state::State;
use guardduty_slack::time::Timestamp;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The README, docs/ and what else is written for readers, by paths from the root.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).expect("there are docs").filter_map(Result::ok);
    let docs = docs.map(|entry| Path::new("docs").join(entry.file_name()));
    let own = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "k8s/iam/README.md",
        "helm/guardduty-slack/README.md",
        "tests/simulator/README.md",
        "benches/README.md",
    ];
    own.map(PathBuf::from).into_iter().chain(docs.filter(|p| p.extension().is_some_and(|e| e == "md"))).collect()
}

/// The page that contains the table of variables.
const CONFIGURATION: &str = "docs/configuration.md";

/// The page with every generated part as it should be.
fn renewed(page: &str) -> String {
    const END: &str = "<!-- end -->";
    let mut text = String::new();
    let mut rest = page;
    while let Some(at) = rest.find("<!-- begin ") {
        let marker_end = at + rest[at..].find("-->\n").expect("a marker ends its line") + 4;
        assert!(rest[at..].starts_with("<!-- begin variables "), "only the table of variables is generated");
        let end = marker_end + rest[marker_end..].find(END).expect("what begins has an end");
        text += &rest[..marker_end];
        text += &config::render_markdown();
        rest = &rest[end..];
    }
    text + rest
}

#[test]
fn generated_parts_of_the_documents_are_up_to_date() {
    let page = read(CONFIGURATION);
    let fresh = renewed(&page);
    assert!(page.contains("<!-- begin variables "), "{CONFIGURATION} has no table of variables");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(root().join(CONFIGURATION), &fresh).expect("the page can be written");
        return;
    }
    let stale = page.lines().zip(fresh.lines()).find(|(is, should)| is != should);
    assert!(
        page == fresh,
        "{CONFIGURATION} is out of date; the first difference: {stale:?}\nrun UPDATE_README=1 cargo test --test readme"
    );
}

/// Texts between `open` and `close` that lie on one line.
fn between<'a>(text: &'a str, open: &str, close: char) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|after| after.lines().next()?.split(close).next()).collect()
}

/// As GitHub makes an anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept =
        heading.trim().to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap_or_default();
    text.lines().filter(|l| l.starts_with('#')).map(|l| anchor(l.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = read(&page);
        let links = between(&text, "](", ')').into_iter().chain(between(&text, "<img src=\"", '"'));
        for link in links.filter(|l| !l.contains("://")) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let own = root().join(&page);
            let target = if path.is_empty() { own } else { own.with_file_name("").join(path) };
            if !target.exists() || !(fragment.is_empty() || anchors(&target).contains(fragment)) {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// The whole source, in one line, so that no message is broken over two.
fn source() -> String {
    fn below(folder: &Path, text: &mut String) {
        for path in fs::read_dir(folder).expect("a folder").filter_map(Result::ok).map(|entry| entry.path()) {
            match path.extension() {
                None => below(&path, text),
                Some(e) if e == "rs" => *text += &fs::read_to_string(&path).expect("source is text"),
                Some(_) => {}
            }
        }
    }
    let mut text = String::new();
    below(&root().join("src"), &mut text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_line_of_the_log_that_is_explained_can_be_logged() {
    let (source, page) = (source(), read("docs/operations.md"));
    let explained =
        page.split("\n## ").find(|section| section.starts_with("Log reference")).expect("a section on the log");
    let lines = explained.lines().filter(|l| l.starts_with("| `")).filter_map(|l| l.split(" | ").next());
    for line in lines.flat_map(|cell| between(cell, "`", '`').into_iter().step_by(2)) {
        assert!(source.contains(line), "nothing logs “{line}”");
    }
}

/// Metrics of a run with all values.
fn everything() -> RunMetrics {
    let source = SourceMetrics {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        watermark: Some(Timestamp(0)),
        open: Some(BTreeMap::from([(SeverityLevel::High, 1)])),
        detector_enabled: Some(true),
        floor: Some(Timestamp(0)),
        features: BTreeMap::from([("S3_DATA_EVENTS".into(), true)]),
        coverage: BTreeMap::from([("EKS".into(), 1)]),
        destinations_failing: Some(0),
        missed_scans: BTreeMap::from([(ScanOutcome::Failed, 1)]),
        ..SourceMetrics::default()
    };
    let requests = BTreeMap::from([(
        "slack".to_owned(),
        BTreeMap::from([("chat.postMessage".to_owned(), BTreeMap::from([("ok".to_owned(), 1)]))]),
    )]);
    let types = BTreeMap::from([("Recon:EC2/Portscan".to_owned(), 1)]);
    let oldest = BTreeMap::from([(SeverityLevel::High, Timestamp(0))]);
    let carried = CumulativeCounters {
        requests,
        types,
        channels: vec!["#security".into()],
        acknowledge_delay: Some(DelayHistogram::default()),
        ..CumulativeCounters::default()
    };
    RunMetrics {
        success: true,
        last_success: Some(Timestamp(0)),
        sources: vec![source],
        unacknowledged: Some(Unacknowledged { oldest, ..Unacknowledged::default() }),
        state_bytes: Some(1),
        counters: Some(carried),
        ..RunMetrics::default()
    }
}

#[test]
fn the_reference_lists_every_metric_with_its_type_and_labels() {
    let page = read("docs/metrics.md");
    let text = render(&everything());
    let exposed: BTreeMap<&str, &str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    for (name, kind) in &exposed {
        let sample = text.lines().find(|l| l.starts_with(name)).unwrap_or_default();
        let labels = between(sample, "{", '}').into_iter().flat_map(|l| l.split(','));
        let labels: BTreeSet<&str> = labels.filter_map(|l| Some(l.split_once('=')?.0)).filter(|l| *l != "le").collect();
        let row = page.lines().find(|l| l.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/metrics.md lacks {name}"));
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let named: BTreeSet<&str> =
            columns[3].split(", ").map(|l| l.trim_matches('`')).filter(|l| !l.is_empty()).collect();
        assert_eq!((columns[2], named), (*kind, labels), "{name}");
    }
    let rows = page.lines().filter(|l| l.starts_with("| `guardduty_slack_")).count();
    assert_eq!(rows, exposed.len(), "docs/metrics.md lists a metric that does not exist");
}

#[test]
fn the_reference_and_the_runbook_know_every_alert() {
    let rules = read("k8s/monitoring/prometheusrule.yaml");
    let chart = read("helm/guardduty-slack/templates/prometheusrule.yaml");
    let (reference, runbook) = (read("docs/metrics.md"), anchors(&root().join("docs/alerts.md")));
    let alerts: BTreeSet<&str> = between(&chart, "\"alert\" \"", '"').into_iter().collect();
    assert!(alerts.len() >= 10 && between(&rules, "alert: ", ' ').iter().all(|a| alerts.contains(a)), "{alerts:?}");
    for alert in alerts {
        assert!(reference.contains(&format!("`{alert}`")), "docs/metrics.md lacks {alert}");
        assert!(runbook.contains(&anchor(alert)), "docs/alerts.md lacks {alert}");
    }
}

/// The blocks of code in this language, of a page.
fn code(page: &str, language: &str) -> Vec<String> {
    let text = read(page);
    let open = format!("\n```{language}\n");
    text.split(&open).skip(1).filter_map(|after| Some(after.split("\n```").next()?.to_owned())).collect()
}

#[test]
fn every_example_of_routes_is_understood() {
    let pages = ["docs/routes.md", "docs/slack.md"];
    let examples: Vec<String> =
        pages.iter().flat_map(|page| code(page, "json")).filter(|c| c.starts_with("[{")).collect();
    assert!(examples.len() >= 2, "{examples:?}");
    for routes in examples {
        let config = Config::for_preview([("SLACK_ROUTES".to_owned(), routes.clone())], false);
        assert!(config.is_ok(), "{routes}: {:?}", config.err());
    }
}

#[test]
fn documented_state_example_is_valid() {
    let examples = code("docs/operations.md", "json");
    let state = State::parse(&examples[0]).expect("docs/operations.md shows a state first");
    assert!(state.unknown.is_empty() && state.sources.values().all(|s| s.unknown.is_empty()), "a field that is none");
    assert!(state.findings.values().all(|f| f.unknown.is_empty()), "a field that is none");
    assert_eq!((state.sources.len(), state.findings.len(), state.lease.is_some()), (1, 3, true));
}

#[test]
fn documented_fields_of_the_state_exist() {
    let (source, page) = (source(), read("docs/operations.md"));
    let table = page.split("\n| field | meaning |\n").nth(1).expect("a table of fields");
    let cells = table.lines().take_while(|l| l.starts_with('|')).skip(1).filter_map(|l| l.split(" | ").next());
    let names: Vec<&str> = cells.flat_map(|cell| between(cell, "`", '`').into_iter().step_by(2)).collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        let field = name.rsplit('.').next().expect("a name");
        let is_member = [format!("pub {field}: "), format!("rename = \"{field}\"")].iter().any(|f| source.contains(f));
        assert!(is_member, "the state has no field {name}");
    }
}
