//! What the push path needs of keys and sites, in memory. The database is the truth: this is loaded at start and
//! follows the change log.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::meters::{Figures, Grants, Meters, Taking};
use super::store::{self, Hashed, Use};
use super::{KeyHash, KeyKind, Permissions};
use crate::clock::{Clock, Timestamp};
use crate::db::{Change, Conn, Fault};
use crate::ids::{DeviceId, KeyId, SiteId};
use crate::limits::{Daily, Network, Standing};
use crate::secret::Keyring;
use crate::settings::Binding;
use crate::sites::{self, PushOff, Site, Special, Switch};

/// How long a revoked key is remembered, so that its user is told that it was revoked rather than unknown.
const REVOKED_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How many networks of a key are noted in a minute: nobody needs to know of more.
const NETWORKS: usize = 64;
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
    /// As it was read: what `push_off` is made of again when a user limit changes.
    switch: Switch,
}

/// A site's place in memory: its state and its limits, which change, and its meters, which go on through the changes.
pub struct SiteCell {
    pub id: SiteId,
    state: ArcSwap<SiteState>,
    meters: ArcSwap<Meters>,
    pub pushed_today: Daily,
}

impl SiteCell {
    pub fn state(&self) -> arc_swap::Guard<Arc<SiteState>> {
        self.state.load()
    }

    /// Takes a push or an enrolment, at the rate that holds now.
    ///
    /// # Errors
    /// The standing, when none is left.
    pub fn take(&self, what: Taking, clock: &Clock) -> Result<(), Standing> {
        self.meters.load().take(what, clock)
    }

    /// Takes one of the day's pushes.
    ///
    /// # Errors
    /// The standing, when none is left.
    pub fn take_of_today(&self, now: Timestamp) -> Result<(), Standing> {
        let quota = self.meters.load().figures(now).push_per_day;
        self.pushed_today.take(now, "day", quota)
    }

    /// How fast it may go now.
    pub fn figures(&self, now: Timestamp) -> Figures {
        self.meters.load().figures(now)
    }

    /// Until when it is slowed down, if it is.
    pub fn braked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.meters.load().braked_until(now)
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
    /// From which networks since that was last written, for a site's own key: coarsely, each once. Taken only when the key comes
    /// from another network than the last time.
    networks: Mutex<Vec<Network>>,
}

impl Used {
    fn note_network(&self, network: Network) {
        let mut known = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < NETWORKS && !known.contains(&network) {
            known.push(network);
        }
    }
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
        let before = self.key.used.network.swap(network.bits(), Ordering::Relaxed);
        // Other kinds of keys are on phones, which are everywhere.
        if before != network.bits() && self.key.kind == KeyKind::Site && Network::from_bits(before).around() != network.around() {
            self.key.used.note_network(network.around());
        }
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
    grants: ArcSwap<Grants>,
    keys: papaya::HashMap<KeyHash, Arc<KeyCell>>,
    hashes: papaya::HashMap<KeyId, KeyHash>,
    sites: papaya::HashMap<SiteId, Arc<SiteCell>>,
    /// Sites about which something is special: few.
    special: papaya::HashMap<SiteId, Arc<Special>>,
    /// Held while what is in memory of sites is changed, so that of two changes the later one stays. No push waits for it.
    changing: Mutex<()>,
}

impl Table {
    pub fn new(ring: Keyring, grants: Grants) -> Self {
        Self {
            ring,
            grants: ArcSwap::from_pointee(grants),
            keys: papaya::HashMap::new(),
            hashes: papaya::HashMap::new(),
            sites: papaya::HashMap::new(),
            special: papaya::HashMap::new(),
            changing: Mutex::default(),
        }
    }

    /// The rates and quotas in force.
    pub fn grants(&self) -> arc_swap::Guard<Arc<Grants>> {
        self.grants.load()
    }

    /// Takes up others: every site in memory goes on under them, and each meter whose own figures are the same.
    pub fn set_grants(&self, grants: Grants) {
        let changing = self.changing();
        if **self.grants.load() == grants {
            return;
        }
        self.grants.store(Arc::new(grants));
        for cell in self.sites.pin().values() {
            let state = cell.state();
            self.fit(&changing, cell, (state.switch, state.trial));
        }
    }

