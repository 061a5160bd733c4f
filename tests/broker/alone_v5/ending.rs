//! How a connection ends: DISCONNECT, what goes before it, and the close.

use std::sync::Arc;

use mqtt_sansio::{
    ClientFault, CloseReason, MAXIMUM_PACKET_SIZE, Property, QoS, ReasonCode, Session,
    SessionEvent, SessionOutput, Violation,
};

use super::{
    NOW, clean, closed, connected, events, handshake, id, lost, m, owned, resumed, sent, stays,
    told,
};
use crate::bench::ms;
use crate::wire::{PINGREQ, dup, hex, unhex};
use crate::wire5::{
    accepted5, connack5, connect5, disconnect5, farewell5, maximum_packet_size, message5, puback5,
    pubcomp5, publish5, publish5_1, publish5_2, pubrec5, pubrel5, receive_maximum, sub5,
    subscribe5, topic_alias, user, words5,
};

/// What ends a connection, as what, and with what code.
type End = (fn(&mut Session), CloseReason, u8);

#[test]
fn the_server_says_why_it_ends_a_connection() {
    let ends: [End; 3] = [
        (|session| session.disconnect(NOW), CloseReason::Requested, 0x98),
        (|session| session.handle_timeout(ms(16_000)), CloseReason::KeepAliveTimeout, 0x8D),
        (
            |session| session.handle_input(NOW, &clean()),
            CloseReason::ClientFault(ClientFault::SecondConnect),
            0x82,
        ),
    ];
    for (end, reason, code) in ends {
        let connect = connect5("a", &[], |connect| connect.keep_alive = 10);
        let (_, mut session) = connected(&connect);
        end(&mut session);
        let told = told(&mut session, NOW);
        assert_eq!(words5(&told.sent), words5(&farewell5(code, reason)));
        assert_eq!(told.events, [closed(reason, 0)]);
        assert_eq!((told.close, told.wait), (true, None), "{reason}");
    }
}

#[test]
fn the_transport_is_closed_once_the_last_words_are_pulled() {
    let (_, mut session) = connected(&clean());
    events(&mut session, &publish5_1(1, "t", "x", &[]));
    session.puback(NOW, id(1), ReasonCode::Success, None);
    session.handle_input(NOW, &unhex(PINGREQ));
    let said = [Property::ReasonString("maintenance"), Property::ServerReference("there")];
    let result = session.disconnect_with(NOW, ReasonCode::UseAnotherServer, &said);
    assert_eq!(result, Ok(()));
    assert!(!session.is_connected());
    let end = closed(CloseReason::Requested, 0);
    assert_eq!(session.poll_output(), SessionOutput::Event(end));
    assert_eq!(session.poll_output(), SessionOutput::Transmit);
    assert_eq!(session.poll_output(), SessionOutput::Wait(None), "DISCONNECT is not out");
    // The answers that wait go before it, packet by packet.
    let mut out = Vec::new();
    assert_eq!(session.poll_transmit(NOW, &mut out, 0), 0);
    assert_eq!(session.poll_transmit(NOW, &mut out, 1), 4);
    assert_eq!(session.poll_output(), SessionOutput::Transmit);
    session.poll_transmit(NOW, &mut out, usize::MAX);
    let all = [puback5(1, 0, &[]), unhex("d000"), disconnect5(0x9C, &said)].concat();
    assert_eq!(words5(&out.concat()), words5(&all));
    assert_eq!(session.poll_output(), SessionOutput::Close);
    assert_eq!(session.poll_output(), SessionOutput::Wait(None), "Close is said once");
    assert_eq!(session.poll_transmit(NOW, &mut out, usize::MAX), 0);
}

#[test]
fn what_the_last_words_were_is_forgotten_with_the_transport() {
    let (_, mut session) = connected(&stays());
    session.disconnect(NOW);
    assert_eq!(lost(&mut session), [closed(CloseReason::Requested, 100)]);
}

#[test]
fn what_a_server_cannot_say_in_disconnect_is_an_error_and_the_connection_goes_on() {
    let not_listed = Err(Violation::ReasonCodeNotListed);
    let forbidden = Err(Violation::PropertyNotAllowed);
    let expiry = Property::SessionExpiryInterval(1);
    let method = Property::AuthenticationMethod("M");
    let twice = [Property::ReasonString("r"); 2];
    for (code, properties, error) in [
        (ReasonCode::DisconnectWithWillMessage, &[][..], not_listed),
        (ReasonCode::Banned, &[], not_listed),
        (ReasonCode::ServerBusy, &[expiry], forbidden),
        (ReasonCode::ServerBusy, &[method], forbidden),
        (ReasonCode::ServerBusy, &twice, Err(Violation::DuplicateProperty)),
    ] {
        let (_, mut session) = connected(&clean());
        assert_eq!(session.disconnect_with(NOW, code, properties), error, "{code} {properties:?}");
        sent(&mut session, &[]);
        assert!(session.is_connected());
    }
}

