//! Failpoints: named points between two operations at which a test stops the program, and then kills it.
//!
//! ```text
//! BRONZED_FAILPOINT=commit.after_data:2                    stops when that point is passed for the second time
//! BRONZED_FAILPOINT=commit.before_data:1,commit.taken:1    stops twice
//! BRONZED_FAILPOINT=trace                                  reports every point, and never stops
//! ```
//!
//! Each stop is reported by a line on standard error, `failpoint commit.after_data:2`. The thread then waits
//! for a line on standard input before it continues; a test that sends none kills the process instead
//! (SIGKILL): nothing after the point has happened, and no cleanup code runs.
//!
//! [`POINTS`] lists them all. They exist only in builds with debug assertions: in any other, `failpoint!`
//! expands to nothing, and this module is empty.

#[cfg(debug_assertions)]
mod points;
#[cfg(debug_assertions)]
mod stop;

#[cfg(debug_assertions)]
pub use points::POINTS;
#[cfg(debug_assertions)]
pub use points::is_listed;
#[cfg(debug_assertions)]
pub use stop::pass;

/// Marks a point of [`POINTS`]; any other name is a compile error.
#[cfg(debug_assertions)]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {{
        const { assert!($crate::failpoint::is_listed($name), "not in `POINTS`") };
        $crate::failpoint::pass($name);
    }};
}

#[cfg(not(debug_assertions))]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {{}};
}

pub use crate::failpoint;
