use std::collections::HashSet;

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::listing::{forget_words, keep_words};
use super::{NewSite, Site, SiteState, SiteUrl};
use crate::clock::Timestamp;
use crate::db::schema::{site_terms, sites};
use crate::db::text::lower_if_any;
use crate::db::{Conn, Fault, each};
use crate::ids::{AccountId, SiteId};
use crate::settings::Binding;

pub(super) fn insert(
    conn: &mut Conn,
    id: SiteId,
    account: Option<AccountId>,
    new: &NewSite,
    state: SiteState,
    token: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    diesel::insert_into(sites::table)
        .values((
            (
                sites::id.eq(id),
                sites::account_id.eq(account),
                sites::name.eq(&new.name.0),
                sites::url.eq(new.url.as_str()),
                sites::url_key.eq(new.url.key()),
                sites::description.eq(&new.description.0),
                sites::country.eq(&new.country.0),
                sites::language.eq(&new.language.0),
                sites::users.eq(new.users.0),
            ),
            (
                sites::privacy.eq(new.privacy),
                sites::email_alerts.eq(new.email_alerts),
                sites::push_wanted.eq(new.push_wanted),
                sites::push_stopped.eq(false),
                sites::state.eq(state),
                sites::proof_token.eq(token),
                sites::created_at.eq(now),
                sites::changed_at.eq(now),
                sites::revision.eq(1),
            ),
        ))
        .execute(conn)?;
    keep_words(conn, id, &new.name.0, new.url.as_str(), None)
}

/// Writes a site that was read before.
///
/// # Errors
/// [`Fault::Stale`] when somebody else has written it meanwhile.
pub(super) fn save(conn: &mut Conn, site: &Site, now: Timestamp) -> Result<(), Fault> {
    let same = sites::table.find(site.id).filter(sites::revision.eq(site.revision));
    let rows = diesel::update(same)
        .set((
            (
                sites::account_id.eq(site.account_id),
                sites::name.eq(&site.name),
                sites::description.eq(&site.description),
                sites::country.eq(&site.country),
                sites::language.eq(&site.language),
                sites::users.eq(site.users),
                sites::privacy.eq(site.privacy),
                sites::email_alerts.eq(site.email_alerts),
                sites::push_wanted.eq(site.push_wanted),
                sites::push_stopped.eq(site.push_stopped),
            ),
            (
                sites::state.eq(site.state),
                sites::state_reason.eq(&site.state_reason),
                sites::state_before.eq(site.state_before),
                sites::over_limit_since.eq(site.over_limit_since),
                sites::grace_until.eq(site.grace_until),
                sites::held_since.eq(site.held_since),
                sites::proof.eq(site.proof),
                sites::proved_at.eq(site.proved_at),
                sites::changed_at.eq(now),
                sites::revision.eq(site.revision + 1),
            ),
            (
                sites::url.eq(&site.url),
                sites::url_key.eq(&site.url_key),
                sites::contact_name.eq(&site.contact_name),
                sites::contact_email.eq(&site.contact_email),
                sites::contact_told_at.eq(site.contact_told_at),
                sites::held_beside.eq(site.held_beside),
                sites::refused_at.eq(site.refused_at),
                sites::pairing_until.eq(site.pairing_until),
                sites::called_at.eq(site.called_at),
            ),
        ))
        .execute(conn)?;
    if rows != 1 {
        return Err(Fault::Stale);
    }
    keep_words(conn, site.id, &site.name, &site.url, site.contact_email.as_deref())
}

/// A site by its id: for the hub itself and for staff.
///
/// # Errors
/// When the database does not answer.
pub fn find(conn: &mut Conn, id: SiteId) -> Result<Option<Site>, Fault> {
    Ok(sites::table.find(id).select(Site::as_select()).first(conn).optional()?)
}

/// Several sites by their ids, the oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn find_all(conn: &mut Conn, ids: &[SiteId]) -> Result<Vec<Site>, Fault> {
    Ok(sites::table.filter(sites::id.eq_any(ids)).order(sites::id).select(Site::as_select()).load(conn)?)
}

