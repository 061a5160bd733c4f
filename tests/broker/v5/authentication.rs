//! Enhanced authentication, section 4.12: rounds of AUTH before CONNACK and after it.

use mqtt_sansio::{
    AuthenticationError, BrokerError, BrokerEvent, ClientFault, CloseReason, OwnedProperties,
    PacketType, Permissions, Property, ReasonCode,
};

use super::subscriber;
use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{PINGREQ, PINGRESP, publish, suback, subscribe};
use crate::wire5::{
    accepted5, auth5, connack5, connect5, disconnect5, maximum_packet_size, puback5, publish5,
    publish5_1, user, will5,
};

const METHOD: Property<'_> = Property::AuthenticationMethod("m");

fn data(data: &[u8]) -> Property<'_> {
    Property::AuthenticationData(data)
}

/// A broker that knows the method, and whose answers are the test's.
fn bench() -> Bench {
    let mut bench =
        Bench::with(|config| config.session.handshake.authentication_methods = vec!["m".into()]);
    bench.answer_with(|request| match request.properties.authentication_method() {
        Some(_) => Answer::Later,
        None => Answer::Accept(Permissions::all()),
    });
    bench
}

/// A client that wants to be authenticated, with a will.
#[track_caller]
fn begun(bench: &mut Bench) -> Peer {
    let a = bench.dial(connect5("a", &[METHOD, data(b"1")], |connect| {
        connect.will = Some(will5("gone", 0, &[]));
    }));
    bench.quiet(&[a]);
    bench.events();
    a
}

