//! paho-mqtt and MQTT.js, driven by scripts that print the same lines, and what these are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::broker::Broker;
use super::broker_process::Process;
use super::mosquitto_programs::Target;

/// A client library of another language.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Library {
    Paho,
    MqttJs,
}

/// As the scripts take them: 3.1, 3.1.1 and 5.0.
pub(crate) const VERSIONS: [u8; 3] = [3, 4, 5];

impl Library {
    /// Plays a scenario of its script.
    pub(crate) fn play(self, target: &impl Target, version: u8, scenario: &[&str]) -> Process {
        self.run("client", target, version, scenario)
    }

    /// Plays a scenario of its script for what only 5.0 has.
    pub(crate) fn play_v5(self, target: &impl Target, scenario: &[&str]) -> Process {
        self.run("v5", target, 5, scenario)
    }

    fn run(self, script: &str, target: &impl Target, version: u8, scenario: &[&str]) -> Process {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
        let mut command = match self {
            Library::Paho => {
                let mut command = Command::new("python3");
                command.env("PYTHONPATH", installed("python", "paho")).arg("-u");
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command.arg(scripts.join(format!("paho_{script}.py")));
                command
            }
            Library::MqttJs => {
                let mut command = Command::new("node");
                command.env("MQTTJS", installed("node", "node_modules/mqtt"));
                command.arg(scripts.join(format!("mqttjs_{script}.mjs")));
                command
            }
        };
        let (port, version) = (target.address().port().to_string(), version.to_string());
        Process::start(command.args([&port, &version]).args(scenario))
    }
}

/// The folder that tests/interop/install fills, beside that of the profile.
fn installed(folder: &str, package: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("interop-clients").join(folder);
    assert!(
        folder.join(package).exists(),
        "nothing is installed in {}: run tests/interop/install",
        folder.display()
    );
    folder
}

pub(crate) fn message(topic: &str, payload: &str, qos: u8, retain: u8) -> String {
    format!("{topic} '{payload}' qos {qos} retain {retain} dup 0")
}

/// What a scenario prints, on a server of its own.
fn expect(library: Library, version: u8, scenario: &str, options: &str, expected: &[String]) {
    let broker = Broker::with(options);
    let lines = library.play(&broker, version, &[scenario]).succeed();
    assert_eq!(lines, expected, "{library:?}, version {version}");
}

pub(crate) fn messages_come_at_the_lower_qos(library: Library) {
    for version in VERSIONS {
        let mut expected = Vec::new();
        for wanted in 0..3 {
            expected.push(format!("granted {wanted}"));
            for qos in 0..3 {
                expected.push(message("t/é", &format!("{qos} {wanted}"), qos.min(wanted), 0));
            }
        }
        expect(library, version, "exchange", "", &expected);
    }
}

/// Whether a version tells that there is a session; 3.1 cannot.
fn present(version: u8) -> String {
    format!("present {}", u8::from(version > 3))
}

/// 3.1 has no code for a refused filter: it is granted at QoS 0, and nothing comes.
pub(crate) fn overlapping_filters_bring_a_message_once(library: Library) {
    for (version, refused) in [(3, "0"), (4, "128"), (5, "135")] {
        let expected = [
            format!("granted 0 2 1 {refused} 0"),
            message("f/a", "once", 2, 0),
            message("f/a", "lower", 1, 0),
            message("f/a", "lowest", 0, 0),
        ];
        expect(library, version, "filters", "--deny-subscribe secret/#", &expected);
    }
}

pub(crate) fn retained_messages_come_first_until_they_are_cleared(library: Library) {
    for version in VERSIONS {
        let expected = [
            message("r/1", "kept", 1, 1),
            message("r/2", "other", 2, 1),
            message("r/1", "new", 1, 0),
            message("r/1", "", 1, 0),
            message("r/2", "other", 1, 1),
            message("r/2", "", 1, 0),
            message("r/end", "end", 1, 0),
        ];
        expect(library, version, "retained", "", &expected);
    }
}

pub(crate) fn will_is_published_when_the_connection_breaks_only(library: Library) {
    for version in VERSIONS {
        let expected = [
            message("w/0", "gone 0", 0, 0),
            message("w/1", "gone 1", 1, 0),
            message("w/2", "gone 2", 2, 0),
            message("w/2", "unseen", 1, 0),
            message("w/end", "unseen", 1, 0),
            message("w/2", "gone 2", 1, 1),
            message("w/end", "unseen", 1, 0),
            message("w/2", "", 1, 0),
            message("w/end", "cleared", 1, 0),
            message("w/end", "cleared", 1, 0),
        ];
        expect(library, version, "will", "", &expected);
    }
}

pub(crate) fn silent_client_is_given_up_and_a_lively_one_is_not(library: Library) {
    for version in VERSIONS {
        let expected = [message("w", "silent", 1, 0), message("w", "still there", 1, 0)];
        expect(library, version, "keep_alive", "", &expected);
    }
}

pub(crate) fn session_keeps_what_comes_while_its_client_is_away(library: Library) {
    for version in VERSIONS {
        let mut expected = vec!["present 0".to_owned()];
        for _ in 0..2 {
            expected.push(present(version));
            for (topic, qos, payloads) in [("s/1", 1, ["2", "4", "6"]), ("s/2", 2, ["1", "3", "5"])]
            {
                expected.extend(payloads.map(|payload| message(topic, payload, qos, 0)));
            }
        }
        for _ in 0..2 {
            expected.extend(["present 0".to_owned(), message("end", "heard", 2, 0)]);
        }
        expect(library, version, "session", "", &expected);
    }
}

pub(crate) fn second_client_of_a_name_takes_its_session_over(library: Library) {
    for version in VERSIONS {
        let expected = [
            "present 0".to_owned(),
            present(version),
            "first is disconnected".to_owned(),
            message("w", "taken over", 1, 0),
            message("t", "for the second", 1, 0),
            "present 0".to_owned(),
            "second is disconnected".to_owned(),
            message("t", "for the third", 1, 0),
        ];
        expect(library, version, "takeover", "", &expected);
    }
}

/// 0 to 255 over and over.
pub(crate) fn payloads_of_one_mebibyte_come_whole(library: Library) {
    let sum = "fbbab289f7f94b25736c58be46a994c441fd02552cc6022352e3d86d2fab7c83";
    for version in VERSIONS {
        let expected = [0, 1, 2, 0].map(|qos| format!("{qos} 1048576 {sum}"));
        expect(library, version, "large", "", &expected);
    }
}
