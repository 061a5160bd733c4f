//! No statement that a codec can check is without a test, no test without a statement.

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
        let tests = tests.split(';').filter(|test| !test.is_empty()).map(str::to_owned).collect();
        Statement { id: id.to_owned(), version: version.to_owned(), who: who.to_owned(), tests }
    }

    /// How the names of its tests begin.
    fn prefix(&self) -> String {
        let id = self.id.strip_prefix("MQTT-").unwrap_or_else(|| panic!("{}", self.id));
        format!("mqtt_{}_", id.replace(['.', '-'], "_"))
    }

    fn is_for_a_codec(&self) -> bool {
        self.who.split('/').any(|who| who == "codec")
    }
}

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
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
fn every_statement_for_a_codec_has_a_test_and_every_test_named_exists() {
    let mut files = BTreeMap::new();
    for statement in Statement::all() {
        let Statement { id, version, tests, .. } = &statement;
        assert!(!statement.is_for_a_codec() || !tests.is_empty(), "{id} of {version}: no test");
        for test in tests {
            let (module, name) = test.rsplit_once("::").unwrap();
            let file = file_of(module);
            let names = files.entry(file.clone()).or_insert_with(|| tests_in(&file));
            assert!(names.contains(name), "{id} of {version}: no {name} in {}", file.display());
            assert!(name.starts_with(&statement.prefix()), "{id} of {version}: {name}");
            let expected = format!("::v{}::", version.replace('.', "_"));
            assert!(test.contains(&expected), "{id} of {version}: {test}");
        }
    }
}

#[test]
fn every_test_named_after_a_statement_is_listed_with_it() {
    let listed: BTreeSet<String> = Statement::all().into_iter().flat_map(|s| s.tests).collect();
    for version in ["v3_1_1", "v5_0"] {
        let module = format!("codec::statements::{version}");
        let folder = tests_folder().join(module.replace("::", "/"));
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let stem = file.file_stem().unwrap().to_str().unwrap();
            for name in tests_in(&file).iter().filter(|name| name.starts_with("mqtt_")) {
                let test = format!("{module}::{stem}::{name}");
                assert!(listed.contains(&test), "{test} is not in statements.csv");
            }
        }
    }
}
