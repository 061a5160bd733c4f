//! Clients of all versions at once in the example broker: what crosses loses only what the other version
//! cannot carry.

use super::broker::Broker;
use super::broker_libraries::{VERSIONS, message};
use super::broker_libraries_v5::described;
use super::broker_mosquitto::{LIBRARIES, PAIRS, messages, next_message, subscribed};
use super::broker_process::Process;
use super::mosquitto_programs::Maker;

const FLAGS: [&str; 3] = ["-V mqttv31", "-V mqttv311", "-V mqttv5"];
/// As the scripts show messages.
const FORMAT: &str = "%t '%p' qos %q retain %r dup 0";
/// And their properties.
const FORMAT_V5: &str = "%t '%p' qos %q retain %r dup 0 contentType '%C' correlationData '%D' \
    messageExpiryInterval '%E' payloadFormatIndicator '%F' responseTopic '%R' userProperty '%P'";
/// What the scripts publish with.
const PROPERTIES: &str = "-D publish content-type text/plain -D publish correlation-data xyz \
    -D publish message-expiry-interval 3600 -D publish payload-format-indicator 1 \
    -D publish user-property k v -D publish user-property k w -D publish response-topic re/ply";

/// What these are in [`FORMAT_V5`].
const VALUES: [(&str, &str); 6] = [
    ("%C", "text/plain"),
    ("%D", "xyz"),
    ("%E", "3600"),
    ("%F", "1"),
    ("%R", "re/ply"),
    ("%P", "k:v k:w"),
];

/// Makes the line that a client prints of a message.
type Lines = fn(&(String, u8, bool)) -> String;

/// One message of each client of each version at each QoS: the topics, and whether there are properties.
fn publish_all(broker: &Broker) -> Vec<(String, u8, bool)> {
    let mut published = Vec::new();
    for (version, flags) in VERSIONS.into_iter().zip(FLAGS) {
        for qos in 0..3 {
            for maker in Maker::BOTH {
                let topic = format!("from/{maker:?}/{version}");
                let program = maker.publish(broker).with(flags).with("-m hello -t").and(&topic);
                let properties = if version == 5 { PROPERTIES } else { "" };
                program.with(properties).with("-q").and(qos.to_string()).succeed();
                published.push((topic, qos, version == 5));
            }
            for library in LIBRARIES {
                let topic = format!("from/{library:?}/{version}");
                let scenario = ["publish", &qos.to_string(), &topic, "hello"];
                let lines = library.play(broker, version, &scenario).succeed();
                assert_eq!(lines, [""; 0], "{library:?}, version {version}");
                published.push((topic, qos, version == 5));
            }
        }
    }
    published
}

/// What a program of mosquitto's kind prints with [`FORMAT_V5`].
fn printed((topic, qos, properties): &(String, u8, bool)) -> String {
    let mut line = FORMAT_V5.replace("%t", topic).replace("%q", &qos.to_string());
    for (field, value) in [("%p", "hello"), ("%r", "0")] {
        line = line.replace(field, value);
    }
    for (field, value) in VALUES {
        line = line.replace(field, if *properties { value } else { "" });
    }
    line
}

/// What a script prints.
fn shown((topic, qos, properties): &(String, u8, bool)) -> String {
    let properties = if *properties { described() } else { String::new() };
    format!("{}{properties}", message(topic, "hello", *qos, 0))
}

/// Before 5.0.
fn plain((topic, qos, _): &(String, u8, bool)) -> String {
    message(topic, "hello", *qos, 0)
}

