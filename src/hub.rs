//! The parts that a request may use.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Semaphore;

use crate::abuse::Clerk;
use crate::accounts::Passwords;
use crate::accounts::factors::RelyingParty;
use crate::audit::Actor;
use crate::clock::Clock;
use crate::db::{ChangeLog, Db, Fault, Notices};
use crate::error::Error;
use crate::ids::{AccountId, SiteId};
use crate::jobs::Board;
use crate::keys::Grants;
use crate::limits::{Keyed, Network, Rate};
use crate::mail::{Desk, Outbox};
use crate::privacy::Policy;
use crate::proof::Prober;
use crate::push::{Counts, Hall};
use crate::registrations::Office;
use crate::secret::{Keyring, Purpose};
use crate::settings::{self, Changeable, Limits, Profile, PublicUrl};
use crate::sites::{self, ProofKind, Site, SiteError, SiteState};
use crate::web::{Assets, Proxies};

/// How many addresses a limiter remembers at most.
const ADDRESSES: usize = 50_000;

/// How many looks at their sites an account may ask for in an hour: each makes the hub visit an address of its choice.
const VERIFICATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// How often in a minute an address may ask whether a site is registered: each answer tells a stranger something.
const SITECHECKS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
/// How often in a minute an address may call by the hub protocol: many Moodles may share one.
const HUB_CALLS: NonZeroU32 = NonZeroU32::MIN.saturating_add(599);
/// How often in an hour a site may tell of itself: a Moodle does it weekly, and when its admin presses a button.
const REPORTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
/// How many keys a site may rotate in an hour by the native API: each leaves one behind for a month.
const ROTATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(599);
/// How many leaked keys an address may report in an hour: a scanner may find several at once.
const LEAKS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
/// How many nuisances an address may report in an hour.
const ABUSE_REPORTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// To how many sites a user limit is applied in one transaction: pushes' own writes wait behind it.
const LIMITED_AT_ONCE: i64 = 100;

/// How many copies of what the hub knows of somebody they may take in an hour: each reads all that is theirs.
const EXPORTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// How often in ten minutes a second factor of an account, or its password by who is logged in, may be tried.
const FACTOR_TRIES: Rate = Rate { name: "logins", burst: NonZeroU32::MIN.saturating_add(9), each: Duration::from_secs(60) };
/// How often in a minute an address may have authenticators asked.
const CEREMONIES: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// The hub.
pub struct Hub {
    pub name: String,
    pub contact: Option<String>,
    pub public_url: PublicUrl,
    pub profile: Profile,
    pub clock: Clock,
    pub db: Db,
    pub ring: Keyring,
    pub passwords: Passwords,
    pub passkeys: RelyingParty,
    pub desk: Desk,
    pub outbox: Outbox,
    /// Whether letters leave by SMTP; if not, the local profile shows them.
    pub sends_mail: bool,
    pub hall: Arc<Hall>,
    pub counts: Counts,
    /// This node's place in the log of what others change.
    pub changes: Arc<Mutex<ChangeLog>>,
    /// What nodes tell each other over Redis, where there is one.
    pub notices: Notices,
    pub prober: Prober,
    pub proxies: Proxies,
    pub assets: Assets,
    /// Those that the team may change while the hub runs.
    pub settings: Arc<Changeable>,
    /// Held while they are taken up, so that of two changes the later one stays.
    pub settling: Mutex<()>,
    /// How long a key goes on working once its Moodle has asked for another one.
    pub rotation_overlap: Duration,
    /// The last runs of this node's jobs.
    pub board: Board,
    /// Who may ask whether a site is registered; nobody named: anybody, at a rate.
    pub sitecheck_from: Vec<IpNet>,
    pub doors: Doors,
    /// What is kept for how long, and where it goes.
    pub privacy: Policy,
}

impl Hub {
    /// Writes what was counted, so that a page shows it. If it can't be written the page shows what was before.
    pub async fn fresh_counts(&self) {
        if let Err(fault) = self.counts.flush(&self.db).await {
            tracing::warn!(error = %fault, "counts could not be written; they are kept");
        }
    }

    /// Whether somebody may read letters on this machine instead of in a mailbox.
    pub fn shows_letters(&self) -> bool {
        self.profile == Profile::Local && !self.sends_mail
    }
}

/// What the team may change while the hub runs, as it is now.
impl Hub {
    /// The limits for all sites.
    pub fn limits(&self) -> Limits {
        self.settings.now().limits
    }

    /// The user limit of a site: its own, or the one for all.
    pub fn max_users(&self, site: SiteId) -> u64 {
        self.hall.table.max_users(site)
    }

    /// What counts as abuse.
    pub fn abuse(&self) -> settings::Abuse {
        self.settings.now().abuse.clone()
    }

    pub fn devices(&self) -> settings::Devices {
        self.settings.now().devices
    }

    /// After how long the owner of a key in use is reminded to rotate it; nothing: never.
    pub fn remind_keys_after(&self) -> Duration {
        self.settings.now().keys.remind_after
    }

