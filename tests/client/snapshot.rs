//! The process ends after any call, and another goes on from the session taken then.

use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, ClientOutput, ClientSession, Connect, PublishOutcome, QoS,
    Version,
};

use crate::bench::{
    Bench, connected, lost_connection, manual, message, ms, payloads, published, received,
};
use crate::model::Model;
use crate::sim::Sim;

#[derive(Clone, Copy, Debug)]
struct Case {
    to_server: bool,
    to_client: bool,
    qos: QoS,
    manual: bool,
    session_lost: bool,
}

/// Two messages and a request, with a restart after each of these calls.
fn run(case: Case, restart_at: &[usize]) -> Sim {
    let config = if case.manual { manual() } else { ClientConfig::default() };
    let mut sim = Sim::new(config);
    let mut model = Model::default();
    sim.connect(false);
    sim.settle();
    sim.restart_at = restart_at.to_vec();
    for _ in 0..2 {
        if case.to_server {
            let message = model.message(case.qos, 6);
            model.publish(&mut sim, message);
        }
        if case.to_client {
            let message = model.message(case.qos, 6);
            model.server_publish(&mut sim, message);
        }
    }
    let filter = mqtt_sansio::TopicFilter::new("s").unwrap();
    let request = sim.client.unsubscribe(ms(sim.now), &[filter]).unwrap();
    sim.called();
    model.unsubscribed(request);
    sim.settle();
    while !sim.is_open {
        if case.session_lost {
            sim.server.lose_session();
        }
        sim.connect(false);
        sim.settle();
    }
    assert!(sim.server.is_idle(), "an exchange is not finished: {:?}", sim.server);
    model.check(&sim);
    sim
}

fn at_every_call(to_server: bool, to_client: bool) {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for bits in 0..4 {
            let (manual, session_lost) = (bits & 1 != 0, bits & 2 != 0);
            let case = Case { to_server, to_client, qos, manual, session_lost };
            let calls = run(case, &[]).calls;
            for at in 1..=calls {
                for then in [0, 1, 2, 3, 5, 8, 13] {
                    let restarts = [at, at + then];
                    let result = std::panic::catch_unwind(|| run(case, &restarts));
                    if let Err(cause) = result {
                        eprintln!("{case:?}, restarted after the calls {restarts:?}");
                        std::panic::resume_unwind(cause);
                    }
                }
            }
        }
    }
}

#[test]
fn a_restart_after_every_call_keeps_what_was_published() {
    at_every_call(true, false);
}

#[test]
fn a_restart_after_every_call_keeps_what_is_received() {
    at_every_call(false, true);
}

#[test]
fn a_restart_after_every_call_keeps_both_directions_apart() {
    at_every_call(true, true);
}

/// A client with something of everything, none of it polled since.
fn everything(config: ClientConfig) -> (Client, ClientSession) {
    let mut config = config;
    config.max_inflight_messages = 3;
    let mut bench = Bench::connected_with(config);
    bench.publish(QoS::AtMostOnce, "zero");
    bench.publish(QoS::AtLeastOnce, "one");
    bench.publish(QoS::ExactlyOnce, "two");
    bench.publish(QoS::ExactlyOnce, "released");
    bench.publish(QoS::AtLeastOnce, "queued");
    bench.subscribe(&[("sent/#", QoS::AtLeastOnce)]);
    bench.unsubscribe(&["sent/+"]);
    bench.pull(usize::MAX);
    bench.client.handle_input(ms(1000), b"\x50\x02\x00\x05");
    bench.client.handle_input(ms(1000), b"\x32\x06\x00\x01t\x00\x01a\x34\x06\x00\x01t\x00\x02b");
    bench.client.handle_input(ms(1000), b"\x34\x06\x00\x01t\x00\x03c");
    bench.subscribe(&[("waits", QoS::ExactlyOnce)]);
    bench.unsubscribe(&["waits/too"]);
    let session = bench.client.session();
    (bench.client, session)
}

#[test]
fn a_session_with_everything_in_it_comes_back_the_same() {
    for config in [ClientConfig::default(), manual()] {
        let (_, session) = everything(config.clone());
        let client = Client::resume(config, session.clone());
        client.check_invariants();
        assert_eq!(client.session(), session);
    }
}

#[test]
fn a_session_with_everything_in_it_goes_on() {
    let (_, session) = everything(ClientConfig::default());
    let client = Client::resume(ClientConfig::default(), session);
    let mut bench = Bench { client, now: 5000 };
    let told = bench.drain();
    told.sent("");
    assert_eq!(payloads(&told), [b"a", b"b", b"c"]);
    let done: Vec<_> = told
        .events
        .iter()
        .filter(|event| !matches!(event, ClientEvent::Message { .. }))
        .map(|event| match event {
            ClientEvent::Published { outcome, .. } => format!("{outcome:?}"),
            ClientEvent::Subscribed { outcome, .. } => format!("{outcome:?}"),
            ClientEvent::Unsubscribed { outcome, .. } => format!("{outcome:?}"),
            event => format!("{event:?}"),
        })
        .collect();
    assert_eq!(done, ["Sent", "Lost", "Lost"]);
    bench.reconnect(true).sent(
        "3a08 0001 74 0003 6f6e65  3c08 0001 74 0004 74776f  62020005
         820a 0006 0005 7761697473 02  a20d 0007 0009 77616974732f746f6f
         320b 0001 74 0008 717565756564",
    );
    // What was received at QoS 2 is remembered, at QoS 1 it is not.
    bench.input("3c06 0001 74 0003 63").sent("50020003").events(&[]);
    let again = received(QoS::AtLeastOnce, "a", true);
    bench.input("3a06 0001 74 0001 61").sent("40020001").events(&[again]);
}

