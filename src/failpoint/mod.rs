//! Named points between two operations, at which a test has the program stop, and then kills it.
//!
//! ```text
//! BRONZED_FAILPOINT=commit.after_data:2                    stops when that point is passed for the second time
//! BRONZED_FAILPOINT=commit.before_data:1,commit.taken:1    stops twice
//! BRONZED_FAILPOINT=trace                                  tells of every point, and stops at none
//! ```
//!
//! Each stop is told by a line on standard error, `failpoint commit.after_data:2`. The thread then
//! waits for a line on its standard input, by which it goes on; a test that sends none kills the
//! process instead (SIGKILL): nothing after the point has happened, and no code of ours runs again.
//!
//! [`POINTS`] names them all. They are there in builds with debug assertions only: in any other,
//! `failpoint!` is nothing, and this module is empty.

#[cfg(debug_assertions)]
mod points;
#[cfg(debug_assertions)]
mod stop;

#[cfg(debug_assertions)]
pub use points::POINTS;
#[cfg(debug_assertions)]
pub(crate) use points::is_listed;
#[cfg(debug_assertions)]
pub(crate) use stop::pass;

/// A point of [`POINTS`]; another name doesn't compile.
#[cfg(debug_assertions)]
macro_rules! failpoint {
    ($name:literal) => {{
        const { assert!($crate::failpoint::is_listed($name), "not in `POINTS`") };
        $crate::failpoint::pass($name);
    }};
}

#[cfg(not(debug_assertions))]
macro_rules! failpoint {
    ($name:literal) => {{}};
}

pub(crate) use failpoint;
