//! `--sweep` on every server; what it promises is in `sweeping`, for SQLite, too.

use crate::sweeping::{self, Database};
use crate::target::{Target, on_every_target, orders};

on_every_target!(
    rows_that_the_source_lost_go,
    what_cannot_be_swept_is_left,
    a_truncate_beside_a_pull,
    swept_beside_a_writer_with_soft_deletes,
    swept_beside_a_writer_with_hard_deletes,
    a_resumed_pull_is_swept,
);

fn on(target: &Target, workers: &str, test: impl Fn(&Database)) {
    target.empty();
    test(&Database {
        url: &|query| target.url(&format!("{query}&{workers}")),
        ask: &|sql| target.ask(sql),
        message: |rows| orders().message(rows),
    });
}

fn rows_that_the_source_lost_go(target: &Target) {
    for delete in ["soft", "hard"] {
        let test = |database: &Database| sweeping::rows_that_the_source_lost_go(database, delete);
        on(target, "workers=3", test);
    }
}

fn what_cannot_be_swept_is_left(target: &Target) {
    on(target, "workers=1", sweeping::what_cannot_be_swept_is_left);
}

fn a_truncate_beside_a_pull(target: &Target) {
    for delete in ["soft", "hard"] {
        for sweep in [false, true] {
            on(target, "workers=1", |database| {
                sweeping::a_truncate_beside_a_pull(database, delete, sweep);
            });
        }
    }
}

fn swept_beside_a_writer_with_soft_deletes(target: &Target) {
    on(target, "workers=2", |database| sweeping::beside_a_writer(database, "soft"));
}

fn swept_beside_a_writer_with_hard_deletes(target: &Target) {
    on(target, "workers=1", |database| sweeping::beside_a_writer(database, "hard"));
}

fn a_resumed_pull_is_swept(target: &Target) {
    for delete in ["soft", "hard"] {
        on(target, "workers=2", |database| sweeping::a_resumed_pull(database, delete));
    }
}
