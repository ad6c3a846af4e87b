//! Renders the state as text for people. Pure.

use std::fmt::Write;
use std::time::Duration;

use super::{Saved, inert};
use crate::config::Config;
use crate::metrics::NotificationOutcome;
use crate::state::{DetectorStatus, FindingRecord, MAX_STATE_BYTES, SourceState, State};
use crate::text::pluralize;
use crate::time::{Timestamp, format_duration};

/// Describes a saved state. `place` is its location.
pub(super) fn describe(saved: &Saved, place: &str, config: &Config, now: Timestamp) -> String {
    let state = &saved.state;
    let mut text = String::new();
    let bytes = saved.text.len();
    let share = bytes as f64 * 100.0 / MAX_STATE_BYTES as f64;
    let _ =
        writeln!(text, "Saved     {place}, {}", state.saved_at.map_or("time unknown".to_owned(), |at| when(at, now)));
    let _ = writeln!(text, "Size      {bytes} bytes, {share:.1} % of the limit of {MAX_STATE_BYTES} bytes");
    let _ = writeln!(text, "Lease     {}", lease(state, config, now));
    let _ =
        writeln!(text, "Success   {}", state.totals.last_success.map_or("no run yet".to_owned(), |at| when(at, now)));
    let _ = writeln!(text, "Findings  {}", findings(state));
    let _ = writeln!(
        text,
        "Waiting   {}, {} that may have been posted",
        pluralize(state.notices.len() as u64, "notice"),
        pluralize(state.digest_plans.len() as u64, "digest")
    );
    let width = state.sources.keys().map(|key| key.to_string().len()).max().unwrap_or_default().max("SOURCE".len());
    let _ = write!(text, "\n{:width$}  {:24}  {:>9}  HEALTH", "SOURCE", "WATERMARK", "AGE");
    for (key, source) in &state.sources {
        let age = show_age(now.duration_since(source.watermark));
        let _ = write!(
            text,
            "\n{:width$}  {:24}  {age:>9}  {}",
            inert(&key.to_string()),
            source.watermark.to_rfc3339(),
            health(source)
        );
    }
    for notice in &state.notices {
        let _ = write!(text, "\n\nNotice that is not delivered yet: {}", inert(&notice.title));
    }
    text
}

fn when(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({} ago)", at.to_rfc3339(), show_age(now.duration_since(at)))
}

/// Formats whole seconds with at most two units.
fn show_age(age: Duration) -> String {
    let seconds = age.as_secs();
    let unit = match seconds {
        0..120 => 1,
        120..7_200 => 60,
        7_200..172_800 => 3_600,
        _ => 86_400,
    };
    format_duration(Duration::from_secs(seconds / unit * unit))
}

fn lease(state: &State, config: &Config, now: Timestamp) -> String {
    let Some(run) = &state.lease else { return "free".to_owned() };
    let since = run.posting_since.to_rfc3339();
    let until = run.renewed_at.plus(config.lease);
    match run {
        run if run.released => format!("free; the outcome of a message since {since} is unknown"),
        run if until <= now => {
            format!("run {} ended without releasing it; messages since {since} are reconciled", inert(&run.id))
        }
        run => format!("held by run {} until {}", inert(&run.id), until.to_rfc3339()),
    }
}

fn findings(state: &State) -> String {
    let count = |holds: fn(&FindingRecord) -> bool| state.findings.values().filter(|entry| holds(entry)).count();
    let open = count(|entry| entry.message.is_some() && !entry.archived);
    let failing = count(|entry| entry.failing_since.is_some());
    let unfetched = state.unfetched.values().filter(|one| !one.given_up).count();
    let given_up = state.totals.notifications(NotificationOutcome::GivenUp);
    format!(
        "{} recorded: {open} open with a message, {} pending ({failing} whose delivery failed, {unfetched} not fetched); \
         {given_up} given up so far",
        state.findings.len(),
        failing + unfetched
    )
}

fn health(source: &SourceState) -> String {
    let detector = match source.detector_status {
        DetectorStatus::Ok => None,
        DetectorStatus::Disabled => Some("detector is disabled"),
        DetectorStatus::Missing => Some("no detector"),
        DetectorStatus::Excluded => Some("excluded: no detector or no access at the first poll"),
    };
    let unreadable = source.unreadable_since.map(|since| format!("unreadable since {}", since.to_rfc3339()));
    unreadable.or(detector.map(str::to_owned)).unwrap_or_else(|| "ok".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        for (seconds, shown) in [(0, "0s"), (119, "119s"), (125, "2m"), (7_300, "2h"), (200_000, "2d")] {
            assert_eq!(show_age(Duration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn a_source_that_cannot_be_read_says_since_when() {
        let unreadable = SourceState {
            unreadable_since: Some(Timestamp(0)),
            detector_status: DetectorStatus::Disabled,
            ..SourceState::default()
        };
        assert_eq!(health(&unreadable), "unreadable since 1970-01-01T00:00:00.000Z");
        assert_eq!(
            health(&SourceState { detector_status: DetectorStatus::Missing, ..SourceState::default() }),
            "no detector"
        );
        assert_eq!(health(&SourceState::default()), "ok");
    }

    #[test]
    fn what_an_attacker_chose_moves_no_cursor() {
        assert_eq!(inert("a\u{1b}[2Jb\n\u{202e}"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}");
    }
}
