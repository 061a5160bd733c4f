//! The connection is lost at every byte of an exchange, and resumed: each message arrives as its QoS
//! promises.

use mqtt_sansio::{ClientConfig, QoS};

use crate::bench::manual;
use crate::model::Model;
use crate::rng::Rng;
use crate::sim::{Sim, To};

const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// Where the messages of an exchange come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Client,
    Server,
    Both,
}

#[derive(Clone, Debug)]
struct Case {
    from: From,
    qos: QoS,
    manual: bool,
    session_lost: bool,
    fragments: Option<u64>,
}

/// Two messages over a connection with a session that both sides know, cut at these bytes (of the first,
/// second … connection), and resumed until all is over.
fn run(case: &Case, cuts: &[(To, usize)]) -> Sim {
    let config = if case.manual { manual() } else { ClientConfig::default() };
    let mut sim = Sim::new(config);
    let mut model = Model::default();
    sim.fragments = case.fragments.map(Rng::new);
    sim.connect(false);
    sim.settle();
    sim.lose();
    sim.drain();
    sim.connect(false);
    if let Some((to, bytes)) = cuts.first() {
        sim.cut_after(*to, *bytes);
    }
    for _ in 0..2 {
        if case.from != From::Server {
            let message = model.message(case.qos, 6);
            model.publish(&mut sim, message);
        }
        if case.from != From::Client {
            let message = model.message(case.qos, 6);
            model.server_publish(&mut sim, message);
        }
    }
    let mut later = cuts.iter().skip(1);
    finish(&mut sim, &mut model, case, &mut later);
    // What comes next is not taken for something old.
    let (to_server, to_client) = (model.message(case.qos, 6), model.message(case.qos, 6));
    model.publish(&mut sim, to_server);
    model.server_publish(&mut sim, to_client);
    finish(&mut sim, &mut model, case, &mut later);
    sim
}

/// Connects again, each time with the next cut, until all is over.
fn finish<'a>(
    sim: &mut Sim,
    model: &mut Model,
    case: &Case,
    cuts: &mut impl Iterator<Item = &'a (To, usize)>,
) {
    sim.settle();
    while !sim.is_open {
        if case.session_lost {
            sim.server.lose_session();
        }
        sim.connect(false);
        if let Some((to, bytes)) = cuts.next() {
            sim.cut_after(*to, *bytes);
        }
        sim.settle();
    }
    assert!(sim.server.is_idle(), "{case:?}: not finished");
    model.check(sim);
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for from in [From::Client, From::Server, From::Both] {
        for qos in ALL {
            for bits in 0..4 {
                let (manual, session_lost) = (bits & 1 != 0, bits & 2 != 0);
                cases.push(Case { from, qos, manual, session_lost, fragments: None });
            }
        }
    }
    cases
}

/// Runs a case and says which on failure.
fn run_named(case: &Case, cuts: &[(To, usize)]) -> Sim {
    let run = std::panic::catch_unwind(|| run(case, cuts));
    run.unwrap_or_else(|cause| {
        eprintln!("{case:?}, cut at {cuts:?}");
        std::panic::resume_unwind(cause)
    })
}

#[test]
fn without_a_cut_everything_arrives() {
    for case in cases() {
        run_named(&case, &[]);
    }
}

#[test]
fn loss_at_every_byte_boundary() {
    for case in cases() {
        for to in [To::Server, To::Client] {
            let carried = run_named(&case, &[]).carried(to);
            let mut broken = 0;
            for at in 0..=carried {
                broken += run_named(&case, &[(to, at)]).app.disconnects.len() - 1;
            }
            assert!(broken > 10, "{case:?}: {broken} cuts took place");
        }
    }
}

#[test]
fn loss_at_every_byte_boundary_with_chunks_of_any_size() {
    for case in cases() {
        for to in [To::Server, To::Client] {
            for at in 0..=100 {
                let fragments = Some(at as u64);
                run_named(&Case { fragments, ..case.clone() }, &[(to, at)]);
            }
        }
    }
}

#[test]
fn loss_at_every_pair_of_boundaries_at_qos_2() {
    for from in [From::Client, From::Server] {
        let case = Case {
            from,
            qos: QoS::ExactlyOnce,
            manual: false,
            session_lost: false,
            fragments: None,
        };
        for [first, second] in [
            [To::Server, To::Server],
            [To::Server, To::Client],
            [To::Client, To::Server],
            [To::Client, To::Client],
        ] {
            // CONNECT takes 15 bytes, the exchanges of two messages some 40: every packet boundary and
            // every byte between is met by one of them.
            for at in 15..60 {
                for then in (0..60).step_by(2) {
                    run_named(&case, &[(first, at), (second, then)]);
                }
            }
        }
    }
}

#[test]
fn loss_again_and_again_at_a_growing_byte() {
    for case in cases() {
        for to in [To::Server, To::Client] {
            let cuts: Vec<_> = (0..15).map(|n| (to, 4 * n)).collect();
            run_named(&case, &cuts);
        }
    }
}