    /// How long a site that has grown beyond the user limit goes on pushing.
    pub fn over_limit_grace(&self) -> Duration {
        self.settings.now().registration.over_limit_grace
    }

    /// Takes up what the team has changed, here or on another node.
    ///
    /// # Errors
    /// When the database does not answer; then all stays as it was.
    pub async fn follow_settings(&self) -> Result<(), Fault> {
        let settings = self.settings.clone();
        if self.db.read(move |conn| settings.read_again(conn)).await? {
            self.settle();
        }
        Ok(())
    }

    /// Applies the user limit for all to those sites that it has moved past: with a letter, and a grace for those that push.
    ///
    /// # Errors
    /// When it can't be written; what is left is done by the next who calls.
    pub async fn apply_user_limit(&self, max_users: u64) -> Result<(), Error> {
        let (now, grace) = (self.clock.now(), self.over_limit_grace());
        loop {
            let desk = self.desk.clone();
            let written = self.db.write(move |tx| sites::apply_user_limit_to_all(tx, &desk, now, max_users, grace, LIMITED_AT_ONCE));
            if i64::try_from(written.await?).unwrap_or(0) < LIMITED_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn settle(&self) {
        let _settling = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.settings.now();
        self.hall.table.set_grants(Grants::of(&live));
        self.hall.lookup.set_flood(flood(&live.limits));
        self.hall.seen.set_stale_after(live.devices.stale_after);
    }
}

impl Hub {
    /// What acts on registrations need of the hub.
    pub fn office(&self) -> Office<'_> {
        let (hub_url, max_users) = (self.public_url.as_str(), self.limits().max_site_users);
        Office { ring: &self.ring, desk: &self.desk, hub_url, max_users, grace: self.over_limit_grace(), may_mail: true }
    }

    /// What acts on cases need of the hub.
    pub fn clerk(&self) -> Clerk<'_> {
        Clerk { desk: &self.desk, contact: self.contact.as_deref(), settings: self.abuse() }
    }

    /// A site's own server has called, known by its token or secret: that it called from an address to which the site's host
    /// name leads is proof 1 of design.md section 3. Gives the site as it is afterwards.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn take_call_as_proof(&self, site: Site, from: Option<IpAddr>) -> Result<Site, Error> {
        let may_prove = matches!(site.state, SiteState::Unverified | SiteState::Claimed) && site.proof.is_none();
        let (Some(from), true) = (from, may_prove) else { return Ok(site) };
        if !self.prober.is_at(site.site_url()?.as_url(), from).await {
            return Ok(site);
        }
        let (id, now, desk, checked) = (site.id, self.clock.now(), self.desk.clone(), site.url_key.clone());
        let proved = self.db.write(move |tx| {
            let here = sites::find(tx.conn(), id)?.ok_or(SiteError::Unknown)?;
            // Beside another proof it is held already: nothing new is said. And what was looked at is the address it has.
            if here.url_key == checked && here.proof.is_none() && matches!(here.state, SiteState::Unverified | SiteState::Claimed) {
                sites::prove(tx, &desk, now, Actor::Hub, id, ProofKind::Call, None)?;
            }
            sites::find(tx.conn(), id)?.ok_or(SiteError::Unknown)
        });
        Ok(proved.await?)
    }
}

/// The rate of pushes to one device.
pub fn flood(limits: &Limits) -> Rate {
    Rate::per_minute("device", limits.push_per_device_per_minute)
}

/// The limits of what strangers may ask for, by address.
pub struct Doors {
    pub registrations: Keyed<Network>,
    pub logins: Keyed<Network>,
    /// Logins to one account, from wherever: by the hash of what was typed.
    pub logins_to: Keyed<[u8; 32]>,
    /// Tries at the second factor of an account, and confirmations that it is them, from wherever.
    pub factors: Keyed<AccountId>,
    /// Questions to authenticators, from an address.
    pub ceremonies: Keyed<Network>,
    pub resets: Keyed<Network>,
    /// Letters to one mailbox that strangers can ask for, from wherever: by the hash of what was typed.
    pub letters_to: Keyed<[u8; 32]>,
    /// Letters to one mailbox that Moodles have named: apart, so that nobody can use up what its owner asks for.
    pub contacts_to: Keyed<[u8; 32]>,
    /// Looks at a site that is to be proved.
    pub verifications: Keyed<AccountId>,
    /// Requests for access keys, from an address and for a site.
    pub accesskeys: Keyed<Network>,
    pub accesskeys_of: Keyed<SiteId>,
    /// Questions whether a site is registered.
    pub sitechecks: Keyed<Network>,
    /// Calls of the hub protocol, from an address, and what a site tells of itself.
    pub hub_calls: Keyed<Network>,
    pub reports_of: Keyed<SiteId>,
    /// Reports of leaked keys.
    pub leaks: Keyed<Network>,
    /// Reports of nuisances, by the public form.
    pub abuse_reports: Keyed<Network>,
    /// Calls of the native API, for a site.
    pub api: Keyed<SiteId>,
    /// Rotations of a site's keys by the native API.
    pub rotations: Keyed<SiteId>,
    /// Broadcasts of a site.
    pub broadcasts: Keyed<SiteId>,
    /// Copies of what the hub knows of somebody.
    pub exports: Keyed<AccountId>,
    /// A walk through the whole audit log: one at a time.
    pub audit_walk: Arc<Semaphore>,
}

