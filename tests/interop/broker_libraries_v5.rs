//! What paho-mqtt and MQTT.js see of MQTT 5.0 in the example broker: the lines that their scripts print.

use std::fmt::Write;

use super::broker::Broker;
use super::broker_libraries::{Library, message};

/// As the scripts show the properties that they publish with, before and after the subscription identifier.
const FIRST: &str = " contentType 'text/plain' correlationData 'xyz' messageExpiryInterval '3600' \
    payloadFormatIndicator '1' responseTopic 're/ply'";
const LAST: &str = " userProperty 'k=v k=w'";

/// As the scripts show the properties that they publish with.
pub(crate) fn described() -> String {
    format!("{FIRST}{LAST}")
}

/// What a scenario prints, on a server of its own.
fn expect(library: Library, scenario: &[&str], options: &str, expected: &[String]) {
    let broker = Broker::with(options);
    let lines = library.play_v5(&broker, scenario).succeed();
    assert_eq!(lines, expected, "{library:?}");
}

fn lines(lines: &str) -> Vec<String> {
    lines.lines().map(|line| line.trim_start().to_owned()).collect()
}

pub(crate) fn properties_come_through_at_each_qos(library: Library) {
    let mut expected = Vec::new();
    let number = |number: u32| format!(" subscriptionIdentifier '{number}'");
    for qos in 0..3 {
        let topic = format!("p/{qos}");
        let seven = number(7);
        expected.push(format!("{}{FIRST}{seven}{LAST}", message(&topic, "all", qos, 0)));
        expected.push(format!("{}{seven}", message(&topic, "none", qos, 0)));
    }
    let largest = number(268_435_455);
    expected.push(format!("{}{FIRST}{largest}{LAST}", message("p/3", "kept", 0, 1)));
    expect(library, &["properties"], "", &expected);
}

pub(crate) fn overlapping_filters_bring_a_message_once_with_all_their_identifiers(
    library: Library,
) {
    let expected = lines(
        "i/a 'hi' qos 2 retain 0 dup 0 subscriptionIdentifier '2 1'
         i/b 'hi' qos 1 retain 0 dup 0 subscriptionIdentifier '1'
         i/b/c 'hi' qos 0 retain 0 dup 0
         i/a 'hi' qos 1 retain 0 dup 0 subscriptionIdentifier '3'",
    );
    expect(library, &["identifiers"], "", &expected);
}

/// paho-mqtt looks at PUBCOMP only, and sends PUBREL for a message that PUBREC has refused.
pub(crate) fn acknowledgements_say_why(library: Library) {
    let mut expected =
        lines("granted 0 1 2 135 reasonString 'the client may not subscribe to that'");
    for qos in [1, 2] {
        for (what, code, reason) in [
            ("a", 0, ""),
            ("nobody", 16, ""),
            ("$SYS/a", 135, "the client may not publish there"),
            ("tttttt", 144, "the topic name is too long"),
            ("large", 151, "the payload is too large"),
        ] {
            let mut line = format!("{qos} {what} {code}");
            if matches!((library, qos), (Library::Paho, 2)) {
                line = format!("{qos} {what} {}", if code < 128 { 0 } else { 146 });
            } else if !reason.is_empty() {
                write!(line, " reasonString '{reason}'").unwrap();
            }
            expected.push(line);
        }
    }
    expected.push("unsubscribed 0 17 0".to_owned());
    let options = "--deny-subscribe secret/# --message-size-limit 1000";
    expect(library, &["codes"], options, &expected);
}

pub(crate) fn reasons_are_not_told_to_who_does_not_want_them(library: Library) {
    let expected = lines("granted 135\npublished 135");
    expect(library, &["quiet"], "--deny-subscribe secret/#", &expected);
}

pub(crate) fn own_messages_stay_away_and_retain_comes_as_published_where_asked_for(
    library: Library,
) {
    let expected = [
        message("o/any", "own", 1, 0),
        message("o/foreign", "other's", 1, 0),
        message("o/any", "retained", 1, 0),
        message("o/published", "retained", 1, 1),
    ];
    expect(library, &["subscribe_options"], "", &expected);
}

