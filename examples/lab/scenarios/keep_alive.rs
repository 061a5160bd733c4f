//! Keep alive: what it costs, and how soon a silent death is noticed.

use std::time::Duration;

use mqtt_sansio::{PacketType, QoS, Sender};

use super::{message, millis, seconds};
use crate::login::Login;
use crate::scenario::{Report, Scenario, Twin};
use crate::table::Table;
use crate::wire::Traffic;
use crate::world::World;

pub(super) const CAPTURED: &[Scenario] = &[Scenario {
    name: "keep-alive-5",
    title: "Keep alive 5",
    shows: "A client that has sent nothing for 5 s pings; one that stays silent is closed after 7.5 s. (The silent one's bytes are written out: a client would ping.)",
    twins: &["a message every 4 s", "the silent one has keep alive 6"],
    run: five,
}];

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "keep-alive-compared",
        title: "Keep alive 5 s against 25 s, over ten minutes",
        shows: "A publisher sends to a subscriber once a minute; the rest of the traffic is pings.",
        twins: &["both have 25 s"],
        run: compared,
    },
    Scenario {
        name: "smart-lock",
        title: "The keep alive of a smart lock",
        shows: "A short keep alive notices a silent death soon, and costs bytes all day.",
        twins: &["without keep alive", "the lock says goodbye"],
        run: smart_lock,
    },
];

fn five(twin: Twin) -> Report {
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    // A client would ping: this program's bytes are written out.
    let silent = world.raw("silent");
    world.connect(publisher, &Login::new("PythonPub").keep_alive(5));
    world.connect(silent, &Login::new("silent"));
    world.pass(millis(40));
    let keep_alive = twin.pick("the silent one has keep alive 6", 6, 5);
    let mut connect = *b"\x10\x12\0\x04MQTT\x04\x02\0\x05\0\x06silent";
    if let Some(byte) = connect.get_mut(11) {
        *byte = keep_alive;
    }
    world.send_raw(silent, &connect);
    let period = twin.pick("a message every 4 s", seconds(4), seconds(6));
    for n in 0..8 {
        world.publish(publisher, message("JACK1234", &format!("Hello{n}"), QoS::AtMostOnce));
        world.pass(period);
    }

    let mut report = Report::default();
    let packets = world.packet_types(publisher);
    let sent: Vec<_> = packets.iter().filter(|(_, sender, _)| *sender == Sender::Client).collect();
    let pauses = sent.iter().zip(sent.iter().skip(1));
    let pings = pauses.filter(|(_, after)| after.2 == PacketType::PingReq);
    let pauses = pings.map(|(before, after)| (after.0 - before.0).as_millis());
    let text = "between two messages 6 s apart there is a ping, 5 s after the first";
    report.states(text, pauses.collect::<Vec<_>>(), [5000; 8]);
    let connected = world.packet_types(silent).first().map(|(at, ..)| *at).unwrap_or_default();
    let closed = world.of(silent).closed_at.map(|at| at.saturating_sub(connected).as_millis());
    let text = "the silent one was closed 7.5 s after its CONNECT (and 40 ms on the way)";
    report.states(text, closed, Some(7540));
    report.shows(world)
}

/// Ten minutes of a publisher and a subscriber: the world, and what they sent and were sent.
fn ten_minutes(keep_alive: u16) -> (World, Traffic, usize) {
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let subscriber = world.client("subscriber");
    world.connect(subscriber, &Login::new("aliceii").keep_alive(keep_alive));
    world.subscribe(subscriber, "status", QoS::AtMostOnce);
    world.connect(publisher, &Login::new("samii").keep_alive(keep_alive));
    for minute in 0..10 {
        world.run_until(seconds(60 * minute + 30));
        world.publish(publisher, message("status", "locked", QoS::AtMostOnce));
    }
    world.run_until(seconds(600));
    let [p, s] = [publisher, subscriber].map(|who| world.traffic(who, Duration::ZERO));
    let traffic = Traffic { packets: p.packets + s.packets, bytes: p.bytes + s.bytes };
    let pings = [publisher, subscriber].map(|who| world.count(who, PacketType::PingReq));
    (world, traffic, pings.iter().sum())
}