#[test]
fn last_words_keep_to_the_maximum_packet_size() {
    let accepted = u32::try_from(accepted5(false, &[]).len()).unwrap();
    let (_, mut session) = connected(&connect5("a", &[maximum_packet_size(accepted)], |_| ()));
    let long = "x".repeat(100);
    let said = [Property::ReasonString("r"), user("k", &long)];
    assert_eq!(session.disconnect_with(NOW, ReasonCode::ServerBusy, &said), Ok(()));
    let sent = told(&mut session, NOW).sent;
    assert_eq!(words5(&sent), words5(&disconnect5(0x89, &[Property::ReasonString("r")])));
}

#[test]
fn a_client_that_disconnects_is_told_nothing_but_its_answers() {
    let (_, mut session) = connected(&stays());
    events(&mut session, &publish5_1(1, "t", "x", &[]));
    session.puback(NOW, id(1), ReasonCode::Success, None);
    session.handle_input(NOW, &disconnect5(0, &[]));
    let told = told(&mut session, NOW);
    assert_eq!(words5(&told.sent), words5(&puback5(1, 0, &[])));
    assert_eq!((told.events, told.close), (vec![closed(CloseReason::Disconnected, 100)], true));
}

#[test]
fn an_answer_too_large_for_the_client_ends_the_connection() {
    let accepted = u32::try_from(accepted5(false, &[]).len()).unwrap();
    let (_, mut session) = connected(&connect5("a", &[maximum_packet_size(accepted)], |_| ()));
    let filters: Vec<String> = (10..40).map(|n| n.to_string()).collect();
    let filters: Vec<_> = filters.iter().map(|filter| sub5(filter, 0)).collect();
    events(&mut session, &subscribe5(1, &filters, &[]));
    session.suback(NOW, id(1), &[ReasonCode::GrantedQoS1; 30], None);
    let told = told(&mut session, NOW);
    assert_eq!(words5(&told.sent), words5(&disconnect5(0x95, &[])));
    assert_eq!((told.events, told.close), (vec![closed(ClientFault::AnswerTooLarge, 0)], true));
}

/// What a DISCONNECT with that Session Expiry Interval leaves, where CONNECT asked for one and CONNACK said
/// another.
fn left(asked: u32, said: Option<u32>, seconds: u32) -> Vec<SessionEvent> {
    let config = Arc::default();
    let mut session = Session::new(Arc::clone(&config));
    let connack: Vec<_> = said.map(Property::SessionExpiryInterval).into_iter().collect();
    let asked = [Property::SessionExpiryInterval(asked)];
    let handshake = handshake(&config, &connect5("a", &asked, |_| ()));
    assert_eq!(session.connect_with(NOW, handshake, &connack), Ok(false));
    sent(&mut session, &accepted5(false, &connack));
    session.handle_input(NOW, &disconnect5(0, &[Property::SessionExpiryInterval(seconds)]));
    told(&mut session, NOW).events
}

#[test]
fn disconnect_sets_how_long_the_session_stays_but_not_above_connack() {
    let all = u32::MAX;
    for (asked, said, seconds, kept) in [
        (100, None, 7, 7),
        (100, None, 500, 500),
        (100, None, 0, 0),
        (100, None, all, all),
        (100, Some(60), 500, 60),
        (100, Some(60), all, 60),
        (100, Some(60), 59, 59),
        (100, Some(0), 500, 0),
        (100, Some(300), 500, 300),
    ] {
        let closed = SessionEvent::Closed {
            reason: CloseReason::Disconnected,
            properties: owned(&[Property::SessionExpiryInterval(seconds)]),
            will: None,
            will_delay_interval: 0,
            session_expiry_interval: kept,
        };
        assert_eq!(left(asked, said, seconds), [closed], "{asked} {said:?} {seconds}");
    }
    // Where CONNECT asked for none, it is too late.
    let fault = ClientFault::SessionExpiryRaised;
    assert_eq!(left(0, None, 1), [closed(fault, 0)]);
    assert_eq!(left(0, Some(60), 1), [closed(fault, 60)]);
}

/// How many pulls say nothing until what waits is sent, and that.
fn pulls(session: &mut Session, now: u64) -> (usize, Vec<u8>) {
    let mut empty = 0;
    let mut out = Vec::new();
    while session.poll_output() == SessionOutput::Transmit {
        if session.poll_transmit(ms(now), &mut out, 65_536) == 0 {
            empty += 1;
        }
        session.check_invariants();
    }
    (empty, out.concat())
}

#[test]
fn messages_that_have_expired_or_are_too_large_end_a_pull_after_100() {
    let expiry = [Property::MessageExpiryInterval(1)];
    let large = "x".repeat(100);
    for (payload, properties) in [("x", &expiry[..]), (&large, &[])] {
        let (_, mut session) = connected(&connect5("a", &[maximum_packet_size(90)], |_| ()));
        let message = Arc::new(message5("t", payload, 0, properties).taken_over(NOW));
        for _ in 0..250 {
            assert_eq!(session.deliver(NOW, &message, QoS::AtMostOnce, false), Ok(()));
        }
        let last = Arc::new(m("last", 0));
        assert_eq!(session.deliver(NOW, &last, QoS::AtMostOnce, false), Ok(()));
        let (empty, sent) = pulls(&mut session, 3000);
        assert_eq!((empty, hex(&sent)), (2, hex(&publish5("t", "last", &[]))), "{payload}");
        assert_eq!(session.queued_messages(), 0);
    }
}

