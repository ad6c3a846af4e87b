//! Shapes of clusters, workloads and containers.

use super::Tag;
use crate::finding::decode::member::shapes;
use crate::finding::decode::values::Text;
use crate::time::Timestamp;

shapes! {
    EksClusterDetails {
        name: Text<'a> = "name",
        arn: Text<'a> = "arn",
        vpc_id: Text<'a> = "vpcId",
        status: Text<'a> = "status",
        tags: Vec<Tag<'a>> = "tags",
    }

    KubernetesDetails {
        kubernetes_user_details: Box<KubernetesUserDetails<'a>> = "kubernetesUserDetails",
        kubernetes_workload_details: Box<KubernetesWorkloadDetails<'a>> = "kubernetesWorkloadDetails",
    }

    EcsClusterDetails {
        name: Text<'a> = "name",
        arn: Text<'a> = "arn",
        status: Text<'a> = "status",
        tags: Vec<Tag<'a>> = "tags",
        task_details: Box<EcsTaskDetails<'a>> = "taskDetails",
    }

    Container {
        container_runtime: Text<'a> = "containerRuntime",
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        image: Text<'a> = "image",
        image_prefix: Text<'a> = "imagePrefix",
        volume_mounts: Vec<VolumeMount<'a>> = "volumeMounts",
        security_context: Box<SecurityContext<'a>> = "securityContext",
    }

    KubernetesUserDetails {
        username: Text<'a> = "username",
        uid: Text<'a> = "uid",
        groups: Vec<Text<'a>> = "groups",
        session_name: Vec<Text<'a>> = "sessionName",
        impersonated_user: Box<ImpersonatedUser<'a>> = "impersonatedUser",
    }

    KubernetesWorkloadDetails {
        name: Text<'a> = "name",
        r#type: Text<'a> = "type",
        namespace: Text<'a> = "namespace",
        host_network: bool = "hostNetwork",
        service_account_name: Text<'a> = "serviceAccountName",
        containers: Vec<Container<'a>> = "containers",
        volumes: Vec<Volume<'a>> = "volumes",
        host_ipc: bool = "hostIPC",
        host_pid: bool = "hostPID",
    }

    EcsTaskDetails {
        arn: Text<'a> = "arn",
        definition_arn: Text<'a> = "definitionArn",
        started_at: Timestamp = "startedAt",
        started_by: Text<'a> = "startedBy",
        tags: Vec<Tag<'a>> = "tags",
        containers: Vec<Container<'a>> = "containers",
        group: Text<'a> = "group",
        launch_type: Text<'a> = "launchType",
    }

    VolumeMount {
        mount_path: Text<'a> = "mountPath",
    }

    SecurityContext {
        privileged: bool = "privileged",
        allow_privilege_escalation: bool = "allowPrivilegeEscalation",
    }

    ImpersonatedUser {
        username: Text<'a> = "username",
        groups: Vec<Text<'a>> = "groups",
    }

    Volume {
        host_path: Box<HostPath<'a>> = "hostPath",
    }

    HostPath {
        path: Text<'a> = "path",
    }
}
