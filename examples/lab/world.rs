//! Clients and a broker in one process, on a simulated clock, with links that delay and fail.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mqtt_sansio::{
    Broker, BrokerConfig, BrokerEvent, BrokerOutput, Client, ClientConfig, ClientEvent,
    ClientOutput, ConnectRequest, ConnectionId, Filter, Instant, Message, Permissions, QoS,
    ReasonCode, Sender, Subscription,
};

use crate::exchange::{Connection, Exchange};
use crate::login::Login;
use crate::program::{Program, Received, Replies, outcome_words};

/// Everything of one experiment. What is exchanged is recorded.
pub(crate) struct World {
    pub(crate) exchange: Exchange,
    /// Who may do what; without it everybody may do everything.
    pub(crate) authorise: Option<Authorise>,
    now: Duration,
    broker: Broker,
    broker_wakes: Option<Duration>,
    server: Option<usize>,
    programs: Vec<Program>,
    links: Vec<Link>,
    under_way: BTreeMap<(Duration, u64), Arrival>,
    arrivals: u64,
}

/// What a client may do, or why it is refused.
type Authorise = fn(&ConnectRequest) -> Result<Permissions, ReasonCode>;

/// One of the programs that are clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who(usize);

/// A TCP connection, in the place of that connection of the exchange.
struct Link {
    who: Who,
    server_end: Option<ConnectionId>,
    client_open: bool,
    /// The network between the two has failed.
    cut: bool,
    latency: Duration,
}

/// Something that reaches one end of a connection.
struct Arrival {
    link: usize,
    record: Option<usize>,
    what: What,
}

enum What {
    Syn,
    SynAck,
    Bytes(Sender, Vec<u8>),
    Close(Sender),
}

/// One way, where nothing else is said.
pub(crate) const LATENCY: Duration = Duration::from_millis(20);

const PORT: u16 = 1883;
const FIRST_CLIENT_PORT: u16 = 49_152;

impl World {
    /// With a broker, at time 0.
    pub(crate) fn new() -> World {
        let mut config = BrokerConfig::default();
        config.sys_interval = None;
        World {
            exchange: Exchange::default(),
            authorise: None,
            now: Duration::ZERO,
            broker: Broker::new(Instant::default(), config),
            broker_wakes: None,
            server: None,
            programs: Vec::new(),
            links: Vec::new(),
            under_way: BTreeMap::new(),
            arrivals: 0,
        }
    }

    /// The broker's column stands after those of the parties so far.
    pub(crate) fn server(&mut self, name: &str) {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        self.server = Some(self.exchange.party(name, Sender::Server, address));
    }

    /// A program with a client in it, not connected.
    pub(crate) fn client(&mut self, name: &str) -> Who {
        self.program(name, Some(Client::new(ClientConfig::default())))
    }

    /// A program that sends bytes of its own.
    pub(crate) fn raw(&mut self, name: &str) -> Who {
        self.program(name, None)
    }

