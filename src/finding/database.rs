//! Databases.

use super::decode::shapes;

use super::draft::Draft;
use super::phrase::{Phrase, filled};
use super::resource::add_resource;

pub(super) fn instance(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(db) = resource.rds_db_instance_details() else { return false };
    let subject =
        Phrase::new().ours("RDS instance").with(" ", filled(db.db_instance_identifier()).or(db.db_instance_arn()));
    let details = engine(db.engine(), db.engine_version())
        .part_with("cluster ", db.db_cluster_identifier())
        .part_with("", db.dbi_resource_id());
    add_resource(draft, subject, details);
    for name in [db.db_instance_identifier(), db.db_cluster_identifier(), db.db_instance_arn(), db.dbi_resource_id()] {
        draft.name(name);
    }
    draft.tags(db.tags());
    true
}

pub(super) fn limitless(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(db) = resource.rds_limitless_db_details() else { return false };
    let subject = Phrase::new()
        .ours("RDS Limitless shard group")
        .with(" ", filled(db.db_shard_group_identifier()).or(db.db_shard_group_arn()));
    let details = engine(db.engine(), db.engine_version()).part_with("cluster ", db.db_cluster_identifier());
    add_resource(draft, subject, details);
    for name in [
        db.db_shard_group_identifier(),
        db.db_cluster_identifier(),
        db.db_shard_group_arn(),
        db.db_shard_group_resource_id(),
    ] {
        draft.name(name);
    }
    draft.tags(db.tags());
    true
}

fn engine(engine: Option<&str>, version: Option<&str>) -> Phrase {
    match filled(version) {
        Some(version) => Phrase::new().part_words("", engine).ours(" ").theirs(version),
        None => Phrase::new().part_words("", engine),
    }
}
