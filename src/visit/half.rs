//! A login between its two factors: a sealed cookie says whose, since when, and where to go afterwards. It is no session
//! and opens nothing but the page that asks for the second factor.

use std::time::Duration;

use actix_web::cookie::{Cookie, time};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Visit, cookie, names, no_session_cookie, session_cookie};
use crate::accounts::factors::{self, ByCode, Hand, Kind, Reply};
use crate::accounts::{self, Arrived, Credentials, Entry, How, SignIn};
use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{AccountId, SessionId};
use crate::mail::Desk;
use crate::secret::Keyring;
use crate::web::Redirect;

/// How long the second factor may take.
const LASTS: Duration = Duration::from_secs(600);
/// Tells a sealed half login from whatever else the hub seals.
const SEALED_AS: &[u8] = b"half login\0";

/// A login that wants its second factor still.
#[derive(Clone, Serialize, Deserialize)]
pub struct HalfLogin {
    pub account: AccountId,
    /// Of the account, when the first factor was right: a new password ends what began with the old one.
    revision: i64,
    /// In microseconds since 1970.
    at: i64,
    /// Where to go afterwards: a path of the hub.
    pub next: String,
}

impl HalfLogin {
    fn sealed(&self, ring: &Keyring) -> String {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(ring.seal(&[SEALED_AS, &plain].concat()))
    }

    pub(super) fn open(ring: &Keyring, now: Timestamp, sealed: &str) -> Option<Self> {
        let plain = ring.open(&URL_SAFE_NO_PAD.decode(sealed).ok()?)?;
        let half: Self = serde_json::from_slice(plain.strip_prefix(SEALED_AS)?).ok()?;
        (now.since(Timestamp::from_micros(half.at)) <= LASTS).then_some(half)
    }
}

fn half_cookie(hub: &Hub, value: String) -> Cookie<'static> {
    let mut cookie = cookie(hub, names(hub.public_url.is_https()).half, value);
    cookie.set_max_age(time::Duration::seconds(600));
    cookie
}

fn no_half_cookie(hub: &Hub) -> Cookie<'static> {
    let mut cookie = half_cookie(hub, String::new());
    cookie.make_removal();
    cookie
}

/// What a closure of a write needs of the hub and the visit.
struct Arriving {
    desk: Desk,
    ring: Keyring,
    now: Timestamp,
    from: SignIn,
    before: Option<SessionId>,
    by: std::net::IpAddr,
}

impl Arriving {
    fn new(hub: &Hub, visit: &Visit) -> Self {
        Self {
            desk: hub.desk.clone(),
            ring: hub.ring.clone(),
            now: hub.clock.now(),
            from: visit.sign_in(),
            before: visit.session.as_ref().map(|(session, _)| session.id),
            by: visit.address,
        }
    }

    fn entry(&self, account: AccountId) -> Entry<'_> {
        Entry { desk: &self.desk, ring: &self.ring, now: self.now, account, from: &self.from, before: self.before }
    }

    fn hand(&self, account: AccountId) -> Hand<'_> {
        Hand { desk: &self.desk, ring: &self.ring, now: self.now, by: Actor::Account(account, Some(self.by)), account }
    }
}

/// Lets an account in that has shown its password or followed a mailed link, and goes to a page with a new session; or,
/// if it has a second factor, goes where that is asked for. An older session of this browser ends: the cookie's value
/// never outlives a login.
///
/// # Errors
/// When it can't be written.
pub async fn enter(hub: &Hub, visit: &Visit, account: AccountId, to: &str) -> Result<Redirect, Error> {
    let arriving = Arriving::new(hub, visit);
    let now = arriving.now;
    let arrived = hub.db.write(move |tx| accounts::arrive(tx, &arriving.entry(account))).await.map_err(Error::from)?;
    Ok(match arrived {
        Arrived::In(token) => Redirect::to(to).cookie(session_cookie(hub, &token)).cookie(no_half_cookie(hub)),
        Arrived::NeedsSecond { revision } => {
            let half = HalfLogin { account, revision, at: now.micros(), next: to.to_owned() };
            let cookie = half_cookie(hub, half.sealed(&hub.ring));
            Redirect::to("/login/second").cookie(no_session_cookie(hub)).cookie(cookie)
        }
        Arrived::Shut => Redirect::to("/login").cookie(no_session_cookie(hub)),
    })
}

/// What is shown in the place of, or after, a password.
#[derive(Clone)]
pub enum Shown {
    /// After the password: a code of the app, or a recovery code.
    Code(HalfLogin, String),
    /// After the password: one of the account's passkeys.
    Second(HalfLogin, Reply),
    /// In its place: a passkey that says whose it is.
    Alone(Reply),
}

/// Lets somebody in by what they show. `None`: it was wrong, or what it belongs to is over.
///
/// # Errors
/// When it can't be written.
pub async fn enter_with(hub: &Hub, visit: &Visit, shown: Shown, to: &str) -> Result<Option<Redirect>, Error> {
    let (arriving, rp) = (Arriving::new(hub, visit), hub.passkeys.clone());
    let arrived = hub.db.write(move |tx| {
        let proved = match &shown {
            Shown::Code(half, typed) => by_code(tx, &arriving, half, typed)?,
            Shown::Second(half, reply) if still(tx, half)? => {
                let (ring, now) = (&arriving.ring, arriving.now);
                factors::take(tx, &rp, ring, now, Kind::Login, Some(half.account), reply)?.map(|account| (account, How::Passkey))
            }
            Shown::Second(..) => None,
            Shown::Alone(reply) => {
                let (ring, now) = (&arriving.ring, arriving.now);
                factors::take(tx, &rp, ring, now, Kind::Login, None, reply)?.map(|account| (account, How::Passkey))
            }
        };
        match proved {
            Some((account, how)) => accounts::arrive_fully(tx, &arriving.entry(account), how),
            None => Ok(Arrived::Shut),
        }
    });
    Ok(match arrived.await.map_err(Error::from)? {
        Arrived::In(token) => Some(Redirect::to(to).cookie(session_cookie(hub, &token)).cookie(no_half_cookie(hub))),
        Arrived::NeedsSecond { .. } | Arrived::Shut => None,
    })
}

/// Whether the account is as it was when the first factor was right.
fn still(tx: &mut Tx, half: &HalfLogin) -> Result<bool, Fault> {
    // Before anything is looked at, as every act that writes afterwards.
    tx.alone()?;
    Ok(Credentials::of(tx.conn(), half.account)?.is_some_and(|known| known.revision == half.revision))
}

fn by_code(tx: &mut Tx, arriving: &Arriving, half: &HalfLogin, typed: &str) -> Result<Option<(AccountId, How)>, Fault> {
    if !still(tx, half)? {
        return Ok(None);
    }
    let how = match factors::use_code(tx, &arriving.hand(half.account), typed)? {
        Some(ByCode::Totp) => How::TotpCode,
        Some(ByCode::Recovery) => How::RecoveryCode,
        None => return Ok(None),
    };
    Ok(Some((half.account, how)))
}
