//! The command line.

use std::path::PathBuf;

use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  What there is:
    lab list
  A message at QoS 2, and what is lost where its publisher leaves too soon:
    lab qos2-watched v31-qos2-leaves-after-pubrec
  What happens without the retain flag:
    lab v31-retained --change 'the retain flag is off'
  Pictures and captures of all:
    lab --quiet --out pictures";

/// Replays MQTT lab exercises with clients and a broker in one process, on a simulated clock.
///
/// Each experiment shows what was exchanged, and says what the parties received. The exit status is 1 if a
/// statement does not hold, 2 for a name or change that there is not, else 0.
#[derive(Parser)]
#[command(name = "lab", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Options {
    /// Experiments to replay [default: all]; "list" shows their names.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// One line for each experiment.
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Change the experiment, so that some of its statements do not hold; a wrong TEXT shows which there are.
    #[arg(long, value_name = "TEXT")]
    pub(crate) change: Option<String>,

    /// Write for each experiment its diagram as text and as SVG, and a capture (pcapng) that Wireshark opens,
    /// into this directory, which is made if need be.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
