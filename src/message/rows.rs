//! Renders the rows of the message of a finding: per topic, the lines that fit into the limits of Slack.

use super::blocks::{Rich, Runs};
use super::render;
use super::text::SafeText;
use crate::finding::{Finding, Line, Topic};

/// Maximum length of one line, so that no value that an attacker chose displaces the other rows.
const LINE: usize = 1_000;
/// Number of characters reserved for `+12 more in the console`.
const MORE: usize = 30;

/// The layout of a matter.
struct Matter {
    about: Topic,
    label: &'static str,
    /// If not all lines fit, a matter of importance 6 keeps about twice as many lines as one of importance 3.
    importance: usize,
    layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// The first line beside the label, the others as a list.
    List,
    /// All lines one after the other.
    Inline,
}

/// All matters in reading order. The details are below the buttons.
const MATTERS: [Matter; 12] = [
    matter(Topic::Contain, "Contain", 12, Layout::Inline),
    matter(Topic::Signals, "Signals", 12, Layout::List),
    matter(Topic::Resource, "Resource", 8, Layout::List),
    matter(Topic::Action, "Action", 6, Layout::List),
    matter(Topic::Actor, "Actor", 6, Layout::List),
    matter(Topic::Target, "Target", 6, Layout::List),
    matter(Topic::RemoteHost, "Remote host", 6, Layout::List),
    matter(Topic::Process, "Process", 6, Layout::List),
    matter(Topic::Malware, "Malware", 6, Layout::List),
    matter(Topic::Evidence, "Evidence", 4, Layout::Inline),
    matter(Topic::Anomalies, "Anomalies", 4, Layout::List),
    matter(Topic::Indicators, "Indicators", 3, Layout::Inline),
];

const fn matter(about: Topic, label: &'static str, importance: usize, layout: Layout) -> Matter {
    Matter { about, label, importance, layout }
}

/// A label with its lines, of which the last ones may be hidden.
pub(super) struct Row {
    label: &'static str,
    importance: usize,
    layout: Layout,
    lines: Vec<Runs>,
    shown: usize,
    /// Lines that the finding did not keep.
    omitted: usize,
}

impl Row {
    pub(super) fn new(label: &'static str, line: &Line) -> Self {
        Self {
            label,
            importance: 8,
            layout: Layout::List,
            lines: cut(std::slice::from_ref(line)),
            shown: 1,
            omitted: 0,
        }
    }

    fn of(matter: &Matter, lines: &[Line], omitted: usize) -> Self {
        let Matter { label, importance, layout, .. } = *matter;
        Self { label, importance, layout, shown: lines.len(), lines: cut(lines), omitted }
    }

    fn units(&self) -> usize {
        let shown: usize = self.lines.iter().take(self.shown).map(|line| line.utf16_len() + 3).sum();
        self.label.len() + 2 + shown + if self.hidden() > 0 { MORE } else { 0 }
    }

    fn hidden(&self) -> usize {
        self.lines.len() - self.shown + self.omitted
    }

    /// Number of lines shown in relation to the importance.
    fn depth(&self) -> usize {
        self.shown * 1_000 / self.importance
    }

    fn rich(&self, rich: Rich) -> Rich {
        let shown = self.lines.iter().take(self.shown).cloned().chain(self.more());
        let label = Runs::new().label(self.label).literal("  ");
        match self.layout {
            Layout::Inline => rich.section(label.append(joined(shown))),
            Layout::List => {
                let mut lines = shown;
                let first = lines.next().unwrap_or_default();
                rich.section(label.append(first)).bullets(lines)
            }
        }
    }

    fn more(&self) -> Option<Runs> {
        more_in_console(self.hidden()).map(|more| Runs::new().text(&more))
    }
}

/// `+12 more in the console`, for lines of a finding that its message does not show.
pub(super) fn more_in_console(hidden: usize) -> Option<SafeText> {
    (hidden > 0).then(|| SafeText::single_line(&format!("+{hidden} more in the console")))
}

fn cut(lines: &[Line]) -> Vec<Runs> {
    lines.iter().filter_map(|line| render::to_text_runs(line).truncate(LINE)).collect()
}

fn joined(lines: impl Iterator<Item = Runs>) -> Runs {
    let join = |joined: Runs, line: Runs| if joined.is_empty() { line } else { joined.literal(" · ").append(line) };
    lines.fold(Runs::new(), join)
}

/// The rows of a finding. `adapt` may add lines to those of a matter.
pub(super) fn of_finding(f: &Finding, adapt: impl Fn(Topic, &mut Vec<Line>)) -> Vec<Row> {
    let mut rows = Vec::new();
    for matter in &MATTERS {
        let mut lines = f.lines_about(matter.about).to_vec();
        adapt(matter.about, &mut lines);
        if !lines.is_empty() {
            rows.push(Row::of(matter, &lines, f.omitted(matter.about)));
        }
    }
    rows
}

/// Hides lines until the rows fit. It always hides the last line of the row that shows most lines in relation to its
/// importance. Each row keeps its first line.
pub(super) fn fit(rows: &mut [Row], capacity: usize) {
    let mut total = units(rows);
    while total > capacity {
        let Some(deepest) = rows.iter_mut().filter(|row| row.shown > 1).max_by_key(|row| row.depth()) else { return };
        let before = deepest.units();
        deepest.shown -= 1;
        total = total + deepest.units() - before;
    }
}

pub(super) fn units(rows: &[Row]) -> usize {
    rows.iter().map(Row::units).sum()
}

pub(super) fn rich(rows: &[Row]) -> Rich {
    rows.iter().fold(Rich::new(), |rich, row| row.rich(rich))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(about: Topic, lines: usize) -> Row {
        let matter = MATTERS.iter().find(|matter| matter.about == about).unwrap();
        let lines: Vec<Line> = (0..lines).map(|n| Line::new().literal(format!("line number {n:02}"))).collect();
        Row::of(matter, &lines, 2)
    }

    #[test]
    fn the_less_important_row_loses_more_lines_and_says_how_many() {
        let mut rows = [row(Topic::Signals, 40), row(Topic::Indicators, 40)];
        fit(&mut rows, 400);
        let [signals, indicators] = &rows;
        assert!(
            signals.shown >= 3 * indicators.shown && indicators.shown > 1,
            "{}, {}",
            signals.shown,
            indicators.shown
        );
        assert!(rows.iter().map(Row::units).sum::<usize>() <= 400);
        let more = format!("+{} more in the console", 42 - indicators.shown);
        assert!(format!("{:?}", rich(&rows)).contains(&more));
    }

    #[test]
    fn rows_that_fit_show_every_line_and_each_row_keeps_its_first() {
        let mut rows = [row(Topic::Signals, 3), row(Topic::Resource, 3)];
        fit(&mut rows, 1_000);
        assert!(rows.iter().all(|row| row.shown == 3));
        fit(&mut rows, 0);
        assert!(rows.iter().all(|row| row.shown == 1));
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = (0..5).fold(Line::new(), |phrase, _| phrase.code(&"x".repeat(240)));
        assert_eq!(Row::new("Resource", &long).lines[0].utf16_len(), LINE);
    }
}
