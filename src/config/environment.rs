//! Reads the environment and the files of secrets. No other module of `config` does IO.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use super::errors::ConfigErrors;
use super::values::quote_redacted;

/// Maximum size of a file with a secret. A secret is a token, a URL or a password; a larger file is a mistake.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// The environment of this process. Invalid Unicode is replaced by replacement characters, which the parsers reject.
pub fn read_environment() -> Vec<(String, String)> {
    let text = |s: std::ffi::OsString| s.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// The variables that are set. A blank value counts as not set. There is no `Debug`, because it contains secrets.
pub(super) struct EnvVars {
    pub vars: BTreeMap<String, String>,
}

impl EnvVars {
    pub(super) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { vars: vars.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect() }
    }

    /// Sets `name` to the content of the file in `<name>_FILE`. It is an error if both are set, or if the file cannot be used.
    pub(super) fn read_secret_file(&mut self, name: &str, faults: &mut ConfigErrors) {
        let variable = format!("{name}_FILE");
        let Some(path) = self.vars.get(&variable).map(|p| p.trim()) else { return };
        if self.vars.contains_key(name) {
            return faults.push(&variable, format!("cannot be combined with {name}; unset one of them"));
        }
        match read_secret(path) {
            Ok(secret) => {
                self.vars.insert(name.to_owned(), secret);
            }
            Err(error) => faults.push(&variable, format!("cannot read secret file{}: {error}", shown(path))),
        }
    }
}

/// Rejects a text that is not an absolute path: it may be the secret itself, in the wrong variable.
fn shown(path: &str) -> String {
    if path.starts_with('/') { format!(" {}", quote_redacted(path)) } else { String::new() }
}

/// The text of a file without the trailing newline.
fn read_secret(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|f| f.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(n) if n as u64 > MAX_SECRET_BYTES => return Err("larger than 64 KiB".into()),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::InvalidData => return Err("not valid UTF-8".into()),
        Err(e) => return Err(e.to_string()),
    }
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    if secret.trim().is_empty() { Err("file is empty".into()) } else { Ok(secret.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(path: &Path) -> (Option<String>, ConfigErrors) {
        let mut env = EnvVars::new([("TOKEN_FILE".to_owned(), path.display().to_string())]);
        let mut faults = ConfigErrors::default();
        env.read_secret_file("TOKEN", &mut faults);
        (env.vars.remove("TOKEN"), faults)
    }

    #[test]
    fn a_trailing_newline_does_not_belong_to_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for (text, secret) in
            [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("s3cret", "s3cret"), (" pass word \n", " pass word ")]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).0.as_deref(), Some(secret), "{text:?}");
        }
    }

    #[test]
    fn unreadable_file_is_an_error_of_its_variable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let problem = |faults: ConfigErrors| faults.to_string().replace(path.to_str().unwrap(), "[path]");
        insta::assert_snapshot!(problem(read(&path).1), @r#"TOKEN_FILE: cannot read secret file "[path]": No such file or directory (os error 2)"#);
        std::fs::write(&path, "\n").unwrap();
        insta::assert_snapshot!(problem(read(&path).1), @r#"TOKEN_FILE: cannot read secret file "[path]": file is empty"#);
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        insta::assert_snapshot!(problem(read(&path).1), @r#"TOKEN_FILE: cannot read secret file "[path]": not valid UTF-8"#);
        std::fs::write(&path, "x".repeat(70_000)).unwrap();
        insta::assert_snapshot!(problem(read(&path).1), @r#"TOKEN_FILE: cannot read secret file "[path]": larger than 64 KiB"#);
    }

    #[test]
    fn a_secret_in_place_of_its_file_s_path_is_not_shown() {
        let (secret, faults) = read(Path::new("xoxb-s3cret"));
        assert!(secret.is_none() && !faults.is_empty() && !faults.to_string().contains("s3cret"), "{faults}");
    }

    #[test]
    fn secret_set_twice_is_an_error() {
        let mut env = EnvVars::new([("T".to_owned(), "a".to_owned()), ("T_FILE".to_owned(), "/b".to_owned())]);
        let mut faults = ConfigErrors::default();
        env.read_secret_file("T", &mut faults);
        assert_eq!(faults.to_string(), "T_FILE: cannot be combined with T; unset one of them");
    }
}
