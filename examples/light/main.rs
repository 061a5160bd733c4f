//! A light, switched from a dashboard: two programs that exchange messages.

#[path = "../common/mod.rs"]
mod common;
mod controller;
#[path = "../common/conversation.rs"]
mod conversation;
mod dashboard;
mod options;
#[path = "../common/signals.rs"]
mod signals;
#[path = "../common/terminal.rs"]
mod terminal;

use std::process::ExitCode;

use mqtt_sansio::ClientConfig;

use common::command::{self, End};
use common::driver::Driver;
use controller::Controller;
use dashboard::Dashboard;
use options::{Arguments, Role};

const PROGRAM: &str = "light";

/// What the dashboard asks for: `{"command": "ON", "timestamp": 1718000000.5}`.
const CONTROL: &str = "home/light/control";
/// What the controller answers: `Light is ON`.
const STATUS: &str = "home/light/status";

fn main() -> ExitCode {
    let arguments = match command::parse::<Arguments>(PROGRAM) {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let quiet = arguments.options.quiet;
    let (Ok(end) | Err(end)) = run(arguments);
    end.report(PROGRAM, quiet)
}

fn run(mut arguments: Arguments) -> Result<End, End> {
    let role = arguments.settle()?;
    let (options, qos) = (&arguments.options, arguments.qos);
    let address = options.address();
    let mut driver =
        Driver::open(address, options.client(ClientConfig::default()), options.trace())?;
    terminal::watch(driver.sender());
    Ok(match role {
        Role::Dashboard => {
            let mut dashboard = Dashboard::new(options, qos, driver.sender());
            driver.run(address, &mut dashboard)
        }
        Role::Controller => driver.run(address, &mut Controller::new(options, qos)),
    })
}
