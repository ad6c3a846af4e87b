//! Clusters, workloads, tasks and containers.

use super::decode::shapes;

use super::About;
use super::draft::Draft;
use super::phrase::{Phrase, filled};
use super::resource::add_resource;
use super::storage::last_segment;

pub(super) fn eks(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let cluster = resource.eks_cluster_details();
    let workload = resource.kubernetes_details().and_then(|k| k.kubernetes_workload_details());
    if let Some(workload) = workload {
        add_workload(draft, workload, cluster);
    }
    if let Some(c) = cluster {
        // A workload names its cluster.
        if workload.is_none() {
            let subject = Phrase::new().ours("EKS cluster").with(" ", filled(c.name()).or(c.arn()));
            add_resource(draft, subject, about_cluster(c));
        }
        draft.name(c.name());
        draft.name(c.arn());
        draft.tags(c.tags());
    }
    cluster.is_some() || workload.is_some()
}

/// `deployment payments/api`, then its service account, its node's namespaces and its containers.
fn add_workload(draft: &mut Draft, w: &shapes::KubernetesWorkloadDetails, cluster: Option<&shapes::EksClusterDetails>) {
    let cluster_name = cluster.and_then(|c| filled(c.name()).or(c.arn()));
    let path = workload_path(w.namespace(), w.name());
    let subject = workload_subject(w, &path);
    let mut details = Phrase::new().part_with("service account ", w.service_account_name());
    for (on, words) in [(w.host_network(), "host network"), (w.host_pid(), "host PID"), (w.host_ipc(), "host IPC")] {
        if on == Some(true) {
            details = details.part_ours(words);
        }
    }
    for volume in w.volumes().iter().take(3) {
        details = details.part_with("mounts host path ", volume.host_path().and_then(|h| h.path()));
    }
    let details = details.part(cluster.map_or_else(Phrase::new, about_cluster));
    add_resource(draft, subject.with(" in EKS cluster ", cluster_name), details);
    for container in w.containers() {
        let line = about_container(container);
        draft.add(About::Details, line);
    }
    draft.name(Some(&path));
    if let Some(cluster) = cluster.and_then(|c| filled(c.name())) {
        draft.name(Some(&format!("{cluster}/{path}")));
    }
    draft.name(w.name());
}

/// `deployment payments/api`; of a workload without a name only its namespace is known.
fn workload_subject(w: &shapes::KubernetesWorkloadDetails, path: &str) -> Phrase {
    match (filled(w.r#type()), filled(w.name())) {
        (None, None) if filled(w.namespace()).is_some() => Phrase::new().ours("namespace").with(" ", w.namespace()),
        (None, _) => Phrase::new().ours("workload").with(" ", Some(path)),
        (Some(kind), _) => Phrase::new().part_words("", Some(&singular(kind))).with(" ", Some(path)),
    }
}

/// GuardDuty says `deployments` or `DEPLOYMENTS` of one.
pub(super) fn singular(kind: &str) -> String {
    let kind = kind.to_lowercase();
    kind.strip_suffix('s').unwrap_or(&kind).to_owned()
}

/// `namespace/name`, or the name alone.
pub(super) fn workload_path(namespace: Option<&str>, name: Option<&str>) -> String {
    let parts: Vec<&str> = [filled(namespace), filled(name)].into_iter().flatten().collect();
    parts.join("/")
}

/// Status and network of a cluster.
fn about_cluster(c: &shapes::EksClusterDetails) -> Phrase {
    status(c.status()).part_with("", c.vpc_id())
}

/// The status of a cluster; nothing if it is the usual one.
pub(super) fn status(status: Option<&str>) -> Phrase {
    Phrase::new().part_words("", status.filter(|status| !status.eq_ignore_ascii_case("ACTIVE")))
}

pub(super) fn container(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(c) = resource.container_details() else { return false };
    draft.subject(Phrase::new().ours("container").with(" ", filled(c.name()).or(c.id()).or(c.image())));
    let workload = resource.kubernetes_details().and_then(|k| k.kubernetes_workload_details());
    let containers = workload.map(|w| w.containers()).unwrap_or_default();
    let is_named = containers.iter().any(|other| filled(c.name()).is_some() && other.name() == c.name());
    // The workload names the container, without the ID of the running one.
    match (is_named, containers.len()) {
        (true, 1) => draft.add_detail(About::Details, Phrase::new().part_with("running as ", c.id())),
        (true, _) => {
            let line = Phrase::new().ours("container").with(" ", c.name()).with(" running as ", c.id());
            draft.add(About::Details, line);
        }
        (false, _) => add_resource(draft, container_subject(c), container_details(c)),
    }
    for name in [c.name(), c.id(), c.image()] {
        draft.name(name);
    }
    true
}

/// `container api · image repo/app:1 · privileged`
fn about_container(c: &shapes::Container) -> Phrase {
    container_subject(c).part(container_details(c))
}

fn container_subject(c: &shapes::Container) -> Phrase {
    Phrase::new().ours("container").with(" ", filled(c.name()).or(c.id()))
}

fn container_details(c: &shapes::Container) -> Phrase {
    let mut line = Phrase::new().part_with("image ", filled(c.image()).or(c.image_prefix()));
    if let Some(context) = c.security_context() {
        for (on, words) in
            [(context.privileged(), "privileged"), (context.allow_privilege_escalation(), "may escalate privileges")]
        {
            if on == Some(true) {
                line = line.part_ours(words);
            }
        }
    }
    for mount in c.volume_mounts().iter().take(3) {
        line = line.part_with("mount ", mount.mount_path());
    }
    line.part_words("", c.container_runtime()).part_with("id ", c.id().filter(|_| filled(c.name()).is_some()))
}

pub(super) fn ecs(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(c) = resource.ecs_cluster_details() else { return false };
    let subject = Phrase::new().ours("ECS cluster").with(" ", filled(c.name()).or(c.arn()));
    add_resource(draft, subject, status(c.status()));
    draft.name(c.name());
    draft.name(c.arn());
    draft.tags(c.tags());
    if let Some(task) = c.task_details() {
        add_task(draft, task);
    }
    true
}

fn add_task(draft: &mut Draft, task: &shapes::EcsTaskDetails) {
    let line = Phrase::new()
        .part_with("task ", last_segment(task.arn()))
        .part_words("", task.launch_type())
        .part_with("definition ", last_segment(task.definition_arn()))
        .part_with("group ", task.group())
        .part_with("started by ", task.started_by());
    let line = match task.started_at() {
        Some(time) => line.part(Phrase::new().ours("started ").at(time)),
        None => line,
    };
    draft.add(About::Details, line);
    for container in task.containers() {
        let line = about_container(container);
        draft.add(About::Details, line);
    }
    draft.name(task.arn());
    draft.tags(task.tags());
}
