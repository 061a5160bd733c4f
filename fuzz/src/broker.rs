//! A broker between clients, a program and a clock that all do as the input says.

mod call;
mod config;
mod due;
mod ending;
mod handshake;
mod link;
mod packets;
mod peer;
mod published;
mod publishing;
mod said;
mod sent;
mod session;
mod taken;
mod world;

use std::time::Duration;

use mqtt_sansio::{
    Ack, Broker, BrokerOutput, ConnectionId, Instant, Message, MessageProperties, Packet,
    PacketType, QoS, ReasonCode,
};

use super::source::Source;
use call::{Action, Answer, Call, Log};
use peer::{Peer, Phase};
use said::{ACCEPTING, AUTHENTICATING, DISCONNECTING, REFUSING};
use world::{Outcome, World};

/// Ends a check that does not hold with words for it.
macro_rules! ensure {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}
use ensure;

/// What is checked: the broker's own invariants, that whatever it says and sends is what may come now, and
/// that the same again is the same, whatever the seed.
pub fn broker(data: &[u8]) {
    let mut source = Source::new(data);
    let again = source.byte();
    let mut run = Run::new(source);
    run.first();
    while !run.source.is_empty() {
        run.step();
        run.broker.check_invariants();
    }
    run.end();
    run.broker.check_invariants();
    if again & 7 == 7 {
        run.log.replay(run.world.config, again >> 3);
    }
}

struct Run<'a> {
    source: Source<'a>,
    broker: Broker,
    world: World,
    log: Log,
    /// Since the epoch, as the driver's clock has it.
    clock: Duration,
}

