//! A silence is never ambiguous: what is announced about a source that cannot be read, about its detector, and about
//! what hides findings from sight. Each is announced once; what was announced is in the state.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::finding::Band;
use crate::guardduty::ReadError;
use crate::message::{Level, Notice};
use crate::state::{Source, Standing};
use crate::time::{Millis, show_duration};

/// What names a notice: the same event has the same id in a run that could not record it and in the next.
#[derive(Clone, Copy, Debug)]
pub struct Stamp(pub Millis);

impl Stamp {
    pub fn notice(self, what: &str, level: Level, title: String, lines: Vec<String>) -> Notice {
        Notice { id: format!("{what}-{}", self.0.0), title, lines, level }
    }
}

/// The event that a notice with this ID is about: the same for every stamp.
pub fn event(notice_id: &str) -> &str {
    notice_id.rsplit_once('-').map_or(notice_id, |(event, _)| event)
}

/// What a look at a source told of its detector.
#[derive(Debug)]
pub enum Reading<'a> {
    Failed(&'a ReadError),
    NoDetector,
    Detector { id: &'a str, enabled: Option<bool> },
}

/// Returns how a source is after its first look in a run, and what is news. `all`: `GUARDDUTY_REGIONS=all`.
/// A region that is left out yields no notice here: [`left_out`] names all of them in one.
pub fn standing(
    key: &str,
    source: &Source,
    new: bool,
    all: bool,
    reading: &Reading,
    stamp: Stamp,
    now: Millis,
) -> (Source, Vec<Notice>) {
    let mut source = source.clone();
    let notices = judge(key, &mut source, new, all, reading, stamp, now);
    (source, notices)
}

fn judge(
    key: &str,
    source: &mut Source,
    new: bool,
    all: bool,
    reading: &Reading,
    stamp: Stamp,
    now: Millis,
) -> Vec<Notice> {
    let unknown = new || source.standing == Standing::LeftOut;
    match reading {
        Reading::NoDetector if all && unknown => leave_out(source),
        Reading::Failed(error) if all && unknown && error.rules_out_region() => leave_out(source),
        Reading::Failed(error) => blind(key, source, error, stamp, now),
        Reading::NoDetector => {
            [seen_again(key, source, stamp, now), gone(key, source, stamp)].into_iter().flatten().collect()
        }
        Reading::Detector { id, enabled } => {
            let again = seen_again(key, source, stamp, now);
            again.into_iter().chain(detector(key, source, id, *enabled, new, stamp)).collect()
        }
    }
}

fn leave_out(source: &mut Source) -> Vec<Notice> {
    source.standing = Standing::LeftOut;
    Vec::new()
}

/// Denied is said at once; anything else when a second run in succession meets it.
fn blind(key: &str, source: &mut Source, error: &ReadError, stamp: Stamp, now: Millis) -> Vec<Notice> {
    let second = source.blind_since.is_some();
    let since = *source.blind_since.get_or_insert(source.read.unwrap_or(now));
    if source.blind_told || !(second || error.denied()) {
        return Vec::new();
    }
    source.blind_told = true;
    let lines = vec![
        format!("Since {}", since.iso()),
        error.to_string(),
        "Its findings are delayed. They are delivered once the source can be read again".into(),
    ];
    vec![stamp.notice(&format!("unreadable-{key}"), Level::Warning, format!("Cannot read {}", shown(key)), lines)]
}

/// A source as a reader knows it; `self/*` and `ACCOUNT/*` stand for all that an identity shows.
fn shown(key: &str) -> String {
    match key.strip_suffix("/*") {
        Some("self") => "GuardDuty with the identity of the pod".into(),
        Some(account) => format!("GuardDuty in account {account}"),
        None => key.to_owned(),
    }
}

/// The notice that a source, which is forgotten now, can be read again, if it was announced that it cannot.
pub fn recovery(key: &str, source: &Source, stamp: Stamp, now: Millis) -> Option<Notice> {
    seen_again(key, &mut source.clone(), stamp, now)
}

/// The end of a blind period, if it was announced.
fn seen_again(key: &str, source: &mut Source, stamp: Stamp, now: Millis) -> Option<Notice> {
    let since = source.blind_since.take();
    source.read = Some(now);
    if !std::mem::take(&mut source.blind_told) {
        return None;
    }
    let title = format!("Could not read {} from {} to {}", shown(key), since.unwrap_or(now).iso(), now.iso());
    let lines = vec!["Reading has resumed. The findings of this period follow".into()];
    Some(stamp.notice(&format!("readable-again-{key}"), Level::Resolved, title, lines))
}

fn gone(key: &str, source: &mut Source, stamp: Stamp) -> Option<Notice> {
    if source.standing == Standing::Gone {
        return None;
    }
    source.standing = Standing::Gone;
    let title = match source.detector {
        Some(_) => format!("Detector missing in {key}"),
        None => format!("No GuardDuty detector in {key}"),
    };
    let lines = vec!["GuardDuty detects nothing there until it is enabled".into()];
    Some(stamp.notice(&format!("detector-missing-{key}"), Level::Warning, title, lines))
}

fn detector(key: &str, source: &mut Source, id: &str, enabled: Option<bool>, new: bool, stamp: Stamp) -> Vec<Notice> {
    let before = source.detector.replace(id.to_owned());
    let was = std::mem::take(&mut source.standing);
    let mut notices = Vec::new();
    let anew = before.is_some_and(|b| b != id) || (was == Standing::Gone && !new);
    if anew {
        let lines = vec![format!("New detector {id}; delivery continues from the watermark of the source")];
        notices.push(stamp.notice(
            &format!("detector-replaced-{key}"),
            Level::Info,
            format!("Detector replaced in {key}"),
            lines,
        ));
    }
    match enabled {
        Some(false) => source.standing = Standing::Disabled,
        // Not told: what was known holds on.
        None if was == Standing::Disabled => source.standing = Standing::Disabled,
        _ => {}
    }
    if source.standing == Standing::Disabled && was != Standing::Disabled {
        let lines = vec!["GuardDuty detects nothing there until it is enabled again".into()];
        notices.push(stamp.notice(
            &format!("detector-disabled-{key}"),
            Level::Warning,
            format!("Detector disabled in {key}"),
            lines,
        ));
    }
    if was == Standing::Disabled && enabled == Some(true) {
        notices.push(stamp.notice(
            &format!("detector-enabled-{key}"),
            Level::Resolved,
            format!("Detector enabled again in {key}"),
            vec![],
        ));
    }
    notices
}

/// Findings that were open before the program looked: by band, as far as GuardDuty tells.
pub type Open = BTreeMap<Band, u64>;

/// A run that finds no state.
pub fn afresh(lookback: Duration, open: Option<&Open>, stamp: Stamp) -> Notice {
    let title = format!("No saved state: looking back {}", lookback_text(lookback));
    let lines = vec![
        open_text(open),
        "Findings that were already open are not posted. Each of them is posted when it recurs".into(),
    ];
    stamp.notice("no-state", Level::Info, title, lines)
}

/// Sources that are new to a state that knows others.
pub fn new_sources(keys: &[String], lookback: Duration, open: Option<&Open>, stamp: Stamp) -> Notice {
    let title = match keys {
        [one] => format!("New source {one}: looking back {}", lookback_text(lookback)),
        many => format!("{} new sources: looking back {}", many.len(), lookback_text(lookback)),
    };
    let mut lines = if keys.len() > 1 { packed(keys, ", ") } else { Vec::new() };
    lines.insert(0, open_text(open));
    stamp.notice(&format!("new-source-{}", keys.first().map_or("", String::as_str)), Level::Info, title, lines)
}

/// Sources at which a run on a wrong clock looked from an instant on that had not come.
pub fn clocks_disagree(keys: &[String], from: Millis, stamp: Stamp) -> Notice {
    let title = match keys {
        [one] => format!("Clock skew: {one} is read again from {}", from.iso()),
        many => format!("Clock skew: {} sources are read again from {}", many.len(), from.iso()),
    };
    let mut lines = vec![
        "The clock of an earlier run was ahead, or the clock of this run is behind. Synchronize the clocks of the nodes"
            .into(),
        "Findings updated before that time may not have been announced. A replay announces them".into(),
    ];
    lines.extend(if keys.len() > 1 { packed(keys, ", ") } else { Vec::new() });
    stamp.notice(&format!("clock-skew-{}", keys.first().map_or("", String::as_str)), Level::Warning, title, lines)
}

/// Regions that `GUARDDUTY_REGIONS=all` leaves out: without a detector, or denied at the first look.
pub fn left_out(keys: &[String], stamp: Stamp) -> Notice {
    let mut lines = vec!["No GuardDuty detector, or access denied. Every run checks these regions again".into()];
    lines.extend(packed(keys, ", "));
    stamp.notice(
        &format!("excluded-regions-{}", keys.first().map_or("", String::as_str)),
        Level::Info,
        "Regions excluded".into(),
        lines,
    )
}

fn lookback_text(lookback: Duration) -> String {
    match lookback.as_secs() {
        s if s % 60 == 0 && s < 3600 => format!("{} min", s / 60),
        _ => show_duration(lookback),
    }
}

fn open_text(open: Option<&Open>) -> String {
    let Some(open) = open else {
        return "Already open: unknown (guardduty:GetFindingsStatistics is not available)".into();
    };
    let count = |band| open.get(&band).copied().unwrap_or(0);
    let others = count(Band::Medium) + count(Band::Low);
    format!("Already open: {} critical, {} high, {others} others", count(Band::Critical), count(Band::High))
}

/// Names side by side, in lines that a notice shows whole.
fn packed<'t>(texts: impl IntoIterator<Item = &'t String>, separator: &str) -> Vec<String> {
    const WIDTH: usize = 300;
    let mut lines: Vec<String> = Vec::new();
    for text in texts {
        match lines.last_mut().filter(|line| line.len() + separator.len() + text.len() <= WIDTH) {
            Some(line) => line.extend([separator, text]),
            None => lines.push(text.clone()),
        }
    }
    lines
}

