//! What each audience sees, over real HTTP, on SQLite or (with `BELFRY_TEST_DATABASE_URL`) on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a surprise may end a test")]

mod abuse;
mod api;
mod audit;
mod attacks;
mod broadcasts;
mod cases;
mod devices;
mod factors;
mod gateway;
mod house;
mod keyed;
mod keys;
mod letters;
mod limits;
mod lists;
mod mail;
mod moodle;
mod my;
mod nodes;
mod privacy;
mod processes;
mod public;
mod reactions;
mod roles;
mod stock;
mod support;
mod team;
mod transcripts;
