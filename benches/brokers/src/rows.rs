//! What is measured, each against a broker that has just started.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use mqtt_sansio::{ClientEvent, Message, PublishOutcome, QoS};

use crate::brokers::Running;
use crate::cpu::Process;
use crate::flow::{self, Flow, scaled};
use crate::load::Load;
use crate::shapes::{self, SMALL};

/// How many clients connect at once where connects are measured.
const CONNECTING: usize = 20;
/// How many clients publish for sessions that are offline.
const PUBLISHING: usize = 10;

/// A row of the table.
pub struct Row {
    pub title: &'static str,
    pub qos: Option<QoS>,
    kind: Kind,
}

enum Kind {
    /// So many messages of each publisher, after so many that are not counted.
    Flow { flow: &'static LazyLock<Flow>, messages: usize, warm_up: usize },
    /// CONNECT, CONNACK, DISCONNECT.
    Connects(usize),
    /// Memory, not time.
    Idle(usize),
    /// So many sessions with so many messages each.
    Drain { sessions: usize, messages: usize },
}

/// What the rows' numbers are multiplied by.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub messages: f64,
    pub window: f64,
}

/// What one run has given.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// CPU time in µs, or memory in KiB, of each.
    pub each: f64,
    count: u64,
    broker: Duration,
    load: Duration,
    elapsed: Duration,
}

