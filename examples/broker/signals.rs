//! The signals that end the program.

use std::io;

use mio::{Registry, Token};

#[cfg(unix)]
mod system {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook_mio::v1_0::Signals;

    use super::{Registry, Token, io};

    pub(crate) struct Ends(Signals);

    impl Ends {
        pub(crate) fn register(registry: &Registry, token: Token) -> io::Result<Ends> {
            let mut signals = Signals::new([SIGINT, SIGTERM])?;
            registry.register(&mut signals, token, mio::Interest::READABLE)?;
            Ok(Ends(signals))
        }

        /// Whether one of them came.
        pub(crate) fn is_end(&mut self) -> bool {
            self.0.pending().next().is_some()
        }
    }
}

/// Elsewhere the program is just ended.
#[cfg(not(unix))]
mod system {
    use super::{Registry, Token, io};

    pub(crate) struct Ends;

    impl Ends {
        pub(crate) fn register(_: &Registry, _: Token) -> io::Result<Ends> {
            Ok(Ends)
        }

        pub(crate) fn is_end(&mut self) -> bool {
            false
        }
    }
}

pub(crate) use system::Ends;
