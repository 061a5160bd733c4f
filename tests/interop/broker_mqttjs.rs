//! The example broker with MQTT.js.

use super::broker_libraries::{self as scenarios, Library};

#[test]
#[ignore = "needs MQTT.js"]
fn messages_come_at_the_lower_qos() {
    scenarios::messages_come_at_the_lower_qos(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn overlapping_filters_bring_a_message_once() {
    scenarios::overlapping_filters_bring_a_message_once(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn retained_messages_come_first_until_they_are_cleared() {
    scenarios::retained_messages_come_first_until_they_are_cleared(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn will_is_published_when_the_connection_breaks_only() {
    scenarios::will_is_published_when_the_connection_breaks_only(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn silent_client_is_given_up_and_a_lively_one_is_not() {
    scenarios::silent_client_is_given_up_and_a_lively_one_is_not(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn session_keeps_what_comes_while_its_client_is_away() {
    scenarios::session_keeps_what_comes_while_its_client_is_away(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn second_client_of_a_name_takes_its_session_over() {
    scenarios::second_client_of_a_name_takes_its_session_over(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn payloads_of_one_mebibyte_come_whole() {
    scenarios::payloads_of_one_mebibyte_come_whole(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn client_of_5_0_is_refused() {
    scenarios::client_of_5_0_is_refused(Library::MqttJs);
}
