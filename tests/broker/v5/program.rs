//! What the program says to clients, publishes, and changes while they are connected.

use std::time::Duration;

use mqtt_sansio::{
    Access, BrokerError, BrokerEvent, CloseReason, Filter, Message, MessageProperties,
    OwnedProperties, PacketType, Permissions, Property, ReasonCode, Subscription, Violation,
};

use super::shared::{GROUP, got, member, publish_all};
use super::{message, message_with, subscribed, subscriber};
use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{PINGREQ, PINGRESP, connect, filter, retained, topic};
use crate::wire5::{
    accepted5, auth5, connack5, connect5, disconnect5, puback5, publish5, publish5_1,
    receive_maximum, resume5, sub5, suback5, subscribe5,
};

/// A connection whose CONNECT waits for its answer.
#[track_caller]
fn waiting(bench: &mut Bench, connect: Vec<u8>) -> Peer {
    bench.answer_with(|_| Answer::Later);
    let peer = bench.dial(connect);
    bench.quiet(&[peer]);
    peer
}

fn accept(bench: &mut Bench, peer: Peer, properties: &[Property<'_>]) -> Result<(), BrokerError> {
    let (now, id) = (ms(bench.now), bench.id(peer));
    let result = bench.broker.accept_with(now, id, Permissions::all(), properties);
    bench.drive();
    result
}

fn refuse(bench: &mut Bench, peer: Peer, code: ReasonCode) -> Result<(), BrokerError> {
    let (now, id) = (ms(bench.now), bench.id(peer));
    let result = bench.broker.refuse_with(now, id, code, &[Property::ReasonString("r")]);
    bench.drive();
    result
}

/// What a call returns that asks for something no packet may say.
fn violates(violation: Violation) -> Result<(), BrokerError> {
    Err(BrokerError::from(violation))
}

fn names(bench: &Bench) -> Vec<&str> {
    bench.broker.client_ids().collect()
}

#[test]
fn a_client_is_assigned_no_empty_identifier() {
    let mut bench = Bench::new();
    let a = waiting(&mut bench, connect5("", &[], |_| ()));
    let empty = [Property::AssignedClientIdentifier("")];
    let forbidden = violates(Violation::PropertyNotAllowed);
    assert_eq!(accept(&mut bench, a, &empty), forbidden);
    bench.quiet(&[a]);
    assert_eq!(accept(&mut bench, a, &[]), Ok(()));
    bench.got5(a, accepted5(false, &[Property::AssignedClientIdentifier("auto-1")]));
    assert_eq!(names(&bench), ["auto-1"]);
}

#[test]
fn a_client_before_5_0_is_assigned_none_that_others_may_use() {
    let mut bench = Bench::new();
    let a = waiting(&mut bench, connect("", |_| ()));
    let chosen = [Property::AssignedClientIdentifier("chosen"), Property::ServerKeepAlive(1)];
    assert_eq!(accept(&mut bench, a, &chosen), Ok(()));
    bench.got(a, "20020000");
    assert_eq!(names(&bench), ["auto-1"]);
    assert_eq!(bench.wait, None, "it was given no keep alive");
}

#[test]
fn authentication_data_needs_a_method() {
    let mut bench = Bench::with(|config| {
        config.session.handshake.authentication_methods = vec!["M".into()];
    });
    let method = Property::AuthenticationMethod("M");
    let data = [Property::AuthenticationData(b"x")];
    let a = waiting(&mut bench, connect5("a", &[], |_| ()));
    let forbidden = violates(Violation::PropertyNotAllowed);
    assert_eq!(accept(&mut bench, a, &data), forbidden);
    bench.quiet(&[a]);
    let b = waiting(&mut bench, connect5("b", &[method], |_| ()));
    assert_eq!(accept(&mut bench, b, &data), Ok(()));
    bench.got5(b, accepted5(false, &[method, data[0]]));
}

#[test]
fn a_code_that_connack_has_not_is_no_refusal() {
    let mut bench = Bench::new();
    let a = waiting(&mut bench, connect5("a", &[], |_| ()));
    let not_listed = violates(Violation::ReasonCodeNotListed);
    for code in [
        ReasonCode::Success,
        ReasonCode::SessionTakenOver,
        ReasonCode::KeepAliveTimeout,
        ReasonCode::TopicFilterInvalid,
        ReasonCode::PacketIdentifierNotFound,
    ] {
        assert_eq!(refuse(&mut bench, a, code), not_listed, "{code}");
        bench.quiet(&[a]);
    }
    assert_eq!(refuse(&mut bench, a, ReasonCode::Banned), Ok(()));
    bench.got5(a, connack5(false, 0x8A, &[Property::ReasonString("r")]));
    bench.is_closed(a, CloseReason::Refused(ReasonCode::Banned));
}

#[test]
fn a_refusal_without_a_code_of_connack_is_unspecified() {
    for code in [ReasonCode::SessionTakenOver, ReasonCode::Success] {
        let mut bench = Bench::new();
        bench.answer_with(move |_| Answer::Refuse(code));
        let a = bench.dial(connect5("a", &[], |_| ()));
        bench.got5(a, connack5(false, 0x80, &[]));
        bench.is_closed(a, CloseReason::Refused(code));
        // Before 5.0 there is nothing to say.
        let old = bench.dial(connect("old", |_| ()));
        assert_eq!(bench.closed_silently(old), CloseReason::Refused(code));
    }
}

#[test]
fn disconnect_cannot_raise_what_connack_has_lowered() {
    for (seconds, kept_until) in [(u32::MAX, 60), (1000, 60), (61, 60), (20, 20)] {
        let mut bench = Bench::new();
        let lower = vec![Property::SessionExpiryInterval(60)];
        bench.answer_with(move |_| Answer::AcceptWith(Permissions::all(), lower.clone()));
        let a = bench.dial(resume5("a", 1000));
        bench.connack5(a, false);
        bench.send(a, disconnect5(0, &[Property::SessionExpiryInterval(seconds)]));
        bench.is_closed(a, CloseReason::Disconnected);
        let end = 1000 + kept_until * 1000;
        bench.at(end - 1);
        assert_eq!(bench.broker.sessions(), 1, "{seconds}");
        bench.at(end);
        assert_eq!(bench.broker.sessions(), 0, "{seconds}");
    }
}

#[test]
fn a_client_that_leaves_while_it_authenticates_itself_is_told_of_and_counted() {
    let mut bench = Bench::with(|config| {
        config.session.handshake.authentication_methods = vec!["M".into()];
    });
    let method = Property::AuthenticationMethod("M");
    let reason = Property::ReasonString("no");
    for (code, with) in [(0x80, &[reason][..]), (0, &[])] {
        let a = waiting(&mut bench, connect5("a", &[method], |_| ()));
        let (now, id) = (ms(bench.now), bench.id(a));
        let asks = ReasonCode::ContinueAuthentication;
        assert_eq!(bench.broker.authenticate(now, id, asks, &[]), Ok(()));
        bench.drive();
        bench.got5(a, auth5(0x18, &[method]));
        bench.ask5(a, auth5(0x18, &[method]), "");
        bench.events();
        assert_eq!(bench.broker.authenticate(now, id, asks, &[]), Ok(()));
        bench.drive();
        bench.got5(a, auth5(0x18, &[method]));
        bench.send(a, disconnect5(code, with));
        let reason = match code {
            0 => CloseReason::Disconnected,
            code => CloseReason::DisconnectedWith(ReasonCode::try_from(code).unwrap()),
        };
        let properties = OwnedProperties::new(with).unwrap();
        let gone =
            BrokerEvent::Disconnected { connection: id, client_id: None, reason, properties };
        assert_eq!(bench.events(), [gone]);
        assert_eq!(bench.closed_silently(a), reason);
    }
    let statistics = bench.broker.statistics();
    assert_eq!(statistics.refused, 0);
    let received = &statistics.packets.received;
    let counted = [PacketType::Connect, PacketType::Auth, PacketType::Disconnect];
    assert_eq!(counted.map(|packet| received.of(packet).packets), [2, 2, 2]);
    let auth = auth5(0x18, &[method]).len();
    let sizes = counted.map(|packet| received.of(packet).bytes);
    let connect = connect5("a", &[method], |_| ()).len();
    let goodbyes = [disconnect5(0x80, &[reason]).len(), disconnect5(0, &[]).len()];
    assert_eq!(sizes, [2 * connect, 2 * auth, goodbyes.iter().sum()].map(|size| size as u64));
}

/// What a client of the name "c" has published under "in" and the program has received.
fn received(bench: &mut Bench, properties: &[Property<'_>]) -> (Peer, Message) {
    assert_eq!(bench.broker.subscribe(ms(bench.now), filter("in")), Ok(()));
    let c = bench.client5("c", &[]);
    bench.send(c, retained(publish5("in", "m", properties)));
    let mut message = Message::clone(&bench.messages().pop().unwrap());
    message.topic = mqtt_sansio::Topic::new("out").unwrap();
    (c, message)
}

#[test]
fn what_the_program_publishes_again_expires_by_its_own_interval() {
    for (seconds, kept_until) in [(None, 100), (Some(20), 50), (Some(5), 35)] {
        let mut bench = Bench::new();
        let (_, mut again) = received(&mut bench, &[Property::MessageExpiryInterval(10)]);
        let properties: Vec<_> = seconds.map(Property::MessageExpiryInterval).into_iter().collect();
        again.properties = MessageProperties::new(&properties).unwrap();
        bench.at(30_000);
        bench.publish(again);
        for (now, is_kept) in [(kept_until * 1000 - 1, true), (kept_until * 1000, false)] {
            bench.at(now);
            let kept = bench.broker.router().retained(topic("out")).is_some();
            assert_eq!(kept, is_kept || seconds.is_none(), "{seconds:?} at {now} ms");
        }
    }
}

#[test]
fn what_the_program_publishes_again_waits_without_the_old_expiry() {
    let mut bench = Bench::new();
    let (_, mut again) = received(&mut bench, &[Property::MessageExpiryInterval(10)]);
    (again.properties, again.retain) = (MessageProperties::EMPTY, false);
    again.qos = mqtt_sansio::QoS::AtLeastOnce;
    let s = bench.stayer5("s", 1000, false);
    subscribed(&mut bench, s, &[sub5("out", 1)]);
    bench.lose(s);
    bench.publish(again);
    bench.at(60_000);
    let s = bench.stayer5("s", 1000, true);
    bench.got5(s, publish5_1(1, "out", "m", &[]));
}

#[test]
fn what_the_program_publishes_again_is_none_of_the_clients() {
    let mut bench = Bench::new();
    let (c, again) = received(&mut bench, &[]);
    bench.publish(again);
    let own = Subscription { no_local: true, ..sub5("out", 1) };
    let wanted = [suback5(1, &[1], &[]), retained(publish5("out", "m", &[]))];
    bench.ask5(c, subscribe5(1, &[own], &[]), wanted);
    // What it has published itself it does not get.
    let own = Subscription { no_local: true, ..sub5("in", 1) };
    bench.ask5(c, subscribe5(2, &[own], &[]), suback5(2, &[1], &[]));
}

#[test]
fn the_program_is_given_no_retained_message_that_has_expired() {
    let mut bench = Bench::new();
    for (name, seconds) in [("1", 5), ("2", 60)] {
        let mut message = message_with(name, name, 0, &[Property::MessageExpiryInterval(seconds)]);
        message.retain = true;
        bench.publish(message);
    }
    // Nobody has told the broker of the time before.
    bench.now = 6000;
    assert_eq!(bench.broker.subscribe(ms(6000), filter("#")), Ok(()));
    bench.drive();
    let payloads: Vec<_> = bench.messages().iter().map(|m| m.payload.clone()).collect();
    assert_eq!(payloads, ["2"]);
}

#[test]
fn what_the_broker_publishes_under_sys_takes_the_place_of_an_expiring_message() {
    let mut bench = Bench::with(|config| config.sys_interval = Some(Duration::from_secs(10)));
    let name = "$SYS/broker/uptime";
    let mut message = message_with(name, "never", 0, &[Property::MessageExpiryInterval(15)]);
    message.retain = true;
    bench.publish(message);
    let value = |bench: &Bench| {
        let message = bench.broker.router().retained(topic(name)).unwrap();
        String::from_utf8(message.payload.to_vec()).unwrap()
    };
    assert_eq!(value(&bench), "never");
    for (now, expected) in [(11_000, "10 seconds"), (16_000, "10 seconds"), (21_000, "20 seconds")]
    {
        bench.at(now);
        bench.broker.check_invariants();
        assert_eq!(value(&bench), expected, "at {now} ms");
    }
}

fn all_but(name: &str) -> Permissions {
    Permissions::all().deny(Access::Subscribe, Filter::new(name).unwrap())
}

fn permit(bench: &mut Bench, name: &str, permissions: Permissions) {
    assert!(bench.broker.set_permissions(ms(bench.now), name, permissions));
    bench.drive();
}

#[test]
fn what_a_member_may_not_receive_any_more_goes_to_another() {
    let mut bench = Bench::new();
    let (a, b) = (member(&mut bench, "a", 1, 100), member(&mut bench, "b", 1, 100));
    bench.stall(a);
    bench.stall(b);
    publish_all(&mut bench, 1..=4, 1);
    permit(&mut bench, "a", Permissions::none());
    bench.resume(a);
    bench.resume(b);
    let shares = [got(&mut bench, a), got(&mut bench, b)];
    assert_eq!(shares, [vec![], ["2", "4", "1", "3"].map(str::to_owned).to_vec()]);
    assert_eq!(bench.broker.statistics().publish_dropped, 0);
}

#[test]
fn what_a_member_may_still_receive_stays_where_it_is() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    subscribed(&mut bench, a, &[sub5("$share/g/t/#", 1), sub5("t/#", 1)]);
    bench.stall(a);
    for name in ["t/open", "t/secret"] {
        bench.publish(message(name, name, 1));
    }
    let b = subscriber(&mut bench, "b", "$share/g/t/#", 1);
    permit(&mut bench, "a", all_but("t/secret"));
    bench.got5(b, publish5_1(1, "t/secret", "t/secret", &[]));
    bench.resume(a);
    // One as a member, and one of its own.
    assert_eq!(got(&mut bench, a), ["t/open", "t/open"]);
}

#[test]
fn a_member_that_comes_back_with_less_leaves_the_rest_to_others() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 1, 100);
    bench.lose(a);
    publish_all(&mut bench, 1..=2, 1);
    let b = member(&mut bench, "b", 1, 100);
    bench.quiet(&[b]);
    bench.answer_with(|_| Answer::Accept(all_but("t")));
    let a = bench.stayer5("a", 100, true);
    bench.quiet(&[a]);
    assert_eq!(got(&mut bench, b), ["1", "2"]);
}

#[test]
fn what_goes_to_nobody_else_is_dropped_when_permissions_change() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 1, 100);
    bench.stall(a);
    publish_all(&mut bench, 1..=2, 1);
    permit(&mut bench, "a", Permissions::none());
    permit(&mut bench, "a", Permissions::all());
    bench.resume(a);
    bench.quiet(&[a]);
}

#[test]
fn what_was_sent_and_is_not_acknowledged_still_counts_when_permissions_change() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[Property::SessionExpiryInterval(100), receive_maximum(1)]);
    subscribed(&mut bench, a, &[sub5(GROUP, 1), sub5("u", 1)]);
    publish_all(&mut bench, [1], 1);
    bench.got5(a, publish5_1(1, "t", "1", &[]));
    bench.publish(message("u", "2", 1));
    let b = member(&mut bench, "b", 1, 100);
    permit(&mut bench, "a", all_but("t"));
    // The client has acknowledged nothing yet: its Receive Maximum is used up. [MQTT-3.3.4-9]
    bench.ask(a, PINGREQ, PINGRESP);
    bench.quiet(&[a, b]);
    bench.ask5(a, puback5(1, 0, &[]), publish5_1(2, "u", "2", &[]));
}
