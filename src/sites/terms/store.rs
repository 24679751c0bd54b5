use std::collections::HashMap;
use std::num::NonZeroU32;

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::{Special, Terms};
use crate::clock::Timestamp;
use crate::db::schema::site_terms::{self as table, dsl};
use crate::db::{Conn, Fault, each};
use crate::ids::SiteId;
use crate::sites::brakes;

/// What is said of a site, as stored.
#[derive(Queryable, Selectable)]
#[diesel(table_name = table)]
struct Row {
    site_id: SiteId,
    binding: Option<String>,
    max_site_users: Option<i64>,
    push_per_second: Option<i64>,
    push_burst: Option<i64>,
    push_per_day: Option<i64>,
    enrol_per_second: Option<i64>,
    enrol_burst: Option<i64>,
}

/// A rate as stored; what is out of bounds was not written here and is as for all.
fn rate(stored: Option<i64>) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(stored?).ok()?)
}

fn number(stored: Option<i64>) -> Option<u64> {
    u64::try_from(stored?).ok()
}

impl Row {
    fn terms(&self) -> Terms {
        Terms {
            max_site_users: number(self.max_site_users),
            push_per_second: rate(self.push_per_second),
            push_burst: rate(self.push_burst),
            push_per_day: number(self.push_per_day),
            enrol_per_second: rate(self.enrol_per_second),
            enrol_burst: rate(self.enrol_burst),
        }
    }

    fn special(self) -> Result<Special, Fault> {
        let (site, terms) = (self.site_id, self.terms());
        let binding = self.binding.map(|word| word.parse().map_err(|_| Fault::Unreadable(format!("binding of site {site}"))));
        Ok(Special { binding: binding.transpose()?, terms, brake: None })
    }
}

/// The limits of one site.
///
/// # Errors
/// When the database does not answer.
pub fn terms(conn: &mut Conn, site: SiteId) -> Result<Terms, Fault> {
    let row: Option<Row> = dsl::site_terms.find(site).select(Row::as_select()).first(conn).optional()?;
    Ok(row.map(|row| row.terms()).unwrap_or_default())
}

/// What is special about a site.
///
/// # Errors
/// When the database does not answer.
pub fn special(conn: &mut Conn, site: SiteId) -> Result<Special, Fault> {
    let row: Option<Row> = dsl::site_terms.find(site).select(Row::as_select()).first(conn).optional()?;
    let special = row.map(Row::special).transpose()?.unwrap_or_default();
    Ok(Special { brake: brakes::brake_of(conn, site)?, ..special })
}

/// All sites about which anything is special.
///
/// # Errors
/// When the database does not answer.
pub fn all_special(conn: &mut Conn, now: Timestamp) -> Result<HashMap<SiteId, Special>, Fault> {
    let rows: Vec<Row> = dsl::site_terms.select(Row::as_select()).load(conn)?;
    let mut all = rows.into_iter().map(|row| Ok((row.site_id, row.special()?))).collect::<Result<HashMap<_, _>, Fault>>()?;
    for (site, brake) in brakes::brakes_now(conn, now)? {
        all.entry(site).or_default().brake = Some(brake);
    }
    all.retain(|_, special| *special != Special::default());
    Ok(all)
}

pub(super) fn put(conn: &mut Conn, site: SiteId, terms: &Terms) -> Result<(), Fault> {
    let stored = |number: Option<u64>| number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let rate = |rate: Option<NonZeroU32>| rate.map(|rate| i64::from(rate.get()));
    let values = (
        table::site_id.eq(site),
        table::max_site_users.eq(stored(terms.max_site_users)),
        table::push_per_second.eq(rate(terms.push_per_second)),
        table::push_burst.eq(rate(terms.push_burst)),
        table::push_per_day.eq(stored(terms.push_per_day)),
        table::enrol_per_second.eq(rate(terms.enrol_per_second)),
        table::enrol_burst.eq(rate(terms.enrol_burst)),
    );
    each!(conn, c => diesel::insert_into(dsl::site_terms)
        .values(values)
        .on_conflict(table::site_id)
        .do_update()
        .set((
            table::max_site_users.eq(excluded(table::max_site_users)),
            table::push_per_second.eq(excluded(table::push_per_second)),
            table::push_burst.eq(excluded(table::push_burst)),
            table::push_per_day.eq(excluded(table::push_per_day)),
            table::enrol_per_second.eq(excluded(table::enrol_per_second)),
            table::enrol_burst.eq(excluded(table::enrol_burst)),
        ))
        .execute(c))?;
    Ok(())
}
