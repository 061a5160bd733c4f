//! CONNACK, section 3.2.

use std::time::Duration;

use mqtt_sansio::{
    BrokerConfig, BrokerError, BrokerEvent, ClientFault, CloseReason, PacketType, Permissions,
    Property, QoS, ReasonCode, Sender, Will,
};

use super::connect::message;
use crate::bench::{Answer, Bench, ms};
use crate::wire::{PINGREQ, PINGRESP, frames};
use crate::wire5::{
    accepted5, connack5, connect5, disconnect5, maximum_packet_size, puback5, publish5, publish5_1,
    receive_maximum, resume5, sub5, suback5, subscribe5, user, will5, words5,
};

#[test]
fn mqtt_3_2_0_1_connack_is_the_first_packet() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let early = [
        connect5("a", &[], |_| ()),
        subscribe5(7, &[sub5("t", 0)], &[]),
        publish5_1(8, "t", "own", &[]),
        vec![0xC0, 0],
    ];
    let a = bench.dial(early);
    bench.quiet(&[a]);
    bench.broker.accept(ms(1000), bench.id(a), Permissions::all());
    bench.drive();
    let answers = [suback5(7, &[0], &[]), puback5(8, 0, &[]), vec![0xD0, 0]].concat();
    bench.got5(a, [accepted5(false, &[]), answers, publish5("t", "own", &[])]);
    // Also for a session to which something is waiting.
    bench.answer_with(|_| Answer::Accept(Permissions::all()));
    let b = bench.stayer5("b", 1000, false);
    bench.subscribe5(b, "t", 1);
    bench.lose(b);
    bench.publish(message("x", 1));
    let b = bench.dial(resume5("b", 1000));
    bench.got5(b, [accepted5(true, &[]), publish5_1(1, "t", "x", &[])]);
}

#[test]
fn mqtt_3_2_0_2_there_is_one_connack_at_most() {
    for refused in [false, true] {
        let mut bench = Bench::new();
        bench.answer_with(|_| Answer::Later);
        let a = bench.dial(connect5("a", &[], |_| ()));
        let id = bench.id(a);
        for round in 0..3 {
            // In either order.
            for refuse in [refused, !refused] {
                if refuse {
                    bench.broker.refuse(ms(1000), id, ReasonCode::NotAuthorized);
                } else {
                    bench.broker.accept(ms(1000), id, Permissions::all());
                }
            }
            bench.drive();
            if round == 0 && refused {
                bench.got5(a, connack5(false, 0x87, &[]));
            } else if round == 0 {
                bench.got5(a, accepted5(false, &[]));
            } else {
                bench.got5(a, "");
            }
        }
        if !refused {
            bench.send(a, connect5("a", &[], |_| ()));
            bench.ended5(a, 0x82, ClientFault::SecondConnect);
        }
    }
}

#[test]
fn mqtt_3_2_2_2_a_clean_start_has_no_session_present() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 1000, false);
    bench.lose(a);
    for _ in 0..2 {
        // Once from a session that is away, once from one that is connected.
        let a = bench.dial(connect5("a", &[Property::SessionExpiryInterval(1000)], |_| ()));
        bench.got5(a, accepted5(false, &[]));
    }
}

#[test]
fn mqtt_3_2_2_3_session_present_says_whether_there_was_a_session() {
    let mut bench = Bench::new();
    for (present, lost) in [(false, true), (true, false), (true, true), (true, true)] {
        let a = bench.dial(resume5("a", 10));
        bench.got5(a, accepted5(present, &[]));
        if lost {
            bench.lose(a);
        }
    }
    bench.at(11_000);
    let a = bench.dial(resume5("a", 0));
    bench.got5(a, accepted5(false, &[]));
    bench.lose(a);
    let a = bench.dial(resume5("a", 0));
    bench.got5(a, accepted5(false, &[]));
}

#[test]
fn mqtt_3_2_2_6_a_refusal_has_no_session_present_even_where_there_is_one() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 1000, false);
    bench.lose(a);
    bench.answer_with(|_| Answer::Refuse(ReasonCode::ServerUnavailable));
    let a = bench.dial(resume5("a", 1000));
    bench.got(a, "2003 00 88 00");
    bench.is_closed(a, CloseReason::Refused(ReasonCode::ServerUnavailable));
    assert_eq!(bench.broker.sessions(), 1);
}

