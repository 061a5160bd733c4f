//! Eclipse mosquitto with its clients on one side, `Client` and the examples on the other.

use std::fs;

use mqtt_sansio::{
    Connect, PacketType, Properties, Property, PublishOutcome, QoS, TopicName, Version, Will,
};

use super::mosquitto_client::Peer;
use super::mosquitto_programs::{Maker, Outcome};
use super::mosquitto_server::{PASSWORD, Server, USER};

const LEVELS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
const VERSIONS: [(Version, &str); 3] =
    [(Version::V3_1, "mqttv31"), (Version::V3_1_1, "mqttv311"), (Version::V5_0, "mqttv5")];

/// Who publishes to whom, at least one of them ours.
const PAIRS: [(Maker, Maker); 3] =
    [(Maker::Ours, Maker::Mosquitto), (Maker::Mosquitto, Maker::Ours), (Maker::Ours, Maker::Ours)];

fn session<'a>(version: Version, client_id: &'a str) -> Connect<'a> {
    const FOR_EVER: [Property<'_>; 1] = [Property::SessionExpiryInterval(u32::MAX)];
    let v5 = version == Version::V5_0;
    let properties = if v5 { Properties::new(&FOR_EVER) } else { Properties::EMPTY };
    Connect { clean_start: false, keep_alive: 60, properties, ..Connect::new(version, client_id) }
}

