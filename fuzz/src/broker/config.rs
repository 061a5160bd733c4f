//! The limits of a broker and the rights of its clients, as the input picks them.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mqtt_sansio::{
    Access, BrokerConfig, FeatureConfig, Filter, HandshakeConfig, Permissions, QoS, RouterConfig,
    SessionConfig,
};

use super::super::source::Source;
use super::packets::METHODS;

/// What a client may be allowed.
pub(super) static PERMISSIONS: LazyLock<[Arc<Permissions>; 4]> = LazyLock::new(|| {
    let filter = |filter| Filter::new(filter).unwrap();
    let denied = Permissions::all().deny(Access::Both, filter("a/b"));
    [
        Permissions::all(),
        Permissions::none().allow(Access::Both, filter("a/#")),
        denied.deny(Access::Publish, filter("$SYS/#")),
        Permissions::none().allow(Access::Subscribe, filter("+")),
    ]
    .map(Arc::new)
});

/// Small limits, so that they are hit; a first byte of zeros means the defaults. At least one client can
/// connect, who sends a short CONNECT with a short keep alive.
pub(super) fn draw(source: &mut Source<'_>) -> BrokerConfig {
    let mut config = BrokerConfig::default();
    config.sys_interval = None;
    let limited = source.byte();
    if limited & 1 != 0 {
        config.session = session(source);
    }
    if limited & 2 != 0 {
        config.session.handshake = handshake(source);
    }
    if limited & 4 != 0 {
        config.router = router(source);
    }
    if limited & 8 != 0 {
        config.max_connections = source.pick(&[1, 2, 4]);
        config.max_pending_connections = source.pick(&[1, 2, 4]);
        config.max_sessions = source.pick(&[1, 2, 3]);
        config.session_expiry = source.pick(&[None, Some(10), Some(0)]).map(Duration::from_secs);
        config.close_timeout = Duration::from_millis(source.pick(&[5000, 100, 0]));
    }
    if limited & 16 != 0 {
        config.max_topic_length = source.pick(&[3, 4, 1]);
        config.max_payload_size = source.pick(&[2, 0, 1024]);
        config.session.features.retain_available = source.yes();
    }
    if limited & 32 != 0 {
        config.sys_interval = Some(Duration::from_secs(source.pick(&[10, 1, 0])));
    }
    if limited & 64 != 0 {
        config.session.max_filters = source.pick(&[2, 1, 0]);
    }
    if limited & 128 != 0 {
        features(source, &mut config.session.features);
    }
    config.session.handshake.authentication_methods = vec![METHODS[0].to_owned()];
    config
}

fn session(source: &mut Source<'_>) -> SessionConfig {
    let mut config = SessionConfig::default();
    config.maximum_packet_size = source.pick(&[64, 16, 4096]);
    config.max_inflight_messages = source.pick(&[1, 2, 0, 3]);
    config.max_queued_messages = source.pick(&[2, 1, 0, 5]);
    config.max_queued_bytes = source.pick(&[1 << 20, 8, 1, 0]);
    config.max_unreleased_messages = source.pick(&[3, 2, 1, 0]);
    config.max_unreleased_bytes = source.pick(&[1 << 20, 8, 0]);
    config.features.maximum_qos =
        source.pick(&[QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::AtMostOnce]);
    config.max_unsent_bytes = source.pick(&[1 << 20, 12, 5, 0]);
    config
}

fn features(source: &mut Source<'_>, features: &mut FeatureConfig) {
    let missing = source.byte();
    features.wildcard_subscription_available = missing & 1 == 0;
    features.subscription_identifier_available = missing & 2 == 0;
    features.shared_subscription_available = missing & 4 == 0;
    features.validate_payload_format = missing & 8 != 0;
    features.topic_alias_maximum = source.pick(&[10, 0, 1, 2, u16::MAX]);
}

fn handshake(source: &mut Source<'_>) -> HandshakeConfig {
    let mut config = HandshakeConfig::default();
    config.timeout = Duration::from_millis(source.pick(&[1000, 1, 0]));
    config.max_connect_size = source.pick(&[64, 40]);
    config.max_early_bytes = source.pick(&[16, 4, 0]);
    config.max_keep_alive = source.pick(&[None, Some(10)]);
    config.accept_long_client_ids = source.yes();
    config
}

fn router(source: &mut Source<'_>) -> RouterConfig {
    let mut config = RouterConfig::default();
    config.max_topic_levels = source.pick(&[2, 3, 1, 0]);
    config.max_subscriptions = source.pick(&[2, 1, 0, 3]);
    config.max_retained_messages = source.pick(&[2, 1, 0, 3]);
    config.max_retained_bytes = source.pick(&[1 << 20, 5, 2, 0]);
    config
}
