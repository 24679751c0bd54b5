//! What became of the pushes of all sites together: kept beside each site's own counts, since a sum over all sites would
//! read millions of rows.

mod store;

use std::collections::BTreeMap;
use std::time::Duration;

pub(super) use store::add;

use crate::clock::Timestamp;
use crate::db::{Conn, Fault};

const HOUR: Duration = Duration::from_secs(3_600);

/// The pushes of all sites in an hour, by their outcome's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubHour {
    pub hour: Timestamp,
    pub by_code: BTreeMap<String, u64>,
}

impl HubHour {
    /// How many had this outcome.
    pub fn of(&self, code: &str) -> u64 {
        self.by_code.get(code).copied().unwrap_or(0)
    }

    pub fn total(&self) -> u64 {
        self.by_code.values().sum()
    }

    /// How many were refused, for whatever reason.
    pub fn refused(&self) -> u64 {
        self.total() - self.of("delivered")
    }
}

/// What became of all sites' pushes in each of the last `hours` hours, oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn hub_by_hours(conn: &mut Conn, now: Timestamp, hours: u32) -> Result<Vec<HubHour>, Fault> {
    let first = now.hour() - HOUR * hours.saturating_sub(1);
    let mut all: BTreeMap<Timestamp, BTreeMap<String, u64>> = (0..hours).map(|n| (first + HOUR * n, BTreeMap::new())).collect();
    for (hour, code, pushes) in store::since(conn, first)? {
        *all.entry(hour).or_default().entry(code).or_default() += u64::try_from(pushes).unwrap_or(0);
    }
    Ok(all.into_iter().map(|(hour, by_code)| HubHour { hour, by_code }).collect())
}
