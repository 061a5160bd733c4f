//! What the clients share.

pub(crate) mod command;
pub(crate) mod driver;
pub(crate) mod options;
pub(crate) mod properties;
pub(crate) mod trace;
