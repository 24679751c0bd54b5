//! The parts that a request may use.

use std::net::IpAddr;
use std::sync::Arc;

use crate::accounts::Passwords;
use crate::clock::Clock;
use crate::db::Db;
use crate::limits::{Keyed, Network, Rate};
use crate::mail::{Desk, Outbox};
use crate::proof::Prober;
use crate::push::{Counts, Hall};
use crate::secret::Keyring;
use crate::settings::{Limits, Profile, PublicUrl};
use crate::web::{Assets, Proxies};

/// How many addresses a limiter remembers at most.
const ADDRESSES: usize = 50_000;

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
    pub desk: Desk,
    pub outbox: Outbox,
    /// Whether letters leave by SMTP; if not, the local profile shows them.
    pub sends_mail: bool,
    pub hall: Arc<Hall>,
    pub counts: Counts,
    pub prober: Prober,
    pub proxies: Proxies,
    pub assets: Assets,
    pub limits: Limits,
    pub doors: Doors,
}

impl Hub {
    /// Whether somebody may read letters on this machine instead of in a mailbox.
    pub fn shows_letters(&self) -> bool {
        self.profile == Profile::Local && !self.sends_mail
    }
}

/// The limits of what strangers may ask for, by address.
pub struct Doors {
    pub registrations: Keyed<Network>,
    pub logins: Keyed<Network>,
    /// Logins to one account, from wherever: by the hash of what was typed.
    pub logins_to: Keyed<[u8; 32]>,
    pub resets: Keyed<Network>,
}

impl Doors {
    pub fn new(limits: &Limits, clock: &Clock) -> Self {
        Self {
            registrations: Keyed::new(Rate::per_hour("registrations", limits.registrations_per_hour), clock, ADDRESSES),
            logins: Keyed::new(Rate::per_hour("logins", limits.logins_per_hour), clock, ADDRESSES),
            logins_to: Keyed::new(Rate::per_hour("logins", limits.logins_per_hour), clock, ADDRESSES),
            resets: Keyed::new(Rate::per_hour("resets", limits.resets_per_hour), clock, ADDRESSES),
        }
    }
}

/// Takes one of an address's, or says for how long to wait.
///
/// # Errors
/// [`crate::error::Error::Limited`].
pub fn pass(door: &Keyed<Network>, address: IpAddr) -> Result<(), crate::error::Error> {
    door.take(&Network::from(address)).map_err(|standing| crate::error::Error::Limited(standing.retry_after))
}
