//! A global allocator that counts what the current thread takes while it is asked to.
#![expect(
    unsafe_code,
    reason = "to implement an allocator is unsafe; this one hands all on to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// How often memory was asked for, how much there was at most at a time, and how much was not given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) times: usize,
    pub(super) most_bytes: usize,
    pub(super) kept_bytes: usize,
}

impl Taken {
    pub(super) const NOTHING: Taken = Taken { times: 0, most_bytes: 0, kept_bytes: 0 };

    fn grown(self, bytes: usize) -> Taken {
        let now = self.kept_bytes + bytes;
        Taken { times: self.times + 1, kept_bytes: now, most_bytes: self.most_bytes.max(now) }
    }

    /// Memory taken before the counting may be given back during it.
    fn shrunk(self, bytes: usize) -> Taken {
        Taken { kept_bytes: self.kept_bytes.saturating_sub(bytes), ..self }
    }
}

thread_local! {
    /// `None`: not counting.
    static TAKEN: Cell<Option<Taken>> = const { Cell::new(None) };
}

fn note(change: impl FnOnce(Taken) -> Taken) {
    // A thread that ends may free memory after its `TAKEN` is gone.
    let _ = TAKEN.try_with(|taken| taken.set(taken.get().map(change)));
}

struct Counter;

// SAFETY: every call goes to `System` as it came, and counting does not allocate.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(|taken| taken.grown(layout.size()));
        // SAFETY: the caller keeps to what `System` asks for too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(|taken| taken.grown(layout.size()));
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // The old memory may be there until the new one is filled.
        note(|taken| taken.grown(new_size).shrunk(layout.size()));
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, new_size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        note(|taken| taken.shrunk(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTER: Counter = Counter;

/// What `run` takes on this thread; other threads do not count.
pub(super) fn taken_by<R>(run: impl FnOnce() -> R) -> (Taken, R) {
    TAKEN.set(Some(Taken::NOTHING));
    let result = run();
    (TAKEN.take().expect("set above, and not nested"), result)
}
