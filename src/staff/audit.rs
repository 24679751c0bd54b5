use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

use super::search::plain;
use crate::accounts::{Role, team};
use crate::audit::{self, ActorKind, Differing, Entry, Event, Filter, Verified};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::{AccountId, SiteId};
use crate::limits::Network;
use crate::sites::{self, SiteUrl};
use crate::visit::Staff;
use crate::web::{self, Field, Opt, Page, When, filters, options};

/// How many entries a page lists.
const PAGE: usize = 50;

/// Something that an entry names, with the page about it.
pub struct Named {
    pub href: String,
    pub name: String,
}

/// An entry, as people read it.
pub struct EntryRow {
    pub seq: i64,
    pub at: When,
    /// Who acted, where that is a person whose account is still there.
    pub person: Option<Named>,
    /// Who acted, where it is not.
    pub actor: &'static str,
    pub from: Option<String>,
    pub words: &'static str,
    pub event: &'static str,
    pub site: Option<Named>,
    pub account: Option<Named>,
    pub reason: Option<String>,
    pub changes: Vec<Differing>,
    pub erased: Option<When>,
}

/// From where something was done: admins see the address, others the network around it.
pub fn from_where(address: &str, role: Role) -> String {
    if role == Role::Admin {
        return address.to_owned();
    }
    address.parse::<IpAddr>().map_or_else(|_| "…".to_owned(), |address| Network::from(address).coarse())
}

/// Entries with the names of whom and what they are about.
pub fn entry_rows(conn: &mut Conn, entries: Vec<Entry>, role: Role) -> Result<Vec<EntryRow>, Fault> {
    let people: Vec<AccountId> = entries.iter().flat_map(|entry| [entry.actor_id, entry.account_id]).flatten().collect();
    let people = team::named(conn, &people)?;
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let person = |id: AccountId| Named {
            href: format!("/staff/accounts/{id}"),
            name: people.get(&id).map_or_else(|| format!("account {id}"), |account| account.name.clone()),
        };
        let site = entry.site_id.map(|id| sites::find(conn, id)).transpose()?.flatten();
        rows.push(EntryRow {
            seq: entry.seq,
            at: entry.at.into(),
            person: entry.actor_id.map(person),
            actor: match entry.actor_kind {
                ActorKind::Account => "Somebody",
                ActorKind::Operator => "The command line",
                ActorKind::Hub => "The hub",
            },
            from: entry.address.as_deref().map(|address| from_where(address, role)),
            words: entry.event.words(),
            event: entry.event.as_str(),
            site: site.map(|site| Named { href: format!("/staff/sites/{}", site.id), name: site.name }),
            account: entry.account_id.filter(|id| entry.actor_id != Some(*id)).map(person),
            changes: entry.changes(),
            erased: entry.erased_at.map(When::from),
            reason: entry.reason,
        });
    }
    Ok(rows)
}

/// What is asked for, as it was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    event: String,
    actor: String,
    site: String,
    account: String,
    from: String,
    to: String,
    before: String,
}

/// A UTC day as a form sends it.
fn day(text: &str) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    match text {
        "" => Ok(None),
        // Its end can't be written in four digits, by which times are sorted.
        _ if text.starts_with("9999") => Err("A day looks like 2026-01-31.".to_owned()),
        _ => format!("{text}T00:00:00Z").parse().map(Some).map_err(|_| "A day looks like 2026-01-31.".to_owned()),
    }
}

fn account_of(conn: &mut Conn, text: &str) -> Result<Result<AccountId, String>, Fault> {
    if let Ok(id) = text.parse() {
        return Ok(Ok(id));
    }
    let found = team::by_mail(conn, text)?;
    Ok(found.map(|account| account.id).ok_or_else(|| "No account has this mail address or number.".to_owned()))
}

fn site_of(conn: &mut Conn, text: &str) -> Result<Result<SiteId, String>, Fault> {
    if let Ok(id) = text.parse() {
        return Ok(Ok(id));
    }
    let found = match SiteUrl::parse(text) {
        Ok(url) => sites::at_address(conn, &url)?.first().map(|site| site.id),
        Err(_) => None,
    };
    Ok(found.ok_or_else(|| "No site has this address or number.".to_owned()))
}

impl Asked {
    /// What it means; what is wrong with it goes to `errors`.
    pub fn filter(&self, conn: &mut Conn, errors: &mut FieldErrors) -> Result<Filter, Fault> {
        let mut filter = Filter { before: self.before.parse().ok(), ..Filter::default() };
        if !self.event.is_empty() {
            filter.event = self.event.parse().map_err(|_| errors.add("event", "Choose one of the list.")).ok();
        }
        let [actor, account, site] = [&self.actor, &self.account, &self.site].map(|typed| plain(typed).trim().to_owned());
        match actor.as_str() {
            "" => {}
            "hub" => filter.actor_kind = Some(ActorKind::Hub),
            "operator" => filter.actor_kind = Some(ActorKind::Operator),
            text => filter.actor = account_of(conn, text)?.map_err(|words| errors.add("actor", words)).ok(),
        }
        if !account.is_empty() {
            filter.account = account_of(conn, &account)?.map_err(|words| errors.add("account", words)).ok();
        }
        if !site.is_empty() {
            filter.site = site_of(conn, &site)?.map_err(|words| errors.add("site", words)).ok();
        }
        filter.from = day(&self.from).map_err(|words| errors.add("from", words)).ok().flatten();
        filter.until = day(&self.to).map_err(|words| errors.add("to", words)).ok().flatten();
        filter.until = filter.until.map(|until| until + std::time::Duration::from_secs(86_400));
        Ok(filter)
    }

