//! Writes to standard output, and reports whether all lines were written.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, ErrorKind, Stdout, Write};

/// Standard output of one command. After the first error, nothing more is written.
pub struct Output<W = Stdout>(RefCell<State<W>>);

struct State<W> {
    writer: W,
    failure: Option<io::Error>,
}

impl Output {
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write> Output<W> {
    pub fn new(writer: W) -> Self {
        Self(RefCell::new(State { writer, failure: None }))
    }

    /// Writes one line, or several.
    pub fn line(&self, line: impl Display) {
        let text = format!("{line}\n");
        let state = &mut *self.0.borrow_mut();
        if state.failure.is_none() {
            let written = state.writer.write_all(text.as_bytes()).and_then(|()| state.writer.flush());
            state.failure = written.err();
        }
    }

    /// Returns true if nothing more can be written.
    pub fn has_failed(&self) -> bool {
        self.0.borrow().failure.is_some()
    }

    /// Returns an error if something could not be written. A reader that exits early, as in `preview | head`, is not an
    /// error.
    pub fn finish(self) -> io::Result<()> {
        match self.0.into_inner().failure {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts one line, then fails.
    struct Full(Vec<u8>, ErrorKind);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.is_empty() { self.0.write(bytes) } else { Err(self.1.into()) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failed_write_is_reported_once_and_ends_the_output() {
        let output = Output::new(Full(Vec::new(), ErrorKind::StorageFull));
        output.line("first");
        assert!(!output.has_failed());
        output.line("second");
        output.line("third");
        assert!(output.has_failed());
        assert_eq!(output.finish().unwrap_err().kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let output = Output::new(Full(Vec::new(), ErrorKind::BrokenPipe));
        output.line("first");
        output.line("second");
        assert!(output.has_failed() && output.finish().is_ok());
    }
}
