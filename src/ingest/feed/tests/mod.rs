//! Feeds: the route by itself against a list that moves, and whole runs over real HTTP.

mod route;
mod runs;
