//! How a CONNECT becomes a connection of the session's, or does not.

use std::sync::Arc;

use mqtt_sansio::{
    AcceptError, AuthenticationError, ClientFault, CloseReason, Handshake, HandshakeEvent,
    OwnedProperties, Property, QoS, ReasonCode, Session, SessionConfig, SessionOutput, Violation,
};

use super::{
    METHOD, NOW, clean, closed, connected, connected_with, handshake, knows_methods, lost, m,
    owned, resumed, sent, stays, told,
};
use crate::bench::ms;
use crate::wire::{connect, hex, unhex};
use crate::wire5::{
    accepted5, auth5, connack5, connect5, disconnect5, farewell5, maximum_packet_size, publish5_1,
    same5, user, words5,
};

/// A CONNECT that goes on with the session, of a client that takes packets of so many bytes.
fn narrow(maximum: u32, clean_start: bool) -> Vec<u8> {
    let properties = [Property::SessionExpiryInterval(100), maximum_packet_size(maximum)];
    connect5("a", &properties, |connect| connect.clean_start = clean_start)
}

#[test]
fn connack_says_what_the_server_adds_and_that_holds() {
    let config = Arc::new(SessionConfig::default());
    let asked = [Property::RequestResponseInformation(true), METHOD];
    let mut config_with = (*config).clone();
    config_with.handshake.authentication_methods = vec!["M".into()];
    let config = Arc::new(config_with);
    let said = [
        Property::SessionExpiryInterval(30),
        Property::ServerKeepAlive(10),
        Property::AssignedClientIdentifier("chosen"),
        Property::ResponseInformation("answers/here"),
        Property::AuthenticationData(b"proof"),
        Property::ReasonString("welcome"),
        user("k", "v"),
    ];
    let mut session = Session::new(Arc::clone(&config));
    let connect = connect5("", &asked, |_| ());
    assert_eq!(session.connect_with(NOW, handshake(&config, &connect), &said), Ok(false));
    let told_of = told(&mut session, NOW);
    let connack = accepted5(false, &[&said[..], &[METHOD]].concat());
    assert!(same5(&told_of.sent, &connack), "{}{}", words5(&told_of.sent), words5(&connack));
    assert_eq!(told_of.wait, Some(ms(16_000)));
    session.handle_timeout(ms(16_000));
    let told_of = told(&mut session, ms(16_000));
    assert_eq!(told_of.events, [closed(CloseReason::KeepAliveTimeout, 30)]);
}

#[test]
fn what_connack_cannot_say_is_an_error_and_nothing_has_happened() {
    let forbidden = Err(AcceptError::Property(Violation::PropertyNotAllowed));
    let twice = Err(AcceptError::Property(Violation::DuplicateProperty));
    let named = clean();
    let nameless = connect5("", &[], |_| ());
    let identifier = |name| vec![Property::AssignedClientIdentifier(name)];
    let reason = Property::ReasonString("r");
    for (connect, properties, error) in [
        (&named, identifier("other"), &forbidden),
        (&nameless, identifier(""), &forbidden),
        (&named, vec![Property::AuthenticationData(b"x")], &forbidden),
        (&named, vec![METHOD], &forbidden),
        (&named, vec![Property::ServerReference("elsewhere")], &forbidden),
        (&named, vec![Property::MaximumQoS(QoS::AtMostOnce)], &forbidden),
        (&named, vec![user("k", "v"), Property::ContentType("c")], &forbidden),
        (&named, vec![reason, reason], &twice),
    ] {
        let (config, mut session) = connected(&stays());
        let result = session.connect_with(NOW, handshake(&config, connect), &properties);
        assert_eq!(result, *error, "{properties:?}");
        sent(&mut session, &[]);
        assert!(session.is_connected(), "{properties:?} took the connection over");
    }
}

#[test]
fn before_5_0_connack_says_nothing() {
    let config = Arc::new(SessionConfig::default());
    let said = [Property::AssignedClientIdentifier("chosen"), Property::ServerKeepAlive(10)];
    let mut session = Session::new(Arc::clone(&config));
    let handshake = handshake(&config, &connect("", |_| ()));
    assert_eq!(session.connect_with(NOW, handshake, &said), Ok(false));
    let told = told(&mut session, NOW);
    assert_eq!((hex(&told.sent), told.wait), ("20020000".to_owned(), None));
}

