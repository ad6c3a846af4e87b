//! Reads buckets and objects, volumes, snapshots, images and backups.

use super::decode::shapes;

use super::Topic;
use super::facts_builder::FactsBuilder;
use super::line::{Line, non_blank};
use super::resource::{add_resource, add_resource_with};

pub(super) fn set_buckets(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let buckets = resource.s3_bucket_details();
    for bucket in buckets {
        draft.add_identifier(bucket.name());
        draft.add_identifier(bucket.arn());
        draft.add_tags(bucket.tags());
        let subject = Line::new().literal("S3 bucket").with_code(" ", non_blank(bucket.name()).or(bucket.arn()));
        let role = bucket.r#type().filter(|_| buckets.len() > 1).map(str::to_lowercase);
        let access = bucket.public_access().map_or_else(Line::new, public_access_line);
        add_resource_with(draft, subject.part_words("", role.as_deref()), access, bucket_line(bucket));
        add_objects(draft, bucket.s3_object_details());
    }
    !buckets.is_empty()
}

fn bucket_line(bucket: &shapes::S3BucketDetail) -> Line {
    let default = bucket.default_server_side_encryption();
    default.map_or_else(Line::new, |default| encryption(default.encryption_type(), default.kms_master_key_arn()))
}

/// `KMS key 1a2b`, or the type of the encryption.
pub(super) fn encryption(kind: Option<&str>, key: Option<&str>) -> Line {
    match non_blank(key) {
        Some(key) => Line::new().separated_code("KMS key ", last_segment(Some(key))),
        None => Line::new().part_words("encryption ", kind),
    }
}

/// The public access of a bucket, and the settings that decide it.
fn public_access_line(access: &shapes::PublicAccess) -> Line {
    let mut phrase = match access.effective_permission() {
        Some("PUBLIC") => Line::new().literal("PUBLIC"),
        Some("NOT_PUBLIC") => Line::new().literal("not public"),
        other => Line::new().part_words("", other),
    };
    let permissions = access.permission_configuration();
    let bucket = permissions.and_then(|p| p.bucket_level_permissions());
    let acl = bucket.and_then(|bucket| bucket.access_control_list());
    let policy = bucket.and_then(|bucket| bucket.bucket_policy());
    let open = [
        (acl.and_then(|a| a.allows_public_read_access()), "ACL allows public read"),
        (acl.and_then(|a| a.allows_public_write_access()), "ACL allows public write"),
        (policy.and_then(|p| p.allows_public_read_access()), "policy allows public read"),
        (policy.and_then(|p| p.allows_public_write_access()), "policy allows public write"),
    ];
    for (_, words) in open.into_iter().filter(|(allowed, _)| *allowed == Some(true)) {
        phrase = phrase.separated_literal(words);
    }
    let account = permissions.and_then(|p| p.account_level_permissions()).and_then(|a| a.block_public_access());
    let levels = [(bucket.and_then(|b| b.block_public_access()), "bucket"), (account, "account")];
    phrase.separated_literal(block_public_access(levels))
}

/// `Block Public Access enabled`, `… disabled (bucket), enabled (account)`; empty if nothing is known.
fn block_public_access(levels: [(Option<&shapes::BlockPublicAccess>, &str); 2]) -> String {
    let known: Vec<(String, &str)> =
        levels.into_iter().filter_map(|(block, level)| Some((blocks(block?)?, level))).collect();
    match known.as_slice() {
        [] => String::new(),
        [(one, _), (other, _)] if one == other => format!("Block Public Access {one}"),
        levels => {
            let each: Vec<String> = levels.iter().map(|(setting, level)| format!("{setting} ({level})")).collect();
            format!("Block Public Access {}", each.join(", "))
        }
    }
}

/// The settings of Block Public Access that are enabled. `None` if the finding has no such setting.
fn blocks(block: &shapes::BlockPublicAccess) -> Option<String> {
    let settings = [
        (block.block_public_acls(), "new ACLs"),
        (block.ignore_public_acls(), "ACLs"),
        (block.block_public_policy(), "new policies"),
        (block.restrict_public_buckets(), "policies"),
    ];
    let off: Vec<&str> = settings.iter().filter(|(on, _)| *on == Some(false)).map(|(_, words)| *words).collect();
    match (settings.iter().filter(|(on, _)| on.is_some()).count(), off.len()) {
        (0, _) => None,
        (_, 0) => Some("enabled".to_owned()),
        (known, disabled) if known == disabled => Some("disabled".to_owned()),
        _ => Some(format!("disabled for {}", off.join(" and "))),
    }
}