#[test]
#[ignore = "needs mosquitto, paho-mqtt and MQTT.js"]
fn every_client_of_every_version_hears_every_other_at_each_qos() {
    let broker = Broker::start();
    let mut subscribers: Vec<(String, Process, Lines)> = Vec::new();
    for (version, flags) in VERSIONS.into_iter().zip(FLAGS) {
        for maker in Maker::BOTH {
            let program = maker.subscribe(&broker).with(flags).with("-q 2 -t from/# -C 36 -F");
            let (format, lines): (_, Lines) =
                if version == 5 { (FORMAT_V5, printed) } else { (FORMAT, plain) };
            let process = subscribed(program.and(format));
            subscribers.push((format!("{maker:?}, version {version}"), process, lines));
        }
        for library in LIBRARIES {
            let mut process = library.play(&broker, version, &["subscribe", "2", "from/#", "36"]);
            assert_eq!(process.line(), "granted 2");
            let lines: Lines = if version == 5 { shown } else { plain };
            subscribers.push((format!("{library:?}, version {version}"), process, lines));
        }
    }
    let published = publish_all(&broker);
    for (name, process, lines) in subscribers {
        // What comes at another QoS comes when it is released.
        let mut heard = messages(process);
        heard.sort();
        let mut expected: Vec<_> = published.iter().map(lines).collect();
        expected.sort();
        assert_eq!(heard, expected, "{name}");
    }
}

/// What a program prints of a message from any version, at QoS 1, with [`FORMAT`] or [`FORMAT_V5`].
fn line_of(topic: &str, payload: &str, retain: u8, versions: (u8, u8)) -> String {
    let message = (topic.to_owned(), 1, versions.0 == 5);
    let line = if versions.1 == 5 { printed(&message) } else { plain(&message) };
    let line = line.replace("'hello'", &format!("'{payload}'"));
    line.replace("retain 0", &format!("retain {retain}"))
}

fn format_of(version: u8) -> &'static str {
    if version == 5 { FORMAT_V5 } else { FORMAT }
}

#[test]
#[ignore = "needs mosquitto"]
fn retained_messages_and_wills_cross_versions() {
    let broker = Broker::start();
    for (number, from) in VERSIONS.into_iter().zip(FLAGS) {
        for (publisher, subscriber) in PAIRS {
            let topic = format!("{publisher:?}/{subscriber:?}/{number}");
            let properties = if number == 5 { PROPERTIES } else { "" };
            let program = publisher.publish(&broker).with(from).with(properties);
            program.with("-q 1 -r -m kept -t").and(&topic).succeed();
            let mut watchers = Vec::new();
            for (other, to) in VERSIONS.into_iter().zip(FLAGS) {
                let program =
                    subscriber.subscribe(&broker).with(to).with("-q 1 -C 2 -t").and(&topic);
                let mut watcher = subscribed(program.with("-F").and(format_of(other)));
                let expected = line_of(&topic, "kept", 1, (number, other));
                assert_eq!(next_message(&mut watcher), expected, "{topic} to {other}");
                watchers.push((other, watcher));
            }
            let will = format!("--will-topic {topic} --will-payload gone --will-qos 1 -t t");
            let properties = properties.replace("-D publish", "-D will");
            let mortal = publisher.subscribe(&broker).with(from).with(&will);
            subscribed(mortal.with(&properties)).kill();
            for (other, watcher) in watchers {
                let expected = line_of(&topic, "gone", 0, (number, other));
                assert_eq!(messages(watcher), [expected], "{topic} to {other}");
            }
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn session_of_one_version_is_gone_on_with_in_another() {
    let broker = Broker::start();
    for (number, first) in VERSIONS.into_iter().zip(FLAGS) {
        for (other, second) in VERSIONS.into_iter().zip(FLAGS) {
            for maker in Maker::BOTH {
                let name = format!("{maker:?}-{number}-{other}");
                let session = format!("-c -i {name} -q 1 -t {name}");
                let subscribe = |flags: &str| maker.subscribe(&broker).with(flags).with(&session);
                subscribe(first).with("-E").succeed();
                let published = |qos: &str, payload: &str| {
                    let program = Maker::Mosquitto.publish(&broker).with("-V 5").with(PROPERTIES);
                    program
                        .with("-q")
                        .and(qos)
                        .with("-m")
                        .and(payload)
                        .with("-t")
                        .and(&name)
                        .succeed();
                };
                published("1", "first");
                published("2", "second");
                let out = subscribe(second).with("-C 2 -F").and(format_of(other)).succeed();
                let expected: String = ["first", "second"]
                    .map(|payload| format!("{}\n", line_of(&name, payload, 0, (5, other))))
                    .concat();
                assert_eq!(String::from_utf8(out).unwrap(), expected, "{name}");
            }
        }
    }
}
