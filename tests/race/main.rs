//! Pulls that run beside `dbus-tail | ums-sink`, under writers at full speed: whatever the barrier,
//! the server and the moment of a kill, the target is the source in the end.
//!
//! `DWS_RACE_ROUNDS` says how many rounds (1), `DWS_KILL_ROUNDS` how many kills (5), and
//! `DWS_TEST_SEED` repeats a run's random numbers.
#![cfg(all(feature = "sqlite", feature = "postgres"))]

mod barriers;
mod killed;
mod pipes;
mod reload;
#[path = "../live/server.rs"]
#[allow(dead_code)]
mod server;
mod source;
#[path = "../sink/support.rs"]
#[allow(dead_code)]
mod support;
#[path = "../sql/target.rs"]
#[allow(dead_code, unused_macros, unused_imports)]
mod target;
mod writers;
