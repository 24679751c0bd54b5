//! Counts what became of pushes: each worker for itself, without a write per push. A job flushes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{RefusalKind, store};
use crate::clock::Timestamp;
use crate::db::types::text_enum;
use crate::db::{Db, Fault};
use crate::ids::{PushId, SiteId};

/// How many of a site's latest pushes a worker keeps until they are flushed.
const RECENT: usize = 20;

/// How many sites' counts share one transaction: enrolments wait behind it.
const SITES_A_WRITE: usize = 50;

/// In what steps the signs of abuse are counted.
pub const SLOT: Duration = Duration::from_secs(600);

text_enum! {
    /// What is out of the ordinary, and counted for each site that shows it. An ordinary push is no sign and costs no row.
    pub enum Sign {
        /// Refused for the site's rate or its day's quota.
        Limited => "limited",
        /// To a token known to be gone.
        Unregistered => "unregistered",
        /// Refused since one device got too many.
        Flood => "flood",
        Oversize => "oversize",
        /// A device that is new, by the site's call or by its own.
        Enrolled => "enrolled",
        /// A device that is new, since it was pushed to.
        EnrolledByPush => "enrolled_by_push",
    }
}

impl Sign {
    /// The step that a moment is in, by its begin.
    pub fn slot(at: Timestamp) -> Timestamp {
        let step = i64::try_from(SLOT.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(at.micros() - at.micros().rem_euclid(step))
    }

    /// What the outcome of a push is a sign of.
    fn of_code(code: &str) -> Option<Self> {
        let is = |kind: RefusalKind| code == kind.row().code;
        if is(RefusalKind::TooFast) || is(RefusalKind::OverQuota) {
            Some(Self::Limited)
        } else if is(RefusalKind::Unregistered) {
            Some(Self::Unregistered)
        } else if is(RefusalKind::Flood) {
            Some(Self::Flood)
        } else if is(RefusalKind::BodyTooLarge) || is(RefusalKind::PayloadTooLarge) {
            Some(Self::Oversize)
        } else {
            None
        }
    }
}

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
    /// What was out of the ordinary, in steps of ten minutes.
    pub signs: Vec<(Timestamp, Sign, i64)>,
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
        add(&mut tally.by_code, at.hour(), code, 1);
        if let Some(sign) = Sign::of_code(code) {
            add(&mut tally.signs, Sign::slot(at), sign, 1);
        }
        if tally.recent.len() == RECENT {
            tally.recent.pop_front();
        }
        tally.recent.push_back(noted);
    }

    /// Notes that a site has a device more.
    pub(super) fn note_enrolled(&self, site: SiteId, at: Timestamp, sign: Sign) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut tallies.entry(site).or_default().signs, Sign::slot(at), sign, 1);
    }

    fn take(&self) -> Tallies {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give_back(&self, taken: Tallies) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (site, tally) in taken {
            let kept = tallies.entry(site).or_default();
            for (hour, code, count) in tally.by_code {
                add(&mut kept.by_code, hour, code, count);
            }
            for (slot, sign, count) in tally.signs {
                add(&mut kept.signs, slot, sign, count);
            }
        }
    }
}

fn add<T: Copy + PartialEq>(counts: &mut Vec<(Timestamp, T, i64)>, at: Timestamp, what: T, count: i64) {
    match counts.iter_mut().find(|(known_at, known, _)| (*known_at, *known) == (at, what)) {
        Some((.., sum)) => *sum += count,
        None => counts.push((at, what, count)),
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
        // In a task of its own: who waits for it may go away, and what was taken out must not go with them.
        let written = tokio::spawn(write(tallies, db.clone()));
        written.await.unwrap_or_else(|e| Err(Fault::Connection(format!("counts: {e}"))))
    }
}

async fn write(tallies: Vec<Tally>, db: Db) -> Result<(), Fault> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::db::Address;

    /// Whoever looks at a page while counts are written may close it.
    #[tokio::test]
    async fn what_could_not_be_written_is_kept_though_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Address::Sqlite(folder.path().join("belfry.db"))).unwrap();
        db.migrate().unwrap();
        let (counts, now) = (Counts::default(), Timestamp::from_micros(1_790_000_000_000_000));
        let tally = counts.worker();
        // There is no such site, so that the database refuses it.
        let site = SiteId::new(now);
        tally.note(site, Noted::new(now, "delivered", "app", String::new(), 1));
        {
            let flush = counts.flush(&db);
            tokio::pin!(flush);
            tokio::select! {
                biased;
                _ = &mut flush => {}
                () = std::future::ready(()) => {}
            }
        }
        let kept = async {
            while !tally.take().contains_key(&site) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), kept).await.expect("what was counted is kept");
    }
}
