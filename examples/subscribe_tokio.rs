//! A `Client` in an async event loop: prints what comes under some topics, and connects again when the
//! connection is lost.

use std::collections::VecDeque;
use std::error::Error;
use std::future::pending;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use clap::Parser;
use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, ClientOutput, Connect, DisconnectReason, Instant, QoS,
    RequestOutcome, Subscription, TopicFilter, Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::WriteHalf;
use tokio::signal::ctrl_c;
use tokio::time;

/// How much is pulled from the client at once.
const BATCH: usize = 64 * 1024;

/// Prints the messages under topics of an MQTT server, until ctrl-c.
#[derive(Parser)]
#[command(name = "subscribe_tokio", disable_help_flag = true)]
struct Arguments {
    /// The server's name or address.
    #[arg(short = 'h', long, default_value = "localhost")]
    host: String,

    /// The server's TCP port.
    #[arg(short, long, default_value_t = 1883)]
    port: u16,

    /// Client identifier: with one the server keeps the session between two connections.
    #[arg(short, long, default_value = "")]
    id: String,

    /// Topic filter; may be repeated.
    #[arg(short, long, required = true)]
    topic: Vec<String>,

    /// Quality of Service: 0, 1 or 2.
    #[arg(short, long, default_value_t = 0)]
    qos: u8,

    /// Show this help.
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let qos = QoS::try_from(arguments.qos)?;
    let filters = arguments.topic.iter().map(|filter| TopicFilter::new(filter));
    let subscriptions = filters
        .map(|filter| filter.map(|filter| Subscription::new(filter, qos)))
        .collect::<Result<Vec<_>, _>>()?;
    let connect = Connect {
        clean_start: arguments.id.is_empty(),
        keep_alive: 60,
        ..Connect::new(Version::V3_1_1, &arguments.id)
    };
    let mut subscriber = Subscriber {
        client: Client::new(ClientConfig::default()),
        subscriptions,
        epoch: time::Instant::now(),
        may_pull: false,
        unsent: VecDeque::new(),
        reason: DisconnectReason::TransportClosed,
        stopping: false,
    };
    // One for all connections, so that it is not missed between two of them.
    let mut interruption = pin!(ctrl_c());
    loop {
        let stream = tokio::select! {
            stream = TcpStream::connect((arguments.host.as_str(), arguments.port)) => stream,
            result = interruption.as_mut() => return Ok(result?),
        };
        match stream {
            Err(error) => eprintln!("not connected: {error}"),
            Ok(stream) => {
                subscriber.converse(stream, &connect, interruption.as_mut()).await?;
                match subscriber.reason {
                    _ if subscriber.stopping => return Ok(()),
                    DisconnectReason::Refused(code) => return Err(code.to_string().into()),
                    reason => eprintln!("connection ended: {reason}"),
                }
            }
        }
        tokio::select! {
            () = time::sleep(Duration::from_secs(1)) => {}
            result = interruption.as_mut() => return Ok(result?),
        }
    }
}

struct Subscriber<'a> {
    client: Client,
    subscriptions: Vec<Subscription<'a>>,
    epoch: time::Instant,
    /// The client has something to send.
    may_pull: bool,
    /// Pulled from the client, and not yet taken by the socket.
    unsent: VecDeque<Bytes>,
    /// How the last connection ended.
    reason: DisconnectReason,
    /// The user has asked for the end.
    stopping: bool,
}

impl Subscriber<'_> {
    /// One connection, from CONNECT to its end.
    async fn converse(
        &mut self,
        mut stream: TcpStream,
        connect: &Connect<'_>,
        mut interruption: Pin<&mut impl Future<Output = io::Result<()>>>,
    ) -> Result<(), Box<dyn Error>> {
        let (mut reader, mut writer) = stream.split();
        let mut received = BytesMut::with_capacity(BATCH);
        self.client.connect(self.now(), connect)?;
        while let ControlFlow::Continue(deadline) = self.drain()? {
            tokio::select! {
                result = reader.read_buf(&mut received) => match result {
                    Ok(len) if len > 0 => {
                        self.client.handle_input(self.now(), &received);
                        received.clear();
                    }
                    _ => break,
                },
                result = write_some(&mut writer, &mut self.unsent) => {
                    if result.is_err() {
                        break;
                    }
                }
                () = at(self.epoch, deadline) => self.client.handle_timeout(self.now()),
                result = interruption.as_mut(), if !self.stopping => {
                    result?;
                    self.stopping = true;
                    self.client.disconnect(self.now());
                }
            }
        }
        // DISCONNECT may be among it; a server that takes nothing does not get it.
        let rest = async {
            while !self.unsent.is_empty() && write_some(&mut writer, &mut self.unsent).await.is_ok()
            {
            }
            writer.shutdown().await
        };
        let _ = time::timeout(Duration::from_secs(5), rest).await;
        self.unsent.clear();
        self.client.handle_closed(self.now());
        self.drain().map(|_| ())
    }

    /// Does what the client wants done: until when it wants to be called again, or that the connection
    /// is over.
    fn drain(&mut self) -> Result<ControlFlow<(), Option<Instant>>, Box<dyn Error>> {
        loop {
            match self.client.poll_output() {
                ClientOutput::Transmit => self.may_pull = true,
                ClientOutput::Event(event) => self.handle(event)?,
                ClientOutput::Close => return Ok(ControlFlow::Break(())),
                // What the socket does not take stays with the client, where it can be counted.
                ClientOutput::Wait(_) if self.may_pull && self.unsent.is_empty() => {
                    let mut segments = Vec::new();
                    self.may_pull = false;
                    self.client.poll_transmit(self.now(), &mut segments, BATCH);
                    self.unsent.extend(segments);
                }
                ClientOutput::Wait(deadline) => return Ok(ControlFlow::Continue(deadline)),
            }
        }
    }

    fn handle(&mut self, event: ClientEvent) -> Result<(), Box<dyn Error>> {
        match event {
            ClientEvent::Connected { session_present, .. } => {
                eprintln!("connected, session present: {session_present}");
                self.client.subscribe(self.now(), &self.subscriptions)?;
            }
            ClientEvent::Subscribed { outcome: RequestOutcome::Answered(codes), .. } => {
                for (subscription, code) in self.subscriptions.iter().zip(codes) {
                    eprintln!("subscribed to {}: {code}", subscription.filter);
                }
            }
            ClientEvent::Message { message, .. } => {
                let mut out = io::stdout().lock();
                write!(out, "{} ", message.topic)?;
                out.write_all(&message.payload)?;
                writeln!(out)?;
            }
            ClientEvent::Disconnected { reason, .. } => self.reason = reason,
            _ => {}
        }
        Ok(())
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }
}

/// Gives the socket what it takes; where there is nothing to give, this never ends.
async fn write_some(writer: &mut WriteHalf<'_>, unsent: &mut VecDeque<Bytes>) -> io::Result<()> {
    let Some(segment) = unsent.front_mut() else {
        return pending().await;
    };
    writer.write_buf(segment).await?;
    unsent.retain(|segment| !segment.is_empty());
    Ok(())
}

async fn at(epoch: time::Instant, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => time::sleep_until(epoch + deadline.since_epoch()).await,
        None => pending().await,
    }
}
