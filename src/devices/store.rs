use diesel::prelude::*;

use super::{Device, TokenHash};
use crate::clock::Timestamp;
use crate::db::schema::devices;
use crate::db::{Conn, Fault, each};
use crate::ids::{DeviceId, SiteId};

pub(super) struct NewDevice<'a> {
    pub id: DeviceId,
    pub site: SiteId,
    pub hash: TokenHash,
    pub sealed: &'a [u8],
    pub hint: &'a str,
    pub platform: &'a str,
    pub app: &'a str,
    pub channel: &'a str,
    pub confirmed_at: Option<Timestamp>,
    pub now: Timestamp,
}

/// Adds a device; `false`, and nothing written, if the site has it already.
pub(super) fn insert(conn: &mut Conn, new: &NewDevice) -> Result<bool, Fault> {
    let values = (
        devices::id.eq(new.id),
        devices::site_id.eq(new.site),
        devices::token_hash.eq(new.hash.0.as_slice()),
        devices::token_sealed.eq(new.sealed),
        devices::hint.eq(new.hint),
        devices::platform.eq(new.platform),
        devices::app.eq(new.app),
        devices::channel.eq(new.channel),
        devices::created_at.eq(new.now),
        devices::seen_at.eq(new.now),
        devices::confirmed_at.eq(new.confirmed_at),
    );
    let rows = each!(conn, c => diesel::insert_into(devices::table).values(values).on_conflict((devices::site_id, devices::token_hash)).do_nothing().execute(c))?;
    Ok(rows == 1)
}

/// What a push needs of a device.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = devices)]
pub(super) struct Found {
    pub id: DeviceId,
    pub site_id: SiteId,
    pub token_hash: Vec<u8>,
    pub confirmed_at: Option<Timestamp>,
    pub unregistered_at: Option<Timestamp>,
}

/// The devices with any of these tokens, of whatever site: several look-ups in one query.
pub(super) fn with_tokens(conn: &mut Conn, hashes: &[TokenHash], sites: &[SiteId]) -> Result<Vec<Found>, Fault> {
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| hash.0.as_slice()).collect();
    let wanted = devices::table.filter(devices::site_id.eq_any(sites).and(devices::token_hash.eq_any(hashes)));
    Ok(wanted.select(Found::as_select()).load(conn)?)
}

/// The devices with any of these ids.
pub(super) fn with_ids(conn: &mut Conn, ids: &[DeviceId]) -> Result<Vec<Found>, Fault> {
    Ok(devices::table.filter(devices::id.eq_any(ids)).select(Found::as_select()).load(conn)?)
}

pub(super) fn by_token(conn: &mut Conn, site: SiteId, hash: TokenHash) -> Result<Option<Found>, Fault> {
    let same = devices::table.filter(devices::site_id.eq(site).and(devices::token_hash.eq(hash.0.as_slice())));
    Ok(same.select(Found::as_select()).first(conn).optional()?)
}

/// Notes that a device was enrolled again: it lives, under the app and platform it says now.
pub(super) fn refresh(
    conn: &mut Conn,
    id: DeviceId,
    now: Timestamp,
    platform: &str,
    app: &str,
    channel: &str,
    confirmed_at: Option<Timestamp>,
) -> Result<(), Fault> {
    diesel::update(devices::table.find(id))
        .set((
            devices::seen_at.eq(now),
            devices::platform.eq(platform),
            devices::app.eq(app),
            devices::channel.eq(channel),
            devices::confirmed_at.eq(confirmed_at),
            devices::unregistered_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?;
    Ok(())
}

pub(super) fn set_confirmed(conn: &mut Conn, id: DeviceId, now: Timestamp) -> Result<bool, Fault> {
    let unconfirmed = devices::table.find(id).filter(devices::confirmed_at.is_null());
    Ok(diesel::update(unconfirmed).set((devices::confirmed_at.eq(now), devices::seen_at.eq(now))).execute(conn)? == 1)
}

pub(super) fn set_unregistered(conn: &mut Conn, id: DeviceId, now: Timestamp, asked_at: Timestamp) -> Result<bool, Fault> {
    let registered = devices::table.find(id).filter(devices::unregistered_at.is_null().and(devices::seen_at.le(asked_at)));
    Ok(diesel::update(registered).set(devices::unregistered_at.eq(now)).execute(conn)? == 1)
}

pub(super) fn delete(conn: &mut Conn, id: DeviceId) -> Result<(), Fault> {
    diesel::delete(devices::table.find(id)).execute(conn)?;
    Ok(())
}

/// The devices of a site, newest first, older than `before`.
///
/// # Errors
/// When the database does not answer.
pub fn page(conn: &mut Conn, site: SiteId, before: Option<DeviceId>, most: i64) -> Result<Vec<Device>, Fault> {
    let of_site = devices::table.filter(devices::site_id.eq(site));
    let mut query = of_site.order(devices::id.desc()).limit(most).select(Device::as_select()).into_boxed();
    if let Some(before) = before {
        query = query.filter(devices::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// How many devices a site has.
///
/// # Errors
/// When the database does not answer.
pub fn count(conn: &mut Conn, site: SiteId) -> Result<i64, Fault> {
    Ok(devices::table.filter(devices::site_id.eq(site)).count().get_result(conn)?)
}