/// A site of this account; nobody else's is found. A site that was taken off the hub is gone.
///
/// # Errors
/// When the database does not answer.
pub fn owned_by(conn: &mut Conn, account: AccountId, id: SiteId) -> Result<Option<Site>, Fault> {
    let owned = sites::table.find(id).filter(sites::account_id.eq(account).and(sites::state.ne(SiteState::Unregistered)));
    Ok(owned.select(Site::as_select()).first(conn).optional()?)
}

/// The sites of an account, newest first.
///
/// # Errors
/// When the database does not answer.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<Site>, Fault> {
    let owned = sites::table.filter(sites::account_id.eq(account).and(sites::state.ne(SiteState::Unregistered)));
    Ok(owned.order(sites::id.desc()).limit(500).select(Site::as_select()).load(conn)?)
}

/// This account's live site at an address.
pub(super) fn of_account_at(conn: &mut Conn, account: AccountId, url_key: &str) -> Result<Option<SiteId>, Fault> {
    let same = sites::table
        .filter(sites::account_id.eq(account).and(sites::url_key.eq(url_key)))
        .filter(sites::state.ne_all([SiteState::Unregistered, SiteState::Registered]));
    Ok(same.select(sites::id).first(conn).optional()?)
}

/// Who has an address by proof, other than `but`: the active site, else one that was suspended after it was proved, else
/// one that has left while it was suspended.
pub(super) fn holder(conn: &mut Conn, url_key: &str, but: SiteId) -> Result<Option<Site>, Fault> {
    let at = sites::table.filter(sites::url_key.eq(url_key).and(sites::id.ne(but)).and(sites::proof.is_not_null()));
    let suspended = sites::state.eq(SiteState::Suspended);
    let left = sites::state.eq(SiteState::Unregistered).and(sites::state_reason.is_not_null());
    let found: Vec<Site> =
        at.filter(sites::state.eq(SiteState::Active).or(suspended).or(left)).order(sites::id).select(Site::as_select()).load(conn)?;
    let rank = |site: &Site| match site.state {
        SiteState::Active => 0,
        SiteState::Suspended => 1,
        _ => 2,
    };
    Ok(found.into_iter().min_by_key(rank))
}

/// The claims to an address that nobody holds yet, other than `but`.
pub(super) fn claims(conn: &mut Conn, url_key: &str, but: SiteId) -> Result<Vec<Site>, Fault> {
    let at = sites::table.filter(sites::url_key.eq(url_key).and(sites::id.ne(but)));
    Ok(at.filter(sites::state.eq(SiteState::Claimed).and(sites::held_since.is_null())).select(Site::as_select()).load(conn)?)
}

/// Whether a site stands at an address, other than `but`: proved, claimed, or suspended, and not held.
pub(super) fn stands_at(conn: &mut Conn, url_key: &str, but: SiteId) -> Result<bool, Fault> {
    let at = sites::table.filter(sites::url_key.eq(url_key).and(sites::id.ne(but)).and(sites::held_since.is_null()));
    let left = sites::state.eq(SiteState::Unregistered).and(sites::state_reason.is_not_null()).and(sites::proof.is_not_null());
    let standing = sites::state.eq_any([SiteState::Active, SiteState::Claimed, SiteState::Suspended]).or(left);
    Ok(at.filter(standing).count().get_result::<i64>(conn)? > 0)
}

/// The copies that are held beside a site.
pub(super) fn copies_of(conn: &mut Conn, site: SiteId) -> Result<Vec<Site>, Fault> {
    let held = sites::table.filter(sites::held_beside.eq(site).and(sites::held_since.is_not_null()));
    Ok(held.filter(sites::state.eq(SiteState::Claimed)).order(sites::id).select(Site::as_select()).load(conn)?)
}

/// The newcomers at an address whose server was never heard of, newest first.
pub(super) fn unheard_at(conn: &mut Conn, url_key: &str) -> Result<Vec<Site>, Fault> {
    let held = sites::table.filter(sites::url_key.eq(url_key).and(sites::held_since.is_not_null()).and(sites::called_at.is_null()));
    Ok(held.filter(sites::state.eq(SiteState::Claimed)).order(sites::id.desc()).limit(100).select(Site::as_select()).load(conn)?)
}

