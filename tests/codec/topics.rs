//! Topic names and topic filters: what they may be, and which match.

use mqtt_sansio::{Share, TopicFilter, TopicName, Violation};
use proptest::prelude::*;

use Violation::{
    EmptyTopicFilter, EmptyTopicName, InvalidSharedFilter, InvalidUtf8, MisplacedWildcard,
    NullCharacter, StringTooLong, WildcardInTopicName,
};

fn name(name: &str) -> TopicName<'_> {
    TopicName::new(name).unwrap_or_else(|violation| panic!("{name:?}: {violation}"))
}

fn filter(filter: &str) -> TopicFilter<'_> {
    TopicFilter::new(filter).unwrap_or_else(|violation| panic!("{filter:?}: {violation}"))
}

/// Legal as a name and, being without wildcards, as a filter too.
const NAMES: &[&str] = &[
    "a",
    "/",
    "//",
    "/a",
    "a/",
    "a//b",
    " ",
    "a b/c",
    "$",
    "$SYS",
    "$SYS/x",
    "a/$SYS",
    "$share",
    "$share/",
    "$share/g/t",
    "\u{1}",
    "\u{1f}",
    "\u{7f}",
    "é",
    "é/$",
    "日本/語",
    "\u{feff}",
    "\u{feff}a",
    "\u{ffff}",
    "😀/😀",
    "ACCOUNTS",
    "a/b/c/d/e/f/g/h",
];

#[test]
fn names_of_any_characters_but_nul_and_wildcards_are_valid() {
    for text in NAMES {
        let topic = name(text);
        assert_eq!(topic.as_str(), *text);
        assert_eq!(topic.as_bytes(), text.as_bytes());
        assert_eq!(topic.to_string(), *text);
        assert_eq!(TopicName::from_bytes(text.as_bytes()), Ok(topic));
        assert_eq!(TopicName::try_from(*text), Ok(topic));
        assert!(!topic.is_empty());
        assert!(topic.levels().eq(text.split('/').map(str::as_bytes)), "{text:?}");
        let filter = filter(text);
        assert!(!filter.has_wildcards(), "{text:?}");
        assert!(filter.levels().eq(topic.levels()));
        assert!(filter.matches(topic), "{text:?} does not match itself");
    }
}

#[test]
fn invalid_names_are_refused_for_the_rule_they_break() {
    let broken: &[(&[u8], Violation)] = &[
        (b"", EmptyTopicName),
        (b"#", WildcardInTopicName),
        (b"+", WildcardInTopicName),
        (b"a/#", WildcardInTopicName),
        (b"a+b", WildcardInTopicName),
        (b"abcdefgh+", WildcardInTopicName),
        (b"+abcdefgh", WildcardInTopicName),
        ("é#".as_bytes(), WildcardInTopicName),
        (b"\0", NullCharacter),
        (b"a/b/c/d/\0", NullCharacter),
        ("é\0".as_bytes(), NullCharacter),
        (b"\xC3", InvalidUtf8),
        (b"\xA9", InvalidUtf8),
        (b"a\xC3(", InvalidUtf8),
        (b"\xC0\x80", InvalidUtf8),
        (b"\xC1\x81", InvalidUtf8),
        (b"\xE0\x80\xAF", InvalidUtf8),
        (b"\xED\xA0\x80", InvalidUtf8),
        (b"\xED\xBF\xBF", InvalidUtf8),
        (b"\xF4\x90\x80\x80", InvalidUtf8),
        (b"abcdefgh\xFF", InvalidUtf8),
    ];
    for (bytes, violation) in broken {
        assert_eq!(TopicName::from_bytes(bytes), Err(*violation), "{}", bytes.escape_ascii());
    }
}

