use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::upsert::excluded;

use crate::clock::Timestamp;
use crate::db::schema::hub_hourly;
use crate::db::{Conn, Fault, Tx, each};
use crate::ids::SiteId;
use crate::push::count::SiteTally;

/// Adds what was counted of several sites. Last in its transaction and in one order: every node adds to these rows.
pub(in crate::push) fn add(tx: &mut Tx, tallies: &BTreeMap<&SiteId, &SiteTally>) -> Result<(), Fault> {
    let mut sums: HashMap<(Timestamp, &str), i64> = HashMap::new();
    for (hour, code, count) in tallies.values().flat_map(|tally| &tally.by_code) {
        *sums.entry((*hour, code)).or_default() += count;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_unstable();
    for ((hour, code), count) in sums {
        let values = (hub_hourly::hour.eq(hour), hub_hourly::code.eq(code), hub_hourly::pushes.eq(count));
        each!(tx.conn(), c => diesel::insert_into(hub_hourly::table)
            .values(values)
            .on_conflict((hub_hourly::hour, hub_hourly::code))
            .do_update()
            .set(hub_hourly::pushes.eq(hub_hourly::pushes + excluded(hub_hourly::pushes)))
            .execute(c))?;
    }
    Ok(())
}

pub(super) fn since(conn: &mut Conn, first: Timestamp) -> Result<Vec<(Timestamp, String, i64)>, Fault> {
    let rows = hub_hourly::table.filter(hub_hourly::hour.ge(first));
    Ok(rows.select((hub_hourly::hour, hub_hourly::code, hub_hourly::pushes)).load(conn)?)
}