#[test]
fn mqtt_3_2_2_7_a_refusal_closes_the_connection_once_it_is_out() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Refuse(ReasonCode::NotAuthorized));
    let a = bench.open();
    bench.stall(a);
    bench.send(a, connect5("a", &[], |_| ()));
    bench.got5(a, "");
    bench.resume(a);
    bench.refused5(a, 0x87, CloseReason::Refused(ReasonCode::NotAuthorized));
    // And in the end though it does not get out.
    let b = bench.open();
    bench.stall(b);
    bench.send(b, connect5("b", &[], |_| ()));
    bench.at(6_000);
    bench.got5(b, "");
    bench.is_closed(b, CloseReason::Refused(ReasonCode::NotAuthorized));
}

#[test]
fn mqtt_3_2_2_8_only_a_code_of_connack_is_sent() {
    for &code in ReasonCode::ALL {
        let mut bench = Bench::new();
        bench.answer_with(move |_| Answer::Refuse(code));
        let a = bench.dial(connect5("a", &[], |_| ()));
        let listed = code.is_allowed_from(Sender::Server, PacketType::ConnAck) && code.is_error();
        let said = if listed { code } else { ReasonCode::UnspecifiedError };
        bench.got5(a, connack5(false, said.into(), &[]));
        bench.is_closed(a, CloseReason::Refused(code));
    }
}

#[test]
fn mqtt_3_2_2_9_a_maximum_qos_below_2_is_announced() {
    for (qos, announced) in [
        (QoS::AtMostOnce, &[Property::MaximumQoS(QoS::AtMostOnce)][..]),
        (QoS::AtLeastOnce, &[Property::MaximumQoS(QoS::AtLeastOnce)]),
        (QoS::ExactlyOnce, &[]),
    ] {
        let mut bench = Bench::with(|config| config.session.features.maximum_qos = qos);
        let a = bench.dial(connect5("a", &[], |_| ()));
        bench.got5(a, accepted5(false, announced));
    }
}

#[test]
fn mqtt_3_2_2_10_subscriptions_of_every_qos_are_accepted_below_qos_2() {
    for maximum in [0, 1] {
        let qos = QoS::try_from(maximum).unwrap();
        let mut bench = Bench::with(|config| config.session.features.maximum_qos = qos);
        let a = bench.client5("a", &[]);
        let granted = [0, 1, 2].map(|qos: u8| qos.min(maximum));
        let filters = [sub5("x", 0), sub5("y", 1), sub5("t", 2)];
        bench.ask5(a, subscribe5(1, &filters, &[]), suback5(1, &granted, &[]));
        bench.publish(message("x", 2));
        let expected = match maximum {
            0 => publish5("t", "x", &[]),
            _ => publish5_1(1, "t", "x", &[]),
        };
        bench.got5(a, expected);
    }
}

#[test]
fn mqtt_3_2_2_12_a_will_above_the_maximum_qos_is_refused() {
    for maximum in 0..=2 {
        for qos in 0..=2 {
            let maximum_qos = QoS::try_from(maximum).unwrap();
            let mut bench = Bench::with(|config| config.session.features.maximum_qos = maximum_qos);
            let will = will5("gone", qos, &[]);
            let a = bench.dial(connect5("a", &[], |connect| connect.will = Some(will)));
            if qos > maximum {
                bench.refused5(a, 0x9B, ClientFault::QoSNotSupported);
                assert_eq!((bench.broker.sessions(), bench.events().len()), (0, 1));
            } else {
                bench.connack5(a, false);
            }
        }
    }
}

#[test]
fn mqtt_3_2_2_13_a_will_to_be_retained_is_refused_where_none_are() {
    for (available, retain) in [(false, true), (false, false), (true, true)] {
        let mut bench = Bench::with(|config| config.session.features.retain_available = available);
        let will = Will { retain, ..will5("gone", 0, &[]) };
        let a = bench.dial(connect5("a", &[], |connect| connect.will = Some(will)));
        if retain && !available {
            bench.refused5(a, 0x9A, ClientFault::RetainNotSupported);
            assert_eq!((bench.broker.sessions(), bench.events().len()), (0, 1));
        } else {
            bench.connack5(a, false);
        }
    }
}

#[test]
fn mqtt_3_2_2_16_an_assigned_client_id_is_used_by_no_other_session() {
    let mut bench = Bench::new();
    // One is connected, one is away, one is of a client before 5.0.
    let taken = [bench.stayer5("auto-1", 1000, false), bench.stayer5("auto-3", 1000, false)];
    bench.lose(taken[1]);
    bench.stayer("auto-4", false);
    let names = [(); 3].map(|()| {
        let a = bench.dial(connect5("", &[], |_| ()));
        bench.connack5(a, false).assigned_client_identifier().map(str::to_owned)
    });
    let [a, b, c] = names.map(Option::unwrap);
    let mut all = [&*a, &*b, &*c, "auto-1", "auto-3", "auto-4"];
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
    assert_eq!(bench.broker.sessions(), 6);
    // One that came with an identifier is assigned none.
    let named = bench.dial(connect5("named", &[], |_| ()));
    bench.got5(named, accepted5(false, &[]));
}