pub(crate) fn retained_messages_come_as_the_subscription_asks(library: Library) {
    let (always, once) = (message("h/0", "kept", 1, 1), message("h/1", "kept", 1, 1));
    let (first, second) = (message("h/0", "turn 0", 1, 0), message("h/0", "turn 1", 1, 0));
    let again = [always.clone(), first, always.clone(), second];
    let mut expected = vec![always, once];
    expected.extend_from_slice(&again[1..]);
    expected.push("present 1".to_owned());
    expected.extend_from_slice(&again);
    expect(library, &["retain_handling"], "", &expected);
}

pub(crate) fn sessions_live_as_long_as_connect_or_disconnect_says(library: Library) {
    let mut expected = Vec::new();
    for kept in [true, false, false, false, false, true] {
        expected.push(format!("present {}", u8::from(kept)));
        expected.extend(kept.then(|| message("s", "kept", 2, 0)));
        expected.push("then 0".to_owned());
    }
    expect(library, &["session_expiry"], "", &expected);
}

pub(crate) fn messages_expire_while_they_wait_and_their_time_counts_down(library: Library) {
    let expected = lines(
        "e/long 'waits' retain 0 expires later
         e/none 'waits' retain 0 expires never
         e/long 'waits' retain 1 expires later
         e/none 'waits' retain 1 expires never
         e/short 'last' qos 1 retain 0 dup 0
         e/short 'last' qos 1 retain 0 dup 0",
    );
    expect(library, &["message_expiry"], "", &expected);
}

pub(crate) fn wills_have_properties_and_wait_for_their_delay(library: Library) {
    let gone = |name: &str| format!("{}{}", message(name, "gone", 1, 0), described());
    let expected = [
        gone("w/prompt"),
        gone("w/asked"),
        gone("w/short"),
        gone("w/late"),
        "waited True".to_owned(),
        message("w/end", "that was all", 1, 0),
    ];
    expect(library, &["wills"], "", &expected);
}

pub(crate) fn first_client_of_a_name_is_told_that_the_second_took_over(library: Library) {
    let expected = lines(
        "present 1
         disconnected 142 reasonString 'the client connected again'
         t 'for the second' qos 1 retain 0 dup 0",
    );
    expect(library, &["takeover"], "", &expected);
}

pub(crate) fn client_without_a_name_is_given_one_and_comes_back_with_it(library: Library) {
    let expected = lines(
        "begins with auto- True goes on True
         present 1
         a 'to the same' qos 1 retain 0 dup 0",
    );
    expect(library, &["assigned"], "", &expected);
}

pub(crate) fn requests_are_answered_where_they_say(library: Library) {
    let expected = lines(
        "request '?' qos 1 retain 0 dup 0 correlationData 'number 0' responseTopic 're/ply'
         request '?' qos 1 retain 0 dup 0 correlationData 'number 1' responseTopic 're/ply'
         re/ply '!' qos 1 retain 0 dup 0 correlationData 'number 0'
         re/ply '!' qos 1 retain 0 dup 0 correlationData 'number 1'",
    );
    expect(library, &["request_response"], "", &expected);
}

/// A server that does without all there is.
const SPARTAN: &str = "--max-qos 1 --retain-available false --wildcard-subscription-available false \
    --subscription-identifier-available false --shared-subscription-available false \
    --max-packet-size 1000000 --max-keepalive 2 --persistent-client-expiration 1h \
    --receive-maximum 0 --max-topic-alias 0";
const SPARTAN_TERMS: [&str; 2] = [
    "maximumPacketSize '1000000' maximumQoS '1' retainAvailable '0' serverKeepAlive '2'",
    "sharedSubscriptionAvailable '0' subscriptionIdentifierAvailable '0' \
     wildcardSubscriptionAvailable '0'",
];

pub(crate) fn terms_of_the_server_are_told(library: Library) {
    let expected = "maximumPacketSize '16777216' receiveMaximum '1000' topicAliasMaximum '10'";
    expect(library, &["terms", "5"], "", &lines(expected));
    let [before, after] = SPARTAN_TERMS;
    expect(library, &["terms", "3600"], SPARTAN, &[format!("{before} {after}")]);
    let expected = format!("{before} sessionExpiryInterval '3600' {after}");
    expect(library, &["terms", "3601"], SPARTAN, &[expected]);
}