    /// The same question as the end of an address.
    fn query(&self, before: Option<i64>) -> String {
        let asked = [
            ("event", &self.event),
            ("actor", &self.actor),
            ("site", &self.site),
            ("account", &self.account),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked.into_iter().filter(|(_, value)| !value.is_empty()));
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        query.finish()
    }
}

/// What came of a check of the whole log.
pub struct Checked {
    pub verified: Option<Verified>,
    pub wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "staff/audit.html")]
struct AuditPage {
    page: Page,
    events: Vec<Opt>,
    event_error: Option<String>,
    actor: Field,
    site: Field,
    account: Field,
    from: Field,
    to: Field,
    errors: Vec<(String, String)>,
    entries: Vec<EntryRow>,
    next: Option<String>,
    query: String,
    is_admin: bool,
    checked: Option<Checked>,
}

async fn page(hub: &Hub, staff: &Staff, asked: Asked, checked: Option<Checked>) -> Result<HttpResponse, Error> {
    let (role, wanted) = (staff.account.role.unwrap_or(Role::Analyst), asked.clone());
    let read = hub.db.read(move |conn| {
        let mut errors = FieldErrors::default();
        let filter = wanted.filter(conn, &mut errors)?;
        let mut found = if errors.is_empty() { audit::list(conn, &filter, PAGE as i64 + 1)? } else { Vec::new() };
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        Ok::<_, Error>((entry_rows(conn, found, role)?, more, errors))
    });
    let (entries, more, errors) = read.await?;
    let field = |name: &str, value: &str| Field { value: value.to_owned(), error: errors.of(name) };
    let mut events: Vec<(&str, &str)> = Event::ALL.iter().map(|event| (event.as_str(), event.words())).collect();
    events.sort_unstable_by_key(|(_, words)| *words);
    let last = entries.last().map(|row| row.seq).filter(|_| more);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = AuditPage {
        page: staff.visit.page(hub),
        events: options([("", "Anything")].into_iter().chain(events), &asked.event),
        event_error: errors.of("event"),
        actor: field("actor", &asked.actor),
        site: field("site", &asked.site),
        account: field("account", &asked.account),
        from: field("from", &asked.from),
        to: field("to", &asked.to),
        errors: errors.listed(),
        entries,
        next: last.map(|last| asked.query(Some(last))),
        query: asked.query(None),
        is_admin: role == Role::Admin,
        checked,
    };
    web::html(status, &page)
}

/// `GET /staff/audit`: who did what, newest first.
pub async fn index(hub: Data<Hub>, staff: Staff, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    page(&hub, &staff, asked.into_inner(), None).await
}

/// `POST /staff/audit/verify`: walks the whole log, and shows the hash to keep elsewhere. One walk at a time: each keeps a
/// connection busy.
pub async fn verify(hub: Data<Hub>, staff: Staff) -> Result<HttpResponse, Error> {
    let ring = hub.ring.clone();
    let Ok(walk) = hub.doors.audit_walk.clone().try_acquire_owned() else {
        return Err(Error::Conflict("The log is being checked already. Try again in a minute.".into()));
    };
    let read = hub.db.read(move |conn| {
        let _walk = walk;
        audit::verify(conn, &ring)
    });
    let checked = match read.await {
        Ok(verified) => Checked { verified: Some(verified), wrong: None },
        Err(Fault::Unreadable(words)) => {
            tracing::error!(%words, "the audit log does not hold");
            Checked { verified: None, wrong: Some(words) }
        }
        Err(fault) => return Err(fault.into()),
    };
    page(&hub, &staff, Asked::default(), Some(checked)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admins_see_the_address() {
        assert_eq!(from_where("192.0.2.7", Role::Admin), "192.0.2.7");
        assert_eq!(from_where("192.0.2.7", Role::Reviewer), "192.0.2.0/24");
        assert_eq!(from_where("2001:db8:1:2::3", Role::Analyst), "2001:db8:1::/48");
        assert_eq!(from_where("nonsense", Role::Analyst), "…");
    }

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(day("2026-01-31").unwrap().unwrap().rfc3339(), "2026-01-31T00:00:00Z");
        assert_eq!(day(" ").unwrap(), None);
        assert!(day("yesterday").is_err() && day("2026-02-30").is_err());
    }
}