#[test]
fn wildcards_that_fill_a_level_are_valid() {
    let filters = [
        "#",
        "+",
        "/#",
        "/+",
        "+/",
        "+/+",
        "/+/",
        "+/#",
        "+/+/#",
        "sport/#",
        "sport/+/player1",
        "+/tennis/#",
        "a//#",
        "//#",
        "$SYS/#",
        "$SYS/+",
        "$share/g/#",
        "$share/g/+",
        "é/+",
        "+/é/#",
        "$share/+/t",
        "$share/#",
    ];
    for text in filters {
        let filter = filter(text);
        assert!(filter.has_wildcards(), "{text}");
        assert_eq!((filter.as_str(), filter.as_bytes()), (text, text.as_bytes()));
        assert_eq!(TopicFilter::try_from(text), Ok(filter));
        assert_eq!(TopicFilter::from_bytes(text.as_bytes()), Ok(filter));
        assert!(filter.levels().eq(text.split('/').map(str::as_bytes)), "{text}");
    }
}

#[test]
fn invalid_filters_are_refused_for_the_rule_they_break() {
    let broken: &[(&[u8], Violation)] = &[
        (b"", EmptyTopicFilter),
        (b"sport/tennis#", MisplacedWildcard),
        (b"sport/tennis/#/ranking", MisplacedWildcard),
        (b"sport+", MisplacedWildcard),
        (b"#/", MisplacedWildcard),
        (b"#/a", MisplacedWildcard),
        (b"##", MisplacedWildcard),
        (b"#+", MisplacedWildcard),
        (b"+#", MisplacedWildcard),
        (b"++", MisplacedWildcard),
        (b"+a", MisplacedWildcard),
        (b"a+", MisplacedWildcard),
        (b"a/+b", MisplacedWildcard),
        (b"a/b+/c", MisplacedWildcard),
        (b"a/+#", MisplacedWildcard),
        (b" #", MisplacedWildcard),
        ("é+".as_bytes(), MisplacedWildcard),
        ("+é".as_bytes(), MisplacedWildcard),
        (b"\0", NullCharacter),
        (b"+/\0", NullCharacter),
        (b"abcdefgh/\0", NullCharacter),
        (b"\xFF", InvalidUtf8),
        (b"+/\xC0\xAE", InvalidUtf8),
        (b"abcdefgh/\xED\xA0\x80/#", InvalidUtf8),
    ];
    for (bytes, violation) in broken {
        assert_eq!(TopicFilter::from_bytes(bytes), Err(*violation), "{}", bytes.escape_ascii());
    }
}

#[test]
fn names_and_filters_end_at_65_535_bytes() {
    for character in ["a", "é", "日", "😀"] {
        let fill = |len: usize| {
            let mut text = character.repeat(len / character.len());
            text.push_str(&"/".repeat(len % character.len()));
            text
        };
        let (longest, too_long) = (fill(65_535), fill(65_536));
        assert_eq!(name(&longest).as_bytes().len(), 65_535);
        assert!(filter(&longest).matches(name(&longest)));
        assert_eq!(TopicName::new(&too_long), Err(StringTooLong));
        assert_eq!(TopicFilter::new(&too_long), Err(StringTooLong));
    }
    let wildcards = "+/".repeat(32_767);
    assert_eq!(TopicFilter::new(&format!("{wildcards}#")).map(|f| f.as_bytes().len()), Ok(65_535));
    assert_eq!(TopicFilter::new(&format!("{wildcards}+/")), Err(StringTooLong));
}

#[test]
fn an_empty_name_stands_for_an_alias_only() {
    assert!(TopicName::BY_ALIAS.is_empty());
    // Unresolved, it must not be delivered to those who want everything.
    for filter in ["#", "+", "/", "+/#"] {
        let filter = TopicFilter::new(filter).unwrap();
        assert!(!filter.matches(TopicName::BY_ALIAS), "{filter}");
    }
    assert_eq!(TopicName::BY_ALIAS.as_bytes(), b"");
    assert_eq!(TopicName::from_bytes(b""), Err(EmptyTopicName));
}

