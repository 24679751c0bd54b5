//! What has been kept for its time goes. Each step is a short transaction over a bounded number of rows, and may be
//! repeated: what is left is for the next one.

use std::time::Duration;

use crate::abuse;
use crate::audit::{self, Actor};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::keys;
use crate::mail::{self, Erase};
use crate::push;
use crate::settings::Privacy;
use crate::sites::{self, SiteError};

/// How long it is known from which networks a key was used.
pub const NETWORKS_FOR: Duration = Duration::from_secs(7 * 86_400);
/// How many rows one step takes.
const AT_ONCE: i64 = 500;

/// What is kept for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Letters,
    Refusals,
    Contacts,
    Pushes,
    Networks,
    NetworksOfEndedKeys,
    AuditAddresses,
    Reports,
    Cases,
}

impl Kept {
    pub const ALL: [Self; 9] = [
        Self::Letters,
        Self::Refusals,
        Self::Contacts,
        Self::Pushes,
        Self::Networks,
        Self::NetworksOfEndedKeys,
        Self::AuditAddresses,
        Self::Reports,
        Self::Cases,
    ];
}

/// Erases the next part of what is too old. `true`: nothing of it is left.
///
/// # Errors
/// When it can't be written.
pub fn step(tx: &mut Tx, now: Timestamp, kept: Kept, periods: &Privacy) -> Result<bool, SiteError> {
    let erased = match kept {
        Kept::Letters => mail::erase(tx.conn(), now, Erase::EndedBefore(now - periods.letters_for), AT_ONCE)?,
        Kept::Refusals => mail::trim_refusing(tx.conn(), now - periods.letters_for, AT_ONCE)?,
        Kept::Contacts => sites::erase_contacts(tx, now - periods.contacts_for, AT_ONCE)?.len(),
        Kept::Pushes => push::trim_recent(tx.conn(), now - periods.pushes_for, AT_ONCE)?,
        Kept::Networks => keys::trim_networks(tx.conn(), now - NETWORKS_FOR, AT_ONCE)?,
        Kept::NetworksOfEndedKeys => keys::erase_networks_of_ended(tx.conn(), now - NETWORKS_FOR, AT_ONCE)?,
        Kept::AuditAddresses => audit::forget_addresses(tx, now, Actor::Hub, now - periods.audit_addresses_for, AT_ONCE)?,
        Kept::Reports => abuse::trim_reports(tx.conn(), now - periods.reports_for, AT_ONCE)?,
        Kept::Cases => abuse::erase_words(tx.conn(), now - periods.cases_for, AT_ONCE)?,
    };
    Ok(i64::try_from(erased).unwrap_or(0) < AT_ONCE)
}
