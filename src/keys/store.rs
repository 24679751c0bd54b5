use std::time::Duration;

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::{AccessKey, KeyHash, KeyKind, Permissions};
use crate::clock::Timestamp;
use crate::db::schema::{access_keys, key_networks};
use crate::db::text::literal;
use crate::db::{Conn, Fault, each};
use crate::ids::{DeviceId, KeyId, SiteId};
use crate::limits::Network;

pub(super) struct NewKey<'a> {
    pub id: KeyId,
    pub site: SiteId,
    pub kind: KeyKind,
    pub permissions: Permissions,
    /// Of a key that is one device's.
    pub device: Option<DeviceId>,
    pub prefix: &'a str,
    pub hash: KeyHash,
    /// The site's Moodle has asked for it by itself.
    pub requested: bool,
    pub now: Timestamp,
}

pub(super) fn insert(conn: &mut Conn, new: &NewKey) -> Result<(), Fault> {
    diesel::insert_into(access_keys::table)
        .values((
            access_keys::id.eq(new.id),
            access_keys::site_id.eq(new.site),
            access_keys::kind.eq(new.kind),
            access_keys::permissions.eq(new.permissions.bits()),
            access_keys::device_id.eq(new.device),
            access_keys::prefix.eq(new.prefix),
            access_keys::key_hash.eq(new.hash.as_bytes().as_slice()),
            access_keys::created_at.eq(new.now),
            access_keys::requested.eq(new.requested),
        ))
        .execute(conn)?;
    Ok(())
}

/// Revokes a working key of this site. `false`: there is none.
pub(super) fn revoke(conn: &mut Conn, site: SiteId, id: KeyId, now: Timestamp) -> Result<bool, Fault> {
    let working = access_keys::table.find(id).filter(access_keys::site_id.eq(site).and(access_keys::revoked_at.is_null()));
    Ok(diesel::update(working).set(access_keys::revoked_at.eq(now)).execute(conn)? == 1)
}

/// The keys that a site's Moodle has asked for, and that have no successor yet.
///
/// # Errors
/// When the database does not answer.
pub fn requested(conn: &mut Conn, site: SiteId) -> Result<Vec<KeyId>, Fault> {
    let of_site = access_keys::table.filter(access_keys::site_id.eq(site).and(access_keys::requested.eq(true)));
    let current = of_site.filter(access_keys::revoked_at.is_null().and(access_keys::expires_at.is_null()));
    Ok(current.order(access_keys::id).select(access_keys::id).load(conn)?)
}

/// Gives a key a successor: it works until `end`.
pub(super) fn succeed(conn: &mut Conn, id: KeyId, successor: KeyId, end: Timestamp) -> Result<(), Fault> {
    let ends = (access_keys::expires_at.eq(end), access_keys::successor_id.eq(successor));
    diesel::update(access_keys::table.find(id)).set(ends).execute(conn)?;
    Ok(())
}

/// The keys of a kind that still work and have an end: those never used first, then the one that ends first.
pub(super) fn ending(conn: &mut Conn, site: SiteId, kind: KeyKind, now: Timestamp) -> Result<Vec<KeyId>, Fault> {
    let of_site = access_keys::table.filter(access_keys::site_id.eq(site).and(access_keys::kind.eq(kind)));
    let ending = of_site.filter(access_keys::revoked_at.is_null().and(access_keys::expires_at.gt(now)));
    Ok(ending
        .order((access_keys::last_used_at.is_not_null(), access_keys::expires_at, access_keys::id))
        .select(access_keys::id)
        .load(conn)?)
}

/// Ends a key.
pub(super) fn end(conn: &mut Conn, id: KeyId, now: Timestamp) -> Result<(), Fault> {
    diesel::update(access_keys::table.find(id)).set(access_keys::expires_at.eq(now)).execute(conn)?;
    Ok(())
}

/// The keys of a site that were not revoked.
pub(super) fn working(conn: &mut Conn, site: SiteId) -> Result<Vec<KeyId>, Fault> {
    let working = access_keys::table.filter(access_keys::site_id.eq(site).and(access_keys::revoked_at.is_null()));
    Ok(working.select(access_keys::id).load(conn)?)
}

/// The keys of a site but for those of single devices: those not revoked first, and the newest first.
///
/// # Errors
/// When the database does not answer.
pub fn of_site(conn: &mut Conn, site: SiteId, most: i64) -> Result<Vec<AccessKey>, Fault> {
    let of_site = access_keys::table.filter(access_keys::site_id.eq(site).and(access_keys::kind.ne(KeyKind::Device)));
    let order = (access_keys::revoked_at.is_not_null(), access_keys::id.desc());
    Ok(of_site.order(order).limit(most).select(AccessKey::as_select()).load(conn)?)
}

