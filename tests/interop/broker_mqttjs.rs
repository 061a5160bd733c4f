//! The example broker with MQTT.js.

use super::broker_libraries::{self as scenarios, Library};
use super::broker_libraries_v5 as v5;

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
fn properties_come_through_at_each_qos() {
    v5::properties_come_through_at_each_qos(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn overlapping_filters_bring_a_message_once_with_all_their_identifiers() {
    v5::overlapping_filters_bring_a_message_once_with_all_their_identifiers(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn acknowledgements_say_why() {
    v5::acknowledgements_say_why(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn reasons_are_not_told_to_who_does_not_want_them() {
    v5::reasons_are_not_told_to_who_does_not_want_them(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn own_messages_stay_away_and_retain_comes_as_published_where_asked_for() {
    v5::own_messages_stay_away_and_retain_comes_as_published_where_asked_for(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn retained_messages_come_as_the_subscription_asks() {
    v5::retained_messages_come_as_the_subscription_asks(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn sessions_live_as_long_as_connect_or_disconnect_says() {
    v5::sessions_live_as_long_as_connect_or_disconnect_says(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn messages_expire_while_they_wait_and_their_time_counts_down() {
    v5::messages_expire_while_they_wait_and_their_time_counts_down(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn wills_have_properties_and_wait_for_their_delay() {
    v5::wills_have_properties_and_wait_for_their_delay(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn first_client_of_a_name_is_told_that_the_second_took_over() {
    v5::first_client_of_a_name_is_told_that_the_second_took_over(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn client_without_a_name_is_given_one_and_comes_back_with_it() {
    v5::client_without_a_name_is_given_one_and_comes_back_with_it(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn requests_are_answered_where_they_say() {
    v5::requests_are_answered_where_they_say(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn terms_of_the_server_are_told() {
    v5::terms_of_the_server_are_told(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn what_is_not_served_ends_the_connection_with_its_reason() {
    v5::what_is_not_served_ends_the_connection_with_its_reason(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn keep_alive_of_the_server_counts() {
    v5::keep_alive_of_the_server_counts(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn topic_aliases_of_a_client_stand_for_its_topics() {
    v5::topic_aliases_of_a_client_stand_for_its_topics(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn topic_aliases_are_given_to_other_topics() {
    v5::topic_aliases_are_given_to_other_topics(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn topics_are_abbreviated_to_a_client_that_allows_it() {
    v5::topics_are_abbreviated_to_a_client_that_allows_it(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn messages_that_waited_come_a_few_at_a_time() {
    v5::messages_that_waited_come_a_few_at_a_time(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn message_too_large_for_a_client_is_left_out() {
    v5::message_too_large_for_a_client_is_left_out(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn members_of_a_group_share_its_messages() {
    v5::members_of_a_group_share_its_messages(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn authentication_method_is_refused() {
    v5::authentication_method_is_refused(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn more_messages_at_once_than_are_received_end_the_connection() {
    v5::more_messages_at_once_than_are_received_end_the_connection(Library::MqttJs);
}

#[test]
#[ignore = "needs MQTT.js"]
fn messages_of_a_lost_member_go_to_another() {
    v5::messages_of_a_lost_member_go_to_another(Library::MqttJs);
}
