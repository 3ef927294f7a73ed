//! The means of the other tests are tested themselves: a judge that never says no proves nothing.

mod judges;
mod lakes;
mod programs;
