use diesel::prelude::*;

use super::Passkey;
use super::passkeys::Kind;
use crate::clock::Timestamp;
use crate::db::schema::{accounts, ceremonies, passkeys, recovery_codes};
use crate::db::{Conn, Fault};
use crate::ids::{AccountId, CeremonyId, PasskeyId};

/// A sealed TOTP secret, and the last step that was used.
type SealedTotp = (Vec<u8>, Option<i64>);

/// The authenticator app of an account.
pub(super) fn totp(conn: &mut Conn, account: AccountId) -> Result<Option<SealedTotp>, Fault> {
    let found = accounts::table.find(account).select((accounts::totp_sealed, accounts::totp_step)).first(conn).optional()?;
    let found: Option<(Option<Vec<u8>>, Option<i64>)> = found;
    Ok(found.and_then(|(sealed, step)| sealed.map(|sealed| (sealed, step))))
}

/// Keeps a new secret, and the step of the code that confirmed it. `false`: the account has one already.
pub(super) fn set_totp(conn: &mut Conn, account: AccountId, sealed: &[u8], step: i64) -> Result<bool, Fault> {
    let without = accounts::table.find(account).filter(accounts::totp_sealed.is_null());
    let changed =
        (accounts::totp_sealed.eq(Some(sealed)), accounts::totp_step.eq(Some(step)), accounts::revision.eq(accounts::revision + 1));
    Ok(diesel::update(without).set(changed).execute(conn)? == 1)
}

/// Forgets the secret. `false`: there was none.
pub(super) fn clear_totp(conn: &mut Conn, account: AccountId) -> Result<bool, Fault> {
    let with = accounts::table.find(account).filter(accounts::totp_sealed.is_not_null());
    let changed =
        (accounts::totp_sealed.eq(None::<Vec<u8>>), accounts::totp_step.eq(None::<i64>), accounts::revision.eq(accounts::revision + 1));
    Ok(diesel::update(with).set(changed).execute(conn)? == 1)
}

/// Uses a step up, and with it all before it. `false`: it was used already, here or on another node.
pub(super) fn use_step(conn: &mut Conn, account: AccountId, step: i64) -> Result<bool, Fault> {
    let unused = accounts::table.find(account).filter(accounts::totp_step.is_null().or(accounts::totp_step.lt(step)));
    Ok(diesel::update(unused).set(accounts::totp_step.eq(Some(step))).execute(conn)? == 1)
}

/// Puts new recovery codes in the place of all that were.
pub(super) fn replace_codes(conn: &mut Conn, account: AccountId, now: Timestamp, hashes: &[[u8; 32]]) -> Result<(), Fault> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::account_id.eq(account))).execute(conn)?;
    for hash in hashes {
        let code =
            (recovery_codes::code_hash.eq(hash.as_slice()), recovery_codes::account_id.eq(account), recovery_codes::created_at.eq(now));
        diesel::insert_into(recovery_codes::table).values(code).execute(conn)?;
    }
    Ok(())
}

/// Uses a recovery code up. `false`: there is none with this hash, or it was used already.
pub(super) fn use_code(conn: &mut Conn, account: AccountId, hash: &[u8], now: Timestamp) -> Result<bool, Fault> {
    let unused = recovery_codes::table.find(hash).filter(recovery_codes::account_id.eq(account).and(recovery_codes::used_at.is_null()));
    Ok(diesel::update(unused).set(recovery_codes::used_at.eq(Some(now))).execute(conn)? == 1)
}

/// How many recovery codes are left, and when one was last used.
pub(super) fn codes(conn: &mut Conn, account: AccountId) -> Result<(i64, Option<Timestamp>), Fault> {
    let of_account = recovery_codes::table.filter(recovery_codes::account_id.eq(account));
    let left = of_account.filter(recovery_codes::used_at.is_null()).count().get_result(conn)?;
    let used = of_account.filter(recovery_codes::used_at.is_not_null()).order(recovery_codes::used_at.desc());
    let last: Option<Option<Timestamp>> = used.select(recovery_codes::used_at).first(conn).optional()?;
    Ok((left, last.flatten()))
}

/// The passkeys of an account, oldest first.
pub(super) fn passkeys_of(conn: &mut Conn, account: AccountId) -> Result<Vec<Passkey>, Fault> {
    let of_account = passkeys::table.filter(passkeys::account_id.eq(account));
    Ok(of_account.order(passkeys::id).limit(super::MOST_PASSKEYS).select(Passkey::as_select()).load(conn)?)
}