    /// The user limit of a site: its own, or the one for all.
    pub fn max_users(&self, id: SiteId) -> u64 {
        let own = self.special.pin().get(&id).and_then(|special| special.terms.max_site_users);
        own.unwrap_or_else(|| self.grants.load().max_site_users)
    }

    /// How fast a site may go now, and until when it is slowed down, whether it has a key or not.
    pub fn figures(&self, id: SiteId, on_trial: bool, now: Timestamp) -> (Figures, Option<Timestamp>) {
        let special = self.special.pin().get(&id).cloned();
        let meters = Meters::renewed(None, &self.grants.load(), on_trial, special.as_deref());
        (meters.figures(now), meters.braked_until(now))
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
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
            let networks = std::mem::take(&mut *cell.used.networks.lock().unwrap_or_else(PoisonError::into_inner));
            let network = network.map(|bits| Network::from_bits(bits).coarse());
            Some(Use { key: cell.id, site: cell.site.id, at, count, network, networks })
        });
        used.collect()
    }

    /// Takes back what could not be written.
    pub fn give_back(&self, uses: &[Use]) {
        for used in uses {
            let Some(hash) = self.hashes.pin().get(&used.key).copied() else { continue };
            if let Some(cell) = self.keys.pin().get(&hash) {
                cell.used.count.fetch_add(u64::try_from(used.count).unwrap_or(0), Ordering::Relaxed);
                used.networks.iter().for_each(|network| cell.used.note_network(*network));
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
        let told = sites::all_special(conn, now)?;
        {
            let _changing = self.changing();
            self.special.pin().retain(|id, _| told.contains_key(id));
            told.into_iter().for_each(|(id, special)| self.keep_special(id, special));
        }
        for (id, cell) in &self.sites.pin() {
            if let Some(site) = sites::find(conn, *id)? {
                self.know(cell, &site);
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
                    let special = sites::special(conn, *id)?;
                    let site = self.site(*id).map(|cell| Ok::<_, Fault>((cell, sites::find(conn, *id)?))).transpose()?;
                    {
                        let _changing = self.changing();
                        self.keep_special(*id, special);
                    }
                    if let Some((cell, Some(site))) = site {
                        self.know(&cell, &site);
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

    /// What a site's state and meters are now.
    fn fitting(&self, _: &MutexGuard<'_, ()>, id: SiteId, (switch, trial): (Switch, bool), before: Option<&Meters>) -> (SiteState, Meters) {
        let grants = self.grants.load();
        let special = self.special.pin().get(&id).cloned();
        let special = special.as_deref();
        let max_users = special.and_then(|special| special.terms.max_site_users).unwrap_or(grants.max_site_users);
        let not_on_trial = (trial && !grants.claimed_may_push).then_some(PushOff::Unverified);
        let state = SiteState {
            push_off: switch.off(max_users).or(not_on_trial),
            trial,
            strict: special.and_then(|special| special.binding) == Some(Binding::Strict),
            switch,
        };
        (state, Meters::renewed(before, &grants, trial, special))
    }

    fn fit(&self, changing: &MutexGuard<'_, ()>, cell: &SiteCell, known: (Switch, bool)) {
        let (state, meters) = self.fitting(changing, cell.id, known, Some(&cell.meters.load()));
        cell.meters.store(Arc::new(meters));
        cell.state.store(Arc::new(state));
    }

    fn know(&self, cell: &SiteCell, site: &Site) {
        self.fit(&self.changing(), cell, known(site));
    }

    fn keep_special(&self, id: SiteId, special: Special) {
        let all = self.special.pin();
        if special == Special::default() {
            all.remove(&id);
        } else {
            all.insert(id, Arc::new(special));
        }
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
        let changing = self.changing();
        let (state, meters) = self.fitting(&changing, id, known(&site), None);
        let cell =
            SiteCell { id, state: ArcSwap::from_pointee(state), meters: ArcSwap::from_pointee(meters), pushed_today: Daily::default() };
        Ok(Some(self.sites.pin().get_or_insert(id, Arc::new(cell)).clone()))
    }

    fn drop_key(&self, id: KeyId) {
        if let Some(hash) = self.hashes.pin().remove(&id).copied() {
            self.keys.pin().remove(&hash);
        }
    }
}

/// What is kept of a site: what decides whether it may push, and whether it is claimed and not proved.
fn known(site: &Site) -> (Switch, bool) {
    (site.switch(), site.state == sites::SiteState::Claimed)
}