    fn program(&mut self, name: &str, client: Option<Client>) -> Who {
        let host = u8::try_from(self.programs.len() + 10).unwrap_or(u8::MAX);
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, host));
        let party = self.exchange.party(name, Sender::Client, address);
        self.programs.push(Program::new(party, client));
        Who(self.programs.len() - 1)
    }

    #[expect(clippy::indexing_slicing, reason = "a Who is made together with its program")]
    pub(crate) fn of(&self, who: Who) -> &Program {
        &self.programs[who.0]
    }

    #[expect(clippy::indexing_slicing, reason = "a Who is made together with its program")]
    pub(crate) fn of_mut(&mut self, who: Who) -> &mut Program {
        &mut self.programs[who.0]
    }

    /// What a program does with each message it receives.
    pub(crate) fn on_message(
        &mut self,
        who: Who,
        application: impl FnMut(&Message, &mut Replies) + 'static,
    ) {
        self.of_mut(who).application = Some(Box::new(application));
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// A remark in the record.
    pub(crate) fn note(&mut self, who: Option<Who>, text: &str) {
        let party = who.map(|who| self.of(who).party);
        self.exchange.note(self.now, party, text);
    }

    /// The program opens a connection, and its client sends CONNECT when it is open.
    pub(crate) fn connect(&mut self, who: Who, login: &Login) {
        if self.server.is_none() {
            self.server("broker");
        }
        let port = u16::try_from(self.links.len()).unwrap_or_default();
        let connection = self.exchange.connection(Connection {
            client: self.of(who).party,
            client_port: FIRST_CLIENT_PORT + port,
            server: self.server.unwrap_or_default(),
            server_port: PORT,
        });
        let latency = self.of(who).latency;
        let link = Link { who, server_end: None, client_open: false, cut: false, latency };
        self.links.push(link);
        let program = self.of_mut(who);
        program.login = Some(login.clone());
        program.link = Some(connection);
        program.connections.push(connection);
        let record = self.exchange.open(self.now, connection);
        self.send(connection, Some(record), What::Syn);
        self.settle();
    }

    pub(crate) fn subscribe(&mut self, who: Who, filter: &str, qos: QoS) {
        let now = self.instant();
        if let (Ok(filter), Some(client)) = (Filter::new(filter), &mut self.of_mut(who).client) {
            let result = client.subscribe(now, &[Subscription::new(filter.filter(), qos)]);
            debug_assert!(result.is_ok(), "{result:?}");
        }
        self.settle();
    }

    pub(crate) fn publish(&mut self, who: Who, message: Message) {
        let now = self.instant();
        if let Some(client) = &mut self.of_mut(who).client {
            let result = client.publish(now, message);
            debug_assert!(result.is_ok(), "{result:?}");
        }
        self.settle();
    }

    /// Bytes of a program without a client.
    pub(crate) fn send_raw(&mut self, who: Who, bytes: &[u8]) {
        if let Some(link) = self.of(who).link {
            self.transmit(link, Sender::Client, bytes);
        }
        self.settle();
    }

    /// The program ends its connection as it should: with DISCONNECT.
    pub(crate) fn disconnect(&mut self, who: Who) {
        let now = self.instant();
        if let Some(client) = &mut self.of_mut(who).client {
            client.disconnect(now);
        }
        self.settle();
    }

    /// The program ends, and its system closes the connection: there is no DISCONNECT.
    pub(crate) fn kill(&mut self, who: Who) {
        self.of_mut(who).end();
        if let Some(link) = self.of_mut(who).link.take() {
            self.close(link, Sender::Client);
        }
        self.settle();
    }

    /// The network between this program and the broker fails: neither hears of the other any more.
    pub(crate) fn cut(&mut self, who: Who) {
        let link = self.of(who).link;
        if let Some(link) = link.and_then(|link| self.links.get_mut(link)) {
            link.cut = true;
        }
    }

    /// The program's machine loses power: it says nothing any more.
    pub(crate) fn power_off(&mut self, who: Who) {
        self.cut(who);
        let program = self.of_mut(who);
        program.end();
        program.link = None;
    }

    /// The broker closes the connection.
    pub(crate) fn close_by_broker(&mut self, who: Who) {
        let now = self.instant();
        let link = self.of(who).link.and_then(|link| self.links.get(link));
        if let Some(connection) = link.and_then(|link| link.server_end) {
            self.broker.disconnect(now, connection);
        }
        self.settle();
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Lets time pass until then.
    pub(crate) fn run_until(&mut self, end: Duration) {
        self.settle();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.happen();
            self.settle();
        }
        self.now = self.now.max(end);
    }

    /// All that was exchanged. What is still on its way arrives, but nobody answers any more.
    pub(crate) fn into_exchange(mut self) -> Exchange {
        for ((at, _), arrival) in &self.under_way {
            let link = self.links.get(arrival.link).filter(|link| !link.cut);
            if let (Some(_), Some(record)) = (link, arrival.record) {
                self.exchange.received(*at, record);
            }
        }
        self.exchange
    }

    /// When something happens next.
    fn next(&self) -> Option<Duration> {
        let arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
        let wakes = self.programs.iter().filter_map(|program| program.wakes);
        wakes.chain(arrival).chain(self.broker_wakes).min()
    }

    /// What happens now: one arrival, else the timers.
    fn happen(&mut self) {
        let due = self.under_way.first_entry().filter(|first| first.key().0 <= self.now);
        if let Some(arrival) = due.map(|first| first.remove()) {
            return self.arrive(arrival);
        }
        let (now, instant) = (self.now, self.instant());
        if self.broker_wakes.is_some_and(|at| at <= now) {
            self.broker.handle_timeout(instant);
        }
        for program in &mut self.programs {
            if program.wakes.is_some_and(|at| at <= now) {
                if let Some(client) = &mut program.client {
                    client.handle_timeout(instant);
                }
            }
        }
    }

    fn instant(&self) -> Instant {
        Instant::from_epoch(self.now)
    }

    fn send(&mut self, link: usize, record: Option<usize>, what: What) {
        let Some(at) = self.links.get(link).filter(|l| !l.cut).map(|l| self.now + l.latency) else {
            return;
        };
        self.arrivals += 1;
        self.under_way.insert((at, self.arrivals), Arrival { link, record, what });
    }

    fn transmit(&mut self, link: usize, sender: Sender, bytes: &[u8]) {
        let record = self.exchange.bytes(self.now, link, sender, bytes);
        self.send(link, Some(record), What::Bytes(sender, bytes.to_vec()));
    }

    /// One end closes the connection; the other end follows when it hears of it.
    fn close(&mut self, link: usize, sender: Sender) {
        let Some(ends) = self.links.get_mut(link) else {
            return;
        };
        let (was_open, other_open) = match sender {
            Sender::Client => {
                (std::mem::take(&mut ends.client_open), ends.server_end.is_some() || ends.cut)
            }
            Sender::Server => (ends.server_end.take().is_some(), ends.client_open || ends.cut),
        };
        if was_open && other_open {
            let record = self.exchange.close(self.now, link, sender);
            self.send(link, Some(record), What::Close(sender));
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        let (now, instant) = (self.now, self.instant());
        let Some(link) = self.links.get_mut(arrival.link).filter(|link| !link.cut) else {
            return;
        };
        let who = link.who;
        let arrived = match arrival.what {
            What::Syn => {
                link.server_end = self.broker.open(instant).ok();
                self.send(arrival.link, None, What::SynAck);
                true
            }
            What::SynAck => {
                link.client_open = true;
                self.of_mut(who).opened(instant);
                true
            }
            What::Bytes(Sender::Client, bytes) => match link.server_end {
                Some(connection) => {
                    self.broker.handle_input(instant, connection, &bytes);
                    true
                }
                None => false,
            },
            What::Bytes(Sender::Server, bytes) if link.client_open => {
                self.of_mut(who).input(instant, &bytes);
                true
            }
            What::Bytes(Sender::Server, _) => false,
            What::Close(Sender::Client) => {
                if let Some(connection) = link.server_end.take() {
                    self.broker.handle_closed(instant, connection);
                }
                true
            }
            What::Close(Sender::Server) => {
                if std::mem::take(&mut link.client_open) {
                    self.of_mut(who).closed(instant);
                }
                true
            }
        };
        if let (true, Some(record)) = (arrived, arrival.record) {
            self.exchange.received(now, record);
        }
    }

    /// Does all that is to be done now.
    fn settle(&mut self) {
        let mut busy = true;
        while busy {
            busy = self.poll_broker();
            for index in 0..self.programs.len() {
                busy |= self.poll_program(Who(index));
            }
        }
    }

    /// Whether there was anything.
    fn poll_broker(&mut self) -> bool {
        let (now, mut busy) = (self.instant(), false);
        loop {
            match self.broker.poll_output() {
                BrokerOutput::Transmit(connection) => {
                    let mut segments = Vec::new();
                    self.broker.poll_transmit(now, connection, &mut segments, usize::MAX);
                    if let Some(link) = self.link_of(connection) {
                        self.transmit(link, Sender::Server, &segments.concat());
                    }
                }
                BrokerOutput::Event(BrokerEvent::Connect { connection, request }) => {
                    match self.authorise.map_or(Ok(Permissions::all()), |may| may(&request)) {
                        Ok(permissions) => self.broker.accept(now, connection, permissions),
                        Err(code) => self.broker.refuse(now, connection, code),
                    }
                }
                BrokerOutput::Event(_) => {}
                BrokerOutput::Close(connection) => {
                    if let Some(link) = self.link_of(connection) {
                        self.close(link, Sender::Server);
                    }
                    self.broker.handle_closed(now, connection);
                }
                BrokerOutput::Wait(until) => {
                    self.broker_wakes = until.map(Instant::since_epoch);
                    return busy;
                }
            }
            busy = true;
        }
    }

    fn link_of(&self, connection: ConnectionId) -> Option<usize> {
        self.links.iter().position(|link| link.server_end == Some(connection))
    }

    /// Whether there was anything.
    fn poll_program(&mut self, who: Who) -> bool {
        let (now, mut busy) = (self.instant(), false);
        loop {
            let link = self.of(who).link;
            let Some(client) = &mut self.of_mut(who).client else {
                return busy;
            };
            match client.poll_output() {
                ClientOutput::Transmit => {
                    let mut segments = Vec::new();
                    client.poll_transmit(now, &mut segments, usize::MAX);
                    if let Some(link) = link {
                        self.transmit(link, Sender::Client, &segments.concat());
                    }
                }
                ClientOutput::Event(ClientEvent::Message { message, dup, .. }) => {
                    self.deliver(who, message, dup);
                }
                ClientOutput::Event(event) => {
                    let at = self.now;
                    self.of_mut(who).outcomes.extend(outcome_words(&event).map(|word| (at, word)));
                }
                ClientOutput::Close => {
                    client.handle_closed(now);
                    if let Some(link) = self.of_mut(who).link.take() {
                        self.close(link, Sender::Client);
                    }
                }
                ClientOutput::Wait(until) => {
                    self.of_mut(who).wakes = until.map(Instant::since_epoch);
                    return busy;
                }
            }
            busy = true;
        }
    }

    /// A message reached the application.
    fn deliver(&mut self, who: Who, message: Message, dup: bool) {
        let at = self.now;
        let mut replies = Replies::default();
        if let Some(application) = &mut self.of_mut(who).application {
            application(&message, &mut replies);
        }
        self.of_mut(who).inbox.push(Received { at, message, dup });
        replies.notes.iter().for_each(|text| self.note(Some(who), text));
        let now = self.instant();
        for message in replies.messages {
            if let Some(client) = &mut self.of_mut(who).client {
                let result = client.publish(now, message);
                debug_assert!(result.is_ok(), "{result:?}");
            }
        }
    }
}