#[track_caller]
fn authenticate(bench: &mut Bench, peer: Peer, code: ReasonCode, properties: &[Property<'_>]) {
    let id = bench.id(peer);
    let done = bench.broker.authenticate(ms(bench.now), id, code, properties);
    assert_eq!(done, Ok(()));
    bench.drive();
}

/// The server asks for more, and the client is told so.
#[track_caller]
fn challenge(bench: &mut Bench, peer: Peer, challenge: &[u8]) {
    authenticate(bench, peer, ReasonCode::ContinueAuthentication, &[data(challenge)]);
    bench.got5(peer, auth5(0x18, &[METHOD, data(challenge)]));
}

#[track_caller]
fn accept(bench: &mut Bench, peer: Peer, properties: &[Property<'_>]) {
    let id = bench.id(peer);
    let done = bench.broker.accept_with(ms(bench.now), id, Permissions::all(), properties);
    assert_eq!(done, Ok(()));
    bench.drive();
}

/// Asserts that an AUTH of the client's is all that the program was told of.
#[track_caller]
fn asked(bench: &mut Bench, peer: Peer, reason_code: ReasonCode, properties: &[Property<'_>]) {
    let properties = OwnedProperties::new(properties).unwrap();
    let connection = bench.id(peer);
    let event = BrokerEvent::Authentication { connection, reason_code, properties };
    assert_eq!(bench.events(), [event]);
}

/// A client that was authenticated without any further round.
#[track_caller]
fn connected(bench: &mut Bench) -> Peer {
    let a = begun(bench);
    accept(bench, a, &[]);
    bench.got5(a, accepted5(false, &[METHOD]));
    bench.events();
    a
}

/// Asserts that a CONNACK with that code and the sentence of the fault was all, and the connection is closed.
#[track_caller]
fn refused_for(bench: &mut Bench, peer: Peer, code: u8, fault: ClientFault) {
    let why = fault.to_string();
    bench.got5(peer, connack5(false, code, &[Property::ReasonString(&why)]));
    bench.is_closed(peer, fault);
}

fn out_of_turn(bench: &mut Bench, peer: Peer, code: ReasonCode) {
    let id = bench.id(peer);
    let done = bench.broker.authenticate(ms(bench.now), id, code, &[]);
    assert_eq!(done, Err(BrokerError::Authentication(AuthenticationError::NotInTurn)), "{code}");
    bench.drive();
}

/// A client of 3.1.1 that gets the wills.
fn witness(bench: &mut Bench) -> Peer {
    let witness = bench.client("witness");
    bench.ask(witness, subscribe(1, &[("w", 0)]), suback(1, &[0]));
    bench.events();
    witness
}

#[test]
fn the_request_tells_method_and_data() {
    let mut bench = bench();
    bench.dial(connect5("a", &[METHOD, data(b"1"), user("k", "v")], |_| ()));
    let events = bench.events();
    let [BrokerEvent::Connect { request, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(request.properties.authentication_method(), Some("m"));
    assert_eq!(request.properties.authentication_data(), Some(&b"1"[..]));
    assert_eq!(request.properties.user_properties().count(), 1);
}

#[test]
fn several_rounds_end_with_an_accept_that_carries_data() {
    let mut bench = bench();
    let a = begun(&mut bench);
    challenge(&mut bench, a, b"2");
    bench.ask(a, auth5(0x18, &[METHOD, data(b"3"), user("k", "v")]), "");
    let told = [METHOD, data(b"3"), user("k", "v")];
    asked(&mut bench, a, ReasonCode::ContinueAuthentication, &told);
    challenge(&mut bench, a, b"");
    bench.ask(a, auth5(0x18, &[METHOD]), "");
    asked(&mut bench, a, ReasonCode::ContinueAuthentication, &[METHOD]);
    accept(&mut bench, a, &[data(b"done")]);
    bench.got5(a, accepted5(false, &[METHOD, data(b"done")]));
    let client_id = "a".into();
    let connection = bench.id(a);
    let connected = BrokerEvent::Connected { connection, client_id, session_present: false };
    assert_eq!(bench.events(), [connected]);
    bench.ask(a, PINGREQ, PINGRESP);
}

#[test]
fn a_client_with_a_known_method_may_be_accepted_at_once() {
    let mut bench = bench();
    let a = connected(&mut bench);
    bench.ask(a, PINGREQ, PINGRESP);
}

#[test]
fn a_refusal_after_a_round_is_a_connack() {
    let mut bench = bench();
    let witness = witness(&mut bench);
    let a = begun(&mut bench);
    challenge(&mut bench, a, b"2");
    bench.send(a, auth5(0x18, &[METHOD, data(b"wrong")]));
    let id = bench.id(a);
    let why = [Property::ReasonString("no"), user("k", "v")];
    let refused = bench.broker.refuse_with(ms(bench.now), id, ReasonCode::NotAuthorized, &why);
    assert_eq!(refused, Ok(()));
    bench.drive();
    bench.got5(a, connack5(false, 0x87, &why));
    bench.is_closed(a, CloseReason::Refused(ReasonCode::NotAuthorized));
    bench.quiet(&[witness]);
}

#[test]
fn a_client_whose_method_is_not_known_is_refused_before_anybody_is_asked() {
    for (method, known) in [("x", true), ("M", true), ("m", false)] {
        let mut bench = if known { bench() } else { Bench::new() };
        let a = bench.dial(connect5("a", &[Property::AuthenticationMethod(method)], |_| ()));
        refused_for(&mut bench, a, 0x8c, ClientFault::AuthenticationMethod);
        let events = bench.events();
        assert!(matches!(events[..], [BrokerEvent::Disconnected { .. }]), "{events:?}");
    }
}

#[test]
fn a_client_that_does_not_answer_a_challenge_is_closed_in_time() {
    let mut bench = bench();
    let witness = witness(&mut bench);
    let a = begun(&mut bench);
    // The program may take its time.
    bench.at(50_000);
    bench.quiet(&[a]);
    challenge(&mut bench, a, b"2");
    bench.at(59_999);
    bench.quiet(&[a]);
    bench.at(60_000);
    bench.got(a, "");
    bench.is_closed(a, CloseReason::ConnectTimeout);
    bench.quiet(&[witness]);
}

#[test]
fn an_answer_stops_the_clock_until_the_next_challenge() {
    let mut bench = bench();
    let a = begun(&mut bench);
    challenge(&mut bench, a, b"2");
    bench.at(10_000);
    bench.send(a, auth5(0x18, &[METHOD]));
    bench.at(90_000);
    bench.quiet(&[a]);
    accept(&mut bench, a, &[]);
    bench.got5(a, accepted5(false, &[METHOD]));
    bench.at(900_000);
    bench.quiet(&[a]);
}

#[test]
fn the_server_speaks_only_in_its_turn() {
    let mut bench = bench();
    let next = ReasonCode::ContinueAuthentication;
    let opened = bench.open();
    out_of_turn(&mut bench, opened, next);
    let plain = bench.client5("plain", &[]);
    let old = bench.client("old");
    for peer in [plain, old] {
        out_of_turn(&mut bench, peer, next);
        out_of_turn(&mut bench, peer, ReasonCode::Success);
    }
    let a = begun(&mut bench);
    // Before CONNACK the end is to accept or to refuse.
    out_of_turn(&mut bench, a, ReasonCode::Success);
    challenge(&mut bench, a, b"2");
    out_of_turn(&mut bench, a, next);
    bench.send(a, auth5(0x18, &[METHOD]));
    accept(&mut bench, a, &[]);
    bench.got5(a, accepted5(false, &[METHOD]));
    out_of_turn(&mut bench, a, next);
    out_of_turn(&mut bench, a, ReasonCode::Success);
    bench.lose(a);
    out_of_turn(&mut bench, a, next);
    bench.quiet(&[opened, plain, old]);
}

#[test]
fn a_code_that_is_none_of_the_servers_is_not_sent() {
    let mut bench = bench();
    let a = begun(&mut bench);
    for code in [ReasonCode::ReAuthenticate, ReasonCode::NotAuthorized] {
        let id = bench.id(a);
        let done = bench.broker.authenticate(ms(bench.now), id, code, &[]);
        assert!(done.is_err(), "{code}: {done:?}");
        bench.drive();
    }
    bench.quiet(&[a]);
    challenge(&mut bench, a, b"2");
}

#[test]
fn an_auth_that_does_not_go_on_before_connack_is_refused() {
    for wrong in [auth5(0x19, &[METHOD]), auth5(0x18, &[Property::AuthenticationMethod("x")])] {
        let mut bench = bench();
        let a = begun(&mut bench);
        challenge(&mut bench, a, b"2");
        bench.send(a, wrong);
        refused_for(&mut bench, a, 0x82, ClientFault::UnexpectedAuth);
    }
}

#[test]
fn a_client_may_give_up_in_its_turn() {
    let mut bench = bench();
    let witness = witness(&mut bench);
    let a = begun(&mut bench);
    challenge(&mut bench, a, b"2");
    bench.send(a, disconnect5(0, &[]));
    bench.got(a, "");
    assert!(bench.reason(a).is_some());
    bench.quiet(&[witness]);
}

#[test]
fn an_auth_of_a_client_without_method_is_a_protocol_error() {
    for code in [0x18, 0x19] {
        let mut bench = bench();
        let a = bench.client5("a", &[]);
        bench.send(a, auth5(code, &[METHOD]));
        bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
    }
}

#[test]
fn a_client_that_goes_on_with_an_authentication_that_is_over_is_at_fault() {
    let mut bench = bench();
    let witness = witness(&mut bench);
    let a = connected(&mut bench);
    bench.send(a, auth5(0x18, &[METHOD]));
    bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
    bench.got(witness, publish("w", "gone"));
}

#[test]
fn a_client_authenticates_anew_in_rounds_while_messages_flow() {
    let mut bench = bench();
    let heir = subscriber(&mut bench, "heir", "t", 0);
    let a = connected(&mut bench);
    bench.ask(a, auth5(0x19, &[METHOD, data(b"1")]), "");
    asked(&mut bench, a, ReasonCode::ReAuthenticate, &[METHOD, data(b"1")]);
    bench.ask5(a, publish5_1(1, "t", "while", &[]), puback5(1, 0, &[]));
    bench.got5(heir, publish5("t", "while", &[]));
    challenge(&mut bench, a, b"2");
    bench.ask(a, PINGREQ, PINGRESP);
    bench.ask(a, auth5(0x18, &[METHOD, data(b"3")]), "");
    asked(&mut bench, a, ReasonCode::ContinueAuthentication, &[METHOD, data(b"3")]);
    authenticate(&mut bench, a, ReasonCode::Success, &[data(b"4"), user("k", "v")]);
    bench.got5(a, auth5(0, &[METHOD, data(b"4"), user("k", "v")]));
    // And once more.
    bench.ask(a, auth5(0x19, &[METHOD]), "");
    authenticate(&mut bench, a, ReasonCode::Success, &[]);
    bench.got5(a, auth5(0, &[METHOD]));
    bench.is_open(a);
}

#[test]
fn a_client_that_wants_no_explanations_is_sent_none_in_auth() {
    let mut bench = bench();
    let quiet = [METHOD, Property::RequestProblemInformation(false)];
    let a = bench.dial(connect5("a", &quiet, |_| ()));
    let wordy = [data(b"2"), Property::ReasonString("more"), user("k", "v")];
    authenticate(&mut bench, a, ReasonCode::ContinueAuthentication, &wordy);
    bench.got5(a, auth5(0x18, &[METHOD, data(b"2")]));
    bench.send(a, auth5(0x18, &[METHOD]));
    // In CONNACK they may be.
    accept(&mut bench, a, &[Property::ReasonString("welcome"), user("k", "v")]);
    let said = [METHOD, Property::ReasonString("welcome"), user("k", "v")];
    bench.got5(a, accepted5(false, &said));
}

#[test]
fn a_question_that_was_not_pulled_comes_before_connack() {
    let mut bench = bench();
    let a = begun(&mut bench);
    bench.stall(a);
    authenticate(&mut bench, a, ReasonCode::ContinueAuthentication, &[data(b"2")]);
    // It was answered without having been read.
    bench.send(a, auth5(0x18, &[METHOD]));
    accept(&mut bench, a, &[]);
    bench.resume(a);
    bench.got5(a, [auth5(0x18, &[METHOD, data(b"2")]), accepted5(false, &[METHOD])]);
    let b = bench.dial(connect5("b", &[METHOD], |_| ()));
    bench.stall(b);
    authenticate(&mut bench, b, ReasonCode::ContinueAuthentication, &[]);
    bench.broker.refuse(ms(bench.now), bench.id(b), ReasonCode::Banned);
    bench.drive();
    bench.resume(b);
    bench.got5(b, [auth5(0x18, &[METHOD]), connack5(false, 0x8a, &[])]);
}

#[test]
fn an_auth_that_is_too_large_is_not_sent_and_changes_nothing() {
    let mut bench = bench();
    let small = [METHOD, maximum_packet_size(30)];
    let a = bench.dial(connect5("a", &small, |_| ()));
    let too_large = Err(BrokerError::Authentication(AuthenticationError::TooLarge));
    for connected in [false, true] {
        if connected {
            bench.send(a, auth5(0x18, &[METHOD]));
            accept(&mut bench, a, &[]);
            bench.got5(a, accepted5(false, &[METHOD]));
            bench.send(a, auth5(0x19, &[METHOD]));
        }
        let id = bench.id(a);
        let long = [data(&[0; 30])];
        let next = ReasonCode::ContinueAuthentication;
        assert_eq!(bench.broker.authenticate(ms(bench.now), id, next, &long), too_large);
        bench.drive();
        bench.quiet(&[a]);
        // What need not be there is left out.
        let id = bench.id(a);
        let wordy = [data(b"2"), Property::ReasonString("far too long for the client")];
        assert_eq!(bench.broker.authenticate(ms(bench.now), id, next, &wordy), Ok(()));
        bench.drive();
        bench.got5(a, auth5(0x18, &[METHOD, data(b"2")]));
    }
}

#[test]
fn a_second_re_authentication_before_the_first_is_over_is_at_fault() {
    for challenged in [false, true] {
        let mut bench = bench();
        let a = connected(&mut bench);
        bench.send(a, auth5(0x19, &[METHOD]));
        if challenged {
            challenge(&mut bench, a, b"2");
        }
        bench.send(a, auth5(0x19, &[METHOD]));
        bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
    }
}

#[test]
fn a_re_authentication_by_another_method_is_at_fault() {
    let mut bench = bench();
    let a = connected(&mut bench);
    bench.send(a, auth5(0x19, &[Property::AuthenticationMethod("x")]));
    bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
}

#[test]
fn a_re_authentication_that_fails_ends_the_connection_with_its_will() {
    let mut bench = bench();
    let witness = witness(&mut bench);
    let a = connected(&mut bench);
    bench.send(a, auth5(0x19, &[METHOD, data(b"wrong")]));
    let id = bench.id(a);
    let why = [Property::ReasonString("wrong"), user("k", "v")];
    let code = ReasonCode::NotAuthorized;
    assert_eq!(bench.broker.disconnect_with(ms(bench.now), id, code, &why), Ok(()));
    bench.drive();
    bench.got5(a, disconnect5(0x87, &why));
    bench.is_closed(a, CloseReason::Requested);
    bench.got(witness, publish("w", "gone"));
    out_of_turn(&mut bench, a, ReasonCode::Success);
}

#[test]
fn an_authentication_that_is_left_open_does_not_outlive_its_connection() {
    let mut bench = bench();
    let a = connected(&mut bench);
    bench.send(a, auth5(0x19, &[METHOD]));
    bench.lose(a);
    let a = connected(&mut bench);
    out_of_turn(&mut bench, a, ReasonCode::Success);
    bench.send(a, auth5(0x18, &[METHOD]));
    bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
}

#[test]
fn a_client_that_goes_on_before_it_is_authenticated_is_refused() {
    for challenged in [false, true] {
        let mut bench = bench();
        let heir = subscriber(&mut bench, "heir", "t", 0);
        let a = begun(&mut bench);
        if challenged {
            challenge(&mut bench, a, b"2");
            bench.send(a, auth5(0x18, &[METHOD]));
        }
        bench.send(a, publish5("t", "early", &[]));
        let fault = ClientFault::NotAuthenticated(PacketType::Publish);
        refused_for(&mut bench, a, 0x82, fault);
        bench.quiet(&[heir]);
    }
}

#[test]
fn an_auth_before_the_server_asks_for_one_is_refused() {
    let mut bench = bench();
    let a = begun(&mut bench);
    bench.send(a, auth5(0x18, &[METHOD]));
    refused_for(&mut bench, a, 0x82, ClientFault::UnexpectedAuth);
}
