//! The session of 5.0 without a broker: what it tells the server it is a part of, and is told by it.

mod accepting;
mod answers;
mod ending;

use std::sync::Arc;

use mqtt_sansio::{
    CloseReason, Filter, Handshake, HandshakeEvent, Instant, Message, MessageProperties,
    OwnedProperties, PacketId, Property, QoS, ReasonCode, RetainHandling, Session, SessionConfig,
    SessionEvent, SessionOutput, Subscription, SubscriptionIdentifier,
};

use crate::bench::ms;
use crate::wire::{retained, words};
use crate::wire5::{
    accepted5, auth5, connect5, disconnect5, message5, puback5, pubcomp5, publish5, publish5_1,
    publish5_2, pubrec5, pubrel5, receive_maximum, resume5, same5, sub5, suback5, subscribe5,
    subscription_identifier, topic_alias, unsuback5, unsubscribe5, user, will5, words5,
};

const NOW: Instant = Instant::from_millis(1000);

const METHOD: Property<'static> = Property::AuthenticationMethod("M");

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
        session.check_invariants();
        match session.poll_output() {
            SessionOutput::Transmit => {
                session.poll_transmit(now, &mut segments, 65_536);
            }
            SessionOutput::Event(event) => told.events.push(event),
            SessionOutput::Close => told.close = true,
            SessionOutput::Wait(wait) => {
                told.sent = segments.concat();
                told.wait = wait;
                return told;
            }
        }
    }
}

/// Asserts that these bytes and nothing else were told, whatever the order of properties is.
#[track_caller]
fn sent(session: &mut Session, expected: &[u8]) {
    let told = told(session, NOW);
    assert!(same5(&told.sent, expected), "{}expected\n{}", words5(&told.sent), words5(expected));
    assert_eq!((told.events, told.close), (vec![], false));
}

/// The events of these bytes, which bring no answer of themselves.
#[track_caller]
fn events(session: &mut Session, bytes: &[u8]) -> Vec<SessionEvent> {
    session.handle_input(NOW, bytes);
    let told = told(session, NOW);
    assert!(told.sent.is_empty() && !told.close, "{}{:?}", words5(&told.sent), told.close);
    told.events
}

fn handshake(config: &Arc<SessionConfig>, connect: &[u8]) -> Handshake {
    let mut handshake = Handshake::new(NOW, Arc::clone(config));
    let mut bytes = connect;
    let event = handshake.handle_input(&mut bytes).unwrap();
    assert!(matches!(event, Some(HandshakeEvent::Connect(_))), "{event:?}");
    handshake
}

/// A session whose client has sent this, after its CONNACK.
#[track_caller]
fn connected_with(config: SessionConfig, connect: &[u8]) -> (Arc<SessionConfig>, Session) {
    let config = Arc::new(config);
    let mut session = Session::new(Arc::clone(&config));
    assert_eq!(session.connect(NOW, handshake(&config, connect)), Ok(false));
    let told = told(&mut session, NOW);
    assert_eq!((&told.sent[..1], told.events), (&[0x20][..], vec![]), "{}", words(&told.sent));
    (config, session)
}

#[track_caller]
fn connected(connect: &[u8]) -> (Arc<SessionConfig>, Session) {
    connected_with(SessionConfig::default(), connect)
}

/// A client with a clean session.
fn clean() -> Vec<u8> {
    connect5("a", &[], |_| ())
}

/// A session that is kept for 100 s.
fn stays() -> Vec<u8> {
    resume5("a", 100)
}

/// The client comes back, and the session goes on.
#[track_caller]
fn resumed(config: &Arc<SessionConfig>, session: &mut Session, connect: &[u8]) {
    assert_eq!(session.connect(NOW, handshake(config, connect)), Ok(true));
    sent(session, &accepted5(true, &[]));
}

