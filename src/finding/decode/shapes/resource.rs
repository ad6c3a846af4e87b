//! The resource that a finding is about.

use crate::finding::decode::member::shapes;
use crate::finding::decode::values::Text;
use crate::time::Millis;

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

    S3BucketDetail {
        arn: Text<'a> = "arn",
        name: Text<'a> = "name",
        r#type: Text<'a> = "type",
        tags: Vec<Tag<'a>> = "tags",
        default_server_side_encryption: Box<DefaultServerSideEncryption<'a>> = "defaultServerSideEncryption",
        public_access: Box<PublicAccess<'a>> = "publicAccess",
        s3_object_details: Vec<S3ObjectDetail<'a>> = "s3ObjectDetails",
    }

    InstanceDetails {
        iam_instance_profile: Box<IamInstanceProfile<'a>> = "iamInstanceProfile",
        image_description: Text<'a> = "imageDescription",
        image_id: Text<'a> = "imageId",
        instance_id: Text<'a> = "instanceId",
        instance_state: Text<'a> = "instanceState",
        instance_type: Text<'a> = "instanceType",
        outpost_arn: Text<'a> = "outpostArn",
        launch_time: Millis = "launchTime",
        network_interfaces: Vec<NetworkInterface<'a>> = "networkInterfaces",
        platform: Text<'a> = "platform",
        tags: Vec<Tag<'a>> = "tags",
    }

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

    EbsVolumeDetails {
        scanned_volume_details: Vec<VolumeDetail<'a>> = "scannedVolumeDetails",
        skipped_volume_details: Vec<VolumeDetail<'a>> = "skippedVolumeDetails",
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

    LambdaDetails {
        function_arn: Text<'a> = "functionArn",
        function_name: Text<'a> = "functionName",
        function_version: Text<'a> = "functionVersion",
        last_modified_at: Millis = "lastModifiedAt",
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

    EbsSnapshotDetails {
        snapshot_arn: Text<'a> = "snapshotArn",
    }

    Ec2ImageDetails {
        image_arn: Text<'a> = "imageArn",
    }

    RecoveryPointDetails {
        recovery_point_arn: Text<'a> = "recoveryPointArn",
        backup_vault_name: Text<'a> = "backupVaultName",
        continuous_scan_details: Box<ContinuousScanDetails<'a>> = "continuousScanDetails",
    }

    ContinuousScanDetails {
        start_time: Millis = "startTime",
        end_time: Millis = "endTime",
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

    DefaultServerSideEncryption {
        encryption_type: Text<'a> = "encryptionType",
        kms_master_key_arn: Text<'a> = "kmsMasterKeyArn",
    }

    PublicAccess {
        permission_configuration: Box<PermissionConfiguration<'a>> = "permissionConfiguration",
        effective_permission: Text<'a> = "effectivePermission",
    }

    S3ObjectDetail {
        object_arn: Text<'a> = "objectArn",
        key: Text<'a> = "key",
        e_tag: Text<'a> = "eTag",
        hash: Text<'a> = "hash",
        version_id: Text<'a> = "versionId",
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

    VolumeDetail {
        volume_arn: Text<'a> = "volumeArn",
        volume_type: Text<'a> = "volumeType",
        device_name: Text<'a> = "deviceName",
        volume_size_in_gb: i64 = "volumeSizeInGB",
        encryption_type: Text<'a> = "encryptionType",
        kms_key_arn: Text<'a> = "kmsKeyArn",
        snapshot_arn: Text<'a> = "snapshotArn",
    }

    EcsTaskDetails {
        arn: Text<'a> = "arn",
        definition_arn: Text<'a> = "definitionArn",
        started_at: Millis = "startedAt",
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

    PermissionConfiguration {
        account_level_permissions: Box<AccountLevelPermissions<'a>> = "accountLevelPermissions",
        bucket_level_permissions: Box<BucketLevelPermissions<'a>> = "bucketLevelPermissions",
    }

    AccountLevelPermissions {
        block_public_access: Box<BlockPublicAccess<'a>> = "blockPublicAccess",
    }

    ImpersonatedUser {
        username: Text<'a> = "username",
        groups: Vec<Text<'a>> = "groups",
    }

    Volume {
        host_path: Box<HostPath<'a>> = "hostPath",
    }

    BucketLevelPermissions {
        access_control_list: Box<AccessControlList<'a>> = "accessControlList",
        bucket_policy: Box<BucketPolicy<'a>> = "bucketPolicy",
        block_public_access: Box<BlockPublicAccess<'a>> = "blockPublicAccess",
    }

    HostPath {
        path: Text<'a> = "path",
    }

    AccessControlList {
        allows_public_read_access: bool = "allowsPublicReadAccess",
        allows_public_write_access: bool = "allowsPublicWriteAccess",
    }

    BucketPolicy {
        allows_public_read_access: bool = "allowsPublicReadAccess",
        allows_public_write_access: bool = "allowsPublicWriteAccess",
    }

    BlockPublicAccess {
        ignore_public_acls: bool = "ignorePublicAcls",
        restrict_public_buckets: bool = "restrictPublicBuckets",
        block_public_acls: bool = "blockPublicAcls",
        block_public_policy: bool = "blockPublicPolicy",
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
