//! Reads databases.

use super::decode::shapes;

use super::facts_builder::FactsBuilder;
use super::line::{Line, non_blank};
use super::resource::add_resource;

pub(super) fn set_db_instance(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(db) = resource.rds_db_instance_details() else { return false };
    let subject = Line::new()
        .literal("RDS instance")
        .with_code(" ", non_blank(db.db_instance_identifier()).or(db.db_instance_arn()));
    let details = engine_line(db.engine(), db.engine_version())
        .separated_code("cluster ", db.db_cluster_identifier())
        .separated_code("", db.dbi_resource_id());
    add_resource(draft, subject, details);
    for name in [db.db_instance_identifier(), db.db_cluster_identifier(), db.db_instance_arn(), db.dbi_resource_id()] {
        draft.add_identifier(name);
    }
    draft.add_tags(db.tags());
    true
}

pub(super) fn set_limitless_db(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(db) = resource.rds_limitless_db_details() else { return false };
    let subject = Line::new()
        .literal("RDS Limitless shard group")
        .with_code(" ", non_blank(db.db_shard_group_identifier()).or(db.db_shard_group_arn()));
    let details = engine_line(db.engine(), db.engine_version()).separated_code("cluster ", db.db_cluster_identifier());
    add_resource(draft, subject, details);
    for name in [
        db.db_shard_group_identifier(),
        db.db_cluster_identifier(),
        db.db_shard_group_arn(),
        db.db_shard_group_resource_id(),
    ] {
        draft.add_identifier(name);
    }
    draft.add_tags(db.tags());
    true
}

fn engine_line(engine: Option<&str>, version: Option<&str>) -> Line {
    match non_blank(version) {
        Some(version) => Line::new().part_words("", engine).literal(" ").untrusted(version),
        None => Line::new().part_words("", engine),
    }
}
