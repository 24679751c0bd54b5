//! Belfry: a self-hosted registration hub and push access point for Moodle sites.
//!
//! The rooms, lowest first; each leans only on those before it (`docs/architecture.md`, held true by `tests/it/house.rs`).

// Ground floor: knows ids, but no site, key or device.
pub mod clock; // the time, movable by tests
pub mod ids; // typed identifiers
pub mod secret; // randomness, keyed hashes, sealing
pub mod db; // connections, transactions, migrations, change log
pub mod error; // what can go wrong for whoever asked
pub mod settings; // as typed → as used
pub mod telemetry; // logs
pub mod jobs; // what runs again and again
pub mod web; // faces, forms, layout, headers

// Inner ring, by domain: no HTTP, no HTML.
pub mod audit; // who did what, chained
pub mod mail; // letters, outbox, SMTP
pub mod limits; // rates and quotas
pub mod accounts; // people, passwords, sessions
pub mod sites; // sites, states, URLs
pub mod registrations; // sites as their own Moodle registers them
pub mod proof; // what proves ownership; the guarded fetcher
pub mod keys; // access keys; the table in memory
pub mod devices; // enrolment, feedback; the cache
pub mod gateways; // what delivers
pub mod push; // decide, hand over, count
pub mod broadcasts; // one message to all devices of a site
pub mod idempotency; // what was asked before, and its answer
pub mod abuse; // signals, cases, steps
pub mod privacy; // what is kept of whom: export, erasure, retention

// What a request may use, and who asks.
pub mod hub;
pub mod visit;

// Outer ring, by audience: take in, call inward, show.
pub mod public; // anybody
pub mod my; // a site's admin
pub mod staff; // the hub team
pub mod keyed; // who holds an access key
pub mod moodle; // a Moodle, in the hub protocol's words
pub mod api; // programs: the native API

// Above all.
pub mod routes; // every route on one page
pub mod app; // builds a running hub
pub mod cli; // operators
