//! Records the members of a finding that were omitted because they could not be interpreted.

use std::cell::{Cell, RefCell};

/// Maximum number of paths kept of one finding.
const MAX_PATHS: usize = 20;

/// JSON paths such as `service.action.portProbeAction.portProbeDetails[0].localPortDetails.port`. A path is recorded empty
/// when the value is read, and completed by each list and object around it.
#[derive(Default)]
pub(in crate::finding) struct Faults {
    paths: RefCell<Vec<String>>,
    noted: Cell<usize>,
}

impl Faults {
    /// Records that the value that was just read is omitted.
    pub(super) fn note(&self) {
        let mut paths = self.paths.borrow_mut();
        if paths.len() < MAX_PATHS {
            paths.push(String::new());
            self.noted.set(paths.len());
        }
    }

    /// Returns a mark: the paths recorded after it are inside the value that is read next.
    pub(super) fn mark(&self) -> usize {
        self.noted.get()
    }

    /// Completes the paths recorded since `mark`: they are inside the member of this name.
    pub(super) fn within(&self, mark: usize, name: &str) {
        if self.mark() > mark {
            self.complete(mark, name);
        }
    }

    /// Completes the paths recorded since `mark`: they are inside the item of a list.
    pub(super) fn within_item(&self, mark: usize, index: usize) {
        if self.mark() > mark {
            self.complete(mark, &format!("[{index}]"));
        }
    }

    #[cold]
    fn complete(&self, mark: usize, step: &str) {
        for path in &mut self.paths.borrow_mut()[mark..] {
            let separator = if path.is_empty() || path.starts_with('[') { "" } else { "." };
            *path = format!("{step}{separator}{path}");
        }
    }

    pub(super) fn into_paths(self) -> Vec<String> {
        self.paths.into_inner()
    }
}
