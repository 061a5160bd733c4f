//! How a client of an experiment connects.

use mqtt_sansio::{Connect, Message, Version, Will};

/// The fields of a CONNECT that owns them.
#[derive(Clone)]
pub(crate) struct Login {
    version: Version,
    client_id: String,
    clean_session: bool,
    keep_alive: u16,
    will: Option<Message>,
    user: Option<(String, String)>,
}

impl Login {
    /// 3.1.1, a clean session, keep alive 60.
    pub(crate) fn new(client_id: &str) -> Login {
        Login {
            version: Version::V3_1_1,
            client_id: client_id.into(),
            clean_session: true,
            keep_alive: 60,
            will: None,
            user: None,
        }
    }

    pub(crate) fn version(self, version: Version) -> Login {
        Login { version, ..self }
    }

    pub(crate) fn keep_alive(self, keep_alive: u16) -> Login {
        Login { keep_alive, ..self }
    }

    pub(crate) fn clean_session(self, clean_session: bool) -> Login {
        Login { clean_session, ..self }
    }

    pub(crate) fn will(self, will: Message) -> Login {
        Login { will: Some(will), ..self }
    }

    pub(crate) fn user(self, name: &str, password: &str) -> Login {
        Login { user: Some((name.into(), password.into())), ..self }
    }

    pub(crate) fn connect(&self) -> Connect<'_> {
        let will = self.will.as_ref().map(|will| Will {
            qos: will.qos,
            retain: will.retain,
            ..Will::new(will.topic.name(), &will.payload)
        });
        Connect {
            clean_start: self.clean_session,
            keep_alive: self.keep_alive,
            will,
            user_name: self.user.as_ref().map(|(name, _)| name.as_str()),
            password: self.user.as_ref().map(|(_, password)| password.as_bytes()),
            ..Connect::new(self.version, &self.client_id)
        }
    }
}