#[test]
fn share_names_and_their_filters_are_told_apart() {
    let shared = [
        ("$share/g/t", "g", "t"),
        ("$share/g/a/b", "g", "a/b"),
        ("$share/consumer1//finance", "consumer1", "/finance"),
        ("$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+"),
        ("$share/g/#", "g", "#"),
        ("$share/g/+", "g", "+"),
        ("$share/g//", "g", "/"),
        ("$share/g/$SYS/#", "g", "$SYS/#"),
        ("$share/$share/t", "$share", "t"),
        ("$share/g/$share/h/t", "g", "$share/h/t"),
        ("$share/é/日", "é", "日"),
        ("$share/ /t", " ", "t"),
    ];
    for (text, name, inner) in shared {
        let whole = filter(text);
        assert!(whole.is_shared(), "{text}");
        assert_eq!(whole.share(), Ok(Some(Share { name, filter: filter(inner) })), "{text}");
    }
    let broken = [
        "$share/",
        "$share/g",
        "$share/g/",
        "$share//",
        "$share//t",
        "$share/+/t",
        "$share/#",
        "$share/+",
        "$share///",
    ];
    for text in broken {
        let whole = filter(text);
        assert!(whole.is_shared(), "{text}");
        assert_eq!(whole.share(), Err(InvalidSharedFilter), "{text}");
    }
    for text in ["$share", "$SHARE/g/t", "$shared/g/t", "/$share/g/t", "share/g/t", "+/g/t", "#"] {
        assert!(!filter(text).is_shared(), "{text}");
        assert_eq!(filter(text).share(), Ok(None), "{text}");
    }
    for text in ["$share/g+/t", "$share/g/t#", "$share/g#/t", "$share/g/#/t"] {
        assert_eq!(TopicFilter::new(text), Err(MisplacedWildcard), "{text}");
    }
}

/// A filter, names that it matches and names that it does not.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Section 4.7, its own examples first.
const CASES: &[Case] = &[
    (
        "sport/tennis/player1/#",
        &[
            "sport/tennis/player1",
            "sport/tennis/player1/ranking",
            "sport/tennis/player1/score/wimbledon",
        ],
        &[
            "sport/tennis/player10",
            "sport/tennis",
            "sport/tennis/player2/ranking",
            "Sport/tennis/player1",
        ],
    ),
    ("sport/#", &["sport", "sport/", "sport/a", "sport//"], &["sports", "/sport", "spor"]),
    ("#", &["a", "/", "/a", "a/b/c", "a/$SYS", " "], &["$SYS", "$SYS/x", "$", "$share/g/t"]),
    (
        "sport/tennis/+",
        &["sport/tennis/player1", "sport/tennis/player2", "sport/tennis/"],
        &["sport/tennis/player1/ranking", "sport/tennis", "sport/tennis//"],
    ),
    ("sport/+", &["sport/", "sport/a"], &["sport", "sport/a/b"]),
    ("+", &["a", " ", "é"], &["/", "/finance", "a/", "$SYS", "$"]),
    ("+/+", &["/finance", "a/b", "/", "a/"], &["a", "//", "a/b/c", "$SYS/a"]),
    ("/+", &["/finance", "/", "/$SYS"], &["finance", "//", "/a/b"]),
    (
        "+/tennis/#",
        &["a/tennis", "/tennis", "a/tennis/b/c"],
        &["tennis", "a/b/tennis", "$a/tennis"],
    ),
    (
        "sport/+/player1",
        &["sport/tennis/player1", "sport//player1"],
        &["sport/player1", "sport/a/b/player1"],
    ),
    ("$SYS/#", &["$SYS", "$SYS/", "$SYS/x", "$SYS/x/y"], &["SYS/x", "$SYSTEM", "$sys/x", "a/$SYS"]),
    ("$SYS/monitor/+", &["$SYS/monitor/Clients"], &["$SYS/monitor", "$SYS/monitor/a/b"]),
    ("+/monitor/Clients", &["SYS/monitor/Clients"], &["$SYS/monitor/Clients"]),
    ("+/$SYS", &["a/$SYS", "/$SYS"], &["$a/$SYS"]),
    ("/#", &["/", "/a", "//", "/a/b", "/$SYS"], &["a", "a/", "$SYS"]),
    ("+/#", &["a", "/", "a/b"], &["$SYS", "$SYS/a"]),
    ("+/+/#", &["a/b", "/", "a/b/c"], &["a", "$a/b"]),
    ("/", &["/"], &["a", "//", "/a"]),
    ("//", &["//"], &["/", "///", "//a"]),
    ("a//b", &["a//b"], &["a/b", "a///b"]),
    ("a/+/b", &["a//b", "a/x/b"], &["a/b", "a/x/y/b"]),
    ("a//#", &["a/", "a//", "a//b"], &["a", "a/b"]),
    ("ACCOUNTS", &["ACCOUNTS"], &["Accounts", "accounts", "ACCOUNTS/", "/ACCOUNTS"]),
    ("\u{feff}a", &["\u{feff}a"], &["a"]),
    ("\u{e9}", &["\u{e9}"], &["e\u{301}", "e", "é/"]),
    ("é/+", &["é/", "é/$"], &["é"]),
    ("+", &["é$", "é"], &["$é"]),
    ("$share/g/t", &["$share/g/t"], &["t", "g/t"]),
    ("$share/g/#", &["$share/g", "$share/g/t"], &["t", "$share"]),
];

