//! Second factors: codes of an app, passkeys, recovery codes. Each act runs in its caller's transaction; whoever has a
//! factor is told by mail of every change. That one is asked for, and when, is for the doors to say.

mod passkeys;
mod recovery;
mod store;
mod totp;

use diesel::prelude::*;
use secrecy::SecretString;

pub use passkeys::{Asked, Kind, RelyingParty, Reply, ask, ask_for_new, take};
pub use store::trim_ceremonies;
pub use totp::TotpSecret;

use crate::audit::{self, Actor, Event};
use crate::clock::Timestamp;
use crate::db::schema::passkeys as passkeys_table;
use crate::db::{Conn, Fault, Tx};
use crate::ids::{AccountId, PasskeyId, SessionId};
use crate::mail::Desk;
use crate::secret::Keyring;

/// How many passkeys an account may have.
const MOST_PASSKEYS: i64 = 20;

/// Who changes or uses whose factors, and when.
pub struct Hand<'a> {
    pub desk: &'a Desk,
    pub ring: &'a Keyring,
    pub now: Timestamp,
    pub by: Actor,
    pub account: AccountId,
}

/// A passkey of an account.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = passkeys_table)]
pub struct Passkey {
    pub id: PasskeyId,
    pub account_id: AccountId,
    pub name: String,
    /// Its public key and counter, as the library keeps them.
    pub(super) credential: String,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// What a passkey is called: 1 to 60 characters on one line.
#[derive(Clone, Debug)]
pub struct PasskeyName(String);

impl PasskeyName {
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("Give it a name, such as \"Phone\": by that you find it again.".into()),
            n if n > 60 => Err("At most 60 characters, please.".into()),
            _ if text.chars().any(char::is_control) => Err("A name is one line of text.".into()),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// What an account has beside its password.
#[derive(Clone)]
pub struct Factors {
    pub totp: bool,
    /// When a code of the app was last used, to half a minute.
    pub totp_used_at: Option<Timestamp>,
    pub passkeys: Vec<Passkey>,
    pub recovery_left: i64,
    pub recovery_used_at: Option<Timestamp>,
}

impl Factors {
    /// # Errors
    /// When the database does not answer.
    pub fn of(conn: &mut Conn, account: AccountId) -> Result<Self, Fault> {
        let totp = store::totp(conn, account)?;
        let (recovery_left, recovery_used_at) = store::codes(conn, account)?;
        Ok(Self {
            totp: totp.is_some(),
            totp_used_at: totp.and_then(|(_, step)| step).map(totp::began),
            passkeys: store::passkeys_of(conn, account)?,
            recovery_left,
            recovery_used_at,
        })
    }

