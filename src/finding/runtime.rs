//! Reads the observations of the runtime agent: the process, its ancestors, and the objects that it used.

use super::decode::shapes;

use super::Topic;
use super::attribute::AttributeKind;
use super::facts_builder::FactsBuilder;
use super::line::{Line, join_limited, non_blank};
use super::outcome;
use super::storage::last_segment;

pub(super) fn add_runtime(draft: &mut FactsBuilder, runtime: &shapes::RuntimeDetails) {
    if let Some(process) = runtime.process() {
        let line = process_line(process);
        draft.add(Topic::Process, line);
        draft.add_attribute(AttributeKind::Process, non_blank(process.executable_path()).or(process.name()));
        let lineage = lineage_line(process.lineage());
        draft.add(Topic::Process, lineage);
    }
    if let Some(context) = runtime.context() {
        add_context(draft, context);
    }
}

/// `xmrig · /tmp/xmrig · pid 4711 · user root (0) · in /tmp · SHA-256 …`
fn process_line(p: &shapes::ProcessDetails) -> Line {
    let pid = p.pid().or(p.namespace_pid()).map(|n| n.to_string());
    let mut line = Line::new()
        .separated_code("", p.name().filter(|name| last_segment(p.executable_path()) != Some(name)))
        .separated_code("", p.executable_path())
        .separated_code("pid ", pid.as_deref())
        .separated_code("user ", p.user())
        .separated_code("in ", p.pwd());
    if let Some(uid) = p.user_id() {
        line = line.separated_literal(match p.euid().filter(|e| *e != uid) {
            Some(euid) => format!("uid {uid}, effective uid {euid}"),
            None => format!("uid {uid}"),
        });
    }
    if let Some(at) = p.start_time() {
        line = line.separated(Line::new().literal("started ").time(at));
    }
    line.part_hash("SHA-256 ", p.executable_sha256())
}

/// `systemd 1 › sshd 812 › bash 901 (uid 33, effective uid 0)`: the oldest ancestor first, each with its process ID, and
/// with its user if it differs from the previous one. GuardDuty sends the nearest ancestor first.
fn lineage_line(lineage: &[shapes::LineageObject]) -> Line {
    let named = lineage.iter().filter_map(|l| Some((non_blank(l.executable_path()).or(non_blank(l.name()))?, l)));
    let shown: Vec<_> = named.take(6).collect();
    let mut phrase = Line::new();
    let mut user = None;
    for (name, ancestor) in shown.into_iter().rev() {
        phrase = phrase.clone().literal(if phrase.is_empty() { "started by " } else { " › " }).code(name);
        if let Some(pid) = ancestor.pid() {
            phrase = phrase.literal(format!(" {pid}"));
        }
        let now = (ancestor.user_id(), ancestor.euid());
        if user.is_some_and(|before| before != now) || changes_user(ancestor) {
            phrase = phrase.literal(user_words(ancestor));
        }
        user = Some(now);
    }
    phrase
}

fn changes_user(ancestor: &shapes::LineageObject) -> bool {
    ancestor.euid().is_some() && ancestor.euid() != ancestor.user_id()
}

/// ` (uid 33, effective uid 0)`. Empty if there is no user.
fn user_words(ancestor: &shapes::LineageObject) -> String {
    match (ancestor.user_id(), ancestor.euid()) {
        (Some(uid), Some(euid)) if uid != euid => format!(" (uid {uid}, effective uid {euid})"),
        (Some(id), _) | (None, Some(id)) => format!(" (uid {id})"),
        (None, None) => String::new(),
    }
}

fn add_context(draft: &mut FactsBuilder, c: &shapes::RuntimeContext) {
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
        ("kernel module ", non_blank(c.module_file_path()).or(c.module_name())),
        ("shell history ", c.shell_history_file_path()),
    ];
    let mut line = Line::new();
    for (words, value) in members {
        line = line.separated_code(words, value);
    }
    line = line.part_hash("module SHA-256 ", c.module_sha256());
    // The action shows the same about a connection.
    if !draft.has_topic(Topic::Action) {
        if let Some(number) = c.iana_protocol_number() {
            line = line.separated_literal(format!("protocol {}", outcome::protocol(&number.to_string())));
        }
        line = line.separated_code("address family ", c.address_family());
    }
    line = line
        .part_words("file system ", c.file_system_type())
        .part_words("tool category ", c.tool_category())
        .part_words("file operation ", c.file_operation());
    for (words, list) in
        [("flags ", c.flags()), ("memory regions ", c.memory_regions()), ("related files ", c.related_file_paths())]
    {
        let shown = join_limited(list, 4);
        if !shown.is_empty() {
            line = line.separated(Line::new().literal(words).concat(shown));
        }
    }
    draft.add(Topic::Process, line);
    for (words, process) in [("modified by ", c.modifying_process()), ("target ", c.target_process())] {
        if let Some(process) = process {
            draft.add(Topic::Process, Line::new().literal(words).concat(process_line(process)));
        }
    }
    if let Some(time) = c.modified_at() {
        draft.add_detail(Topic::Process, Line::new().literal("modified ").time(time));
    }
}