#[test]
fn filters_match_level_by_level() {
    for (text, matching, others) in CASES {
        for topic in *matching {
            assert!(filter(text).matches(name(topic)), "{text:?} does not match {topic:?}");
            assert!(naive(text, topic), "the model: {text:?} does not match {topic:?}");
        }
        for topic in *others {
            assert!(!filter(text).matches(name(topic)), "{text:?} matches {topic:?}");
            assert!(!naive(text, topic), "the model: {text:?} matches {topic:?}");
        }
    }
}

#[test]
fn a_shared_filter_matches_by_the_filter_inside_it() {
    let inner = |text: &'static str| filter(text).share().unwrap().unwrap().filter;
    assert!(inner("$share/c//finance").matches(name("/finance")));
    assert!(!inner("$share/c/finance").matches(name("/finance")));
    assert!(inner("$share/c/#").matches(name("finance")));
    // The rule for `$` looks at the filter inside, not at `$share`.
    assert!(!inner("$share/c/#").matches(name("$SYS/x")));
    assert!(!inner("$share/c/+/x").matches(name("$SYS/x")));
    assert!(inner("$share/c/$SYS/#").matches(name("$SYS/x")));
}

#[test]
fn the_longest_topics_match_without_recursion() {
    let slashes = "/".repeat(65_535);
    let shorter = "/".repeat(65_534);
    assert_eq!(name(&slashes).levels().count(), 65_536);
    assert!(filter(&slashes).matches(name(&slashes)));
    assert!(!filter(&shorter).matches(name(&slashes)));
    assert!(!filter(&slashes).matches(name(&shorter)));
    let wildcards = format!("{}+", "+/".repeat(32_767));
    let name_of = |levels: usize| "a/".repeat(levels - 1) + "a";
    assert!(filter(&wildcards).matches(name(&name_of(32_768))));
    assert!(!filter(&wildcards).matches(name(&name_of(32_767))));
    let open = format!("{}#", "+/".repeat(32_767));
    assert!(filter(&open).matches(name(&name_of(32_767))));
    assert!(filter(&open).matches(name(&name_of(32_768))));
    assert!(!filter(&open).matches(name(&name_of(32_766))));
    let last_differs = "a".repeat(65_534);
    assert!(!filter(&format!("{last_differs}b")).matches(name(&format!("{last_differs}c"))));
}

/// Section 4.7 once more, as simple as can be: over lists of levels, by recursion.
fn naive(filter: &str, name: &str) -> bool {
    fn levels(filter: &[&str], name: &[&str]) -> bool {
        match (filter, name) {
            (["#"], _) => true,
            ([], []) => true,
            ([level, filter @ ..], [part, name @ ..]) => {
                (*level == "+" || level == part) && levels(filter, name)
            }
            _ => false,
        }
    }
    if name.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#')) {
        return false;
    }
    let filter: Vec<&str> = filter.split('/').collect();
    let name: Vec<&str> = name.split('/').collect();
    levels(&filter, &name)
}

