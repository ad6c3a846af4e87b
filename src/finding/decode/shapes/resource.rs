//! Shapes of the resource of a finding.

use super::{Container, EcsClusterDetails, EksClusterDetails, KubernetesDetails};
use super::{EbsSnapshotDetails, EbsVolumeDetails, Ec2ImageDetails, RecoveryPointDetails, S3BucketDetail};
use crate::finding::decode::member::shapes;
use crate::finding::decode::values::Text;
use crate::time::Timestamp;

shapes! {
    Resource {
        access_key_details: Box<AccessKeyDetails<'a>> = "accessKeyDetails",
        s3_bucket_details: Vec<S3BucketDetail<'a>> = "s3BucketDetails",
        instance_details: Box<InstanceDetails<'a>> = "instanceDetails",
        eks_cluster_details: Box<EksClusterDetails<'a>> = "eksClusterDetails",
        kubernetes_details: Box<KubernetesDetails<'a>> = "kubernetesDetails",
        resource_type: Text<'a> = "resourceType",
        ebs_volume_details: Box<EbsVolumeDetails<'a>> = "ebsVolumeDetails",
        ecs_cluster_details: Box<EcsClusterDetails<'a>> = "ecsClusterDetails",
        container_details: Box<Container<'a>> = "containerDetails",
        lambda_details: Box<LambdaDetails<'a>> = "lambdaDetails",
        rds_db_instance_details: Box<RdsDbInstanceDetails<'a>> = "rdsDbInstanceDetails",
        rds_limitless_db_details: Box<RdsLimitlessDbDetails<'a>> = "rdsLimitlessDbDetails",
        rds_db_user_details: Box<RdsDbUserDetails<'a>> = "rdsDbUserDetails",
        ebs_snapshot_details: Box<EbsSnapshotDetails<'a>> = "ebsSnapshotDetails",
        ec2_image_details: Box<Ec2ImageDetails<'a>> = "ec2ImageDetails",
        recovery_point_details: Box<RecoveryPointDetails<'a>> = "recoveryPointDetails",
        bedrock_guardrail_details: Box<BedrockGuardrailDetails<'a>> = "bedrockGuardrailDetails",
        model_details: Vec<ModelDetail<'a>> = "modelDetails",
    }

    AccessKeyDetails {
        access_key_id: Text<'a> = "accessKeyId",
        principal_id: Text<'a> = "principalId",
        user_name: Text<'a> = "userName",
        user_type: Text<'a> = "userType",
    }

    InstanceDetails {
        iam_instance_profile: Box<IamInstanceProfile<'a>> = "iamInstanceProfile",
        instance_id: Text<'a> = "instanceId",
        instance_state: Text<'a> = "instanceState",
        outpost_arn: Text<'a> = "outpostArn",
        launch_time: Timestamp = "launchTime",
        network_interfaces: Vec<NetworkInterface<'a>> = "networkInterfaces",
        platform: Text<'a> = "platform",
        tags: Vec<Tag<'a>> = "tags",
    }

    LambdaDetails {
        function_arn: Text<'a> = "functionArn",
        function_name: Text<'a> = "functionName",
        function_version: Text<'a> = "functionVersion",
        last_modified_at: Timestamp = "lastModifiedAt",
        revision_id: Text<'a> = "revisionId",
        role: Text<'a> = "role",
        vpc_config: Box<VpcConfig<'a>> = "vpcConfig",
        tags: Vec<Tag<'a>> = "tags",
    }

    RdsDbInstanceDetails {
        db_instance_identifier: Text<'a> = "dbInstanceIdentifier",
        engine: Text<'a> = "engine",
        engine_version: Text<'a> = "engineVersion",
        db_cluster_identifier: Text<'a> = "dbClusterIdentifier",
        db_instance_arn: Text<'a> = "dbInstanceArn",
        dbi_resource_id: Text<'a> = "dbiResourceId",
        tags: Vec<Tag<'a>> = "tags",
    }

    RdsLimitlessDbDetails {
        db_shard_group_identifier: Text<'a> = "dbShardGroupIdentifier",
        db_shard_group_resource_id: Text<'a> = "dbShardGroupResourceId",
        db_shard_group_arn: Text<'a> = "dbShardGroupArn",
        engine: Text<'a> = "engine",
        engine_version: Text<'a> = "engineVersion",
        db_cluster_identifier: Text<'a> = "dbClusterIdentifier",
        tags: Vec<Tag<'a>> = "tags",
    }

    RdsDbUserDetails {
        user: Text<'a> = "user",
        application: Text<'a> = "application",
        database: Text<'a> = "database",
        ssl: Text<'a> = "ssl",
        auth_method: Text<'a> = "authMethod",
    }

    BedrockGuardrailDetails {
        guardrail_arn: Text<'a> = "guardrailArn",
        guardrail_version: Text<'a> = "guardrailVersion",
        guardrails: Vec<BedrockGuardrail<'a>> = "guardrails",
        guardrail_action: Text<'a> = "guardrailAction",
        guardrail_source: Text<'a> = "guardrailSource",
        content_policy_filters: Vec<ContentPolicyFilter<'a>> = "contentPolicyFilters",
    }

    ModelDetail {
        model_id: Text<'a> = "modelId",
    }

    NetworkInterface {
        ipv6_addresses: Vec<Text<'a>> = "ipv6Addresses",
        network_interface_id: Text<'a> = "networkInterfaceId",
        private_ip_address: Text<'a> = "privateIpAddress",
        public_dns_name: Text<'a> = "publicDnsName",
        public_ip: Text<'a> = "publicIp",
        security_groups: Vec<SecurityGroup<'a>> = "securityGroups",
        subnet_id: Text<'a> = "subnetId",
        vpc_id: Text<'a> = "vpcId",
    }

    VpcConfig {
        vpc_id: Text<'a> = "vpcId",
        subnet_ids: Vec<Text<'a>> = "subnetIds",
        security_groups: Vec<SecurityGroup<'a>> = "securityGroups",
    }

    BedrockGuardrail {
        arn: Text<'a> = "arn",
        version: Text<'a> = "version",
    }

    ContentPolicyFilter {
        r#type: Text<'a> = "type",
        confidence: Text<'a> = "confidence",
        action: Text<'a> = "action",
    }

    Tag {
        key: Text<'a> = "key",
        value: Text<'a> = "value",
    }

    IamInstanceProfile {
        arn: Text<'a> = "arn",
        id: Text<'a> = "id",
    }

    SecurityGroup {
        group_id: Text<'a> = "groupId",
        group_name: Text<'a> = "groupName",
    }
}
