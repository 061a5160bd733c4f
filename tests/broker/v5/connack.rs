//! CONNACK: what the program adds, what is left out, and why a client is refused.

use mqtt_sansio::{
    ClientFault, CloseReason, PayloadFormat, Permissions, Property, QoS, ReasonCode, Will,
};

use crate::bench::{Answer, Bench, ms};
use crate::wire::topic;
use crate::wire5::{accepted5, connack5, connect5, maximum_packet_size, user, will5};

const QUIET: Property<'_> = Property::RequestProblemInformation(false);
const TEXT: Property<'_> = Property::PayloadFormatIndicator(PayloadFormat::Utf8);

#[test]
fn a_refused_connect_says_what_the_program_says() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let a = bench.dial(connect5("a", &[QUIET], |_| ()));
    let with = [
        Property::ReasonString("moved"),
        Property::ServerReference("h:1 h:2"),
        user("k", "1"),
        user("k", "2"),
    ];
    let (now, id) = (ms(bench.now), bench.id(a));
    let code = ReasonCode::ServerMoved;
    assert_eq!(bench.broker.refuse_with(now, id, code, &with), Ok(()));
    bench.drive();
    bench.got5(a, connack5(false, 0x9d, &with));
    bench.is_closed(a, CloseReason::Refused(code));
    let b = bench.dial(connect5("b", &[], |_| ()));
    bench.broker.refuse(ms(bench.now), bench.id(b), ReasonCode::Banned);
    bench.drive();
    bench.got5(b, connack5(false, 0x8a, &[]));
}

#[test]
fn what_does_not_fit_a_refusal_is_left_out() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let a = bench.dial(connect5("a", &[maximum_packet_size(12)], |_| ()));
    let with = [Property::ReasonString("far too long for it")];
    let (now, id) = (ms(bench.now), bench.id(a));
    assert_eq!(bench.broker.refuse_with(now, id, ReasonCode::NotAuthorized, &with), Ok(()));
    bench.drive();
    bench.got5(a, connack5(false, 0x87, &[]));
}

#[test]
fn what_belongs_to_no_refusal_is_an_error_and_the_client_waits() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let a = bench.dial(connect5("a", &[], |_| ()));
    let (now, id) = (ms(bench.now), bench.id(a));
    for with in [
        Property::SessionExpiryInterval(1),
        Property::AssignedClientIdentifier("x"),
        Property::ContentType("x"),
        Property::TopicAliasMaximum(1),
    ] {
        let done = bench.broker.refuse_with(now, id, ReasonCode::NotAuthorized, &[with]);
        assert!(done.is_err(), "{with:?}: {done:?}");
        bench.drive();
        bench.quiet(&[a]);
    }
    bench.broker.accept(now, id, Permissions::all());
    bench.drive();
    bench.got5(a, accepted5(false, &[]));
}

#[test]
fn an_accept_carries_what_the_program_adds() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let a = bench.dial(connect5("", &[Property::RequestResponseInformation(true)], |_| ()));
    let with = [
        Property::SessionExpiryInterval(7),
        Property::ServerKeepAlive(30),
        Property::AssignedClientIdentifier("chosen"),
        Property::ResponseInformation("r/"),
        Property::ReasonString("welcome"),
        user("k", "v"),
    ];
    let (now, id) = (ms(bench.now), bench.id(a));
    assert_eq!(bench.broker.accept_with(now, id, Permissions::all(), &with), Ok(()));
    bench.drive();
    bench.got5(a, accepted5(false, &with));
    assert_eq!(bench.broker.connection("chosen"), Some(id));
    // The keep alive holds, and then the interval.
    bench.at(46_000);
    bench.ended5(a, 0x8d, CloseReason::KeepAliveTimeout);
    bench.at(52_999);
    assert_eq!(bench.broker.sessions(), 1);
    bench.at(53_000);
    assert_eq!(bench.broker.sessions(), 0);
}

#[test]
fn response_information_is_sent_only_where_it_was_asked_for() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    for asks in [&[][..], &[Property::RequestResponseInformation(false)]] {
        let a = bench.dial(connect5("a", asks, |_| ()));
        let (now, id) = (ms(bench.now), bench.id(a));
        let with = [Property::ResponseInformation("r/")];
        assert_eq!(bench.broker.accept_with(now, id, Permissions::all(), &with), Ok(()));
        bench.drive();
        bench.got5(a, accepted5(false, &[]));
    }
}

#[test]
fn what_an_accept_may_not_carry_is_an_error_and_the_client_waits() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let a = bench.dial(connect5("a", &[], |_| ()));
    let (now, id) = (ms(bench.now), bench.id(a));
    for with in [
        Property::AssignedClientIdentifier("b"),
        Property::TopicAliasMaximum(5),
        Property::ServerReference("h:1"),
        Property::RetainAvailable(false),
        Property::ContentType("x"),
    ] {
        let done = bench.broker.accept_with(now, id, Permissions::all(), &[with]);
        assert!(done.is_err(), "{with:?}: {done:?}");
        bench.drive();
        bench.quiet(&[a]);
    }
    bench.broker.accept(now, id, Permissions::all());
    bench.drive();
    bench.got5(a, accepted5(false, &[]));
}

#[test]
fn a_connack_leaves_out_what_makes_it_too_large() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let size = u32::try_from(accepted5(false, &[]).len()).unwrap();
    let a = bench.dial(connect5("a", &[maximum_packet_size(size)], |_| ()));
    let (now, id) = (ms(bench.now), bench.id(a));
    let with = [Property::ReasonString("welcome"), user("k", "v")];
    assert_eq!(bench.broker.accept_with(now, id, Permissions::all(), &with), Ok(()));
    bench.drive();
    bench.got5(a, accepted5(false, &[]));
    bench.is_open(a);
}

#[test]
fn a_will_that_is_not_served_is_refused_in_connack() {
    let mut bench = Bench::with(|config| {
        config.session.features.maximum_qos = QoS::AtLeastOnce;
        config.session.features.retain_available = false;
        config.session.features.validate_payload_format = true;
    });
    let text = [TEXT];
    let retained = Will { retain: true, ..will5("gone", 0, &[]) };
    let wrong = Will { payload: b"\xff", ..will5("gone", 0, &text) };
    for (will, code, fault) in [
        (will5("gone", 2, &[]), 0x9b, ClientFault::QoSNotSupported),
        (retained, 0x9a, ClientFault::RetainNotSupported),
        (wrong, 0x99, ClientFault::PayloadFormatInvalid),
    ] {
        let a = bench.dial(connect5("a", &[], |connect| connect.will = Some(will)));
        let why = fault.to_string();
        bench.got5(a, connack5(false, code, &[Property::ReasonString(&why)]));
        bench.is_closed(a, fault);
    }
    let text = Will { topic: topic("w"), payload: b"text", ..will5("", 1, &text) };
    let a = bench.dial(connect5("a", &[], |connect| connect.will = Some(text)));
    bench.connack5(a, false);
}

#[test]
fn a_broker_that_is_full_says_so() {
    let mut bench = Bench::with(|config| config.max_sessions = 1);
    bench.client5("a", &[]);
    let b = bench.dial(connect5("b", &[], |_| ()));
    bench.got5(b, connack5(false, 0x88, &[]));
    bench.is_closed(b, CloseReason::TooManySessions);
}