pub(super) fn count_working(conn: &mut Conn, site: SiteId, kind: KeyKind, now: Timestamp) -> Result<i64, Fault> {
    let working = access_keys::table
        .filter(access_keys::site_id.eq(site).and(access_keys::kind.eq(kind)).and(access_keys::revoked_at.is_null()))
        .filter(access_keys::expires_at.is_null().or(access_keys::expires_at.gt(now)));
    Ok(working.count().get_result(conn)?)
}

/// A key and what it hashes to, for the table in memory.
#[derive(Queryable, Selectable)]
#[diesel(table_name = access_keys)]
pub(super) struct Hashed {
    #[diesel(embed)]
    pub key: AccessKey,
    pub key_hash: Vec<u8>,
}

/// Keys in the order of their ids, for loading the table: those that work, and those revoked or ended since.
pub(super) fn hashed_after(conn: &mut Conn, after: Option<KeyId>, since: Timestamp, most: i64) -> Result<Vec<Hashed>, Fault> {
    let revoked = access_keys::revoked_at.is_null().or(access_keys::revoked_at.gt(since));
    let told = revoked.and(access_keys::expires_at.is_null().or(access_keys::expires_at.gt(since)));
    let mut query = access_keys::table.filter(told).order(access_keys::id).limit(most).select(Hashed::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(access_keys::id.gt(after));
    }
    Ok(query.load(conn)?)
}

pub(super) fn hashed(conn: &mut Conn, id: KeyId) -> Result<Option<Hashed>, Fault> {
    Ok(access_keys::table.find(id).select(Hashed::as_select()).first(conn).optional()?)
}

/// How a key was used on one node since that was last written.
#[derive(Clone, Debug)]
pub struct Use {
    pub key: KeyId,
    pub at: Timestamp,
    pub count: i64,
    /// The network around the address of the last use, where it is known.
    pub network: Option<String>,
    pub site: SiteId,
    /// The networks from which a site's own key came that was somewhere else before.
    pub networks: Vec<Network>,
}

/// Adds to how often keys were used, and writes when and from where. Of two nodes the one that writes last is believed: they
/// are a minute apart at most.
///
/// # Errors
/// When the database does not answer.
pub fn note_use(conn: &mut Conn, used: &[Use]) -> Result<(), Fault> {
    for Use { key, at, count, network, site, networks } in used {
        let last = (access_keys::last_used_at.eq(at), access_keys::last_network.eq(network));
        diesel::update(access_keys::table.find(key))
            .set((access_keys::use_count.eq(access_keys::use_count + count), last))
            .execute(conn)?;
        for network in networks {
            note_network(conn, *key, *site, &network.coarse(), *at)?;
        }
    }
    Ok(())
}

fn note_network(conn: &mut Conn, key: KeyId, site: SiteId, network: &str, at: Timestamp) -> Result<(), Fault> {
    let values =
        (key_networks::key_id.eq(key), key_networks::network.eq(network), key_networks::site_id.eq(site), key_networks::seen_at.eq(at));
    each!(conn, c => diesel::insert_into(key_networks::table)
        .values(values)
        .on_conflict((key_networks::key_id, key_networks::network))
        .do_update()
        .set(key_networks::seen_at.eq(excluded(key_networks::seen_at)))
        .execute(c))?;
    Ok(())
}

/// The sites with a key of their own that was used from at least so many networks since a moment, each with those networks: at
/// most `most` keys.
///
/// # Errors
/// When the database does not answer.
pub fn used_from_many(conn: &mut Conn, since: Timestamp, least: i64, most: i64) -> Result<Vec<(SiteId, Vec<String>)>, Fault> {
    let keys: Vec<KeyId> = key_networks::table
        .filter(key_networks::seen_at.ge(since))
        .group_by(key_networks::key_id)
        .having(count_star().ge(least))
        .select(key_networks::key_id)
        .limit(most)
        .load(conn)?;
    let with_networks = keys.into_iter().filter_map(|key| {
        let lately = key_networks::table.filter(key_networks::key_id.eq(key).and(key_networks::seen_at.ge(since)));
        let rows = lately.order(key_networks::seen_at.desc()).select((key_networks::site_id, key_networks::network)).load(conn);
        match rows {
            Ok(rows) => {
                let rows: Vec<(SiteId, String)> = rows;
                let site = rows.first()?.0;
                Some(Ok((site, rows.into_iter().map(|(_, network)| network).collect())))
            }
            Err(fault) => Some(Err(Fault::from(fault))),
        }
    });
    with_networks.collect()
}

