//! What the push path needs of keys and sites, in memory. The database is the truth: this is loaded at start and
//! follows the change log.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::store::{self, Hashed, Use};
use super::{KeyHash, KeyKind, Permissions};
use crate::clock::{Clock, Timestamp};
use crate::db::{Change, Conn, Fault};
use crate::ids::{DeviceId, KeyId, SiteId};
use crate::limits::{Daily, Limiter, Network, Rate};
use crate::secret::Keyring;
use crate::settings::Binding;
use crate::sites::{self, PushOff, Site};

/// How long a revoked key is remembered, so that its user is told that it was revoked rather than unknown.
const REVOKED_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How many keys are read at once when the table is loaded.
const PAGE: i64 = 5_000;

/// What the push path knows of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteState {
    pub push_off: Option<PushOff>,
    /// Claimed, not proved: within the trial limits.
    pub trial: bool,
    /// Pushes to tokens never seen are refused, whatever the hub says in general.
    pub strict: bool,
}

/// The rates and quotas that a site's meters are made with.
#[derive(Clone, Copy, Debug)]
pub struct Grants {
    pub push: Rate,
    pub push_per_day: u64,
    pub trial: Rate,
    pub trial_per_day: u64,
    pub enrol: Rate,
    pub max_site_users: u64,
    pub trial_is_limited: bool,
    pub claimed_may_push: bool,
}

/// A site's place in memory: its state, which changes, and its meters, which go on through the changes.
pub struct SiteCell {
    pub id: SiteId,
    state: ArcSwap<SiteState>,
    pub pushed_today: Daily,
    push: OnceLock<Limiter>,
    trial: OnceLock<Limiter>,
    enrol: OnceLock<Limiter>,
    self_enrol: OnceLock<Limiter>,
    push_enrol: OnceLock<Limiter>,
}

impl SiteCell {
    fn new(id: SiteId, state: SiteState) -> Self {
        Self {
            id,
            state: ArcSwap::from_pointee(state),
            pushed_today: Daily::default(),
            push: OnceLock::new(),
            trial: OnceLock::new(),
            enrol: OnceLock::new(),
            self_enrol: OnceLock::new(),
            push_enrol: OnceLock::new(),
        }
    }

    pub fn state(&self) -> arc_swap::Guard<Arc<SiteState>> {
        self.state.load()
    }

    /// The meter for pushes, as tight as the site's state wants.
    pub fn push_limiter(&self, grants: &Grants, clock: &Clock) -> &Limiter {
        if self.is_limited_trial(grants) {
            self.trial.get_or_init(|| Limiter::new(grants.trial, clock))
        } else {
            self.push.get_or_init(|| Limiter::new(grants.push, clock))
        }
    }

    /// How far apart its pushes are at least, on average.
    pub fn push_each(&self, grants: &Grants) -> Duration {
        if self.is_limited_trial(grants) { grants.trial.each } else { grants.push.each }
    }

    /// How many pushes a day.
    pub fn daily_quota(&self, grants: &Grants) -> u64 {
        if self.is_limited_trial(grants) { grants.trial_per_day } else { grants.push_per_day }
    }

    /// The meter for enrolments by the site's own calls.
    pub fn enrol_limiter(&self, grants: &Grants, clock: &Clock) -> &Limiter {
        self.enrol.get_or_init(|| Limiter::new(grants.enrol, clock))
    }

    /// The meter for devices that enrol themselves.
    pub fn self_enrol_limiter(&self, grants: &Grants, clock: &Clock) -> &Limiter {
        self.self_enrol.get_or_init(|| Limiter::new(grants.enrol, clock))
    }

    /// The meter for enrolments by pushes to tokens never seen.
    pub fn push_enrol_limiter(&self, grants: &Grants, clock: &Clock) -> &Limiter {
        self.push_enrol.get_or_init(|| Limiter::new(grants.enrol, clock))
    }

    fn is_limited_trial(&self, grants: &Grants) -> bool {
        grants.trial_is_limited && self.state.load().trial
    }
}

/// A key's place in memory.
struct KeyCell {
    id: KeyId,
    kind: KeyKind,
    permissions: Permissions,
    expires_at: Option<Timestamp>,
    revoked: bool,
    /// Whose it is, for a key of one device.
    device: Option<DeviceId>,
    site: Arc<SiteCell>,
    /// Goes on through the key's changes.
    used: Arc<Used>,
}