/// The transport is lost.
#[track_caller]
fn lost(session: &mut Session) -> Vec<SessionEvent> {
    session.handle_closed(NOW);
    let told = told(session, NOW);
    assert_eq!((told.sent, told.close, told.wait), (vec![], false, None));
    told.events
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

/// A message as it comes, with the packet identifier that its answer names.
fn published(message: Message, packet_id: Option<u16>) -> SessionEvent {
    SessionEvent::Publish { message: Arc::new(message), packet_id: packet_id.map(id) }
}

fn m(payload: &str, qos: u8) -> Message {
    message5("t", payload, qos, &[])
}

fn owned(properties: &[Property<'_>]) -> OwnedProperties {
    OwnedProperties::new(properties).unwrap()
}

/// The end of a connection without properties and will.
fn closed(reason: impl Into<CloseReason>, session_expiry_interval: u32) -> SessionEvent {
    SessionEvent::Closed {
        reason: reason.into(),
        properties: OwnedProperties::EMPTY,
        will: None,
        will_delay_interval: 0,
        session_expiry_interval,
    }
}

#[test]
fn a_message_of_qos_0_awaits_no_answer() {
    let (_, mut session) = connected(&clean());
    let with = [user("k", "v")];
    let told = events(&mut session, &retained(publish5("t", "x", &with)));
    let mut message = message5("t", "x", 0, &with);
    message.retain = true;
    assert_eq!(told, [published(message, None)]);
}

#[test]
fn a_message_of_qos_1_is_acknowledged_with_what_the_server_says() {
    let (_, mut session) = connected(&clean());
    // With an alias, which is none of the message's.
    let first = publish5_1(1, "t", "x", &[topic_alias(3), Property::ContentType("c")]);
    let told = events(&mut session, &[first, publish5_1(2, "", "y", &[topic_alias(3)])].concat());
    let x = message5("t", "x", 1, &[Property::ContentType("c")]);
    assert_eq!(told, [published(x, Some(1)), published(m("y", 1), Some(2))]);
    session.puback(NOW, id(2), ReasonCode::NotAuthorized, Some("no"));
    session.puback(NOW, id(1), ReasonCode::NoMatchingSubscribers, None);
    let answers = [puback5(2, 0x87, &[Property::ReasonString("no")]), puback5(1, 0x10, &[])];
    sent(&mut session, &answers.concat());
}

#[test]
fn a_message_of_qos_2_comes_again_with_its_release() {
    let (_, mut session) = connected(&clean());
    let told_of = events(&mut session, &publish5_2(1, "t", "x", &[]));
    assert_eq!(told_of, [published(m("x", 2), Some(1))]);
    session.pubrec(NOW, id(1), ReasonCode::Success, None);
    sent(&mut session, &pubrec5(1, 0, &[]));
    session.handle_input(NOW, &pubrel5(1, 0, &[]));
    let released = told(&mut session, NOW);
    assert_eq!(released.sent, pubcomp5(1, 0, &[]));
    assert_eq!(released.events, [SessionEvent::Release(Arc::new(m("x", 2)))]);
    // Then the identifier is free.
    session.handle_input(NOW, &pubrel5(1, 0, &[]));
    sent(&mut session, &pubcomp5(1, 0x92, &[]));
    let told_of = events(&mut session, &publish5_2(1, "t", "y", &[]));
    assert_eq!(told_of, [published(m("y", 2), Some(1))]);
}

#[test]
fn a_message_of_qos_2_that_is_refused_is_not_released() {
    let (_, mut session) = connected(&clean());
    events(&mut session, &publish5_2(1, "t", "x", &[]));
    session.pubrec(NOW, id(1), ReasonCode::QuotaExceeded, Some("full"));
    sent(&mut session, &pubrec5(1, 0x97, &[Property::ReasonString("full")]));
    session.handle_input(NOW, &pubrel5(1, 0, &[]));
    sent(&mut session, &pubcomp5(1, 0x92, &[]));
}

#[test]
fn subscribe_comes_with_its_options_and_is_answered_with_a_reason() {
    let (_, mut session) = connected(&clean());
    let wanted = [
        Subscription { no_local: true, retain_as_published: true, ..sub5("a/#", 2) },
        Subscription { retain_handling: RetainHandling::DoNotSend, ..sub5("$share/g/b", 1) },
    ];
    let with = [subscription_identifier(9), user("k", "v")];
    let asked = events(&mut session, &subscribe5(7, &wanted, &with));
    let [SessionEvent::Subscribe { packet_id, subscriptions, properties }] = &asked[..] else {
        panic!("{asked:?}")
    };
    assert!(subscriptions.iter().map(|asked| asked.subscription()).eq(wanted), "{subscriptions:?}");
    assert_eq!((*packet_id, properties), (id(7), &owned(&with)));
    let codes = [ReasonCode::GrantedQoS1, ReasonCode::SharedSubscriptionsNotSupported];
    session.suback(NOW, id(7), &codes, Some("not shared"));
    sent(&mut session, &suback5(7, &[1, 0x9E], &[Property::ReasonString("not shared")]));
}

#[test]
fn unsubscribe_is_answered_filter_by_filter() {
    let (_, mut session) = connected(&clean());
    let with = [user("k", "v")];
    let asked = events(&mut session, &unsubscribe5(8, &["a", "$share/g/b"], &with));
    let filters = ["a", "$share/g/b"].map(|filter| Filter::new(filter).unwrap());
    let filters = filters.to_vec();
    let wanted = SessionEvent::Unsubscribe { packet_id: id(8), filters, properties: owned(&with) };
    assert_eq!(asked, [wanted]);
    let codes = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    session.unsuback(NOW, id(8), &codes, Some("one of them"));
    sent(&mut session, &unsuback5(8, &[0, 0x11], &[Property::ReasonString("one of them")]));
}

fn knows_methods() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.handshake.authentication_methods = vec!["M".into()];
    config
}

#[test]
fn a_client_authenticates_anew_in_rounds() {
    let connect = connect5("a", &[METHOD], |_| ());
    let (_, mut session) = connected_with(knows_methods(), &connect);
    let auth = |code: u8, data| auth5(code, &[METHOD, Property::AuthenticationData(data)]);
    let event = |reason_code, data| {
        let properties = owned(&[METHOD, Property::AuthenticationData(data)]);
        SessionEvent::Authentication { reason_code, properties }
    };
    let told = events(&mut session, &auth(0x19, b"1"));
    assert_eq!(told, [event(ReasonCode::ReAuthenticate, b"1")]);
    let more = [Property::AuthenticationData(b"2")];
    let asked = session.authenticate(NOW, ReasonCode::ContinueAuthentication, &more);
    assert_eq!(asked, Ok(()));
    sent(&mut session, &auth(0x18, b"2"));
    let told = events(&mut session, &auth(0x18, b"3"));
    assert_eq!(told, [event(ReasonCode::ContinueAuthentication, b"3")]);
    assert_eq!(session.authenticate(NOW, ReasonCode::Success, &[]), Ok(()));
    sent(&mut session, &auth5(0, &[METHOD]));
}

#[test]
fn the_end_tells_of_disconnect_and_will_and_how_long_the_session_stays() {
    let delay = [Property::WillDelayInterval(20), Property::ContentType("c")];
    let expiry = [Property::SessionExpiryInterval(100)];
    let (_, mut session) = connected(&connect5("a", &expiry, |connect| {
        connect.will = Some(will5("bye", 1, &delay));
    }));
    let with = [Property::SessionExpiryInterval(7), Property::ReasonString("tired")];
    session.handle_input(NOW, &disconnect5(0x04, &with));
    let told = told(&mut session, NOW);
    let mut will = message5("w", "bye", 1, &[]);
    will.properties = MessageProperties::new(&[Property::ContentType("c")]).unwrap();
    let closed = SessionEvent::Closed {
        reason: CloseReason::DisconnectedWith(ReasonCode::DisconnectWithWillMessage),
        properties: owned(&with),
        will: Some(Arc::new(will)),
        will_delay_interval: 20,
        session_expiry_interval: 7,
    };
    assert_eq!(told.events, [closed]);
    assert_eq!((told.sent, told.close, told.wait), (vec![], true, None));
}

#[test]
fn a_delivery_carries_the_identifiers_of_its_subscriptions() {
    let (_, mut session) = connected(&clean());
    let identifiers = [3, 200].map(|id| SubscriptionIdentifier::new(id).unwrap());
    let message = Arc::new(message5("t", "x", 1, &[user("k", "v")]));
    let granted = QoS::ExactlyOnce;
    assert_eq!(session.deliver_with(NOW, &message, granted, true, &identifiers), Ok(()));
    let with = [user("k", "v"), subscription_identifier(3), subscription_identifier(200)];
    sent(&mut session, &retained(publish5_1(1, "t", "x", &with)));
}

#[test]
fn deliveries_keep_to_the_receive_maximum() {
    let connect = connect5("a", &[receive_maximum(1)], |_| ());
    let (_, mut session) = connected(&connect);
    for payload in ["1", "2"] {
        let message = Arc::new(m(payload, 1));
        assert_eq!(session.deliver(NOW, &message, QoS::AtLeastOnce, false), Ok(()));
    }
    sent(&mut session, &publish5_1(1, "t", "1", &[]));
    session.handle_input(NOW, &puback5(1, 0, &[]));
    sent(&mut session, &publish5_1(2, "t", "2", &[]));
}

#[test]
fn a_message_counts_down_from_when_it_was_taken_over() {
    let expiry = |seconds| [Property::MessageExpiryInterval(seconds)];
    let message = message5("t", "x", 1, &expiry(10));
    assert_eq!((message.expires(), message.is_expired(ms(u64::MAX))), (None, false));
    let taken = message.clone().taken_over(NOW);
    assert_eq!(taken.expires(), Some(ms(11_000)));
    assert_eq!((taken.is_expired(ms(10_999)), taken.is_expired(ms(11_000))), (false, true));
    // Taken over again, it begins anew; without an interval there is nothing to begin.
    assert_eq!(taken.clone().taken_over(ms(5000)).expires(), Some(ms(15_000)));
    let mut plain = taken.clone();
    plain.properties = MessageProperties::EMPTY;
    assert_eq!(plain.taken_over(ms(5000)).expires(), None);
    for (message, seconds) in [(message, Some(10)), (taken, Some(6))] {
        let (config, mut session) = connected(&stays());
        lost(&mut session);
        let message = Arc::new(message);
        assert_eq!(session.deliver(NOW, &message, QoS::AtLeastOnce, false), Ok(()));
        session.handle_timeout(ms(5000));
        assert_eq!(session.connect(ms(5000), handshake(&config, &stays())), Ok(true));
        let sent = told(&mut session, ms(5000)).sent;
        let publish = publish5_1(1, "t", "x", &expiry(seconds.unwrap()));
        assert_eq!(words5(&sent), words5(&[accepted5(true, &[]), publish].concat()));
    }
}

#[test]
fn what_a_client_publishes_counts_down_from_when_it_came() {
    let (_, mut session) = connected(&clean());
    let expiry = [Property::MessageExpiryInterval(10)];
    let told = events(&mut session, &publish5("t", "x", &expiry));
    let [SessionEvent::Publish { message, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(message.expires(), Some(ms(11_000)));
}
