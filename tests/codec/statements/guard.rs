//! No statement is without a test for each side that it binds, no test without a statement.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::read;

/// A line of `testdata/statements.csv`.
struct Statement {
    id: String,
    version: String,
    who: String,
    /// As `cargo test` names them, with the test binary before: `codec::statements::...`.
    tests: Vec<String>,
    /// Why there are none, where the statement is none for this crate.
    out_of_scope: Option<String>,
}

impl Statement {
    fn all() -> Vec<Statement> {
        let text = read("statements.csv");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("id,version,who,tests,requirement"));
        lines.map(Statement::parse).collect()
    }

    /// The last field may hold commas, those before it do not.
    fn parse(line: &str) -> Statement {
        let fields: Vec<&str> = line.splitn(5, ',').collect();
        let [id, version, who, tests, requirement] = fields[..] else {
            panic!("not five fields: {line}");
        };
        assert!(!requirement.is_empty(), "{id} of {version} says nothing");
        let out_of_scope = tests.strip_prefix("out-of-scope: ").map(str::to_owned);
        let tests = if out_of_scope.is_some() { "" } else { tests };
        let tests = tests.split(';').filter(|test| !test.is_empty()).map(str::to_owned).collect();
        let (id, version, who) = (id.to_owned(), version.to_owned(), who.to_owned());
        Statement { id, version, who, tests, out_of_scope }
    }

    /// How the names of its tests begin.
    fn prefix(&self) -> String {
        let id = self.id.strip_prefix("MQTT-").unwrap_or_else(|| panic!("{}", self.id));
        format!("mqtt_{}_", id.replace(['.', '-'], "_"))
    }

    fn is_for_a_codec(&self) -> bool {
        self.who.split('/').any(|who| who == "codec")
    }

    /// The test binaries that must each have a test of it.
    fn binaries(&self) -> Vec<&'static str> {
        let binaries = self.who.split('/').flat_map(|who| match who {
            "codec" => vec!["codec"],
            "client" => vec!["client"],
            "server" => vec!["broker"],
            "both" => vec!["client", "broker"],
            _ => panic!("{} is for {who}", self.id),
        });
        binaries.collect()
    }

    /// WebSocket, transports and claims of conformance, but not how the bytes are cut there.
    fn may_be_out_of_scope(&self) -> bool {
        let chapter = self.id.starts_with("MQTT-6.") || self.id.starts_with("MQTT-7.");
        chapter && self.id != "MQTT-6.0.0-2"
    }
}

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The test binary that a test is in.
fn binary_of(test: &str) -> &str {
    test.split_once("::").unwrap().0
}

/// The names of the tests in a source file.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let source = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let after_test = source.split("#[test]\n").skip(1);
    let names = after_test.filter_map(|item| item.split_once("fn ")?.1.split_once("()"));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// The file of a module, given by its path from the test binary on.
fn file_of(module: &str) -> PathBuf {
    let path = tests_folder().join(module.replace("::", "/"));
    let file = path.with_extension("rs");
    if file.exists() { file } else { path.join("mod.rs") }
}

#[test]
fn all_statements_of_both_standards_are_listed_once() {
    let statements = Statement::all();
    for (version, all, for_a_codec) in [("3.1.1", 141, 44), ("5.0", 251, 63)] {
        let of: Vec<&Statement> = statements.iter().filter(|s| s.version == version).collect();
        let ids: BTreeSet<&str> = of.iter().map(|statement| statement.id.as_str()).collect();
        assert_eq!((of.len(), ids.len()), (all, all), "{version}");
        let codec = of.iter().filter(|statement| statement.is_for_a_codec()).count();
        assert_eq!(codec, for_a_codec, "{version}");
    }
    assert_eq!(statements.len(), 141 + 251);
}

#[test]
fn every_statement_has_a_test_for_each_side_it_binds() {
    for statement in Statement::all() {
        let Statement { id, version, tests, out_of_scope, .. } = &statement;
        if let Some(reason) = out_of_scope {
            assert!(statement.may_be_out_of_scope(), "{id} of {version} is in scope: {reason}");
            assert!(!reason.trim().is_empty(), "{id} of {version}: no reason");
            continue;
        }
        let binaries = statement.binaries();
        for binary in &binaries {
            let found = tests.iter().any(|test| binary_of(test) == *binary);
            assert!(found, "{id} of {version}: no test in tests/{binary}");
        }
        for test in tests {
            let bound = binaries.contains(&binary_of(test));
            assert!(bound, "{id} of {version} does not bind what {test} is a test of");
        }
    }
}

#[test]
fn every_test_named_with_a_statement_exists() {
    let mut files = BTreeMap::new();
    for statement in Statement::all() {
        let Statement { id, version, tests, .. } = &statement;
        let unique: BTreeSet<&String> = tests.iter().collect();
        assert_eq!(unique.len(), tests.len(), "{id} of {version} names a test twice");
        for test in tests {
            let (module, name) = test.rsplit_once("::").unwrap();
            let file = file_of(module);
            let names = files.entry(file.clone()).or_insert_with(|| tests_in(&file));
            assert!(names.contains(name), "{id} of {version}: no {name} in {}", file.display());
            // The client's tests were there before, under names of their own.
            if binary_of(test) != "client" {
                assert!(name.starts_with(&statement.prefix()), "{id} of {version}: {name}");
                let expected = format!("::v{}::", version.replace('.', "_"));
                assert!(test.contains(&expected), "{id} of {version}: {test}");
            }
        }
    }
}

#[test]
fn every_test_named_after_a_statement_is_listed_with_it() {
    let listed: BTreeSet<String> = Statement::all().into_iter().flat_map(|s| s.tests).collect();
    let mut named = vec!["client::statements".to_owned()];
    for folder in [
        "codec::statements::v3_1_1",
        "codec::statements::v5_0",
        "broker::statements::v3_1_1",
        "broker::statements::v5_0",
    ] {
        for entry in fs::read_dir(tests_folder().join(folder.replace("::", "/"))).unwrap() {
            let file = entry.unwrap().path();
            named.push(format!("{folder}::{}", file.file_stem().unwrap().to_str().unwrap()));
        }
    }
    for module in named.iter().filter(|module| !module.ends_with("::mod")) {
        for name in tests_in(&file_of(module)).iter().filter(|name| name.starts_with("mqtt_")) {
            let test = format!("{module}::{name}");
            assert!(listed.contains(&test), "{test} is not in statements.csv");
        }
    }
}
