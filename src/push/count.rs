//! Counts what became of pushes: each worker for itself, without a write per push. A job flushes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::store;
use crate::clock::{Clock, Timestamp};
use crate::db::{Db, Fault};
use crate::ids::SiteId;

/// How many of a site's latest pushes a worker keeps until they are flushed.
const RECENT: usize = 20;

/// A push as the site's page lists it.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    pub at: Timestamp,
    pub code: &'static str,
    pub app: String,
    pub hint: String,
    pub body_bytes: usize,
}

#[derive(Default)]
pub(super) struct SiteTally {
    pub by_code: Vec<(&'static str, i64)>,
    pub recent: VecDeque<Noted>,
}

type Tallies = HashMap<SiteId, SiteTally>;

/// One worker's counters. Only a flush ever waits for the lock.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<Tallies>>);

impl Tally {
    /// Notes what became of one push.
    pub fn note(&self, site: SiteId, at: Timestamp, code: &'static str, app: &str, hint: String, body_bytes: usize) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(site).or_default();
        tally.add(code, 1);
        if tally.recent.len() == RECENT {
            tally.recent.pop_front();
        }
        // What a stranger sent as app name is cut to what a page can show.
        let app = app.chars().take(100).collect();
        tally.recent.push_back(Noted { at, code, app, hint, body_bytes });
    }

    fn take(&self) -> Tallies {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give_back(&self, taken: Tallies) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (site, tally) in taken {
            let kept = tallies.entry(site).or_default();
            for (code, count) in tally.by_code {
                kept.add(code, count);
            }
        }
    }
}

impl SiteTally {
    fn add(&mut self, code: &'static str, count: i64) {
        match self.by_code.iter_mut().find(|(known, _)| *known == code) {
            Some((_, sum)) => *sum += count,
            None => self.by_code.push((code, count)),
        }
    }
}

/// All workers' counters.
#[derive(Clone, Default)]
pub struct Counts(Arc<Mutex<Vec<Tally>>>);

impl Counts {
    /// A worker's own counters.
    pub fn worker(&self) -> Tally {
        let tally = Tally::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tally.clone());
        tally
    }

    /// Writes what was counted since the last time.
    ///
    /// # Errors
    /// When the database does not answer; then the counts are kept for the next time.
    pub async fn flush(&self, db: &Db, clock: &Clock) -> Result<(), Fault> {
        let tallies: Vec<Tally> = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for tally in tallies {
            let taken = Arc::new(Mutex::new(tally.take()));
            if taken.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                continue;
            }
            let (written, now) = (taken.clone(), clock.now());
            let done = db.write(move |tx| store::add(tx, now, &written.lock().unwrap_or_else(PoisonError::into_inner))).await;
            if let Err(fault) = done {
                tally.give_back(std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner)));
                return Err(fault);
            }
        }
        Ok(())
    }
}
