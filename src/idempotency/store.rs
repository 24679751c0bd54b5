use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::idempotent_answers;
use crate::db::{Conn, Fault, each};
use crate::ids::SiteId;

#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotent_answers)]
pub(super) struct Stored {
    pub request_hash: Vec<u8>,
    pub status: Option<i64>,
    pub answer_sealed: Option<Vec<u8>>,
    pub created_at: Timestamp,
}

pub(super) fn find(conn: &mut Conn, site: SiteId, key: &[u8; 32]) -> Result<Option<Stored>, Fault> {
    let same = idempotent_answers::site_id.eq(site).and(idempotent_answers::key_hash.eq(key.as_slice()));
    Ok(idempotent_answers::table.filter(same).select(Stored::as_select()).first(conn).optional()?)
}

/// Notes that a request has begun; `false`, and nothing written, if its name is known.
pub(super) fn reserve(conn: &mut Conn, site: SiteId, key: &[u8; 32], request: &[u8; 32], now: Timestamp) -> Result<bool, Fault> {
    let values = (
        idempotent_answers::site_id.eq(site),
        idempotent_answers::key_hash.eq(key.as_slice()),
        idempotent_answers::request_hash.eq(request.as_slice()),
        idempotent_answers::created_at.eq(now),
    );
    let rows = each!(conn, c => diesel::insert_into(idempotent_answers::table)
        .values(values)
        .on_conflict((idempotent_answers::site_id, idempotent_answers::key_hash))
        .do_nothing()
        .execute(c))?;
    Ok(rows == 1)
}

pub(super) fn fill(conn: &mut Conn, site: SiteId, key: &[u8; 32], status: i64, sealed: &[u8]) -> Result<(), Fault> {
    let same = idempotent_answers::site_id.eq(site).and(idempotent_answers::key_hash.eq(key.as_slice()));
    diesel::update(idempotent_answers::table.filter(same))
        .set((idempotent_answers::status.eq(status), idempotent_answers::answer_sealed.eq(sealed)))
        .execute(conn)?;
    Ok(())
}

pub(super) fn remove(conn: &mut Conn, site: SiteId, key: &[u8; 32]) -> Result<(), Fault> {
    let same = idempotent_answers::site_id.eq(site).and(idempotent_answers::key_hash.eq(key.as_slice()));
    diesel::delete(idempotent_answers::table.filter(same)).execute(conn)?;
    Ok(())
}

/// Removes one if it is older.
pub(super) fn remove_older(conn: &mut Conn, site: SiteId, key: &[u8; 32], than: Timestamp) -> Result<(), Fault> {
    let same = idempotent_answers::site_id.eq(site).and(idempotent_answers::key_hash.eq(key.as_slice()));
    diesel::delete(idempotent_answers::table.filter(same.and(idempotent_answers::created_at.lt(than)))).execute(conn)?;
    Ok(())
}

/// Forgets what a site has asked for.
///
/// # Errors
/// When it can't be written.
pub fn forget_all(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    diesel::delete(idempotent_answers::table.filter(idempotent_answers::site_id.eq(site))).execute(conn)?;
    Ok(())
}

pub(super) fn remove_all_older(conn: &mut Conn, than: Timestamp) -> Result<(), Fault> {
    diesel::delete(idempotent_answers::table.filter(idempotent_answers::created_at.lt(than))).execute(conn)?;
    Ok(())
}