/// Erases from where a site's keys were used.
///
/// # Errors
/// When it can't be written.
pub fn erase_networks(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    let known = access_keys::table.filter(access_keys::site_id.eq(site).and(access_keys::last_network.is_not_null()));
    diesel::update(known).set(access_keys::last_network.eq(None::<String>)).execute(conn)?;
    diesel::delete(key_networks::table.filter(key_networks::site_id.eq(site))).execute(conn)?;
    Ok(())
}

/// Forgets from which networks keys were used before a moment, `most` of them at once. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn trim_networks(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let old = key_networks::table.filter(key_networks::seen_at.lt(before)).order(key_networks::seen_at).limit(most);
    let old: Vec<(KeyId, String)> = old.select((key_networks::key_id, key_networks::network)).load(conn)?;
    for (key, network) in &old {
        // It may have been seen again meanwhile.
        let one = key_networks::table.find((key, network)).filter(key_networks::seen_at.lt(before));
        diesel::delete(one).execute(conn)?;
    }
    Ok(old.len())
}

/// Erases the network of the last use of keys that have ended before a moment, of `most` at once. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn erase_networks_of_ended(conn: &mut Conn, before: Timestamp, most: i64) -> Result<usize, Fault> {
    let ended = access_keys::revoked_at.lt(before).or(access_keys::expires_at.lt(before));
    let known = access_keys::table.filter(ended.and(access_keys::last_network.is_not_null()));
    let known: Vec<KeyId> = known.order(access_keys::id).limit(most).select(access_keys::id).load(conn)?;
    let known_now = access_keys::table.filter(access_keys::id.eq_any(&known));
    Ok(diesel::update(known_now).set(access_keys::last_network.eq(None::<String>)).execute(conn)?)
}

/// A key of a site.
///
/// # Errors
/// When the database does not answer.
pub fn find(conn: &mut Conn, site: SiteId, id: KeyId) -> Result<Option<AccessKey>, Fault> {
    let of_site = access_keys::table.find(id).filter(access_keys::site_id.eq(site));
    Ok(of_site.select(AccessKey::as_select()).first(conn).optional()?)
}

/// Keys that begin with a text, as lists show their beginnings; the newest first.
///
/// # Errors
/// When the database does not answer.
pub fn beginning_with(conn: &mut Conn, text: &str, most: i64) -> Result<Vec<AccessKey>, Fault> {
    let exact = access_keys::table.filter(access_keys::prefix.eq(text)).order(access_keys::id.desc()).limit(most);
    let found: Vec<AccessKey> = exact.select(AccessKey::as_select()).load(conn)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let shorter = access_keys::table.order(access_keys::id.desc()).limit(most).select(AccessKey::as_select()).into_boxed();
    // Each in the words by which its index of prefixes serves. SQLite compares bytes, and its LIKE knows no case; PostgreSQL
    // compares as its collation says, and its LIKE takes a backslash for what it escapes by itself.
    let shorter = match conn {
        Conn::Sqlite(_) => {
            let beyond = format!("{text}{}", char::MAX);
            shorter.filter(access_keys::prefix.ge(text.to_owned()).and(access_keys::prefix.lt(beyond)))
        }
        Conn::Postgres(_) => {
            let begins = format!("{}%", literal(text));
            shorter.filter(access_keys::prefix.like(begins))
        }
    };
    Ok(shorter.load(conn)?)
}

/// A key of whatever site.
pub(super) fn by_id(conn: &mut Conn, id: KeyId) -> Result<Option<AccessKey>, Fault> {
    Ok(access_keys::table.find(id).select(AccessKey::as_select()).first(conn).optional()?)
}

/// A key by what it hashes to.
///
/// # Errors
/// When the database does not answer.
pub(super) fn by_hash(conn: &mut Conn, hash: &KeyHash) -> Result<Option<AccessKey>, Fault> {
    let same = access_keys::table.filter(access_keys::key_hash.eq(hash.as_bytes().as_slice()));
    Ok(same.select(AccessKey::as_select()).first(conn).optional()?)
}