impl Doors {
    /// Takes one of a mailbox's letters.
    ///
    /// # Errors
    /// [`Error::Limited`].
    pub fn letter_to(&self, ring: &Keyring, mailbox: &str) -> Result<(), Error> {
        let mailbox = ring.hash(Purpose::Session, &[b"letter to ", mailbox.trim().to_lowercase().as_bytes()]);
        self.letters_to.take(&mailbox).map_err(Error::Limited)
    }

    /// Takes one of the letters to a mailbox that Moodles have named. `false`: none is left.
    pub fn contact_to(&self, ring: &Keyring, mailbox: &str) -> bool {
        self.contacts_to.take(&ring.hash(Purpose::Session, &[b"contact ", mailbox.trim().to_lowercase().as_bytes()])).is_ok()
    }

    /// Takes one of the logins to an account, from wherever. What is no address of an account counts alike.
    ///
    /// # Errors
    /// [`Error::Limited`].
    pub fn login_to(&self, ring: &Keyring, email: &str) -> Result<(), Error> {
        let account = ring.hash(Purpose::Session, &[b"login to ", email.trim().to_lowercase().as_bytes()]);
        self.logins_to.take(&account).map_err(Error::Limited)
    }

    /// Takes one of the tries at an account's second factor.
    ///
    /// # Errors
    /// [`Error::Limited`].
    pub fn factor_of(&self, account: AccountId) -> Result<(), Error> {
        self.factors.take(&account).map_err(Error::Limited)
    }

    pub fn new(limits: &Limits, clock: &Clock) -> Self {
        Self {
            registrations: Keyed::new(Rate::per_hour("registrations", limits.registrations_per_hour), clock, ADDRESSES),
            logins: Keyed::new(Rate::per_hour("logins", limits.logins_per_hour), clock, ADDRESSES),
            logins_to: Keyed::new(Rate::per_hour("logins", limits.logins_per_hour), clock, ADDRESSES),
            factors: Keyed::new(FACTOR_TRIES, clock, ADDRESSES),
            ceremonies: Keyed::new(Rate::per_minute("ceremonies", CEREMONIES), clock, ADDRESSES),
            resets: Keyed::new(Rate::per_hour("resets", limits.resets_per_hour), clock, ADDRESSES),
            letters_to: Keyed::new(Rate::per_hour("letters", limits.registrations_per_hour.max(limits.resets_per_hour)), clock, ADDRESSES),
            contacts_to: Keyed::new(Rate::per_hour("letters", limits.registrations_per_hour), clock, ADDRESSES),
            verifications: Keyed::new(Rate::per_hour("verifications", VERIFICATIONS), clock, ADDRESSES),
            accesskeys: Keyed::new(Rate::per_hour("accesskeys", limits.accesskeys_per_address_per_hour), clock, ADDRESSES),
            accesskeys_of: Keyed::new(Rate::per_hour("accesskeys", limits.accesskeys_per_site_per_hour), clock, ADDRESSES),
            sitechecks: Keyed::new(Rate::per_minute("sitechecks", SITECHECKS), clock, ADDRESSES),
            hub_calls: Keyed::new(Rate::per_minute("hub_calls", HUB_CALLS), clock, ADDRESSES),
            reports_of: Keyed::new(Rate::per_hour("reports", REPORTS), clock, ADDRESSES),
            leaks: Keyed::new(Rate::per_hour("leaks", LEAKS), clock, ADDRESSES),
            abuse_reports: Keyed::new(Rate::per_hour("abuse_reports", ABUSE_REPORTS), clock, ADDRESSES),
            api: Keyed::new(Rate::per_minute("api", limits.api_per_minute), clock, ADDRESSES),
            rotations: Keyed::new(Rate::per_hour("rotations", ROTATIONS), clock, ADDRESSES),
            broadcasts: Keyed::new(Rate::per_hour("broadcasts", limits.broadcasts_per_hour), clock, ADDRESSES),
            exports: Keyed::new(Rate::per_hour("exports", EXPORTS), clock, ADDRESSES),
            audit_walk: Arc::new(Semaphore::new(1)),
        }
    }
}

/// Takes one of an address's, or says for how long to wait.
///
/// # Errors
/// [`Error::Limited`].
pub fn pass(door: &Keyed<Network>, address: IpAddr) -> Result<(), Error> {
    door.take(&Network::from(address)).map_err(Error::Limited)
}
