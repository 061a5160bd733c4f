//! An MQTT server: mosquitto's flags and files over the sans-IO `Broker`.

mod access;
mod acl;
mod connection;
mod listeners;
mod log;
mod options;
mod passwords;
mod server;
mod signals;
mod sockets;
mod trace;

use std::error::Error;
use std::hint;
use std::process::ExitCode;

use clap::Parser;

use access::Access;
use log::Log;
use options::Arguments;
use server::Server;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::print(format_args!("Error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let access = Access::open(arguments)?;
    let mut config = arguments.broker_config(getrandom::u64()?);
    // No client of an earlier run comes back under a name that another one is given now.
    config.assigned_client_id_prefix = format!("auto-{:016x}-", getrandom::u64()?);
    // Where it may not be raised, what there is has to do.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    // The allocator of glibc gives freed memory back to the system, and takes it anew with each turn, until
    // it has seen a large block freed.
    drop(hint::black_box(Vec::<u8>::with_capacity(16 << 20)));
    let log = Log { verbose: arguments.verbose };
    log::note(format_args!("mqtt-sansio broker version {} starting", env!("CARGO_PKG_VERSION")));
    let mut server = Server::new(config, access, log)?;
    for address in arguments.addresses() {
        let address = server.listen(address).map_err(|error| format!("{address}: {error}"))?;
        log::print(format_args!("listening on {address}"));
    }
    Ok(server.run()?)
}
