//! A `Client` on a blocking socket, which a test can stop at any packet.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time;

use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, ClientOutput, Connect, Handle, Instant, Message,
    MessageProperties, PacketType, PublishOutcome, QoS, RequestOutcome, Subscription, TopicFilter,
};

use super::mosquitto_programs::Target;
use super::mosquitto_server::PATIENCE;

pub(crate) struct Peer {
    pub(crate) client: Client,
    stream: Option<TcpStream>,
    epoch: time::Instant,
    events: VecDeque<ClientEvent>,
}

impl Peer {
    pub(crate) fn new() -> Peer {
        Peer {
            client: Client::new(ClientConfig::default()),
            stream: None,
            epoch: time::Instant::now(),
            events: VecDeque::new(),
        }
    }

    /// Connects; whether there was a session.
    pub(crate) fn connect(&mut self, server: &impl Target, connect: &Connect<'_>) -> bool {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(time::Duration::from_millis(100))).unwrap();
        stream.set_nodelay(true).unwrap();
        self.stream = Some(stream);
        self.client.connect(self.now(), connect).unwrap();
        self.wait_for(|event| match event {
            ClientEvent::Connected { session_present, .. } => Ok(session_present),
            other => Err(Box::new(other)),
        })
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) {
        let subscription = Subscription::new(TopicFilter::new(filter).unwrap(), qos);
        let subscribed = self.client.subscribe(self.now(), &[subscription]).unwrap();
        let codes = self.wait_for(|event| match event {
            ClientEvent::Subscribed {
                handle, outcome: RequestOutcome::Answered(codes), ..
            } if handle == subscribed => Ok(codes),
            other => Err(Box::new(other)),
        });
        let granted: Vec<_> = codes.iter().map(|code| code.granted_qos()).collect();
        assert_eq!(granted, [Some(qos)], "granted for {filter}");
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], qos: QoS) -> Handle {
        self.publish_with(topic, payload, qos, MessageProperties::EMPTY)
    }

    pub(crate) fn publish_with(
        &mut self,
        topic: &str,
        payload: &[u8],
        qos: QoS,
        properties: MessageProperties,
    ) -> Handle {
        let mut message = Message::new(topic, payload.to_vec()).unwrap();
        message.qos = qos;
        message.properties = properties;
        self.client.publish(self.now(), message).unwrap()
    }

    /// How a message ended.
    pub(crate) fn outcome(&mut self, published: Handle) -> PublishOutcome {
        self.wait_for(|event| match event {
            ClientEvent::Published { handle, outcome, .. } if handle == published => Ok(outcome),
            other => Err(Box::new(other)),
        })
    }

    /// The next message, and whether it may have come before.
    pub(crate) fn message(&mut self) -> (Message, bool) {
        self.wait_for(|event| match event {
            ClientEvent::Message { message, dup, .. } => Ok((message, dup)),
            other => Err(Box::new(other)),
        })
    }

    /// The payloads up to that one.
    pub(crate) fn payloads_until(&mut self, last: &str) -> Vec<String> {
        let mut payloads = Vec::new();
        while payloads.last().is_none_or(|payload| payload != last) {
            let payload = self.message().0.payload;
            payloads.push(String::from_utf8(payload.to_vec()).unwrap());
        }
        payloads
    }

    pub(crate) fn disconnect(&mut self) {
        self.client.disconnect(self.now());
        self.wait_for(|event| match event {
            ClientEvent::Disconnected { .. } => Ok(()),
            other => Err(Box::new(other)),
        });
        self.lose();
    }

    /// Ends the connection without a DISCONNECT.
    pub(crate) fn lose(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.client.handle_closed(self.now());
        self.drain();
        self.events.retain(|event| !matches!(event, ClientEvent::Disconnected { .. }));
    }

    /// Sends what there is to send, and nothing after it: reads until a packet of this type has come.
    pub(crate) fn stop_at(&mut self, packet: PacketType) {
        self.drain();
        let before = self.client.statistics().received.of(packet).packets;
        let deadline = time::Instant::now() + PATIENCE;
        while self.client.statistics().received.of(packet).packets == before {
            assert!(time::Instant::now() < deadline, "no {packet} comes");
            self.read();
        }
    }

    /// Sends what there is to send.
    pub(crate) fn flush(&mut self) {
        self.drain();
    }

    /// Goes on until an event comes that is looked for; others are kept for later.
    fn wait_for<T>(&mut self, found: impl Fn(ClientEvent) -> Result<T, Box<ClientEvent>>) -> T {
        let deadline = time::Instant::now() + PATIENCE;
        let mut others = VecDeque::new();
        loop {
            self.drain();
            while let Some(event) = self.events.pop_front() {
                match found(event) {
                    Ok(result) => {
                        others.append(&mut self.events);
                        self.events = others;
                        return result;
                    }
                    Err(other) => others.push_back(*other),
                }
            }
            assert!(time::Instant::now() < deadline, "it does not come; what came: {others:?}");
            self.read();
        }
    }

    fn drain(&mut self) {
        loop {
            let now = self.now();
            match self.client.poll_output() {
                ClientOutput::Transmit => {
                    let mut segments = Vec::new();
                    self.client.poll_transmit(now, &mut segments, usize::MAX);
                    for segment in segments {
                        // A server that is gone is found by reading.
                        let _ = self.stream.as_mut().unwrap().write_all(&segment);
                    }
                }
                ClientOutput::Event(event) => self.events.push_back(event),
                ClientOutput::Close => {}
                ClientOutput::Wait(_) => return,
            }
        }
    }

    fn read(&mut self) {
        let mut buffer = vec![0; 64 * 1024];
        match self.stream.as_mut().map(|stream| stream.read(&mut buffer)) {
            Some(Ok(len)) if len > 0 => {
                let now = self.now();
                self.client.handle_input(now, buffer.get(..len).unwrap());
            }
            Some(Err(error))
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                self.client.handle_timeout(self.now());
            }
            other => panic!("the connection is lost: {other:?}; {:?}", self.events),
        }
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }
}
