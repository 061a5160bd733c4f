//! Decodes and encodes without std and without an allocator; the exit status says which step failed.
#![no_std]
#![no_main]

use mqtt_sansio::{Ack, Delivery, Frame, Packet, Property, Publish, TopicName, Version, Violation};

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: `abort` of the C library takes nothing and does not return.
    unsafe { abort() }
}

/// The prebuilt `core` names it in its unwind tables; with `panic = "abort"` nothing ever calls it.
#[unsafe(no_mangle)]
pub extern "C" fn rust_eh_personality() {}

/// What the C start-up code calls.
#[unsafe(no_mangle)]
pub extern "C" fn main() -> i32 {
    match run() {
        Ok(()) => 0,
        Err(step) => step,
    }
}

fn run() -> Result<(), i32> {
    let received = b"\x32\x16\x00\x0ckitchen/temp\x00\x0720.5 C";
    let (frame, rest) = Frame::parse(received, 1024).map_err(|_| 1)?.ok_or(2)?;
    let Packet::Publish(publish) = Packet::decode(frame, Version::V3_1_1).map_err(|_| 3)? else {
        return Err(4);
    };
    let Delivery::AtLeastOnce { dup: false, packet_id } = publish.delivery else {
        return Err(5);
    };
    check(rest.is_empty() && publish.topic.as_bytes() == b"kitchen/temp", 6)?;
    let mut buffer = [0; 64];
    let len = Packet::PubAck(Ack::new(packet_id)).encode(Version::V3_1_1, &mut buffer);
    check(len == Ok(4) && buffer[..4] == [0x40, 0x02, 0x00, 0x07], 7)?;
    there_and_back_in_v5(&mut buffer)?;
    let (frame, _) = Frame::parse(&[0x30, 0x00], 1024).map_err(|_| 8)?.ok_or(9)?;
    let error = Packet::decode(frame, Version::V5_0).err().ok_or(10)?;
    check(error.violation() == Violation::Truncated && error.offset() == 2, 11)
}

fn there_and_back_in_v5(buffer: &mut [u8]) -> Result<(), i32> {
    let properties = [Property::ContentType("text/plain")];
    let publish = Packet::from(Publish {
        properties: (&properties).into(),
        ..Publish::new(TopicName::new("kitchen/temp").map_err(|_| 20)?, b"20.5 C")
    });
    let len = publish.encode(Version::V5_0, buffer).map_err(|_| 21)?;
    let (frame, _) = Frame::parse(&buffer[..len], 1024).map_err(|_| 22)?.ok_or(23)?;
    check(Packet::decode(frame, Version::V5_0) == Ok(publish), 24)
}

fn check(holds: bool, step: i32) -> Result<(), i32> {
    if holds { Ok(()) } else { Err(step) }
}
