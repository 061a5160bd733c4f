//! Who is let in, and what for.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use mqtt_sansio::{Access as Kind, ConnectRequest, Permissions, ReasonCode};

use crate::acl::Acl;
use crate::options::Arguments;
use crate::passwords::Passwords;

/// What the server knows of users.
pub(crate) struct Access {
    allow_anonymous: bool,
    passwords: Option<Passwords>,
    acl: Option<Acl>,
    /// What all clients have.
    common: Arc<Permissions>,
}

impl Access {
    /// Reads the files that the command line names.
    pub(crate) fn open(arguments: &Arguments) -> Result<Access, Box<dyn Error>> {
        let admission = &arguments.admission;
        let allow_anonymous = arguments.allow_anonymous()?;
        let passwords = read(admission.password_file.as_deref(), Passwords::parse)?;
        let acl = read(admission.acl_file.as_deref(), Acl::parse)?;
        let mut common = if acl.is_some() { Permissions::none() } else { Permissions::all() };
        for filter in &admission.deny_subscribe {
            common = common.deny(Kind::Subscribe, filter.clone());
        }
        Ok(Access { allow_anonymous, passwords, acl, common: Arc::new(common) })
    }

    /// What a client may do, or why it is turned down. [MQTT-3.2.2-5] Without a password file nobody can show
    /// who they are: all are anonymous, whatever user name they give.
    pub(crate) fn admit(&self, request: &ConnectRequest) -> Result<Arc<Permissions>, ReasonCode> {
        match (&request.user_name, &self.passwords) {
            (None, _) | (_, None) if !self.allow_anonymous => {
                return Err(ReasonCode::NotAuthorized);
            }
            (Some(user), Some(passwords)) => {
                let password = request.password.as_deref().unwrap_or_default();
                if !passwords.verify(user, password) {
                    return Err(ReasonCode::BadUserNameOrPassword);
                }
            }
            _ => {}
        }
        let Some(acl) = &self.acl else {
            return Ok(Arc::clone(&self.common));
        };
        let common = Permissions::clone(&self.common);
        let user_name = request.user_name.as_deref();
        Ok(Arc::new(acl.permissions(common, user_name, &request.client_id)))
    }
}

fn read<T>(
    path: Option<&Path>,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Box<dyn Error>> {
    let Some(path) = path else { return Ok(None) };
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    Ok(Some(parse(&text).map_err(|error| format!("{name}: {error}"))?))
}
