//! The command line.

use clap::Parser;
use mqtt_sansio::QoS;

use crate::common::command::End;
use crate::common::options::{self, Options};

const HELP: &str = "\
The dashboard reads commands, a line each, and publishes them to home/light/control as JSON. The controller
obeys them, and publishes the state to home/light/status; to a command it does not know it answers
\"Light is UNKNOWN\".

Typed at the dashboard: ON or OFF, and QUIT, Ctrl-C or the end of input to end.

Examples:
  light controller
  light dashboard
  echo ON | light dashboard -h broker.example -u me -P secret

Exit status: 0 when ended by the user, 1 where no light answers the last commands, the return code of
CONNACK where the server refuses the connection, and another number on any other failure.";

/// Switches a light, or is one: a dashboard and a controller that exchange MQTT messages.
#[derive(Parser)]
#[command(name = "light", after_help = HELP, max_term_width = 100)]
#[command(disable_help_flag = true, args_override_self = true)]
pub(crate) struct Arguments {
    /// Which part this is: "dashboard" or "controller". Its client identifier is CentralDashboard or
    /// LightControllerAndMonitor, unless -i or -I says otherwise.
    #[arg(value_name = "PART")]
    role: Option<String>,

    /// Quality of Service, of the messages and of the subscription: 0, 1 or 2.
    #[arg(short, long, default_value = "1", value_parser = options::qos)]
    pub(crate) qos: QoS,

    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Clone, Copy)]
pub(crate) enum Role {
    Dashboard,
    Controller,
}

impl Arguments {
    /// Checks what must fit together.
    pub(crate) fn settle(&mut self) -> Result<Role, End> {
        let (role, id) = match self.role.as_deref() {
            Some("dashboard") => (Role::Dashboard, "CentralDashboard"),
            Some("controller") => (Role::Controller, "LightControllerAndMonitor"),
            Some(other) => {
                return Err(End::usage(format!(
                    "Unknown part '{other}': it is dashboard or controller."
                )));
            }
            None => return Err(End::usage("Which part is it, dashboard or controller?")),
        };
        if self.options.url_topic().is_some_and(|topic| !topic.is_empty()) {
            return Err(End::usage("The light has topics of its own, end the URL with '/'."));
        }
        if self.options.id.is_none() && self.options.id_prefix.is_none() {
            self.options.id = Some(id.to_owned());
        }
        self.options.settle()?;
        Ok(role)
    }
}
