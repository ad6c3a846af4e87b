//! Processes of Pods, as the node sees them.

use crate::kit::{CommandOutput, command, eventually};

/// First 15 characters of the name of the program, as the kernel keeps them.
const NAME: &str = "guardduty-slack";

/// Process of the run in a container. Waits until there is one.
pub(crate) fn of_run() -> Process {
    eventually("a process of a run", || find("-x", NAME))
}

/// Process with this command line. Waits until there is one.
pub(crate) fn of_command(line: &str) -> Process {
    eventually(line, || find("--full", &format!("^{line}$")))
}

/// Waits until no run has a process.
pub(crate) fn wait_for_none() {
    eventually("the end of the run", || find("-x", NAME).is_none().then_some(()));
}

fn find(option: &str, pattern: &str) -> Option<Process> {
    let output = command("pgrep", &["--newest", option, pattern], "").stdout;
    output.lines().next().map(|id| Process { id: id.trim().to_owned() })
}

#[derive(Debug)]
pub(crate) struct Process {
    id: String,
}

impl Process {
    /// Process of a service of the node.
    pub(crate) fn of_service(name: &str) -> Self {
        let file = crate::kit::cluster().join("pid").join(name);
        let id = std::fs::read_to_string(file).expect("every service has a file with its process ID");
        Self { id: id.trim().to_owned() }
    }

    pub(crate) fn signal(&self, signal: &str) {
        command("kill", &["--signal", signal, &self.id], "").assert_success();
    }

    /// Content of a file of the process in `/proc`.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.id)).expect("the process runs")
    }

    /// Runs a command in the network of the process.
    pub(crate) fn in_network(&self, arguments: &[&str]) -> CommandOutput {
        command("nsenter", &[&["--net", "--target", &self.id], arguments].concat(), "")
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}
