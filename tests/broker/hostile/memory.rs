//! What small messages keep in memory.

use mqtt_sansio::{Property, UserProperty};

use super::counter::taken_by;
use crate::bench::Bench;
use crate::wire::retained;
use crate::wire5::{connect5, publish5, user};

/// How many bytes are kept of what this does with a broker that was there before.
fn kept_by(run: impl FnOnce(&mut Bench)) -> usize {
    let mut bench = Bench::new();
    bench.checked = false;
    let (taken, ()) = taken_by(|| run(&mut bench));
    taken.kept_bytes
}

#[test]
fn a_small_payload_keeps_no_large_packet() {
    let text = "x".repeat(60_000);
    let properties = [Property::UserProperty(UserProperty { name: "", value: &text })];
    let mut counted = 0;
    let kept = kept_by(|bench| {
        let a = bench.client5("a", &[]);
        for n in 0..20 {
            let packet = retained(publish5(&format!("t/{n}"), "1", &properties));
            // In pieces, as from a socket.
            for piece in packet.chunks(10_000) {
                bench.send(a, piece);
            }
        }
        bench.lose(a);
        counted = bench.broker.router().retained_bytes();
    });
    assert!(counted > 20 * 60_000, "{counted} bytes are counted");
    assert!(kept < counted + counted / 4, "{kept} bytes are kept, and {counted} counted");
}

#[test]
fn a_retained_message_keeps_no_client_identifier() {
    let mut counted = 0;
    let kept = kept_by(|bench| {
        for n in 0..20 {
            let name = format!("{n}{}", "x".repeat(60_000));
            let a = bench.dial(connect5(&name, &[], |_| ()));
            bench.connack5(a, false);
            bench.send(a, retained(publish5(&format!("t/{n}"), "1", &[user("k", "v")])));
            bench.lose(a);
        }
        bench.events();
        counted = bench.broker.router().retained_messages();
    });
    assert_eq!(counted, 20);
    assert!(kept < 100_000, "{kept} bytes are kept");
}
