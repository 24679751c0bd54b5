//! Counts what became of pushes: each worker for itself, without a write per push. A job flushes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::store;
use crate::clock::Timestamp;
use crate::db::{Db, Fault};
use crate::ids::{PushId, SiteId};

/// How many of a site's latest pushes a worker keeps until they are flushed.
const RECENT: usize = 20;

/// How many sites' counts share one transaction: enrolments wait behind it.
const SITES_A_WRITE: usize = 50;

/// A push as the site's page lists it.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    /// Told to who has sent it, if it was.
    pub id: Option<PushId>,
    pub at: Timestamp,
    pub code: &'static str,
    pub app: String,
    pub hint: String,
    pub body_bytes: usize,
}

impl Noted {
    pub fn new(at: Timestamp, code: &'static str, app: &str, hint: String, body_bytes: usize) -> Self {
        // What a stranger sent as app name is cut to what a page can show.
        let app = if app.len() <= 100 { app.to_owned() } else { app.chars().take(100).collect() };
        Self { id: None, at, code, app, hint, body_bytes }
    }
}

#[derive(Clone, Default)]
pub(super) struct SiteTally {
    /// How many pushes of an hour had an outcome.
    pub by_code: Vec<(Timestamp, &'static str, i64)>,
    pub recent: VecDeque<Noted>,
}

type Tallies = HashMap<SiteId, SiteTally>;

/// One worker's counters. Only a flush ever waits for the lock.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<Tallies>>);

impl Tally {
    /// Notes what became of one push.
    pub(super) fn note(&self, site: SiteId, noted: Noted) {
        let (at, code) = (noted.at, noted.code);
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(site).or_default();
        tally.add(at.hour(), code, 1);
        if tally.recent.len() == RECENT {
            tally.recent.pop_front();
        }
        tally.recent.push_back(noted);
    }

    fn take(&self) -> Tallies {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give_back(&self, taken: Tallies) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (site, tally) in taken {
            let kept = tallies.entry(site).or_default();
            for (hour, code, count) in tally.by_code {
                kept.add(hour, code, count);
            }
        }
    }
}

impl SiteTally {
    fn add(&mut self, hour: Timestamp, code: &'static str, count: i64) {
        match self.by_code.iter_mut().find(|(at, known, _)| (*at, *known) == (hour, code)) {
            Some((.., sum)) => *sum += count,
            None => self.by_code.push((hour, code, count)),
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
    pub async fn flush(&self, db: &Db) -> Result<(), Fault> {
        let tallies: Vec<Tally> = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for tally in tallies {
            let mut left: Vec<(SiteId, SiteTally)> = tally.take().into_iter().collect();
            while !left.is_empty() {
                let some: Tallies = left.drain(..left.len().min(SITES_A_WRITE)).collect();
                let shared = Arc::new(some);
                let written = shared.clone();
                if let Err(fault) = db.write(move |tx| store::add(tx, &written)).await {
                    tally.give_back(shared.as_ref().clone());
                    tally.give_back(left.into_iter().collect());
                    return Err(fault);
                }
            }
        }
        Ok(())
    }
}