/// What CONNACK says of these to a client with that Maximum Packet Size.
fn told(explain: &[Property<'static>], maximum: usize) -> Vec<u8> {
    let mut bench = Bench::new();
    let explain = explain.to_vec();
    bench.answer_with(move |_| Answer::AcceptWith(Permissions::all(), explain.clone()));
    let limit = [maximum_packet_size(u32::try_from(maximum).unwrap())];
    let a = bench.dial(connect5("a", &limit, |_| ()));
    bench.received(a)
}

#[track_caller]
fn same(left: &[u8], right: &[u8]) {
    assert!(crate::wire5::same5(left, right), "{}expected\n{}", words5(left), words5(right));
}

#[test]
fn mqtt_3_2_2_19_connack_goes_without_its_reason_string_where_that_is_too_large() {
    let explain = [Property::ReasonString("welcome")];
    let whole = accepted5(false, &explain);
    same(&told(&explain, whole.len()), &whole);
    same(&told(&explain, whole.len() - 1), &accepted5(false, &[]));
    // A refusal too.
    let whole = connack5(false, 0x87, &explain);
    for (maximum, expected) in
        [(whole.len(), whole.clone()), (whole.len() - 1, connack5(false, 0x87, &[]))]
    {
        let mut bench = Bench::new();
        bench.answer_with(move |_| Answer::RefuseWith(ReasonCode::NotAuthorized, explain.to_vec()));
        let limit = [maximum_packet_size(u32::try_from(maximum).unwrap())];
        let a = bench.dial(connect5("a", &limit, |_| ()));
        bench.got5(a, expected);
        bench.is_closed(a, CloseReason::Refused(ReasonCode::NotAuthorized));
    }
}

#[test]
fn mqtt_3_2_2_20_connack_goes_without_its_user_properties_where_they_are_too_large() {
    let explain = [user("a", "1"), user("a", "2")];
    let whole = accepted5(false, &explain);
    same(&told(&explain, whole.len()), &whole);
    same(&told(&explain, whole.len() - 1), &accepted5(false, &[]));
}

#[test]
fn mqtt_3_2_2_22_without_server_keep_alive_the_clients_holds() {
    // The longest that is served, what the client asks for, and what holds.
    for (longest, asked, holds) in
        [(None, 60, 60), (Some(60), 60, 60), (Some(60), 61, 60), (Some(60), 0, 60), (Some(4), 5, 4)]
    {
        let mut bench = Bench::with(|config| config.session.handshake.max_keep_alive = longest);
        let a = bench.dial(connect5("a", &[], |connect| connect.keep_alive = asked));
        let told = [Property::ServerKeepAlive(holds)];
        bench.got5(a, accepted5(false, if holds == asked { &[] } else { &told }));
        bench.at(1_000 + u64::from(holds) * 1500 - 1);
        bench.quiet(&[a]);
        bench.at(1_000 + u64::from(holds) * 1500);
        bench.ended5(a, 0x8D, CloseReason::KeepAliveTimeout);
    }
    // One of the program's.
    let mut bench = Bench::new();
    let keep_alive = [Property::ServerKeepAlive(2)];
    bench.answer_with(move |_| Answer::AcceptWith(Permissions::all(), keep_alive.to_vec()));
    let a = bench.dial(connect5("a", &[], |connect| connect.keep_alive = 60));
    bench.got5(a, accepted5(false, &keep_alive));
    bench.at(3_999);
    bench.ask5(a, PINGREQ, PINGRESP);
    bench.at(6_998);
    bench.quiet(&[a]);
    bench.at(6_999);
    bench.ended5(a, 0x8D, CloseReason::KeepAliveTimeout);
}

#[test]
fn the_session_expiry_interval_of_connack_holds() {
    // One of the configuration, where the client asks for more.
    for (asked, told) in [(9, None), (10, None), (11, Some(10)), (u32::MAX, Some(10))] {
        let mut bench = Bench::with(|config| config.session_expiry = Some(Duration::from_secs(10)));
        let a = bench.dial(resume5("a", asked));
        let interval = told.map(Property::SessionExpiryInterval);
        bench.got5(a, accepted5(false, interval.as_slice()));
        bench.lose(a);
        bench.at(1_000 + u64::from(asked.min(10)) * 1000 - 1);
        assert_eq!(bench.broker.sessions(), 1);
        bench.at(1_000 + u64::from(asked.min(10)) * 1000);
        assert_eq!(bench.broker.sessions(), 0);
    }
    // One of the program's: shorter, or longer than was asked for.
    for (asked, told) in [(100, 5), (0, 5)] {
        let mut bench = Bench::new();
        let interval = [Property::SessionExpiryInterval(told)];
        bench.answer_with(move |_| Answer::AcceptWith(Permissions::all(), interval.to_vec()));
        let a = bench.dial(resume5("a", asked));
        bench.got5(a, accepted5(false, &interval));
        bench.lose(a);
        bench.at(5_999);
        assert_eq!(bench.broker.sessions(), 1);
        bench.at(6_000);
        assert_eq!(bench.broker.sessions(), 0);
    }
}

#[test]
fn what_is_not_available_is_announced() {
    let mut bench = Bench::with(|config: &mut BrokerConfig| {
        config.session.max_unreleased_messages = 3;
        config.session.maximum_packet_size = 500;
        let features = &mut config.session.features;
        features.maximum_qos = QoS::AtMostOnce;
        features.retain_available = false;
        features.wildcard_subscription_available = false;
        features.subscription_identifier_available = false;
        features.shared_subscription_available = false;
        features.topic_alias_maximum = 0;
    });
    let a = bench.dial(connect5("a", &[], |_| ()));
    let expected = [
        receive_maximum(3),
        Property::MaximumQoS(QoS::AtMostOnce),
        Property::RetainAvailable(false),
        maximum_packet_size(500),
        Property::WildcardSubscriptionAvailable(false),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(false),
    ];
    bench.got5(a, connack5(false, 0, &expected));
}

#[test]
fn the_program_can_put_into_connack_what_is_its_to_say_and_nothing_else() {
    for property in [
        receive_maximum(7),
        maximum_packet_size(7),
        Property::TopicAliasMaximum(7),
        Property::MaximumQoS(QoS::AtMostOnce),
        Property::RetainAvailable(false),
        Property::WildcardSubscriptionAvailable(false),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(false),
        Property::AuthenticationMethod("M"),
        Property::AssignedClientIdentifier("other"),
        Property::ContentType("text/plain"),
    ] {
        let mut bench = Bench::new();
        bench.answer_with(|_| Answer::Later);
        let a = bench.dial(connect5("a", &[], |_| ()));
        let (now, id) = (ms(1000), bench.id(a));
        let result = bench.broker.accept_with(now, id, Permissions::all(), &[property]);
        assert!(result.is_err(), "{property:?}");
        bench.drive();
        // Nothing was answered: it can be now.
        bench.quiet(&[a]);
        let all = [Property::ReasonString("welcome"), user("k", "v")];
        assert_eq!(bench.broker.accept_with(now, id, Permissions::all(), &all), Ok(()));
        bench.drive();
        bench.got5(a, accepted5(false, &all));
    }
    let mut bench = Bench::new();
    let all = [Property::AssignedClientIdentifier("chosen"), user("k", "v")];
    bench.answer_with(move |_| Answer::AcceptWith(Permissions::all(), all.to_vec()));
    let a = bench.dial(connect5("", &[], |_| ()));
    bench.got5(a, accepted5(false, &all));
    let events = bench.events();
    let connected = |event: &BrokerEvent| match event {
        BrokerEvent::Connected { client_id, .. } => &**client_id == "chosen",
        _ => false,
    };
    assert!(events.iter().any(connected), "{events:?}");
    // Nor can it give away an identifier that somebody has. [MQTT-3.2.2-16]
    bench.answer_with(|_| Answer::Later);
    let b = bench.dial(connect5("", &[], |_| ()));
    let (now, id) = (ms(1000), bench.id(b));
    let result = bench.broker.accept_with(now, id, Permissions::all(), &all);
    assert_eq!(result, Err(BrokerError::ClientIdentifierInUse));
    bench.drive();
    bench.quiet(&[a, b]);
    // A client before 5.0 is told none of it.
    bench.answer_with(move |_| {
        Answer::AcceptWith(Permissions::all(), vec![Property::ReasonString("welcome")])
    });
    bench.client("old");
    bench.send(a, disconnect5(0, &[]));
    assert_eq!(frames(&bench.received(a)).len(), 0);
}
