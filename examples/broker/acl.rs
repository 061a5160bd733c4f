//! Access control lists in mosquitto's format.

use std::collections::HashMap;

use mqtt_sansio::{Access, Filter, Permissions, TopicFilter};

/// Who may read and write what.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Acl {
    /// Of clients without a user name.
    anonymous: Vec<Rule<Filter>>,
    users: HashMap<String, Vec<Rule<Filter>>>,
    /// Of all clients, `%u` and `%c` not replaced.
    patterns: Vec<Rule<String>>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
struct Rule<F> {
    right: Right,
    filter: F,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Right {
    Allow(Access),
    Deny,
}

impl Acl {
    /// Reads the text of a file; the error says which line is wrong.
    pub(crate) fn parse(text: &str) -> Result<Acl, String> {
        let mut acl = Acl::default();
        let mut user = None;
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            acl.line(line, &mut user).map_err(|error| format!("line {number}: {error}"))?;
        }
        Ok(acl)
    }

    fn line(&mut self, line: &str, user: &mut Option<String>) -> Result<(), String> {
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let rest = rest.trim_start();
        match word {
            "user" if rest.is_empty() => return Err("the user name is missing".to_owned()),
            "user" => {
                self.users.entry(rest.to_owned()).or_default();
                *user = Some(rest.to_owned());
            }
            "topic" => {
                let (right, filter) = rule(rest)?;
                let filter = Filter::new(filter).map_err(|error| format!("'{filter}': {error}"))?;
                let rules = match user {
                    Some(user) => self.users.entry(user.clone()).or_default(),
                    None => &mut self.anonymous,
                };
                rules.push(Rule { right, filter });
            }
            "pattern" => {
                let (right, filter) = rule(rest)?;
                TopicFilter::new(filter).map_err(|error| format!("'{filter}': {error}"))?;
                self.patterns.push(Rule { right, filter: filter.to_owned() });
            }
            _ => return Err("it begins with none of user, topic and pattern".to_owned()),
        }
        Ok(())
    }

    /// What the file says about a client, on top of what is granted anyway.
    pub(crate) fn permissions(
        &self,
        mut permissions: Permissions,
        user_name: Option<&str>,
        client_id: &str,
    ) -> Permissions {
        let own = match user_name {
            Some(user) => self.users.get(user).map(Vec::as_slice).unwrap_or_default(),
            None => &self.anonymous,
        };
        for Rule { right, filter } in own {
            permissions = right.grant(permissions, filter.clone());
        }
        for Rule { right, filter } in &self.patterns {
            if let Some(filter) = substitute(filter, user_name, client_id) {
                permissions = right.grant(permissions, filter);
            }
        }
        permissions
    }
}

impl Right {
    fn grant(self, permissions: Permissions, filter: Filter) -> Permissions {
        match self {
            Right::Allow(access) => permissions.allow(access, filter),
            Right::Deny => permissions.deny(Access::Both, filter),
        }
    }
}

/// `[ACCESS] FILTER`; what is no access is the beginning of a filter, which may have spaces.
fn rule(text: &str) -> Result<(Right, &str), String> {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let right = match word {
        "read" => Right::Allow(Access::Subscribe),
        "write" => Right::Allow(Access::Publish),
        "readwrite" => Right::Allow(Access::Both),
        "deny" => Right::Deny,
        "" => return Err("the filter is missing".to_owned()),
        _ if rest.is_empty() => return Ok((Right::Allow(Access::Both), text)),
        _ => return Err(format!("'{word}' is none of read, write, readwrite and deny")),
    };
    match rest.trim_start() {
        // A topic may have such a name.
        "" => Ok((Right::Allow(Access::Both), text)),
        filter => Ok((right, filter)),
    }
}

/// The filter of a pattern for one client; none where a value would be more than one level of a topic.
fn substitute(pattern: &str, user_name: Option<&str>, client_id: &str) -> Option<Filter> {
    let mut filter = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        let value = match after.chars().next() {
            Some('u') => Some(user_name.unwrap_or_default()),
            Some('c') => Some(client_id),
            _ => None,
        };
        filter.push_str(before);
        match value {
            // Nor may a value make another kind of topic of it.
            Some(value) if value.is_empty() || value.contains(['+', '#', '/', '$']) => return None,
            Some(value) => {
                filter.push_str(value);
                rest = after.get(1..).unwrap_or_default();
            }
            None => {
                filter.push('%');
                rest = after;
            }
        }
    }
    filter.push_str(rest);
    Filter::new(&filter).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use mqtt_sansio::TopicName;

    use super::*;

    const FILE: &str = "\
# Anonymous clients, as there is no user yet.
topic read $SYS/#
topic public/#

