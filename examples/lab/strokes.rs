//! How the arrows of an SVG look.

use mqtt_sansio::PacketType;

use crate::rows::{Arrow, Kind};

/// How an arrow looks: told apart by its stroke too, not only by its colour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Session,
    Message,
    Acknowledgement,
    Ping,
    Transport,
    Lost,
}

impl Class {
    pub(crate) fn new(arrow: &Arrow) -> Class {
        match arrow.kind {
            _ if arrow.received.is_none() => Class::Lost,
            Kind::Bytes => Class::Lost,
            Kind::Open | Kind::Close | Kind::Reset => Class::Transport,
            Kind::Packet(packet_type) => match packet_type {
                PacketType::Publish => Class::Message,
                PacketType::PubAck
                | PacketType::PubRec
                | PacketType::PubRel
                | PacketType::PubComp => Class::Acknowledgement,
                PacketType::PingReq | PacketType::PingResp => Class::Ping,
                _ => Class::Session,
            },
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Class::Session => "session",
            Class::Message => "message",
            Class::Acknowledgement => "ack",
            Class::Ping => "ping",
            Class::Transport => "tcp",
            Class::Lost => "lost",
        }
    }

    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Class::Session => "session",
            Class::Message => "message",
            Class::Acknowledgement => "acknowledgement",
            Class::Ping => "ping",
            Class::Transport => "TCP",
            Class::Lost => "lost",
        }
    }
}

/// The style sheet of a picture.
pub(crate) const STYLE: &str = "\
text{font-size:13px;fill:#1f2328}
.title{font-size:17px;font-weight:bold}
.head{font-weight:bold;font-size:14px}
.time,.fold,.legend{fill:#59636e;font-size:12px}
.head-box{fill:#f6f8fa;stroke:#59636e;stroke-width:1.2}
.server-box{fill:#e3e7ec;stroke:#1f2328;stroke-width:1.6}
.life{stroke:#afb8c1;stroke-width:1.2}
.open{fill:#d1d9e0}
.note{fill:#fff8d6;stroke:#9a6700}
.name{font-weight:bold}
.label{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
path{fill:none}
.session line,.session path{stroke:#0a4fa3;stroke-width:1.6}
.session .full{fill:#0a4fa3}
.session text{fill:#0a4fa3}
.message line,.message path{stroke:#116329;stroke-width:3}
.message .full{fill:#116329}
.message text{fill:#116329}
.ack line,.ack path{stroke:#8a4600;stroke-width:1.6}
.ack line{stroke-dasharray:9 4}
.ack text{fill:#8a4600}
.ping line,.ping path{stroke:#59636e;stroke-width:1.6}
.ping line{stroke-dasharray:2 3}
.ping text{fill:#59636e}
.tcp line,.tcp path{stroke:#818b98;stroke-width:1}
.tcp line{stroke-dasharray:5 5}
.tcp text{fill:#59636e}
.lost line,.lost path{stroke:#c4161c;stroke-width:1.6}
.lost .cross{stroke-width:2.6}
.lost text{fill:#c4161c}
";
