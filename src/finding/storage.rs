//! Buckets and objects, volumes, snapshots, images and backups.

use super::decode::shapes;

use super::About;
use super::draft::Draft;
use super::phrase::{Phrase, filled};
use super::resource::told;

pub(super) fn buckets(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let buckets = resource.s3_bucket_details();
    for bucket in buckets {
        draft.name(bucket.name());
        draft.name(bucket.arn());
        draft.tags(bucket.tags());
        let subject = Phrase::new().ours("S3 bucket").with(" ", filled(bucket.name()).or(bucket.arn()));
        told(draft, subject, about_bucket(bucket));
        objects(draft, bucket.s3_object_details());
    }
    !buckets.is_empty()
}

fn about_bucket(bucket: &shapes::S3BucketDetail) -> Phrase {
    let mut details = Phrase::new();
    if let Some(access) = bucket.public_access() {
        details = details.part(public(access));
    }
    if let Some(encryption) = bucket.default_server_side_encryption() {
        details = details
            .part_said("encryption ", encryption.encryption_type())
            .part_with("KMS key ", encryption.kms_master_key_arn());
    }
    details.part_said("", bucket.r#type())
}

/// What of a bucket is open to the world, if anything.
fn public(access: &shapes::PublicAccess) -> Phrase {
    let mut phrase = match access.effective_permission() {
        Some("PUBLIC") => Phrase::new().ours("PUBLIC"),
        Some("NOT_PUBLIC") => Phrase::new().ours("not public"),
        other => Phrase::new().part_said("", other),
    };
    let permissions = access.permission_configuration();
    let account = permissions.and_then(|p| p.account_level_permissions()).and_then(|a| a.block_public_access());
    if account.is_some_and(all_off) {
        phrase = phrase.part_ours("account Block Public Access off");
    }
    let Some(bucket) = permissions.and_then(|p| p.bucket_level_permissions()) else { return phrase };
    let acl = bucket.access_control_list();
    let policy = bucket.bucket_policy();
    let open = [
        (acl.and_then(|a| a.allows_public_read_access()), "ACL allows public read"),
        (acl.and_then(|a| a.allows_public_write_access()), "ACL allows public write"),
        (policy.and_then(|p| p.allows_public_read_access()), "policy allows public read"),
        (policy.and_then(|p| p.allows_public_write_access()), "policy allows public write"),
    ];
    for (_, words) in open.into_iter().filter(|(allowed, _)| *allowed == Some(true)) {
        phrase = phrase.part_ours(words);
    }
    if bucket.block_public_access().is_some_and(all_off) {
        phrase = phrase.part_ours("Block Public Access off");
    }
    phrase
}

fn all_off(block: &shapes::BlockPublicAccess) -> bool {
    [
        block.ignore_public_acls(),
        block.restrict_public_buckets(),
        block.block_public_acls(),
        block.block_public_policy(),
    ]
    .iter()
    .all(|b| *b == Some(false))
}

fn objects(draft: &mut Draft, objects: &[shapes::S3ObjectDetail]) {
    for object in objects {
        let line = Phrase::new()
            .part_with("object ", filled(object.key()).or(object.object_arn()))
            .part_with("version ", object.version_id())
            .part_with("hash ", filled(object.hash()).or(object.e_tag()));
        draft.say(About::Resource, line);
        draft.name(object.key());
        draft.name(object.object_arn());
    }
}

pub(super) fn snapshot(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(snapshot) = resource.ebs_snapshot_details() else { return false };
    told(draft, Phrase::new().ours("EBS snapshot").with(" ", last_segment(snapshot.snapshot_arn())), Phrase::new());
    draft.name(snapshot.snapshot_arn());
    draft.name(last_segment(snapshot.snapshot_arn()));
    true
}

pub(super) fn image(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(image) = resource.ec2_image_details() else { return false };
    told(draft, Phrase::new().ours("AMI").with(" ", last_segment(image.image_arn())), Phrase::new());
    draft.name(image.image_arn());
    draft.name(last_segment(image.image_arn()));
    true
}

pub(super) fn recovery_point(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(point) = resource.recovery_point_details() else { return false };
    let subject = Phrase::new().ours("recovery point").with(" ", point.recovery_point_arn());
    told(draft, subject, Phrase::new().part_with("backup vault ", point.backup_vault_name()));
    draft.name(point.recovery_point_arn());
    draft.name(point.backup_vault_name());
    true
}

pub(super) fn volumes(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(volumes) = resource.ebs_volume_details() else { return false };
    let lists = [
        ("scanned EBS volume", volumes.scanned_volume_details()),
        ("skipped EBS volume", volumes.skipped_volume_details()),
    ];
    for (words, volume) in lists.into_iter().flat_map(|(words, list)| list.iter().map(move |v| (words, v))) {
        let details = Phrase::new()
            .part_with("", volume.device_name())
            .part_said("", volume.volume_type())
            .part_said("", volume.volume_size_in_gb().map(|gb| format!("{gb} GiB")).as_deref())
            .part_said("", volume.encryption_type())
            .part_with("KMS key ", last_segment(volume.kms_key_arn()))
            .part_with("snapshot ", last_segment(volume.snapshot_arn()));
        told(draft, Phrase::new().ours(words).with(" ", last_segment(volume.volume_arn())), details);
        draft.name(volume.volume_arn());
    }
    true
}

/// `snap-0abc` of `arn:aws:ec2:eu-west-1::snapshot/snap-0abc`.
pub(super) fn last_segment(arn: Option<&str>) -> Option<&str> {
    arn.map(|a| a.rsplit_once('/').map_or(a, |(_, last)| last))
}