#[test]
#[ignore = "needs mosquitto"]
fn client_receives_at_the_lower_qos_in_both_versions() {
    let server = Server::start();
    for (version, name) in VERSIONS {
        for subscribed in LEVELS {
            let mut subscriber = Peer::new();
            subscriber.connect(&server, &Connect::new(version, "subscriber"));
            subscriber.subscribe("t", subscribed);
            let mut publisher = Peer::new();
            publisher.connect(&server, &Connect::new(version, "publisher"));
            for published in LEVELS {
                let payload = format!("{name} {published} {subscribed}");
                let handle = publisher.publish("t", payload.as_bytes(), published);
                let outcome = match published {
                    QoS::AtMostOnce => PublishOutcome::Sent,
                    _ => PublishOutcome::Acknowledged,
                };
                assert_eq!(publisher.outcome(handle), outcome, "{payload}");
                let (message, dup) = subscriber.message();
                assert_eq!(message.payload, payload);
                assert_eq!((message.qos, dup), (published.min(subscribed), false), "{payload}");
            }
            publisher.disconnect();
            subscriber.disconnect();
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn programs_publish_and_subscribe_at_each_qos_in_both_versions() {
    let server = Server::start();
    for (publisher, subscriber) in PAIRS {
        for (number, version) in VERSIONS {
            for qos in LEVELS {
                let name = format!("{publisher:?}{subscriber:?}{qos}v{number}");
                let flags = format!("-V {version} -q {qos} -t {name}");
                let session = format!("-c -i {name}");
                let subscribe = || subscriber.subscribe(&server).with(&flags).with(&session);
                subscribe().with("-E").succeed();
                let publish = publisher.publish(&server).with(&flags).with("-m");
                publish.and("one two").succeed();
                let printed = subscribe().with("-C 1 -F").and("%t %q %r %l %p").succeed();
                let expected = format!("{name} {qos} 0 7 one two\n");
                assert_eq!(String::from_utf8(printed).unwrap(), expected, "{version}");
            }
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn lines_of_standard_input_arrive_in_order_at_each_qos() {
    let server = Server::start();
    let lines: String = (0..3000).map(|line| format!("line {line}\n")).collect();
    for (publisher, subscriber) in PAIRS {
        for qos in LEVELS {
            // Sessions of their own: mosquitto_sub may end before its last answers have arrived.
            let name = format!("{publisher:?}-{subscriber:?}-{qos}");
            let flags = format!("-q {qos} -t {name}");
            let session = format!("-c -i {name}");
            let subscribe = || subscriber.subscribe(&server).with(&flags).with(&session);
            subscribe().with("-E").succeed();
            let published = publisher.publish(&server).with(&flags).with("-l");
            let outcome = published.run_with(lines.as_bytes());
            assert_eq!((outcome.err.as_str(), outcome.status), ("", 0));
            let printed = subscribe().with("-C 3000").succeed();
            let printed = String::from_utf8(printed).unwrap();
            let wrong: Vec<_> =
                printed.lines().zip(lines.lines()).filter(|(is, should)| is != should).collect();
            let wrong = wrong.get(..wrong.len().min(5)).unwrap_or_default();
            assert!(printed == lines, "{publisher:?} {subscriber:?} {qos}: {wrong:?}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn payloads_of_one_mebibyte_arrive_whole_at_each_qos() {
    let server = Server::start();
    let payload: Vec<u8> = (0..1 << 18).flat_map(|word: u32| word.to_be_bytes()).collect();
    let file = server.folder().join("payload");
    fs::write(&file, &payload).unwrap();
    for (publisher, subscriber) in PAIRS {
        for qos in LEVELS {
            let name = format!("{publisher:?}-{subscriber:?}-{qos}");
            let flags = format!("-q {qos} -t {name}");
            let session = format!("-c -i {name}");
            let subscribe = || subscriber.subscribe(&server).with(&flags).with(&session);
            subscribe().with("-E").succeed();
            publisher.publish(&server).with(&flags).with("-f").and(&file).succeed();
            let printed = subscribe().with("-C 1 -N").succeed();
            assert!(printed == payload, "{publisher:?} {subscriber:?} {qos}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn retained_message_comes_first_and_is_told_apart() {
    let server = Server::start();
    for (publisher, subscriber) in PAIRS {
        let publish = || publisher.publish(&server).with("-t r -q 1");
        let subscribe = || subscriber.subscribe(&server).with("-t r -q 1 -C 1 -F").and("%r %p");
        publish().with("-r -m kept").succeed();
        publish().with("-m passing").succeed();
        assert_eq!(subscribe().succeed(), b"1 kept\n");
        // What follows -R does not depend on when the subscription is made: it is queued.
        let flags = format!("-t r -q 1 -c -i {publisher:?}-{subscriber:?}");
        let session = || subscriber.subscribe(&server).with(&flags);
        session().with("-E").succeed();
        publish().with("-m fresh").succeed();
        assert_eq!(session().with("-R -C 1 -F").and("%r %p").succeed(), b"0 fresh\n");
        publish().with("-r -n").succeed();
        publish().with("-r -m other").succeed();
        assert_eq!(subscribe().succeed(), b"1 other\n");
        publish().with("-r -n").succeed();
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn will_is_published_when_the_connection_breaks_and_not_after_disconnect() {
    let server = Server::start();
    let mut watcher = Peer::new();
    watcher.connect(&server, &Connect::new(Version::V3_1_1, "watcher"));
    watcher.subscribe("will/#", QoS::ExactlyOnce);
    for (version, name) in VERSIONS {
        let topic = TopicName::new("will/client").unwrap();
        let will = Will { qos: QoS::ExactlyOnce, ..Will::new(topic, b"gone") };
        let connect = Connect { will: Some(will), ..Connect::new(version, "mortal") };
        let mut mortal = Peer::new();
        mortal.connect(&server, &connect);
        mortal.lose();
        let (message, _) = watcher.message();
        assert_eq!((&message.payload[..], message.qos), (&b"gone"[..], QoS::ExactlyOnce), "{name}");

        mortal.connect(&server, &connect);
        mortal.disconnect();
        let handle = watcher.publish("will/client", b"alive", QoS::AtLeastOnce);
        assert_eq!(watcher.outcome(handle), PublishOutcome::Acknowledged);
        assert_eq!(watcher.message().0.payload, "alive", "{name}");
    }

    let will = "-t t -d --will-topic will/program --will-payload killed --will-qos 1";
    let mut program = Maker::Ours.subscribe(&server).with(will).start();
    program.wait_for("Subscribed");
    program.kill();
    let (message, _) = watcher.message();
    assert_eq!((&message.payload[..], message.qos), (&b"killed"[..], QoS::AtLeastOnce));
}

#[test]
#[ignore = "needs mosquitto"]
fn session_made_by_one_program_is_gone_on_with_by_the_other() {
    let server = Server::start();
    for first in Maker::BOTH {
        for second in Maker::BOTH {
            let name = format!("{first:?}-{second:?}");
            let flags = &format!("-c -i {name} -q 2 -t {name}/+");
            first.subscribe(&server).with(flags).with("-E").succeed();
            for (qos, payload) in LEVELS.iter().zip(["a", "b", "c"]) {
                let publish =
                    second.publish(&server).with(&format!("-q {qos} -t {name}/{payload}"));
                publish.with("-m").and(payload).succeed();
            }
            let one = second.subscribe(&server).with(flags).with("-C 1").succeed();
            assert_eq!(one, b"a\n", "{name}");
            let rest = first.subscribe(&server).with(flags).with("-C 2").succeed();
            assert_eq!(rest, b"b\nc\n", "{name}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn session_brings_what_was_published_between_two_connections() {
    let server = Server::start();
    for (version, name) in VERSIONS {
        let connect = session(version, name);
        let mut subscriber = Peer::new();
        subscriber.connect(&server, &connect);
        subscriber.subscribe("t", QoS::ExactlyOnce);
        let mut publisher = Peer::new();
        publisher.connect(&server, &Connect::new(version, "publisher"));
        for round in 0..3 {
            subscriber.lose();
            // At QoS 0 it depends on whether the server has noticed.
            let handles: Vec<_> = [QoS::AtLeastOnce, QoS::ExactlyOnce]
                .iter()
                .map(|qos| publisher.publish("t", format!("{round} {qos}").as_bytes(), *qos))
                .collect();
            for handle in handles {
                publisher.outcome(handle);
            }
            assert!(subscriber.connect(&server, &connect), "{name}: no session");
            let last = format!("{round} 2");
            let expected = [format!("{round} 1"), last.clone()];
            assert_eq!(subscriber.payloads_until(&last), expected, "{name}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn wrong_password_is_told_as_mosquittos_clients_tell_it() {
    let server = Server::with_password();
    let right = format!("-u {USER} -P {PASSWORD}");
    let wrong = format!("-u {USER} -P wrong");
    for (number, version) in VERSIONS {
        let (refused, status) = match number {
            Version::V5_0 => ("Connection error: Not authorized\n", 135),
            _ => ("Connection error: Connection Refused: not authorised.\n", 5),
        };
        for flags in [&wrong, "-u nobody -P secret", ""] {
            let subscribe = |maker: Maker| {
                maker.subscribe(&server).with(flags).with("-t t -V").and(version).run()
            };
            let expected = Outcome { out: Vec::new(), err: refused.to_owned(), status };
            assert_eq!(subscribe(Maker::Ours), expected);
            assert_eq!(subscribe(Maker::Mosquitto), expected);
            for quiet in ["", "--quiet"] {
                let publish = |maker: Maker| {
                    let flags = format!("{flags} {quiet} -t t -m m -V {version}");
                    maker.publish(&server).with(&flags).run()
                };
                let expected = |why: &str| {
                    let err = match quiet {
                        "" => format!("{refused}Error: {why}\n"),
                        _ => String::new(),
                    };
                    Outcome { out: Vec::new(), err, status }
                };
                let why = "The connection was refused.";
                assert_eq!(publish(Maker::Ours), expected(why));
                // In 5.0 mosquitto_pub takes a refusal for something else.
                let why = match number {
                    Version::V5_0 => {
                        "A network protocol error occurred when communicating with the broker."
                    }
                    _ => why,
                };
                assert_eq!(publish(Maker::Mosquitto), expected(why));
            }
        }
        let flags = format!("{right} -V {version} -t t -q 1");
        let subscribe = || Maker::Ours.subscribe(&server).with(&flags).with("-c -i s");
        subscribe().with("-E").succeed();
        Maker::Ours.publish(&server).with(&flags).with("-m in").succeed();
        assert_eq!(subscribe().with("-C 1").succeed(), b"in\n");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn packets_are_shown_as_mosquittos_clients_show_them() {
    let server = Server::start();
    for (_, version) in VERSIONS {
        for qos in LEVELS {
            let flags = format!("-d -i x -V {version} -q {qos} -t t -m payload -r --repeat 3");
            let publish = |maker: Maker| maker.publish(&server).with(&flags).run();
            assert_eq!(publish(Maker::Ours), publish(Maker::Mosquitto), "{flags}");
        }
        let flags = format!("-d -i x -V {version} -t t -t u/# -q 1 -U t -C 1 -F");
        let subscribe = |maker: Maker| {
            Maker::Mosquitto.publish(&server).with("-t t -r -m kept").succeed();
            maker.subscribe(&server).with(&flags).and("%t %p %m %q %r %l %x").run()
        };
        assert_eq!(subscribe(Maker::Ours), subscribe(Maker::Mosquitto), "{flags}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn time_out_and_refused_connection_are_told_as_mosquittos_clients_tell_them() {
    let mut server = Server::start();
    for maker in Maker::BOTH {
        let outcome = maker.subscribe(&server).with("-t t -W 1").run();
        let expected = Outcome { out: Vec::new(), err: "Timed out\n".to_owned(), status: 27 };
        assert_eq!(outcome, expected, "{maker:?}");
    }
    server.kill();
    for maker in Maker::BOTH {
        let err = "Error: Connection refused\n".to_owned();
        let expected = Outcome { out: Vec::new(), err, status: 1 };
        assert_eq!(maker.subscribe(&server).with("-t t").run(), expected, "{maker:?}");
        assert_eq!(maker.publish(&server).with("-t t -m m").run(), expected, "{maker:?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn publisher_completes_what_the_end_of_the_server_interrupted() {
    for (version, name) in VERSIONS {
        // Before which answer of the server, or after which of its packets, it ends.
        for (qos, stop_at) in [
            (QoS::AtLeastOnce, None),
            (QoS::AtLeastOnce, Some(PacketType::PubAck)),
            (QoS::ExactlyOnce, None),
            (QoS::ExactlyOnce, Some(PacketType::PubRec)),
            (QoS::ExactlyOnce, Some(PacketType::PubComp)),
        ] {
            let mut server = Server::start();
            let mut subscriber = Peer::new();
            subscriber.connect(&server, &session(version, "subscriber"));
            subscriber.subscribe("t", QoS::ExactlyOnce);
            let mut publisher = Peer::new();
            publisher.connect(&server, &session(version, "publisher"));
            let handle = publisher.publish("t", b"once", qos);
            match stop_at {
                None => publisher.flush(),
                Some(PacketType::PubComp) => {
                    publisher.stop_at(PacketType::PubRec);
                    publisher.stop_at(PacketType::PubComp);
                }
                Some(packet) => publisher.stop_at(packet),
            }
            server.stop();
            publisher.lose();
            subscriber.lose();
            server.restart();

            assert!(subscriber.connect(&server, &session(version, "subscriber")), "no session");
            assert!(publisher.connect(&server, &session(version, "publisher")), "no session");
            let outcome = publisher.outcome(handle);
            assert_eq!(outcome, PublishOutcome::Acknowledged, "{name} {qos} {stop_at:?}");
            let handle = publisher.publish("t", b"end", QoS::ExactlyOnce);
            assert_eq!(publisher.outcome(handle), PublishOutcome::Acknowledged);
            let mut payloads = subscriber.payloads_until("end");
            if qos == QoS::AtLeastOnce {
                payloads.dedup();
            }
            assert_eq!(payloads, ["once", "end"], "{name} {qos} {stop_at:?}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn subscriber_completes_what_the_end_of_the_server_interrupted() {
    for (version, name) in VERSIONS {
        for (qos, stop_at) in [
            (QoS::AtLeastOnce, PacketType::Publish),
            (QoS::ExactlyOnce, PacketType::Publish),
            (QoS::ExactlyOnce, PacketType::PubRel),
        ] {
            let mut server = Server::start();
            let mut subscriber = Peer::new();
            subscriber.connect(&server, &session(version, "subscriber"));
            subscriber.subscribe("t", QoS::ExactlyOnce);
            let mut publisher = Peer::new();
            publisher.connect(&server, &Connect::new(version, "publisher"));
            let handle = publisher.publish("t", b"once", qos);
            assert_eq!(publisher.outcome(handle), PublishOutcome::Acknowledged);
            subscriber.stop_at(PacketType::Publish);
            if stop_at == PacketType::PubRel {
                subscriber.stop_at(PacketType::PubRel);
            }
            server.stop();
            publisher.lose();
            subscriber.lose();
            server.restart();

            assert!(subscriber.connect(&server, &session(version, "subscriber")), "no session");
            publisher.connect(&server, &Connect::new(version, "publisher"));
            let handle = publisher.publish("t", b"end", QoS::ExactlyOnce);
            assert_eq!(publisher.outcome(handle), PublishOutcome::Acknowledged);
            let mut payloads = subscriber.payloads_until("end");
            if qos == QoS::AtLeastOnce {
                payloads.dedup();
            }
            assert_eq!(payloads, ["once", "end"], "{name} {qos} {stop_at}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn messages_of_a_killed_server_are_lost_or_delivered_and_never_silent() {
    let mut server = Server::start();
    let mut publisher = Peer::new();
    publisher.connect(&server, &session(Version::V3_1_1, "publisher"));
    let messages: Vec<_> = (0..200)
        .map(|number| {
            let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            publisher.publish("t", format!("{number}").as_bytes(), qos)
        })
        .collect();
    publisher.stop_at(PacketType::PubRec);
    server.kill();
    publisher.lose();
    server.restart();
    let mut subscriber = Peer::new();
    subscriber.connect(&server, &Connect::new(Version::V3_1_1, "subscriber"));
    subscriber.subscribe("t", QoS::ExactlyOnce);

    // It wrote nothing down, so what was in flight is lost with the session; what waited is not.
    assert!(!publisher.connect(&server, &session(Version::V3_1_1, "publisher")), "a session");
    let outcomes: Vec<_> = messages.iter().map(|handle| publisher.outcome(*handle)).collect();
    let numbers = |outcome| {
        let numbers = (0..200).zip(&outcomes).filter(move |(_, found)| **found == outcome);
        numbers.map(|(number, _)| number).collect::<Vec<u32>>()
    };
    let lost = numbers(PublishOutcome::Lost);
    assert!(!lost.is_empty() && lost.iter().all(|number| *number < 20), "lost: {lost:?}");
    assert_eq!(lost.len() + numbers(PublishOutcome::Acknowledged).len(), 200, "{outcomes:?}");

    let end = publisher.publish("t", b"end", QoS::ExactlyOnce);
    assert_eq!(publisher.outcome(end), PublishOutcome::Acknowledged);
    // QoS 1 overtakes QoS 2, which is passed on when it is released.
    let mut payloads = subscriber.payloads_until("end");
    payloads.pop();
    let mut received: Vec<u32> = payloads.iter().map(|payload| payload.parse().unwrap()).collect();
    received.sort_unstable();
    assert!(received.iter().copied().eq(20..200), "{received:?}");
}

#[test]
#[ignore = "needs mosquitto"]
fn subscribe_goes_on_when_the_server_is_back() {
    let mut server = Server::start();
    let flags = "-c -i s -q 2 -t t -d -C 2";
    let mut program = Maker::Ours.subscribe(&server).with(flags).start();
    program.wait_for("Subscribed");
    Maker::Mosquitto.publish(&server).with("-t t -q 2 -m before").succeed();
    program.wait_for("before\n");
    server.stop();
    server.restart();
    program.wait_for("Subscribed");
    Maker::Mosquitto.publish(&server).with("-t t -q 2 -m after").succeed();
    program.wait_for("after\n");
    let outcome = program.outcome();
    assert_eq!((outcome.err.as_str(), outcome.status), ("", 0));
}
