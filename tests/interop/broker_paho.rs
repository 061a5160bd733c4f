//! The example broker with paho-mqtt.

use super::broker_libraries::{self as scenarios, Library};
use super::broker_libraries_v5 as v5;

#[test]
#[ignore = "needs paho-mqtt"]
fn messages_come_at_the_lower_qos() {
    scenarios::messages_come_at_the_lower_qos(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn overlapping_filters_bring_a_message_once() {
    scenarios::overlapping_filters_bring_a_message_once(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn retained_messages_come_first_until_they_are_cleared() {
    scenarios::retained_messages_come_first_until_they_are_cleared(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn will_is_published_when_the_connection_breaks_only() {
    scenarios::will_is_published_when_the_connection_breaks_only(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn silent_client_is_given_up_and_a_lively_one_is_not() {
    scenarios::silent_client_is_given_up_and_a_lively_one_is_not(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn session_keeps_what_comes_while_its_client_is_away() {
    scenarios::session_keeps_what_comes_while_its_client_is_away(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn second_client_of_a_name_takes_its_session_over() {
    scenarios::second_client_of_a_name_takes_its_session_over(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn payloads_of_one_mebibyte_come_whole() {
    scenarios::payloads_of_one_mebibyte_come_whole(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn properties_come_through_at_each_qos() {
    v5::properties_come_through_at_each_qos(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn overlapping_filters_bring_a_message_once_with_all_their_identifiers() {
    v5::overlapping_filters_bring_a_message_once_with_all_their_identifiers(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn acknowledgements_say_why() {
    v5::acknowledgements_say_why(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn reasons_are_not_told_to_who_does_not_want_them() {
    v5::reasons_are_not_told_to_who_does_not_want_them(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn own_messages_stay_away_and_retain_comes_as_published_where_asked_for() {
    v5::own_messages_stay_away_and_retain_comes_as_published_where_asked_for(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn retained_messages_come_as_the_subscription_asks() {
    v5::retained_messages_come_as_the_subscription_asks(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn sessions_live_as_long_as_connect_or_disconnect_says() {
    v5::sessions_live_as_long_as_connect_or_disconnect_says(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn messages_expire_while_they_wait_and_their_time_counts_down() {
    v5::messages_expire_while_they_wait_and_their_time_counts_down(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn wills_have_properties_and_wait_for_their_delay() {
    v5::wills_have_properties_and_wait_for_their_delay(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn first_client_of_a_name_is_told_that_the_second_took_over() {
    v5::first_client_of_a_name_is_told_that_the_second_took_over(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn client_without_a_name_is_given_one_and_comes_back_with_it() {
    v5::client_without_a_name_is_given_one_and_comes_back_with_it(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn requests_are_answered_where_they_say() {
    v5::requests_are_answered_where_they_say(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn terms_of_the_server_are_told() {
    v5::terms_of_the_server_are_told(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn what_is_not_served_ends_the_connection_with_its_reason() {
    v5::what_is_not_served_ends_the_connection_with_its_reason(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn wrong_topic_alias_ends_the_connection_with_its_reason() {
    v5::wrong_topic_alias_ends_the_connection_with_its_reason(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn keep_alive_of_the_server_counts() {
    v5::keep_alive_of_the_server_counts(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn topic_aliases_of_a_client_stand_for_its_topics() {
    v5::topic_aliases_of_a_client_stand_for_its_topics(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn topics_are_abbreviated_to_a_client_that_allows_it() {
    v5::topics_are_abbreviated_to_a_client_that_allows_it(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn messages_that_waited_come_a_few_at_a_time() {
    v5::messages_that_waited_come_a_few_at_a_time(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn no_more_come_than_are_acknowledged() {
    v5::no_more_come_than_are_acknowledged(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn message_too_large_for_a_client_is_left_out() {
    v5::message_too_large_for_a_client_is_left_out(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn members_of_a_group_share_its_messages() {
    v5::members_of_a_group_share_its_messages(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn authentication_method_is_refused() {
    v5::authentication_method_is_refused(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn more_messages_at_once_than_are_received_end_the_connection() {
    v5::more_messages_at_once_than_are_received_end_the_connection(Library::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn messages_of_a_lost_member_go_to_another() {
    v5::messages_of_a_lost_member_go_to_another(Library::Paho);
}
