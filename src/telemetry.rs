//! Logs: one line an event, with fields to search by; text for people, JSON when asked.

use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::Log;

/// Begins to log to standard error. A second call changes nothing.
pub fn start(log: &Log) {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if log.json {
        lines.json().flatten_event(true).boxed()
    } else {
        // For people at a terminal and in files alike.
        lines.with_target(false).with_ansi(false).boxed()
    };
    // A logger that is there already, as in tests, stays.
    let _ = tracing_subscriber::registry().with(lines.with_filter(log.filter.clone())).try_init();
}
