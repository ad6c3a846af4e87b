//! One channel's messages, in order, beside the other channels'.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::plan::Act;
use crate::run::deliver::Done;
use crate::run::desk::Desk;
use crate::run::recall::Past;
use crate::slack::Chat;

/// One thing after another, in one channel. What has an unknown outcome is tried again once history can show it.
pub async fn lane<C: Chat>(
    desk: Rc<Desk<'_, C>>,
    name: String,
    acts: Vec<Act>,
    past: Past,
    report: mpsc::UnboundedSender<(String, Act, Done)>,
) {
    let mut unknown = Vec::new();
    for act in acts {
        match desk.say(&act, &past, false).await {
            Done::Unknown(why) if !desk.over() => {
                let delivery = act.what();
                tracing::warn!(queue = name, delivery, error = why, "delivery outcome unknown; checking Slack history");
                unknown.push((act, why));
            }
            done => tell(&report, &name, act, done),
        }
    }
    for _ in 0..LOOKS {
        if unknown.is_empty() || desk.over() || desk.stop.unless(tokio::time::sleep(LAG)).await.is_none() {
            break;
        }
        let mut still = Vec::new();
        for (act, before) in unknown {
            match desk.say(&act, &past, true).await {
                Done::Unknown(why) => still.push((act, why)),
                // The run ended before history told: it is as unknown as before.
                Done::Left => still.push((act, before)),
                done => tell(&report, &name, act, done),
            }
        }
        unknown = still;
    }
    for (act, why) in unknown {
        tell(&report, &name, act, Done::Unknown(format!("outcome unknown: {why}")));
    }
}

/// History shows a message that was acknowledged only after some seconds.
pub const LAG: Duration = Duration::from_secs(10);
/// So often a message of unknown outcome is looked up and sent again in one run.
const LOOKS: usize = 3;

fn tell(report: &mpsc::UnboundedSender<(String, Act, Done)>, lane: &str, act: Act, done: Done) {
    // The receiver lives as long as the lanes do.
    let _ = report.send((lane.to_owned(), act, done));
}
