//! What a CONNECT is turned down with, and what is closed without a word.

use mqtt_sansio::{
    BrokerEvent, ClientFault, CloseReason, ConnectRequest, Permissions, ReasonCode, Version,
};

use crate::bench::{Answer, Bench, ms};
use crate::wire::{connect, will};

/// Accepts who says "u" and "p".
fn doorkeeper(request: &ConnectRequest) -> Answer {
    match (request.user_name.as_deref(), request.password.as_deref()) {
        (Some("u"), Some(b"p")) => Answer::Accept(Permissions::all()),
        (Some("banned"), _) => Answer::Refuse(ReasonCode::NotAuthorized),
        _ => Answer::Refuse(ReasonCode::BadUserNameOrPassword),
    }
}

#[test]
fn level_5_that_cannot_be_read_gets_its_code() {
    for (hex, code) in [
        // A property length beyond the packet; an unknown property; a byte too many; a property twice.
        ("100e 0004 4d515454 05 02 003c 7f 0001 63", "81"),
        ("1010 0004 4d515454 05 02 003c 02 7e00 0001 63", "81"),
        ("100f 0004 4d515454 05 02 003c 00 0001 63 00", "81"),
        ("1012 0004 4d515454 05 02 003c 04 1700 1700 0001 63", "82"),
    ] {
        let mut bench = Bench::new();
        let a = bench.dial(hex);
        bench.got(a, &*format!("20 03 00 {code} 00"));
        assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)), "{hex}");
    }
}

#[test]
fn an_unknown_level_gets_connack_1() {
    for hex in [
        "100d 0004 4d515454 06 02 0000 0001 61",
        "100d 0004 4d515454 03 02 0000 0001 61",
        "100f 0006 4d5149736470 04 02 0000 0001 61",
        "100f 0006 4d5149736470 05 02 0000 0001 61",
        // What mosquitto's bridges say.
        "100f 0006 4d5149736470 83 02 0000 0001 61",
        "100d 0004 4d515454 84 02 0000 0001 61",
    ] {
        let mut bench = Bench::new();
        let a = bench.dial(hex);
        bench.got(a, "2002 00 01");
        assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)), "{hex}");
        assert_eq!(bench.broker.statistics().refused, 1);
    }
}

#[test]
fn credentials_are_asked_for_and_turned_down_with_4_and_5() {
    let mut bench = Bench::new();
    bench.answer_with(doorkeeper);
    for (user_name, password, code) in [
        (Some("u"), Some(&b"p"[..]), 0),
        (Some("u"), Some(b"q"), 4),
        (Some("u"), None, 4),
        (None, None, 4),
        (Some("banned"), Some(b"p"), 5),
    ] {
        for version in [Version::V3_1, Version::V3_1_1] {
            let a = bench.dial(connect("a", |connect| {
                connect.version = version;
                connect.user_name = user_name;
                connect.password = password;
            }));
            bench.got(a, vec![0x20, 2, 0, code]);
            match code {
                0 => bench.is_open(a),
                4 => bench.is_closed(a, CloseReason::Refused(ReasonCode::BadUserNameOrPassword)),
                _ => bench.is_closed(a, CloseReason::Refused(ReasonCode::NotAuthorized)),
            }
        }
    }
    assert_eq!(bench.broker.statistics().refused, 8);
}

#[test]
fn each_return_code_is_the_same_in_3_1_and_3_1_1() {
    for (reason, code) in [
        (ReasonCode::UnsupportedProtocolVersion, 1),
        (ReasonCode::ClientIdentifierNotValid, 2),
        (ReasonCode::ServerUnavailable, 3),
        (ReasonCode::BadUserNameOrPassword, 4),
        (ReasonCode::NotAuthorized, 5),
    ] {
        for version in [Version::V3_1, Version::V3_1_1] {
            let mut bench = Bench::new();
            bench.answer_with(move |_| Answer::Refuse(reason));
            let a = bench.dial(connect("a", |connect| connect.version = version));
            bench.got(a, vec![0x20, 2, 0, code]);
            bench.is_closed(a, CloseReason::Refused(reason));
        }
    }
}

#[test]
fn a_refusal_never_says_accepted() {
    for code in [ReasonCode::Success, ReasonCode::GrantedQoS1] {
        let mut bench = Bench::new();
        bench.answer_with(move |_| Answer::Refuse(code));
        let a = bench.dial(connect("a", |_| ()));
        assert_eq!(bench.closed_silently(a), CloseReason::Refused(code));
    }
}

#[test]
fn no_room_for_a_session_is_server_unavailable() {
    let mut bench = Bench::with(|config| config.max_sessions = 1);
    let a = bench.client("a");
    let b = bench.dial(connect("b", |_| ()));
    bench.got(b, "2002 00 03");
    bench.is_closed(b, CloseReason::TooManySessions);
    bench.quiet(&[a]);
    // The session's own client needs no further one.
    let again = bench.client("a");
    bench.is_closed(a, CloseReason::TakenOver);
    bench.lose(again);
    bench.client("b");
}

#[test]
fn http_and_tls_are_closed_without_an_answer() {
    for first in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"POST ",
        b"G",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n",
        b"\r\n",
        b"\0",
        b"\xff",
    ] {
        let mut bench = Bench::new();
        let a = bench.dial(first);
        assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)), "{first:02x?}");
        assert_eq!(bench.broker.statistics().client_faults, 1);
    }
}

#[test]
fn each_packet_before_connect_closes_at_its_first_byte() {
    for first in (0..=255).filter(|first| first >> 4 != 1) {
        let mut bench = Bench::new();
        let a = bench.dial(vec![first]);
        assert_eq!(bench.closed_silently(a), ClientFault::NotConnect(first).into());
    }
}

#[test]
fn the_connect_event_tells_everything_but_shows_no_password() {
    let mut bench = Bench::new();
    let request = connect("name", |connect| {
        connect.version = Version::V3_1;
        connect.clean_start = false;
        connect.keep_alive = 77;
        connect.will = Some(will("gone", 1));
        connect.user_name = Some("user");
        connect.password = Some(b"secret\0");
    });
    let a = bench.dial(request);
    let event = bench.events().remove(0);
    let BrokerEvent::Connect { connection, request } = &event else { panic!("{event:?}") };
    assert_eq!(*connection, bench.id(a));
    assert_eq!((request.version, request.clean_start), (Version::V3_1, false));
    assert_eq!((request.keep_alive, &*request.client_id), (77, "name"));
    assert_eq!(request.user_name.as_deref(), Some("user"));
    assert_eq!(request.password.as_deref(), Some(&b"secret\0"[..]));
    let will = request.will.as_ref().unwrap();
    assert_eq!((will.topic.name().as_str(), &will.payload[..]), ("w", &b"gone"[..]));
    assert!(!format!("{event:?}").contains("secret"));
}

#[test]
fn a_refusal_that_is_not_pulled_in_time_is_closed_without_it() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Refuse(ReasonCode::NotAuthorized));
    let a = bench.open();
    bench.stall(a);
    bench.send(a, connect("a", |_| ()));
    assert_eq!(bench.wait, Some(ms(6000)));
    bench.at(5999);
    bench.at(6000);
    assert_eq!(bench.closed_silently(a), CloseReason::Refused(ReasonCode::NotAuthorized));
    assert_eq!(bench.wait, None);
}
