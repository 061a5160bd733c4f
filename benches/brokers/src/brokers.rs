//! The programs that are compared, each started afresh for each measurement.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::cpu::Process;

/// How many QoS 1 and 2 messages may be unfinished at once, on both sides. rumqttd has it fixed.
pub const INFLIGHT: u16 = 100;
/// More than ever wait for a session.
const QUEUED: usize = 100_000;
const CONNECTIONS: usize = 20_000;
const START: Duration = Duration::from_secs(10);

/// A broker program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    Ours,
    Mosquitto,
    Rumqttd,
}

impl Broker {
    pub const ALL: [Broker; 3] = [Broker::Ours, Broker::Mosquitto, Broker::Rumqttd];

    pub fn name(self) -> &'static str {
        match self {
            Broker::Ours => "ours",
            Broker::Mosquitto => "mosquitto",
            Broker::Rumqttd => "rumqttd",
        }
    }

    pub fn from_name(name: &str) -> Result<Broker, String> {
        let found = Broker::ALL.into_iter().find(|broker| broker.name() == name);
        found.ok_or_else(|| format!("there is no broker {name:?}: ours, mosquitto, rumqttd"))
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    pub ours: PathBuf,
    pub mosquitto: PathBuf,
    pub rumqttd: PathBuf,
}

impl Programs {
    /// Name and version.
    pub fn version(&self, broker: Broker) -> String {
        let said = match broker {
            Broker::Ours => first_line(Command::new(&self.ours).arg("--version")),
            Broker::Mosquitto => first_line(Command::new(&self.mosquitto).arg("-h")),
            Broker::Rumqttd => "0.20.0".to_owned(),
        };
        format!("{}: {said}", broker.name())
    }

    /// Starts one, and waits until it accepts connections.
    pub fn start(&self, broker: Broker, folder: &Path) -> Result<Running, String> {
        let address = free_address()?;
        let mut command = match broker {
            Broker::Ours => self.ours(address),
            Broker::Mosquitto => self.mosquitto(address, folder)?,
            Broker::Rumqttd => self.rumqttd(address),
        };
        let log = folder.join(format!("{}.log", broker.name()));
        let errors =
            fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let mut running = Running { child, address };
        running.wait_until_open().map_err(|error| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            format!("{} {error}: {said}", broker.name())
        })?;
        Ok(running)
    }

    fn ours(&self, address: SocketAddr) -> Command {
        let mut command = Command::new(&self.ours);
        command.args(["--listen", &address.to_string()]);
        command.args(["--max-inflight-messages", &INFLIGHT.to_string()]);
        command.args(["--max-queued-messages", &QUEUED.to_string()]);
        command.args(["--max-connections", &CONNECTIONS.to_string()]);
        command.args(["--sys-interval", "0"]);
        command
    }

    fn mosquitto(&self, address: SocketAddr, folder: &Path) -> Result<Command, String> {
        let path = folder.join("mosquitto.conf");
        let text = format!(
            "listener {} {}\nallow_anonymous true\npersistence false\nlog_dest none\nsys_interval 0\n\
             max_inflight_messages {INFLIGHT}\nmax_queued_messages {QUEUED}\n",
            address.port(),
            address.ip(),
        );
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = Command::new(&self.mosquitto);
        command.arg("-c").arg(path);
        Ok(command)
    }

    fn rumqttd(&self, address: SocketAddr) -> Command {
        let mut command = Command::new(&self.rumqttd);
        command.arg(address.port().to_string());
        command
    }
}

/// A broker that runs; it is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pub address: SocketAddr,
}

impl Running {
    pub fn process(&self) -> Process {
        Process(Pid::from_raw(self.child.id().cast_signed()))
    }

    fn wait_until_open(&mut self) -> Result<(), String> {
        let give_up = Instant::now() + START;
        while Instant::now() < give_up {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("has ended at once ({status})"));
            }
            if TcpStream::connect(self.address).is_ok() {
                return self.process().settle();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("does not accept connections".to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; there is nothing else to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_line(command: &mut Command) -> String {
    let said = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).lines().next().unwrap_or("version unknown").to_owned()
}

/// A loopback port that nobody listens on just now.
fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).map_err(|error| format!("no port: {error}"))
}
