use diesel::prelude::*;

use super::{AccessKey, KeyHash, KeyKind, Permissions};
use crate::clock::Timestamp;
use crate::db::schema::access_keys;
use crate::db::{Conn, Fault};
use crate::ids::{KeyId, SiteId};

pub(super) struct NewKey<'a> {
    pub id: KeyId,
    pub site: SiteId,
    pub kind: KeyKind,
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
            access_keys::permissions.eq(Permissions::of(new.kind).bits()),
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

/// The keys of a site, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn of_site(conn: &mut Conn, site: SiteId, most: i64) -> Result<Vec<AccessKey>, Fault> {
    let of_site = access_keys::table.filter(access_keys::site_id.eq(site));
    Ok(of_site.order(access_keys::id.desc()).limit(most).select(AccessKey::as_select()).load(conn)?)
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

/// Keys in the order of their ids, for loading the table: those that work, and those revoked since.
pub(super) fn hashed_after(conn: &mut Conn, after: Option<KeyId>, revoked_since: Timestamp, most: i64) -> Result<Vec<Hashed>, Fault> {
    let told = access_keys::revoked_at.is_null().or(access_keys::revoked_at.gt(revoked_since));
    let mut query = access_keys::table.filter(told).order(access_keys::id).limit(most).select(Hashed::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(access_keys::id.gt(after));
    }
    Ok(query.load(conn)?)
}

pub(super) fn hashed(conn: &mut Conn, id: KeyId) -> Result<Option<Hashed>, Fault> {
    Ok(access_keys::table.find(id).select(Hashed::as_select()).first(conn).optional()?)
}

/// Writes when keys were last used, as a node knows it; an older time than the one written changes nothing.
///
/// # Errors
/// When the database does not answer.
pub fn note_use(conn: &mut Conn, used: &[(KeyId, Timestamp)]) -> Result<(), Fault> {
    for (id, at) in used {
        let older = access_keys::table.find(id).filter(access_keys::last_used_at.is_null().or(access_keys::last_used_at.lt(at)));
        diesel::update(older).set(access_keys::last_used_at.eq(at)).execute(conn)?;
    }
    Ok(())
}
