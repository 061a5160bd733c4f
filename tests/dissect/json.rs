//! The JSON object of every packet, in every version.

use crate::run::dissect;

/// That the packet has these fields in JSON, and encodes to itself.
#[track_caller]
fn assert_json(version: &str, hex: &str, fields: &str) {
    let line = format!("{{\"stream\":0,{fields},\"reencoded\":true}}");
    dissect(&["--json", "--reencode", "--version", version, hex]).assert_prints(&[&line]);
}

#[test]
fn connect_before_5_0_has_no_properties() {
    assert_json(
        "3.1.1",
        "100d 0004 4d515454 04 02 003c 0001 63",
        r#""packet":"CONNECT","protocol_version":"3.1.1","clean_start":true,"keep_alive":60,"client_id":"c","will":null,"username":null,"password_len":null"#,
    );
    assert_json(
        "3.1",
        "101b 0006 4d5149736470 03 ec ffff 0001 63 0001 77 0002 00ff 0001 75 0000",
        r#""packet":"CONNECT","protocol_version":"3.1","clean_start":false,"keep_alive":65535,"client_id":"c","will":{"topic":"w","payload":"00ff","qos":1,"retain":true},"username":"u","password_len":0"#,
    );
}

#[test]
fn connect_of_5_0_has_properties_and_will_properties() {
    assert_json(
        "3.1.1",
        "100e 0004 4d515454 05 00 0000 00 0001 63",
        r#""packet":"CONNECT","protocol_version":"5.0","clean_start":false,"keep_alive":0,"client_id":"c","will":null,"username":null,"password_len":null,"properties":[]"#,
    );
    assert_json(
        "3.1.1",
        "1062 0004 4d515454 05 56 000a \
         24 11 0000000a 21 0014 27 00000100 22 0005 19 01 17 00 26 0001 6b 0001 76 15 0001 6d 16 0002 dead \
         0001 63 \
         25 18 00000005 01 01 02 0000003c 03 0001 74 08 0001 72 09 0002 00ff 26 0001 6b 0001 76 26 0000 0000 \
         0001 77 0001 07 0002 7077",
        r#""packet":"CONNECT","protocol_version":"5.0","clean_start":true,"keep_alive":10,"client_id":"c","will":{"topic":"w","payload":"07","qos":2,"retain":false,"properties":[["will_delay_interval",5],["payload_format_indicator",1],["message_expiry_interval",60],["content_type","t"],["response_topic","r"],["correlation_data","00ff"],["user_property","k","v"],["user_property","",""]]},"username":null,"password_len":2,"properties":[["session_expiry_interval",10],["receive_maximum",20],["maximum_packet_size",256],["topic_alias_maximum",5],["request_response_information",1],["request_problem_information",0],["user_property","k","v"],["authentication_method","m"],["authentication_data","dead"]]"#,
    );
}

