//! How a login becomes a session: what it takes beyond the first proof, from where it comes, who is told.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Session, factors, letters, store};
use crate::audit::{self, Actor, Event};
use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::ids::{AccountId, SessionId};
use crate::mail::Desk;
use crate::secret::{self, Keyring};

/// A session ends after this long without use.
pub const IDLE: Duration = Duration::from_secs(7 * 86_400);
/// However much it is used, a session ends after this long.
pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// Where somebody logs in from.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub address: String,
    pub agent: String,
}

/// Browsers by the word that tells them from those that they pretend to be: the first that fits.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
];
/// Systems likewise.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

fn first_of(known: &[(&str, &'static str)], agent: &str) -> Option<&'static str> {
    known.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name)
}

/// A browser as people call it: `Firefox on Linux`.
pub fn browser(agent: &str) -> String {
    match (first_of(&BROWSERS, agent), first_of(&SYSTEMS, agent)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "An unknown browser".to_owned(),
    }
}

impl SignIn {
    fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }

    /// The place, coarsely: the larger network and the kind of browser. A phone that moves about in its carrier's network
    /// stays where it is.
    fn place(&self) -> String {
        let network = match self.ip().map(|ip| ip.to_canonical()) {
            Some(IpAddr::V4(v4)) => {
                let [a, b, ..] = v4.octets();
                format!("{a}.{b}")
            }
            Some(IpAddr::V6(v6)) => {
                let [a, b, ..] = v6.segments();
                format!("{a:x}:{b:x}")
            }
            None => String::new(),
        };
        format!("{network} {}", browser(&self.agent))
    }
}

/// How far a login is.
pub enum Arrived {
    /// In, with the token for the session's cookie: shown once, kept as a hash.
    In(SecretString),
    /// The second factor is wanted still. `revision`: of the account, which must be the same when that comes.
    NeedsSecond { revision: i64 },
    /// The account may not log in.
    Shut,
}

/// By what somebody showed that it is them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The password, or a mailed link.
    First,
    TotpCode,
    RecoveryCode,
    Passkey,
}

impl How {
    /// As the audit log says it.
    fn as_str(self) -> &'static str {
        match self {
            Self::First => "password or mailed link",
            Self::TotpCode => "authenticator app",
            Self::RecoveryCode => "recovery code",
            Self::Passkey => "passkey",
        }
    }
}

/// A login that is under way.
pub struct Entry<'a> {
    pub desk: &'a Desk,
    pub ring: &'a Keyring,
    pub now: Timestamp,
    pub account: AccountId,
    pub from: &'a SignIn,
    /// The session that this browser had before: it ends.
    pub before: Option<SessionId>,
}

/// Lets somebody in who has shown a first proof, the password or a mailed link; if the account has a second factor, that
/// is wanted first.
///
/// # Errors
/// When it can't be written.
pub fn arrive(tx: &mut Tx, entry: &Entry) -> Result<Arrived, Fault> {
    tx.alone()?;
    let Some(known) = store::credentials_of(tx.conn(), entry.account)? else { return Ok(Arrived::Shut) };
    if factors::has_factor(tx.conn(), entry.account)? {
        if let Some(before) = entry.before {
            store::end_session(tx.conn(), before)?;
        }
        return Ok(Arrived::NeedsSecond { revision: known.revision });
    }
    arrive_fully(tx, entry, How::First)
}

/// Lets somebody in who has shown all that is wanted: a new session, the one before ended, the audit log told, and by
/// mail the account's owner, if it is from where they never came.
///
/// # Errors
/// When it can't be written.
pub fn arrive_fully(tx: &mut Tx, entry: &Entry, how: How) -> Result<Arrived, Fault> {
    tx.alone()?;
    let (now, account) = (entry.now, entry.account);
    let open = store::find(tx.conn(), account)?.is_some_and(|account| account.disabled_at.is_none());
    if !open {
        return Ok(Arrived::Shut);
    }
    if let Some(before) = entry.before {
        store::end_session(tx.conn(), before)?;
    }
    audit::note(tx, now, Actor::Account(account, entry.from.ip()), Event::LoggedIn, account, Some(how.as_str()))?;
    let place = entry.ring.hash(secret::Purpose::LoginPlace, &[account.as_bytes(), entry.from.place().as_bytes()]);
    if store::note_place(tx.conn(), account, &place, now)? {
        letters::new_login(tx, entry.desk, now, account, entry.from)?;
    }
    begin_session(tx, entry.ring, now, account, entry.from).map(Arrived::In)
}

/// Begins a session, and gives the token for its cookie: shown once, kept as a hash.
///
/// # Errors
/// When it can't be written.
pub fn begin_session(tx: &mut Tx, ring: &Keyring, now: Timestamp, account: AccountId, from: &SignIn) -> Result<SecretString, Fault> {
    let token = secret::random_text();
    let session = Session {
        id: SessionId::new(now),
        account_id: account,
        created_at: now,
        seen_at: now,
        expires_at: now + IDLE,
        address: from.address.clone(),
        agent: from.agent.chars().filter(|c| !c.is_control()).take(200).collect(),
        proved_at: Some(now),
    };
    store::insert_session(tx.conn(), &session, &Session::token_hash(ring, token.expose_secret()))?;
    Ok(token)
}

impl Session {
    /// What a session's token is kept as.
    pub fn token_hash(ring: &Keyring, token: &str) -> [u8; 32] {
        ring.hash(secret::Purpose::Session, &[token.as_bytes()])
    }

    /// Until when this session lasts when it is used at `now`.
    pub fn lasts_until(&self, now: Timestamp) -> Timestamp {
        (now + IDLE).min(self.created_at + LONGEST)
    }
}

/// Ends one of an account's logins, as its owner asks. `false`: it has no such login.
///
/// # Errors
/// When it can't be written.
pub fn revoke_session(tx: &mut Tx, now: Timestamp, by: Actor, account: AccountId, id: SessionId) -> Result<bool, Fault> {
    tx.alone()?;
    let ended = store::end_session_of(tx.conn(), account, id)?;
    if ended {
        audit::note(tx, now, by, Event::SessionEnded, account, None)?;
    }
    Ok(ended)
}

/// Ends all logins of an account but `kept`, as its owner asks, and says how many there were.
///
/// # Errors
/// When it can't be written.
pub fn revoke_other_sessions(tx: &mut Tx, now: Timestamp, by: Actor, account: AccountId, kept: SessionId) -> Result<usize, Fault> {
    tx.alone()?;
    let ended = store::end_other_sessions(tx.conn(), account, Some(kept))?;
    if ended > 0 {
        audit::note(tx, now, by, Event::SessionEnded, account, Some("all others"))?;
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_as_people_call_it() {
        let cases = [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1", "Safari on iPhone"),
            ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
            ("test", "An unknown browser"),
        ];
        for (agent, name) in cases {
            assert_eq!(browser(agent), name);
        }
    }

    #[test]
    fn a_place_is_coarse() {
        let place = |address: &str, agent: &str| SignIn { address: address.into(), agent: agent.into() }.place();
        assert_eq!(place("192.0.2.1", "Firefox/140 Linux"), place("192.0.99.7", "Firefox/141 Linux"));
        assert_eq!(place("::ffff:192.0.2.1", ""), place("192.0.2.1", ""));
        assert_eq!(place("2001:db8:1::1", ""), place("2001:db8:2::9", ""));
        assert_ne!(place("192.0.2.1", ""), place("192.1.2.1", ""));
        assert_ne!(place("192.0.2.1", "Firefox/140 Linux"), place("192.0.2.1", "Chrome/140 Linux"));
    }
}
