//! PUBACK and PUBREC of the server's: each answers one message of this connection, once.

use std::sync::Arc;

use mqtt_sansio::{
    AuthenticationError, ClientFault, CloseReason, PacketType, Property, ReasonCode, Session,
    SessionConfig, SessionEvent,
};

use super::{
    METHOD, NOW, Told, clean, closed, connected, connected_with, events, handshake, id,
    knows_methods, lost, m, published, resumed, sent, stays, told,
};
use crate::wire::dup;
use crate::wire5::{
    accepted5, auth5, connect5, farewell5, puback5, pubcomp5, publish5_1, publish5_2, pubrec5,
    pubrel5, sub5, subscribe5, unsubscribe5, words5,
};

fn one(payload: &str) -> Vec<u8> {
    publish5_1(1, "t", payload, &[])
}

fn two(payload: &str) -> Vec<u8> {
    publish5_2(1, "t", payload, &[])
}

fn pubrec(session: &mut Session, code: ReasonCode) {
    session.pubrec(NOW, id(1), code, None);
}

#[test]
fn an_answer_is_sent_once() {
    let (_, mut session) = connected(&clean());
    events(&mut session, &[one("x"), publish5_2(2, "t", "y", &[])].concat());
    for _ in 0..2 {
        session.puback(NOW, id(1), ReasonCode::Success, None);
        session.pubrec(NOW, id(2), ReasonCode::Success, None);
    }
    session.pubrec(NOW, id(2), ReasonCode::NotAuthorized, None);
    sent(&mut session, &[puback5(1, 0, &[]), pubrec5(2, 0, &[])].concat());
    // The first answer holds.
    session.handle_input(NOW, &pubrel5(2, 0, &[]));
    let Told { sent, events, .. } = told(&mut session, NOW);
    assert_eq!(sent, pubcomp5(2, 0, &[]));
    assert_eq!(events, [SessionEvent::Release(Arc::new(m("y", 2)))]);
}

#[test]
fn an_answer_to_nothing_is_not_sent() {
    let (_, mut session) = connected(&clean());
    session.puback(NOW, id(1), ReasonCode::Success, None);
    session.pubrec(NOW, id(2), ReasonCode::QuotaExceeded, Some("full"));
    sent(&mut session, &[]);
    assert_eq!(lost(&mut session), [closed(CloseReason::TransportClosed, 0)]);
    session.puback(NOW, id(1), ReasonCode::Success, None);
    sent(&mut session, &[]);
}

#[test]
fn a_double_answer_gives_the_client_no_second_place() {
    let mut config = SessionConfig::default();
    config.max_unreleased_messages = 1;
    let (_, mut session) = connected_with(config, &clean());
    events(&mut session, &one("1"));
    for _ in 0..3 {
        session.puback(NOW, id(1), ReasonCode::Success, None);
    }
    sent(&mut session, &puback5(1, 0, &[]));
    events(&mut session, &publish5_1(2, "t", "2", &[]));
    session.handle_input(NOW, &publish5_1(3, "t", "3", &[]));
    let fault = ClientFault::ReceiveMaximumExceeded;
    let told = told(&mut session, NOW);
    assert_eq!(words5(&told.sent), words5(&farewell5(0x93, fault)));
    assert_eq!((told.events, told.close), (vec![closed(fault, 0)], true));
}

#[test]
fn an_answer_for_an_earlier_connection_is_not_sent_on_the_next() {
    for (connect, present) in [(clean(), false), (stays(), true)] {
        let (config, mut session) = connected(&connect);
        events(&mut session, &[one("x"), publish5_2(2, "t", "y", &[])].concat());
        lost(&mut session);
        assert_eq!(session.connect(NOW, handshake(&config, &connect)), Ok(present));
        sent(&mut session, &accepted5(present, &[]));
        session.puback(NOW, id(1), ReasonCode::Success, None);
        session.pubrec(NOW, id(2), ReasonCode::Success, None);
        sent(&mut session, &[]);
        // What was not answered the client sends again, and it is asked about again.
        let again = [dup(one("x")), dup(publish5_2(2, "t", "y", &[]))].concat();
        let asked = events(&mut session, &again);
        assert_eq!(asked, [published(m("x", 1), Some(1)), published(m("y", 2), Some(2))]);
        session.puback(NOW, id(1), ReasonCode::NotAuthorized, None);
        session.pubrec(NOW, id(2), ReasonCode::NotAuthorized, None);
        sent(&mut session, &[puback5(1, 0x87, &[]), pubrec5(2, 0x87, &[])].concat());
    }
}