user alice
topic read sensors/#
topic write alarms/door bell
topic deny sensors/secret
topic read
user bob smith
topic readwrite office/+/light
user nobody

# All clients.
pattern write devices/%c/state
pattern home/%u/%c
pattern deny %u/private/100%
";

    /// What of this a client may, in letters: p to publish, r to receive.
    fn rights(user_name: Option<&str>, client_id: &str, topic: &str) -> &'static str {
        let acl = Acl::parse(FILE).unwrap();
        let permissions = acl.permissions(Permissions::none(), user_name, client_id);
        let topic = TopicName::new(topic).unwrap();
        match (permissions.may_publish(topic), permissions.may_receive(topic)) {
            (false, false) => "",
            (true, false) => "p",
            (false, true) => "r",
            (true, true) => "pr",
        }
    }

    #[test]
    fn topics_before_any_user_are_those_of_anonymous_clients() {
        for (user, topic, expected) in [
            (None, "$SYS/broker/uptime", "r"),
            (None, "public/a", "pr"),
            (None, "sensors/a", ""),
            (Some("alice"), "$SYS/broker/uptime", ""),
            (Some("alice"), "public/a", ""),
            (Some("carol"), "public/a", ""),
        ] {
            assert_eq!(rights(user, "c", topic), expected, "{user:?} {topic}");
        }
    }

    #[test]
    fn topics_after_a_user_are_those_of_the_user() {
        for (user, topic, expected) in [
            ("alice", "sensors/a/b", "r"),
            ("alice", "sensors/secret", ""),
            ("alice", "alarms/door bell", "p"),
            ("alice", "read", "pr"),
            ("alice", "office/1/light", ""),
            ("bob smith", "office/1/light", "pr"),
            ("bob smith", "sensors/a", ""),
            ("nobody", "office/1/light", ""),
        ] {
            assert_eq!(rights(Some(user), "c", topic), expected, "{user} {topic}");
        }
    }

    #[test]
    fn patterns_are_those_of_all_clients_each_with_its_own_values() {
        for (user, client_id, topic, expected) in [
            (None, "c1", "devices/c1/state", "p"),
            (None, "c1", "devices/c2/state", ""),
            (Some("carol"), "c1", "devices/c1/state", "p"),
            (Some("carol"), "c1", "home/carol/c1", "pr"),
            (Some("carol"), "c1", "home/alice/c1", ""),
            (Some("public"), "c1", "public/private/100%", ""),
            // There is no user name to put in.
            (None, "c1", "home//c1", ""),
        ] {
            assert_eq!(rights(user, client_id, topic), expected, "{user:?} {client_id} {topic}");
        }
    }

    #[test]
    fn a_value_of_more_than_one_level_matches_no_pattern() {
        for value in ["+", "#", "a/b", "a+", "/"] {
            for topic in ["home/alice/c", "home/a/b", "devices/a/state", "devices/a/b/state"] {
                assert_eq!(rights(Some(value), value, topic), "", "{value} {topic}");
                assert_eq!(rights(None, value, topic), "", "{value} {topic}");
            }
        }
    }

    #[test]
    fn a_value_is_not_replaced_again() {
        let acl = Acl::parse("pattern %u/%c").unwrap();
        let permissions = acl.permissions(Permissions::none(), Some("%c"), "x");
        assert!(permissions.may_publish(TopicName::new("%c/x").unwrap()));
        assert!(!permissions.may_publish(TopicName::new("x/x").unwrap()));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (line, error) in [
            ("topic", "the filter is missing"),
            ("topic rw a/b", "'rw' is none of read, write, readwrite and deny"),
            ("user", "the user name is missing"),
            ("users alice", "it begins with none of user, topic and pattern"),
        ] {
            let found = Acl::parse(&format!("# first\n\n{line}\n")).err();
            assert_eq!(found, Some(format!("line 3: {error}")), "{line}");
        }
        let found = Acl::parse("pattern read a/#/%u").unwrap_err();
        let rule = Filter::new("a/#/%u").unwrap_err();
        assert_eq!(found, format!("line 1: 'a/#/%u': {rule}"));
    }
}
