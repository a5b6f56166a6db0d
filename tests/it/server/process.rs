//! `vajra serve` as a process of its own, to be signalled, killed and started again.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::harness::{BUNDLE, until};

/// A directory with a bundle and what a server keeps. It outlives the processes that use it.
#[derive(Clone)]
pub(crate) struct Place {
    directory: Arc<tempfile::TempDir>,
}

/// A server that runs.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<serde_json::Value>,
    pub(crate) place: Place,
}

// === impl Place ===

impl Place {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join("bundle").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { directory: Arc::new(directory) }
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.path().join("bundle")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

// === impl Process ===

impl Process {
    /// Starts one with a bundle and a directory of its own.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_at(Place::with(BUNDLE), settings)
    }

    /// Starts one on what another left.
    pub(crate) fn start_at(place: Place, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vajra"))
            .args(["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .arg("--policies")
            .arg(place.bundle())
            .arg("--data")
            .arg(place.data())
            .envs(settings.iter().copied())
            .current_dir(place.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(line) => drop(send.send(line)),
                    Err(_) => panic!("a line of the log is no JSON: {line}"),
                }
            }
        });
        Self { child, lines, place }
    }

    /// The next line of the log with that message.
    pub(crate) fn line(&self, message: &str) -> serde_json::Value {
        let mut before = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(20)) {
                Ok(line) if line["message"] == message => return line,
                Ok(line) => before.push(line),
                Err(_) => panic!("it never said `{message}`, but: {before:#?}"),
            }
        }
    }

    /// Where it serves gRPC and HTTP, once it does.
    pub(crate) fn addresses(&self) -> (SocketAddr, SocketAddr) {
        let line = self.line("serving");
        let address = |name: &str| line[name].as_str().unwrap().parse().unwrap();
        (address("grpc"), address("http"))
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it as a power cut would end it for the process: no handler runs, nothing is flushed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the process ended", || {
            status = self.child.try_wait().unwrap();
            let is_ended = status.is_some();
            async move { is_ended }
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