pub(crate) fn what_is_not_served_ends_the_connection_with_its_reason(library: Library) {
    let scenario = ["faults", "qos", "retain", "size", "wildcard", "shared", "identifier"];
    let expected = lines(
        "qos 155 reasonString 'the client published at a QoS that is not served'
         retain 154 reasonString 'the client published a message to be retained, and none are'
         size 149 reasonString 'PUBLISH, byte 1: the packet is larger than the maximum packet size'
         wildcard 162 reasonString 'the client subscribed with a wildcard, and none are served'
         shared 158 reasonString 'the client shared a subscription, and none can be'
         identifier 161 reasonString 'the client gave a subscription an identifier, and none are served'",
    );
    expect(library, &scenario, SPARTAN, &expected);
}

pub(crate) fn more_messages_at_once_than_are_received_end_the_connection(library: Library) {
    let reason = "the client has more QoS 1 and 2 messages open than the Receive Maximum";
    let expected = format!("receive 147 reasonString '{reason}'");
    expect(library, &["faults", "receive"], "--receive-maximum 2", &[expected]);
}

/// MQTT.js does not do that.
pub(crate) fn wrong_topic_alias_ends_the_connection_with_its_reason(library: Library) {
    let expected = lines(
        "alias 148 reasonString 'the client used topic alias 11, which is above the maximum'
         unknown 130 reasonString 'the client used topic alias 1, which stands for no topic'",
    );
    expect(library, &["faults", "alias", "unknown"], "", &expected);
}

/// paho-mqtt knows nothing of it.
pub(crate) fn keep_alive_of_the_server_counts(library: Library) {
    let [before, after] = SPARTAN_TERMS;
    let then = match library {
        Library::Paho => "disconnected 141 reasonString 'the client exceeded its keep alive'",
        Library::MqttJs => "connected true",
    };
    expect(library, &["idle"], SPARTAN, &[format!("{before} {after}"), then.to_owned()]);
}

pub(crate) fn topic_aliases_of_a_client_stand_for_its_topics(library: Library) {
    let messages = [("al/a", "1"), ("al/a", "1"), ("al/b", "10"), ("al/a", "1")];
    let more = [("al/b", "10"), ("al/b", "1"), ("al/b", "1")];
    let expected: Vec<String> =
        messages.iter().chain(&more).map(|(topic, alias)| message(topic, alias, 1, 0)).collect();
    expect(library, &["aliases_of_the_client"], "", &expected);
}

/// Of MQTT.js, which has more topics here than the server takes aliases.
pub(crate) fn topic_aliases_are_given_to_other_topics(library: Library) {
    let mut expected: Vec<String> =
        (0..24).map(|number| format!("al/{0} al/{0}", number % 12)).collect();
    expected.push("abbreviated 24".to_owned());
    expect(library, &["aliases_by_itself"], "", &expected);
}

pub(crate) fn topics_are_abbreviated_to_a_client_that_allows_it(library: Library) {
    let expected = ["al/a", "al/b", "al/a", "al/b", "al/a", "abbreviated 3"].map(str::to_owned);
    expect(library, &["aliases_of_the_server"], "", &expected);
}

pub(crate) fn messages_that_waited_come_a_few_at_a_time(library: Library) {
    expect(library, &["receive_maximum"], "", &lines("0 1 2 3 4 5 6 7 8 9 10 11"));
}

/// MQTT.js reads nothing while it has a message to acknowledge.
pub(crate) fn no_more_come_than_are_acknowledged(library: Library) {
    expect(library, &["window"], "", &lines("0 1 and 0 more\n1 2 and 0 more\n2 3 and 0 more\n4"));
}

pub(crate) fn message_too_large_for_a_client_is_left_out(library: Library) {
    let expected = [message("m", "before", 2, 0), message("m", "after", 2, 0)];
    expect(library, &["maximum_packet_size"], "", &expected);
}

pub(crate) fn members_of_a_group_share_its_messages(library: Library) {
    expect(library, &["shared"], "", &lines("0 2 4\n1 3 5\n0 1 2 3 4 5\n6 7"));
}

pub(crate) fn messages_of_a_lost_member_go_to_another(library: Library) {
    // MQTT.js reads nothing while it has a message to acknowledge.
    let own = if library == Library::Paho { &["0", "2"][..] } else { &["0"] };
    let payloads = own.iter().chain(&["1", "3", "0", "2"]);
    let expected: Vec<String> = payloads.map(|payload| message("s", payload, 1, 0)).collect();
    expect(library, &["lost_member"], "", &expected);
}

pub(crate) fn authentication_method_is_refused(library: Library) {
    let reason = "the authentication method is not supported";
    let expected = format!("return code 140 reasonString '{reason}'");
    expect(library, &["method"], "", &[expected]);
}