impl Row {
    pub fn all() -> Vec<Row> {
        let flows = [
            ("10 pairs", &shapes::POINT_TO_POINT, 20_000, 1000),
            ("fan-out 1 to 200", &shapes::FAN_OUT, 2000, 100),
            ("fan-in 100 to 1", &shapes::FAN_IN, 1500, 100),
            ("10,000 wildcards, 500 clients", &shapes::WILDCARDS, 2000, 100),
        ];
        let mut rows = Vec::new();
        for (title, flow, messages, warm_up) in flows {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let messages = if qos == QoS::ExactlyOnce { messages / 2 } else { messages };
                rows.push(Row {
                    title,
                    qos: Some(qos),
                    kind: Kind::Flow { flow, messages, warm_up },
                });
            }
        }
        let qos = Some(QoS::AtLeastOnce);
        let kind = Kind::Flow { flow: &shapes::LARGE_PAYLOADS, messages: 500, warm_up: 20 };
        rows.push(Row { title: "1 MiB payloads", qos, kind });
        rows.push(Row { title: "connects", qos: None, kind: Kind::Connects(4000) });
        rows.push(Row { title: "5,000 idle connections", qos: None, kind: Kind::Idle(5000) });
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let kind = Kind::Drain { sessions: 100, messages: 1000 };
            rows.push(Row { title: "drain of 100 sessions", qos: Some(qos), kind });
        }
        rows
    }

    /// Of what one number is told.
    pub fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Flow { flow, .. } if flow.payload > SMALL => "µs/MiB",
            Kind::Flow { .. } | Kind::Drain { .. } => "µs/message",
            Kind::Connects(_) => "µs/connect",
            Kind::Idle(_) => "KiB/connection",
        }
    }

    /// How many messages of one publisher are under way at most.
    pub fn window(&self, scale: Scale) -> Option<usize> {
        match self.kind {
            Kind::Flow { flow, .. } => Some(scaled(flow.window, scale.window)),
            _ => None,
        }
    }

    pub fn measure(&self, broker: &Running, scale: Scale) -> Result<Measure, String> {
        let qos = self.qos.unwrap_or(QoS::AtMostOnce);
        let mut load = Load::new(broker)?;
        let process = broker.process();
        match self.kind {
            Kind::Flow { flow, messages, warm_up } => {
                let mut flow = flow.establish(&mut load, qos, scale.window)?;
                flow.run(&mut load, warm_up)?;
                let messages = scaled(messages, scale.messages);
                timed(process, || flow.run(&mut load, messages))
            }
            Kind::Connects(count) => {
                let clients = load.add(CONNECTING);
                load.open_all(clients.clone(), true)?;
                load.close_all(clients)?;
                timed(process, || connects(&mut load, scaled(count, scale.messages)))
            }
            Kind::Idle(count) => idle(&mut load, process, count),
            Kind::Drain { sessions, messages } => {
                fill(&mut load, sessions, messages, qos)?;
                timed(process, || drain(&mut load, sessions, messages, qos))
            }
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.qos {
            Some(qos) => write!(f, "{}, QoS {}", self.title, qos as u8),
            None => f.write_str(self.title),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let busy = |cpu: Duration| 100.0 * cpu.as_secs_f64() / self.elapsed.as_secs_f64();
        let Measure { each, count, elapsed, .. } = self;
        let (broker, load) = (busy(self.broker), busy(self.load));
        write!(f, "{each:.2}, {count} in {elapsed:.2?}, broker {broker:.0} %, load {load:.0} %")
    }
}

/// What the broker uses for it, and for what it leaves behind.
fn timed(process: Process, run: impl FnOnce() -> Result<u64, String>) -> Result<Measure, String> {
    process.settle()?;
    let (broker, load, start) = (process.cpu()?, Process::this().cpu()?, Instant::now());
    let count = run()?;
    let (elapsed, load) = (start.elapsed(), Process::this().cpu()? - load);
    process.settle()?;
    let broker = process.cpu()? - broker;
    Ok(Measure { each: broker.as_secs_f64() * 1e6 / count as f64, count, broker, load, elapsed })
}

/// Each client connects anew when it has disconnected.
fn connects(load: &mut Load, count: usize) -> Result<u64, String> {
    let mut begun = CONNECTING.min(count);
    let mut ended = 0;
    for client in 0..begun {
        load.open(client, true)?;
    }
    while ended < count {
        for (client, event) in load.turn()? {
            match event {
                ClientEvent::Connected { .. } => load.disconnect(client),
                ClientEvent::Disconnected {
                    reason: mqtt_sansio::DisconnectReason::Requested,
                    ..
                } => {
                    ended += 1;
                    if begun < count {
                        begun += 1;
                        load.open(client, true)?;
                    }
                }
                other => return Err(format!("client {client}: {other:?}")),
            }
        }
    }
    Ok(count as u64)
}

fn idle(load: &mut Load, process: Process, count: usize) -> Result<Measure, String> {
    let (before, start, cpu) = (process.memory()?, Instant::now(), process.cpu()?);
    let clients = load.add(count);
    load.open_all(clients, true)?;
    process.settle()?;
    let growth = process.memory()?.saturating_sub(before);
    Ok(Measure {
        each: growth as f64 / count as f64,
        count: count as u64,
        broker: process.cpu()? - cpu,
        load: Duration::ZERO,
        elapsed: start.elapsed(),
    })
}

/// Lets sessions be without a connection, and publishes for each of them under a topic of its own.
fn fill(load: &mut Load, sessions: usize, messages: usize, qos: QoS) -> Result<(), String> {
    let clients = load.add(sessions);
    load.open_all(clients.clone(), false)?;
    let filters: Vec<_> = clients.clone().map(|client| (client, topic(client))).collect();
    load.subscribe(&filters, qos)?;
    load.close_all(clients.clone())?;
    let publishers = load.add(PUBLISHING);
    load.open_all(publishers.clone(), true)?;
    let payload = flow::payload(0, SMALL);
    for number in 0..messages {
        for client in clients.clone() {
            let message = Message::new(&topic(client), payload.clone());
            let mut message = message.map_err(|error| error.to_string())?;
            message.qos = qos;
            load.publish(publishers.start + (number + client) % PUBLISHING, message)?;
        }
    }
    let mut left = sessions * messages;
    while left > 0 {
        for (client, event) in load.turn()? {
            match event {
                ClientEvent::Published { outcome: PublishOutcome::Acknowledged, .. } => left -= 1,
                other => return Err(format!("client {client}: {other:?}")),
            }
        }
    }
    Ok(())
}

/// Connects the sessions again, and receives what waits for them.
fn drain(load: &mut Load, sessions: usize, messages: usize, qos: QoS) -> Result<u64, String> {
    let mut missing = vec![messages; sessions];
    let total = sessions * messages;
    let mut left = total;
    for client in 0..sessions {
        load.open(client, false)?;
    }
    let mut over = false;
    while !over {
        over = left == 0;
        let happened = if over { load.finish() } else { load.turn() };
        let happened =
            happened.map_err(|error| format!("{error}: {left} of {total} are missing"))?;
        for (client, event) in happened {
            match event {
                ClientEvent::Connected { session_present: true, .. } => {}
                ClientEvent::Message { message, .. } if message.qos == qos => {
                    let missing = &mut missing[client];
                    *missing = missing.checked_sub(1).ok_or("a message came twice")?;
                    left -= 1;
                }
                other => return Err(format!("client {client}: {other:?}")),
            }
        }
    }
    Ok(total as u64)
}

fn topic(client: usize) -> String {
    format!("mail/{client}")
}
