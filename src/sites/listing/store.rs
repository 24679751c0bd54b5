use std::time::Duration;

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::super::model::{Site, SiteState};
use super::{COUNTED, Filter, HeldIs, Listing, Place, ProofIs, PushIs, Sort, Value, terms};
use crate::clock::Timestamp;
use crate::db::schema::{brakes, cases, site_search, site_terms, sites};
use crate::db::text;
use crate::db::{Conn, Fault, MultiBackend, each};
use crate::ids::SiteId;

type Listed = sites::BoxedQuery<'static, MultiBackend>;

/// The text that searches look through.
fn words_of(name: &str, url: &str, contact: Option<&str>) -> String {
    format!("{name} {url} {}", contact.unwrap_or_default()).to_lowercase()
}

/// Keeps what a site is found by. Nothing is written where that is what it was.
pub(in crate::sites) fn keep_words(conn: &mut Conn, id: SiteId, name: &str, url: &str, contact: Option<&str>) -> Result<(), Fault> {
    let words = words_of(name, url, contact);
    let kept: Option<String> = site_search::table.find(id).select(site_search::words).first(conn).optional()?;
    if kept.as_ref() == Some(&words) {
        return Ok(());
    }
    let row = (site_search::site_id.eq(id), site_search::words.eq(words));
    each!(conn, c => diesel::insert_into(site_search::table)
        .values(row)
        .on_conflict(site_search::site_id)
        .do_update()
        .set(site_search::words.eq(excluded(site_search::words)))
        .execute(c))?;
    Ok(())
}

/// Makes what sites are found by anew from what is kept of them: for whoever erases a name or an address elsewhere.
///
/// # Errors
/// When it can't be written.
pub fn forget_words(conn: &mut Conn, ids: &[SiteId]) -> Result<(), Fault> {
    for some in ids.chunks(500) {
        let rows: Vec<(SiteId, String, String, Option<String>)> =
            sites::table.filter(sites::id.eq_any(some)).select((sites::id, sites::name, sites::url, sites::contact_email)).load(conn)?;
        for (id, name, url, contact) in rows {
            keep_words(conn, id, &name, &url, contact.as_deref())?;
        }
    }
    Ok(())
}

/// The sites that have all words. A subquery of `Conn` has one shape: what is not typed is a part that every text has, and
/// that is only asked about where what is typed fits.
macro_rules! with_all {
    ($has:ident) => {
        site_search::table
            .filter($has(0).and($has(1)).and($has(2)).and($has(3)).and($has(4)).and($has(5)).and($has(6)).and($has(7)))
            .select(site_search::site_id)
    };
}

fn with_words(query: Listed, text: &str) -> Listed {
    let words = terms(text);
    let pattern =
        |index: usize, lower: fn(&str) -> String| words.get(index).map_or_else(|| "%".to_owned(), |word| text::with(&lower(word)));
    let small = |index| site_search::words.like(pattern(index, str::to_lowercase)).escape('\\');
    if words.is_empty() {
        query
    } else if words.iter().all(|word| word.is_ascii()) {
        query.filter(sites::id.eq_any(with_all!(small)))
    } else {
        // What was there before this table was lower-cased by SQLite, which knows no letters but ASCII ones.
        let either = |index| small(index).or(site_search::words.like(pattern(index, str::to_ascii_lowercase)).escape('\\'));
        query.filter(sites::id.eq_any(with_all!(either)))
    }
}

