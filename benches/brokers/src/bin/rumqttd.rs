//! rumqttd as a program of its own: `rumqttd PORT`, on loopback, without any log.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

fn main() {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).expect("a port");
    let server = ServerSettings {
        name: "v4".to_owned(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        tls: None,
        // Any other value is slept after each accept.
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 60_000,
            max_payload_size: 4 << 20,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    let router = RouterConfig {
        max_connections: 20_000,
        max_outgoing_packet_count: 200,
        // What all subscribers of a filter have got is kept up to this: far more than is ever under way.
        max_segment_size: 10 << 20,
        max_segment_count: 10,
        ..RouterConfig::default()
    };
    let servers = HashMap::from([("v4".to_owned(), server)]);
    let config = Config { id: 0, router, v4: Some(servers), ..Config::default() };
    Broker::new(config).start().expect("rumqttd runs");
}
