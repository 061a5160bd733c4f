//! What `--out` writes of an exchange.

use std::fs;
use std::io;
use std::path::Path;

use crate::exchange::Exchange;
use crate::ladder;
use crate::pcapng;
use crate::svg;

/// Writes the files of one experiment, named after it.
pub(crate) fn write(
    directory: &Path,
    name: &str,
    title: &str,
    exchange: &Exchange,
) -> io::Result<()> {
    let file = |extension| directory.join(format!("{name}.{extension}"));
    let in_file = |error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", directory.display()))
    };
    fs::create_dir_all(directory).map_err(in_file)?;
    fs::write(file("txt"), ladder::draw(exchange, false)).map_err(in_file)?;
    fs::write(file("svg"), svg::draw(exchange, title)).map_err(in_file)?;
    fs::write(file("pcapng"), pcapng::write(exchange)).map_err(in_file)
}