/// More notices than so many are told together: the channel stays readable, and no finding waits long behind them.
const APART: usize = 20;
/// So many characters of titles stand in one notice.
const TITLES: usize = 2_000;
const TOGETHER: &str = "combined-";

/// Tells notices together, by their titles, where they are many; those that `stay` are left as they are.
pub fn together(due: Vec<Notice>, stay: impl Fn(&Notice) -> bool) -> Vec<Notice> {
    let (mut told, apart): (Vec<Notice>, Vec<Notice>) =
        due.into_iter().partition(|n| n.id.starts_with(TOGETHER) || stay(n));
    if apart.len() <= APART {
        told.extend(apart);
        return told;
    }
    for level in [Level::Warning, Level::Resolved, Level::Info] {
        let mut left: Vec<&Notice> = apart.iter().filter(|n| n.level == level).collect();
        while !left.is_empty() {
            let mut room = TITLES;
            let fits = |n: &&&Notice| {
                let fits = room > 0;
                room = room.saturating_sub(n.title.len());
                fits
            };
            let count = left.iter().take_while(fits).count();
            let rest = left.split_off(count);
            told.push(match left.as_slice() {
                [one] => (*one).clone(),
                many => Notice {
                    id: format!("{TOGETHER}{}", many[0].id),
                    title: format!("{count} notices combined; see the log for details"),
                    lines: packed(many.iter().map(|n| &n.title), " · "),
                    level,
                },
            });
            left = rest;
        }
    }
    told
}