fn by_push(query: Listed, push: PushIs) -> Listed {
    // The same as `Site::push_off`, as far as a column knows it: what is over the limit was noted when it became so.
    let stands = || sites::state.eq(SiteState::Active).or(sites::state.eq(SiteState::Claimed).and(sites::held_since.is_null()));
    let within = || sites::over_limit_since.is_null().or(sites::grace_until.is_not_null());
    let wanted = || sites::push_stopped.eq(false).and(sites::push_wanted.eq(true));
    match push {
        PushIs::On => query.filter(stands()).filter(wanted()).filter(within()),
        PushIs::Off => query.filter(diesel::dsl::not(stands().and(wanted()).and(within()))),
        PushIs::Stopped => query.filter(stands()).filter(sites::push_stopped.eq(true)),
        PushIs::OptedOut => query.filter(stands()).filter(sites::push_stopped.eq(false).and(sites::push_wanted.eq(false))),
        // Few are: the index of those over the limit serves, not SQLite's choice, the one of states.
        PushIs::OverUserLimit => {
            let state = || sites::state.concat("");
            let stands = state().eq(SiteState::Active).or(state().eq(SiteState::Claimed).and(sites::held_since.is_null()));
            let over = sites::over_limit_since.is_not_null().and(sites::grace_until.is_null());
            query.filter(stands).filter(wanted()).filter(over)
        }
        PushIs::Suspended => query.filter(sites::state.eq(SiteState::Suspended)),
        PushIs::Unverified => query.filter(sites::state.ne(SiteState::Suspended)).filter(diesel::dsl::not(stands())),
    }
}

fn by_proof(query: Listed, proof: ProofIs) -> Listed {
    match proof {
        ProofIs::Missing => query.filter(sites::proof.is_null()),
        ProofIs::There => query.filter(sites::proof.is_not_null()),
        ProofIs::By(kind) => query.filter(sites::proof.eq(kind)),
    }
}

fn by_hold(query: Listed, held: HeldIs) -> Listed {
    if held == HeldIs::No {
        return query.filter(sites::held_since.is_null());
    }
    let query = query.filter(sites::held_since.is_not_null());
    // Few are held: the index of those serves, not SQLite's choice, the one of states.
    let query = query.filter(sites::state.concat("").eq_any([SiteState::Unverified, SiteState::Claimed]));
    match held {
        HeldIs::No | HeldIs::Any => query,
        HeldIs::Waiting => query.filter(sites::refused_at.is_null()),
        HeldIs::Refused => query.filter(sites::refused_at.is_not_null()),
    }
}

/// The smallest id that is made at a moment: ids begin with their time, in milliseconds (RFC 9562 5.7).
fn first_id(at: Timestamp) -> SiteId {
    let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0).to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    SiteId::from_bytes(bytes)
}

/// By when they were registered. Asked of the ids as well, which are in an index.
fn by_time(mut query: Listed, filter: &Filter, now: Timestamp) -> Listed {
    if let Some(from) = filter.registered_from {
        let from = from.at(now);
        query = query.filter(sites::created_at.ge(from)).filter(sites::id.ge(first_id(from)));
    }
    if let Some(to) = filter.registered_to {
        let end = to.at(now).day() + Duration::from_secs(86_400);
        query = query.filter(sites::created_at.lt(end)).filter(sites::id.lt(first_id(end)));
    }
    query
}

fn by_numbers(mut query: Listed, filter: &Filter) -> Listed {
    if let Some(country) = &filter.country {
        query = query.filter(sites::country.eq(country.clone()));
    }
    if let Some(language) = &filter.language {
        query = query.filter(sites::language.eq(language.clone()));
    }
    if let Some(from) = filter.users_from {
        query = query.filter(sites::users.ge(from));
    }
    if let Some(to) = filter.users_to {
        query = query.filter(sites::users.le(to));
    }
    query
}

fn by_marks(mut query: Listed, filter: &Filter, now: Timestamp) -> Listed {
    if filter.has_open_case {
        query = query.filter(sites::id.eq_any(cases::table.filter(cases::state.eq("open")).select(cases::site_id)));
    }
    if filter.over_user_limit {
        query = query.filter(sites::over_limit_since.is_not_null());
    }
    if filter.never_called {
        query = query.filter(sites::called_at.is_null());
    }
    if filter.own_limits {
        let users = site_terms::max_site_users.is_not_null().or(site_terms::push_per_second.is_not_null());
        let pushes = site_terms::push_burst.is_not_null().or(site_terms::push_per_day.is_not_null());
        let enrols = site_terms::enrol_per_second.is_not_null().or(site_terms::enrol_burst.is_not_null());
        let own = site_terms::table.filter(users.or(pushes).or(enrols)).select(site_terms::site_id);
        let braked = brakes::table.filter(brakes::until.gt(now)).select(brakes::site_id);
        query = query.filter(sites::id.eq_any(own).or(sites::id.eq_any(braked)));
    }
    query
}