/// The keys of a site, newest first, older than `before`.
///
/// # Errors
/// When the database does not answer.
pub fn page(conn: &mut Conn, site: SiteId, before: Option<KeyId>, most: i64) -> Result<Vec<AccessKey>, Fault> {
    let of_site = access_keys::table.filter(access_keys::site_id.eq(site));
    let mut query = of_site.order(access_keys::id.desc()).limit(most).select(AccessKey::as_select()).into_boxed();
    if let Some(before) = before {
        query = query.filter(access_keys::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// The keys of devices that were not revoked.
pub(super) fn working_of_devices(conn: &mut Conn, devices: &[DeviceId]) -> Result<Vec<(SiteId, KeyId)>, Fault> {
    let of_devices = access_keys::table.filter(access_keys::device_id.eq_any(devices).and(access_keys::revoked_at.is_null()));
    Ok(of_devices.select((access_keys::site_id, access_keys::id)).load(conn)?)
}

/// The keys of one device, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn of_device(conn: &mut Conn, device: DeviceId, most: i64) -> Result<Vec<AccessKey>, Fault> {
    let of_device = access_keys::table.filter(access_keys::device_id.eq(device));
    Ok(of_device.order(access_keys::id.desc()).limit(most).select(AccessKey::as_select()).load(conn)?)
}

/// The keys of a device that still work and have an end: the one that ends first first.
pub(super) fn ending_of_device(conn: &mut Conn, device: DeviceId, now: Timestamp) -> Result<Vec<KeyId>, Fault> {
    let of_device = access_keys::table.filter(access_keys::device_id.eq(device));
    let ending = of_device.filter(access_keys::revoked_at.is_null().and(access_keys::expires_at.gt(now)));
    Ok(ending.order((access_keys::expires_at, access_keys::id)).select(access_keys::id).load(conn)?)
}

/// How many working keys one device has.
pub(super) fn count_working_of_device(conn: &mut Conn, device: DeviceId, now: Timestamp) -> Result<i64, Fault> {
    let working = access_keys::table
        .filter(access_keys::device_id.eq(device).and(access_keys::revoked_at.is_null()))
        .filter(access_keys::expires_at.is_null().or(access_keys::expires_at.gt(now)));
    Ok(working.count().get_result(conn)?)
}

/// Keys that end within `within` of now and were used as lately, of which nobody was told, with when their successors were made.
pub(super) fn ending_untold(conn: &mut Conn, now: Timestamp, within: Duration) -> Result<Vec<(AccessKey, Timestamp)>, Fault> {
    let successor = diesel::alias!(access_keys as successor);
    let ending = access_keys::expires_at.gt(now).and(access_keys::expires_at.le(now + within)).and(access_keys::revoked_at.is_null());
    let joined = access_keys::table
        .inner_join(successor.on(successor.field(access_keys::id).nullable().eq(access_keys::successor_id)))
        .filter(ending.and(access_keys::end_told_at.is_null()).and(access_keys::last_used_at.gt(now - within)));
    Ok(joined.order(access_keys::id).limit(500).select((AccessKey::as_select(), successor.field(access_keys::created_at))).load(conn)?)
}

/// Notes that the owner is told of a key's end. `false`: somebody was faster.
pub(super) fn note_end_told(conn: &mut Conn, id: KeyId, now: Timestamp) -> Result<bool, Fault> {
    let untold = access_keys::table.find(id).filter(access_keys::end_told_at.is_null());
    Ok(diesel::update(untold).set(access_keys::end_told_at.eq(now)).execute(conn)? == 1)
}

/// Keys of sites and for devices that work without an end, made before `made_before` and used since `used_since`, whose age
/// nobody was told of since `told_before`.
pub(super) fn old_untold(
    conn: &mut Conn,
    made_before: Timestamp,
    used_since: Timestamp,
    told_before: Timestamp,
) -> Result<Vec<AccessKey>, Fault> {
    let old = access_keys::created_at.lt(made_before).and(access_keys::expires_at.is_null()).and(access_keys::revoked_at.is_null());
    let untold = access_keys::age_told_at.is_null().or(access_keys::age_told_at.lt(told_before));
    let used = access_keys::last_used_at.gt(used_since).and(access_keys::device_id.is_null());
    let found = access_keys::table.filter(old.and(untold).and(used)).order(access_keys::id).limit(500);
    Ok(found.select(AccessKey::as_select()).load(conn)?)
}

/// Notes that the owner is told of a key's age. `false`: somebody was faster.
pub(super) fn note_age_told(conn: &mut Conn, id: KeyId, now: Timestamp, told_before: Timestamp) -> Result<bool, Fault> {
    let untold = access_keys::age_told_at.is_null().or(access_keys::age_told_at.lt(told_before));
    let key = access_keys::table.find(id).filter(untold);
    Ok(diesel::update(key).set(access_keys::age_told_at.eq(now)).execute(conn)? == 1)
}
