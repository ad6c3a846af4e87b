//! Shapes of attack sequences.

use super::resource::{IamInstanceProfile, SecurityGroup, Tag};
use crate::finding::decode::member::shapes;
use crate::finding::decode::values::Text;
use crate::time::Timestamp;

shapes! {
    Sequence {
        actors: Vec<Actor<'a>> = "actors",
        resources: Vec<ResourceV2<'a>> = "resources",
        endpoints: Vec<NetworkEndpoint<'a>> = "endpoints",
        signals: Vec<Signal<'a>> = "signals",
        sequence_indicators: Vec<Indicator<'a>> = "sequenceIndicators",
        additional_sequence_types: Vec<Text<'a>> = "additionalSequenceTypes",
    }

    Actor {
        id: Text<'a> = "id",
        user: Box<User<'a>> = "user",
        session: Box<Session<'a>> = "session",
        process: Box<ActorProcess<'a>> = "process",
    }

    ResourceV2 {
        uid: Text<'a> = "uid",
        name: Text<'a> = "name",
        resource_type: Text<'a> = "resourceType",
        tags: Vec<Tag<'a>> = "tags",
        data: Box<ResourceData<'a>> = "data",
    }

    NetworkEndpoint {
        id: Text<'a> = "id",
        ip: Text<'a> = "ip",
        domain: Text<'a> = "domain",
        port: i64 = "port",
        location: Box<NetworkGeoLocation<'a>> = "location",
        autonomous_system: Box<AutonomousSystem<'a>> = "autonomousSystem",
        connection: Box<NetworkConnection<'a>> = "connection",
    }

    Signal {
        uid: Text<'a> = "uid",
        r#type: Text<'a> = "type",
        description: Text<'a> = "description",
        name: Text<'a> = "name",
        created_at: Timestamp = "createdAt",
        updated_at: Timestamp = "updatedAt",
        first_seen_at: Timestamp = "firstSeenAt",
        last_seen_at: Timestamp = "lastSeenAt",
        severity: f64 = "severity",
        count: i64 = "count",
        resource_uids: Vec<Text<'a>> = "resourceUids",
        actor_ids: Vec<Text<'a>> = "actorIds",
        endpoint_ids: Vec<Text<'a>> = "endpointIds",
        activities: Vec<Activity<'a>> = "activities",
    }

    Indicator {
        key: Text<'a> = "key",
        values: Vec<Text<'a>> = "values",
        title: Text<'a> = "title",
    }

    User {
        name: Text<'a> = "name",
        uid: Text<'a> = "uid",
        r#type: Text<'a> = "type",
        credential_uid: Text<'a> = "credentialUid",
        account: Box<Account<'a>> = "account",
    }

    Session {
        mfa_status: Text<'a> = "mfaStatus",
        issuer: Text<'a> = "issuer",
    }

    ActorProcess {
        name: Text<'a> = "name",
        path: Text<'a> = "path",
        sha256: Text<'a> = "sha256",
    }

    ResourceData {
        s3_bucket: Box<S3Bucket<'a>> = "s3Bucket",
        ec2_instance: Box<Ec2Instance<'a>> = "ec2Instance",
        access_key: Box<AccessKey<'a>> = "accessKey",
        ec2_network_interface: Box<Ec2NetworkInterface<'a>> = "ec2NetworkInterface",
        s3_object: Box<S3Object<'a>> = "s3Object",
        eks_cluster: Box<EksCluster<'a>> = "eksCluster",
        kubernetes_workload: Box<KubernetesWorkload<'a>> = "kubernetesWorkload",
        container: Box<ContainerFindingResource<'a>> = "container",
        ecs_cluster: Box<EcsCluster<'a>> = "ecsCluster",
        ecs_task: Box<EcsTask<'a>> = "ecsTask",
        iam_instance_profile: Box<IamInstanceProfileV2<'a>> = "iamInstanceProfile",
        autoscaling_auto_scaling_group: Box<AutoscalingAutoScalingGroup<'a>> = "autoscalingAutoScalingGroup",
        ec2_launch_template: Box<Ec2LaunchTemplate<'a>> = "ec2LaunchTemplate",
        ec2_vpc: Box<Ec2Vpc<'a>> = "ec2Vpc",
        ec2_image: Box<Ec2Image<'a>> = "ec2Image",
        cloudformation_stack: Box<CloudformationStack<'a>> = "cloudformationStack",
        bedrock_guardrail: Box<BedrockGuardrailResource<'a>> = "bedrockGuardrail",
    }

    NetworkGeoLocation {
        city: Text<'a> = "city",
        country: Text<'a> = "country",
    }

    AutonomousSystem {
        name: Text<'a> = "name",
        number: i64 = "number",
    }

    NetworkConnection {
        direction: Text<'a> = "direction",
    }

    Activity {
        api: Box<ApiCall<'a>> = "api",
    }

    Account {
        uid: Text<'a> = "uid",
        name: Text<'a> = "account" | "Name",
    }

    S3Bucket {
        encryption_type: Text<'a> = "encryptionType",
        encryption_key_arn: Text<'a> = "encryptionKeyArn",
        effective_permission: Text<'a> = "effectivePermission",
        public_read_access: Text<'a> = "publicReadAccess",
        public_write_access: Text<'a> = "publicWriteAccess",
    }

    Ec2Instance {
        instance_state: Text<'a> = "instanceState",
        iam_instance_profile: Box<IamInstanceProfile<'a>> = "IamInstanceProfile",
        instance_type: Text<'a> = "instanceType",
    }

    AccessKey {
        principal_id: Text<'a> = "principalId",
        user_name: Text<'a> = "userName",
        user_type: Text<'a> = "userType",
    }

    Ec2NetworkInterface {
        ipv6_addresses: Vec<Text<'a>> = "ipv6Addresses",
        private_ip_addresses: Vec<PrivateIpAddress<'a>> = "privateIpAddresses",
        security_groups: Vec<SecurityGroup<'a>> = "securityGroups",
        public_ip: Text<'a> = "publicIp",
        sub_net_id: Text<'a> = "subNetId",
        vpc_id: Text<'a> = "vpcId",
    }

    PrivateIpAddress {
        private_ip_address: Text<'a> = "privateIpAddress",
    }

    S3Object {
        e_tag: Text<'a> = "eTag",
        key: Text<'a> = "key",
        version_id: Text<'a> = "versionId",
    }

    EksCluster {
        status: Text<'a> = "status",
        vpc_id: Text<'a> = "vpcId",
        ec2_instance_uids: Vec<Text<'a>> = "ec2InstanceUids",
    }

    KubernetesWorkload {
        namespace: Text<'a> = "namespace",
        kubernetes_resources_types: Text<'a> = "type" | "KubernetesResourcesTypes",
    }

    ContainerFindingResource {
        image: Text<'a> = "image",
        image_uid: Text<'a> = "imageUid",
    }

    EcsCluster {
        status: Text<'a> = "status",
        ec2_instance_uids: Vec<Text<'a>> = "ec2InstanceUids",
    }

    EcsTask {
        task_definition_arn: Text<'a> = "taskDefinitionArn",
        launch_type: Text<'a> = "launchType",
    }

    IamInstanceProfileV2 {
        ec2_instance_uids: Vec<Text<'a>> = "ec2InstanceUids",
    }

    AutoscalingAutoScalingGroup {
        ec2_instance_uids: Vec<Text<'a>> = "ec2InstanceUids",
    }

    Ec2LaunchTemplate {
        ec2_instance_uids: Vec<Text<'a>> = "ec2InstanceUids",
        version: Text<'a> = "version",
    }

    Ec2Vpc {
        ec2_instance_uids: Vec<Text<'a>> = "ec2InstanceUids",
    }

    Ec2Image {
        ec2_instance_uids: Vec<Text<'a>> = "ec2InstanceUids",
    }

    CloudformationStack {
        ec2_instance_uids: Vec<Text<'a>> = "ec2InstanceUids",
    }

    BedrockGuardrailResource {
        version: Text<'a> = "version",
        guardrail_action: Text<'a> = "guardrailAction",
        guardrail_source: Text<'a> = "guardrailSource",
    }

    ApiCall {
        operation: Text<'a> = "operation",
        service: Text<'a> = "service",
        user_agent: Text<'a> = "userAgent",
        error: Text<'a> = "error",
    }
}