    /// Whether a login takes more than the password.
    pub fn any(&self) -> bool {
        self.totp || !self.passkeys.is_empty()
    }
}

/// Whether an account has a second factor.
///
/// # Errors
/// When the database does not answer.
pub fn has_factor(conn: &mut Conn, account: AccountId) -> Result<bool, Fault> {
    Ok(store::totp(conn, account)?.is_some() || store::has_passkey(conn, account)?)
}

/// By which code somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByCode {
    Totp,
    Recovery,
}

/// Uses a code up: one of the app's, or a recovery code. `None`: it is neither, or was used before.
///
/// # Errors
/// When it can't be written.
pub fn use_code(tx: &mut Tx, hand: &Hand, typed: &str) -> Result<Option<ByCode>, Fault> {
    tx.alone()?;
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some((sealed, _)) = store::totp(tx.conn(), hand.account)?
        && let Some(secret) = TotpSecret::open(hand.ring, hand.account, &sealed)
        && let Some(step) = secret.step_of(&digits, hand.now)
    {
        return Ok(store::use_step(tx.conn(), hand.account, step)?.then_some(ByCode::Totp));
    }
    let Some(code) = recovery::normal(typed) else { return Ok(None) };
    if !store::use_code(tx.conn(), hand.account, &recovery::hash(hand.ring, hand.account, &code), hand.now)? {
        return Ok(None);
    }
    tell(tx, hand, "recovery_used")?;
    Ok(Some(ByCode::Recovery))
}

/// What became of setting up an app.
pub enum TotpSet {
    /// It is set up. With the first factor come the recovery codes.
    Done(Option<Vec<SecretString>>),
    /// The code is not one of this secret's.
    WrongCode,
    /// The account has an app already.
    Already,
}

/// Sets up an authenticator app, once a code shows that it has the secret. Other sessions than `kept` end: none of them has
/// shown the new factor.
///
/// # Errors
/// When it can't be written.
pub fn set_totp(tx: &mut Tx, hand: &Hand, secret: &TotpSecret, code: &str, kept: SessionId) -> Result<TotpSet, Fault> {
    tx.alone()?;
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let Some(step) = secret.step_of(&digits, hand.now) else { return Ok(TotpSet::WrongCode) };
    let first = !has_factor(tx.conn(), hand.account)?;
    if !store::set_totp(tx.conn(), hand.account, &secret.sealed(hand.ring, hand.account), step)? {
        return Ok(TotpSet::Already);
    }
    super::end_other_sessions(tx.conn(), hand.account, Some(kept))?;
    note(tx, hand, Event::FactorAdded, "authenticator app")?;
    tell(tx, hand, "totp_on")?;
    Ok(TotpSet::Done(first_codes(tx, hand, first)?))
}

/// Takes the app away. `false`: there was none.
///
/// # Errors
/// When it can't be written.
pub fn clear_totp(tx: &mut Tx, hand: &Hand) -> Result<bool, Fault> {
    tx.alone()?;
    if !store::clear_totp(tx.conn(), hand.account)? {
        return Ok(false);
    }
    note(tx, hand, Event::FactorRemoved, "authenticator app")?;
    tell(tx, hand, "totp_off")?;
    forget_codes_of_none(tx, hand)?;
    Ok(true)
}

/// What became of adding a passkey.
pub enum PasskeySet {
    /// It is added. With the first factor come the recovery codes.
    Done(Option<Vec<SecretString>>),
    /// The answer is none to what was asked, came too late, is of a passkey that is known already, or is one more than the
    /// account may have.
    Refused,
}

/// Adds a passkey, by the answer to [`ask_for_new`]. Other sessions than `kept` end.
///
/// # Errors
/// When it can't be written.
pub fn add_passkey(
    tx: &mut Tx,
    rp: &RelyingParty,
    hand: &Hand,
    reply: &Reply,
    name: &PasskeyName,
    kept: SessionId,
) -> Result<PasskeySet, Fault> {
    tx.alone()?;
    let first = !has_factor(tx.conn(), hand.account)?;
    let Some(passkey) = passkeys::take_new(tx, rp, hand, reply, &name.0)? else { return Ok(PasskeySet::Refused) };
    super::end_other_sessions(tx.conn(), hand.account, Some(kept))?;
    note(tx, hand, Event::FactorAdded, &format!("passkey {}", passkey.name))?;
    tell(tx, hand, "passkey_added")?;
    Ok(PasskeySet::Done(first_codes(tx, hand, first)?))
}

/// Takes a passkey away. `false`: the account has no such passkey.
///
/// # Errors
/// When it can't be written.
pub fn remove_passkey(tx: &mut Tx, hand: &Hand, id: PasskeyId) -> Result<bool, Fault> {
    tx.alone()?;
    let Some(passkey) = store::passkey_of(tx.conn(), hand.account, id)? else { return Ok(false) };
    if !store::delete_passkey(tx.conn(), hand.account, id)? {
        return Ok(false);
    }
    note(tx, hand, Event::FactorRemoved, &format!("passkey {}", passkey.name))?;
    tell(tx, hand, "passkey_removed")?;
    forget_codes_of_none(tx, hand)?;
    Ok(true)
}

/// Makes new recovery codes; the old ones are good for nothing then. `None`: there is no factor that they could stand
/// in for.
///
/// # Errors
/// When it can't be written.
pub fn new_codes(tx: &mut Tx, hand: &Hand) -> Result<Option<Vec<SecretString>>, Fault> {
    tx.alone()?;
    if !has_factor(tx.conn(), hand.account)? {
        return Ok(None);
    }
    let codes = make_codes(tx, hand)?;
    tell(tx, hand, "recovery_new")?;
    Ok(Some(codes))
}

fn first_codes(tx: &mut Tx, hand: &Hand, first: bool) -> Result<Option<Vec<SecretString>>, Fault> {
    if first { make_codes(tx, hand).map(Some) } else { Ok(None) }
}

fn make_codes(tx: &mut Tx, hand: &Hand) -> Result<Vec<SecretString>, Fault> {
    let codes: Vec<SecretString> = std::iter::repeat_with(recovery::random).take(recovery::COUNT).collect();
    let normal = codes.iter().filter_map(|code| recovery::normal(secrecy::ExposeSecret::expose_secret(code)));
    let hashes: Vec<[u8; 32]> = normal.map(|code| recovery::hash(hand.ring, hand.account, &code)).collect();
    store::replace_codes(tx.conn(), hand.account, hand.now, &hashes)?;
    note(tx, hand, Event::FactorAdded, "recovery codes")?;
    Ok(codes)
}

/// Without a factor there is nothing that a recovery code could stand in for.
fn forget_codes_of_none(tx: &mut Tx, hand: &Hand) -> Result<(), Fault> {
    if has_factor(tx.conn(), hand.account)? {
        return Ok(());
    }
    store::replace_codes(tx.conn(), hand.account, hand.now, &[])
}

fn note(tx: &mut Tx, hand: &Hand, event: Event, what: &str) -> Result<(), Fault> {
    audit::note(tx, hand.now, hand.by, event, hand.account, Some(what))
}

/// Tells the account's owner by mail what has changed.
fn tell(tx: &mut Tx, hand: &Hand, what: &str) -> Result<(), Fault> {
    super::letters::factor_changed(tx, hand.desk, hand.now, hand.account, what)
}