#[test]
fn taking_the_session_changes_nothing() {
    let (mut client, session) = everything(ClientConfig::default());
    assert_eq!(client.session(), session);
    let first = client.poll_output();
    assert!(matches!(first, ClientOutput::Event(_)), "{first:?}");
    assert_ne!(client.session(), session, "what was polled is not told again");
}

#[test]
fn handles_of_the_earlier_process_are_not_given_again() {
    let mut bench = Bench::connected();
    let old = bench.publish(QoS::AtLeastOnce, "a");
    let mut bench = Bench {
        client: Client::resume(ClientConfig::default(), bench.client.session()),
        now: 1000,
    };
    let new = bench.publish(QoS::AtLeastOnce, "b");
    assert_ne!(old, new);
    bench.reconnect(true).sent("3206 0001 74 0001 61 3206 0001 74 0002 62");
    let done = |handle| published(handle, PublishOutcome::Acknowledged);
    bench.input("40020002 40020001").events(&[done(new), done(old)]);
}

#[test]
fn connection_events_are_not_part_of_the_session() {
    let mut bench = Bench::connected();
    bench.client.handle_closed(ms(1000));
    let mut client = Client::resume(ClientConfig::default(), bench.client.session());
    assert_eq!(client.poll_output(), ClientOutput::Wait(None));
    bench.drain().events(&[lost_connection()]);
}

#[test]
fn a_session_that_the_server_lost_is_told_as_lost_by_the_new_process() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    let client = Client::resume(ClientConfig::default(), bench.client.session());
    let mut bench = Bench { client, now: 1000 };
    let lost = published(handle, PublishOutcome::Lost);
    bench.reconnect(false).sent("").events(&[connected(false), lost]);
}

#[test]
fn a_qos_2_message_polled_and_not_acknowledged_can_be_after_a_restart() {
    let mut bench = Bench::connected_with(manual());
    let output = bench.input("3406 0001 74 0001 61");
    assert_eq!(payloads(&output), [b"a"]);
    // The token ends with its process.
    let client = Client::resume(manual(), bench.client.session());
    let mut bench = Bench { client, now: 1000 };
    let mut tokens = bench.drain().tokens();
    bench.reconnect(true);
    tokens.extend(bench.input("3c06 0001 74 0001 61").tokens());
    assert_eq!(tokens.len(), 1, "a right to acknowledge the message, so that it can end");
    bench.acknowledge(tokens.remove(0)).sent("50020001");
}

/// [MQTT-3.1.2-6]: it ends with its connection, so with the process too.
#[test]
fn a_clean_session_does_not_outlive_its_process() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect::new(Version::V3_1_1, "c"));
    bench.input("20020000");
    let handle = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain().sent("3406 0001 74 0001 61");
    bench.input("3406 0001 74 0001 62").sent("50020001");
    let client = Client::resume(ClientConfig::default(), bench.client.session());
    let mut bench = Bench { client, now: 1000 };
    let mut told = bench.drain().events;
    let output = bench.reconnect(true);
    output.sent("");
    told.extend(output.events);
    told.retain(|event| matches!(event, ClientEvent::Published { .. }));
    assert_eq!(told, [published(handle, PublishOutcome::Lost)]);
    let new = received(QoS::ExactlyOnce, "c", false);
    bench.input("3406 0001 74 0001 63").sent("50020001").events(&[new]);
}

#[test]
fn a_resumed_client_connects_like_any_other() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.client.publish(ms(0), message(QoS::AtMostOnce, "a")).unwrap();
    let client = Client::resume(ClientConfig::default(), bench.client.session());
    let mut bench = Bench { client, now: 1000 };
    bench.drain().nothing().waits(None);
    bench.connect(&Connect::new(Version::V3_1_1, "c")).sent(crate::bench::CONNECT_CLEAN);
}

#[cfg(feature = "serde")]
mod written {
    use super::{Client, ClientConfig, ClientSession, everything, manual};

    #[test]
    fn a_session_with_everything_in_it_survives_json() {
        for config in [ClientConfig::default(), manual()] {
            let (_, session) = everything(config);
            let json = serde_json::to_string(&session).unwrap();
            let again: ClientSession = serde_json::from_str(&json).unwrap();
            assert_eq!(again, session, "{json}");
        }
    }

    /// Whatever was written instead of a session: it is refused, or a client that can be used.
    #[test]
    fn a_session_that_was_tampered_with_is_refused_or_harmless() {
        let (_, session) = everything(ClientConfig::default());
        let json = serde_json::to_string(&session).unwrap();
        let mut usable = 0;
        for at in 0..json.len() {
            for with in b"01234567[,#+".iter().copied() {
                let mut bytes = json.clone().into_bytes();
                bytes[at] = with;
                let Ok(session) = serde_json::from_slice::<ClientSession>(&bytes) else {
                    continue;
                };
                usable += 1;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let result = std::panic::catch_unwind(|| use_up(session));
                assert!(result.is_ok(), "panics on {text}");
            }
        }
        assert!(usable > 100, "{usable}");
    }

    fn use_up(session: ClientSession) {
        let client = Client::resume(ClientConfig::default(), session);
        let mut bench = crate::bench::Bench { client, now: 1000 };
        bench.drain();
        bench.reconnect(true);
        bench.input("40020001 50020002 70020002 3c06 0001 74 0002 62 62020002");
        bench.lose();
        bench.reconnect(false);
    }
}
