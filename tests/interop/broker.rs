//! The example broker, for a test of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process, thread};

use super::broker_process::Process;
use super::mosquitto_programs::{Target, example};

/// A server on a loopback port, with a folder for its files; both go when it is dropped.
pub(crate) struct Broker {
    folder: PathBuf,
    addresses: Vec<SocketAddr>,
    pub(crate) process: Process,
}

impl Broker {
    pub(crate) fn start() -> Broker {
        Broker::with("")
    }

    /// With these options, between spaces.
    pub(crate) fn with(options: &str) -> Broker {
        Broker::with_files(&[], options)
    }

    /// With options that may name these files, which are in the folder that it runs in.
    pub(crate) fn with_files(files: &[(&str, &str)], options: &str) -> Broker {
        let folder = folder();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        Broker::inside(folder, &["127.0.0.1:0"], options)
    }

    pub(crate) fn listening_on(addresses: &[&str]) -> Broker {
        Broker::inside(folder(), addresses, "")
    }

    /// In a folder that has its files already.
    pub(crate) fn inside(folder: PathBuf, addresses: &[&str], options: &str) -> Broker {
        let mut command = Command::new("env");
        command.arg("-C").arg(&folder).arg(example("broker"));
        for address in addresses {
            command.args(["--listen", address]);
        }
        let mut process = Process::start(command.args(options.split_whitespace()));
        let addresses = addresses.iter().map(|_| {
            let line = process.wait_for("listening on ").pop().unwrap();
            line.strip_prefix("listening on ").unwrap().parse().unwrap()
        });
        Broker { folder, addresses: addresses.collect(), process }
    }

    /// The same broker at another of its addresses.
    pub(crate) fn listener(&self, index: usize) -> Listener {
        Listener { folder: self.folder.clone(), address: self.addresses[index] }
    }
}

/// One of the addresses of a broker.
pub(crate) struct Listener {
    folder: PathBuf,
    address: SocketAddr,
}

impl Target for Listener {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Target for Broker {
    fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.process.kill();
        if thread::panicking() {
            eprintln!("the broker said: {:#?}", self.process.said());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A new folder for the files of one test.
pub(crate) fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("broker-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = env::temp_dir().join(name);
    fs::create_dir(&folder).unwrap();
    folder
}