impl<'a> Run<'a> {
    fn new(mut source: Source<'a>) -> Run<'a> {
        let config = config::draw(&mut source);
        let broker = Broker::new(Instant::default(), config.clone());
        let (world, log) = (World::new(config), Log::default());
        Run { source, broker, world, log, clock: Duration::ZERO }
    }

    /// Does one thing, and looks at all it leads to.
    fn call(&mut self, action: Action) {
        let call = Call { now: Instant::from_epoch(self.clock), action };
        let before = self.broker.statistics().packets.received.total().packets;
        let answer = call.apply(&mut self.broker, usize::MAX);
        let packets = self.broker.statistics().packets.received.total().packets - before;
        let outcome = self.poll(answer, packets);
        let seen = self.world.saw(&call, &outcome).and_then(|()| self.world.check(&self.broker));
        self.log.calls.push(call);
        if let Err(why) = seen {
            panic!("{why}\n{}", self.log);
        }
        self.log.answers.push(outcome.answer);
        self.log.events.extend(outcome.events);
    }

    fn poll(&mut self, answer: Answer, packets: u64) -> Outcome {
        let (events, transmit, close) = (Vec::new(), Vec::new(), Vec::new());
        let mut outcome = Outcome { answer, events, transmit, close, wait: None, packets };
        for _ in 0..10_000 {
            match self.broker.poll_output() {
                BrokerOutput::Event(event) => outcome.events.push(event),
                BrokerOutput::Transmit(id) => outcome.transmit.push(id),
                BrokerOutput::Close(id) => outcome.close.push(id),
                BrokerOutput::Wait(at) => {
                    outcome.wait = at;
                    return outcome;
                }
            }
        }
        panic!("the broker always has something more to do\n{}", self.log);
    }

    /// A client that is accepted.
    fn first(&mut self) {
        self.call(Action::Open);
        let connect = packets::first_connect(&mut self.source);
        self.send(0, connect);
        let rights = self.source.pick(&[0, 0, 0, 0, 1, 2, 3]);
        self.call(Action::Accept(self.id(0), rights, 0));
        let accepted = matches!(self.world.peers[0].phase, Phase::Connected(_));
        assert!(accepted, "the first client was not accepted\n{}", self.log);
    }

    fn step(&mut self) {
        match self.source.byte() % 48 {
            0 => self.call(Action::Open),
            1..=3 => self.hello(),
            4 => self.client_sends(|source, _| packets::connect(source)),
            5 => self.client_sends(|source, _| source.bytes().to_vec()),
            6..=10 => self.client_sends(packets::publish),
            11..=13 => self.client_sends(packets::subscribe),
            14 => self.client_sends(packets::unsubscribe),
            15..=16 => self.client_sends(packets::other),
            17..=20 => self.acknowledge(),
            21 => self.chunk(),
            22 => self.client_sends(|_, _| Vec::new()),
            23 => self.on_peer(|run, peer| run.accept(peer)),
            24 => self.on_peer(|run, peer| run.refuse(peer)),
            25 => self.on_peer(|run, peer| run.call(Action::Disconnect(run.id(peer)))),
            26 => self.on_peer(|run, peer| run.call(Action::Closed(run.id(peer)))),
            27 if self.source.seldom() => self.call(Action::Shutdown),
            27..=30 => self.pull_all(),
            31..=32 => self.on_peer(|run, peer| {
                let max = run.source.pick(&[usize::MAX, 0, 1, 4, 8, 20]);
                run.call(Action::Pull(run.id(peer), max));
            }),
            33..=34 => self.pass(),
            35 => self.timeout(),
            36..=37 => self.publish(),
            38 => self.command(),
            39 => self.close_all(),
            40..=41 => self.on_peer(|run, peer| run.authenticate(peer)),
            42 => self.client_sends(|source, _| packets::auth(source)),
            43 => self.on_peer(|run, peer| {
                let code = run.source.pick(ReasonCode::ALL);
                let said = usize::from(run.source.byte()) % DISCONNECTING.len();
                run.call(Action::DisconnectWith(run.id(peer), code, said));
            }),
            44 => self.seconds(),
            _ => self.hello(),
        }
    }

    fn id(&self, peer: usize) -> ConnectionId {
        self.world.peers[peer].id
    }

    /// One of the last connections, also one that is gone.
    fn on_peer(&mut self, act: impl FnOnce(&mut Run<'a>, usize)) {
        let peers = self.world.peers.len();
        let back = usize::from(self.source.byte()) % peers.min(8);
        act(self, peers - 1 - back);
    }

    fn client_sends(
        &mut self,
        packet: impl FnOnce(&mut Source<'a>, mqtt_sansio::Version) -> Vec<u8>,
    ) {
        self.on_peer(|run, peer| {
            let version = run.world.peers[peer].version();
            let bytes = packet(&mut run.source, version);
            run.send(peer, bytes);
        });
    }

    /// Sends what the client has begun, and more.
    fn send(&mut self, peer: usize, bytes: Vec<u8>) {
        let mut all = std::mem::take(&mut self.world.peers[peer].tail);
        all.extend(bytes);
        self.call(Action::Input(self.id(peer), all));
    }

    /// The first part of some packets.
    fn chunk(&mut self) {
        self.on_peer(|run, peer| {
            let version = run.world.peers[peer].version();
            let mut bytes = packets::publish(&mut run.source, version);
            bytes.extend(packets::subscribe(&mut run.source, version));
            let tail = bytes.split_off(usize::from(run.source.byte()) % (bytes.len() + 1));
            run.send(peer, bytes);
            run.world.peers[peer].tail = tail;
        });
    }

    fn accept(&mut self, peer: usize) {
        let rights = self.source.pick(&[0, 0, 0, 0, 1, 2, 3]);
        let said = match self.source.byte() {
            said @ 128..=255 => usize::from(said) % ACCEPTING.len(),
            _ => 0,
        };
        self.call(Action::Accept(self.id(peer), rights, said));
    }

    fn refuse(&mut self, peer: usize) {
        let code = self.source.pick(ReasonCode::ALL);
        let said = usize::from(self.source.byte()) % REFUSING.len();
        self.call(Action::Refuse(self.id(peer), code, said));
    }

    fn authenticate(&mut self, peer: usize) {
        let codes = [ReasonCode::ContinueAuthentication, ReasonCode::Success];
        let code = self.source.pick(&codes);
        let said = usize::from(self.source.byte()) % AUTHENTICATING.len();
        self.call(Action::Authenticate(self.id(peer), code, said));
    }

    /// One more client, who is asked now and then for more than its CONNECT.
    fn hello(&mut self) {
        let before = self.world.peers.len();
        self.call(Action::Open);
        if self.world.peers.len() == before {
            return;
        }
        let connect = packets::connect(&mut self.source);
        self.send(before, connect);
        let rounds = self.source.pick(&[0, 1, 2, 0]);
        if self.world.peers[before].is_authenticating() {
            for _ in 0..rounds {
                self.authenticate(before);
                let answer = packets::answer(&mut self.source);
                self.send(before, answer);
            }
        }
        self.accept(before);
    }

    /// What a client owes that does as it should.
    fn acknowledge(&mut self) {
        self.on_peer(|run, peer| {
            run.acknowledge_next(peer);
        });
    }

    fn acknowledge_next(&mut self, peer: usize) -> bool {
        let Phase::Connected(link) = &self.world.peers[peer].phase else {
            return false;
        };
        let session = self.world.sessions.get(&link.client_id);
        let Some((id, packet)) = session.and_then(|session| session.next_acknowledgement()) else {
            return false;
        };
        let packet: Packet<'_> = match packet {
            PacketType::PubAck => Packet::PubAck(Ack::new(id)),
            PacketType::PubRec => Packet::PubRec(Ack::new(id)),
            _ => Packet::PubComp(Ack::new(id)),
        };
        let mut bytes = Vec::new();
        packet.encode_to(link.reader.version, &mut bytes).unwrap();
        self.send(peer, bytes);
        true
    }

    fn pull_all(&mut self) {
        for peer in 0..self.world.peers.len() {
            if self.world.peers[peer].wants {
                self.call(Action::Pull(self.id(peer), usize::MAX));
            }
        }
    }

    fn close_all(&mut self) {
        for peer in 0..self.world.peers.len() {
            let Peer { id, told_to_close, gone, .. } = self.world.peers[peer];
            if told_to_close && !gone {
                self.call(Action::Closed(id));
            }
        }
    }

    fn pass(&mut self) {
        let step = u64::from(self.source.byte());
        self.clock = match step {
            // Time that seems to run backwards is no more than another input.
            0 => self.clock.saturating_sub(Duration::from_millis(500)),
            255 if self.source.seldom() => Duration::MAX,
            250..=255 => self.clock.saturating_add(Duration::from_secs(86_400 * (step - 249))),
            200..=249 => self.clock.saturating_add(Duration::from_secs(step - 199)),
            _ => self.clock.saturating_add(Duration::from_millis(step * 20)),
        };
    }

    /// Time in which messages and sessions expire.
    fn seconds(&mut self) {
        let step = self.source.pick(&[1000, 500, 2000, 10_000, 999, 1, 60_000]);
        self.clock = self.clock.saturating_add(Duration::from_millis(step));
        self.call(Action::Timeout);
    }

    /// In time, late, or early.
    fn timeout(&mut self) {
        let wait = self.world.wait.map(Instant::since_epoch);
        self.clock = match (self.source.byte() % 4, wait) {
            (0, Some(wait)) => wait,
            (1, Some(wait)) => wait.saturating_sub(Duration::from_nanos(1)),
            (2, _) => Duration::ZERO,
            _ => self.clock,
        };
        self.call(Action::Timeout);
    }

    fn publish(&mut self) {
        let payload = packets::payload(&mut self.source).to_vec();
        let mut message = Message::new(self.source.pick(&packets::TOPICS), payload).unwrap();
        message.qos = self.source.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtMostOnce]);
        let choice = self.source.byte();
        message.retain = choice & 1 != 0;
        if choice & 2 != 0 {
            let properties = packets::message_properties(&mut self.source);
            message.properties = MessageProperties::new(&properties).unwrap();
        }
        self.call(Action::Publish(message));
    }

