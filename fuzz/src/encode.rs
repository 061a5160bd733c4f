//! Every way of encoding a packet, which must all agree.

use mqtt_sansio::{EncodeError, Packet, Version};

use super::{assert_bytes, hex};

/// The packet's bytes, or why it has none: by `encode`, `encode_to` and `encode_header`, into buffers that
/// fit, are larger and are too small.
pub fn every_way(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, EncodeError> {
    let mut appended = b"before".to_vec();
    let appending = packet.encode_to(version, &mut appended);
    let len = match packet.encoded_len(version) {
        Ok(len) => len,
        Err(error) => {
            assert_eq!(packet.encode(version, &mut [0; 64]), Err(error), "{packet}, {version}");
            assert_eq!(appending, Err(error), "{packet}, {version}");
            assert_eq!(appended, b"before", "{packet}, {version}");
            assert!(!format!("{error} {error:?}").is_empty());
            return Err(error);
        }
    };
    let what = || format!("{packet}, {version}");
    let mut bytes = vec![0xA5; len];
    assert_eq!(packet.encode(version, &mut bytes), Ok(len), "{packet}, {version}");
    let mut larger = vec![0x5A; len + 3];
    assert_eq!(packet.encode(version, &mut larger), Ok(len), "{packet}, {version}");
    assert_bytes(&larger, &[&bytes[..], &[0x5A; 3]].concat(), what);
    assert_eq!(appending, Ok(()), "{packet}, {version}");
    assert_bytes(&appended, &[b"before", &bytes[..]].concat(), what);
    too_small(packet, version, len);
    header_alone(packet, version, &bytes);
    Ok(bytes)
}

/// All sizes below that of a short packet, a few below that of a long one.
fn too_small(packet: &Packet<'_>, version: Version, len: usize) {
    let refused = Err(EncodeError::BufferTooSmall { needed: u32::try_from(len).unwrap() });
    let few = [0, 1, 2, len / 2, len - 1];
    let sizes: Vec<usize> = if len <= 16 { (0..len).collect() } else { few.to_vec() };
    let mut buffer = vec![0xA5; len];
    for size in sizes {
        let result = packet.encode(version, &mut buffer[..size]);
        assert_eq!(result, refused, "{packet}, {version}, into {size} bytes");
    }
    let mut buffer = vec![0xA5; len - 1];
    let result = packet.encode_to(version, &mut &mut buffer[..]).map(|()| len);
    assert_eq!(result, refused, "{packet}, {version}");
    assert!(buffer.iter().all(|byte| *byte == 0xA5), "{packet}, {version}: {}", hex(&buffer));
}

fn header_alone(packet: &Packet<'_>, version: Version, bytes: &[u8]) {
    let Packet::Publish(publish) = packet else {
        return;
    };
    let (header, payload) = bytes.split_at(bytes.len() - publish.payload.len());
    assert_eq!(payload, publish.payload, "{packet}, {version}");
    let mut buffer = vec![0; header.len()];
    assert_eq!(publish.encode_header(version, &mut buffer), Ok(header.len()), "{packet}");
    assert_bytes(&buffer, header, || format!("{packet}, {version}"));
    let needed = u32::try_from(header.len()).unwrap();
    let short = publish.encode_header(version, &mut buffer[1..]);
    assert_eq!(short, Err(EncodeError::BufferTooSmall { needed }), "{packet}, {version}");
}
