//! The devices that pushes ask for, in memory, bounded; what isn't there is read, and what is asked for in the same
//! moment is read by one query.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::TokenHash;
use super::store::{self, Found};
use crate::clock::Clock;
use crate::db::{Change, Conn, Db, Fault};
use crate::ids::{DeviceId, SiteId};
use crate::limits::{Limiter, Rate};

/// How many look-ups may wait for the database; beyond that the hub is busy.
const WAITING: usize = 10_000;
/// How many look-ups share one query at most.
const GROUP: usize = 500;

/// A site's token, as it is looked up.
pub type LookupKey = (SiteId, TokenHash);

/// A device in memory, with the meter of pushes to it.
pub struct Cached {
    pub id: DeviceId,
    pub confirmed: bool,
    pub unregistered: bool,
    pub flood: Limiter,
}

type Answer = Result<Option<Arc<Cached>>, Fault>;
type Ask = (LookupKey, oneshot::Sender<Answer>);

/// Where pushes look devices up.
pub struct Lookup {
    cache: Arc<Cache>,
    asks: mpsc::Sender<Ask>,
}

struct Cache {
    by_token: quick_cache::sync::Cache<LookupKey, Arc<Cached>>,
    by_id: quick_cache::sync::Cache<DeviceId, LookupKey>,
    /// Counts changes: what was read before a change must not be kept after it.
    generation: AtomicU64,
    flood: Rate,
    clock: Clock,
}

impl Lookup {
    /// A cache of at most `capacity` devices. Must be made inside a running tokio runtime, which reads what is missing.
    pub fn start(db: Db, clock: Clock, flood: Rate, capacity: usize) -> Self {
        let by_token = quick_cache::sync::Cache::new(capacity);
        let by_id = quick_cache::sync::Cache::new(capacity);
        let cache = Arc::new(Cache { by_token, by_id, generation: AtomicU64::new(0), flood, clock });
        let (asks, asked) = mpsc::channel(WAITING);
        tokio::spawn(read_what_is_asked(db, cache.clone(), asked));
        Self { cache, asks }
    }

    /// The device, from memory if it was seen lately. `None`: the site has no such device.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, key: LookupKey) -> Answer {
        if let Some(cached) = self.cache.by_token.get(&key) {
            return Ok(Some(cached));
        }
        let (answer, answered) = oneshot::channel();
        self.asks.try_send((key, answer)).map_err(|_| Fault::Busy)?;
        answered.await.unwrap_or(Err(Fault::Busy))
    }

    /// Forgets devices that have changed: the next push reads them again.
    ///
    /// # Errors
    /// Never now; the signature is the change listener's.
    pub fn follow(&self, _conn: &mut Conn, changes: &[Change]) -> Result<(), Fault> {
        self.cache.generation.fetch_add(1, Ordering::SeqCst);
        for change in changes {
            if let Change::Device(id) = change
                && let Some((_, key)) = self.cache.by_id.remove(id)
            {
                self.cache.by_token.remove(&key);
            }
        }
        Ok(())
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
        let generation = cache.generation.load(Ordering::SeqCst);
        let read = db.read(move |conn| read(conn, &keys)).await;
        answer_all(&cache, generation, waiting, read);
    }
}

fn read(conn: &mut Conn, keys: &[LookupKey]) -> Result<Vec<Found>, Fault> {
    let hashes: Vec<TokenHash> = keys.iter().map(|(_, hash)| *hash).collect();
    let mut sites: Vec<SiteId> = keys.iter().map(|(site, _)| *site).collect();
    sites.sort_unstable();
    sites.dedup();
    store::with_tokens(conn, &hashes, &sites)
}

fn answer_all(cache: &Cache, generation: u64, waiting: HashMap<LookupKey, Vec<oneshot::Sender<Answer>>>, read: Result<Vec<Found>, Fault>) {
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
    let mut found: HashMap<LookupKey, Arc<Cached>> = found.into_iter().filter_map(|device| cache.keep(generation, device)).collect();
    for (key, answers) in waiting {
        let device = found.remove(&key);
        for answer in answers {
            // Whoever asked may have given up.
            let _ = answer.send(Ok(device.clone()));
        }
    }
}

impl Cache {
    fn keep(&self, generation: u64, found: Found) -> Option<(LookupKey, Arc<Cached>)> {
        let key = (found.site_id, TokenHash(found.token_hash.try_into().ok()?));
        let cached = Arc::new(Cached {
            id: found.id,
            confirmed: found.confirmed_at.is_some(),
            unregistered: found.unregistered_at.is_some(),
            flood: Limiter::new(self.flood, &self.clock),
        });
        if self.generation.load(Ordering::SeqCst) == generation {
            self.by_id.insert(found.id, key);
            self.by_token.insert(key, cached.clone());
        }
        Some((key, cached))
    }
}
