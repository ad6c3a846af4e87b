//! Shapes of buckets, volumes, snapshots, images and recovery points.

use super::Tag;
use crate::finding::decode::member::shapes;
use crate::finding::decode::values::Text;
use crate::time::Timestamp;

shapes! {
    S3BucketDetail {
        arn: Text<'a> = "arn",
        name: Text<'a> = "name",
        r#type: Text<'a> = "type",
        tags: Vec<Tag<'a>> = "tags",
        default_server_side_encryption: Box<DefaultServerSideEncryption<'a>> = "defaultServerSideEncryption",
        public_access: Box<PublicAccess<'a>> = "publicAccess",
        s3_object_details: Vec<S3ObjectDetail<'a>> = "s3ObjectDetails",
    }

    EbsVolumeDetails {
        scanned_volume_details: Vec<VolumeDetail<'a>> = "scannedVolumeDetails",
        skipped_volume_details: Vec<VolumeDetail<'a>> = "skippedVolumeDetails",
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
        start_time: Timestamp = "startTime",
        end_time: Timestamp = "endTime",
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

    VolumeDetail {
        volume_arn: Text<'a> = "volumeArn",
        volume_type: Text<'a> = "volumeType",
        device_name: Text<'a> = "deviceName",
        volume_size_in_gb: i64 = "volumeSizeInGB",
        encryption_type: Text<'a> = "encryptionType",
        kms_key_arn: Text<'a> = "kmsKeyArn",
        snapshot_arn: Text<'a> = "snapshotArn",
    }

    PermissionConfiguration {
        account_level_permissions: Box<AccountLevelPermissions<'a>> = "accountLevelPermissions",
        bucket_level_permissions: Box<BucketLevelPermissions<'a>> = "bucketLevelPermissions",
    }

    AccountLevelPermissions {
        block_public_access: Box<BlockPublicAccess<'a>> = "blockPublicAccess",
    }

    BucketLevelPermissions {
        access_control_list: Box<AccessControlList<'a>> = "accessControlList",
        bucket_policy: Box<BucketPolicy<'a>> = "bucketPolicy",
        block_public_access: Box<BlockPublicAccess<'a>> = "blockPublicAccess",
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
}