fn compared(twin: Twin) -> Report {
    let mut table = Table::new(
        "publisher and subscriber over ten minutes, a message each minute",
        &["keep alive", "packets", "of them pings", "bytes of MQTT", "about, with TCP/IP"],
    );
    let (_, short, short_pings) = ten_minutes(twin.pick("both have 25 s", 25, 5));
    let (world, long, long_pings) = ten_minutes(25);
    for (keep_alive, traffic, pings) in [(5, short, short_pings), (25, long, long_pings)] {
        let (packets, bytes, wire) = (traffic.packets, traffic.bytes, traffic.on_the_wire());
        table.row(&[&format!("{keep_alive} s"), &packets, &(2 * pings), &bytes, &wire]);
    }

    let mut report = Report::default();
    let text = "at 25 s there are fewer than a fifth of the pings of 5 s";
    report.states(text, 5 * long_pings < short_pings, true);
    let text = "at 5 s more than three times the bytes go over the wire";
    report.states(text, short.on_the_wire() > 3 * long.on_the_wire(), true);
    report.tables.push(table);
    report.shows(world)
}

/// A lock that does nothing for a day, then dies without a word just after a packet, or before the next
/// ping: the world, the bytes of the day, and how long each death goes unnoticed.
struct Lock {
    world: World,
    day: Traffic,
    noticed: [Option<Duration>; 2],
}

fn lock(keep_alive: u16, day: Duration, twin: Twin) -> Lock {
    let mut world = World::new();
    let locks = [world.client("lock"), world.client("lock 2")];
    world.server("broker");
    let owner = world.client("owner");
    world.connect(owner, &Login::new("owner").keep_alive(0));
    world.subscribe(owner, "status/#", QoS::AtLeastOnce);
    let keep_alive = twin.pick("without keep alive", 0, keep_alive);
    for (index, lock) in locks.into_iter().enumerate() {
        let will = message(&format!("status/{index}"), "the lock is silent", QoS::AtLeastOnce);
        world.connect(lock, &Login::new(&format!("lock{index}")).keep_alive(keep_alive).will(will));
    }
    // Once it is connected.
    world.run_until(seconds(1) + day);
    let traffic = world.traffic(locks[0], seconds(1));
    // To just after a ping, and to just before the next.
    let period = u64::from(keep_alive.max(1)) * 1000;
    let now = u64::try_from(world.now().as_millis()).unwrap_or_default();
    let ping = now.next_multiple_of(period) + 100;
    let deaths = [millis(ping), millis(ping + period - 100)];
    let notes = ["no power after a ping", "no power before a ping"];
    for ((lock, at), note) in locks.into_iter().zip(deaths).zip(notes) {
        world.run_until(at);
        world.note(Some(lock), note);
        if twin.is("the lock says goodbye") {
            world.disconnect(lock);
        }
        world.power_off(lock);
    }
    world.pass(seconds(2 * u64::from(keep_alive) + 10));
    let noticed = [0, 1].map(|index| {
        let topic = format!("status/{index}");
        let mut inbox = world.of(owner).inbox.iter();
        let will = inbox.find(|will| will.message.topic.name().as_str() == topic)?;
        Some(will.at - deaths.get(index)?.to_owned())
    });
    Lock { world, day: traffic, noticed }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn smart_lock(twin: Twin) -> Report {
    let mut table = Table::new(
        "a lock that is idle all day, then loses power",
        &["keep alive", "noticed after", "pings a day", "bytes of MQTT", "about, with TCP/IP"],
    );
    let mut late = Vec::new();
    let mut choice = None;
    for keep_alive in [5, 10, 15, 25, 30, 60, 120, 300, 900, 1800] {
        let Lock { day, noticed, .. } = lock(keep_alive, DAY, twin);
        let [longest, shortest] = noticed.map(|time| time.map(|time| time.as_secs_f64()));
        let words = |time: Option<f64>| time.map_or("never".into(), |time| format!("{time:.1}"));
        let noticed = format!("{} to {} s", words(shortest), words(longest));
        let (pings, bytes, wire) = (day.packets / 2, day.bytes, day.on_the_wire());
        table.row(&[&format!("{keep_alive} s"), &noticed, &pings, &bytes, &wire]);
        if longest.is_none_or(|time| time > 1.5 * f64::from(keep_alive) + 0.1) {
            late.push(keep_alive);
        }
        if longest.is_some_and(|time| time <= 60.0) {
            choice = Some((keep_alive, pings));
        }
    }

    let mut report = Report::default();
    let text = "a silent death is noticed within one and a half times the keep alive";
    report.states(text, late, Vec::<u16>::new());
    let text = "choose 30 s: the longest of these that tells the owner within a minute, for 2880 pings a day";
    report.states(text, choice, Some((30, 2880)));
    report.tables.push(table);
    report.shows(lock(30, seconds(120), twin).world)
}
