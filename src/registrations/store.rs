use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::model::Registration;
use super::secret::Prints;
use crate::clock::Timestamp;
use crate::db::schema::{plugin_reports, registrations, site_reports, sites};
use crate::db::text::lower_if_any;
use crate::db::{Conn, Fault, each};
use crate::ids::{RegistrationId, SiteId};
use crate::sites::{Site, SiteState, SiteUrl};

/// How many registrations of a site are kept: one in use, and those that were begun and never used.
const KEPT: i64 = 8;

/// How far sites that know the hub by another address are counted.
const MOVED: i64 = 1_001;

/// The states of a site that is on the hub.
const LIVE: [SiteState; 4] = [SiteState::Unverified, SiteState::Claimed, SiteState::Active, SiteState::Suspended];

pub(super) struct NewRegistration<'a> {
    pub site: SiteId,
    pub prints: Prints,
    pub signing_sealed: Option<Vec<u8>>,
    pub token_hash: Option<[u8; 32]>,
    pub hub_url: &'a str,
    pub now: Timestamp,
}

pub(super) fn insert(conn: &mut Conn, new: NewRegistration) -> Result<(), Fault> {
    diesel::insert_into(registrations::table)
        .values((
            registrations::id.eq(RegistrationId::new(new.now)),
            registrations::site_id.eq(new.site),
            registrations::secret_hash.eq(new.prints.secret.to_vec()),
            registrations::identifier_hash.eq(new.prints.identifier.to_vec()),
            registrations::signing_sealed.eq(new.signing_sealed),
            registrations::token_hash.eq(new.token_hash.map(|hash| hash.to_vec())),
            registrations::hub_url.eq(new.hub_url),
            registrations::created_at.eq(new.now),
        ))
        .execute(conn)?;
    trim(conn, new.site)
}

/// Drops the oldest of the registrations that were begun and never used, so that nobody can pile them up.
fn trim(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    let unused = registrations::table.filter(registrations::site_id.eq(site).and(registrations::called_at.is_null()));
    let oldest_kept: Option<RegistrationId> =
        unused.order(registrations::id.desc()).offset(KEPT - 1).select(registrations::id).first(conn).optional()?;
    if let Some(oldest) = oldest_kept {
        diesel::delete(unused.filter(registrations::id.lt(oldest))).execute(conn)?;
    }
    Ok(())
}

/// Whose token it is. Nobody's once its site has left.
pub(super) fn by_token(conn: &mut Conn, hash: &[u8; 32]) -> Result<Option<(Registration, Site)>, Fault> {
    let found = registrations::table
        .inner_join(sites::table)
        .filter(registrations::token_hash.eq(hash.to_vec()).and(sites::state.eq_any(LIVE)))
        .select((Registration::as_select(), Site::as_select()));
    Ok(found.first(conn).optional()?)
}

/// A site's registrations, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn of_site(conn: &mut Conn, site: SiteId) -> Result<Vec<Registration>, Fault> {
    let of_site = registrations::table.filter(registrations::site_id.eq(site));
    Ok(of_site.order(registrations::id.desc()).limit(KEPT * 2).select(Registration::as_select()).load(conn)?)
}

/// The registrations of several sites.
pub(super) fn of_sites(conn: &mut Conn, sites: &[SiteId]) -> Result<Vec<Registration>, Fault> {
    let of_sites = registrations::table.filter(registrations::site_id.eq_any(sites));
    Ok(of_sites.select(Registration::as_select()).load(conn)?)
}

/// The live sites with one secret, whatever their addresses; those that are not held first, then the oldest.
pub(super) fn of_secret(conn: &mut Conn, prints: &Prints) -> Result<Vec<Site>, Fault> {
    let known = registrations::secret_hash.eq(prints.secret.to_vec());
    let found = registrations::table.inner_join(sites::table).filter(known.and(sites::state.eq_any(LIVE)));
    let mut found: Vec<Site> = found.order(sites::id).limit(200).select(Site::as_select()).load(conn)?;
    found.dedup_by_key(|site| site.id);
    found.sort_by_key(|site| (site.held_since.is_some(), site.id));
    Ok(found)
}

/// The live sites at an address that are known by a siteid.
pub(super) fn by_print(conn: &mut Conn, print: &[u8; 32], url: &SiteUrl) -> Result<Vec<Site>, Fault> {
    let known = registrations::secret_hash.eq(print.to_vec()).or(registrations::identifier_hash.eq(print.to_vec()));
    let here = sites::url_key.eq(url.key()).and(sites::state.eq_any(LIVE));
    let found = registrations::table.inner_join(sites::table).filter(known).filter(here);
    Ok(found.order(sites::id).limit(50).select(Site::as_select()).load(conn)?)
}

