//! Reads clusters, workloads, tasks and containers.

use super::decode::shapes;

use super::Topic;
use super::facts_builder::FactsBuilder;
use super::line::{Line, non_blank};
use super::resource::add_resource;
use super::storage::last_segment;

pub(super) fn set_eks_cluster(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let cluster = resource.eks_cluster_details();
    let workload = resource.kubernetes_details().and_then(|k| k.kubernetes_workload_details());
    if let Some(workload) = workload {
        add_workload(draft, workload, cluster);
    }
    if let Some(c) = cluster {
        // A workload names its cluster.
        if workload.is_none() {
            let subject = Line::new().literal("EKS cluster").with_code(" ", non_blank(c.name()).or(c.arn()));
            add_resource(draft, subject, about_cluster(c));
        }
        draft.add_identifier(c.name());
        draft.add_identifier(c.arn());
        draft.add_tags(c.tags());
    }
    cluster.is_some() || workload.is_some()
}

/// `deployment payments/api`, then its service account, its node's namespaces and its containers.
fn add_workload(
    draft: &mut FactsBuilder,
    w: &shapes::KubernetesWorkloadDetails,
    cluster: Option<&shapes::EksClusterDetails>,
) {
    let cluster_name = cluster.and_then(|c| non_blank(c.name()).or(c.arn()));
    let path = workload_path(w.namespace(), w.name());
    let subject = workload_subject(w, &path);
    let mut details = Line::new().separated_code("service account ", w.service_account_name());
    for (on, words) in [(w.host_network(), "host network"), (w.host_pid(), "host PID"), (w.host_ipc(), "host IPC")] {
        if on == Some(true) {
            details = details.separated_literal(words);
        }
    }
    for volume in w.volumes().iter().take(3) {
        details = details.separated_code("mounts host path ", volume.host_path().and_then(|h| h.path()));
    }
    let details = details.separated(cluster.map_or_else(Line::new, about_cluster));
    add_resource(draft, subject.with_code(" in EKS cluster ", cluster_name), details);
    for container in w.containers() {
        let line = container_line(container);
        draft.add(Topic::Details, line);
    }
    draft.add_identifier(Some(&path));
    if let Some(cluster) = cluster.and_then(|c| non_blank(c.name())) {
        draft.add_identifier(Some(&format!("{cluster}/{path}")));
    }
    draft.add_identifier(w.name());
}

/// `deployment payments/api`. A workload without a name is shown by its namespace.
fn workload_subject(w: &shapes::KubernetesWorkloadDetails, path: &str) -> Line {
    match (non_blank(w.r#type()), non_blank(w.name())) {
        (None, None) if non_blank(w.namespace()).is_some() => {
            Line::new().literal("namespace").with_code(" ", w.namespace())
        }
        (None, _) => Line::new().literal("workload").with_code(" ", Some(path)),
        (Some(kind), _) => Line::new().part_words("", Some(&singular_kind(kind))).with_code(" ", Some(path)),
    }
}

/// Returns the singular. GuardDuty sends `deployments` or `DEPLOYMENTS` for one workload.
pub(super) fn singular_kind(kind: &str) -> String {
    let kind = kind.to_lowercase();
    kind.strip_suffix('s').unwrap_or(&kind).to_owned()
}

/// `namespace/name`, or only the name.
pub(super) fn workload_path(namespace: Option<&str>, name: Option<&str>) -> String {
    let parts: Vec<&str> = [non_blank(namespace), non_blank(name)].into_iter().flatten().collect();
    parts.join("/")
}

/// Status and network of a cluster.
fn about_cluster(c: &shapes::EksClusterDetails) -> Line {
    status(c.status()).separated_code("", c.vpc_id())
}

/// The status of a cluster. Empty if it is the usual one.
pub(super) fn status(status: Option<&str>) -> Line {
    Line::new().part_words("", status.filter(|status| !status.eq_ignore_ascii_case("ACTIVE")))
}

pub(super) fn set_container(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(c) = resource.container_details() else { return false };
    draft.set_summary(Line::new().literal("container").with_code(" ", non_blank(c.name()).or(c.id()).or(c.image())));
    let workload = resource.kubernetes_details().and_then(|k| k.kubernetes_workload_details());
    let containers = workload.map(|w| w.containers()).unwrap_or_default();
    let is_named = containers.iter().any(|other| non_blank(c.name()).is_some() && other.name() == c.name());
    // The workload names the container, without the ID of the running one.
    match (is_named, containers.len()) {
        (true, 1) => draft.add_detail(Topic::Details, Line::new().separated_code("running as ", c.id())),
        (true, _) => {
            let line = Line::new().literal("container").with_code(" ", c.name()).with_code(" running as ", c.id());
            draft.add(Topic::Details, line);
        }
        (false, _) => add_resource(draft, container_subject(c), container_details(c)),
    }
    for name in [c.name(), c.id(), c.image()] {
        draft.add_identifier(name);
    }
    true
}

/// `container api · image repo/app:1 · privileged`
fn container_line(c: &shapes::Container) -> Line {
    container_subject(c).separated(container_details(c))
}

fn container_subject(c: &shapes::Container) -> Line {
    Line::new().literal("container").with_code(" ", non_blank(c.name()).or(c.id()))
}

fn container_details(c: &shapes::Container) -> Line {
    let mut line = Line::new().separated_code("image ", non_blank(c.image()).or(c.image_prefix()));
    if let Some(context) = c.security_context() {
        for (on, words) in
            [(context.privileged(), "privileged"), (context.allow_privilege_escalation(), "may escalate privileges")]
        {
            if on == Some(true) {
                line = line.separated_literal(words);
            }
        }
    }
    for mount in c.volume_mounts().iter().take(3) {
        line = line.separated_code("mount ", mount.mount_path());
    }
    line.part_words("", c.container_runtime()).separated_code("id ", c.id().filter(|_| non_blank(c.name()).is_some()))
}

pub(super) fn set_ecs_cluster(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(c) = resource.ecs_cluster_details() else { return false };
    let subject = Line::new().literal("ECS cluster").with_code(" ", non_blank(c.name()).or(c.arn()));
    add_resource(draft, subject, status(c.status()));
    draft.add_identifier(c.name());
    draft.add_identifier(c.arn());
    draft.add_tags(c.tags());
    if let Some(task) = c.task_details() {
        add_task(draft, task);
    }
    true
}

fn add_task(draft: &mut FactsBuilder, task: &shapes::EcsTaskDetails) {
    let line = Line::new()
        .separated_code("task ", last_segment(task.arn()))
        .part_words("", task.launch_type())
        .separated_code("definition ", last_segment(task.definition_arn()))
        .separated_code("group ", task.group())
        .separated_code("started by ", task.started_by());
    let line = match task.started_at() {
        Some(time) => line.separated(Line::new().literal("started ").time(time)),
        None => line,
    };
    draft.add(Topic::Details, line);
    for container in task.containers() {
        let line = container_line(container);
        draft.add(Topic::Details, line);
    }
    draft.add_identifier(task.arn());
    draft.add_tags(task.tags());
}
