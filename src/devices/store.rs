use diesel::dsl::count_star;
use diesel::prelude::*;

use super::life::Due;
use super::model::{HINT_CHARS, Sealed};
use super::{Device, DeviceState, TokenHash};
use crate::clock::Timestamp;
use crate::db::schema::devices;
use crate::db::{Conn, Fault, MultiBackend, each};
use crate::ids::{DeviceId, SiteId};
use crate::secret::Keyring;

pub(super) struct NewDevice<'a> {
    pub id: DeviceId,
    pub site: SiteId,
    pub hash: TokenHash,
    pub sealed: &'a [u8],
    pub hint: &'a str,
    pub told: Told<'a>,
    pub confirmed_at: Option<Timestamp>,
    pub now: Timestamp,
}

/// What is told of a device along with its token.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub platform: &'a str,
    pub app: &'a str,
    pub channel: &'a str,
    pub language: Option<&'a str>,
}

/// Adds a device; `false`, and nothing written, if the site has it already.
pub(super) fn insert(conn: &mut Conn, new: &NewDevice) -> Result<bool, Fault> {
    let values = (
        devices::id.eq(new.id),
        devices::site_id.eq(new.site),
        devices::token_hash.eq(new.hash.0.as_slice()),
        devices::token_sealed.eq(new.sealed),
        devices::hint.eq(new.hint),
        devices::platform.eq(new.told.platform),
        devices::app.eq(new.told.app),
        devices::channel.eq(new.told.channel),
        devices::language.eq(new.told.language),
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
    pub language: Option<String>,
    pub seen_at: Timestamp,
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

/// Notes that a device was enrolled again: it lives, under the app and platform it says now. `false`: it was deleted in this moment.
pub(super) fn refresh(conn: &mut Conn, id: DeviceId, now: Timestamp, told: &Told, confirmed_at: Option<Timestamp>) -> Result<bool, Fault> {
    let rows = diesel::update(devices::table.find(id))
        .set((
            devices::seen_at.eq(now),
            devices::platform.eq(told.platform),
            devices::app.eq(told.app),
            devices::channel.eq(told.channel),
            devices::language.eq(told.language),
            devices::confirmed_at.eq(confirmed_at),
            devices::unregistered_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?;
    Ok(rows == 1)
}

pub(super) fn set_confirmed(conn: &mut Conn, id: DeviceId, now: Timestamp) -> Result<bool, Fault> {
    let unconfirmed = devices::table.find(id).filter(devices::confirmed_at.is_null());
    Ok(diesel::update(unconfirmed).set((devices::confirmed_at.eq(now), devices::seen_at.eq(now))).execute(conn)? == 1)
}

pub(super) fn set_unregistered(conn: &mut Conn, id: DeviceId, now: Timestamp, asked_at: Timestamp) -> Result<bool, Fault> {
    let registered = devices::table.find(id).filter(devices::unregistered_at.is_null().and(devices::seen_at.le(asked_at)));
    Ok(diesel::update(registered).set(devices::unregistered_at.eq(now)).execute(conn)? == 1)
}

pub(super) fn delete(conn: &mut Conn, ids: &[DeviceId]) -> Result<(), Fault> {
    diesel::delete(devices::table.filter(devices::id.eq_any(ids))).execute(conn)?;
    Ok(())
}

pub(super) fn describe(conn: &mut Conn, site: SiteId, id: DeviceId, name: Option<&str>, language: Option<&str>) -> Result<bool, Fault> {
    let of_site = devices::table.find(id).filter(devices::site_id.eq(site));
    Ok(diesel::update(of_site).set((devices::name.eq(name), devices::language.eq(language))).execute(conn)? == 1)
}

/// An older time than the one written changes nothing.
pub(super) fn set_seen(conn: &mut Conn, id: DeviceId, at: Timestamp) -> Result<(), Fault> {
    let older = devices::table.find(id).filter(devices::seen_at.lt(at));
    diesel::update(older).set(devices::seen_at.eq(at)).execute(conn)?;
    Ok(())
}

fn is_due(due: Due) -> Listed<'static> {
    let all = devices::table.into_boxed();
    match due {
        Due::Unconfirmed(before) => all.filter(devices::confirmed_at.is_null().and(devices::created_at.lt(before))),
        Due::Unregistered(before) => all.filter(devices::unregistered_at.lt(before)),
        Due::Stale(before) => all.filter(devices::seen_at.lt(before)),
        Due::OfSite(site) => all.filter(devices::site_id.eq(site)),
    }
}

/// The devices that are deleted by themselves. Those that somebody is just changing wait for the next time.
pub(super) fn due(conn: &mut Conn, due: Due, most: i64) -> Result<Vec<DeviceId>, Fault> {
    let found: Vec<DeviceId> = is_due(due).select(devices::id).order(devices::id).limit(most).load(conn)?;
    // SQLite has one writer, and this is it.
    match conn {
        Conn::Sqlite(_) => Ok(found),
        Conn::Postgres(c) => {
            let free = devices::table.filter(devices::id.eq_any(&found)).select(devices::id).for_update().skip_locked();
            let locked: Vec<DeviceId> = free.load(c)?;
            // Who was changed between the two looks is looked at again.
            Ok(is_due(due).filter(devices::id.eq_any(locked)).select(devices::id).load(conn)?)
        }
    }
}

/// A site's device.
///
/// # Errors
/// When the database does not answer.
pub fn find(conn: &mut Conn, site: SiteId, id: DeviceId) -> Result<Option<Device>, Fault> {
    let of_site = devices::table.find(id).filter(devices::site_id.eq(site));
    Ok(of_site.select(Device::as_select()).first(conn).optional()?)
}

/// A site's device with its token.
///
/// # Errors
/// When the database does not answer.
pub fn find_sealed(conn: &mut Conn, site: SiteId, id: DeviceId) -> Result<Option<Sealed>, Fault> {
    let of_site = devices::table.find(id).filter(devices::site_id.eq(site));
    Ok(of_site.select(Sealed::as_select()).first(conn).optional()?)
}

/// A site's device, held until the transaction ends: nobody deletes it meanwhile.
///
/// # Errors
/// When the database does not answer.
pub fn hold(conn: &mut Conn, site: SiteId, id: DeviceId) -> Result<Option<Device>, Fault> {
    // SQLite has one writer, and this is it.
    if let Conn::Postgres(c) = conn {
        devices::table.find(id).select(devices::id).for_update().first::<DeviceId>(c).optional()?;
    }
    find(conn, site, id)
}

/// The id of a site's device, by its token.
///
/// # Errors
/// When the database does not answer.
pub fn id_of(conn: &mut Conn, site: SiteId, hash: TokenHash) -> Result<Option<DeviceId>, Fault> {
    Ok(by_token(conn, site, hash)?.map(|found| found.id))
}

/// What is searched for among a site's devices: a whole token, the end of one as lists show it, or a name, each exactly.
#[derive(Clone)]
pub struct Search {
    token: TokenHash,
    hint: String,
    name: String,
}

impl Search {
    /// What somebody types: the end of a token may come with or without its `…`.
    pub fn of(ring: &Keyring, text: &str) -> Self {
        let text = text.trim();
        Self { token: TokenHash::of(ring, text), hint: format!("…{}", text.trim_start_matches('…')), name: text.to_owned() }
    }
}

/// Devices of whatever site by their whole token or the end of one, as lists show it; each with its site, the newest first.
///
/// # Errors
/// When the database does not answer.
pub fn of_any_site(conn: &mut Conn, search: &Search, most: i64) -> Result<Vec<(SiteId, Device)>, Fault> {
    let shown = (devices::site_id, Device::as_select());
    let exact = devices::table.filter(devices::token_hash.eq(search.token.0.to_vec())).order(devices::id.desc()).limit(most);
    let found: Vec<(SiteId, Device)> = exact.select(shown).load(conn)?;
    if !found.is_empty() || search.hint.chars().count() != HINT_CHARS + 1 {
        return Ok(found);
    }
    let ends = devices::table.filter(devices::hint.eq(&search.hint)).order(devices::id.desc()).limit(most);
    Ok(ends.select(shown).load(conn)?)
}

/// Which devices of a site are listed.
#[derive(Clone, Default)]
pub struct Filter {
    pub state: Option<DeviceState>,
    pub platform: Option<String>,
    /// Said by a gateway to be gone at this time or later.
    pub unregistered_since: Option<Timestamp>,
    pub search: Option<Search>,
    pub app: Option<String>,
    pub channel: Option<String>,
    /// Enrolled for the first time at this time or before.
    pub enrolled_until: Option<Timestamp>,
}

type Listed<'a> = devices::BoxedQuery<'a, MultiBackend>;

/// The devices that a filter is for, whatever is searched for among them.
fn listed(site: SiteId, filter: &Filter) -> Listed<'static> {
    let mut query = devices::table.filter(devices::site_id.eq(site)).into_boxed();
    query = match filter.state {
        None => query,
        Some(DeviceState::Unregistered) => query.filter(devices::unregistered_at.is_not_null()),
        Some(DeviceState::Unconfirmed) => query.filter(devices::confirmed_at.is_null().and(devices::unregistered_at.is_null())),
        Some(DeviceState::Enrolled) => query.filter(devices::confirmed_at.is_not_null().and(devices::unregistered_at.is_null())),
    };
    if let Some(platform) = &filter.platform {
        query = query.filter(devices::platform.eq(platform.to_ascii_lowercase()));
    }
    if let Some(since) = filter.unregistered_since {
        query = query.filter(devices::unregistered_at.ge(since));
    }
    if let Some(app) = &filter.app {
        query = query.filter(devices::app.eq(app.clone()));
    }
    if let Some(channel) = &filter.channel {
        query = query.filter(devices::channel.eq(channel.clone()));
    }
    if let Some(until) = filter.enrolled_until {
        query = query.filter(devices::created_at.le(until));
    }
    query
}

/// The devices of a site, newest first, older than `before`.
///
/// # Errors
/// When the database does not answer.
pub fn page(conn: &mut Conn, site: SiteId, filter: &Filter, before: Option<DeviceId>, most: i64) -> Result<Vec<Device>, Fault> {
    let Some(search) = &filter.search else { return newest(conn, listed(site, filter), before, most) };
    // Each way to find a device has an index of its own. Asked for all of them at once, a database walks through the site.
    let mut found = newest(conn, listed(site, filter).filter(devices::token_hash.eq(search.token.0.to_vec())), before, most)?;
    found.extend(newest(conn, listed(site, filter).filter(devices::hint.eq(search.hint.clone())), before, most)?);
    found.extend(newest(conn, listed(site, filter).filter(devices::name.eq(search.name.clone())), before, most)?);
    found.sort_unstable_by_key(|device| std::cmp::Reverse(device.id));
    found.dedup_by_key(|device| device.id);
    found.truncate(usize::try_from(most).unwrap_or(0));
    Ok(found)
}

fn newest(conn: &mut Conn, mut query: Listed<'static>, before: Option<DeviceId>, most: i64) -> Result<Vec<Device>, Fault> {
    if let Some(before) = before {
        query = query.filter(devices::id.lt(before));
    }
    Ok(query.order(devices::id.desc()).limit(most).select(Device::as_select()).load(conn)?)
}

/// The devices of a site with their tokens, oldest first, newer than `after`.
///
/// # Errors
/// When the database does not answer.
pub fn sealed_after(conn: &mut Conn, site: SiteId, filter: &Filter, after: Option<DeviceId>, most: i64) -> Result<Vec<Sealed>, Fault> {
    let mut query = listed(site, filter);
    if let Some(search) = &filter.search {
        let same = devices::token_hash.eq(search.token.0.to_vec()).or(devices::hint.eq(search.hint.clone()));
        query = query.filter(same.or(devices::name.eq(search.name.clone())));
    }
    if let Some(after) = after {
        query = query.filter(devices::id.gt(after));
    }
    Ok(query.order(devices::id).limit(most).select(Sealed::as_select()).load(conn)?)
}

/// How many devices a site has.
///
/// # Errors
/// When the database does not answer.
pub fn count(conn: &mut Conn, site: SiteId) -> Result<i64, Fault> {
    Ok(devices::table.filter(devices::site_id.eq(site)).count().get_result(conn)?)
}

/// How many devices of a site a filter lets through.
///
/// # Errors
/// When the database does not answer.
pub fn count_listed(conn: &mut Conn, site: SiteId, filter: &Filter) -> Result<i64, Fault> {
    Ok(listed(site, filter).count().get_result(conn)?)
}

/// Whether a site has more than `most` devices: looks no further than that.
///
/// # Errors
/// When the database does not answer.
pub fn has_more_than(conn: &mut Conn, site: SiteId, most: i64) -> Result<bool, Fault> {
    let of_site = devices::table.filter(devices::site_id.eq(site));
    Ok(of_site.select(devices::site_id).offset(most).limit(1).first::<SiteId>(conn).optional()?.is_some())
}

/// A device as it was enrolled for the first time.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = devices)]
pub struct NewlyEnrolled {
    pub site_id: SiteId,
    token_hash: Vec<u8>,
    hint: String,
    pub created_at: Timestamp,
}

/// The devices with an id from `from` up to `until`, in the order in which they were enrolled.
///
/// # Errors
/// When the database does not answer.
pub fn enrolled_between(conn: &mut Conn, from: DeviceId, until: DeviceId, most: i64) -> Result<Vec<NewlyEnrolled>, Fault> {
    let between = devices::table.filter(devices::id.ge(from).and(devices::id.lt(until)));
    Ok(between.order(devices::id).limit(most).select(NewlyEnrolled::as_select()).load(conn)?)
}

/// A token that many sites have.
pub struct AtManySites {
    /// The one that enrolled it last.
    pub site: SiteId,
    pub sites: i64,
    pub hint: String,
}

/// Which of these devices' tokens are enrolled at so many sites or more.
///
/// # Errors
/// When the database does not answer.
pub fn at_many_sites(conn: &mut Conn, new: &[NewlyEnrolled], least: i64) -> Result<Vec<AtManySites>, Fault> {
    let mut found = Vec::new();
    for some in new.chunks(500) {
        let hashes: Vec<&[u8]> = some.iter().map(|device| device.token_hash.as_slice()).collect();
        let shared: Vec<(Vec<u8>, i64)> = devices::table
            .filter(devices::token_hash.eq_any(hashes))
            .group_by(devices::token_hash)
            .having(count_star().ge(least))
            .select((devices::token_hash, count_star()))
            .load(conn)?;
        for (hash, sites) in shared {
            if let Some(last) = some.iter().rev().find(|device| device.token_hash == hash) {
                found.push(AtManySites { site: last.site_id, sites, hint: last.hint.clone() });
            }
        }
    }
    Ok(found)
}
