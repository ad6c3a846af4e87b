//! Selects the configured store.

use crate::config;
use crate::metrics::RequestCounts;
use crate::state::configmap::ConfigMapStore;
use crate::state::file::FileStore;
use crate::state::store::{Loaded, SaveError, Store};

/// The store that is configured.
pub(crate) enum ConfiguredStore {
    File(Box<FileStore>),
    ConfigMap(Box<ConfigMapStore>),
}

impl ConfiguredStore {
    pub(crate) fn new(state: &config::StateConfig, requests: RequestCounts) -> Self {
        match &state.configmap {
            Some(name) => {
                let store = ConfigMapStore::new(name, &state.file, &state.service_account, requests);
                Self::ConfigMap(Box::new(store))
            }
            None => Self::File(Box::new(FileStore::new(&state.file))),
        }
    }

    /// Finds out, without changing anything, whether the state that was loaded could be written.
    pub(crate) async fn probe(&mut self) -> Result<(), SaveError> {
        match self {
            Self::File(store) => store.probe().await,
            Self::ConfigMap(store) => store.probe().await,
        }
    }
}

impl Store for ConfiguredStore {
    async fn load(&mut self) -> Loaded {
        match self {
            Self::File(store) => store.load().await,
            Self::ConfigMap(store) => store.load().await,
        }
    }

    async fn save(&mut self, document: &str) -> Result<(), SaveError> {
        match self {
            Self::File(store) => store.save(document).await,
            Self::ConfigMap(store) => store.save(document).await,
        }
    }

    async fn consume_replay(&mut self, document: &str) -> Result<(), SaveError> {
        match self {
            Self::File(store) => store.consume_replay(document).await,
            Self::ConfigMap(store) => store.consume_replay(document).await,
        }
    }
}

#[cfg(test)]
mod tests;