#[test]
fn connack_has_the_code_of_its_version() {
    assert_json("3.1", "2002 0005", r#""packet":"CONNACK","reason_code":5"#);
    assert_json(
        "3.1.1",
        "2002 0100",
        r#""packet":"CONNACK","session_present":true,"reason_code":0"#,
    );
    assert_json(
        "3.1.1",
        "2002 0005",
        r#""packet":"CONNACK","session_present":false,"reason_code":5"#,
    );
    assert_json(
        "5.0",
        "2003 0087 00",
        r#""packet":"CONNACK","session_present":false,"reason_code":135,"properties":[]"#,
    );
    assert_json(
        "5.0",
        "2037 0100 34 \
         11 ffffffff 21 ffff 24 01 25 00 27 00010000 12 0001 61 22 0000 1f 0001 72 28 01 29 00 2a 01 13 003c \
         1a 0001 69 1c 0001 73 15 0001 6d 16 0000",
        r#""packet":"CONNACK","session_present":true,"reason_code":0,"properties":[["session_expiry_interval",4294967295],["receive_maximum",65535],["maximum_qos",1],["retain_available",0],["maximum_packet_size",65536],["assigned_client_identifier","a"],["topic_alias_maximum",0],["reason_string","r"],["wildcard_subscription_available",1],["subscription_identifier_available",0],["shared_subscription_available",1],["server_keep_alive",60],["response_information","i"],["server_reference","s"],["authentication_method","m"],["authentication_data",""]]"#,
    );
}

#[test]
fn publish_has_a_packet_id_above_qos_0() {
    assert_json(
        "3.1.1",
        "3105 0003 c3a9 22",
        r#""packet":"PUBLISH","dup":false,"qos":0,"retain":true,"topic":"é\"","packet_id":null,"payload":"""#,
    );
    assert_json(
        "3.1",
        "3c06 0001 61 fffe AB",
        r#""packet":"PUBLISH","dup":true,"qos":2,"retain":false,"topic":"a","packet_id":65534,"payload":"ab""#,
    );
    assert_json(
        "5.0",
        "320f 0000 0001 08 23 000a 0b ffffff7f 6869",
        r#""packet":"PUBLISH","dup":false,"qos":1,"retain":false,"topic":"","packet_id":1,"payload":"6869","properties":[["topic_alias",10],["subscription_identifier",268435455]]"#,
    );
}

#[test]
fn acknowledgements_have_a_reason_code_from_5_0_on() {
    for (first_byte, packet, code) in
        [("40", "PUBACK", 16), ("50", "PUBREC", 151), ("62", "PUBREL", 146), ("70", "PUBCOMP", 146)]
    {
        let fields = format!("\"packet\":\"{packet}\",\"packet_id\":258");
        assert_json("3.1", &format!("{first_byte} 02 0102"), &fields);
        assert_json("3.1.1", &format!("{first_byte} 02 0102"), &fields);
        assert_json(
            "5.0",
            &format!("{first_byte} 02 0102"),
            &format!("{fields},\"reason_code\":0,\"properties\":[]"),
        );
        assert_json(
            "5.0",
            &format!("{first_byte} 08 0102 {code:02x} 04 1f 0001 72"),
            &format!("{fields},\"reason_code\":{code},\"properties\":[[\"reason_string\",\"r\"]]"),
        );
    }
}

#[test]
fn subscribe_has_the_options_of_its_version() {
    assert_json(
        "3.1.1",
        "820a 0001 0001 61 01 0001 23 02",
        r##""packet":"SUBSCRIBE","packet_id":1,"filters":[{"filter":"a","qos":1},{"filter":"#","qos":2}]"##,
    );
    assert_json(
        "5.0",
        "820d 0001 02 0b 07 0001 61 2e 0001 62 10",
        r#""packet":"SUBSCRIBE","packet_id":1,"filters":[{"filter":"a","qos":2,"no_local":true,"retain_as_published":true,"retain_handling":2},{"filter":"b","qos":0,"no_local":false,"retain_as_published":false,"retain_handling":1}],"properties":[["subscription_identifier",7]]"#,
    );
}

#[test]
fn suback_and_unsuback_list_reason_codes() {
    assert_json(
        "3.1.1",
        "9006 0001 00010280",
        r#""packet":"SUBACK","packet_id":1,"reason_codes":[0,1,2,128]"#,
    );
    assert_json(
        "5.0",
        "9005 0001 00 0287",
        r#""packet":"SUBACK","packet_id":1,"reason_codes":[2,135],"properties":[]"#,
    );
    assert_json("3.1.1", "b002 0001", r#""packet":"UNSUBACK","packet_id":1,"reason_codes":[]"#);
    assert_json(
        "5.0",
        "b005 0001 00 0011",
        r#""packet":"UNSUBACK","packet_id":1,"reason_codes":[0,17],"properties":[]"#,
    );
}

#[test]
fn unsubscribe_lists_filters() {
    assert_json(
        "3.1",
        "a208 0001 0001 61 0001 2b",
        r##""packet":"UNSUBSCRIBE","packet_id":1,"filters":["a","+"]"##,
    );
    assert_json(
        "5.0",
        "a20d 0001 07 26 0001 6b 0001 76 0001 61",
        r#""packet":"UNSUBSCRIBE","packet_id":1,"filters":["a"],"properties":[["user_property","k","v"]]"#,
    );
}

#[test]
fn disconnect_and_auth_have_a_reason_code_in_5_0() {
    assert_json("3.1.1", "e000", r#""packet":"DISCONNECT""#);
    assert_json("5.0", "e000", r#""packet":"DISCONNECT","reason_code":0,"properties":[]"#);
    assert_json("5.0", "e001 8b", r#""packet":"DISCONNECT","reason_code":139,"properties":[]"#);
    assert_json(
        "5.0",
        "f006 18 04 15 0001 6d",
        r#""packet":"AUTH","reason_code":24,"properties":[["authentication_method","m"]]"#,
    );
}

#[test]
fn pings_have_nothing() {
    for version in ["3.1", "3.1.1", "5.0"] {
        assert_json(version, "c000", r#""packet":"PINGREQ""#);
        assert_json(version, "d000", r#""packet":"PINGRESP""#);
    }
}
