//! The devices that pushes ask for, in memory, bounded; what isn't there is read, and what is asked for in the same
//! moment is read by one query.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{mpsc, oneshot};

use super::store::{self, Found};
use super::{Gone, TokenHash};
use crate::clock::{Clock, Timestamp};
use crate::db::{Change, Conn, Db, Fault};
use crate::ids::{DeviceId, SiteId};
use crate::limits::{Keyed, Limiter, Rate};

/// How many look-ups may wait for the database; beyond that the hub is busy.
const WAITING: usize = 10_000;
/// How many look-ups share one query at most.
const GROUP: usize = 500;

/// A site's token, as it is looked up.
pub type LookupKey = (SiteId, TokenHash);

/// A device in memory, with the meter of pushes to it.
pub struct Cached {
    pub id: DeviceId,
    confirmed: AtomicBool,
    unregistered: AtomicBool,
    language: ArcSwapOption<String>,
    /// The last time that is written, or noted to be written.
    seen_at: AtomicI64,
    pub flood: Arc<Limiter>,
}

impl Cached {
    fn new(found: &Found, flood: Arc<Limiter>) -> Self {
        let cached = Self {
            id: found.id,
            confirmed: AtomicBool::default(),
            unregistered: AtomicBool::default(),
            language: ArcSwapOption::default(),
            seen_at: AtomicI64::default(),
            flood,
        };
        cached.know(found);
        cached
    }

    fn know(&self, found: &Found) {
        self.confirmed.store(found.confirmed_at.is_some(), Ordering::Relaxed);
        self.unregistered.store(found.unregistered_at.is_some(), Ordering::Relaxed);
        self.language.store(found.language.clone().map(Arc::new));
        self.seen_at.fetch_max(found.seen_at.micros(), Ordering::Relaxed);
    }

    /// The language that it is told things in.
    pub fn language(&self) -> Option<Arc<String>> {
        self.language.load_full()
    }

    /// Whether it is worth a note that a push has arrived now: once each so often, so that no push costs a write.
    pub fn is_seen_anew(&self, now: Timestamp, each: Duration) -> bool {
        let before = self.seen_at.load(Ordering::Relaxed);
        let is_due = Timestamp::from_micros(before) + each <= now;
        is_due && self.seen_at.compare_exchange(before, now.micros(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether the site vouches for it.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Relaxed)
    }

    /// What stored feedback says of it.
    pub fn gone(&self) -> Option<Gone> {
        Gone::stored(self.unregistered.load(Ordering::Relaxed))
    }
}

type Answer = Result<Option<Arc<Cached>>, Fault>;
type Ask = (LookupKey, oneshot::Sender<Answer>);

/// Where pushes look devices up.
pub struct Lookup {
    cache: Arc<Cache>,
    asks: mpsc::Sender<Ask>,
}

/// Where each device in memory is: as many entries as there are devices there.
type Places = Arc<papaya::HashMap<DeviceId, LookupKey>>;

/// Takes a device's place off the list when the cache drops it for another.
#[derive(Clone)]
struct Evict(Places);

impl quick_cache::Lifecycle<LookupKey, Arc<Cached>> for Evict {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: LookupKey, cached: Arc<Cached>) {
        self.0.pin().remove(&cached.id);
    }
}

type ByToken = quick_cache::sync::Cache<LookupKey, Arc<Cached>, quick_cache::UnitWeighter, quick_cache::DefaultHashBuilder, Evict>;

struct Cache {
    by_token: ByToken,
    by_id: Places,
    /// The meters of pushes, apart: a device that is deleted and enrolled anew goes on with its own.
    floods: Keyed<LookupKey>,
    changed: Mutex<Changed>,
}

/// The latest changes, numbered: what was read before a device's change must not be kept after it.
#[derive(Default)]
struct Changed {
    last: u64,
    latest: VecDeque<DeviceId>,
}

impl Changed {
    /// How many changes are remembered. Who reads for longer than that keeps nothing.
    const REMEMBERED: usize = 4_096;

    fn note(&mut self, id: DeviceId) {
        self.last += 1;
        self.latest.push_back(id);
        if self.latest.len() > Self::REMEMBERED {
            self.latest.pop_front();
        }
    }

