//! What has broken other implementations, one test each: framing, and what else a codec can see.

mod strings;

use mqtt_sansio::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, EncodeError, Field, Frame, FrameReader,
    MAXIMUM_PACKET_SIZE, Packet, PacketId, PacketType, Properties, Property, Publish, QoS,
    ReasonCode, SubAck, Subscribe, Subscription, SubscriptionIdentifier, TopicAlias, TopicFilter,
    TopicName, UnsubAck, Unsubscribe, UserProperty, Version, Violation, Will,
};

use Version::{V3_1, V3_1_1, V5_0};

use crate::support::{decode, encode, hex, refusal, unhex};

/// All that `bytes` hold, taken in pieces of that size.
fn read_in_pieces(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::new(MAXIMUM_PACKET_SIZE);
    let mut frames = Vec::new();
    for mut piece in bytes.chunks(size) {
        while let Some(frame) = reader.next(&mut piece).unwrap() {
            frames.push(frame.as_bytes().to_vec());
        }
        assert!(piece.is_empty(), "{} bytes of a piece are not taken", piece.len());
    }
    assert_eq!(reader.pending(), 0);
    frames
}

#[test]
fn a_body_of_pingreq_pingresp_or_disconnect_is_not_the_next_packet() {
    // The body is itself a PINGREQ.
    for (first, version) in [
        (0xC0, V3_1),
        (0xD0, V3_1),
        (0xE0, V3_1),
        (0xC0, V3_1_1),
        (0xD0, V3_1_1),
        (0xE0, V3_1_1),
        (0xC0, V5_0),
        (0xD0, V5_0),
    ] {
        let bytes = [first, 0x02, 0xC0, 0x00];
        assert_eq!(read_in_pieces(&bytes, 4), [bytes.to_vec()]);
        assert_eq!(refusal(&bytes, version), (Violation::TrailingBytes, 2), "{version}");
    }
    assert_eq!(refusal(&[0xE0, 0x02, 0xC0, 0x00], V5_0), (Violation::ReasonCodeNotListed, 2));
}

#[test]
fn a_header_that_announces_256_mib_is_kept_as_five_bytes() {
    let header = [0x30, 0xFF, 0xFF, 0xFF, 0x7F];
    assert_eq!(Frame::parse(&header, MAXIMUM_PACKET_SIZE), Ok(None));
    for size in [1, 5] {
        let mut reader = FrameReader::new(MAXIMUM_PACKET_SIZE);
        for mut piece in header.chunks(size) {
            assert_eq!(reader.next(&mut piece), Ok(None));
        }
        assert_eq!(reader.pending(), 5);
    }
}

#[test]
fn a_packet_over_the_limit_is_refused_at_its_header() {
    let header = [0x30, 0xFF, 0xFF, 0xFF, 0x7F];
    let limit = MAXIMUM_PACKET_SIZE - 1;
    let error = Frame::parse(&header, limit).unwrap_err();
    assert_eq!((error.violation(), error.offset()), (Violation::PacketTooLarge, 1));
    assert_eq!(error.packet_type(), Some(PacketType::Publish));
    assert_eq!(error.reason_code(), ReasonCode::PacketTooLarge);
    for size in [1, 5] {
        let mut reader = FrameReader::new(limit);
        let mut refused = Ok(None);
        for mut piece in header.chunks(size) {
            assert_eq!(refused, Ok(None));
            refused = reader.next(&mut piece).map(|frame| frame.map(Frame::packet_type));
        }
        assert_eq!(refused, Err(error));
        assert!(reader.pending() <= 5);
    }
    // The limit counts the whole packet: three bytes are two of header and one of body.
    assert_eq!(
        Frame::parse(&[0xC0, 0x01, 0x00], 2).unwrap_err().violation(),
        Violation::PacketTooLarge
    );
    assert!(Frame::parse(&[0xC0, 0x01, 0x00], 3).unwrap().is_some());
    assert!(Frame::parse(&[0xC0, 0x80, 0x00], 2).is_err());
    assert!(Frame::parse(&[0xC0, 0x80, 0x00], 3).unwrap().is_some());
}

