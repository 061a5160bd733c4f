//! The example broker with the password and access control files of mosquitto.

use std::process::Command;

use super::broker::{Broker, folder};
use super::broker_libraries::Library;
use super::broker_process::Process;
use super::mosquitto_programs::{Maker, Outcome, Program};

const VERSIONS: [(u8, &str); 3] = [(3, "-V mqttv31"), (4, "-V mqttv311"), (5, "-V mqttv5")];

/// The return code and its words before 5.0, and the reason code and its words in 5.0.
type Refusal = [(u8, &'static str); 2];

const WRONG: Refusal =
    [(4, "Connection Refused: bad user name or password."), (134, "Bad User Name or Password")];
const NOBODY: Refusal = [(5, "Connection Refused: not authorised."), (135, "Not authorized")];

/// Users, each in a format of mosquitto_passwd.
const USERS: [(&str, &str, &[&str]); 3] = [
    ("alice", "secret", &["-H", "sha512-pbkdf2"]),
    ("root", "pässwörd:$ #", &[]),
    ("old friend", "swordfish", &["-H", "sha512"]),
];

const ACL: &str = "\
# of those without a name
topic readwrite public/#
topic read news

user alice
topic readwrite alice/#
topic deny alice/secret/#
topic write drop/box
topic read news

user root
topic #

pattern read from/%u
pattern readwrite by/%u/%c/#
";

/// A broker with a password file that mosquitto_passwd made.
fn broker(options: &str) -> Broker {
    let folder = folder();
    let file = folder.join("passwords");
    for (index, (user, password, format)) in USERS.iter().enumerate() {
        let mut command = Command::new("mosquitto_passwd");
        command.args(*format).args((index == 0).then_some("-c")).arg("-b").arg(&file);
        let made = command.args([user, password]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    std::fs::write(folder.join("acl"), ACL).unwrap();
    Broker::inside(folder, &["127.0.0.1:0"], &format!("--password-file passwords {options}"))
}

/// As one of the users, or as nobody.
fn as_user(program: Program, user: &str) -> Program {
    match USERS.iter().find(|(name, ..)| *name == user) {
        Some((_, password, _)) => program.with("-u").and(user).with("-P").and(password),
        None => program,
    }
}

#[test]
#[ignore = "needs mosquitto, paho-mqtt and MQTT.js"]
fn who_is_in_the_password_file_is_let_in_and_nobody_else() {
    let broker = broker("");
    let wrong: [(&[&str], Refusal); 5] = [
        (&["alice", "Secret"], WRONG),
        (&["alice", ""], WRONG),
        (&["nobody", "secret"], WRONG),
        (&["old friend", "secret"], WRONG),
        (&[], NOBODY),
    ];
    for (version, flag) in VERSIONS {
        for (user, password, _) in USERS {
            for maker in Maker::BOTH {
                let program = as_user(maker.subscribe(&broker).with(flag), user);
                let outcome = program.with("-t t -E").run();
                let expected = Outcome { out: Vec::new(), err: String::new(), status: 0 };
                assert_eq!(outcome, expected, "{user}, {flag}");
            }
            for library in [Library::Paho, Library::MqttJs] {
                let lines = library.play(&broker, version, &["refused", user, password]).succeed();
                assert_eq!(lines, ["return code 0"], "{user}, {flag}");
            }
        }
        for (credentials, refusal) in wrong {
            let (code, words) = refusal[usize::from(version == 5)];
            for maker in Maker::BOTH {
                let mut program = maker.publish(&broker).with(flag).with("-t t -m m");
                for (name, value) in ["-u", "-P"].iter().zip(credentials) {
                    program = program.and(name).and(value);
                }
                let err = match (maker, version) {
                    (Maker::Mosquitto, 5) => {
                        "A network protocol error occurred when communicating with the broker."
                    }
                    _ => "The connection was refused.",
                };
                let err = format!("Connection error: {words}\nError: {err}\n");
                let expected = Outcome { out: Vec::new(), err, status: i32::from(code) };
                assert_eq!(program.run(), expected, "{credentials:?}, {flag}");
            }
            for library in [Library::Paho, Library::MqttJs] {
                let scenario = [&["refused"], credentials].concat();
                let lines = library.play(&broker, version, &scenario).succeed();
                assert_eq!(lines, [format!("return code {code}")], "{credentials:?}, {flag}");
            }
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn subscriptions_are_granted_where_the_file_allows_some_of_their_topics() {
    let broker = broker("--acl-file acl --allow-anonymous true");
    for (user, id, filters, granted) in [
        ("", "x", ["public/a", "public/#", "alice/a", "#"], "0, 0, 128, 0"),
        ("", "x", ["by/+/x/a", "from/+", "$SYS/#", "news"], "128, 128, 128, 0"),
        ("alice", "x", ["alice/a", "alice/secret/a", "alice/secret/#", "+/a"], "0, 128, 128, 0"),
        ("alice", "x", ["by/alice/x/a", "by/alice/y/a", "by/+/+/a", "from/root"], "0, 128, 0, 128"),
        ("alice", "x", ["drop/box", "public/a", "news", "from/alice"], "128, 128, 0, 0"),
        // It would be a wildcard.
        ("alice", "+", ["by/alice/+/a", "by/alice/x/a", "by/#", "news"], "128, 128, 128, 0"),
        ("root", "x", ["drop/box", "alice/secret/a", "by/alice/x/a", "$SYS/#"], "0, 0, 0, 128"),
    ] {
        // The code of 5.0 says more.
        for (flag, granted) in [("-V 311", granted), ("-V 5", &granted.replace("128", "135"))] {
            for maker in Maker::BOTH {
                let program = as_user(maker.subscribe(&broker), user).with(flag).with("-d -E -i");
                let program = filters
                    .iter()
                    .fold(program.and(id), |program, filter| program.with("-t").and(filter));
                let mut process = Process::start(&program.command());
                let line = process.wait_for("Subscribed").pop().unwrap();
                let expected = format!("Subscribed (mid: 1): {granted}");
                assert_eq!(line, expected, "{user} {id} {filters:?} {flag}");
            }
        }
    }
}

/// Topics of all kinds that the file speaks of.
const TOPICS: [&str; 7] = [
    "public/a",
    "alice/a",
    "alice/secret/a",
    "drop/box",
    "by/alice/x/a",
    "by/alice/y/a",
    "from/alice",
];

#[test]
#[ignore = "needs mosquitto"]
fn messages_reach_those_that_may_read_from_those_that_may_write() {
    let broker = broker("--acl-file acl --allow-anonymous true");
    let publish = |user, id, topic: &str| {
        let program = as_user(Maker::Mosquitto.publish(&broker), user).with("-q 1 -m m -i");
        program.and(id).with("-t").and(topic).succeed();
    };
    for reader in Maker::BOTH {
        // Of everything, up to a topic that ends it.
        let listen = |user, id| {
            let program = as_user(reader.subscribe(&broker), user).with("-q 1 -t # -F %t -d -i");
            let mut process = Process::start(&program.and(id).command());
            process.wait_for("Subscribed");
            process
        };
        let heard = |mut process: Process, end: &str| {
            publish("root", "r", end);
            let mut lines = Vec::new();
            loop {
                match process.line() {
                    line if line == end => return lines,
                    line if line.starts_with("Client ") => {}
                    line => lines.push(line),
                }
            }
        };
        for (user, id, may_read, may_write) in [
            ("", "alice", &["public/a"][..], &["public/a"][..]),
            (
                "alice",
                "x",
                &["alice/a", "by/alice/x/a", "from/alice"],
                &["alice/a", "drop/box", "by/alice/x/a"],
            ),
            ("alice", "#", &["alice/a", "from/alice"], &["alice/a", "drop/box"]),
            ("old friend", "y", &[], &[]),
        ] {
            let end = if user == "old friend" { "from/old friend" } else { "news" };
            let process = listen(user, id);
            TOPICS.iter().for_each(|topic| publish("root", "r", topic));
            assert_eq!(heard(process, end), may_read, "read by {user} as {id}");
            let process = listen("root", "watcher");
            TOPICS.iter().for_each(|topic| publish(user, id, topic));
            assert_eq!(heard(process, "news"), may_write, "written by {user} as {id}");
        }
    }
}