/// The sites that a filter is for. `in_order`: so many of them that SQLite, which counts no rows before it chooses, must walk
/// in the order of the list rather than gather all of a state and sort them. Nor may it do that where few are held or over
/// the limit, which have indexes of their own.
fn fitting(conn: &Conn, filter: &Filter, now: Timestamp, in_order: bool) -> Listed {
    let mut query = with_words(sites::table.into_boxed(), &filter.words);
    let are_few = filter.over_user_limit || filter.held.is_some_and(|held| held != HeldIs::No);
    if let Some(state) = filter.state {
        query = match conn {
            Conn::Sqlite(_) if in_order || are_few => query.filter(sites::state.concat("").eq(state)),
            _ => query.filter(sites::state.eq(state)),
        };
    }
    if let Some(push) = filter.push {
        query = by_push(query, push);
    }
    if let Some(proof) = filter.proof {
        query = by_proof(query, proof);
    }
    if let Some(held) = filter.held {
        query = by_hold(query, held);
    }
    by_marks(by_numbers(by_time(query, filter, now), filter), filter, now)
}

/// Where an index is walked through from a place: the value bounds it, and what shares the value is told apart by id.
fn behind(query: Listed, sort: Sort, place: &Place) -> Listed {
    let id = place.id;
    match (sort, &place.value) {
        (Sort::Oldest, _) => query.filter(sites::id.gt(id)),
        (Sort::Name, Value::Name(name)) => {
            let further = sites::name.gt(name.clone()).or(sites::id.gt(id));
            query.filter(sites::name.ge(name.clone())).filter(further)
        }
        (Sort::MostUsers, Value::Users(users)) => {
            query.filter(sites::users.le(*users)).filter(sites::users.lt(*users).or(sites::id.lt(id)))
        }
        (Sort::FewestUsers, Value::Users(users)) => {
            query.filter(sites::users.ge(*users)).filter(sites::users.gt(*users).or(sites::id.gt(id)))
        }
        _ => query.filter(sites::id.lt(id)),
    }
}

fn sorted(query: Listed, sort: Sort) -> Listed {
    match sort {
        Sort::Newest => query.order(sites::id.desc()),
        Sort::Oldest => query.order(sites::id.asc()),
        Sort::Name => query.order((sites::name.asc(), sites::id.asc())),
        Sort::MostUsers => query.order((sites::users.desc(), sites::id.desc())),
        Sort::FewestUsers => query.order((sites::users.asc(), sites::id.asc())),
    }
}

/// How many sites a filter lets through, counted to one beyond [`COUNTED`].
///
/// # Errors
/// When the database does not answer.
pub fn count(conn: &mut Conn, filter: &Filter, now: Timestamp) -> Result<usize, Fault> {
    let most = i64::try_from(COUNTED).unwrap_or(i64::MAX).saturating_add(1);
    let found: Vec<SiteId> = fitting(conn, filter, now, false).select(sites::id).limit(most).load(conn)?;
    Ok(found.len())
}

/// The ids of the sites that a filter lets through, oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn ids(conn: &mut Conn, filter: &Filter, now: Timestamp, most: i64) -> Result<Vec<SiteId>, Fault> {
    Ok(fitting(conn, filter, now, false).order(sites::id).select(sites::id).limit(most).load(conn)?)
}

/// Sites in the order of a list, from its place on. `many`: there are more than [`COUNTED`] of them.
///
/// # Errors
/// When the database does not answer.
pub fn page_after(conn: &mut Conn, listing: &Listing, now: Timestamp, many: bool, most: i64) -> Result<Vec<Site>, Fault> {
    let in_order = many && !matches!(listing.sort, Sort::Newest | Sort::Oldest);
    let mut query = sorted(fitting(conn, &listing.filter, now, in_order), listing.sort);
    if let Some(place) = &listing.after {
        query = behind(query, listing.sort, place);
    }
    Ok(query.limit(most).select(Site::as_select()).load(conn)?)
}

/// Sites that fit, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn list(conn: &mut Conn, filter: &Filter, now: Timestamp, most: i64) -> Result<Vec<Site>, Fault> {
    let listing = Listing { filter: filter.clone(), ..Listing::default() };
    page_after(conn, &listing, now, false, most)
}
