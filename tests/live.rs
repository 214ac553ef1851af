//! The programs against real servers. `scripts/test` starts MariaDB and MySQL and names them in the
//! environment; a test whose server is not there says `skipped: NAME: reason`.

#[path = "live/bad_input.rs"]
mod bad_input;
#[path = "live/big.rs"]
mod big;
#[path = "live/character_sets.rs"]
mod character_sets;
#[cfg(feature = "sqlite")]
#[path = "live/failover.rs"]
mod failover;
#[path = "live/kill.rs"]
mod kill;
#[path = "live/server.rs"]
mod server;
#[path = "live/settings.rs"]
mod settings;
#[path = "live/table.rs"]
mod table;
#[path = "live/tail.rs"]
mod tail;
#[cfg(feature = "tls")]
#[path = "live/tls.rs"]
mod tls;
#[path = "live/transactions.rs"]
mod transactions;
#[path = "live/type_cases.rs"]
mod type_cases;
#[path = "live/types.rs"]
mod types;
#[path = "live/ways.rs"]
mod ways;
#[path = "live/xa.rs"]
mod xa;
