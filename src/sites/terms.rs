//! What holds for one site otherwise than for the others: its limits, by the hub's team, and all else that few sites have.

mod store;

use std::num::NonZeroU32;

use serde::Serialize;

use super::brakes::Brake;
use super::model::SiteError;
use super::store::find;
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Change, Conn, Fault, Tx};
use crate::ids::SiteId;
use crate::settings::Binding;
pub use store::{all_special, special, terms};

/// The limits of one site; what is not said is as for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Terms {
    pub max_site_users: Option<u64>,
    pub push_per_second: Option<NonZeroU32>,
    pub push_burst: Option<NonZeroU32>,
    pub push_per_day: Option<u64>,
    pub enrol_per_second: Option<NonZeroU32>,
    pub enrol_burst: Option<NonZeroU32>,
}

impl Terms {
    /// The most of each that one site may be given.
    pub const MOST_A_SECOND: u32 = 100_000;
    pub const MOST_A_DAY: u64 = 1_000_000_000;
    pub const MOST_USERS: u64 = 10_000_000;
}

/// What is special about a site; few have anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Special {
    /// Whether pushes to tokens that it has not enrolled are refused.
    pub binding: Option<Binding>,
    pub terms: Terms,
    pub brake: Option<Brake>,
}

/// The user limit of a site: its own, or the one for all.
///
/// # Errors
/// When the database does not answer.
pub fn max_users(conn: &mut Conn, site: SiteId, for_all: u64) -> Result<u64, Fault> {
    Ok(terms(conn, site)?.max_site_users.unwrap_or(for_all))
}

/// Sets the limits of one site. Within a second every node holds it to them. If its user limit changes, the caller applies
/// that in the same transaction ([`super::apply_user_limit`]).
///
/// # Errors
/// [`SiteError::Unknown`] when there is no such site.
pub fn set_terms(tx: &mut Tx, now: Timestamp, by: Actor, site: SiteId, after: &Terms, reason: &Reason) -> Result<(), SiteError> {
    tx.alone()?;
    find(tx.conn(), site)?.ok_or(SiteError::Unknown)?;
    let before = terms(tx.conn(), site)?;
    if before == *after {
        return Ok(());
    }
    store::put(tx.conn(), site, after)?;
    let change = audit::Change::between(&before, after);
    audit::note_change(tx, now, by, Event::TermsSet, site, Some(reason.as_str()), change)?;
    Ok(tx.changed(now, Change::Site(site))?)
}