#[test]
fn a_message_that_was_sent_and_has_become_too_large_counts_as_sent() {
    let properties = [Property::SessionExpiryInterval(100), receive_maximum(1)];
    let (config, mut session) = connected(&connect5("a", &properties, |_| ()));
    let (large, small) = ("x".repeat(100), "y");
    for payload in [&*large, small] {
        let message = Arc::new(m(payload, 1));
        assert_eq!(session.deliver(NOW, &message, QoS::AtLeastOnce, false), Ok(()));
    }
    sent(&mut session, &publish5_1(1, "t", &large, &[]));
    lost(&mut session);
    let less = [Property::SessionExpiryInterval(100), maximum_packet_size(90)];
    let narrow = connect5("a", &less, |connect| connect.clean_start = false);
    assert_eq!(session.connect(NOW, handshake(&config, &narrow)), Ok(true));
    sent(&mut session, &[accepted5(true, &[]), publish5_1(2, "t", small, &[])].concat());
    assert_eq!((session.queued_messages(), session.inflight_messages()), (0, 1));
    // Nothing of it is left for a connection that takes more.
    session.handle_input(NOW, &puback5(2, 0, &[]));
    lost(&mut session);
    resumed(&config, &mut session, &stays());
}

#[test]
fn a_qos_2_message_that_was_sent_and_has_become_too_large_is_released() {
    let (config, mut session) = connected(&stays());
    let large = "x".repeat(100);
    for payload in [&*large, "y"] {
        let message = Arc::new(m(payload, 2));
        assert_eq!(session.deliver(NOW, &message, QoS::ExactlyOnce, false), Ok(()));
    }
    let both = [publish5_2(1, "t", &large, &[]), publish5_2(2, "t", "y", &[])].concat();
    sent(&mut session, &both);
    lost(&mut session);
    let less = [Property::SessionExpiryInterval(100), maximum_packet_size(90)];
    let narrow = connect5("a", &less, |connect| connect.clean_start = false);
    // The client may have got it: what it holds of it ends so.
    let again = [pubrel5(1, 0, &[]), dup(publish5_2(2, "t", "y", &[]))].concat();
    assert_eq!(session.connect(NOW, handshake(&config, &narrow)), Ok(true));
    sent(&mut session, &[accepted5(true, &[]), again].concat());
    assert_eq!(session.inflight_messages(), 2);
    // The release is repeated like others, and its end is PUBCOMP, also where the client never had the message.
    lost(&mut session);
    let again = [pubrel5(1, 0, &[]), dup(publish5_2(2, "t", "y", &[]))].concat();
    assert_eq!(session.connect(NOW, handshake(&config, &narrow)), Ok(true));
    sent(&mut session, &[accepted5(true, &[]), again].concat());
    session.handle_input(NOW, &[pubcomp5(1, 0x92, &[]), pubrec5(2, 0x80, &[])].concat());
    assert_eq!((session.queued_messages(), session.inflight_messages()), (0, 0));
    sent(&mut session, &[]);
}

#[test]
fn a_message_with_no_room_for_an_alias_has_none() {
    // The largest packet there is, but for a byte: fixed header, topic, packet identifier, property length.
    let name = "long/topic";
    let room = MAXIMUM_PACKET_SIZE as usize - 5 - 2 - name.len() - 2 - 1;
    let connect = connect5("a", &[Property::TopicAliasMaximum(5)], |_| ());
    let (_, mut session) = connected(&connect);
    let mut message = message5(name, "", 1, &[]);
    message.payload = vec![0; room - 1].into();
    assert_eq!(session.deliver(NOW, &Arc::new(message), QoS::AtLeastOnce, false), Ok(()));
    assert_eq!(session.poll_output(), SessionOutput::Transmit);
    let mut out = Vec::new();
    let size = session.poll_transmit(NOW, &mut out, 1);
    assert_eq!(size, MAXIMUM_PACKET_SIZE as usize - 1);
    let header = "32 feffff7f 000a 6c6f6e672f746f706963 0001 00";
    assert_eq!(hex(&out[0]), hex(&unhex(header)));
    // The next has one, with its topic: the client has not been told of it.
    let next = Arc::new(message5(name, "x", 0, &[]));
    assert_eq!(session.deliver(NOW, &next, QoS::AtLeastOnce, false), Ok(()));
    sent(&mut session, &publish5(name, "x", &[topic_alias(1)]));
}

#[test]
fn a_refused_session_present_flag_is_never_set() {
    let (config, mut session) = connected(&stays());
    lost(&mut session);
    let refused = handshake(&config, &stays()).refuse(ReasonCode::ServerBusy);
    assert_eq!(refused.as_deref().map(hex), Some(hex(&connack5(false, 0x89, &[]))));
    resumed(&config, &mut session, &stays());
}