/// Notes the first call with a registration's token. The site's earlier registrations are over then: Moodle keeps one.
pub(super) fn note_call(conn: &mut Conn, registration: &Registration, now: Timestamp) -> Result<(), Fault> {
    if registration.called_at.is_some() {
        return Ok(());
    }
    diesel::update(registrations::table.find(registration.id)).set(registrations::called_at.eq(now)).execute(conn)?;
    let of_site = registrations::table.filter(registrations::site_id.eq(registration.site_id));
    diesel::delete(of_site.filter(registrations::id.lt(registration.id))).execute(conn)?;
    Ok(())
}

pub(super) fn note_alerts_email(conn: &mut Conn, id: RegistrationId, mailbox: &str) -> Result<(), Fault> {
    let mailbox = Some(mailbox).filter(|mailbox| !mailbox.is_empty());
    diesel::update(registrations::table.find(id)).set(registrations::alerts_email.eq(mailbox)).execute(conn)?;
    Ok(())
}

pub(super) fn give(conn: &mut Conn, from: SiteId, to: SiteId) -> Result<(), Fault> {
    diesel::update(registrations::table.filter(registrations::site_id.eq(from))).set(registrations::site_id.eq(to)).execute(conn)?;
    Ok(())
}

pub(super) fn delete_of(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    diesel::delete(registrations::table.filter(registrations::site_id.eq(site))).execute(conn)?;
    Ok(())
}

/// How many sites are registered with the hub under another public URL alone: they don't find it under this one. Counted up to
/// one beyond a thousand.
///
/// # Errors
/// When the database does not answer.
pub fn moved_hub(conn: &mut Conn, hub_url: &str) -> Result<i64, Fault> {
    let again = diesel::alias!(registrations as again);
    let of_site = again.filter(again.field(registrations::site_id).eq(registrations::site_id));
    let here = exists(of_site.filter(again.field(registrations::hub_url).eq(hub_url)));
    let found = registrations::table.inner_join(sites::table).filter(registrations::hub_url.ne(hub_url).and(not(here)));
    let found = found.filter(sites::state.eq_any(LIVE).and(sites::held_since.is_null()));
    let found: Vec<SiteId> = found.select(registrations::site_id).distinct().limit(MOVED).load(conn)?;
    Ok(i64::try_from(found.len()).unwrap_or(MOVED))
}

/// What a Moodle told at one time, to be kept.
pub(super) struct Kept<'a> {
    pub site: SiteId,
    pub now: Timestamp,
    pub signed: bool,
    pub figures: &'a str,
    pub unknown: &'a str,
    pub plugins: Option<&'a str>,
    pub ai: Option<&'a str>,
}

/// Keeps a report as the last one of its day, and its use of plugins as the last one of its month.
pub(super) fn keep(conn: &mut Conn, kept: &Kept) -> Result<(), Fault> {
    let day = (
        site_reports::site_id.eq(kept.site),
        site_reports::day.eq(kept.now.day()),
        site_reports::at.eq(kept.now),
        site_reports::signed.eq(kept.signed),
        site_reports::figures.eq(kept.figures),
        site_reports::unknown.eq(kept.unknown),
    );
    each!(conn, c => diesel::insert_into(site_reports::table)
        .values(day)
        .on_conflict((site_reports::site_id, site_reports::day))
        .do_update()
        .set((
            site_reports::at.eq(excluded(site_reports::at)),
            site_reports::signed.eq(excluded(site_reports::signed)),
            site_reports::figures.eq(excluded(site_reports::figures)),
            site_reports::unknown.eq(excluded(site_reports::unknown)),
        ))
        .execute(c))?;
    if kept.plugins.is_none() && kept.ai.is_none() {
        return Ok(());
    }
    let month = (
        plugin_reports::site_id.eq(kept.site),
        plugin_reports::month.eq(kept.now.month()),
        plugin_reports::at.eq(kept.now),
        plugin_reports::plugins.eq(kept.plugins),
        plugin_reports::ai.eq(kept.ai),
    );
    each!(conn, c => diesel::insert_into(plugin_reports::table)
        .values(month)
        .on_conflict((plugin_reports::site_id, plugin_reports::month))
        .do_update()
        .set((
            plugin_reports::at.eq(excluded(plugin_reports::at)),
            plugin_reports::plugins.eq(excluded(plugin_reports::plugins)),
            plugin_reports::ai.eq(excluded(plugin_reports::ai)),
        ))
        .execute(c))?;
    Ok(())
}