#[test]
fn a_message_that_nobody_was_told_of_awaits_no_answer_on_the_next_connection() {
    let (config, mut session) = connected(&clean());
    session.handle_input(NOW, &[one("old"), publish5_2(2, "t", "old", &[])].concat());
    session.handle_closed(NOW);
    assert_eq!(session.connect(NOW, handshake(&config, &clean())), Ok(false));
    session.handle_input(NOW, &[one("new"), publish5_2(2, "t", "new", &[])].concat());
    let told_of = told(&mut session, NOW);
    assert_eq!(words5(&told_of.sent), words5(&accepted5(false, &[])));
    // At QoS 1 it is routed, at QoS 2 the client sends it again.
    let wanted = [
        published(m("old", 1), None),
        closed(CloseReason::TransportClosed, 0),
        published(m("new", 1), Some(1)),
        published(m("new", 2), Some(2)),
    ];
    assert_eq!(told_of.events, wanted);
    // Each event has its answer, and none takes that of another.
    session.puback(NOW, id(1), ReasonCode::Success, None);
    session.pubrec(NOW, id(2), ReasonCode::Success, None);
    sent(&mut session, &[puback5(1, 0, &[]), pubrec5(2, 0, &[])].concat());
    session.handle_input(NOW, &pubrel5(2, 0, &[]));
    let released = told(&mut session, NOW);
    assert_eq!(released.sent, pubcomp5(2, 0, &[]));
    assert_eq!(released.events, [SessionEvent::Release(Arc::new(m("new", 2)))]);
}

#[test]
fn requests_that_nobody_was_told_of_end_with_their_connection() {
    let connect = connect5("a", &[METHOD], |_| ());
    let (_, mut session) = connected_with(knows_methods(), &connect);
    let requests =
        [subscribe5(1, &[sub5("t", 1)], &[]), unsubscribe5(2, &["t"], &[]), auth5(0x19, &[METHOD])];
    session.handle_input(NOW, &requests.concat());
    assert_eq!(lost(&mut session), [closed(CloseReason::TransportClosed, 0)]);
    assert_eq!(
        session.authenticate(NOW, ReasonCode::Success, &[]),
        Err(AuthenticationError::NotInTurn)
    );
}

#[test]
fn a_released_message_that_nobody_was_told_of_outlives_its_connection() {
    let (_, mut session) = connected(&clean());
    events(&mut session, &two("x"));
    pubrec(&mut session, ReasonCode::Success);
    sent(&mut session, &pubrec5(1, 0, &[]));
    session.handle_input(NOW, &pubrel5(1, 0, &[]));
    // It is the server's: the client has let it go.
    let told = lost(&mut session);
    let released = SessionEvent::Release(Arc::new(m("x", 2)));
    assert_eq!(told, [released, closed(CloseReason::TransportClosed, 0)]);
}

#[test]
fn a_repeated_qos_2_message_waits_for_the_one_answer() {
    for (code, byte) in [(ReasonCode::Success, 0), (ReasonCode::NotAuthorized, 0x87)] {
        let (_, mut session) = connected(&clean());
        let asked = events(&mut session, &two("x"));
        assert_eq!(asked, [published(m("x", 2), Some(1))]);
        assert_eq!(events(&mut session, &dup(two("x"))), []);
        pubrec(&mut session, code);
        sent(&mut session, &pubrec5(1, byte, &[]));
    }
}

