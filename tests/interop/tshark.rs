//! tshark, and what it says about a capture.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fmt, fs};

use serde_json::Value;

/// What is not compared: wholes of which the parts are, and lengths of strings, which agree where the
/// strings do.
const LEFT_OUT: [&str; 11] = [
    "hdrflags",
    "conflags",
    "conack.flags",
    "subscription_options",
    "proto_len",
    "clientid_len",
    "willtopic_len",
    "willmsg_len",
    "username_len",
    "passwd_len",
    "topic_len",
];

/// Flags and reserved bits, listed only where they are set.
const FLAGS: [&str; 17] = [
    "hdr_reserved",
    "retain_reserved",
    "dupflag",
    "retain",
    "conflag.uname",
    "conflag.passwd",
    "conflag.retain",
    "conflag.qos",
    "conflag.willflag",
    "conflag.cleansess",
    "conflag.reserved",
    "conack.flags.reserved",
    "conack.flags.sp",
    "subscription_options_nl",
    "subscription_options_rap",
    "subscription_options_retain",
    "subscription_options_reserved",
];

/// Where tshark has the values of properties: by identifier, else in `mqtt.prop_number`.
const PROPERTY_VALUES: [(&str, &str); 14] = [
    ("0x03", "property.content_type"),
    ("0x08", "prop_string"),
    ("0x09", "prop_string"),
    ("0x12", "prop_string"),
    ("0x15", "prop_string"),
    ("0x16", "prop_string"),
    ("0x1a", "prop_string"),
    ("0x1c", "prop_string"),
    ("0x1f", "prop_string"),
    ("0x23", "property.topic_alias"),
    ("0x24", "property.max_qos"),
    ("0x26", "prop_key"),
    ("", "prop_value"),
    ("", "prop_number"),
];

/// The fields of a packet, `name=value` each: sorted by name, but what has one name, and all properties,
/// as it comes in the packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fields(Vec<String>);

impl Fields {
    /// Of a text with blanks between them.
    pub(crate) fn parse(text: &str) -> Fields {
        Fields::sorted(text.split_whitespace().map(str::to_owned).collect())
    }

    fn sorted(mut fields: Vec<String>) -> Fields {
        let name = |field: &String| match field.split_once("0x") {
            Some((prefix @ ("" | "will."), _)) => format!("{prefix}0x"),
            _ => field.split('=').next().unwrap_or_default().to_owned(),
        };
        fields.sort_by_cached_key(name);
        Fields(fields)
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// A capture in a file, which is removed in the end.
pub(crate) struct Tshark {
    file: PathBuf,
}

impl Tshark {
    /// `name` is the file's.
    pub(crate) fn open(capture: &[u8], name: &str) -> Tshark {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pcap"));
        fs::write(&file, capture).unwrap();
        Tshark { file }
    }

    /// What every frame of MQTT holds, by frame number.
    pub(crate) fn dissect(&self) -> BTreeMap<u32, Fields> {
        let json = self.run(&["-T", "json", "--no-duplicate-keys", "-Y", "mqtt"]);
        let frames: Value = serde_json::from_str(&json).unwrap();
        let frames = frames.as_array().unwrap().iter().map(|frame| &frame["_source"]["layers"]);
        let number = |layers: &Value| layers["frame"]["frame.number"].as_str().unwrap().parse();
        frames.map(|layers| (number(layers).unwrap(), fields(&layers["mqtt"]))).collect()
    }

    /// Warnings and errors of any protocol in the capture; malformed packets are among them.
    pub(crate) fn complaints(&self) -> String {
        self.run(&["-q", "-z", "expert,warn"])
    }

    /// All that is to be said about one frame.
    pub(crate) fn describe(&self, frame: u32) -> String {
        self.run(&["-O", "mqtt", "-Y", &format!("frame.number == {frame}")])
    }

    /// The same about all frames.
    pub(crate) fn describe_all(&self) -> String {
        self.run(&["-O", "mqtt", "-Y", "mqtt"])
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new("tshark")
            .args(["-n", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-r"])
            .arg(&self.file)
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("tshark: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tshark {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Tshark {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// The fields of a layer, as the protocol's tree has them.
fn fields(layer: &Value) -> Fields {
    let mut fields = Vec::new();
    flatten(layer, &mut fields);
    Fields::sorted(fields)
}

fn flatten(tree: &Value, fields: &mut Vec<String>) {
    let Some(tree) = tree.as_object() else {
        return;
    };
    for (key, value) in tree {
        let name = key.strip_prefix("mqtt.").unwrap_or(key);
        match name {
            "properties" => properties(value, "", fields),
            "will_properties" => properties(value, "will.", fields),
            _ if LEFT_OUT.contains(&name) => {}
            _ if name.ends_with("_tree") => all(value).for_each(|tree| flatten(tree, fields)),
            _ => fields.extend(all(value).filter_map(|value| field(name, value))),
        }
    }
}

/// A field that comes once, or all that have its name.
fn all(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn field(name: &str, value: &Value) -> Option<String> {
    let text = value.as_str().map_or(value.to_string(), str::to_owned);
    match name {
        "msg" | "willmsg" => Some(format!("{name}={}", text.replace(':', ""))),
        _ if FLAGS.contains(&name) && matches!(&text[..], "0" | "0x00") => None,
        _ => Some(format!("{name}={text}")),
    }
}

/// `identifier=value` for each property. tshark lists identifiers, numbers, strings and so on apart from
/// each other, each in the packet's order.
fn properties(tree: &Value, prefix: &str, fields: &mut Vec<String>) {
    let values = |name: &str| -> VecDeque<&str> {
        let value = &tree[format!("mqtt.{name}")];
        all(value).filter_map(Value::as_str).collect()
    };
    let mut queues: BTreeMap<&str, VecDeque<&str>> =
        PROPERTY_VALUES.iter().map(|(_, name)| (*name, values(name))).collect();
    let mut next = |name: &str| queues.get_mut(name)?.pop_front();
    for length in values("property_len") {
        fields.push(format!("{prefix}property_len={}", property_len(length)));
    }
    for id in values("property_id") {
        let place = PROPERTY_VALUES.iter().find(|(known, _)| *known == id);
        let mut value = next(place.map_or("prop_number", |(_, name)| name)).map(str::to_owned);
        if id == "0x26" {
            value = value.zip(next("prop_value")).map(|(name, value)| format!("{name}:{value}"));
        }
        fields.push(format!("{prefix}{id}={}", value.unwrap_or_default()));
    }
    let left: Vec<_> = queues.iter().filter(|(_, values)| !values.is_empty()).collect();
    assert!(left.is_empty(), "values without a property: {left:?} in {tree}");
}

/// tshark reads a property length of two bytes rightly, but shows the bytes as one big-endian number.
fn property_len(shown: &str) -> u32 {
    let shown = shown.parse().unwrap();
    if shown < 0x8000 { shown } else { (shown >> 8 & 0x7F) | (shown & 0x7F) << 7 }
}
