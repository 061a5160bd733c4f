//! The example broker with thousands of connections at once.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::broker::Broker;
use super::mosquitto_programs::{Maker, Target};
use super::mosquitto_server::PATIENCE;

const CROWD: u16 = 5000;

/// CONNECT as 3.1 for even numbers and 3.1.1 for odd ones, and SUBSCRIBE to "t" at QoS 1.
fn hello(number: u16) -> Vec<u8> {
    let head: &[u8] = match number % 2 {
        0 => b"\x10\x13\x00\x06MQIsdp\x03\x02\x00\x00\x00\x05",
        _ => b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05",
    };
    let name = format!("c{number:04}");
    [head, name.as_bytes(), b"\x82\x06\x00\x01\x00\x01t\x01"].concat()
}

/// Reads exactly these bytes from everybody.
fn expect(crowd: &mut [TcpStream], expected: &[u8]) {
    for (number, stream) in crowd.iter_mut().enumerate() {
        let mut bytes = vec![0; expected.len()];
        let read = stream.read_exact(&mut bytes);
        assert!(read.is_ok() && bytes == expected, "client {number}: {read:?} {bytes:02x?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn five_thousand_connections_get_each_message_once() {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(limit > u64::from(CROWD) + 100, "only {limit} files may be open: raise ulimit -n");
    let broker = Broker::start();
    let mut crowd: Vec<TcpStream> = (0..CROWD)
        .map(|number| {
            let mut stream = TcpStream::connect(broker.address()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(&hello(number)).unwrap();
            stream
        })
        .collect();
    // CONNACK and SUBACK.
    expect(&mut crowd, b"\x20\x02\x00\x00\x90\x03\x00\x01\x01");

    for (qos, published) in [
        (0, &b"\x30\x08\x00\x01thello"[..]),
        (1, b"\x32\x0a\x00\x01t\x00\x01hello"),
        (2, b"\x32\x0a\x00\x01t\x00\x02hello"),
    ] {
        let program = Maker::Mosquitto.publish(&broker).with("-t t -m hello");
        program.with("-q").and(qos.to_string()).succeed();
        expect(&mut crowd, published);
        for stream in &mut crowd {
            if let Some(id) = published.get(5..7).filter(|_| qos > 0) {
                stream.write_all(&[&[0x40, 2], id].concat()).unwrap();
            }
            stream.write_all(b"\xc0\x00").unwrap();
        }
        // PINGRESP: nothing came in between.
        expect(&mut crowd, b"\xd0\x00");
    }
}
