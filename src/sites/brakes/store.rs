use diesel::prelude::*;

use super::Brake;
use crate::clock::Timestamp;
use crate::db::schema::brakes::{self as table, dsl};
use crate::db::{Conn, Fault};
use crate::ids::{CaseId, SiteId};

/// A brake as stored.
#[derive(Queryable, Selectable)]
#[diesel(table_name = table)]
struct Row {
    site_id: SiteId,
    push_per_second: i64,
    push_per_day: i64,
    enrol_per_second: i64,
    until: Timestamp,
    case_id: Option<CaseId>,
    automatic: bool,
}

impl Row {
    fn brake(self) -> Brake {
        // What is out of bounds was not written here: the tightest is meant.
        Brake {
            push_per_second: u32::try_from(self.push_per_second).unwrap_or(0),
            push_per_day: u64::try_from(self.push_per_day).unwrap_or(0),
            enrol_per_second: u32::try_from(self.enrol_per_second).unwrap_or(0),
            until: self.until,
            case: self.case_id,
            automatic: self.automatic,
        }
    }
}

/// What slows a site down, also when its time is over and nobody has taken it away yet.
///
/// # Errors
/// When the database does not answer.
pub fn brake_of(conn: &mut Conn, site: SiteId) -> Result<Option<Brake>, Fault> {
    let row: Option<Row> = dsl::brakes.find(site).select(Row::as_select()).first(conn).optional()?;
    Ok(row.map(Row::brake))
}

/// All sites that are slowed down now.
///
/// # Errors
/// When the database does not answer.
pub fn brakes_now(conn: &mut Conn, now: Timestamp) -> Result<Vec<(SiteId, Brake)>, Fault> {
    let rows: Vec<Row> = dsl::brakes.filter(table::until.gt(now)).select(Row::as_select()).load(conn)?;
    Ok(rows.into_iter().map(|row| (row.site_id, row.brake())).collect())
}

/// Whose brake has run out and is to be taken away, with the case that it belongs to: `most` of them.
///
/// # Errors
/// When the database does not answer.
pub fn ended_brakes(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<(SiteId, Option<CaseId>)>, Fault> {
    let ended = dsl::brakes.filter(table::until.le(now)).order((table::until, table::site_id)).limit(most);
    Ok(ended.select((table::site_id, table::case_id)).load(conn)?)
}

pub(super) fn put(conn: &mut Conn, site: SiteId, brake: &Brake, now: Timestamp) -> Result<(), Fault> {
    let values = (
        table::site_id.eq(site),
        table::push_per_second.eq(i64::from(brake.push_per_second)),
        table::push_per_day.eq(i64::try_from(brake.push_per_day).unwrap_or(i64::MAX)),
        table::enrol_per_second.eq(i64::from(brake.enrol_per_second)),
        table::until.eq(brake.until),
        table::case_id.eq(brake.case),
        table::automatic.eq(brake.automatic),
        table::set_at.eq(now),
    );
    // One at a time for a site: its caller writes alone.
    remove(conn, site)?;
    diesel::insert_into(dsl::brakes).values(values).execute(conn)?;
    Ok(())
}

pub(super) fn remove(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    diesel::delete(dsl::brakes.find(site)).execute(conn)?;
    Ok(())
}