/// Held claims of before a moment whose server was never heard of and that nobody owns. One that stands may be in use by its
/// key alone.
pub(super) fn unheard(conn: &mut Conn, before: Timestamp, most: i64) -> Result<Vec<Site>, Fault> {
    let claims = sites::table.filter(sites::state.eq(SiteState::Claimed).and(sites::called_at.is_null()));
    let nobodys = claims.filter(sites::account_id.is_null().and(sites::changed_at.lt(before)).and(sites::held_since.is_not_null()));
    Ok(nobodys.order(sites::id).limit(most).select(Site::as_select()).load(conn)?)
}

/// The sites that are held beside another registration of their address.
pub(super) fn held_at(conn: &mut Conn, url_key: &str) -> Result<Vec<Site>, Fault> {
    let held = sites::table.filter(sites::url_key.eq(url_key).and(sites::held_since.is_not_null()).and(sites::held_beside.is_null()));
    Ok(held
        .filter(sites::state.eq_any([SiteState::Unverified, SiteState::Claimed]))
        .order(sites::id)
        .select(Site::as_select())
        .load(conn)?)
}

/// Who else has registered the address of a held site: for staff, who decide between them.
///
/// # Errors
/// When the database does not answer.
pub fn rivals(conn: &mut Conn, site: &Site) -> Result<Vec<Site>, Fault> {
    let others = sites::table.filter(sites::url_key.eq(&site.url_key).and(sites::id.ne(site.id)));
    let live = [SiteState::Unverified, SiteState::Claimed, SiteState::Active, SiteState::Suspended];
    let left = sites::state.eq(SiteState::Unregistered).and(sites::state_reason.is_not_null());
    Ok(others.filter(sites::state.eq_any(live).or(left)).order(sites::id).limit(20).select(Site::as_select()).load(conn)?)
}

/// What an account has registered before its mail address was confirmed.
pub(super) fn registered_by(conn: &mut Conn, account: AccountId) -> Result<Vec<Site>, Fault> {
    let registered = sites::table.filter(sites::account_id.eq(account).and(sites::state.eq(SiteState::Registered)));
    Ok(registered.order(sites::id).select(Site::as_select()).load(conn)?)
}

/// Deletes what an account has registered before its mail address was confirmed. `true`: it owns no other site.
pub(super) fn delete_registered(conn: &mut Conn, account: AccountId) -> Result<bool, Fault> {
    diesel::delete(sites::table.filter(sites::account_id.eq(account).and(sites::state.eq(SiteState::Registered)))).execute(conn)?;
    let left: i64 = sites::table.filter(sites::account_id.eq(account)).count().get_result(conn)?;
    Ok(left == 0)
}

/// How many sites are active.
///
/// # Errors
/// When the database does not answer.
pub fn count_active(conn: &mut Conn) -> Result<i64, Fault> {
    Ok(sites::table.filter(sites::state.eq(SiteState::Active)).count().get_result(conn)?)
}

/// How many sites are on the hub, in whatever state but unregistered.
///
/// # Errors
/// When the database does not answer.
pub fn count_all(conn: &mut Conn) -> Result<i64, Fault> {
    Ok(sites::table.filter(sites::state.ne(SiteState::Unregistered)).count().get_result(conn)?)
}

/// Every site at an address that is on the hub and whose mail address nobody has to confirm first, and those that left it
/// while they were suspended; the oldest first.
///
/// # Errors
/// When the database does not answer.
pub fn at_address(conn: &mut Conn, url: &SiteUrl) -> Result<Vec<Site>, Fault> {
    let live = [SiteState::Unverified, SiteState::Claimed, SiteState::Active, SiteState::Suspended];
    let left = sites::state.eq(SiteState::Unregistered).and(sites::state_reason.is_not_null());
    let at = sites::table.filter(sites::url_key.eq(url.key()).and(sites::state.eq_any(live).or(left)));
    Ok(at.order(sites::id).limit(100).select(Site::as_select()).load(conn)?)
}