fn add_objects(draft: &mut FactsBuilder, objects: &[shapes::S3ObjectDetail]) {
    for object in objects {
        let line = Line::new()
            .separated_code("object ", non_blank(object.key()).or(object.object_arn()))
            .separated_code("version ", object.version_id())
            .part_hash("hash ", non_blank(object.hash()))
            .part_hash("ETag ", non_blank(object.e_tag()));
        draft.add(Topic::Resource, line);
        draft.add_identifier(object.key());
        draft.add_identifier(object.object_arn());
    }
}

pub(super) fn set_snapshot(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(snapshot) = resource.ebs_snapshot_details() else { return false };
    add_resource(
        draft,
        Line::new().literal("EBS snapshot").with_code(" ", last_segment(snapshot.snapshot_arn())),
        Line::new(),
    );
    draft.add_identifier(snapshot.snapshot_arn());
    draft.add_identifier(last_segment(snapshot.snapshot_arn()));
    true
}

pub(super) fn set_image(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(image) = resource.ec2_image_details() else { return false };
    add_resource(draft, Line::new().literal("AMI").with_code(" ", last_segment(image.image_arn())), Line::new());
    draft.add_identifier(image.image_arn());
    draft.add_identifier(last_segment(image.image_arn()));
    true
}

pub(super) fn set_recovery_point(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(point) = resource.recovery_point_details() else { return false };
    let arn = point.recovery_point_arn();
    let name = arn.map(|arn| arn.rsplit_once(":recovery-point:").map_or(arn, |(_, name)| name));
    let subject = Line::new().literal("recovery point").with_code(" ", last_segment(name));
    let details = Line::new().separated_code("backup vault ", point.backup_vault_name());
    add_resource(
        draft,
        subject,
        details.separated(point.continuous_scan_details().map_or_else(Line::new, scanned_period)),
    );
    draft.add_identifier(point.recovery_point_arn());
    draft.add_identifier(last_segment(name));
    draft.add_identifier(point.backup_vault_name());
    true
}

/// `scanned 08:00–09:00`: the part of a continuous backup that was scanned.
fn scanned_period(details: &shapes::ContinuousScanDetails) -> Line {
    match (details.start_time(), details.end_time()) {
        (Some(from), Some(to)) => Line::new().literal("scanned ").time(from).literal("–").clock(to),
        (Some(time), None) | (None, Some(time)) => Line::new().literal("scanned ").time(time),
        (None, None) => Line::new(),
    }
}

pub(super) fn set_volumes(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(volumes) = resource.ebs_volume_details() else { return false };
    let lists = [
        ("scanned EBS volume", volumes.scanned_volume_details()),
        ("skipped EBS volume", volumes.skipped_volume_details()),
    ];
    for (words, volume) in lists.into_iter().flat_map(|(words, list)| list.iter().map(move |v| (words, v))) {
        let details = Line::new()
            .separated_code("", volume.device_name())
            .part_words("", volume.volume_type())
            .part_words("", volume.volume_size_in_gb().map(|gb| format!("{gb} GiB")).as_deref())
            .part_words("", volume.encryption_type())
            .separated_code("KMS key ", last_segment(volume.kms_key_arn()))
            .separated_code("snapshot ", last_segment(volume.snapshot_arn()));
        add_resource(draft, Line::new().literal(words).with_code(" ", last_segment(volume.volume_arn())), details);
        draft.add_identifier(volume.volume_arn());
    }
    true
}

/// `recovery-point:1b2c` of `arn:aws:backup:eu-west-1:111122223333:recovery-point:1b2c`, or the last segment.
pub(super) fn short_arn(arn: Option<&str>) -> Option<&str> {
    let arn = last_segment(arn)?;
    Some(arn.find(":recovery-point:").map_or(arn, |at| &arn[at + 1..]))
}

/// `snap-0abc` of `arn:aws:ec2:eu-west-1::snapshot/snap-0abc`.
pub(super) fn last_segment(arn: Option<&str>) -> Option<&str> {
    arn.map(|a| a.rsplit_once('/').map_or(a, |(_, last)| last))
}
