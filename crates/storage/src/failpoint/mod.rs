//! Failpoints: named points at which a test stops the program, and then kills it.
//!
//! ```text
//! BRONZED_FAILPOINT=data.after:2                 stops when that point is passed for the second time
//! BRONZED_FAILPOINT=data.before:1,state.after:1  stops twice
//! BRONZED_FAILPOINT=trace                        reports every point, and never stops
//! ```
//!
//! Each stop is reported by a line on standard error, `failpoint data.after:2`. The thread then waits for a
//! line on standard input before it continues; a test that sends none kills the process instead (SIGKILL):
//! nothing after the point has happened, and no cleanup code runs.
//!
//! Most points are those before and after a write to the lake, which a store around the real one passes: the
//! protocol above it has none. Only the folder store has points of its own, between the system calls of one
//! write. `POINTS` lists them all. They exist with the feature `failpoints` only, which tests switch on.

#[cfg(feature = "failpoints")]
mod points;
#[cfg(feature = "failpoints")]
mod stop;
#[cfg(feature = "failpoints")]
mod store;

#[cfg(feature = "failpoints")]
pub use points::{POINTS, is_listed};
#[cfg(feature = "failpoints")]
pub(crate) use stop::pass;
#[cfg(feature = "failpoints")]
pub(crate) use store::around;

/// Returns the store itself: without the feature there are no points.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn around(
    store: std::sync::Arc<dyn object_store::ObjectStore>,
) -> std::sync::Arc<dyn object_store::ObjectStore> {
    store
}

/// Marks a point of `POINTS`; any other name is a compile error.
#[cfg(feature = "failpoints")]
macro_rules! failpoint {
    ($name:literal) => {{
        const { assert!($crate::failpoint::is_listed($name), "not in `POINTS`") };
        $crate::failpoint::pass($name);
    }};
}

#[cfg(not(feature = "failpoints"))]
macro_rules! failpoint {
    ($name:literal) => {{}};
}

pub(crate) use failpoint;
