//! Shapes of threat lists and anomalies.

use crate::finding::decode::collections::Map;
use crate::finding::decode::member::shapes;
use crate::finding::decode::values::Text;

shapes! {
    Evidence {
        threat_intelligence_details: Vec<ThreatIntelligenceDetail<'a>> = "threatIntelligenceDetails",
    }

    ThreatIntelligenceDetail {
        threat_list_name: Text<'a> = "threatListName",
        threat_names: Vec<Text<'a>> = "threatNames",
        threat_file_sha256: Text<'a> = "threatFileSha256",
    }

    Anomaly {
        profiles: Map<'a, Map<'a, Vec<AnomalyObject<'a>>>> = "profiles",
        unusual: Box<AnomalyUnusual<'a>> = "unusual",
    }

    AnomalyObject {
        profile_subtype: Text<'a> = "profileSubtype",
        observations: Box<Observations<'a>> = "observations",
    }

    AnomalyUnusual {
        behavior: Map<'a, Map<'a, AnomalyObject<'a>>> = "behavior",
    }

    Observations {
        text: Vec<Text<'a>> = "text",
        number: Vec<i64> = "number",
    }
}
