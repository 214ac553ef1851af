//! `scripts/full-reload`, as cron runs it.
