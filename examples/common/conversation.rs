//! What `light` and `chat` do alike: each publishes to one topic, subscribes to another, and ends on request.

use mqtt_sansio::{
    Client, DisconnectReason, Handle, Instant, Message, OwnedProperties, QoS, ReasonCode,
    Subscription, TopicFilter,
};

use crate::common::command::End;
use crate::common::options::Options;

/// The exit status, and what is to be said then.
pub(crate) struct Finish(pub(crate) u8, pub(crate) Option<String>);

/// How the program ends, if it does; else it tries again.
pub(crate) fn ended(
    finish: Option<&Finish>,
    reason: DisconnectReason,
    properties: &OwnedProperties,
    options: &Options,
) -> Option<End> {
    match (finish, reason) {
        (Some(Finish(status, line)), _) => {
            Some(End::Exit(*status, line.clone().into_iter().collect()))
        }
        (
            None,
            DisconnectReason::Refused(_)
            | DisconnectReason::Server(_)
            | DisconnectReason::ServerFault(_),
        ) => Some(End::ended(reason, properties, options.version())),
        _ => None,
    }
}

/// Hands a message to the client.
pub(crate) fn publish(
    now: Instant,
    topic: &str,
    payload: String,
    qos: QoS,
    client: &mut Client,
) -> Result<Handle, String> {
    let mut message = Message::new(topic, payload).map_err(|error| error.to_string())?;
    message.qos = qos;
    client.publish(now, message).map_err(|error| error.to_string())
}

/// Asks for the messages of a topic; else how the program ends.
pub(crate) fn subscribe(
    now: Instant,
    topic: &str,
    qos: QoS,
    client: &mut Client,
) -> Result<(), Finish> {
    let finish = |error: String| Finish(1, Some(format!("Error: {error}.")));
    let filter = TopicFilter::new(topic).map_err(|error| finish(error.to_string()))?;
    let subscription = Subscription::new(filter, qos);
    client.subscribe(now, &[subscription]).map_err(|error| finish(error.to_string()))?;
    Ok(())
}

/// What the server says to a subscription; else how the program ends.
pub(crate) fn granted(codes: &[ReasonCode], topic: &str) -> Result<(), Finish> {
    if codes.iter().any(|code| code.is_error()) {
        let line = format!("Error: The server denies subscribing to {topic}.");
        return Err(Finish(1, Some(line)));
    }
    Ok(())
}