    /// What the program does beside.
    fn command(&mut self) {
        let filter = self.source.pick(&packets::FILTERS);
        let action = match self.source.byte() % 8 {
            3 => Action::Unsubscribe(filter),
            5 => Action::EndSession(self.source.pick(&packets::CLIENT_IDS)),
            7 => {
                let client_id = self.source.pick(&packets::CLIENT_IDS);
                Action::SetPermissions(client_id, self.source.pick(&[0, 1, 2, 3]))
            }
            _ => Action::Subscribe(filter),
        };
        self.call(action);
    }

    /// With clients that do all they should nothing stays in flight; then everything ends.
    fn end(&mut self) {
        for peer in 0..self.world.peers.len() {
            for _ in 0..1000 {
                let sound = self.world.peers[peer].input.is_empty()
                    && self.world.peers[peer].tail.is_empty();
                let wants = self.world.peers[peer].wants;
                if wants {
                    self.call(Action::Pull(self.id(peer), usize::MAX));
                }
                let acknowledged = sound && self.acknowledge_next(peer);
                if !acknowledged && !wants {
                    break;
                }
            }
            let wants = self.world.peers[peer].wants;
            assert!(!wants, "there is always more to send to {peer}\n{}", self.log);
        }
        for peer in 0..self.world.peers.len() {
            if !self.world.peers[peer].gone {
                self.call(Action::Closed(self.id(peer)));
            }
        }
        let over = self.world.peers.iter().all(Peer::is_over);
        assert!(over, "not all were disconnected\n{}", self.log);
        self.clock = self.world.now.since_epoch().saturating_add(Duration::from_secs(8 * 86_400));
        self.call(Action::Timeout);
        let expires = self.world.config.session_expiry.is_some();
        let sessions = self.world.sessions.len();
        assert!(!expires || sessions == 0, "{sessions} sessions are left\n{}", self.log);
    }
}
