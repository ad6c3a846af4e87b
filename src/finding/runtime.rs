//! What the runtime agent saw: the process, where it comes from, and what it touched.

use super::decode::shapes;

use super::About;
use super::draft::{Draft, Trait};
use super::outcome;
use super::phrase::{Phrase, filled, listed};
use super::storage::last_segment;

pub(super) fn read(draft: &mut Draft, runtime: &shapes::RuntimeDetails) {
    if let Some(process) = runtime.process() {
        let line = about_process(process);
        draft.add(About::Process, line);
        draft.seen(Trait::Process, filled(process.executable_path()).or(process.name()));
        let lineage = descent(process.lineage());
        draft.add(About::Process, lineage);
    }
    if let Some(context) = runtime.context() {
        read_context(draft, context);
    }
}

/// `xmrig · /tmp/xmrig · pid 4711 · user root (0) · in /tmp · SHA-256 …`
fn about_process(p: &shapes::ProcessDetails) -> Phrase {
    let pid = p.pid().or(p.namespace_pid()).map(|n| n.to_string());
    let mut line = Phrase::new()
        .part_with("", p.name().filter(|name| last_segment(p.executable_path()) != Some(name)))
        .part_with("", p.executable_path())
        .part_with("pid ", pid.as_deref())
        .part_with("user ", p.user())
        .part_with("in ", p.pwd());
    if let Some(uid) = p.user_id() {
        line = line.part_ours(match p.euid().filter(|e| *e != uid) {
            Some(euid) => format!("uid {uid}, effective uid {euid}"),
            None => format!("uid {uid}"),
        });
    }
    if let Some(at) = p.start_time() {
        line = line.part(Phrase::new().ours("started ").at(at));
    }
    line.part_hash("SHA-256 ", p.executable_sha256())
}

/// `systemd 1 › sshd 812 › bash 901 (uid 33, effective uid 0)`: the oldest ancestor first, with its process ID, and its user where that changes.
/// GuardDuty gives the nearest first.
fn descent(lineage: &[shapes::LineageObject]) -> Phrase {
    let named = lineage.iter().filter_map(|l| Some((filled(l.executable_path()).or(filled(l.name()))?, l)));
    let shown: Vec<_> = named.take(6).collect();
    let mut phrase = Phrase::new();
    let mut user = None;
    for (name, ancestor) in shown.into_iter().rev() {
        phrase = phrase.clone().ours(if phrase.is_empty() { "started by " } else { " › " }).code(name);
        if let Some(pid) = ancestor.pid() {
            phrase = phrase.ours(format!(" {pid}"));
        }
        let now = (ancestor.user_id(), ancestor.euid());
        if user.is_some_and(|before| before != now) || changes_user(ancestor) {
            phrase = phrase.ours(user_words(ancestor));
        }
        user = Some(now);
    }
    phrase
}

fn changes_user(ancestor: &shapes::LineageObject) -> bool {
    ancestor.euid().is_some() && ancestor.euid() != ancestor.user_id()
}

/// ` (uid 33, effective uid 0)`; nothing without a user.
fn user_words(ancestor: &shapes::LineageObject) -> String {
    match (ancestor.user_id(), ancestor.euid()) {
        (Some(uid), Some(euid)) if uid != euid => format!(" (uid {uid}, effective uid {euid})"),
        (Some(id), _) | (None, Some(id)) => format!(" (uid {id})"),
        (None, None) => String::new(),
    }
}

fn read_context(draft: &mut Draft, c: &shapes::RuntimeContext) {
    let members: [(&'static str, Option<&str>); 15] = [
        ("command line ", c.command_line_example()),
        ("file ", c.file_path()),
        ("threat file ", c.threat_file_path()),
        ("tool ", c.tool_name()),
        ("service ", c.service_name()),
        ("script ", c.script_path()),
        ("library ", c.library_path()),
        ("LD_PRELOAD ", c.ld_preload_value()),
        ("socket ", c.socket_path()),
        ("runc ", c.runc_binary_path()),
        ("release agent ", c.release_agent_path()),
        ("mount source ", c.mount_source()),
        ("mount target ", c.mount_target()),
        ("kernel module ", filled(c.module_file_path()).or(c.module_name())),
        ("shell history ", c.shell_history_file_path()),
    ];
    let mut line = Phrase::new();
    for (words, value) in members {
        line = line.part_with(words, value);
    }
    line = line.part_hash("module SHA-256 ", c.module_sha256());
    // The action tells the same of a connection.
    if !draft.has(About::Action) {
        if let Some(number) = c.iana_protocol_number() {
            line = line.part_ours(format!("protocol {}", outcome::protocol(&number.to_string())));
        }
        line = line.part_with("address family ", c.address_family());
    }
    line = line
        .part_words("file system ", c.file_system_type())
        .part_words("tool category ", c.tool_category())
        .part_words("file operation ", c.file_operation());
    for (words, list) in
        [("flags ", c.flags()), ("memory regions ", c.memory_regions()), ("related files ", c.related_file_paths())]
    {
        let said = listed(list, 4);
        if !said.is_empty() {
            line = line.part(Phrase::new().ours(words).then(said));
        }
    }
    draft.add(About::Process, line);
    for (words, process) in [("modified by ", c.modifying_process()), ("target ", c.target_process())] {
        if let Some(process) = process {
            draft.add(About::Process, Phrase::new().ours(words).then(about_process(process)));
        }
    }
    if let Some(time) = c.modified_at() {
        draft.add_detail(About::Process, Phrase::new().ours("modified ").at(time));
    }
}