pub(super) fn count_passkeys(conn: &mut Conn, account: AccountId) -> Result<i64, Fault> {
    Ok(passkeys::table.filter(passkeys::account_id.eq(account)).count().get_result(conn)?)
}

/// The passkey of an account by its id.
pub(super) fn passkey_of(conn: &mut Conn, account: AccountId, id: PasskeyId) -> Result<Option<Passkey>, Fault> {
    let theirs = passkeys::table.find(id).filter(passkeys::account_id.eq(account));
    Ok(theirs.select(Passkey::as_select()).first(conn).optional()?)
}

pub(super) fn has_passkey(conn: &mut Conn, account: AccountId) -> Result<bool, Fault> {
    let one: Option<PasskeyId> = passkeys::table.filter(passkeys::account_id.eq(account)).select(passkeys::id).first(conn).optional()?;
    Ok(one.is_some())
}

/// The passkey with this credential id, whoever has it.
pub(super) fn passkey_by(conn: &mut Conn, credential_id: &[u8]) -> Result<Option<Passkey>, Fault> {
    Ok(passkeys::table.filter(passkeys::credential_id.eq(credential_id)).select(Passkey::as_select()).first(conn).optional()?)
}

pub(super) fn insert_passkey(conn: &mut Conn, passkey: &Passkey, credential_id: &[u8]) -> Result<(), Fault> {
    diesel::insert_into(passkeys::table)
        .values((
            passkeys::id.eq(passkey.id),
            passkeys::account_id.eq(passkey.account_id),
            passkeys::credential_id.eq(credential_id),
            passkeys::name.eq(&passkey.name),
            passkeys::credential.eq(&passkey.credential),
            passkeys::created_at.eq(passkey.created_at),
        ))
        .execute(conn)?;
    Ok(())
}

/// Keeps what a use has changed: the counter, and when it was.
pub(super) fn use_passkey(conn: &mut Conn, id: PasskeyId, credential: &str, now: Timestamp) -> Result<(), Fault> {
    diesel::update(passkeys::table.find(id)).set((passkeys::credential.eq(credential), passkeys::used_at.eq(Some(now)))).execute(conn)?;
    Ok(())
}

pub(super) fn delete_passkey(conn: &mut Conn, account: AccountId, id: PasskeyId) -> Result<bool, Fault> {
    Ok(diesel::delete(passkeys::table.find(id).filter(passkeys::account_id.eq(account))).execute(conn)? == 1)
}

pub(super) struct NewCeremony<'a> {
    pub id: CeremonyId,
    pub account: Option<AccountId>,
    pub kind: Kind,
    pub state_sealed: &'a [u8],
    pub expires_at: Timestamp,
}

pub(super) fn insert_ceremony(conn: &mut Conn, new: &NewCeremony) -> Result<(), Fault> {
    diesel::insert_into(ceremonies::table)
        .values((
            ceremonies::id.eq(new.id),
            ceremonies::account_id.eq(new.account),
            ceremonies::kind.eq(new.kind),
            ceremonies::state_sealed.eq(new.state_sealed),
            ceremonies::expires_at.eq(new.expires_at),
        ))
        .execute(conn)?;
    Ok(())
}

/// Whose a ceremony is, if it began with somebody, and its sealed state.
pub(super) type Taken = (Option<AccountId>, Vec<u8>);

/// Takes a ceremony away, whatever becomes of the answer to it: each is good for one. `None`: it is gone or over.
pub(super) fn take_ceremony(conn: &mut Conn, id: CeremonyId, kind: Kind, now: Timestamp) -> Result<Option<Taken>, Fault> {
    let open = ceremonies::table.find(id).filter(ceremonies::kind.eq(kind).and(ceremonies::expires_at.gt(now)));
    let found: Option<Taken> = open.select((ceremonies::account_id, ceremonies::state_sealed)).first(conn).optional()?;
    let Some(found) = found else { return Ok(None) };
    Ok((diesel::delete(ceremonies::table.find(id)).execute(conn)? == 1).then_some(found))
}

/// Drops the ceremonies that nobody has answered in time.
///
/// # Errors
/// When the database does not answer.
pub fn trim_ceremonies(conn: &mut Conn, now: Timestamp) -> Result<usize, Fault> {
    Ok(diesel::delete(ceremonies::table.filter(ceremonies::expires_at.lt(now))).execute(conn)?)
}
