//! Belfry: a self-hosted registration hub and push access point for Moodle sites.
//!
//! The rooms, lowest first; each leans only on those before it (`docs/architecture.md`).

// Ground floor: knows ids, but no site, key or device.
pub mod clock;
pub mod db;
pub mod error;
pub mod ids;
pub mod jobs;
pub mod secret;
pub mod settings;
pub mod telemetry;
pub mod web;

// Inner ring, by domain: no HTTP.
pub mod accounts;
pub mod audit;
pub mod devices;
pub mod gateways;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod proof;
pub mod push;
pub mod sites;

// What a request may use, and who asks.
pub mod hub;
pub mod visit;

// Outer ring, by audience: take in, call inward, show.
pub mod cli;
pub mod keyed;
pub mod my;
pub mod public;
pub mod staff;

// Above all.
pub mod app;
pub mod routes;