/// Whether section 4.7 lets the text be a filter, one rule after the other over its levels.
fn naive_filter(text: &str) -> Result<(), Violation> {
    if text.is_empty() {
        return Err(EmptyTopicFilter);
    }
    if text.contains('\0') {
        return Err(NullCharacter);
    }
    let levels: Vec<&str> = text.split('/').collect();
    let plus = levels.iter().all(|level| !level.contains('+') || *level == "+");
    let (last, before) = levels.split_last().unwrap();
    let hash = before.iter().all(|level| !level.contains('#'));
    if plus && hash && (!last.contains('#') || *last == "#") {
        Ok(())
    } else {
        Err(MisplacedWildcard)
    }
}

/// Few letters and few levels, so that matches are frequent.
fn topic_name() -> impl Strategy<Value = String> {
    "(a|b|\\$|é|)(/(a|\\$|)){0,3}".prop_filter("empty", |text| !text.is_empty())
}

fn topic_filter() -> impl Strategy<Value = String> {
    let levels = "(a|b|\\+|\\$|é|)(/(a|\\+|\\+|\\$|)){0,3}(/#)?";
    prop_oneof![1 => Just("#".to_owned()), 15 => levels]
        .prop_filter("empty", |text| !text.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn matching_agrees_with_a_naive_matcher(text in topic_filter(), topic in topic_name()) {
        prop_assert_eq!(filter(&text).matches(name(&topic)), naive(&text, &topic));
    }

    #[test]
    fn a_name_with_levels_made_wildcards_matches_unless_it_starts_with_a_dollar(
        levels in proptest::collection::vec("[a$]?|é", 1..6),
        plus in proptest::collection::vec(any::<bool>(), 6),
        open_from in 0_usize..7,
    ) {
        let topic = levels.join("/");
        prop_assume!(!topic.is_empty());
        let mut parts: Vec<&str> = levels
            .iter()
            .zip(&plus)
            .map(|(level, plus)| if *plus { "+" } else { level.as_str() })
            .collect();
        if open_from <= parts.len() {
            parts.truncate(open_from);
            parts.push("#");
        }
        let text = parts.join("/");
        let hidden = topic.starts_with('$') && text.starts_with(['+', '#']);
        prop_assert_eq!(filter(&text).matches(name(&topic)), !hidden, "{} {}", text, topic);
    }

    #[test]
    fn filters_are_checked_as_naively(text in "[ab+#/$é]{0,12}|(/|\\+|#|a){0,12}|[a/+#\0]{0,10}") {
        prop_assert_eq!(TopicFilter::new(&text).map(|_| ()), naive_filter(&text));
        let name = match naive_filter(&text) {
            Err(EmptyTopicFilter) => Err(EmptyTopicName),
            Err(NullCharacter) => Err(NullCharacter),
            _ if text.contains(['+', '#']) => Err(WildcardInTopicName),
            _ => Ok(()),
        };
        prop_assert_eq!(TopicName::new(&text).map(|_| ()), name);
    }

    #[test]
    fn bytes_are_checked_as_strings_are(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
        match std::str::from_utf8(&bytes) {
            Ok(text) => {
                prop_assert_eq!(TopicName::from_bytes(&bytes), TopicName::new(text));
                prop_assert_eq!(TopicFilter::from_bytes(&bytes), TopicFilter::new(text));
            }
            Err(_) => {
                prop_assert_eq!(TopicName::from_bytes(&bytes), Err(InvalidUtf8));
                prop_assert_eq!(TopicFilter::from_bytes(&bytes), Err(InvalidUtf8));
            }
        }
    }

    #[test]
    fn shares_are_parsed_as_naively(rest in "(a|é|\\+|)(/(a|\\+|)){0,3}(/#)?|#") {
        let text = format!("$share/{rest}");
        let expected = match rest.split_once('/') {
            None | Some(("", _) | (_, "")) => Err(InvalidSharedFilter),
            Some((name, _)) if name.contains(['+', '#']) => Err(InvalidSharedFilter),
            Some((name, inner)) => Ok(Some(Share { name, filter: filter(inner) })),
        };
        prop_assert_eq!(filter(&text).share(), expected);
    }
}
