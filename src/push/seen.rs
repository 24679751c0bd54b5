//! What pushes teach of devices: they are alive. Noted in memory, written together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::db::{Db, Fault};
use crate::devices;
use crate::ids::DeviceId;

/// Devices that pushes have arrived at: written together, now and then. Each is noted once a day, or as often as staleness needs.
pub struct Seen {
    noted: Mutex<Vec<(DeviceId, Timestamp)>>,
    each_micros: AtomicU64,
}

/// How often it is written at most that a device is alive.
const SEEN_EACH: Duration = Duration::from_secs(86_400);

/// How many share one transaction: enrolments wait behind it.
const SEEN_A_WRITE: usize = 500;

impl Seen {
    /// `stale_after`: after how long unseen a device is deleted; nothing: never.
    pub fn new(stale_after: Duration) -> Self {
        let seen = Self { noted: Mutex::default(), each_micros: AtomicU64::default() };
        seen.set_stale_after(stale_after);
        seen
    }

    /// Staleness is looked at otherwise from now on.
    pub fn set_stale_after(&self, stale_after: Duration) {
        let each = if stale_after.is_zero() { SEEN_EACH } else { SEEN_EACH.min(stale_after / 4) };
        self.each_micros.store(u64::try_from(each.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn each(&self) -> Duration {
        Duration::from_micros(self.each_micros.load(Ordering::Relaxed))
    }

    pub(super) fn note(&self, id: DeviceId, at: Timestamp) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push((id, at));
    }

    /// Writes what was noted since the last time.
    ///
    /// # Errors
    /// When the database does not answer; then they are kept for the next time.
    pub async fn flush(&self, db: &Db) -> Result<(), Fault> {
        let mut all = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        while !all.is_empty() {
            let some: Arc<[(DeviceId, Timestamp)]> = all.split_off(all.len().saturating_sub(SEEN_A_WRITE)).into();
            let written = some.clone();
            if let Err(fault) = db.write(move |tx| devices::note_seen(tx, &written)).await {
                all.extend_from_slice(&some);
                self.noted.lock().unwrap_or_else(PoisonError::into_inner).append(&mut all);
                return Err(fault);
            }
        }
        Ok(())
    }
}
