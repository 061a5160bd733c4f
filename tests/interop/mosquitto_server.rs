//! An Eclipse mosquitto of the test's own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, process};

/// How long anything may take that should take no time: machines stall.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "secret";

/// A server on a loopback port, with a folder for its files; both go when it is dropped.
pub(crate) struct Server {
    folder: PathBuf,
    port: u16,
    process: Option<Child>,
    access: &'static str,
}

impl Server {
    /// A server that lets anybody in.
    pub(crate) fn start() -> Server {
        Server::with("allow_anonymous true")
    }

    /// A server that lets in [`USER`] with [`PASSWORD`].
    pub(crate) fn with_password() -> Server {
        Server::with("allow_anonymous false\npassword_file passwords")
    }

    fn with(access: &'static str) -> Server {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("interop-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let mut server = Server { folder, port: 0, process: None, access };
        let passwords = server.folder.join("passwords");
        let made = Command::new("mosquitto_passwd")
            .args(["-c", "-b"])
            .arg(&passwords)
            .args([USER, PASSWORD])
            .status();
        assert!(made.unwrap().success(), "mosquitto_passwd failed");
        // A port that was free a moment ago may be taken by now.
        for _ in 0..20 {
            server.port = free_port();
            if server.try_run() {
                return server;
            }
        }
        panic!("mosquitto does not start: {}", server.log());
    }

    /// Starts it again where it ended, on the same port and with what it kept.
    pub(crate) fn restart(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.try_run() {
            assert!(Instant::now() < deadline, "mosquitto does not start again: {}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether it runs and listens.
    fn try_run(&mut self) -> bool {
        let (port, access) = (self.port, self.access);
        let location = self.folder.display();
        let config = format!(
            "listener {port} 127.0.0.1\n{access}\nuser root\npersistence true\n\
             persistence_location {location}/\nqueue_qos0_messages true\nmax_queued_messages 0\n"
        );
        fs::write(self.folder.join("config"), config).unwrap();
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let mut child = Command::new(mosquitto())
            .args(["-v", "-c", "config"])
            .current_dir(&self.folder)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            if TcpStream::connect(self.address()).is_ok() {
                self.process = Some(child);
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        end(child);
        false
    }

    /// Kills it at once: what it did not write down is lost.
    pub(crate) fn kill(&mut self) {
        self.process.take().into_iter().for_each(end);
    }

    /// Ends it so that it writes down what it knows.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.process.take() else { return };
        let sent = Command::new("kill").arg(child.id().to_string()).status();
        assert!(sent.unwrap().success(), "no signal could be sent");
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        end(child);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Where tests may put files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it said, for the report of a failed test.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("mosquitto's log:\n{}", self.log());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Debian has it where only root looks.
fn mosquitto() -> &'static str {
    let installed = Command::new("mosquitto").arg("-h").stdout(Stdio::null()).status().is_ok();
    if installed { "mosquitto" } else { "/usr/sbin/mosquitto" }
}
