//! MQTT 5.0 in the example broker with mosquitto's clients, our own examples and our `Client`.

use std::fs;
use std::thread;
use std::time::Duration;

use mqtt_sansio::{Connect, MessageProperties, Property, PropertyId, PublishOutcome, QoS, Version};

use super::broker::Broker;
use super::broker_mosquitto::{PAIRS, messages, next_message, subscribed};
use super::broker_process::Process;
use super::mosquitto_client::Peer;
use super::mosquitto_programs::{Maker, Outcome, Program, Target};
use super::mosquitto_v5 as v5;

#[test]
#[ignore = "needs mosquitto"]
fn properties_given_to_one_program_are_printed_by_the_other() {
    v5::properties_given_to_one_program_are_printed_by_the_other(&Broker::start());
}

#[test]
#[ignore = "needs mosquitto"]
fn topic_aliases_are_used_towards_a_server_that_takes_them() {
    v5::topic_aliases_are_used_towards_a_server_that_takes_them(&Broker::start());
}

#[test]
#[ignore = "needs mosquitto"]
fn a_session_lives_as_long_as_x_says() {
    v5::a_session_lives_as_long_as_x_says(&Broker::start());
}

fn publish(broker: &Broker, flags: &str) {
    Maker::Mosquitto.publish(broker).with("-V 5").with(flags).succeed();
}

/// mosquitto_sub cannot do with an abbreviated topic.
#[test]
#[ignore = "needs mosquitto"]
fn topics_are_abbreviated_to_a_client_that_allows_it() {
    let broker = Broker::start();
    let flags = "-V 5 -t al/# -C 5 -F %A|%t -D connect topic-alias-maximum 2";
    let subscriber = subscribed(Maker::Ours.subscribe(&broker).with(flags));
    for topic in ["al/a", "al/b", "al/a", "al/b", "al/a"] {
        publish(&broker, &format!("-q 1 -m m -t {topic}"));
    }
    assert_eq!(messages(subscriber), ["1|al/a", "2|al/b", "1|al/a", "2|al/b", "1|al/a"]);
}

