//! Feeds: the route alone against a list that changes, and whole runs over real HTTP.

mod route;
mod runs;
