//! The example broker with mosquitto's clients and our own examples.

use std::collections::BTreeSet;
use std::fs;

use super::broker::Broker;
use super::broker_libraries::{Library, VERSIONS};
use super::broker_process::Process;
use super::mosquitto_programs::{Maker, Program, Target};
use super::mosquitto_server::Server;

/// Who publishes to whom.
pub(crate) const PAIRS: [(Maker, Maker); 4] = [
    (Maker::Ours, Maker::Mosquitto),
    (Maker::Mosquitto, Maker::Ours),
    (Maker::Ours, Maker::Ours),
    (Maker::Mosquitto, Maker::Mosquitto),
];
pub(crate) const LIBRARIES: [Library; 2] = [Library::Paho, Library::MqttJs];
/// Starts it, and waits until it is subscribed.
pub(crate) fn subscribed(program: Program) -> Process {
    let mut process = Process::start(&program.with("-d").command());
    process.wait_for("Subscribed (mid: ");
    process
}

/// The lines that are messages, up to its end.
pub(crate) fn messages(process: Process) -> Vec<String> {
    let mut lines = process.succeed();
    lines.retain(|line| !line.starts_with("Client "));
    lines
}

pub(crate) fn next_message(process: &mut Process) -> String {
    loop {
        let line = process.line();
        if !line.starts_with("Client ") {
            return line;
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn lines_of_standard_input_arrive_in_order_at_each_qos() {
    let broker = Broker::with("--max-queued-messages 0");
    let lines: Vec<String> = (0..3000).map(|line| format!("line {line}")).collect();
    for (publisher, subscriber) in PAIRS {
        for qos in 0..3 {
            let flags = format!("-q {qos} -t {publisher:?}/{subscriber:?}/{qos}");
            let program = subscriber.subscribe(&broker).with(&flags).with("-C 3000");
            let subscriber = subscribed(program);
            let program = publisher.publish(&broker).with(&flags).with("-l");
            let outcome = program.run_with(format!("{}\n", lines.join("\n")).as_bytes());
            assert_eq!((outcome.err.as_str(), outcome.status), ("", 0));
            let heard = messages(subscriber);
            let wrong = heard.iter().zip(&lines).find(|(is, should)| is != should);
            assert!(heard == lines, "{flags}: {} lines, {wrong:?}", heard.len());
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn payloads_of_one_mebibyte_arrive_whole_at_each_qos() {
    let broker = Broker::start();
    let payload: String = (0..1 << 18).map(|word: u32| format!("{:04x}", word & 0xffff)).collect();
    let file = broker.folder().join("payload");
    fs::write(&file, &payload).unwrap();
    for (publisher, subscriber) in PAIRS {
        for qos in 0..3 {
            let flags = format!("-q {qos} -t {publisher:?}/{subscriber:?}/{qos}");
            let subscriber = subscribed(subscriber.subscribe(&broker).with(&flags).with("-C 1"));
            publisher.publish(&broker).with(&flags).with("-f").and(&file).succeed();
            assert!(messages(subscriber) == [payload.as_str()], "{flags}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn retained_message_comes_first_and_is_told_apart() {
    let broker = Broker::start();
    for (publisher, subscriber) in PAIRS {
        let publish = || publisher.publish(&broker).with("-t r -q 1");
        let subscribe = || subscriber.subscribe(&broker).with("-t r -q 1 -C 1 -F").and("%r %p");
        publish().with("-r -m kept").succeed();
        publish().with("-m passing").succeed();
        assert_eq!(subscribe().succeed(), b"1 kept\n");
        let fresh = subscribed(subscribe().with("-R"));
        publish().with("-m fresh").succeed();
        assert_eq!(messages(fresh), ["0 fresh"]);
        publish().with("-r -n").succeed();
        publish().with("-r -m other").succeed();
        assert_eq!(subscribe().succeed(), b"1 other\n");
        publish().with("-r -n").succeed();
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn will_of_a_killed_program_is_published_and_that_of_an_ended_one_is_not() {
    let broker = Broker::start();
    for (mortal, watcher) in PAIRS {
        for qos in 0..3 {
            let watching = watcher.subscribe(&broker).with("-q 2 -t w -C 2 -F").and("%q %p");
            let mut watching = subscribed(watching);
            let will = format!("--will-topic w --will-payload gone --will-qos {qos}");
            let program = || mortal.subscribe(&broker).with("-t t").with(&will);
            let mut ended = subscribed(program());
            ended.signal("TERM");
            ended.end();
            // What it sent last is read before the next client is let in.
            let mut killed = subscribed(program());
            Maker::Ours.publish(&broker).with("-q 2 -t w -m between").succeed();
            let (first, expected) = (next_message(&mut watching), format!("{qos} gone"));
            killed.kill();
            let heard = [vec![first], messages(watching)].concat();
            let expected = ["2 between".to_owned(), expected];
            assert_eq!(heard, expected, "{mortal:?} {watcher:?}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn session_made_by_one_program_is_gone_on_with_by_the_other() {
    let broker = Broker::start();
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        for (first, second) in PAIRS {
            let name = format!("{first:?}-{second:?}-{version}");
            let flags = &format!("-V {version} -c -i {name} -q 2 -t {name}/+");
            let publish = |maker: Maker, qos, payload: &str| {
                let program = maker.publish(&broker).with(&format!("-V {version} -q {qos} -m"));
                program.and(payload).with("-t").and(format!("{name}/t")).succeed();
            };
            first.subscribe(&broker).with(flags).with("-E").succeed();
            for (maker, payloads) in [(second, ["a", "b", "c"]), (first, ["d", "e", "f"])] {
                for payload in payloads {
                    publish(first, 1, payload);
                    publish(second, 2, &payload.to_uppercase());
                }
                let came = maker.subscribe(&broker).with(flags).with("-C 6").succeed();
                let came = String::from_utf8(came).unwrap();
                for (qos, case) in [(1, payloads.concat()), (2, payloads.concat().to_uppercase())] {
                    // Only messages of one QoS keep their order.
                    let mut order: String = came.split_whitespace().collect();
                    order.retain(|letter| case.contains(letter));
                    assert_eq!(order, case, "{name}, QoS {qos}: {came}");
                }
            }
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn clients_of_both_address_families_hear_each_other() {
    let broker = Broker::listening_on(&["127.0.0.1:0", "[::1]:0"]);
    for (publisher, subscriber) in PAIRS {
        for (here, there) in [(0, 1), (1, 0), (1, 1)] {
            let program = subscriber.subscribe(&broker.listener(here)).with("-q 1 -t t -C 1");
            let subscriber = subscribed(program);
            publisher.publish(&broker.listener(there)).with("-q 1 -t t -m across").succeed();
            assert_eq!(messages(subscriber), ["across"], "from {there} to {here}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn statistics_are_published_under_mosquittos_names() {
    let broker = Broker::with("--sys-interval 1");
    let program = Maker::Mosquitto.subscribe(&broker).with("-i reader -t $SYS/# -F");
    let mut reader = Process::start(&program.and("%r %t: %p").command());
    Maker::Ours.publish(&broker).with("-t t -q 1 --repeat 3 -m four").succeed();
    let mut lines = reader.wait_for("$SYS/broker/publish/messages/received: 3");
    lines.extend(reader.wait_for("$SYS/broker/uptime: "));
    for (topic, value) in [
        ("version", concat!("mqtt-sansio version ", env!("CARGO_PKG_VERSION"))),
        ("clients/connected", "1"),
        ("clients/total", "1"),
        ("clients/disconnected", "0"),
        ("publish/bytes/received", "12"),
        ("publish/messages/dropped", "0"),
        ("subscriptions/count", "1"),
    ] {
        let wanted = format!("$SYS/broker/{topic}: {value}");
        // What was there before the subscription is retained.
        let found =
            lines.iter().any(|line| [format!("0 {wanted}"), format!("1 {wanted}")].contains(line));
        assert!(found, "no {wanted} in {lines:#?}");
    }

    let mosquitto = Server::start();
    let names = lines.iter().map(|line| line.split_once(": ").unwrap().0[2..].to_owned());
    let names: BTreeSet<String> = names.collect();
    assert_eq!(names.len(), 17, "{names:#?}");
    for name in names {
        let program = Maker::Mosquitto.subscribe(&mosquitto).with("-C 1 -F %t -t").and(&name);
        assert_eq!(program.succeed(), format!("{name}\n").as_bytes());
    }
}

#[test]
#[ignore = "needs mosquitto, paho-mqtt and MQTT.js"]
fn sigterm_and_sigint_close_all_connections_and_succeed() {
    for signal in ["TERM", "INT"] {
        let mut broker = Broker::start();
        let mut clients = Vec::new();
        for version in VERSIONS {
            for library in LIBRARIES {
                let mut client = library.play(&broker, version, &["until_closed"]);
                assert_eq!(client.line(), "connected");
                clients.push((client, version));
            }
        }
        broker.process.signal(signal);
        assert_eq!(broker.process.end(), (Vec::new(), Some(0)), "{signal}");
        for (client, version) in &mut clients {
            let reason = match version {
                5 => " 139 reasonString 'the server is shutting down'",
                _ => "",
            };
            let expected = format!("disconnected{reason}");
            assert_eq!(client.end(), (vec![expected], Some(0)), "{signal}, version {version}");
        }
    }
}
