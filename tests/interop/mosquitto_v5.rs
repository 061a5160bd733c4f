//! 5.0 between our programs and mosquitto's: what one gives with `-D` the other prints. Here through mosquitto.

use super::broker_mosquitto::{messages, subscribed};
use super::mosquitto_programs::{Maker, Target};
use super::mosquitto_server::Server;

const PROPERTIES: &str = "-D publish content-type text/plain -D publish correlation-data xyz \
    -D publish message-expiry-interval 60 -D publish payload-format-indicator 1 \
    -D publish user-property k v -D publish user-property k w -D publish response-topic re/ply";
const FORMAT: &str = "%t|%C|%D|%E|%F|%P|%R|%S|%q|%p";

pub(crate) fn properties_given_to_one_program_are_printed_by_the_other(server: &impl Target) {
    for publisher in Maker::BOTH {
        for subscriber in Maker::BOTH {
            for qos in ["0", "1", "2"] {
                let name = format!("{publisher:?}{subscriber:?}{qos}");
                let flags = format!("-V 5 -q {qos} -t {name}");
                let subscribe = subscriber.subscribe(server).with(&flags);
                let subscribe = subscribe.with("-D subscribe subscription-identifier 7");
                let subscribed = subscribed(subscribe.with("-C 1 -F").and(FORMAT));
                let publish = publisher.publish(server).with(&flags).with(PROPERTIES);
                publish.with("-m hi").succeed();
                let expected = format!("{name}|text/plain|xyz|60|1|k:v k:w|re/ply|7|{qos}|hi");
                assert_eq!(messages(subscribed), [expected]);
            }
        }
    }
}

pub(crate) fn topic_aliases_are_used_towards_a_server_that_takes_them(server: &impl Target) {
    let subscribe = || Maker::Mosquitto.subscribe(server).with("-V 5 -c -i s -q 1 -t a/long/topic");
    subscribe().with("-E").succeed();
    let flags = "-V 5 -d -q 1 -t a/long/topic -m x --repeat 3 -D publish topic-alias 1";
    let traced = Maker::Ours.publish(server).with(flags).succeed();
    let traced = String::from_utf8(traced).unwrap();
    let sent: Vec<&str> = traced.lines().filter(|line| line.contains("PUBLISH")).collect();
    let topics: Vec<_> = sent.iter().filter_map(|line| line.split('\'').nth(1)).collect();
    assert_eq!(topics, ["a/long/topic", "", ""], "{traced}");
    let printed = subscribe().with("-C 3 -F %t").succeed();
    assert_eq!(printed, b"a/long/topic\n".repeat(3));
}

pub(crate) fn a_session_lives_as_long_as_x_says(server: &impl Target) {
    for (expiry, kept) in [("-x 60", true), ("-x 0", false)] {
        let flags = format!("-V 5 -i {} -q 1 -t t{kept} {expiry}", if kept { "k" } else { "n" });
        Maker::Ours.subscribe(server).with(&flags).with("-E").succeed();
        let publish = Maker::Mosquitto.publish(server);
        publish.with(&format!("-V 5 -q 1 -t t{kept} -m waited")).succeed();
        // The second run asks for no subscription of its own before what waited has come.
        let outcome = Maker::Ours.subscribe(server).with(&flags).with("-c -C 1 -W 1").run();
        assert_eq!(outcome.out.is_empty(), !kept, "{expiry}: {outcome:?}");
    }
}

mod through_mosquitto {
    use super::Server;

    #[test]
    #[ignore = "needs mosquitto"]
    fn properties_given_to_one_program_are_printed_by_the_other() {
        super::properties_given_to_one_program_are_printed_by_the_other(&Server::start());
    }

    #[test]
    #[ignore = "needs mosquitto"]
    fn topic_aliases_are_used_towards_a_server_that_takes_them() {
        super::topic_aliases_are_used_towards_a_server_that_takes_them(&Server::start());
    }

    #[test]
    #[ignore = "needs mosquitto"]
    fn a_session_lives_as_long_as_x_says() {
        super::a_session_lives_as_long_as_x_says(&Server::start());
    }
}