#[test]
fn a_connection_without_connect_takes_nothing_over() {
    let (config, mut session) = connected(&stays());
    for bytes in ["", "1010"] {
        let mut handshake = Handshake::new(NOW, Arc::clone(&config));
        assert_eq!(handshake.handle_input(&mut &unhex(bytes)[..]), Ok(None));
        assert_eq!(session.connect(NOW, handshake), Ok(false));
        sent(&mut session, &[]);
        assert!(session.is_connected());
    }
}

#[test]
fn a_connection_that_is_taken_over_is_told_first() {
    let (config, mut session) = connected(&stays());
    let kept = Arc::new(m("x", 1));
    // As the documentation says: DISCONNECT, a pull, and then the next.
    let said = session.disconnect_with(NOW, ReasonCode::SessionTakenOver, &[]);
    assert_eq!(said, Ok(()));
    let old = told(&mut session, NOW);
    assert_eq!(hex(&old.sent), hex(&disconnect5(0x8E, &[])));
    assert_eq!((old.events, old.close), (vec![closed(CloseReason::Requested, 100)], true));
    assert_eq!(session.deliver(NOW, &kept, QoS::AtLeastOnce, false), Ok(()));
    assert_eq!(session.connect(NOW, handshake(&config, &stays())), Ok(true));
    sent(&mut session, &[accepted5(true, &[]), publish5_1(1, "t", "x", &[])].concat());
}

#[test]
fn the_next_connection_is_told_nothing_that_was_for_the_one_before() {
    let (config, mut session) = connected(&stays());
    assert_eq!(session.connect(NOW, handshake(&config, &stays())), Ok(true));
    let told = told(&mut session, NOW);
    assert_eq!(words5(&told.sent), words5(&accepted5(true, &[])));
    assert_eq!((told.events, told.close), (vec![closed(CloseReason::TakenOver, 100)], false));
}