#[test]
fn a_changed_limit_is_for_packets_whose_header_has_not_been_read() {
    let mut reader = FrameReader::new(8);
    assert_eq!(reader.next(&mut &[0x30, 0x06, 0x00, 0x01][..]), Ok(None));
    reader.set_maximum_packet_size(4);
    let frame = reader.next(&mut &[0x61, 0x62, 0x63, 0x64][..]).unwrap().unwrap();
    assert_eq!(frame.as_bytes(), [0x30, 0x06, 0x00, 0x01, 0x61, 0x62, 0x63, 0x64]);
    let error = reader.next(&mut &[0x30, 0x06, 0x00, 0x01][..]).unwrap_err();
    assert_eq!(error.violation(), Violation::PacketTooLarge);
}

#[test]
fn what_is_kept_of_a_packet_is_counted_until_it_is_given_out() {
    let bytes = unhex("3206000174000a78");
    let mut reader = FrameReader::new(8);
    for (kept, byte) in bytes.iter().enumerate().take(7) {
        assert_eq!(reader.pending(), kept);
        assert_eq!(reader.next(&mut &[*byte][..]), Ok(None));
    }
    assert_eq!(reader.pending(), 7);
    // The rest of it, a whole packet and the beginning of another.
    let mut input = &unhex("78 c000 c0")[..];
    assert_eq!(reader.next(&mut input).unwrap().unwrap().as_bytes(), bytes);
    assert_eq!((reader.pending(), input), (0, &[0xC0, 0x00, 0xC0][..]));
    assert_eq!(reader.next(&mut input).unwrap().unwrap().as_bytes(), [0xC0, 0x00]);
    assert_eq!((reader.pending(), input), (0, &[0xC0][..]));
    assert_eq!(reader.next(&mut input), Ok(None));
    assert_eq!((reader.pending(), input), (1, &[][..]));
}

#[test]
fn a_remaining_length_of_five_bytes_is_refused_at_its_fourth() {
    for bytes in ["c080808080", "c0ffffffff", "c08080808000", "30ffffffff7f"] {
        let bytes = unhex(bytes);
        for cut in 0..5 {
            assert_eq!(Frame::parse(&bytes[..cut], MAXIMUM_PACKET_SIZE), Ok(None));
        }
        for cut in 5..=bytes.len() {
            let error = Frame::parse(&bytes[..cut], MAXIMUM_PACKET_SIZE).unwrap_err();
            assert_eq!((error.violation(), error.offset()), (Violation::VarintTooLong, 1));
        }
    }
}

#[test]
fn a_remaining_length_of_more_bytes_than_needed_is_refused_in_5_0_only() {
    for bytes in ["c08000", "c0808000", "c080808000"] {
        let bytes = unhex(bytes);
        assert_eq!(decode(&bytes, V3_1), Ok(Packet::PingReq));
        assert_eq!(decode(&bytes, V3_1_1), Ok(Packet::PingReq));
        assert_eq!(refusal(&bytes, V5_0), (Violation::VarintNotMinimal, 1), "{}", hex(&bytes));
    }
    // CONNECT says itself which version it is of.
    assert!(decode(&unhex("108d0000044d5154540402003c000163"), V5_0).is_ok());
    let connect = unhex("108e0000044d5154540502003c00000163");
    assert_eq!(refusal(&connect, V3_1_1), (Violation::VarintNotMinimal, 1));
}

#[test]
fn lengths_around_every_size_of_a_varint_are_read_and_written() {
    for body in [3, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
        let payload = vec![0; body - 3];
        let packet = Packet::from(Publish::new(TopicName::new("t").unwrap(), &payload));
        let bytes = encode(&packet, V3_1_1);
        let size = body
            + match body {
                0..=127 => 2,
                128..=16_383 => 3,
                16_384..=2_097_151 => 4,
                _ => 5,
            };
        assert_eq!(bytes.len(), size);
        assert_eq!(decode(&bytes, V3_1_1), Ok(packet));
    }
}