/// How a key was used on this node. Written with each push, read once a minute.
#[derive(Default)]
struct Used {
    at: AtomicI64,
    /// Since it was last written.
    count: AtomicU64,
    network: AtomicU64,
}

/// What a good key gives: whose it is and what it may do. Cheap to clone.
#[derive(Clone)]
pub struct Grant {
    key: Arc<KeyCell>,
}

impl Grant {
    pub fn key(&self) -> KeyId {
        self.key.id
    }

    pub fn kind(&self) -> KeyKind {
        self.key.kind
    }

    pub fn permissions(&self) -> Permissions {
        self.key.permissions
    }

    pub fn site(&self) -> &SiteCell {
        &self.key.site
    }

    /// Whose key it is, if it is one device's.
    pub fn device(&self) -> Option<DeviceId> {
        self.key.device
    }

    /// Notes from where the key was used.
    pub fn used_from(&self, network: Network) {
        self.key.used.network.store(network.bits(), Ordering::Relaxed);
    }
}

/// Why a key is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// Not of the format, or its check characters are wrong: probably mistyped or cut off.
    Malformed,
    Unknown,
    Expired,
    Revoked,
}

/// Every key that works, by its hash. Reading takes no lock.
pub struct Table {
    ring: Keyring,
    grants: Grants,
    keys: papaya::HashMap<KeyHash, Arc<KeyCell>>,
    hashes: papaya::HashMap<KeyId, KeyHash>,
    sites: papaya::HashMap<SiteId, Arc<SiteCell>>,
    /// Sites for which it is said whether pushes to unknown tokens are refused: few.
    bindings: papaya::HashMap<SiteId, Binding>,
}

impl Table {
    pub fn new(ring: Keyring, grants: Grants) -> Self {
        Self {
            ring,
            grants,
            keys: papaya::HashMap::new(),
            hashes: papaya::HashMap::new(),
            sites: papaya::HashMap::new(),
            bindings: papaya::HashMap::new(),
        }
    }

