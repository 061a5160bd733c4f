//! The session without a broker: what those have who bring a router of their own.

use std::sync::Arc;

use mqtt_sansio::{
    ClientFault, CloseReason, Dropped, Filter, Handshake, HandshakeEvent, Instant, Message,
    OwnedProperties, PacketId, QoS, ReasonCode, Session, SessionConfig, SessionEvent,
    SessionOutput, Subscription, Version,
};

use crate::bench::ms;
use crate::wire::{
    connect, connect_with_will, filter, puback, publish, publish1, publish2, pubrel, subscribe,
    unhex, unsubscribe, words,
};

const NOW: Instant = Instant::from_millis(1000);

/// What a driver was told until there was nothing more.
#[derive(Debug, Default)]
struct Told {
    events: Vec<SessionEvent>,
    sent: Vec<u8>,
    close: bool,
    wait: Option<Instant>,
}

fn told(session: &mut Session, now: Instant) -> Told {
    let mut told = Told::default();
    let mut segments = Vec::new();
    loop {
        match session.poll_output() {
            SessionOutput::Transmit => {
                session.poll_transmit(now, &mut segments, 65_536);
            }
            SessionOutput::Event(event) => told.events.push(event),
            SessionOutput::Close => told.close = true,
            SessionOutput::Wait(wait) => {
                told.sent = segments.concat();
                told.wait = wait;
                session.check_invariants();
                return told;
            }
        }
    }
}

fn handshake(config: &Arc<SessionConfig>, connect: &[u8]) -> Handshake {
    let mut handshake = Handshake::new(NOW, Arc::clone(config));
    assert_eq!(handshake.deadline(), Some(NOW + config.handshake.timeout));
    assert!(!handshake.is_connect_received());
    let mut bytes = connect;
    let event = handshake.handle_input(&mut bytes).unwrap();
    assert!(matches!(event, Some(HandshakeEvent::Connect(_))), "{event:?}");
    assert!(handshake.is_connect_received());
    assert_eq!((handshake.deadline(), bytes), (None, &[][..]));
    handshake
}

/// A session with a client of the name "a", after its CONNACK.
fn connected(connect: &[u8]) -> (Arc<SessionConfig>, Session) {
    let config = Arc::new(SessionConfig::default());
    let mut session = Session::new(Arc::clone(&config));
    assert_eq!(session.connect(NOW, handshake(&config, connect)), Ok(false));
    assert_eq!(told(&mut session, NOW).sent, unhex("20020000"));
    (config, session)
}

fn stays() -> Vec<u8> {
    connect("a", |connect| connect.clean_start = false)
}

fn message(name: &str, payload: &str, qos: QoS) -> Arc<Message> {
    let mut message = Message::new(name, payload.to_owned()).unwrap();
    message.qos = qos;
    Arc::new(message)
}

/// The end of a connection of 3.1.1, and whether its session is kept.
fn closed(reason: CloseReason, will: Option<Arc<Message>>, kept: bool) -> Vec<SessionEvent> {
    vec![SessionEvent::Closed {
        reason,
        properties: OwnedProperties::EMPTY,
        will,
        will_delay_interval: 0,
        session_expiry_interval: if kept { u32::MAX } else { 0 },
    }]
}

