use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::{About, Attention};
use crate::clock::Timestamp;
use crate::db::schema::sites;
use crate::db::{Conn, Fault};
use crate::ids::SiteId;
use crate::sites::SiteState;

/// How long whoever has registered a site has at least to prove it before the team looks at it: to the end of that day.
const PATIENCE: Duration = Duration::from_secs(3 * 86_400);
/// For how long a site that nobody proves is worth a look.
const RECENT: Duration = Duration::from_secs(30 * 86_400);
/// Up to how many devices are counted one by one.
const COUNTED: u64 = 100_000;

/// What needs somebody, each counted up to `most`.
///
/// # Errors
/// When the database does not answer.
pub fn attention(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Attention, Fault> {
    // Few are held or over the limit, and those have indexes of their own. As a plain column the state would lead SQLite to the
    // index of states, and so to nearly all sites.
    let state = || sites::state.concat("");
    let open = [SiteState::Unverified, SiteState::Claimed];
    let held = sites::table.filter(sites::held_since.is_not_null().and(sites::refused_at.is_null())).filter(state().eq_any(open));
    // As the lists that are led to have it: what would push but for the limit.
    let stands = || state().eq(SiteState::Active).or(state().eq(SiteState::Claimed).and(sites::held_since.is_null()));
    let wanted = || sites::push_stopped.eq(false).and(sites::push_wanted.eq(true));
    let over = sites::table.filter(sites::over_limit_since.is_not_null().and(sites::grace_until.is_null()));
    let grace = sites::table.filter(sites::over_limit_since.is_not_null().and(sites::grace_until.is_not_null()));
    // Ids run in time order: those of the last month are one stretch of the index of states.
    let recent = sites::table.filter(sites::state.eq(SiteState::Unverified).and(sites::held_since.is_null()));
    let recent = recent.filter(sites::id.gt(SiteId::new(now - RECENT)).and(sites::id.lt(SiteId::new((now - PATIENCE).day()))));
    Ok(Attention {
        held: held.limit(most).select(sites::id).load::<SiteId>(conn)?.len(),
        over_limit: over.filter(stands()).filter(wanted()).limit(most).select(sites::id).load::<SiteId>(conn)?.len(),
        in_grace: grace.filter(stands()).filter(wanted()).limit(most).select(sites::id).load::<SiteId>(conn)?.len(),
        unproved: recent.limit(most).select(sites::id).load::<SiteId>(conn)?.len(),
    })
}

/// How many sites are in each state: read from the index of states alone.
///
/// # Errors
/// When the database does not answer.
pub fn count_states(conn: &mut Conn) -> Result<Vec<(SiteState, u64)>, Fault> {
    let counted: Vec<(SiteState, i64)> =
        sites::table.group_by(sites::state).select((sites::state, diesel::dsl::count_star())).load(conn)?;
    let of = |state: SiteState| counted.iter().find(|(known, _)| *known == state).map_or(0, |(_, n)| u64::try_from(*n).unwrap_or(0));
    Ok(SiteState::ALL.iter().map(|state| (*state, of(*state))).collect())
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many devices there are: by PostgreSQL's own estimate where they are many; SQLite keeps none.
///
/// # Errors
/// When the database does not answer.
pub fn count_devices(conn: &mut Conn) -> Result<About, Fault> {
    let some = format!("SELECT count(*) AS n FROM (SELECT 1 FROM devices LIMIT {}) AS counted", COUNTED + 1);
    let number = |rows: Vec<Counted>| rows.first().map_or(0, |row| u64::try_from(row.n).unwrap_or(0));
    match conn {
        Conn::Sqlite(c) => Ok(match number(diesel::sql_query(some).load(c)?) {
            n if n > COUNTED => About::MoreThan(COUNTED),
            n => About::Exactly(n),
        }),
        Conn::Postgres(c) => {
            let estimate = "SELECT reltuples::bigint AS n FROM pg_class WHERE oid = 'devices'::regclass";
            match number(diesel::sql_query(estimate).load(c)?) {
                n if n > COUNTED => Ok(About::Roughly(n)),
                _ => Ok(match number(diesel::sql_query(some).load(c)?) {
                    n if n > COUNTED => About::MoreThan(COUNTED),
                    n => About::Exactly(n),
                }),
            }
        }
    }
}
