//! The ConfigMap as it was last read or written, and the patch that changes it.

use serde_json::{Value, json};

use crate::state::kubernetes::ConfigMap;
use crate::state::store::LoadedReplay;

/// Key of the document.
pub(super) const KEY: &str = "watermark.json";
pub(super) const REPLAY: &str = "replay";

#[derive(Clone, Debug)]
pub(super) struct ObjectSnapshot {
    pub resource_version: String,
    /// `None`: the ConfigMap does not have the key.
    pub document: Option<String>,
    pub replay: Option<String>,
    /// A key of the program that is under `binaryData`, where the program does not read it.
    pub binary_key: Option<&'static str>,
}

impl From<ConfigMap> for ObjectSnapshot {
    fn from(object: ConfigMap) -> Self {
        let mut data = object.data.unwrap_or_default();
        let binary = object.binary_data.unwrap_or_default();
        Self {
            resource_version: object.metadata.resource_version,
            document: data.remove(KEY),
            replay: data.remove(REPLAY),
            binary_key: [KEY, REPLAY].into_iter().find(|key| binary.contains_key(*key)),
        }
    }
}

/// A merge patch with the version that it applies to: the server rejects it with 409 if the ConfigMap has another
/// version. It changes no other key.
pub(super) fn merge_patch(resource_version: &str, document: &str, replay: LoadedReplay) -> Value {
    let mut data = json!({KEY: document});
    if replay == LoadedReplay::Remove {
        data[REPLAY] = Value::Null;
    }
    json!({"metadata": {"resourceVersion": resource_version}, "data": data})
}