#[test]
fn non_minimal_and_five_byte_varints_inside_a_packet_are_refused() {
    let cases = [
        // The property length, the identifier of a property, the value of a Subscription Identifier.
        ("3005 000161 8000", (Violation::VarintNotMinimal, 5)),
        ("3008 000161 8080808000", (Violation::VarintTooLong, 5)),
        ("3007 000161 80808080", (Violation::VarintTooLong, 5)),
        ("3006 000161 808080", (Violation::Truncated, 8)),
        ("3008 000161 04 81000000", (Violation::VarintNotMinimal, 6)),
        ("3008 000161 04 80010000", (Violation::UnknownProperty, 6)),
        ("300a 000161 06 818080800000", (Violation::VarintTooLong, 6)),
        ("3007 000161 03 0b8100", (Violation::VarintNotMinimal, 7)),
        ("3008 000161 04 0b818000", (Violation::VarintNotMinimal, 7)),
        ("300a 000161 06 0b8080808001", (Violation::VarintTooLong, 7)),
        ("3008 000161 04 0b808080", (Violation::Truncated, 10)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(refusal(&unhex(bytes), V5_0), expected, "{bytes}");
    }
}

#[test]
fn two_packets_in_one_read_are_two_and_one_byte_at_a_time_is_one() {
    let publish = unhex("3206000174000a78");
    let pingreq = unhex("c000");
    let stream = [publish.clone(), pingreq.clone(), publish.clone(), pingreq.clone()].concat();
    let expected = [publish.clone(), pingreq.clone(), publish, pingreq];
    for size in 1..=stream.len() {
        assert_eq!(read_in_pieces(&stream, size), expected, "pieces of {size}");
    }
}

#[test]
fn a_topic_that_begins_with_a_character_of_two_bytes_is_no_dollar_topic() {
    let bytes = unhex("30060002c3a97879");
    let topic = TopicName::new("é").unwrap();
    assert_eq!(decode(&bytes, V3_1_1), Ok(Publish::new(topic, b"xy").into()));
    assert!(TopicFilter::new("#").unwrap().matches(topic));
    assert!(TopicFilter::new("+").unwrap().matches(topic));
    assert!(TopicFilter::new("é").unwrap().matches(topic));
    assert!(!TopicFilter::new("é").unwrap().is_shared());
    assert!(!TopicFilter::new("$").unwrap().matches(topic));
}

#[test]
fn protocol_name_and_level_belong_together() {
    let connect = |name: &str, level: u8| {
        let len = u8::try_from(name.len()).unwrap();
        // The property length that 5.0 wants is the first half of the client id's length elsewhere.
        let tail: &[u8] = if level == 5 { &[0, 0, 0] } else { &[0, 0] };
        let header = [&[0, len][..], name.as_bytes(), &[level, 0x02, 0, 60], tail].concat();
        [&[0x10, u8::try_from(header.len()).unwrap()][..], &header].concat()
    };
    for level in 0..=255 {
        let expected = |version| Ok(Connect { keep_alive: 60, ..Connect::new(version, "") }.into());
        let (mqtt, mqisdp) = (connect("MQTT", level), connect("MQIsdp", level));
        match level {
            4 => assert_eq!(decode(&mqtt, V5_0), expected(V3_1_1)),
            5 => assert_eq!(decode(&mqtt, V3_1), expected(V5_0)),
            _ => assert_eq!(refusal(&mqtt, V3_1_1), (Violation::UnsupportedProtocolVersion, 8)),
        }
        match level {
            3 => assert_eq!(decode(&mqisdp, V3_1_1), expected(V3_1)),
            _ => assert_eq!(refusal(&mqisdp, V3_1), (Violation::UnsupportedProtocolVersion, 10)),
        }
        for name in
            ["", "M", "MQT", "MQTt", "mqtt", "MQTTT", "MQIsdP", "mqisdp", "MQIsdpp", "MQTT\0"]
        {
            let bytes = connect(name, level);
            assert_eq!(refusal(&bytes, V3_1_1), (Violation::UnknownProtocolName, 2), "{name}");
        }
    }
}

#[test]
fn a_password_without_a_user_name_is_for_5_0_only() {
    let wrong = Violation::PasswordWithoutUserName;
    assert_eq!(refusal(&unhex("101200064d51497364700342003c000163000170"), V3_1), (wrong, 11));
    assert_eq!(refusal(&unhex("101000044d5154540442003c000163000170"), V3_1_1), (wrong, 9));
    let connect =
        |version| Connect { keep_alive: 60, password: Some(b"p"), ..Connect::new(version, "c") };
    let bytes = unhex("101100044d5154540542003c00000163000170");
    assert_eq!(decode(&bytes, V5_0), Ok(connect(V5_0).into()));
    assert_eq!(encode(&connect(V5_0).into(), V5_0), bytes);
    for version in [V3_1, V3_1_1] {
        let error = Packet::from(connect(version)).encoded_len(version);
        assert_eq!(error, Err(EncodeError::Violation(wrong)), "{version}");
    }
}

#[test]
fn subscribe_with_qos_3_or_no_filter_or_reserved_bits_is_refused() {
    assert_eq!(refusal(&unhex("8206000100016103"), V3_1), (Violation::QoS3, 7));
    assert_eq!(refusal(&unhex("8206000100016103"), V3_1_1), (Violation::QoS3, 7));
    assert_eq!(refusal(&unhex("820700010000016103"), V5_0), (Violation::SubscriptionQoS3, 8));
    for version in [V3_1, V3_1_1] {
        assert_eq!(refusal(&unhex("82020001"), version), (Violation::NoTopicFilters, 4));
    }
    assert_eq!(refusal(&unhex("8203000100"), V5_0), (Violation::NoTopicFilters, 5));
    let reserved = Violation::ReservedSubscriptionOptions;
    for bit in 2..8 {
        let bytes = [0x82, 0x06, 0x00, 0x01, 0x00, 0x01, 0x61, 1 << bit];
        assert_eq!(refusal(&bytes, V3_1_1), (reserved, 7), "bit {bit}");
        assert!(decode(&bytes, V3_1).is_ok(), "bit {bit}");
        let bytes = [0x82, 0x07, 0x00, 0x01, 0x00, 0x00, 0x01, 0x61, 1 << bit];
        if bit < 6 {
            assert!(decode(&bytes, V5_0).is_ok(), "bit {bit}");
        } else {
            assert_eq!(refusal(&bytes, V5_0), (reserved, 8), "bit {bit}");
        }
    }
    for version in Version::ALL {
        let empty = Packet::from(Subscribe::new(PacketId::MIN, &[])).encoded_len(version);
        assert_eq!(empty, Err(EncodeError::Violation(Violation::NoTopicFilters)), "{version}");
    }
}

#[test]
fn topic_alias_0_cannot_be_written_and_is_not_read() {
    assert_eq!(TopicAlias::new(0), None);
    assert_eq!(refusal(&unhex("30080001610323000078"), V5_0), (Violation::TopicAliasZero, 7));
    assert_eq!(refusal(&unhex("3003000000"), V5_0), (Violation::EmptyTopicNameWithoutAlias, 2));
    let properties = [Property::TopicAlias(TopicAlias::new(1).unwrap())];
    let properties = Properties::from(&properties);
    let publish = Publish { properties, ..Publish::new(TopicName::BY_ALIAS, b"x") };
    assert_eq!(decode(&unhex("300700000323000178"), V5_0), Ok(publish.into()));
}

#[test]
fn an_unknown_packet_id_is_reported_with_code_0x92_in_5_0_only() {
    let ack = |reason_code| Ack { reason_code, ..Ack::new(PacketId::MIN) };
    let not_found = ack(ReasonCode::PacketIdentifierNotFound);
    for (packet, bytes) in
        [(Packet::PubRel(not_found), "6203000192"), (Packet::PubComp(not_found), "7003000192")]
    {
        assert_eq!(encode(&packet, V5_0), unhex(bytes));
        assert_eq!(decode(&unhex(bytes), V5_0), Ok(packet));
        let error = EncodeError::NotInVersion { field: Field::ReasonCode, version: V3_1_1 };
        assert_eq!(packet.encoded_len(V3_1_1), Err(error));
    }
}

#[test]
fn an_empty_payload_keeps_its_retain_flag() {
    for (bytes, retain) in [("3003000161", false), ("3103000161", true)] {
        let publish = Publish { retain, ..Publish::new(TopicName::new("a").unwrap(), b"") };
        assert_eq!(decode(&unhex(bytes), V3_1_1), Ok(publish.into()));
        assert_eq!(encode(&publish.into(), V3_1_1), unhex(bytes));
    }
}

#[test]
fn all_subscription_identifiers_of_a_message_are_read_in_order() {
    let bytes = unhex("300e000161090b010bffffff7f0b0178");
    let Ok(Packet::Publish(publish)) = decode(&bytes, V5_0) else { panic!("not a PUBLISH") };
    let identifiers = publish.properties.subscription_identifiers();
    assert!(identifiers.map(SubscriptionIdentifier::get).eq([1, 268_435_455, 1]));
}

#[test]
fn an_empty_client_id_is_refused_by_the_rule_of_its_version() {
    let refusal =
        |version, clean_start| Connect { clean_start, ..Connect::new(version, "") }.refusal();
    let refused = Some(ReasonCode::ClientIdentifierNotValid);
    assert_eq!([refusal(V3_1, true), refusal(V3_1, false)], [refused, refused]);
    assert_eq!([refusal(V3_1_1, true), refusal(V3_1_1, false)], [None, refused]);
    assert_eq!([refusal(V5_0, true), refusal(V5_0, false)], [None, None]);
}

#[test]
fn a_disconnect_that_publishes_the_will_says_so_in_5_0() {
    let disconnect = Disconnect::new(ReasonCode::DisconnectWithWillMessage);
    assert_eq!(encode(&disconnect.into(), V5_0), [0xE0, 0x01, 0x04]);
    assert_eq!(decode(&[0xE0, 0x01, 0x04], V5_0), Ok(disconnect.into()));
    let error = EncodeError::NotInVersion { field: Field::ReasonCode, version: V3_1_1 };
    assert_eq!(Packet::from(disconnect).encoded_len(V3_1_1), Err(error));
}

#[test]
fn nothing_of_5_0_reaches_an_older_peer() {
    let user = [Property::UserProperty(UserProperty { name: "n", value: "v" })];
    let properties = Properties::from(&user);
    let topic = TopicName::new("t").unwrap();
    let filter = TopicFilter::new("t").unwrap();
    let id = PacketId::MIN;
    let (subscriptions, filters) = ([Subscription::new(filter, QoS::AtMostOnce)], [filter]);
    let codes = [ReasonCode::Success];
    let will = Some(Will { properties, ..Will::new(topic, b"") });
    for version in [V3_1, V3_1_1] {
        for other in Version::ALL.into_iter().filter(|other| *other != version) {
            let error = EncodeError::NotInVersion { field: Field::Connect, version };
            assert_eq!(Packet::from(Connect::new(other, "c")).encoded_len(version), Err(error));
        }
        let connect = Connect::new(version, "c");
        let ack = Ack { properties, ..Ack::new(id) };
        let packets: [Packet<'_>; 13] = [
            Connect { properties, ..connect }.into(),
            Connect { will, ..connect }.into(),
            ConnAck { properties, ..ConnAck::accepted(false) }.into(),
            Publish { properties, ..Publish::new(topic, b"") }.into(),
            Packet::PubAck(ack),
            Packet::PubRec(ack),
            Packet::PubRel(ack),
            Packet::PubComp(ack),
            Subscribe { properties, ..Subscribe::new(id, &subscriptions) }.into(),
            SubAck { properties, ..SubAck::new(id, &codes) }.into(),
            Unsubscribe { properties, ..Unsubscribe::new(id, &filters) }.into(),
            UnsubAck { properties, ..UnsubAck::new(id, &[]) }.into(),
            Disconnect { properties, ..Disconnect::NORMAL }.into(),
        ];
        for packet in packets {
            let error = EncodeError::NotInVersion { field: Field::Properties, version };
            assert_eq!(packet.encoded_len(version), Err(error), "{packet}");
        }
        let unsuback = Packet::from(UnsubAck::new(id, &codes)).encoded_len(version);
        let error = |field| Err(EncodeError::NotInVersion { field, version });
        assert_eq!(unsuback, error(Field::ReasonCode));
        let method = [Property::AuthenticationMethod("m")];
        let auth = Packet::from(Auth::new(ReasonCode::ContinueAuthentication, &method));
        assert_eq!(auth.encoded_len(version), error(Field::Auth));
        let no_local = [Subscription { no_local: true, ..subscriptions[0] }];
        let subscribe = Packet::from(Subscribe::new(id, &no_local)).encoded_len(version);
        assert_eq!(subscribe, error(Field::SubscriptionOptions));
    }
}

#[test]
fn filters_that_were_read_in_one_version_are_checked_again_in_another() {
    let subscribe = |bytes: &str, from, to| {
        let bytes = unhex(bytes);
        let Ok(Packet::Subscribe(read)) = decode(&bytes, from) else { panic!("{}", hex(&bytes)) };
        let packet = Packet::from(read);
        packet.encoded_len(to).map(|_| hex(&encode(&packet, to)))
    };
    let plain = hex(&unhex("82 06 0001 000161 01"));
    // The bits that 3.1 does not use.
    assert_eq!(subscribe("82 06 0001 000161 fd", V3_1, V3_1), Ok(plain.clone()));
    assert_eq!(subscribe("82 06 0001 000161 fd", V3_1, V3_1_1), Ok(plain.clone()));
    assert_eq!(subscribe("82 06 0001 000161 fd", V3_1, V5_0), Ok("820700010000016101".to_owned()));
    assert_eq!(subscribe("82 07 0001 00 000161 01", V5_0, V3_1_1), Ok(plain));
    let error = EncodeError::NotInVersion { field: Field::SubscriptionOptions, version: V3_1_1 };
    assert_eq!(subscribe("82 07 0001 00 000161 05", V5_0, V3_1_1), Err(error));
    // Not a shared subscription before 5.0, and none in 5.0.
    let share = "0008 2473686172652f67";
    let error = EncodeError::Violation(Violation::InvalidSharedFilter);
    assert_eq!(subscribe(&format!("82 0d 0001 {share} 00"), V3_1_1, V5_0), Err(error));
    let bytes = unhex(&format!("a2 0c 0001 {share}"));
    let Ok(unsubscribe) = decode(&bytes, V3_1_1) else { panic!("{}", hex(&bytes)) };
    assert_eq!(encode(&unsubscribe, V3_1), bytes);
    assert_eq!(unsubscribe.encoded_len(V5_0), Err(error));
}

#[test]
fn reason_codes_that_were_read_in_one_packet_are_checked_again_in_another() {
    let read = |bytes: &[u8], version, each: &dyn Fn(Packet<'_>, Packet<'_>)| {
        let (reason_codes, packet_id) = match decode(bytes, version) {
            Ok(Packet::SubAck(packet)) => (packet.reason_codes, packet.packet_id),
            Ok(Packet::UnsubAck(packet)) => (packet.reason_codes, packet.packet_id),
            _ => panic!("{}", hex(bytes)),
        };
        let suback = SubAck { reason_codes, ..SubAck::new(packet_id, &[]) };
        each(suback.into(), UnsubAck { reason_codes, ..UnsubAck::new(packet_id, &[]) }.into());
    };
    let unlisted = Err(EncodeError::Violation(Violation::ReasonCodeNotListed));
    let not_in = |version| Err(EncodeError::NotInVersion { field: Field::ReasonCode, version });
    read(&unhex("90 05 0001 00 01 87"), V5_0, &|suback, unsuback| {
        assert_eq!(encode(&suback, V5_0), unhex("90 05 0001 00 01 87"));
        assert_eq!(suback.encoded_len(V3_1_1), not_in(V3_1_1));
        assert_eq!(unsuback.encoded_len(V5_0), unlisted);
        assert_eq!(unsuback.encoded_len(V3_1_1), not_in(V3_1_1));
    });
    read(&unhex("b0 05 0001 00 11 87"), V5_0, &|suback, unsuback| {
        assert_eq!(suback.encoded_len(V5_0), unlisted);
        assert_eq!(encode(&unsuback, V5_0), unhex("b0 05 0001 00 11 87"));
    });
    // The bits that 3.1 does not use.
    read(&unhex("90 04 0001 05 7e"), V3_1, &|suback, _| {
        assert_eq!(encode(&suback, V3_1), unhex("90 04 0001 01 02"));
        assert_eq!(encode(&suback, V3_1_1), unhex("90 04 0001 01 02"));
        assert_eq!(encode(&suback, V5_0), unhex("90 05 0001 00 01 02"));
    });
}

#[test]
fn dup_without_qos_cannot_be_written_down() {
    assert!(!Delivery::AtMostOnce.dup());
    assert_eq!(Delivery::AtMostOnce.packet_id(), None);
    assert_eq!(refusal(&unhex("3803000161"), V3_1_1), (Violation::DupAtQoS0, 0));
    assert_eq!(refusal(&unhex("380400016100"), V5_0), (Violation::DupAtQoS0, 0));
}
