//! Shapes of the observations of the runtime agent.

use crate::finding::decode::member::shapes;
use crate::finding::decode::values::Text;
use crate::time::Timestamp;

shapes! {
    RuntimeDetails {
        process: Box<ProcessDetails<'a>> = "process",
        context: Box<RuntimeContext<'a>> = "context",
    }

    ProcessDetails {
        name: Text<'a> = "name",
        executable_path: Text<'a> = "executablePath",
        executable_sha256: Text<'a> = "executableSha256",
        namespace_pid: i64 = "namespacePid",
        pwd: Text<'a> = "pwd",
        pid: i64 = "pid",
        user: Text<'a> = "user",
        user_id: i64 = "userId",
        euid: i64 = "euid",
        start_time: Timestamp = "startTime",
        lineage: Vec<LineageObject<'a>> = "lineage",
    }

    RuntimeContext {
        modifying_process: Box<ProcessDetails<'a>> = "modifyingProcess",
        modified_at: Timestamp = "modifiedAt",
        script_path: Text<'a> = "scriptPath",
        library_path: Text<'a> = "libraryPath",
        ld_preload_value: Text<'a> = "ldPreloadValue",
        socket_path: Text<'a> = "socketPath",
        runc_binary_path: Text<'a> = "runcBinaryPath",
        release_agent_path: Text<'a> = "releaseAgentPath",
        mount_source: Text<'a> = "mountSource",
        mount_target: Text<'a> = "mountTarget",
        file_system_type: Text<'a> = "fileSystemType",
        flags: Vec<Text<'a>> = "flags",
        module_name: Text<'a> = "moduleName",
        module_file_path: Text<'a> = "moduleFilePath",
        module_sha256: Text<'a> = "moduleSha256",
        shell_history_file_path: Text<'a> = "shellHistoryFilePath",
        target_process: Box<ProcessDetails<'a>> = "targetProcess",
        address_family: Text<'a> = "addressFamily",
        iana_protocol_number: i64 = "ianaProtocolNumber",
        memory_regions: Vec<Text<'a>> = "memoryRegions",
        tool_name: Text<'a> = "toolName",
        tool_category: Text<'a> = "toolCategory",
        service_name: Text<'a> = "serviceName",
        command_line_example: Text<'a> = "commandLineExample",
        threat_file_path: Text<'a> = "threatFilePath",
        file_operation: Text<'a> = "fileOperation",
        file_path: Text<'a> = "filePath",
        related_file_paths: Vec<Text<'a>> = "relatedFilePaths",
    }

    LineageObject {
        pid: i64 = "pid",
        user_id: i64 = "userId",
        euid: i64 = "euid",
        name: Text<'a> = "name",
        executable_path: Text<'a> = "executablePath",
    }
}