/// Polls up to where the driver is told to send, and does not.
fn polled_to_transmit(session: &mut Session) {
    loop {
        match session.poll_output() {
            SessionOutput::Transmit => return,
            SessionOutput::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_next_connack_is_announced_where_the_last_words_were_never_pulled() {
    for is_lost in [true, false] {
        let (config, mut session) = connected(&stays());
        session.disconnect(NOW);
        polled_to_transmit(&mut session);
        if is_lost {
            session.handle_closed(NOW);
            session.check_invariants();
            sent(&mut session, &[]);
        }
        resumed(&config, &mut session, &stays());
    }
}

#[test]
fn a_client_that_takes_no_connack_leaves_the_session_as_it_is() {
    for (maximum, answer) in [(6, Some("2003009500")), (5, Some("2003009500")), (4, None)] {
        for clean_start in [false, true] {
            let (config, mut session) = connected(&stays());
            lost(&mut session);
            let kept = Arc::new(m("x", 1));
            assert_eq!(session.deliver(NOW, &kept, QoS::AtLeastOnce, false), Ok(()));
            let result = session.connect(NOW, handshake(&config, &narrow(maximum, clean_start)));
            let Err(AcceptError::Rejection(rejection)) = result else { panic!("{result:?}") };
            assert_eq!(rejection.fault, ClientFault::AnswerTooLarge);
            assert_eq!(rejection.answer.as_deref().map(hex).as_deref(), answer);
            // No event tells of a connection that was none, or of a session that has ended.
            sent(&mut session, &[]);
            assert_eq!(session.queued_messages(), 1);
            assert_eq!(session.connect(NOW, handshake(&config, &stays())), Ok(true));
            sent(&mut session, &[accepted5(true, &[]), publish5_1(1, "t", "x", &[])].concat());
        }
    }
}

#[test]
fn a_client_that_takes_no_connack_has_ended_its_older_connection() {
    let (config, mut session) = connected(&stays());
    let result = session.connect(NOW, handshake(&config, &narrow(6, false)));
    assert!(matches!(result, Err(AcceptError::Rejection(_))), "{result:?}");
    let old = told(&mut session, NOW);
    assert_eq!(words5(&old.sent), words5(&farewell5(0x8E, CloseReason::TakenOver)));
    assert_eq!((old.events, old.close), (vec![closed(CloseReason::TakenOver, 100)], true));
    resumed(&config, &mut session, &stays());
}

#[test]
fn a_refusal_says_why_and_only_a_code_of_connack() {
    let config = Arc::new(SessionConfig::default());
    let said = [Property::ReasonString("r"), Property::ServerReference("there"), user("k", "v")];
    for (code, byte) in [
        (ReasonCode::UseAnotherServer, 0x9C),
        (ReasonCode::Banned, 0x8A),
        (ReasonCode::SessionTakenOver, 0x80),
        (ReasonCode::TopicFilterInvalid, 0x80),
        (ReasonCode::Success, 0x80),
    ] {
        let refused = handshake(&config, &clean()).refuse_with(code, &said).unwrap();
        let expected = connack5(false, byte, &said);
        assert!(same5(&refused, &expected), "{code}: {}", words5(&refused));
        let refused = handshake(&config, &clean()).refuse(code).unwrap();
        assert_eq!(hex(&refused), hex(&connack5(false, byte, &[])), "{code}");
    }
    // As much of it as the client takes; and nothing where CONNECT has not come.
    let refused = handshake(&config, &narrow(15, true));
    let refused = refused.refuse_with(ReasonCode::Banned, &[said[0], user("key", "value")]);
    let expected = connack5(false, 0x8A, &[said[0]]);
    assert_eq!(refused.as_deref().map(hex), Some(hex(&expected)));
    let early = Handshake::new(NOW, config);
    assert_eq!(early.refuse_with(ReasonCode::Banned, &said), None);
}

#[test]
fn a_client_authenticates_itself_before_connack() {
    let config = Arc::new(knows_methods());
    let mut handshake = handshake(&config, &connect5("a", &[METHOD], |_| ()));
    let data = Property::AuthenticationData(b"?");
    assert_eq!(handshake.authenticate(ms(2000), &[data]), Ok(()));
    assert_eq!(handshake.deadline(), Some(ms(12_000)));
    assert_eq!(handshake.authenticate(NOW, &[]), Err(AuthenticationError::NotInTurn));
    let mut out = Vec::new();
    assert!(handshake.has_something_to_send());
    let size = handshake.poll_transmit(&mut out, usize::MAX);
    assert_eq!(
        (hex(&out.concat()), size),
        (hex(&auth5(0x18, &[METHOD, data])), out.concat().len())
    );
    assert!(!handshake.has_something_to_send());
    let answer = [METHOD, Property::AuthenticationData(b"!")];
    let event = handshake.handle_input(&mut &auth5(0x18, &answer)[..]);
    assert_eq!(event, Ok(Some(HandshakeEvent::Authentication(owned(&answer)))));
    assert_eq!(handshake.deadline(), None);
    let mut session = Session::new(config);
    assert_eq!(session.connect(NOW, handshake), Ok(false));
    sent(&mut session, &accepted5(false, &[METHOD]));
}

#[test]
fn a_client_that_gives_up_says_why() {
    let config = Arc::new(knows_methods());
    for (code, with) in [(0x80, &[Property::ReasonString("no")][..]), (0, &[])] {
        let mut handshake = handshake(&config, &connect5("a", &[METHOD], |_| ()));
        assert_eq!(handshake.authenticate(NOW, &[]), Ok(()));
        let event = handshake.handle_input(&mut &disconnect5(code, with)[..]);
        let reason_code = match code {
            0 => ReasonCode::NORMAL_DISCONNECTION,
            code => ReasonCode::try_from(code).unwrap(),
        };
        let properties = if with.is_empty() { OwnedProperties::EMPTY } else { owned(with) };
        assert_eq!(event, Ok(Some(HandshakeEvent::Disconnect { reason_code, properties })));
    }
}

#[test]
fn only_a_servers_code_is_sent_in_auth() {
    let connect = connect5("a", &[METHOD], |_| ());
    let (_, mut session) = connected_with(knows_methods(), &connect);
    let not_in_turn = Err(AuthenticationError::NotInTurn);
    assert_eq!(session.authenticate(NOW, ReasonCode::Success, &[]), not_in_turn);
    session.handle_input(NOW, &auth5(0x19, &[METHOD]));
    assert_eq!(told(&mut session, NOW).events.len(), 1);
    let not_listed = Err(AuthenticationError::Property(Violation::ReasonCodeNotListed));
    for code in [ReasonCode::ReAuthenticate, ReasonCode::NotAuthorized, ReasonCode::Banned] {
        assert_eq!(session.authenticate(NOW, code, &[]), not_listed, "{code}");
    }
    let forbidden = Err(AuthenticationError::Property(Violation::PropertyNotAllowed));
    for property in [METHOD, Property::ServerReference("there")] {
        let result = session.authenticate(NOW, ReasonCode::Success, &[property]);
        assert_eq!(result, forbidden, "{property:?}");
    }
    sent(&mut session, &[]);
    // It is still the server's turn.
    assert_eq!(session.authenticate(NOW, ReasonCode::Success, &[user("k", "v")]), Ok(()));
    sent(&mut session, &auth5(0, &[METHOD, user("k", "v")]));
    assert_eq!(session.authenticate(NOW, ReasonCode::Success, &[]), not_in_turn);
}