    /// Whether a device may have changed since the change numbered `since`.
    fn maybe_since(&self, since: u64, id: DeviceId) -> bool {
        let newer = usize::try_from(self.last - since).unwrap_or(usize::MAX);
        newer > self.latest.len() || self.latest.iter().rev().take(newer).any(|changed| *changed == id)
    }
}

impl Lookup {
    /// A cache of at most `capacity` devices. Must be made inside a running tokio runtime, which reads what is missing.
    pub fn start(db: Db, clock: &Clock, flood: Rate, capacity: usize) -> Self {
        let cache = Arc::new(Cache::new(capacity, flood, clock));
        let (asks, asked) = mpsc::channel(WAITING);
        tokio::spawn(read_what_is_asked(db, cache.clone(), asked));
        Self { cache, asks }
    }

    /// The device, from memory if it was seen lately. `None`: the site has no such device.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, key: LookupKey) -> Answer {
        match self.cache.by_token.get(&key) {
            Some(cached) => Ok(Some(cached)),
            None => self.find_fresh(key).await,
        }
    }

    /// The device, as the database has it now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_fresh(&self, key: LookupKey) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.asks.try_send((key, answer)).map_err(|_| Fault::Busy)?;
        answered.await.unwrap_or(Err(Fault::Busy))
    }

    /// Reads again what has changed of the devices in memory. Their meters go on: who enrols a device again does not
    /// get another minute's pushes to it.
    ///
    /// # Errors
    /// When the database does not answer; then those devices are forgotten, and the next push reads them.
    pub fn follow(&self, conn: &mut Conn, changes: &[Change]) -> Result<(), Fault> {
        let mut changed: HashMap<DeviceId, LookupKey> = HashMap::new();
        for change in changes {
            let Change::Device(id) = change else { continue };
            self.cache.changed().note(*id);
            changed.extend(self.cache.by_id.pin().get(id).map(|key| (*id, *key)));
        }
        if changed.is_empty() {
            return Ok(());
        }
        let ids: Vec<DeviceId> = changed.keys().copied().collect();
        let read = store::with_ids(conn, &ids);
        let found: HashMap<DeviceId, Found> = read.as_deref().unwrap_or_default().iter().map(|found| (found.id, found.clone())).collect();
        for (id, key) in changed {
            match (found.get(&id), self.cache.by_token.get(&key)) {
                (Some(found), Some(cached)) => cached.know(found),
                _ => self.cache.forget(id, &key),
            }
        }
        read.map(|_| ())
    }

    /// Pushes to one device go at another rate from now on. What is in memory has the old meters: it is read anew.
    pub fn set_flood(&self, flood: Rate) {
        if self.cache.floods.set_rate(flood) {
            self.forget_all();
        }
    }

    /// Forgets everything: this node was cut off from the change log for too long to follow it.
    pub fn forget_all(&self) {
        let mut changed = self.cache.changed();
        // As if more had changed than anybody remembers.
        changed.last += Changed::REMEMBERED as u64 + 1;
        self.cache.by_token.clear();
        self.cache.by_id.pin().clear();
    }
}

async fn read_what_is_asked(db: Db, cache: Arc<Cache>, mut asked: mpsc::Receiver<Ask>) {
    let mut group = Vec::new();
    while asked.recv_many(&mut group, GROUP).await > 0 {
        let mut waiting: HashMap<LookupKey, Vec<oneshot::Sender<Answer>>> = HashMap::new();
        for (key, answer) in group.drain(..) {
            waiting.entry(key).or_default().push(answer);
        }
        let keys: Vec<LookupKey> = waiting.keys().copied().collect();
        let since = cache.changed().last;
        let read = db.read(move |conn| read(conn, &keys)).await;
        answer_all(&cache, since, waiting, read);
    }
}

fn read(conn: &mut Conn, keys: &[LookupKey]) -> Result<Vec<Found>, Fault> {
    let hashes: Vec<TokenHash> = keys.iter().map(|(_, hash)| *hash).collect();
    let mut sites: Vec<SiteId> = keys.iter().map(|(site, _)| *site).collect();
    sites.sort_unstable();
    sites.dedup();
    store::with_tokens(conn, &hashes, &sites)
}

