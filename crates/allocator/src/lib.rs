//! Allocator of a program: jemalloc with settings for two cores and a daemon that is idle most of the day.
//!
//! Linking this crate is enough; it has nothing to be called. Without the feature `jemalloc`, and with MSVC, it is empty,
//! and the system's allocator stays.
//!
//! The settings are in the program, so that they hold however it is started; the environment's `MALLOC_CONF`
//! (`_RJEM_MALLOC_CONF` where libc keeps its own `malloc`, as musl does) adds to them.
#![cfg(all(feature = "jemalloc", not(target_env = "msvc")))]

/// Number of bytes of [`SETTINGS`].
const LENGTH: usize = 46;

/// Settings, ended by a zero byte.
///
/// One arena: memory that one thread has freed is there for all of them. Pages that nobody has used for a quarter of a
/// second go back to the system, without a step between.
const SETTINGS: [u8; LENGTH] = *b"narenas:1,dirty_decay_ms:250,muzzy_decay_ms:0\0";

/// Pointer that jemalloc reads before its first allocation.
///
/// C declares it as `const char *malloc_conf`, and gives it a weak definition that this one replaces.
#[expect(unsafe_code, reason = "jemalloc looks for the symbol by its name")]
#[cfg_attr(
    any(
        target_env = "musl",
        target_vendor = "apple",
        target_os = "android",
        target_os = "dragonfly"
    ),
    unsafe(export_name = "_rjem_malloc_conf")
)]
#[cfg_attr(
    not(any(
        target_env = "musl",
        target_vendor = "apple",
        target_os = "android",
        target_os = "dragonfly"
    )),
    unsafe(export_name = "malloc_conf")
)]
pub static MALLOC_CONF: &[u8; LENGTH] = &SETTINGS;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
