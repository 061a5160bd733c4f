//! SVG: what is in a picture, and one that is kept.

use std::time::Duration;

use mqtt_sansio::Sender::{Client, Server};

use crate::pair::{CONNACK, CONNECT, PUBACK, PUBLISH, Pair};
use crate::scenario::Twin;
use crate::{scenarios, svg};

/// What a picture says, in its order.
fn texts(picture: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for text in picture.split("<text ").skip(1) {
        let text = text.split("</text>").next().unwrap();
        let parts = text.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        texts.push(parts.collect::<String>());
    }
    texts
}

#[test]
fn every_row_is_in_the_picture_with_its_time() {
    let mut pair = Pair::new();
    pair.send(Client, CONNECT);
    pair.send(Server, CONNACK);
    pair.exchange.note(pair.at, Some(0), "hungry");
    pair.exchange.bytes(Duration::from_secs(61), 0, Client, PUBLISH);
    let picture = svg::draw(&pair.exchange, "Two parties");
    let expected = [
        "Two parties",
        "client",
        "server",
        "0:01.000",
        "CONNECT \"PythonPub\", k5",
        "0:02.000",
        "CONNACK 0",
        "hungry",
        "1:01.000",
        "PUBLISH q1 m7 network \"hello\"",
        "session",
        "lost",
        "q QoS   m packet identifier   dup sent again   r retained   k keep alive in seconds",
    ];
    let texts: Vec<_> = texts(&picture).iter().map(|text| text.replace("&quot;", "\"")).collect();
    assert_eq!(texts, expected, "{picture}");
    // That of the message, and what it means.
    assert_eq!(picture.matches(r#"<path class="cross""#).count(), 2, "{picture}");
}

#[test]
fn arrows_point_to_where_they_go_and_lost_ones_do_not_get_there() {
    let mut pair = Pair::new();
    pair.send(Client, PUBLISH);
    pair.send(Server, PUBACK);
    pair.exchange.bytes(Duration::from_secs(3), 0, Server, PUBACK);
    let picture = svg::draw(&pair.exchange, "");
    let lines: Vec<_> = picture.lines().filter(|line| line.starts_with("<line x1=")).collect();
    let ends = |line: &str| {
        let words: Vec<&str> = line.split('"').collect();
        (words[1].parse::<i32>().unwrap(), words[5].parse::<i32>().unwrap())
    };
    let (client, server) = (132, 848);
    assert_eq!(ends(lines[0]), (client, server - 6));
    assert_eq!(ends(lines[1]), (server, client + 6));
    assert_eq!(ends(lines[2]), (server, client + 42));
}

#[test]
fn text_is_escaped_and_nothing_else_is_markup() {
    let mut pair = Pair::new();
    pair.exchange.parties[0].name = "<b>&\"\u{7}".into();
    pair.send(Client, b"\x30\x09\0\x03a<bx>&]");
    let picture = svg::draw(&pair.exchange, "a < b & c");
    for text in
        ["&lt;b&gt;&amp;&quot;\u{FFFD}", "a&lt;b &quot;x&gt;&amp;]&quot;", "a &lt; b &amp; c"]
    {
        assert!(picture.contains(text), "no {text} in {picture}");
    }
    assert!(!picture.chars().any(|c| c.is_control() && c != '\n'), "{picture:?}");
}

#[test]
fn nothing_is_drawn_beside_the_picture() {
    for scenario in scenarios::all() {
        let report = (scenario.run)(Twin(None));
        let picture = svg::draw(&report.exchange, scenario.title);
        let number = |line: &str, name: &str| {
            let value = line.split_once(&format!(" {name}=\""))?.1;
            value.split('"').next()?.parse::<i32>().ok()
        };
        let (width, height) =
            (number(&picture, "width").unwrap(), number(&picture, "height").unwrap());
        for line in picture.lines().skip(1) {
            let x = number(line, "x").unwrap_or(0);
            let text = texts(line).first().map(|text| text.replace("&quot;", "\""));
            let half = text.map_or(0, |text| text.chars().count() * 4);
            let half = i32::try_from(half).unwrap() * i32::from(line.contains("middle"));
            assert!(x >= half && x + half <= width, "{}: {line}", scenario.name);
            let right = x + number(line, "width").unwrap_or(0);
            let bottom = number(line, "y").unwrap_or(0) + number(line, "height").unwrap_or(0);
            assert!(right <= width && bottom <= height, "{}: {line}", scenario.name);
        }
    }
}

#[test]
fn the_kept_picture_is_what_is_drawn_now() {
    let scenario = scenarios::all().find(|scenario| scenario.name == "qos2-watched").unwrap();
    let report = (scenario.run)(Twin(None));
    let drawn = svg::draw(&report.exchange, scenario.title);
    let kept = include_str!("../../testdata/pictures/qos2-watched.svg");
    let hint = "if it is as good: lab qos2-watched --out DIR, and copy it to testdata/pictures";
    assert!(drawn == kept, "{hint}\n{drawn}");
}