/// What a Moodle told, on one day.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = site_reports)]
pub struct HistoryRow {
    pub at: Timestamp,
    pub signed: bool,
    pub figures: String,
    pub unknown: String,
}

/// What a site's Moodle told, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn history(conn: &mut Conn, site: SiteId, most: i64) -> Result<Vec<HistoryRow>, Fault> {
    let of_site = site_reports::table.filter(site_reports::site_id.eq(site));
    Ok(of_site.order(site_reports::day.desc()).limit(most).select(HistoryRow::as_select()).load(conn)?)
}

/// What it told last.
///
/// # Errors
/// When the database does not answer.
pub fn latest(conn: &mut Conn, site: SiteId) -> Result<Option<HistoryRow>, Fault> {
    Ok(history(conn, site, 1)?.pop())
}

/// Use of plugins and of AI, of one month.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = plugin_reports)]
pub struct PluginRow {
    pub at: Timestamp,
    pub plugins: Option<String>,
    pub ai: Option<String>,
}

/// The last use of plugins and of AI that was told.
///
/// # Errors
/// When the database does not answer.
pub fn latest_plugins(conn: &mut Conn, site: SiteId) -> Result<Option<PluginRow>, Fault> {
    let of_site = plugin_reports::table.filter(plugin_reports::site_id.eq(site));
    Ok(of_site.order(plugin_reports::month.desc()).select(PluginRow::as_select()).first(conn).optional()?)
}

/// Erases what a site's Moodle told that may tell of a person: to whom it mails, and what the hub does not know. Its figures
/// stay.
///
/// # Errors
/// When it can't be written.
pub fn erase_persons(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    let of_site = registrations::table.filter(registrations::site_id.eq(site));
    diesel::update(of_site).set(registrations::alerts_email.eq(None::<String>)).execute(conn)?;
    diesel::update(site_reports::table.filter(site_reports::site_id.eq(site))).set(site_reports::unknown.eq("{}")).execute(conn)?;
    Ok(())
}

/// What a site's Moodle told on the days after `after`, oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn reports_after(conn: &mut Conn, site: SiteId, after: Option<Timestamp>, most: i64) -> Result<Vec<(Timestamp, HistoryRow)>, Fault> {
    let later = site_reports::table.filter(site_reports::site_id.eq(site));
    let later = later.filter(site_reports::day.gt(after.unwrap_or_else(|| Timestamp::from_micros(0))));
    Ok(later.order(site_reports::day).limit(most).select((site_reports::day, HistoryRow::as_select())).load(conn)?)
}

/// The use of plugins and of AI in the months after `after`, oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn plugins_after(conn: &mut Conn, site: SiteId, after: Option<Timestamp>, most: i64) -> Result<Vec<(Timestamp, PluginRow)>, Fault> {
    let later = plugin_reports::table.filter(plugin_reports::site_id.eq(site));
    let later = later.filter(plugin_reports::month.gt(after.unwrap_or_else(|| Timestamp::from_micros(0))));
    Ok(later.order(plugin_reports::month).limit(most).select((plugin_reports::month, PluginRow::as_select())).load(conn)?)
}

/// Forgets reports that are too old to be of interest.
pub(super) fn trim_reports(conn: &mut Conn, days_before: Timestamp, months_before: Timestamp) -> Result<(), Fault> {
    diesel::delete(site_reports::table.filter(site_reports::day.lt(days_before))).execute(conn)?;
    diesel::delete(plugin_reports::table.filter(plugin_reports::month.lt(months_before))).execute(conn)?;
    Ok(())
}

/// Erases a mailbox, in small letters or as it is spelled, where Moodles have named it for their mails on security; `most` at
/// once. Gives how many.
///
/// # Errors
/// When it can't be written.
pub fn erase_alerts_to(conn: &mut Conn, email: &str, most: i64) -> Result<usize, Fault> {
    let theirs = registrations::table.filter(lower_if_any(registrations::alerts_email).eq(email).or(registrations::alerts_email.eq(email)));
    let found: Vec<RegistrationId> = theirs.order(registrations::id).limit(most).select(registrations::id).load(conn)?;
    let named = registrations::table.filter(registrations::id.eq_any(found));
    Ok(diesel::update(named).set(registrations::alerts_email.eq(None::<String>)).execute(conn)?)
}
