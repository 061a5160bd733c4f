//! Capture files: formats, links, clocks.

use crate::run::dissect_capture;
use crate::wire::{
    Order, block, client, enhanced, ethernet, interface, pcap, pcap_frame, pcap_header, pcap_of,
    section, simple,
};

const MICROSECONDS: u32 = 0xA1B2_C3D4;
const NANOSECONDS: u32 = 0xA1B2_3C4D;

fn ping(time: &str) -> String {
    format!(r#"{{"stream":0,"from":"client","time":{time},"packet":"PINGREQ"}}"#)
}

#[test]
fn every_link_carries_ipv4_and_ipv6() {
    for (ip, ether_type, family) in
        [(client(1, "c000").ipv4(), [0x08, 0x00], 2), (client(1, "c000").ipv6(), [0x86, 0xDD], 30)]
    {
        let vlan = [&[0x81, 0x00, 0x00, 0x05], &ether_type[..]].concat();
        let vlans = [&[0x88, 0xA8, 0x00, 0x09], &vlan[..]].concat();
        let sll = [&[0; 14], &ether_type[..], &ip].concat();
        let sll2 = [&ether_type[..], &[0; 18], &ip].concat();
        let loopback = |family: [u8; 4]| [&family[..], &ip].concat();
        for (link, frame) in [
            (1, ethernet(&ether_type, &ip)),
            (1, ethernet(&vlan, &ip)),
            (1, ethernet(&vlans, &ip)),
            // Ethernet with four bytes of check sum, as the upper half says.
            (0x2400_0001, ethernet(&ether_type, &ip)),
            (113, sll),
            (276, sll2),
            (0, loopback([family, 0, 0, 0])),
            (0, loopback([0, 0, 0, family])),
            (108, loopback([0, 0, 0, family])),
            (101, ip.clone()),
            (12, ip.clone()),
            (14, ip.clone()),
            (if family == 2 { 228 } else { 229 }, ip.clone()),
        ] {
            let file = pcap(link, &[frame]);
            dissect_capture("link.pcap", &file, &["--json"]).assert_prints(&[&ping("0")]);
        }
    }
}

#[test]
fn pcap_comes_in_either_byte_order_and_in_micro_or_nanoseconds() {
    let frame = client(1, "c000").ethernet();
    for (order, magic, time) in [
        (Order::Little, MICROSECONDS, "1700000000.00025"),
        (Order::Big, MICROSECONDS, "1700000000.00025"),
        (Order::Little, NANOSECONDS, "1700000000.00000025"),
        (Order::Big, NANOSECONDS, "1700000000.00000025"),
    ] {
        let mut file = pcap_header(order, magic, 1);
        file.extend(pcap_frame(order, [1_700_000_000, 250], frame.len(), &frame));
        dissect_capture("byte-order.pcap", &file, &["--json"]).assert_prints(&[&ping(time)]);
    }
}

#[test]
fn pcapng_has_interfaces_with_a_link_and_a_clock_each() {
    for order in [Order::Little, Order::Big] {
        let resolution = |value: u8| [&order.u16(9)[..], &order.u16(1), &[value, 0, 0, 0]].concat();
        let offset = {
            let number = match order {
                Order::Little => 1_000_000_000_u64.to_le_bytes(),
                Order::Big => 1_000_000_000_u64.to_be_bytes(),
            };
            [&order.u16(14)[..], &order.u16(8), &number].concat()
        };
        let file = [
            section(order),
            interface(order, 1, &[]),
            interface(order, 101, &[resolution(9), offset].concat()),
            interface(order, 101, &resolution(0x80 | 10)),
            // Statistics, which say nothing about frames.
            block(order, 5, &[0; 12]),
            enhanced(order, 0, 5_000_001, &client(1, "c000").ethernet()),
            enhanced(order, 1, 6_000_000_001, &client(3, "c000").ipv4()),
            enhanced(order, 2, 7 << 10 | 0x200, &client(5, "c000").ipv4()),
            simple(order, &client(7, "c000").ethernet()),
            section(order),
            interface(order, 101, &[]),
            enhanced(order, 0, 8_000_000, &client(9, "c000").ipv4()),
        ]
        .concat();
        dissect_capture("clocks.pcapng", &file, &["--json"]).assert_prints(&[
            &ping("5.000001"),
            &ping("1000000006.000000001"),
            &ping("7.5"),
            &ping("null"),
            &ping("8"),
        ]);
    }
}

#[test]
fn a_capture_is_dissected_as_far_as_it_can_be_read() {
    let pcap = pcap_of(&[client(1, "c000"), client(3, "e000")]);
    dissect_capture("short.pcap", &pcap[..pcap.len() - 1], &[]).assert(
        &["PINGREQ"],
        &["dissect: FILE: it ends within a frame"],
        1,
    );
    let order = Order::Little;
    let frame = |second: u64, segment: &[u8]| enhanced(order, 0, second * 1_000_000, segment);
    let begin = [section(order), interface(order, 101, &[])].concat();
    let first = frame(0, &client(1, "c000").ipv4());
    let second = frame(1, &client(3, "e000").ipv4());
    let pcapng = [&begin[..], &first, &second].concat();
    dissect_capture("short.pcapng", &pcapng[..pcapng.len() - 1], &[]).assert(
        &["PINGREQ"],
        &["dissect: FILE: it ends within a block"],
        1,
    );
    let damaged = [&begin[..], &first, &[6, 0, 0, 0, 3, 0, 0, 0], &[0; 32]].concat();
    dissect_capture("damaged.pcapng", &damaged, &[]).assert(
        &["PINGREQ"],
        &["dissect: FILE: a block is damaged, the rest is left out"],
        1,
    );
    let unknown = enhanced(order, 3, 0, &client(1, "c000").ipv4());
    let unknown = [&begin[..], &first, &unknown, &unknown].concat();
    dissect_capture("interface.pcapng", &unknown, &[]).assert(
        &["PINGREQ"],
        &["dissect: FILE: frames of an interface that it does not describe"],
        1,
    );
}

#[test]
fn what_cannot_be_read_is_said_once() {
    let frames = [client(1, "c000").ipv4(), client(3, "c000").ipv4()];
    dissect_capture("wireless.pcap", &pcap(105, &frames), &["--json"]).assert(
        &[],
        &["dissect: FILE: frames of link type 105 are left out"],
        1,
    );
    for other in [&b""[..], b"c000\n", &[0; 100]] {
        dissect_capture("other.pcap", other, &[]).assert(
            &[],
            &["dissect: FILE: neither a pcap nor a pcapng file"],
            1,
        );
    }
}

#[test]
fn frames_without_mqtt_are_passed_over() {
    let udp = {
        let mut packet = client(1, "c000").ipv4();
        packet[9] = 17;
        packet
    };
    let frames = [
        ethernet(&[0x08, 0x06], &[0; 28]),
        ethernet(&[0x08, 0x00], &udp),
        ethernet(&[0x08, 0x00], &[0x45]),
        ethernet(&[0x08, 0x00], &[0xFF; 40]),
        client(1, "c000").ports(40000, 80).ethernet(),
        vec![0; 5],
        vec![],
    ];
    dissect_capture("others.pcap", &pcap(1, &frames), &["--json"]).assert_prints(&[]);
}
