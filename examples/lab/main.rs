//! The labs, replayed.

mod exchange;

fn main() {
    let _ = exchange::Exchange::default();
}