fn answer_all(cache: &Cache, since: u64, waiting: HashMap<LookupKey, Vec<oneshot::Sender<Answer>>>, read: Result<Vec<Found>, Fault>) {
    let found = match read {
        Ok(found) => found,
        Err(fault) => {
            tracing::warn!(error = %fault, "devices could not be looked up");
            for answer in waiting.into_values().flatten() {
                let _ = answer.send(Err(Fault::Busy));
            }
            return;
        }
    };
    let mut found: HashMap<LookupKey, Arc<Cached>> = found.into_iter().filter_map(|device| cache.keep(since, &device)).collect();
    for (key, answers) in waiting {
        let device = found.remove(&key);
        for answer in answers {
            // Whoever asked may have given up.
            let _ = answer.send(Ok(device.clone()));
        }
    }
}

impl Cache {
    fn new(capacity: usize, flood: Rate, clock: &Clock) -> Self {
        let by_id = Places::default();
        let (weight, hasher) = (quick_cache::UnitWeighter, quick_cache::DefaultHashBuilder::default());
        let by_token = ByToken::with(capacity, capacity as u64, weight, hasher, Evict(by_id.clone()));
        Self { by_token, by_id, floods: Keyed::new(flood, clock, capacity), changed: Mutex::default() }
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a device as it was read after the change numbered `since`.
    fn keep(&self, since: u64, found: &Found) -> Option<(LookupKey, Arc<Cached>)> {
        let key = (found.site_id, TokenHash(found.token_hash.as_slice().try_into().ok()?));
        // Held until it is kept: a change that comes later finds it there.
        let changed = self.changed();
        if changed.maybe_since(since, found.id) {
            return Some((key, Arc::new(Cached::new(found, self.floods.of(&key)))));
        }
        match self.by_token.get(&key) {
            Some(cached) if cached.id == found.id => {
                cached.know(found);
                return Some((key, cached));
            }
            // Deleted and enrolled anew.
            Some(cached) => self.forget(cached.id, &key),
            None => {}
        }
        let cached = Arc::new(Cached::new(found, self.floods.of(&key)));
        self.by_id.pin().insert(found.id, key);
        self.by_token.insert(key, cached.clone());
        Some((key, cached))
    }

    fn forget(&self, id: DeviceId, key: &LookupKey) {
        self.by_id.pin().remove(&id);
        self.by_token.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn cache(capacity: usize) -> (Cache, Clock) {
        let clock = Clock::system();
        (Cache::new(capacity, Rate::per_minute("device", NonZeroU32::MIN), &clock), clock)
    }

    fn found(clock: &Clock, number: u8) -> Found {
        let now = clock.now();
        let (id, site_id) = (DeviceId::new(now), SiteId::new(now));
        Found { id, site_id, token_hash: vec![number; 32], language: None, seen_at: now, confirmed_at: None, unregistered_at: None }
    }

    #[test]
    fn every_device_in_memory_has_a_place_and_no_other_does() {
        let (cache, clock) = cache(64);
        for number in 0..=255 {
            assert!(cache.keep(0, &found(&clock, number)).is_some());
            assert!(cache.by_token.len() <= 64);
            assert_eq!(cache.by_token.len(), cache.by_id.len());
        }
        for (_, cached) in cache.by_token.iter() {
            assert!(cache.by_id.pin().contains_key(&cached.id));
        }
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (cache, clock) = cache(8);
        let (one, other) = (found(&clock, 1), found(&clock, 2));
        cache.changed().note(one.id);
        assert!(cache.keep(0, &one).is_some() && cache.by_token.is_empty());
        assert!(cache.keep(0, &other).is_some() && cache.by_token.len() == 1, "another's change is nothing to it");
        assert!(cache.keep(1, &one).is_some() && cache.by_token.len() == 2, "this was read after it");
        for _ in 0..=Changed::REMEMBERED {
            cache.changed().note(other.id);
        }
        let third = found(&clock, 3);
        assert!(cache.keep(1, &third).is_some() && cache.by_token.len() == 2, "nobody remembers whether it changed");
    }

    #[test]
    fn a_device_that_is_enrolled_anew_goes_on_with_its_meter() {
        let (cache, clock) = cache(8);
        let first = found(&clock, 1);
        assert!(cache.keep(0, &first).is_some_and(|(_, cached)| cached.flood.take().is_ok()));
        let anew = Found { id: DeviceId::new(clock.now()), ..first };
        assert!(cache.keep(0, &anew).is_some_and(|(_, cached)| cached.flood.take().is_err()));
        assert_eq!((cache.by_token.len(), cache.by_id.len()), (1, 1));
    }
}