/// A message that is acknowledged already.
fn published(name: &str, payload: &str, qos: QoS) -> SessionEvent {
    SessionEvent::Publish { message: message(name, payload, qos), packet_id: None }
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

#[test]
fn what_comes_after_connect_is_kept_until_it_is_accepted() {
    let config = Arc::new(SessionConfig::default());
    let mut handshake = handshake(&config, &connect("a", |_| ()));
    let mut early = &publish("t", "early")[..];
    assert_eq!(handshake.handle_input(&mut early), Ok(None));
    let mut session = Session::new(config);
    session.connect(NOW, handshake).unwrap();
    let told = told(&mut session, NOW);
    assert_eq!(told.sent, unhex("20020000"));
    assert_eq!(told.events, [published("t", "early", QoS::AtMostOnce)]);
}

#[test]
fn messages_are_acknowledged_and_handed_on_at_qos_2_with_pubrel() {
    let (_, mut session) = connected(&connect("a", |_| ()));
    session.handle_input(NOW, &[publish1(1, "t", "1"), publish2(2, "t", "2")].concat());
    let first = told(&mut session, NOW);
    assert_eq!(first.sent, unhex("40020001 50020002"), "{}", words(&first.sent));
    assert_eq!(first.events, [published("t", "1", QoS::AtLeastOnce)]);
    session.handle_input(NOW, &pubrel(2));
    let second = told(&mut session, NOW);
    assert_eq!(second.sent, unhex("70020002"));
    assert_eq!(second.events, [published("t", "2", QoS::ExactlyOnce)]);
}

#[test]
fn subscribe_and_unsubscribe_are_answered_by_the_server() {
    let (_, mut session) = connected(&connect("a", |_| ()));
    session.handle_input(NOW, &subscribe(7, &[("a/#", 2), ("b", 1)]));
    let asked = told(&mut session, NOW);
    let [SessionEvent::Subscribe { packet_id, subscriptions, properties }] = &asked.events[..]
    else {
        panic!("{:?}", asked.events)
    };
    let wanted = [("a/#", QoS::ExactlyOnce), ("b", QoS::AtLeastOnce)];
    let wanted = wanted.map(|(name, qos)| Subscription::new(filter(name), qos));
    assert!(subscriptions.iter().map(|asked| asked.subscription()).eq(wanted));
    assert_eq!((*packet_id, properties), (id(7), &OwnedProperties::EMPTY));
    assert_eq!(asked.sent, unhex(""));
    session.suback(NOW, id(7), &[ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized], None);
    assert_eq!(told(&mut session, NOW).sent, unhex("9004 0007 02 80"));
    session.handle_input(NOW, &unsubscribe(8, &["b"]));
    let filters = vec![Filter::new("b").unwrap()];
    let asked = told(&mut session, NOW);
    let properties = OwnedProperties::EMPTY;
    let wanted = SessionEvent::Unsubscribe { packet_id: id(8), filters, properties };
    assert_eq!(asked.events, [wanted]);
    session.unsuback(NOW, id(8), &[ReasonCode::Success], None);
    assert_eq!(told(&mut session, NOW).sent, unhex("b0020008"));
}

#[test]
fn in_3_1_a_refused_filter_looks_granted_at_qos_0() {
    let (_, mut session) = connected(&connect("a", |connect| connect.version = Version::V3_1));
    session.suback(NOW, id(7), &[ReasonCode::GrantedQoS1, ReasonCode::NotAuthorized], None);
    assert_eq!(told(&mut session, NOW).sent, unhex("9004 0007 01 00"));
}

#[test]
fn deliveries_are_counted_until_they_are_acknowledged() {
    let (_, mut session) = connected(&stays());
    let hello = message("t", "hello", QoS::AtLeastOnce);
    assert_eq!(session.deliver(NOW, &hello, QoS::ExactlyOnce, false), Ok(()));
    assert_eq!((session.queued_messages(), session.inflight_messages()), (1, 0));
    assert_eq!(told(&mut session, NOW).sent, publish1(1, "t", "hello"));
    assert_eq!((session.queued_messages(), session.inflight_messages()), (0, 1));
    session.handle_input(NOW, &puback(1));
    assert_eq!((session.queued_messages(), session.inflight_messages()), (0, 0));
}

#[test]
fn a_client_that_is_away_is_kept_what_is_above_qos_0() {
    let (config, mut session) = connected(&stays());
    session.handle_closed(NOW);
    assert!(!session.is_connected());
    let told_of = told(&mut session, NOW);
    assert_eq!(told_of.events, closed(CloseReason::TransportClosed, None, true));
    assert!(!told_of.close, "it is closed");
    let at = |qos| message("t", "x", qos);
    let dropped = session.deliver(NOW, &at(QoS::AtMostOnce), QoS::ExactlyOnce, false);
    assert_eq!(dropped, Err(Dropped::Offline));
    assert_eq!(session.deliver(NOW, &at(QoS::AtLeastOnce), QoS::ExactlyOnce, false), Ok(()));
    assert_eq!(session.connect(NOW, handshake(&config, &stays())), Ok(true));
    assert!(session.is_connected());
    let wanted = [unhex("20020100"), publish1(1, "t", "x")].concat();
    assert_eq!(told(&mut session, NOW).sent, wanted);
}

#[test]
fn a_clean_start_ends_what_there_was() {
    let (config, mut session) = connected(&stays());
    let kept = message("t", "x", QoS::AtLeastOnce);
    session.deliver(NOW, &kept, QoS::AtLeastOnce, false).unwrap();
    session.handle_closed(NOW);
    assert_eq!(session.connect(NOW, handshake(&config, &connect("a", |_| ()))), Ok(false));
    assert_eq!(session.queued_messages(), 0);
    assert_eq!(told(&mut session, NOW).sent, unhex("20020000"));
}

/// What ends a connection, as what, and whether the driver is to close it.
type End = (fn(&mut Session), CloseReason, bool);

#[test]
fn the_will_comes_with_every_end_but_disconnect() {
    let will = message("w", "bye", QoS::AtLeastOnce);
    let ends: [End; 4] = [
        (|session| session.handle_closed(NOW), CloseReason::TransportClosed, false),
        (|session| session.disconnect(NOW), CloseReason::Requested, true),
        (
            |session| session.handle_input(NOW, &connect("a", |_| ())),
            CloseReason::ClientFault(ClientFault::SecondConnect),
            true,
        ),
        (|session| session.handle_input(NOW, &unhex("e000")), CloseReason::Disconnected, true),
    ];
    for (end, reason, close) in ends {
        let (_, mut session) = connected(&connect_with_will("a", "bye", 1));
        end(&mut session);
        let told = told(&mut session, NOW);
        let published = (reason != CloseReason::Disconnected).then(|| Arc::clone(&will));
        assert_eq!(told.events, closed(reason, published, false));
        assert_eq!((told.close, told.wait), (close, None), "{reason}");
    }
}

#[test]
fn a_second_connection_takes_over_from_the_first() {
    let (config, mut session) = connected(&connect_with_will("a", "bye", 0));
    session.connect(NOW, handshake(&config, &stays())).unwrap();
    let told = told(&mut session, NOW);
    let will = message("w", "bye", QoS::AtMostOnce);
    assert_eq!(told.events, closed(CloseReason::TakenOver, Some(will), false));
    assert_eq!((told.sent, told.close), (unhex("20020000"), false));
}

#[test]
fn silence_ends_the_connection_after_one_and_a_half_keep_alives() {
    let (_, mut session) = connected(&connect("a", |connect| connect.keep_alive = 10));
    assert_eq!(told(&mut session, NOW).wait, Some(ms(16_000)));
    session.handle_input(ms(9000), &unhex("c000"));
    assert_eq!(told(&mut session, ms(9000)).wait, Some(ms(24_000)));
    session.handle_timeout(ms(23_999));
    assert!(session.is_connected());
    session.handle_timeout(ms(24_000));
    let told = told(&mut session, ms(24_000));
    assert_eq!(told.events, closed(CloseReason::KeepAliveTimeout, None, false));
    assert!(told.close);
}

#[test]
fn without_a_connection_nothing_is_sent_and_nothing_comes_again() {
    let mut session = Session::new(Arc::new(SessionConfig::default()));
    session.handle_input(NOW, &publish("t", "x"));
    session.suback(NOW, id(1), &[ReasonCode::GrantedQoS1], None);
    session.unsuback(NOW, id(1), &[ReasonCode::Success], None);
    session.handle_timeout(NOW);
    session.disconnect(NOW);
    session.handle_closed(NOW);
    let told = told(&mut session, NOW);
    assert_eq!((told.events, told.sent, told.close, told.wait), (vec![], vec![], false, None));
    let mut handshake = Handshake::new(NOW, Arc::new(SessionConfig::default()));
    assert_eq!(handshake.handle_input(&mut &[0x10][..]), Ok(None));
    assert_eq!(session.connect(NOW, handshake), Ok(false), "CONNECT has not come");
    assert!(!session.is_connected());
}

#[test]
fn a_handshake_is_refused_with_the_code_of_its_version() {
    let config = Arc::new(SessionConfig::default());
    let refuse = |code| handshake(&config, &connect("a", |_| ())).refuse(code);
    assert_eq!(refuse(ReasonCode::NotAuthorized).as_deref(), Some(&[0x20, 2, 0, 5][..]));
    assert_eq!(refuse(ReasonCode::Banned), None);
    assert_eq!(refuse(ReasonCode::Success), None);
}

#[test]
fn a_request_of_an_earlier_connection_is_not_asked_on_the_next() {
    let (config, mut session) = connected(&connect("a", |_| ()));
    session.handle_input(NOW, &[subscribe(9, &[("t", 1)]), unsubscribe(10, &["t"])].concat());
    session.handle_input(NOW, &publish("t", "routed"));
    session.connect(NOW, handshake(&config, &connect("a", |_| ()))).unwrap();
    let told = told(&mut session, NOW);
    let routed = published("t", "routed", QoS::AtMostOnce);
    let closed = closed(CloseReason::TakenOver, None, false);
    assert_eq!(told.events, [vec![routed], closed].concat());
}