#[test]
fn a_repeated_qos_2_message_is_answered_as_it_was_on_the_next_connection_too() {
    let (config, mut session) = connected(&stays());
    events(&mut session, &two("x"));
    pubrec(&mut session, ReasonCode::Success);
    sent(&mut session, &pubrec5(1, 0, &[]));
    session.handle_input(NOW, &dup(two("x")));
    sent(&mut session, &pubrec5(1, 0, &[]));
    lost(&mut session);
    resumed(&config, &mut session, &stays());
    session.handle_input(NOW, &dup(two("x")));
    sent(&mut session, &pubrec5(1, 0, &[]));
    session.handle_input(NOW, &pubrel5(1, 0, &[]));
    let told = told(&mut session, NOW);
    assert_eq!(told.sent, pubcomp5(1, 0, &[]));
    assert_eq!(told.events, [SessionEvent::Release(Arc::new(m("x", 2)))]);
}

#[test]
fn what_no_answer_was_sent_for_is_not_held_for_the_next_connection() {
    let (config, mut session) = connected(&stays());
    events(&mut session, &two("x"));
    lost(&mut session);
    resumed(&config, &mut session, &stays());
    // A release of what was never taken over brings nothing.
    session.handle_input(NOW, &pubrel5(1, 0, &[]));
    sent(&mut session, &pubcomp5(1, 0x92, &[]));
}

#[test]
fn too_many_bytes_without_pubrel_are_refused_and_take_no_place() {
    let mut config = SessionConfig::default();
    (config.max_unreleased_messages, config.max_unreleased_bytes) = (2, 50);
    let (_, mut session) = connected_with(config, &clean());
    let large = "x".repeat(30);
    events(&mut session, &publish5_2(1, "t", &large, &[]));
    session.pubrec(NOW, id(1), ReasonCode::Success, None);
    sent(&mut session, &pubrec5(1, 0, &[]));
    let reason = [Property::ReasonString("too many QoS 2 messages await PUBREL")];
    for _ in 0..5 {
        session.handle_input(NOW, &publish5_2(2, "t", &large, &[]));
        sent(&mut session, &pubrec5(2, 0x97, &reason));
    }
    session.handle_input(NOW, &pubrel5(1, 0, &[]));
    told(&mut session, NOW);
    let asked = events(&mut session, &publish5_2(2, "t", &large, &[]));
    assert_eq!(asked, [published(m(&large, 2), Some(2))]);
}

#[test]
fn too_many_bytes_without_pubrel_are_refused_without_words_where_none_are_wanted() {
    let mut config = SessionConfig::default();
    config.max_unreleased_bytes = 0;
    let silent = [Property::RequestProblemInformation(false)];
    let (_, mut session) = connected_with(config, &connect5("a", &silent, |_| ()));
    session.handle_input(NOW, &two("x"));
    sent(&mut session, &pubrec5(1, 0x97, &[]));
}

#[test]
fn a_pubrel_before_the_answer_is_a_fault_and_the_message_comes_once() {
    let (_, mut session) = connected(&clean());
    session.handle_input(NOW, &[two("x"), pubrel5(1, 0, &[])].concat());
    let told = told(&mut session, NOW);
    let fault =
        ClientFault::UnexpectedAcknowledgement { packet: PacketType::PubRel, packet_id: id(1) };
    let [SessionEvent::Closed { reason, .. }] = &told.events[..] else {
        panic!("{:?}", told.events)
    };
    assert_eq!(*reason, CloseReason::ClientFault(fault));
}

#[test]
fn an_answer_of_the_other_qos_is_none() {
    let (_, mut session) = connected(&clean());
    session.handle_input(NOW, &two("x"));
    told(&mut session, NOW);
    session.puback(NOW, id(1), ReasonCode::Success, None);
    assert_eq!(told(&mut session, NOW).sent, Vec::<u8>::new());
    session.pubrec(NOW, id(1), ReasonCode::Success, None);
    assert_eq!(told(&mut session, NOW).sent, pubrec5(1, 0, &[]));
}