#[test]
#[ignore = "needs mosquitto"]
fn disconnect_may_change_how_long_the_session_lives() {
    let broker = Broker::start();
    for maker in Maker::BOTH {
        for (flags, kept) in [
            ("-x 60 -D disconnect session-expiry-interval 0", false),
            ("-x 60 -D disconnect session-expiry-interval 1", false),
            ("-x 1 -D disconnect session-expiry-interval 60", true),
            ("-x 1", false),
        ] {
            let name = format!("{maker:?}{}", flags.replace(' ', ""));
            let program =
                || maker.subscribe(&broker).with(&format!("-V 5 -c -q 1 -t {name} -i {name}"));
            program().with(flags).with("-E").succeed();
            publish(&broker, &format!("-q 1 -t {name} -m waited"));
            thread::sleep(Duration::from_millis(2500));
            let outcome = program().with("-C 1 -W 1").run();
            assert_eq!(outcome.out == b"waited\n", kept, "{name}: {outcome:?}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn messages_expire_while_they_wait_and_their_time_counts_down() {
    let broker = Broker::start();
    for (publisher, subscriber) in PAIRS {
        let name = format!("{publisher:?}{subscriber:?}");
        let flags = format!("-V 5 -q 1 -t {name}");
        let program = || subscriber.subscribe(&broker).with(&flags).with("-c -i").and(&name);
        program().with("-E").succeed();
        for (expiry, payload) in [("1", "short"), ("1000", "long")] {
            let program = publisher.publish(&broker).with(&flags).with("-r -m").and(payload);
            program.with("-D publish message-expiry-interval").and(expiry).succeed();
        }
        thread::sleep(Duration::from_millis(2500));
        publisher.publish(&broker).with(&flags).with("-m never").succeed();
        let out = program().with("-C 3 -F").and("%E %r %p").succeed();
        let out = String::from_utf8(out).unwrap();
        // What is retained comes again, to the same subscription.
        let mut lines: Vec<&str> = out.lines().collect();
        lines.sort_by_key(|line| line.ends_with("never"));
        for (line, retain) in lines.iter().zip(["0", "1"]) {
            let [left, retained, payload] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{out}");
            };
            let left: u32 = left.parse().unwrap();
            assert!((900..=998).contains(&left), "{out}");
            assert_eq!((retained, payload), (retain, "long"), "{out}");
        }
        assert_eq!(lines[2..], [" 0 never"], "{out}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn will_has_properties_and_waits_for_its_delay() {
    let broker = Broker::start();
    let will = "-V 5 -c -i mortal -t t --will-topic w --will-payload gone --will-qos 1 \
        -D will will-delay-interval 2 -D will content-type text/plain -D will response-topic re/ply \
        -D will correlation-data xyz -D will user-property k v -D will payload-format-indicator 1 \
        -D will message-expiry-interval 3600";
    for (mortal, watcher) in PAIRS {
        let watching = watcher.subscribe(&broker).with("-V 5 -q 2 -t w -C 4 -F");
        let mut watching = subscribed(watching.and("%q %p %C %D %E %F %P %R"));
        let start = || subscribed(mortal.subscribe(&broker).with(will));
        start().kill();
        publish(&broker, "-q 2 -t w -m first");
        let heard = [next_message(&mut watching), next_message(&mut watching)];
        let expected = ["2 first      ", "1 gone text/plain xyz 3600 1 k:v re/ply"];
        assert_eq!(heard, expected, "{mortal:?} {watcher:?}");
        // It comes back before the delay is over, and then ends as it should.
        start().kill();
        mortal.subscribe(&broker).with(will).with("-E").succeed();
        thread::sleep(Duration::from_millis(2500));
        publish(&broker, "-q 2 -t w -m second");
        publish(&broker, "-q 2 -t w -m third");
        let expected = ["2 second      ", "2 third      "];
        assert_eq!(messages(watching), expected, "{mortal:?} {watcher:?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn members_of_a_group_share_its_messages_and_others_get_all() {
    let broker = Broker::start();
    for (publisher, subscriber) in PAIRS {
        for qos in 0..3 {
            let subscribe = |flags: &str| {
                let program = subscriber.subscribe(&broker).with(&format!("-V 5 -q {qos}"));
                subscribed(program.with(flags))
            };
            let mut members: Vec<Process> = (0..3).map(|_| subscribe("-t $share/g/t")).collect();
            let plain = subscribe("-t t -C 9");
            let program = publisher.publish(&broker).with(&format!("-V 5 -q {qos} -t t -l"));
            let outcome = program.run_with(b"0\n1\n2\n3\n4\n5\n6\n7\n8\n");
            assert_eq!((outcome.err.as_str(), outcome.status), ("", 0));
            for (number, member) in members.iter_mut().enumerate() {
                let expected = [number, number + 3, number + 6].map(|line| line.to_string());
                // None leaves before all have theirs.
                let heard = [(); 3].map(|()| next_message(member));
                assert_eq!(heard, expected, "{publisher:?} {subscriber:?} {qos}");
            }
            let expected: Vec<String> = (0..9).map(|line| line.to_string()).collect();
            assert_eq!(messages(plain), expected, "{publisher:?} {subscriber:?} {qos}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn messages_that_waited_come_as_many_and_as_large_as_the_client_takes() {
    let broker = Broker::start();
    for (publisher, subscriber) in PAIRS {
        for qos in 1..3 {
            let name = format!("{publisher:?}{subscriber:?}{qos}");
            let flags = format!("-V 5 -q {qos} -t {name}");
            let session = format!("-c -i {name} -D connect receive-maximum 1");
            let program = || {
                let program = subscriber.subscribe(&broker).with(&flags).with(&session);
                program.with("-D connect maximum-packet-size 100")
            };
            program().with("-E").succeed();
            let large = "x".repeat(100);
            let lines: Vec<String> = (0..50).map(|line| format!("line {line}")).collect();
            let input = format!("{}\n{large}\nlast\n", lines.join("\n"));
            let publish = publisher.publish(&broker).with(&flags).with("-l");
            let outcome = publish.run_with(input.as_bytes());
            assert_eq!((outcome.err.as_str(), outcome.status), ("", 0));
            let out = program().with("-C 51").succeed();
            let expected = format!("{}\nlast\n", lines.join("\n"));
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{name}");
        }
    }
}

/// What a publisher says of a message that was turned down, and the lines of `-d` for the packets back.
fn refusal(program: Program) -> (Vec<String>, String) {
    let outcome = program.with("-d").run();
    assert_eq!(outcome.status, 0, "{outcome:?}");
    let out = String::from_utf8(outcome.out).unwrap();
    let mut lines: Vec<_> = out.lines().map(str::to_owned).collect();
    // mosquitto_pub tells the reason string of PUBACK there.
    lines.retain(|line| line.contains(" received PUB") || !line.starts_with("Client "));
    (lines, outcome.err)
}

#[test]
#[ignore = "needs mosquitto"]
fn publisher_is_told_why_a_message_is_refused() {
    let broker = Broker::with("--validate-payload-format --message-size-limit 10");
    let file = broker.folder().join("payload");
    for (topic, payload, code, name, reason) in [
        ("$SYS/a", &b"m"[..], 135, "Not authorized", "the client may not publish there"),
        (
            "t",
            b"\xff",
            153,
            "Payload format invalid",
            "the payload is said to be UTF-8 text, and is not",
        ),
        ("t", b"01234567890", 151, "Quota exceeded", "the payload is too large"),
    ] {
        fs::write(&file, payload).unwrap();
        let flags = format!("-V 5 -i p -t {topic} -D publish payload-format-indicator 1");
        let program = |maker: Maker, more: &str| {
            maker.publish(&broker).with(&flags).with(more).with("-f").and(&file)
        };
        let answer = |packet: &str| vec![format!("Client p received {packet}")];
        let puback = answer(&format!("PUBACK (Mid: 1, RC:{code})"));
        let warning = format!("Warning: Publish 1 failed: {name}.\n");
        let expected = (puback.clone(), format!("{warning}{reason}\n"));
        assert_eq!(refusal(program(Maker::Mosquitto, "-q 1")), expected, "{topic}");
        let unasked = "-q 1 -D connect request-problem-information 0";
        let expected = (puback.clone(), warning);
        assert_eq!(refusal(program(Maker::Mosquitto, unasked)), expected, "{topic}");
        // There is something to read in PUBREC too, for our own program.
        let warning = format!("Warning: Publish {topic} failed: {name} ({reason}).\n");
        for (qos, answer) in [("-q 1", puback), ("-q 2", answer("PUBREC (Mid: 1)"))] {
            let expected = (answer, warning.clone());
            assert_eq!(refusal(program(Maker::Ours, qos)), expected, "{topic} {qos}");
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn all_that_a_program_may_send_is_taken() {
    let broker = Broker::start();
    let flags = "-V 5 -q 1 -c -i s -x 60 -k 30 -t t/# -U t/b -C 1 -F %S|%P|%p \
        -D connect receive-maximum 5 -D connect maximum-packet-size 1000 \
        -D connect request-problem-information 1 -D connect request-response-information 1 \
        -D connect user-property a b -D connect user-property a c \
        -D subscribe subscription-identifier 5 -D subscribe user-property d e \
        -D unsubscribe user-property f g \
        -D disconnect session-expiry-interval 0 -D disconnect user-property h i";
    for maker in Maker::BOTH {
        let mut subscriber = subscribed(maker.subscribe(&broker).with(flags));
        // The answer to UNSUBSCRIBE comes after the other.
        subscriber.wait_for("received UNSUBACK");
        publish(&broker, "-t t/a -m hi -D publish user-property k v");
        assert_eq!(messages(subscriber), ["5|k:v|hi"], "{maker:?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn subscriber_is_told_what_it_may_not() {
    let broker = Broker::with("--deny-subscribe secret/# --shared-subscription-available false");
    for maker in Maker::BOTH {
        let program = maker.subscribe(&broker).with("-V 5 -d -E -i s -t a -t secret/a -q 2");
        let mut process = Process::start(&program.command());
        let line = process.wait_for("Subscribed").pop().unwrap();
        assert_eq!(line, "Subscribed (mid: 1): 2, 135", "{maker:?}");
        let outcome = maker.subscribe(&broker).with("-V 5 -d -i s -t $share/g/t").run();
        let out = String::from_utf8(outcome.out).unwrap();
        // Ours does not send what the server has said that it does not serve.
        let (last, err, status) = match maker {
            Maker::Mosquitto => ("Received DISCONNECT (158)", "", 0),
            Maker::Ours => (
                "Client s sending DISCONNECT",
                "Error: the server does not accept it: Shared Subscriptions not supported.\n",
                1,
            ),
        };
        assert_eq!(out.lines().last(), Some(last), "{maker:?}");
        assert_eq!((outcome.err.as_str(), outcome.status), (err, status), "{maker:?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn authentication_method_is_refused() {
    let broker = Broker::start();
    for maker in Maker::BOTH {
        let program = maker.subscribe(&broker).with("-V 5 -t t -D connect authentication-method M");
        let reason = match maker {
            Maker::Mosquitto => "",
            Maker::Ours => ", the authentication method is not supported",
        };
        let err = format!("Connection error: Bad authentication method{reason}\n");
        let expected = Outcome { out: Vec::new(), err, status: 140 };
        assert_eq!(program.run(), expected, "{maker:?}");
    }
}

/// What a program says of its packets and errors once it is subscribed, and with which status it ends.
fn farewell(mut process: Process) -> (Vec<String>, Option<i32>) {
    let (mut lines, status) = process.end();
    // They come from both outputs.
    lines.sort();
    (lines, status)
}

#[test]
#[ignore = "needs mosquitto"]
fn clients_are_told_of_a_takeover_and_of_the_end_of_the_server() {
    let mut broker = Broker::start();
    let start = |maker: Maker| {
        let name = format!("-V 5 -t t -i {maker:?}");
        subscribed(maker.subscribe(&broker).with(&name))
    };
    let first = Maker::BOTH.map(start);
    let second = Maker::BOTH.map(start);
    let heard = |ours: &str, status: i32| {
        let ours = vec!["Client Ours received DISCONNECT".to_owned(), format!("Error: {ours}")];
        let mosquitto = vec![format!("Received DISCONNECT ({status})")];
        [(ours, Some(status)), (mosquitto, Some(0))]
    };
    let words = "The server disconnected: Session taken over, the client connected again";
    assert_eq!(first.map(farewell), heard(words, 142));
    broker.process.signal("TERM");
    assert_eq!(broker.process.end(), (Vec::new(), Some(0)));
    let words = "The server disconnected: Server shutting down, the server is shutting down";
    assert_eq!(second.map(farewell), heard(words, 139));
}

#[test]
#[ignore = "needs mosquitto"]
fn request_of_mosquitto_rr_is_answered_by_our_client() {
    let broker = Broker::start();
    let mut responder = Peer::new();
    responder.connect(&broker, &Connect::new(Version::V5_0, "responder"));
    responder.subscribe("request", QoS::AtLeastOnce);
    let (ip, port) = (broker.address().ip().to_string(), broker.address().port().to_string());
    let mut command = std::process::Command::new("mosquitto_rr");
    command.args(["-V", "5", "-h", &ip, "-p", &port, "-q", "1", "-W", "60", "-F", "%t %p %D"]);
    command.args(["-t", "request", "-e", "re/ply", "-m", "question"]);
    let asking = Process::start(command.args(["-D", "publish", "correlation-data", "number 1"]));
    let (request, _) = responder.message();
    let properties = request.properties.properties();
    let Some(Property::ResponseTopic(topic)) = properties.find(PropertyId::ResponseTopic) else {
        panic!("{request:?}");
    };
    assert_eq!((topic.as_str(), &request.payload[..]), ("re/ply", &b"question"[..]));
    let data = properties.find(PropertyId::CorrelationData).unwrap();
    assert_eq!(data, Property::CorrelationData(b"number 1"));
    let answer = MessageProperties::new(&[data]).unwrap();
    let handle = responder.publish_with("re/ply", b"answer", QoS::AtLeastOnce, answer);
    assert_eq!(responder.outcome(handle), PublishOutcome::Acknowledged);
    assert_eq!(asking.succeed(), ["re/ply answer number 1"]);
}
