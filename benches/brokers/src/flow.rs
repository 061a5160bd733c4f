//! Messages from publishers to subscribers, with a bounded number under way, all counted.

use bytes::{BufMut, Bytes, BytesMut};
use mqtt_sansio::{ClientEvent, Message, QoS};
use std::ops::Range;

use crate::load::{Happened, Load};

/// Who publishes what, and who is to get it.
pub struct Flow {
    /// A filter of each subscriber, counted from 0.
    pub filters: Vec<(usize, String)>,
    pub topics: Vec<Topic>,
    pub publishers: usize,
    pub subscribers: usize,
    pub payload: usize,
    /// How many messages of a publisher may be under way: published, and not received by all.
    pub window: usize,
    /// After how many messages of each publisher all waits until the broker is idle: mosquitto takes one
    /// packet per client and turn, so that acknowledgements of few subscribers fall ever more behind.
    pub burst: usize,
}

/// A topic, and the subscribers that get what is published under it.
pub struct Topic {
    pub name: String,
    pub receivers: Vec<usize>,
    /// The publisher that uses it; `None`: all do.
    pub publisher: Option<usize>,
}

/// A flow whose clients are connected and subscribed.
pub struct Established {
    senders: Vec<Sender>,
    receivers: Range<usize>,
    /// For each subscriber how many messages it has yet to get.
    missing: Vec<u64>,
    subscribed: Vec<Vec<usize>>,
    burst: usize,
    qos: QoS,
    payload: usize,
}

struct Sender {
    client: usize,
    /// Each with the number of its topic, in a cycle.
    messages: Vec<(usize, Message)>,
    next: usize,
    left: usize,
    /// Deliveries under way, and how many may be.
    under_way: usize,
    window: usize,
}

impl Flow {
    /// Connects all clients and subscribes. The flow's window is multiplied.
    pub fn establish(&self, load: &mut Load, qos: QoS, window: f64) -> Result<Established, String> {
        let receivers = load.add(self.subscribers);
        load.open_all(receivers.clone(), true)?;
        let filters: Vec<_> = self
            .filters
            .iter()
            .map(|(subscriber, filter)| (receivers.start + subscriber, filter.clone()))
            .collect();
        load.subscribe(&filters, qos)?;
        let clients = load.add(self.publishers);
        load.open_all(clients.clone(), true)?;
        let senders =
            clients.enumerate().map(|(index, client)| self.sender(index, client, qos, window));
        Ok(Established {
            senders: senders.collect::<Result<_, _>>()?,
            missing: vec![0; self.subscribers],
            subscribed: self.topics.iter().map(|topic| topic.receivers.clone()).collect(),
            receivers,
            burst: self.burst,
            qos,
            payload: self.payload,
        })
    }

    fn sender(&self, index: usize, client: usize, qos: QoS, window: f64) -> Result<Sender, String> {
        let payload = payload(index, self.payload);
        let mut messages = Vec::new();
        let mut deliveries = 0;
        for (number, topic) in self.topics.iter().enumerate() {
            if topic.publisher.is_none_or(|publisher| publisher == index) {
                let message = Message::new(&topic.name, payload.clone());
                let mut message = message.map_err(|error| error.to_string())?;
                message.qos = qos;
                messages.push((number, message));
                deliveries += topic.receivers.len();
            }
        }
        let window = scaled(self.window, window);
        let window = (window * deliveries).div_ceil(messages.len());
        // Not all at the same topic at once.
        let next = index * messages.len() / self.publishers;
        Ok(Sender { client, messages, next, left: 0, under_way: 0, window })
    }
}

impl Established {
    /// Publishes so many messages from each publisher, and returns how many deliveries there were: all have
    /// come, each once, and all acknowledgements are exchanged.
    pub fn run(&mut self, load: &mut Load, messages: usize) -> Result<u64, String> {
        let mut total = 0;
        let mut left = messages;
        while left > 0 {
            let burst = left.min(self.burst);
            total += self.run_burst(load, burst)?;
            left -= burst;
        }
        Ok(total)
    }

    fn run_burst(&mut self, load: &mut Load, messages: usize) -> Result<u64, String> {
        let mut total = 0;
        for sender in &mut self.senders {
            sender.left = messages;
            for number in 0..messages {
                let (topic, _) = &sender.messages[(sender.next + number) % sender.messages.len()];
                total += self.subscribed[*topic].len() as u64;
                for subscriber in &self.subscribed[*topic] {
                    self.missing[*subscriber] += 1;
                }
            }
        }
        let mut missing = total;
        while missing > 0 {
            for sender in &mut self.senders {
                sender.fill(load, &self.subscribed)?;
            }
            let happened = load
                .turn()
                .map_err(|error| format!("{error}: {missing} of {total} messages are missing"))?;
            missing -= self.received(&happened)?;
        }
        let more = load.finish()?;
        self.received(&more)?;
        Ok(total)
    }

    /// Counts messages; one too many is an error.
    fn received(&mut self, happened: &[Happened]) -> Result<u64, String> {
        let mut count = 0;
        for (client, event) in happened {
            match event {
                ClientEvent::Message { message, .. } => {
                    if message.qos != self.qos || message.payload.len() != self.payload {
                        return Err(format!(
                            "client {client}: {} bytes at {:?}",
                            message.payload.len(),
                            message.qos
                        ));
                    }
                    let missing = &mut self.missing[client - self.receivers.start];
                    let sender =
                        source(&message.payload).and_then(|from| self.senders.get_mut(from));
                    let sender = sender.ok_or("a payload that nobody has sent")?;
                    *missing = missing.checked_sub(1).ok_or("a message came twice")?;
                    sender.under_way =
                        sender.under_way.checked_sub(1).ok_or("a message came twice")?;
                    count += 1;
                }
                ClientEvent::Published { .. } => {}
                other => return Err(format!("client {client}: {other:?}")),
            }
        }
        Ok(count)
    }
}

impl Sender {
    /// Publishes as much as the window allows.
    fn fill(&mut self, load: &mut Load, subscribed: &[Vec<usize>]) -> Result<(), String> {
        while self.left > 0 && self.under_way < self.window {
            let (topic, message) = &self.messages[self.next];
            load.publish(self.client, message.clone())?;
            self.under_way += subscribed[*topic].len();
            self.next = (self.next + 1) % self.messages.len();
            self.left -= 1;
        }
        Ok(())
    }
}

/// At least 1.
pub fn scaled(count: usize, scale: f64) -> usize {
    ((count as f64 * scale) as usize).max(1)
}

/// Begins with the publisher's number.
pub fn payload(publisher: usize, len: usize) -> Bytes {
    let mut payload = BytesMut::with_capacity(len);
    payload.put_u32(publisher.try_into().expect("not so many publishers"));
    payload.resize(len, b'x');
    payload.freeze()
}

fn source(payload: &[u8]) -> Option<usize> {
    let number = payload.first_chunk().copied().map(u32::from_be_bytes)?;
    number.try_into().ok()
}