/// How many sites are held beside this one for its secret, and not decided about.
///
/// # Errors
/// When the database does not answer.
pub fn count_held_beside(conn: &mut Conn, site: SiteId) -> Result<i64, Fault> {
    let held = sites::table.filter(sites::held_beside.eq(site).and(sites::held_since.is_not_null()).and(sites::refused_at.is_null()));
    Ok(held.filter(sites::state.eq(SiteState::Claimed)).count().get_result(conn)?)
}

/// Whether pushes to unknown tokens are refused for this site, where it is said for it.
///
/// # Errors
/// When the database does not answer.
pub fn binding(conn: &mut Conn, site: SiteId) -> Result<Option<Binding>, Fault> {
    let told = site_terms::table.find(site).select(site_terms::binding).first::<Option<String>>(conn).optional()?.flatten();
    told.map(|word| word.parse().map_err(|_| Fault::Unreadable(format!("binding of site {site}")))).transpose()
}

pub(super) fn set_binding(conn: &mut Conn, site: SiteId, binding: Option<Binding>) -> Result<(), Fault> {
    let values = (site_terms::site_id.eq(site), site_terms::binding.eq(binding.map(Binding::as_str)));
    each!(conn, c => diesel::insert_into(site_terms::table)
        .values(values)
        .on_conflict(site_terms::site_id)
        .do_update()
        .set(site_terms::binding.eq(excluded(site_terms::binding)))
        .execute(c))?;
    Ok(())
}

/// Those whose grace beyond the user limit is over.
pub(super) fn out_of_grace(conn: &mut Conn, now: Timestamp) -> Result<Vec<Site>, Fault> {
    Ok(sites::table.filter(sites::grace_until.le(now)).order(sites::id).limit(500).select(Site::as_select()).load(conn)?)
}

/// Sites on the wrong side of the user limit for all: over it and not marked as such, or marked and not over it any more.
/// Those with a limit of their own are left out, and those that could not push anyway.
pub(super) fn misplaced(conn: &mut Conn, max_users: u64, most: i64) -> Result<Vec<SiteId>, Fault> {
    let own = site_terms::table.filter(site_terms::max_site_users.is_not_null()).select(site_terms::site_id);
    let limit = i64::try_from(max_users).unwrap_or(i64::MAX);
    let over = sites::users.ge(limit).and(sites::over_limit_since.is_null());
    let under = sites::users.lt(limit).and(sites::over_limit_since.is_not_null());
    let wrong = sites::table
        .filter(over.or(under))
        .filter(sites::state.eq_any([SiteState::Active, SiteState::Claimed]))
        .filter(sites::id.ne_all(own));
    Ok(wrong.order(sites::id).limit(most).select(sites::id).load(conn)?)
}

/// Erases the contact of sites that have left before a moment, of `most` at once. Gives which they were.
pub(super) fn erase_contacts(conn: &mut Conn, before: Timestamp, most: i64) -> Result<Vec<SiteId>, Fault> {
    let left = sites::table.filter(sites::state.eq(SiteState::Unregistered).and(sites::changed_at.lt(before)));
    let known = left.filter(sites::contact_email.is_not_null().or(sites::contact_name.is_not_null()));
    let found: Vec<SiteId> = known.order(sites::id).limit(most).select(sites::id).load(conn)?;
    for site in &found {
        forget_contact(conn, *site)?;
    }
    Ok(found)
}

/// Erases whom a site's Moodle has named. `false`: it had named nobody.
///
/// # Errors
/// When it can't be written.
pub fn forget_contact(conn: &mut Conn, site: SiteId) -> Result<bool, Fault> {
    let known = sites::table.find(site).filter(sites::contact_email.is_not_null().or(sites::contact_name.is_not_null()));
    let nobody = (sites::contact_email.eq(None::<String>), sites::contact_name.eq(None::<String>));
    let nobody = (nobody, sites::contact_told_at.eq(None::<Timestamp>), sites::revision.eq(sites::revision + 1));
    let was_known = diesel::update(known).set(nobody).execute(conn)? == 1;
    // It is no longer found by its contact either.
    forget_words(conn, &[site])?;
    Ok(was_known)
}

