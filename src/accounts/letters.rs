//! What an account's owner is told by mail of its safety.

use super::{SignIn, browser, store};
use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::ids::AccountId;
use crate::mail::{self, Desk, FactorChanged, NewLogin};

/// A factor was added, removed or used up. `what`: as [`FactorChanged`] has it.
pub(super) fn factor_changed(tx: &mut Tx, desk: &Desk, now: Timestamp, account: AccountId, what: &str) -> Result<(), Fault> {
    let Some(to) = store::find(tx.conn(), account)?.and_then(|account| account.recipient()) else { return Ok(()) };
    let letter = FactorChanged { hub: desk.hub(), name: to.name.clone(), what: what.to_owned(), link: desk.link("/account/security") };
    mail::post(tx, now, &to, &letter, None)?;
    Ok(())
}

/// Somebody has logged in from where they never did.
pub(super) fn new_login(tx: &mut Tx, desk: &Desk, now: Timestamp, account: AccountId, from: &SignIn) -> Result<(), Fault> {
    let Some(to) = store::find(tx.conn(), account)?.and_then(|account| account.recipient()) else { return Ok(()) };
    let letter = NewLogin {
        hub: desk.hub(),
        name: to.name.clone(),
        when: now.readable(),
        address: from.address.clone(),
        agent: browser(&from.agent),
        link: desk.link("/account"),
    };
    mail::post(tx, now, &to, &letter, None)?;
    Ok(())
}
