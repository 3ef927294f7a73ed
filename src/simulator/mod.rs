//! An API stand-in: real HTTP on loopback, for the demo, the tests and the benches.
