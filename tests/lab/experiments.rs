//! One test for each experiment, with its twins.

use std::collections::BTreeSet;

use crate::scenario::{Report, Twin};
use crate::{ladder, scenarios};

fn failed(report: &Report) -> BTreeSet<&str> {
    let failed = report.statements.iter().filter(|statement| statement.failure.is_some());
    failed.map(|statement| statement.text.as_str()).collect()
}

/// All statements hold; each change makes some fail, and each statement fails with some change.
fn holds_and_its_twins_fail(name: &str) {
    let scenario = scenarios::all().find(|scenario| scenario.name == name);
    let scenario = scenario.unwrap_or_else(|| panic!("there is no experiment {name}"));
    let report = (scenario.run)(Twin(None));
    assert!(!report.statements.is_empty(), "{name} states nothing");
    for statement in &report.statements {
        let Some(failure) = &statement.failure else { continue };
        let ladder = ladder::draw(&report.exchange, false);
        panic!("{name}: {}: {failure}\n{ladder}", statement.text);
    }
    let mut never_failed: BTreeSet<_> =
        report.statements.iter().map(|statement| statement.text.clone()).collect();
    assert_eq!(never_failed.len(), report.statements.len(), "{name} states something twice");
    for twin in scenario.twins {
        let changed = (scenario.run)(Twin(Some(twin)));
        let failed = failed(&changed);
        let ladder = || ladder::draw(&changed.exchange, false);
        assert!(!failed.is_empty(), "{name}, {twin}: all statements hold\n{}", ladder());
        never_failed.retain(|text| !failed.contains(text.as_str()));
    }
    assert!(never_failed.is_empty(), "{name}: hold with every twin: {never_failed:?}");
}

macro_rules! experiments {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                holds_and_its_twins_fail(&stringify!($name).replace('_', "-"));
            }
        )*

        #[test]
        fn every_experiment_has_a_test() {
            let tested = [$(stringify!($name).replace('_', "-")),*];
            let names: Vec<_> = scenarios::all().map(|scenario| scenario.name).collect();
            assert_eq!(names, tested);
        }
    };
}

experiments! {
    v31_subscribe
    v31_publish_qos0
    v31_publish_qos1
    v31_publish_qos2
    v31_qos2_leaves_after_pubrec
    v31_retained
    v31_will
    v31_five_minutes
    v31_periodic
    v31_kitchen_and_living_room
    qos0_watched
    qos1_watched
    qos2_watched
    keep_alive_5
    one_client_id_twice
    publish_before_connack
    chat
    light
    will_qos1_retained
    downgrade_to_qos0
    authorised
    wrong_password
    unknown_user
    publish_denied
    subscribe_denied
    qos_costs
    qos_pairs
    persistent_session
    keep_alive_compared
    smart_lock
    wills_network_outage
    wills_broker_closes
    no_will_after_disconnect
}
