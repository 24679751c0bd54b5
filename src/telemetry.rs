//! Logs: one line an event, with fields to search by; text for people, JSON when asked.

use tracing_subscriber::EnvFilter;

use crate::settings::Log;

/// Begins to log to standard error. A second call changes nothing.
pub fn start(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A logger that is there already, as in tests, stays.
    let _ = if log.json { logs.json().flatten_event(true).try_init() } else { logs.with_target(false).try_init() };
}
