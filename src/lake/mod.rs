//! The object store that holds bronze and state, with conditional writes on every backend.
