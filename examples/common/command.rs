//! How these programs end, and what they say then: as mosquitto_pub and mosquitto_sub do.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;
use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ErrorKind};
use mqtt_sansio::{DisconnectReason, OwnedProperties, Version};

use super::properties;

// The numbers are libmosquitto's.
const PROTOCOL_ERROR: u8 = 2;
const CONNECTION_LOST: u8 = 7;
const NO_ANSWER: u8 = 19;

/// Why a program ends, and what is to be said of it.
pub(crate) enum End {
    /// It was called in a way that cannot be meant.
    Usage(String),
    /// Something went wrong; lines for standard error.
    Runtime(String),
    /// The exit status, and lines for standard error that `--quiet` silences.
    Exit(u8, Vec<String>),
}

impl End {
    pub(crate) fn usage(text: impl Display) -> End {
        End::Usage(text.to_string())
    }

    pub(crate) fn success() -> End {
        End::Exit(0, Vec::new())
    }

    /// A connection that could not be opened.
    pub(crate) fn connecting(error: &io::Error) -> End {
        End::Exit(1, vec![format!("Error: {}", plain(error))])
    }

    /// A connection that has ended like this, where that is the end.
    pub(crate) fn ended(
        reason: DisconnectReason,
        properties: &OwnedProperties,
        version: Version,
    ) -> End {
        match reason {
            DisconnectReason::Requested => End::success(),
            DisconnectReason::Refused(code) => {
                let line = "Connection error: ";
                if version.has_properties() {
                    let line = format!("{line}{code}{}", explained(properties));
                    return End::Exit(u8::from(code), vec![line]);
                }
                let code = code.connack_code(version).unwrap_or(1);
                End::Exit(code, vec![format!("{line}Connection Refused: {}", refusal(code))])
            }
            DisconnectReason::Server(code) => {
                let line =
                    format!("Error: The server disconnected: {code}{}", explained(properties));
                End::Exit(u8::from(code).max(1), vec![line])
            }
            DisconnectReason::ServerFault(fault) => {
                let text = "A network protocol error occurred when communicating with the broker.";
                End::Exit(PROTOCOL_ERROR, vec![format!("Error: {text} ({fault})")])
            }
            DisconnectReason::ConnectTimeout | DisconnectReason::PingTimeout => {
                let text = "Error: The server does not answer.".to_owned();
                End::Exit(NO_ANSWER, vec![text])
            }
            _ => End::Exit(CONNECTION_LOST, vec!["Error: The connection was lost.".to_owned()]),
        }
    }

    /// Says on standard error what is to be said.
    pub(crate) fn report(&self, program: &str, quiet: bool) -> ExitCode {
        match self {
            End::Usage(text) => {
                eprintln!("Error: {text}\n\nUse '{program} --help' to see usage.");
                ExitCode::FAILURE
            }
            End::Runtime(text) => {
                eprintln!("{text}");
                ExitCode::FAILURE
            }
            End::Exit(code, lines) => {
                lines.iter().filter(|_| !quiet).for_each(|line| eprintln!("{line}"));
                ExitCode::from(*code)
            }
        }
    }
}

/// What the server adds to a reason code.
fn explained(properties: &OwnedProperties) -> String {
    let mut text = String::new();
    for part in [properties.reason_string(), properties.server_reference()].into_iter().flatten() {
        text = text + ", " + part;
    }
    text
}

fn refusal(code: u8) -> &'static str {
    match code {
        1 => "unacceptable protocol version.",
        2 => "identifier rejected.",
        3 => "broker unavailable.",
        4 => "bad user name or password.",
        5 => "not authorised.",
        _ => "unknown reason.",
    }
}

/// The text of an error without the number that Rust puts behind it.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The command line; `Err` where the program is to end with that status.
pub(crate) fn parse<A: Parser>(program: &str) -> Result<A, ExitCode> {
    // What follows an option is its value, whatever it looks like.
    let command = A::command().mut_args(|argument| {
        let takes_value = argument.get_action().takes_values();
        argument.allow_hyphen_values(takes_value)
    });
    let arguments = properties::joined(std::env::args_os());
    let parsed =
        command.try_get_matches_from(arguments).and_then(|matches| A::from_arg_matches(&matches));
    let error = match parsed {
        Ok(arguments) => return Ok(arguments),
        Err(error) => error,
    };
    if error.kind() == ErrorKind::DisplayHelp {
        print!("{error}");
        return Err(ExitCode::SUCCESS);
    }
    Err(End::Usage(complaint(&error)).report(program, false))
}

fn complaint(error: &clap::Error) -> String {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let option = argument.split(' ').next().unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => format!("Unknown option '{argument}'."),
        // Nothing else excludes anything.
        ErrorKind::ArgumentConflict => "Only one type of message can be sent at once.".to_owned(),
        ErrorKind::ValueValidation => {
            error.source().map(ToString::to_string).unwrap_or_else(|| error.to_string())
        }
        ErrorKind::InvalidValue | ErrorKind::WrongNumberOfValues => {
            format!("{option} argument given but no value specified.")
        }
        _ => {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}

/// A value of the command line that is not taken.
#[derive(Debug)]
pub(crate) struct Invalid(pub(crate) String);

impl Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Invalid {}
