//! The MQTT 3.1.1 packets of `mqttbytes` and of its descendant in `rumqttc`, which differ in
//! their path only.

/// Defines `packet`, which builds a `v4::Packet`, and `visit`, which reads one. The module needs
/// `v4`, `Protocol` and `QoS` of the crate in scope.
macro_rules! v4_packets {
    () => {
        fn packet(message: &Message) -> Option<v4::Packet> {
            Some(match message {
                Message::Connect(c) => v4::Packet::Connect(v4::Connect {
                    protocol: Protocol::V4,
                    keep_alive: c.keep_alive,
                    client_id: c.client_id.into(),
                    clean_session: c.clean_session,
                    last_will: c
                        .will
                        .map(|w| v4::LastWill::new(w.topic, w.message, qos(w.qos), w.retain)),
                    login: c.user_name.zip(c.password).map(|(user_name, password)| {
                        let password = std::str::from_utf8(password).expect("a textual password");
                        v4::Login::new(user_name, password)
                    }),
                }),
                Message::Publish(p) => {
                    let mut publish =
                        v4::Publish::new(p.topic.as_str(), qos(p.qos), p.payload.as_slice());
                    publish.pkid = p.id;
                    v4::Packet::Publish(publish)
                }
                Message::Ack(PacketType::Puback, id) => v4::Packet::PubAck(v4::PubAck::new(*id)),
                Message::Ack(PacketType::Pubrec, id) => v4::Packet::PubRec(v4::PubRec::new(*id)),
                Message::Ack(PacketType::Pubrel, id) => v4::Packet::PubRel(v4::PubRel::new(*id)),
                Message::Ack(PacketType::Pubcomp, id) => v4::Packet::PubComp(v4::PubComp::new(*id)),
                Message::Ack(..) => return None,
                Message::Subscribe { id, filters } => {
                    let mut subscribe =
                        v4::Subscribe::new_many(filters.iter().map(|(filter, level)| {
                            v4::SubscribeFilter::new(filter.clone(), qos(*level))
                        }));
                    subscribe.pkid = *id;
                    v4::Packet::Subscribe(subscribe)
                }
                Message::Suback { id, codes } => {
                    let codes = codes.iter().map(|code| match code {
                        0x80 => v4::SubscribeReasonCode::Failure,
                        level => v4::SubscribeReasonCode::Success(qos(*level)),
                    });
                    v4::Packet::SubAck(v4::SubAck::new(*id, codes.collect()))
                }
                Message::Unsubscribe { id, filters } => {
                    v4::Packet::Unsubscribe(v4::Unsubscribe { pkid: *id, topics: filters.clone() })
                }
                Message::Pingreq => v4::Packet::PingReq,
            })
        }

        fn qos(level: u8) -> QoS {
            match level {
                0 => QoS::AtMostOnce,
                1 => QoS::AtLeastOnce,
                _ => QoS::ExactlyOnce,
            }
        }

        #[inline(always)]
        fn visit(packet: &v4::Packet, sink: &mut impl Sink) {
            match packet {
                v4::Packet::Connect(c) => sink.connect(model::Connect {
                    keep_alive: c.keep_alive,
                    clean_session: c.clean_session,
                    client_id: &c.client_id,
                    will: c.last_will.as_ref().map(|will| model::Will {
                        qos: will.qos as u8,
                        retain: will.retain,
                        topic: &will.topic,
                        message: &will.message,
                    }),
                    user_name: c.login.as_ref().map(|login| login.username.as_str()),
                    password: c.login.as_ref().map(|login| login.password.as_bytes()),
                }),
                v4::Packet::Publish(p) => {
                    let topic = p.topic.as_bytes();
                    sink.publish(p.qos as u8, p.dup, p.retain, p.pkid, topic, &p.payload);
                }
                v4::Packet::PubAck(ack) => sink.identified(PacketType::Puback, ack.pkid),
                v4::Packet::PubRec(ack) => sink.identified(PacketType::Pubrec, ack.pkid),
                v4::Packet::PubRel(ack) => sink.identified(PacketType::Pubrel, ack.pkid),
                v4::Packet::PubComp(ack) => sink.identified(PacketType::Pubcomp, ack.pkid),
                v4::Packet::Subscribe(s) => {
                    sink.identified(PacketType::Subscribe, s.pkid);
                    for filter in &s.filters {
                        sink.filter(&filter.path, filter.qos as u8);
                    }
                }
                v4::Packet::SubAck(s) => {
                    sink.identified(PacketType::Suback, s.pkid);
                    for code in &s.return_codes {
                        sink.number(match code {
                            v4::SubscribeReasonCode::Success(qos) => *qos as u32,
                            v4::SubscribeReasonCode::Failure => 0x80,
                        });
                    }
                }
                v4::Packet::Unsubscribe(u) => {
                    sink.identified(PacketType::Unsubscribe, u.pkid);
                    for topic in &u.topics {
                        sink.bytes(topic.as_bytes());
                    }
                }
                v4::Packet::PingReq => sink.packet(PacketType::Pingreq),
                other => unreachable!("{other:?} is not in the workload"),
            }
        }
    };
}

pub(super) use v4_packets;