/// Takes a site that has left from its account, and with it what its owner wrote of it.
///
/// # Errors
/// When it can't be written.
pub fn forget_owner(conn: &mut Conn, site: SiteId) -> Result<(), Fault> {
    forget_contact(conn, site)?;
    let nobodys = (sites::account_id.eq(None::<AccountId>), sites::description.eq(""), sites::revision.eq(sites::revision + 1));
    diesel::update(sites::table.find(site)).set(nobodys).execute(conn)?;
    Ok(())
}

/// The sites of an account in whatever state, oldest first, newer than `after`.
///
/// # Errors
/// When the database does not answer.
pub fn all_of_account(conn: &mut Conn, account: AccountId, after: Option<SiteId>, most: i64) -> Result<Vec<Site>, Fault> {
    let mut query = sites::table.filter(sites::account_id.eq(account)).order(sites::id).limit(most).select(Site::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(sites::id.gt(after));
    }
    Ok(query.load(conn)?)
}

/// Who wants to be this site, or at its address, and waits for a decision.
///
/// # Errors
/// When the database does not answer.
pub fn newcomers(conn: &mut Conn, site: &Site) -> Result<Vec<Site>, Fault> {
    let held = sites::table.filter(sites::held_since.is_not_null().and(sites::refused_at.is_null()).and(sites::id.ne(site.id)));
    let at_address = sites::url_key.eq(&site.url_key).and(sites::held_beside.is_null());
    let waiting =
        held.filter(sites::state.eq_any([SiteState::Unverified, SiteState::Claimed])).filter(sites::held_beside.eq(site.id).or(at_address));
    Ok(waiting.order(sites::id).limit(20).select(Site::as_select()).load(conn)?)
}

/// Sites that wait for somebody of the hub team: those held beside another registration of their address.
///
/// # Errors
/// When the database does not answer.
pub fn pending(conn: &mut Conn, most: i64) -> Result<Vec<Site>, Fault> {
    let held = sites::table.filter(sites::held_since.is_not_null().and(sites::refused_at.is_null()));
    // Few are held: the index of those serves. As a plain column the state would lead SQLite to its own index, and to all sites.
    let held = held.filter(sites::state.concat("").eq_any([SiteState::Unverified, SiteState::Claimed]));
    Ok(held.order(sites::id).limit(most).select(Site::as_select()).load(conn)?)
}

/// How many users some sites state.
///
/// # Errors
/// When the database does not answer.
pub fn users_of(conn: &mut Conn, ids: &[SiteId]) -> Result<Vec<(SiteId, u64)>, Fault> {
    let mut found = Vec::new();
    // SQLite has a limit on how many values one query may name.
    for some in ids.chunks(500) {
        let rows: Vec<(SiteId, i64)> = sites::table.filter(sites::id.eq_any(some)).select((sites::id, sites::users)).load(conn)?;
        found.extend(rows.into_iter().map(|(id, users)| (id, u64::try_from(users).unwrap_or(0))));
    }
    Ok(found)
}

/// The ids of sites in their order, from `from` on.
///
/// # Errors
/// When the database does not answer.
pub fn ids_after(conn: &mut Conn, from: SiteId, most: i64) -> Result<Vec<SiteId>, Fault> {
    Ok(sites::table.filter(sites::id.ge(from)).order(sites::id).select(sites::id).limit(most).load(conn)?)
}

/// Sites that name a mailbox, in small letters or as it is spelled, as their contact; `most` at once.
///
/// # Errors
/// When the database does not answer.
pub fn naming(conn: &mut Conn, email: &str, most: i64) -> Result<Vec<SiteId>, Fault> {
    let theirs = sites::table.filter(lower_if_any(sites::contact_email).eq(email).or(sites::contact_email.eq(email)));
    Ok(theirs.order(sites::id).limit(most).select(sites::id).load(conn)?)
}

/// Which of these sites belong to an account.
///
/// # Errors
/// When the database does not answer.
pub fn owned_among(conn: &mut Conn, account: AccountId, of: &[SiteId]) -> Result<HashSet<SiteId>, Fault> {
    let owned = sites::table.filter(sites::account_id.eq(account).and(sites::id.eq_any(of))).select(sites::id);
    Ok(owned.load::<SiteId>(conn)?.into_iter().collect())
}
