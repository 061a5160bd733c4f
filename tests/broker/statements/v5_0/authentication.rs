//! AUTH, section 3.15; enhanced authentication, section 4.12.

use mqtt_sansio::{
    AuthenticationError, BrokerError, BrokerEvent, ClientFault, CloseReason, OwnedProperties,
    PacketType, Permissions, Property, ReasonCode,
};

use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{PINGREQ, PINGRESP};
use crate::wire5::{
    accepted5, auth5, connack5, connect5, disconnect5, farewell5, maximum_packet_size, puback5,
    publish5, publish5_1, user,
};

const M: Property<'static> = Property::AuthenticationMethod("M");

const NOT_IN_TURN: Result<(), BrokerError> =
    Err(BrokerError::Authentication(AuthenticationError::NotInTurn));

fn data(data: &[u8]) -> Property<'_> {
    Property::AuthenticationData(data)
}

/// A broker that knows the method "M", and whose program answers each step by itself.
fn broker() -> Bench {
    let mut bench = Bench::with(|config| {
        config.session.handshake.authentication_methods = vec!["L".into(), "M".into()];
    });
    bench.answer_with(|_| Answer::Later);
    bench
}

/// A connection that has sent a CONNECT with these properties, and waits.
#[track_caller]
fn dialled(properties: &[Property<'_>]) -> (Bench, Peer) {
    let mut bench = broker();
    let a = bench.dial(connect5("a", properties, |_| ()));
    bench.quiet(&[a]);
    (bench, a)
}

/// A client that was authenticated by method "M" and is connected.
#[track_caller]
fn connected(properties: &[Property<'_>]) -> (Bench, Peer) {
    let (mut bench, a) = dialled(properties);
    accept(&mut bench, a);
    bench.connack5(a, false);
    bench.events();
    (bench, a)
}

fn accept(bench: &mut Bench, peer: Peer) {
    bench.broker.accept(ms(bench.now), bench.id(peer), Permissions::all());
    bench.drive();
}

fn authenticate(
    bench: &mut Bench,
    peer: Peer,
    code: u8,
    properties: &[Property<'_>],
) -> Result<(), BrokerError> {
    let (now, id, code) = (ms(bench.now), bench.id(peer), ReasonCode::try_from(code).unwrap());
    let result = bench.broker.authenticate(now, id, code, properties);
    bench.drive();
    result
}

/// Asserts that the only event was this AUTH.
#[track_caller]
fn was_told(bench: &mut Bench, peer: Peer, code: u8, properties: &[Property<'_>]) {
    let event = BrokerEvent::Authentication {
        connection: bench.id(peer),
        reason_code: ReasonCode::try_from(code).unwrap(),
        properties: OwnedProperties::new(properties).unwrap(),
    };
    assert_eq!(bench.events(), [event]);
}

#[test]
fn mqtt_4_12_0_1_an_unsupported_authentication_method_is_refused() {
    for method in ["", "m", "N", "MM"] {
        let mut bench = broker();
        let properties = [Property::AuthenticationMethod(method), data(b"x")];
        let a = bench.dial(connect5("a", &properties, |_| ()));
        bench.refused5(a, 0x8C, ClientFault::AuthenticationMethod);
        assert_eq!(bench.events().len(), 1, "{method}");
    }
    // By default none is supported.
    let mut bench = Bench::new();
    let a = bench.dial(connect5("a", &[M], |_| ()));
    bench.refused5(a, 0x8C, ClientFault::AuthenticationMethod);
}

#[test]
fn mqtt_4_12_0_2_an_auth_that_asks_for_more_has_reason_0x18() {
    let (mut bench, a) = dialled(&[M, data(b"1")]);
    let events = bench.events();
    let [BrokerEvent::Connect { request, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(request.properties.authentication_method(), Some("M"));
    assert_eq!(request.properties.authentication_data(), Some(&b"1"[..]));
    for round in [b"2", b"4"] {
        assert_eq!(authenticate(&mut bench, a, 0x18, &[data(round)]), Ok(()));
        let received = bench.received(a);
        assert_eq!(received, auth5(0x18, &[M, data(round)]), "{}", crate::wire::hex(&received));
        bench.send(a, auth5(0x18, &[M, data(b"3")]));
        was_told(&mut bench, a, 0x18, &[M, data(b"3")]);
    }
    let (now, id) = (ms(1000), bench.id(a));
    let last = [data(b"5")];
    assert_eq!(bench.broker.accept_with(now, id, Permissions::all(), &last), Ok(()));
    bench.drive();
    bench.got5(a, accepted5(false, &[M, data(b"5")]));
}

#[test]
fn mqtt_4_12_0_4_a_client_that_fails_to_authenticate_is_refused_and_closed() {
    for rounds in [0, 1, 2] {
        for code in [0x80, 0x86, 0x87, 0x8C] {
            let (mut bench, a) = dialled(&[M]);
            for _ in 0..rounds {
                assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
                bench.got5(a, auth5(0x18, &[M]));
                bench.send(a, auth5(0x18, &[M]));
            }
            let code_of = ReasonCode::try_from(code).unwrap();
            bench.broker.refuse(ms(1000), bench.id(a), code_of);
            bench.drive();
            bench.refused5(a, code, CloseReason::Refused(code_of));
            assert_eq!(bench.broker.sessions(), 0);
        }
    }
    let (mut bench, a) = dialled(&[M]);
    let all = [Property::ReasonString("no"), user("k", "v")];
    let (code, id) = (ReasonCode::NotAuthorized, bench.id(a));
    assert_eq!(bench.broker.refuse_with(ms(1000), id, code, &all), Ok(()));
    bench.drive();
    bench.got5(a, connack5(false, 0x87, &all));
    bench.is_closed(a, CloseReason::Refused(code));
}

#[test]
fn mqtt_4_12_0_5_the_method_of_connect_is_in_every_auth_and_in_connack() {
    let (mut bench, a) = dialled(&[M]);
    assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
    bench.got5(a, auth5(0x18, &[M]));
    bench.send(a, auth5(0x18, &[M]));
    accept(&mut bench, a);
    bench.got5(a, accepted5(false, &[M]));
    bench.send(a, auth5(0x19, &[M]));
    assert_eq!(authenticate(&mut bench, a, 0x18, &[data(b"x")]), Ok(()));
    bench.got5(a, auth5(0x18, &[M, data(b"x")]));
    bench.send(a, auth5(0x18, &[M]));
    assert_eq!(authenticate(&mut bench, a, 0x00, &[data(b"y")]), Ok(()));
    bench.got5(a, auth5(0x00, &[M, data(b"y")]));
    // Two clients do not share one.
    let b = bench.dial(connect5("b", &[Property::AuthenticationMethod("L")], |_| ()));
    accept(&mut bench, b);
    bench.got5(b, accepted5(false, &[Property::AuthenticationMethod("L")]));
}

#[test]
fn mqtt_4_12_0_5_an_auth_with_another_method_is_a_protocol_error() {
    // "L" is known, but is not that of CONNECT.
    for method in ["L", "m", ""] {
        let other = [Property::AuthenticationMethod(method)];
        let (mut bench, a) = dialled(&[M]);
        assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
        bench.got5(a, auth5(0x18, &[M]));
        bench.send(a, auth5(0x18, &other));
        bench.refused5(a, 0x82, ClientFault::UnexpectedAuth);
        let (mut bench, a) = connected(&[M]);
        bench.send(a, auth5(0x19, &other));
        bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
    }
}

#[test]
fn mqtt_4_12_0_6_without_a_method_there_is_neither_auth_nor_method_from_the_server() {
    let (mut bench, a) = dialled(&[]);
    for code in [0x18, 0x00] {
        let result = authenticate(&mut bench, a, code, &[]);
        assert_eq!(result, NOT_IN_TURN);
    }
    bench.quiet(&[a]);
    accept(&mut bench, a);
    bench.got5(a, accepted5(false, &[]));
    for code in [0x18, 0x00] {
        let result = authenticate(&mut bench, a, code, &[]);
        assert_eq!(result, NOT_IN_TURN);
    }
    bench.quiet(&[a]);
}

#[test]
fn auth_without_a_method_in_connect_is_a_protocol_error() {
    for code in [0x18, 0x19] {
        // What comes before CONNACK is looked at after it.
        let (mut bench, a) = dialled(&[]);
        bench.send(a, auth5(code, &[M]));
        bench.quiet(&[a]);
        accept(&mut bench, a);
        let farewell = farewell5(0x82, ClientFault::UnexpectedAuth);
        bench.got5(a, [accepted5(false, &[]), farewell]);
        bench.is_closed(a, ClientFault::UnexpectedAuth);
        let (mut bench, a) = connected(&[]);
        bench.send(a, auth5(code, &[M]));
        bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
    }
}

#[test]
fn mqtt_4_12_1_2_a_failed_re_authentication_ends_with_disconnect() {
    let (mut bench, a) = connected(&[M]);
    bench.send(a, auth5(0x19, &[M, data(b"1")]));
    was_told(&mut bench, a, 0x19, &[M, data(b"1")]);
    let why = [Property::ReasonString("expired")];
    let (code, id) = (ReasonCode::NotAuthorized, bench.id(a));
    assert_eq!(bench.broker.disconnect_with(ms(1000), id, code, &why), Ok(()));
    bench.drive();
    bench.got5(a, disconnect5(0x87, &why));
    bench.is_closed(a, CloseReason::Requested);
}

#[test]
fn a_connected_client_can_authenticate_again_and_again() {
    let (mut bench, a) = connected(&[M]);
    for rounds in [0, 1, 2, 0] {
        bench.send(a, auth5(0x19, &[M]));
        was_told(&mut bench, a, 0x19, &[M]);
        for _ in 0..rounds {
            assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
            bench.got5(a, auth5(0x18, &[M]));
            // Other packets flow meanwhile.
            bench.ask5(a, PINGREQ, PINGRESP);
            bench.ask5(a, publish5_1(1, "t", "x", &[]), puback5(1, 0x10, &[]));
            bench.send(a, auth5(0x18, &[M]));
            was_told(&mut bench, a, 0x18, &[M]);
        }
        bench.subscribe5(a, "u", 0);
        bench.ask5(a, publish5("u", "x", &[]), publish5("u", "x", &[]));
        assert_eq!(authenticate(&mut bench, a, 0x00, &[]), Ok(()));
        bench.got5(a, auth5(0x00, &[M]));
        bench.is_open(a);
    }
}

#[test]
fn auth_out_of_turn_is_a_protocol_error() {
    // Before CONNACK: the server has not asked yet, or has not answered yet, or it is no time for 0x19.
    for (asked, codes) in
        [(false, &[0x18][..]), (false, &[0x19]), (true, &[0x18, 0x18]), (true, &[0x19])]
    {
        let (mut bench, a) = dialled(&[M]);
        if asked {
            assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
            bench.got5(a, auth5(0x18, &[M]));
        }
        for &code in codes {
            bench.send(a, auth5(code, &[M]));
        }
        bench.refused5(a, 0x82, ClientFault::UnexpectedAuth);
    }
    // After it: nothing was begun, or the server has not answered yet.
    for codes in [&[0x18][..], &[0x19, 0x18], &[0x19, 0x19]] {
        let (mut bench, a) = connected(&[M]);
        for &code in codes {
            bench.send(a, auth5(code, &[M]));
        }
        bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
    }
    // And where 0x19 comes though the server has asked for more.
    let (mut bench, a) = connected(&[M]);
    bench.send(a, auth5(0x19, &[M]));
    assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
    bench.got5(a, auth5(0x18, &[M]));
    bench.send(a, auth5(0x19, &[M]));
    bench.ended5(a, 0x82, ClientFault::UnexpectedAuth);
}

#[test]
fn the_program_authenticates_in_its_turn_only() {
    let (mut bench, a) = dialled(&[M]);
    // Success before CONNACK is accept's to say.
    for code in [0x00, 0x19] {
        assert!(authenticate(&mut bench, a, code, &[]).is_err());
    }
    assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
    bench.got5(a, auth5(0x18, &[M]));
    let twice = authenticate(&mut bench, a, 0x18, &[]);
    assert_eq!(twice, NOT_IN_TURN);
    bench.quiet(&[a]);
    let (mut bench, a) = connected(&[M]);
    for code in [0x18, 0x00] {
        let result = authenticate(&mut bench, a, code, &[]);
        assert_eq!(result, NOT_IN_TURN);
    }
    bench.send(a, auth5(0x19, &[M]));
    assert!(authenticate(&mut bench, a, 0x19, &[]).is_err());
    assert!(authenticate(&mut bench, a, 0x00, &[Property::ServerKeepAlive(1)]).is_err());
    bench.quiet(&[a]);
    assert_eq!(authenticate(&mut bench, a, 0x00, &[]), Ok(()));
    bench.got5(a, auth5(0x00, &[M]));
    assert_eq!(authenticate(&mut bench, a, 0x00, &[]), NOT_IN_TURN);
    bench.quiet(&[a]);
}

#[test]
fn a_client_that_goes_on_before_it_is_authenticated_is_refused() {
    for (packet, bytes) in
        [(PacketType::Publish, publish5("t", "x", &[])), (PacketType::PingReq, vec![0xC0, 0])]
    {
        let (mut bench, a) = dialled(&[M]);
        assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
        bench.got5(a, auth5(0x18, &[M]));
        bench.send(a, bytes);
        bench.refused5(a, 0x82, ClientFault::NotAuthenticated(packet));
    }
    // It may disconnect.
    let (mut bench, a) = dialled(&[M]);
    bench.send(a, disconnect5(0, &[]));
    bench.is_closed(a, CloseReason::Disconnected);
    bench.got5(a, "");
}

#[test]
fn a_client_that_does_not_answer_auth_in_time_is_closed() {
    let (mut bench, a) = dialled(&[M]);
    // The program may take its time.
    bench.at(100_000);
    bench.quiet(&[a]);
    assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
    bench.got5(a, auth5(0x18, &[M]));
    bench.at(109_999);
    bench.quiet(&[a]);
    bench.at(110_000);
    assert_eq!(bench.closed_silently(a), CloseReason::ConnectTimeout);
}

#[test]
fn mqtt_3_2_0_1_auth_and_nothing_else_comes_before_connack() {
    let (mut bench, a) = dialled(&[M]);
    bench.stall(a);
    assert_eq!(authenticate(&mut bench, a, 0x18, &[]), Ok(()));
    accept(&mut bench, a);
    bench.resume(a);
    bench.got5(a, [auth5(0x18, &[M]), accepted5(false, &[M])]);
}

#[test]
fn a_malformed_auth_ends_the_connection_with_its_code() {
    for (what, bytes, code) in [
        ("empty", "f000", 0x82),
        ("no method", "f002 19 00", 0x82),
        ("method twice", "f00a 19 08 15 0001 4d 15 0001 4d", 0x82),
        ("data twice", "f00e 19 0c 15 0001 4d 16 0001 61 16 0001 62", 0x82),
        ("success by a client", "f006 00 04 15 0001 4d", 0x82),
        ("an unknown code", "f006 1a 04 15 0001 4d", 0x82),
        ("flags", "f106 19 04 15 0001 4d", 0x81),
        ("a property of CONNACK", "f009 19 07 15 0001 4d 13 0001", 0x81),
    ] {
        println!("{what}");
        let (mut bench, a) = connected(&[M]);
        bench.send(a, bytes);
        bench.ended5_by_fault(a, code);
        assert_eq!(bench.events().len(), 1, "{what}");
    }
}

/// What AUTH says of these to a client with that Maximum Packet Size.
fn told(explain: &[Property<'_>], maximum: usize) -> Vec<u8> {
    let limit = maximum_packet_size(u32::try_from(maximum).unwrap());
    // Before CONNACK, and after it.
    let (mut bench, a) = dialled(&[M, limit]);
    assert_eq!(authenticate(&mut bench, a, 0x18, explain), Ok(()));
    let before = bench.received(a);
    let (mut bench, a) = connected(&[M, limit]);
    bench.send(a, auth5(0x19, &[M]));
    assert_eq!(authenticate(&mut bench, a, 0x18, explain), Ok(()));
    let after = bench.received(a);
    assert_eq!(before, after);
    after
}

#[test]
fn mqtt_3_15_2_2_auth_goes_without_its_reason_string_where_that_is_too_large() {
    let explain = [data(b"x"), Property::ReasonString("what is the word")];
    let whole = auth5(0x18, &[M, explain[0], explain[1]]);
    assert_eq!(told(&explain, whole.len()), whole);
    assert_eq!(told(&explain, whole.len() - 1), auth5(0x18, &[M, explain[0]]));
}

#[test]
fn mqtt_3_15_2_3_auth_goes_without_its_user_properties_where_they_are_too_large() {
    let explain = [data(b"x"), user("a", "some words"), user("a", "more words")];
    let whole = auth5(0x18, &[M, explain[0], explain[1], explain[2]]);
    assert_eq!(told(&explain, whole.len()), whole);
    assert_eq!(told(&explain, whole.len() - 1), auth5(0x18, &[M, explain[0]]));
}

#[test]
fn mqtt_3_1_2_24_an_auth_that_is_too_large_for_the_client_is_not_sent() {
    let too_large = Err(BrokerError::Authentication(AuthenticationError::TooLarge));
    let limit = maximum_packet_size(30);
    let (mut bench, before) = dialled(&[M, limit]);
    assert_eq!(authenticate(&mut bench, before, 0x18, &[data(&[0; 50])]), too_large);
    bench.quiet(&[before]);
    // Nothing was changed: it is still the server's turn.
    assert_eq!(authenticate(&mut bench, before, 0x18, &[data(b"x")]), Ok(()));
    bench.got5(before, auth5(0x18, &[M, data(b"x")]));
    let (mut bench, after) = connected(&[M, limit]);
    bench.send(after, auth5(0x19, &[M]));
    assert_eq!(authenticate(&mut bench, after, 0x00, &[data(&[0; 50])]), too_large);
    bench.quiet(&[after]);
    assert_eq!(authenticate(&mut bench, after, 0x00, &[data(b"x")]), Ok(()));
    bench.got5(after, auth5(0x00, &[M, data(b"x")]));
}

#[test]
fn mqtt_3_1_2_29_without_problem_information_auth_does_not_explain() {
    let explain = [Property::ReasonString("why"), user("k", "v"), data(b"x")];
    for (wanted, expected) in [(true, [&[M], &explain[..]].concat()), (false, vec![M, explain[2]])]
    {
        let (mut bench, a) = dialled(&[M, Property::RequestProblemInformation(wanted)]);
        assert_eq!(authenticate(&mut bench, a, 0x18, &explain), Ok(()));
        bench.got5(a, auth5(0x18, &expected));
        bench.send(a, auth5(0x18, &[M]));
        accept(&mut bench, a);
        bench.connack5(a, false);
        bench.send(a, auth5(0x19, &[M]));
        assert_eq!(authenticate(&mut bench, a, 0x00, &explain), Ok(()));
        bench.got5(a, auth5(0x00, &expected));
    }
}
