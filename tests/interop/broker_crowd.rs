//! The example broker with thousands of connections at once.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::broker::Broker;
use super::mosquitto_programs::{Maker, Target};
use super::mosquitto_server::PATIENCE;

const CROWD: usize = 5000;

/// Receive Maximum, Topic Alias Maximum and Maximum Packet Size.
const TERMS: &[u8] = b"\x21\x03\xe8\x22\x00\x0a\x27\x01\x00\x00\x00";

/// Every third client speaks 5.0.
fn is_v5(number: usize) -> bool {
    number % 3 == 2
}

/// CONNECT as 3.1, 3.1.1 and 5.0 in turn, and SUBSCRIBE to "t" at QoS 1.
fn hello(number: usize) -> Vec<u8> {
    let head: &[u8] = match number % 3 {
        0 => b"\x10\x13\x00\x06MQIsdp\x03\x02\x00\x00\x00\x05",
        1 => b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05",
        _ => b"\x10\x12\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x05",
    };
    let subscribe: &[u8] = match is_v5(number) {
        true => b"\x82\x07\x00\x01\x00\x00\x01t\x01",
        false => b"\x82\x06\x00\x01\x00\x01t\x01",
    };
    let name = format!("c{number:04}");
    [head, name.as_bytes(), subscribe].concat()
}

/// Reads exactly these bytes from everybody, or from those of 5.0 the others.
fn expect(crowd: &mut [TcpStream], before: &[u8], v5: &[u8]) {
    for (number, stream) in crowd.iter_mut().enumerate() {
        let expected = if is_v5(number) { v5 } else { before };
        let mut bytes = vec![0; expected.len()];
        let read = stream.read_exact(&mut bytes);
        assert!(read.is_ok() && bytes == expected, "client {number}: {read:?} {bytes:02x?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn five_thousand_connections_get_each_message_once() {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(limit > CROWD as u64 + 100, "only {limit} files may be open: raise ulimit -n");
    let broker = Broker::start();
    let mut crowd: Vec<TcpStream> = (0..CROWD)
        .map(|number| {
            let mut stream = TcpStream::connect(broker.address()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(&hello(number)).unwrap();
            stream
        })
        .collect();
    // CONNACK, with the terms in 5.0, and SUBACK.
    expect(&mut crowd, b"\x20\x02\x00\x00", b"\x20\x0e\x00\x00\x0b");
    expect(&mut crowd, b"", TERMS);
    expect(&mut crowd, b"\x90\x03\x00\x01\x01", b"\x90\x04\x00\x01\x00\x01");

    for (qos, published, with_properties) in [
        (0, &b"\x30\x08\x00\x01thello"[..], &b"\x30\x09\x00\x01t\x00hello"[..]),
        (1, b"\x32\x0a\x00\x01t\x00\x01hello", b"\x32\x0b\x00\x01t\x00\x01\x00hello"),
        (2, b"\x32\x0a\x00\x01t\x00\x02hello", b"\x32\x0b\x00\x01t\x00\x02\x00hello"),
    ] {
        let program = Maker::Mosquitto.publish(&broker).with("-t t -m hello");
        program.with("-q").and(qos.to_string()).succeed();
        expect(&mut crowd, published, with_properties);
        for stream in &mut crowd {
            if let Some(id) = published.get(5..7).filter(|_| qos > 0) {
                stream.write_all(&[&[0x40, 2], id].concat()).unwrap();
            }
            stream.write_all(b"\xc0\x00").unwrap();
        }
        // PINGRESP: nothing came in between.
        expect(&mut crowd, b"\xd0\x00", b"\xd0\x00");
    }
}