    /// The rates and quotas in force.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// What `key` gives: check characters, keyed hash, one look into memory.
    ///
    /// # Errors
    /// Why it is not good.
    pub fn grant(&self, key: &str, now: Timestamp) -> Result<Grant, KeyRefusal> {
        let hash = KeyHash::of_presented(&self.ring, key).ok_or(KeyRefusal::Malformed)?;
        let cell = self.keys.pin().get(&hash).cloned().ok_or(KeyRefusal::Unknown)?;
        if cell.revoked {
            return Err(KeyRefusal::Revoked);
        }
        if cell.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyRefusal::Expired);
        }
        cell.used.at.store(now.micros(), Ordering::Relaxed);
        cell.used.count.fetch_add(1, Ordering::Relaxed);
        Ok(Grant { key: cell })
    }

    /// When a key was last used on this node since it started.
    pub fn last_used(&self, id: KeyId) -> Option<Timestamp> {
        let hash = self.hashes.pin().get(&id).copied()?;
        let micros = self.keys.pin().get(&hash)?.used.at.load(Ordering::Relaxed);
        (micros > 0).then(|| Timestamp::from_micros(micros))
    }

    /// How every key was used since this was last asked.
    pub fn take_uses(&self) -> Vec<Use> {
        let keys = self.keys.pin();
        let used = keys.values().filter_map(|cell| {
            let count = i64::try_from(cell.used.count.swap(0, Ordering::Relaxed)).ok().filter(|count| *count > 0)?;
            let network = Some(cell.used.network.load(Ordering::Relaxed)).filter(|bits| *bits != 0);
            let at = Timestamp::from_micros(cell.used.at.load(Ordering::Relaxed));
            Some(Use { key: cell.id, at, count, network: network.map(|bits| Network::from_bits(bits).coarse()) })
        });
        used.collect()
    }

    /// Takes back what could not be written.
    pub fn give_back(&self, uses: &[Use]) {
        for used in uses {
            let Some(hash) = self.hashes.pin().get(&used.key).copied() else { continue };
            if let Some(cell) = self.keys.pin().get(&hash) {
                cell.used.count.fetch_add(u64::try_from(used.count).unwrap_or(0), Ordering::Relaxed);
            }
        }
    }

    /// A site's cell, read if no key of it is in the table.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn site_or_read(&self, conn: &mut Conn, id: SiteId) -> Result<Option<Arc<SiteCell>>, Fault> {
        self.cell(conn, id)
    }

    /// A site's cell, if any key of it is in the table.
    pub fn site(&self, id: SiteId) -> Option<Arc<SiteCell>> {
        self.sites.pin().get(&id).cloned()
    }

    /// Reads everything anew: at start, and when this node was cut off from the change log for too long to follow it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn load(&self, conn: &mut Conn, now: Timestamp) -> Result<(), Fault> {
        let told: HashMap<SiteId, Binding> = sites::bindings(conn)?.into_iter().collect();
        self.bindings.pin().retain(|id, _| told.contains_key(id));
        told.into_iter().for_each(|(id, binding)| self.bind(id, Some(binding)));
        for (id, cell) in &self.sites.pin() {
            if let Some(site) = sites::find(conn, *id)? {
                cell.state.store(Arc::new(self.state_of(&site)));
            }
        }
        let mut found = HashSet::new();
        let mut after = None;
        loop {
            let page = store::hashed_after(conn, after, now - REVOKED_KEPT, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.id);
            for hashed in page {
                found.insert(hashed.key.id);
                self.put(conn, hashed)?;
            }
        }
        // What is no longer told of was deleted, or revoked so long ago that nobody remembers.
        let gone: Vec<KeyId> = self.hashes.pin().keys().filter(|id| !found.contains(id)).copied().collect();
        gone.into_iter().for_each(|id| self.drop_key(id));
        Ok(())
    }

    /// Reads again what has changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn follow(&self, conn: &mut Conn, changes: &[Change]) -> Result<(), Fault> {
        for change in changes {
            match change {
                Change::Site(id) => {
                    self.bind(*id, sites::binding(conn, *id)?);
                    if let Some(cell) = self.site(*id)
                        && let Some(site) = sites::find(conn, *id)?
                    {
                        cell.state.store(Arc::new(self.state_of(&site)));
                    }
                }
                Change::Key(id) => match store::hashed(conn, *id)? {
                    Some(hashed) => self.put(conn, hashed)?,
                    None => self.drop_key(*id),
                },
                Change::Device(_) => {}
            }
        }
        Ok(())
    }

    fn state_of(&self, site: &Site) -> SiteState {
        let trial = site.state == sites::SiteState::Claimed;
        let push_off = site.push_off(self.grants.max_site_users);
        let not_on_trial = (trial && !self.grants.claimed_may_push).then_some(PushOff::Unverified);
        let strict = self.bindings.pin().get(&site.id) == Some(&Binding::Strict);
        SiteState { push_off: push_off.or(not_on_trial), trial, strict }
    }

    fn bind(&self, id: SiteId, binding: Option<Binding>) {
        let bindings = self.bindings.pin();
        match binding {
            Some(binding) => bindings.insert(id, binding),
            None => bindings.remove(&id),
        };
    }

    fn put(&self, conn: &mut Conn, hashed: Hashed) -> Result<(), Fault> {
        let key = hashed.key;
        let hash = KeyHash::from_stored(&hashed.key_hash).ok_or_else(|| Fault::Unreadable(format!("hash of key {}", key.id)))?;
        let Some(site) = self.cell(conn, key.site_id)? else { return Ok(()) };
        let before = self.hashes.pin().get(&key.id).copied();
        let used = before.and_then(|hash| self.keys.pin().get(&hash).map(|cell| cell.used.clone())).unwrap_or_default();
        let cell = KeyCell {
            id: key.id,
            kind: key.kind,
            permissions: Permissions::from_stored(key.permissions),
            expires_at: key.expires_at,
            revoked: key.revoked_at.is_some(),
            device: key.device_id,
            site,
            used,
        };
        self.hashes.pin().insert(key.id, hash);
        self.keys.pin().insert(hash, Arc::new(cell));
        Ok(())
    }

    fn cell(&self, conn: &mut Conn, id: SiteId) -> Result<Option<Arc<SiteCell>>, Fault> {
        if let Some(cell) = self.site(id) {
            return Ok(Some(cell));
        }
        let Some(site) = sites::find(conn, id)? else { return Ok(None) };
        let cell = Arc::new(SiteCell::new(id, self.state_of(&site)));
        Ok(Some(self.sites.pin().get_or_insert(id, cell).clone()))
    }

    fn drop_key(&self, id: KeyId) {
        if let Some(hash) = self.hashes.pin().remove(&id).copied() {
            self.keys.pin().remove(&hash);
        }
    }
}
