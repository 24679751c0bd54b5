//! What holds for one site otherwise than for the others: its limits, by the hub's team, and all else that few sites have.

mod store;

use std::num::NonZeroU32;

use serde::Serialize;

use super::brakes::Brake;
use super::model::{SiteError, ungrouped};
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

    /// Reads a rate or a burst; nothing typed: as for all.
    ///
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn rate(text: &str) -> Result<Option<NonZeroU32>, String> {
        let number = Self::number(text, Self::MOST_A_SECOND.into())?;
        Ok(number.and_then(|number| u32::try_from(number).ok()).and_then(NonZeroU32::new))
    }

    /// Reads a number from 1 to `most`; nothing typed: as for all.
    ///
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn number(text: &str, most: u64) -> Result<Option<u64>, String> {
        let digits = ungrouped(text.trim());
        if digits.is_empty() {
            return Ok(None);
        }
        match digits.parse::<u64>() {
            Ok(number) if (1..=most).contains(&number) && digits.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(number)),
            _ => Err(format!("Type a whole number from 1 to {most}, or leave it empty: then it is as for all.")),
        }
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_is_a_number_within_bounds_or_nothing() {
        assert_eq!(Terms::number(" ", 10), Ok(None));
        assert_eq!(Terms::number("25,000", Terms::MOST_USERS), Ok(Some(25_000)));
        assert_eq!(Terms::rate("100000"), Ok(NonZeroU32::new(100_000)));
        for wrong in ["0", "100001", "-1", "+5", "1e3", "many", "99999999999999999999"] {
            assert!(Terms::rate(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_within_bounds(text in "\\PC{0,20}", most in 1u64..1_000_000) {
            if let Ok(Some(number)) = Terms::number(&text, most) {
                prop_assert!((1..=most).contains(&number));
            }
        }
    }
}
