//! What is done to a broker and what it says, kept so that it can be done again.

use std::fmt;
use std::sync::Arc;

use mqtt_sansio::{
    Broker, BrokerConfig, BrokerError, BrokerEvent, BrokerOutput, ConnectionId, Instant, Message,
    ReasonCode, TooManyConnections, TopicFilter,
};

use super::super::hex;
use super::config::PERMISSIONS;
use super::said::{ACCEPTING, AUTHENTICATING, DISCONNECTING, REFUSING};

pub(super) struct Call {
    pub(super) now: Instant,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    Open,
    Input(ConnectionId, Vec<u8>),
    Closed(ConnectionId),
    Timeout,
    /// With the rights of that number, and what is said.
    Accept(ConnectionId, usize, usize),
    Refuse(ConnectionId, ReasonCode, usize),
    Authenticate(ConnectionId, ReasonCode, usize),
    Disconnect(ConnectionId),
    DisconnectWith(ConnectionId, ReasonCode, usize),
    Shutdown,
    Publish(Message),
    Subscribe(&'static str),
    Unsubscribe(&'static str),
    EndSession(&'static str),
    SetPermissions(&'static str, usize),
    Pull(ConnectionId, usize),
}

/// What a call returns.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Nothing,
    Opened(Result<ConnectionId, TooManyConnections>),
    Done(Result<(), BrokerError>),
    /// Whether there was what was to be changed.
    Found(bool),
    Sent(Vec<u8>),
}

impl Call {
    /// Input goes in in pieces of so many bytes.
    pub(super) fn apply(&self, broker: &mut Broker, piece: usize) -> Answer {
        let now = self.now;
        match &self.action {
            Action::Open => return Answer::Opened(broker.open(now)),
            Action::Input(id, bytes) if bytes.is_empty() => broker.handle_input(now, *id, bytes),
            Action::Input(id, bytes) => {
                bytes.chunks(piece).for_each(|bytes| broker.handle_input(now, *id, bytes));
            }
            Action::Closed(id) => broker.handle_closed(now, *id),
            Action::Timeout => broker.handle_timeout(now),
            Action::Accept(id, rights, said) => {
                let (rights, said) = (Arc::clone(&PERMISSIONS[*rights]), ACCEPTING[*said]);
                return Answer::Done(broker.accept_with(now, *id, rights, said));
            }
            Action::Refuse(id, code, said) => {
                return Answer::Done(broker.refuse_with(now, *id, *code, REFUSING[*said]));
            }
            Action::Authenticate(id, code, said) => {
                return Answer::Done(broker.authenticate(now, *id, *code, AUTHENTICATING[*said]));
            }
            Action::Disconnect(id) => broker.disconnect(now, *id),
            Action::DisconnectWith(id, code, said) => {
                return Answer::Done(broker.disconnect_with(now, *id, *code, DISCONNECTING[*said]));
            }
            Action::Shutdown => broker.shutdown(now),
            Action::Publish(message) => {
                return Answer::Done(broker.publish(now, message.clone()));
            }
            Action::Subscribe(filter) => {
                return Answer::Done(broker.subscribe(now, TopicFilter::new(filter).unwrap()));
            }
            Action::Unsubscribe(filter) => {
                let filter = TopicFilter::new(filter).unwrap();
                return Answer::Found(broker.unsubscribe(now, filter));
            }
            Action::EndSession(client_id) => {
                return Answer::Found(broker.end_session(now, client_id));
            }
            Action::SetPermissions(client_id, rights) => {
                let rights = Arc::clone(&PERMISSIONS[*rights]);
                return Answer::Found(broker.set_permissions(now, client_id, rights));
            }
            Action::Pull(id, max) => {
                let mut segments = Vec::new();
                let size = broker.poll_transmit(now, *id, &mut segments, *max);
                assert!(segments.iter().all(|bytes| !bytes.is_empty()), "an empty segment");
                let sent = segments.concat();
                assert_eq!(sent.len(), size, "what a pull returns");
                return Answer::Sent(sent);
            }
        }
        Answer::Nothing
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.now.since_epoch())?;
        match &self.action {
            Action::Input(id, bytes) => write!(f, "Input({id}, {})", hex(bytes)),
            action => write!(f, "{action:?}"),
        }
    }
}

/// All of one run.
#[derive(Default)]
pub(super) struct Log {
    pub(super) calls: Vec<Call>,
    pub(super) answers: Vec<Answer>,
    pub(super) events: Vec<BrokerEvent>,
}

impl Log {
    /// Does the same to another broker with another seed. Its input comes in other pieces, and it is polled
    /// only now and then: neither must matter.
    pub(super) fn replay(&self, mut config: BrokerConfig, choice: u8) {
        config.router.seed = 1 << choice;
        let mut broker = Broker::new(Instant::default(), config);
        let piece = if choice & 1 != 0 { usize::from(choice) } else { usize::MAX };
        let mut events = Vec::new();
        for (index, (call, answer)) in self.calls.iter().zip(&self.answers).enumerate() {
            assert_eq!(&call.apply(&mut broker, piece), answer, "again, {index}: {call}\n{self}");
            if choice > 1 && index % usize::from(choice) == 0 {
                broker.check_invariants();
                poll(&mut broker, &mut events);
            }
        }
        poll(&mut broker, &mut events);
        assert_eq!(events, self.events, "again\n{self}");
    }
}

fn poll(broker: &mut Broker, events: &mut Vec<BrokerEvent>) {
    for _ in 0..100_000 {
        match broker.poll_output() {
            BrokerOutput::Event(event) => events.push(event),
            BrokerOutput::Wait(_) => return,
            _ => {}
        }
    }
    panic!("the broker always has something more to do");
}

/// One line for each call.
impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.calls.iter().enumerate().try_for_each(|(index, call)| writeln!(f, "{index}: {call}"))
    }
}
