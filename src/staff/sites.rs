use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::outbox::LetterRow;
use crate::accounts::{self, Account};
use crate::audit::{self, Reason};
use crate::db::{Conn, Fault};
use crate::devices;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::mail;
use crate::my::views::{self, KeyRow, Recent, SiteHead};
use crate::sites::{self, Filter, ProofKind, Proved, Site, SiteState};
use crate::visit::{Posted, Staff};
use crate::web::{self, Badge, Chart, Field, Fields, Opt, Page, Redirect, When, filters};

/// How many sites a page lists.
const PAGE: usize = 50;

/// A site on a list.
pub struct SiteRow {
    pub id: String,
    pub name: String,
    pub url: String,
    pub owner: String,
    pub state: Badge,
    pub push: Badge,
    pub users: u64,
    pub created: When,
}

impl SiteRow {
    pub fn new(site: &Site, owner: Option<&Account>, max_users: u64) -> Self {
        Self {
            id: site.id.to_string(),
            name: site.name.clone(),
            url: site.url.clone(),
            owner: owner.map_or("–".to_owned(), |account| format!("{} <{}>", account.name, account.email)),
            state: views::state_badge(site),
            push: views::push_badge(site, max_users),
            users: site.users(),
            created: site.created_at.into(),
        }
    }
}

/// Sites with the accounts that own them.
pub fn with_owners(conn: &mut Conn, sites: Vec<Site>) -> Result<Vec<(Site, Option<Account>)>, Fault> {
    let mut owners = HashMap::new();
    for id in sites.iter().filter_map(|site| site.account_id) {
        if let std::collections::hash_map::Entry::Vacant(free) = owners.entry(id)
            && let Some(account) = accounts::find(conn, id)?
        {
            free.insert(account);
        }
    }
    Ok(sites
        .into_iter()
        .map(|site| (site.account_id.and_then(|id| owners.get(&id).cloned()), site))
        .map(|(owner, site)| (site, owner))
        .collect())
}

/// The query of the list.
#[derive(Deserialize)]
pub struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    before: String,
}

#[derive(Template)]
#[template(path = "staff/sites.html")]
struct SitesPage {
    page: Page,
    q: String,
    state: String,
    states: Vec<Opt>,
    sites: Vec<SiteRow>,
    next: Option<String>,
}

/// `GET /staff/sites`
pub async fn index(hub: Data<Hub>, staff: Staff, search: Query<Search>) -> Result<HttpResponse, Error> {
    let Search { q, state, before } = search.into_inner();
    let filter = Filter { words: q.clone(), state: state.parse().ok(), before: before.parse().ok() };
    let read = hub.db.read(move |conn| {
        let found = sites::list(conn, &filter, PAGE as i64 + 1)?;
        with_owners(conn, found)
    });
    let mut found = read.await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|(last, _)| last.id.to_string());
    let states = [("", "Any state")].into_iter().chain(SiteState::ALL.iter().map(|s| (s.as_str(), s.as_str())));
    let max_users = hub.limits.max_site_users;
    let page = SitesPage {
        page: staff.visit.page(&hub),
        states: web::options(states, &state),
        sites: found.iter().map(|(site, owner)| SiteRow::new(site, owner.as_ref(), max_users)).collect(),
        q,
        state,
        next,
    };
    web::html(StatusCode::OK, &page)
}

struct AuditRow {
    at: When,
    actor: String,
    event: String,
    reason: String,
}

struct ReasonForm {
    reason: Field,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "staff/site.html")]
struct SitePage {
    page: Page,
    site: SiteHead,
    details: Vec<(String, String)>,
    devices: u64,
    keys: Vec<KeyRow>,
    chart: Chart,
    recent: Vec<Recent>,
    letters: Vec<LetterRow>,
    audit: Vec<AuditRow>,
    can_suspend: bool,
    can_lift: bool,
    can_verify: bool,
    form: ReasonForm,
}

async fn page(
    hub: &Hub,
    staff: &Staff,
    id: SiteId,
    fields: &Fields,
    errors: &FieldErrors,
    status: StatusCode,
) -> Result<HttpResponse, Error> {
    let now = hub.clock.now();
    hub.counts.flush(&hub.db, &hub.clock).await?;
    let read = hub.db.read(move |conn| {
        let site = sites::find(conn, id)?.ok_or(Error::NotFound)?;
        let owner = site.account_id.map(|account| accounts::find(conn, account)).transpose()?.flatten();
        let audit = audit_rows(conn, id)?;
        let pushes = views::pushes(conn, id, now, 20)?;
        Ok::<_, Error>((site, owner, views::keys_of(conn, id)?, devices::count(conn, id)?, pushes, mail::about_site(conn, id, 20)?, audit))
    });
    let (site, owner, keys, devices, (recent, chart, _), letters, audit) = read.await?;
    let page = SitePage {
        page: staff.visit.page(hub),
        details: details(&site, owner.as_ref()),
        devices: u64::try_from(devices).unwrap_or(0),
        keys: views::key_rows(&keys, hub),
        chart,
        recent,
        letters: letters.iter().map(LetterRow::new).collect(),
        audit,
        can_suspend: matches!(site.state, SiteState::Active | SiteState::Claimed | SiteState::Unverified),
        can_lift: site.state == SiteState::Suspended,
        can_verify: matches!(site.state, SiteState::Unverified | SiteState::Claimed),
        form: ReasonForm { reason: fields.field("reason", errors), errors: errors.listed() },
        site: SiteHead::new(&site, hub.limits.max_site_users),
    };
    web::html(status, &page)
}

fn audit_rows(conn: &mut Conn, id: SiteId) -> Result<Vec<AuditRow>, Fault> {
    let mut rows = Vec::new();
    for entry in audit::about_site(conn, id, 50)? {
        let person = entry.actor_id.map(|account| accounts::find(conn, account)).transpose()?.flatten();
        rows.push(AuditRow {
            at: entry.at.into(),
            actor: person.map_or_else(|| entry.actor_kind.to_string(), |account| account.name),
            event: entry.event.as_str().replace('_', " "),
            reason: entry.reason.unwrap_or_default(),
        });
    }
    Ok(rows)
}

fn details(site: &Site, owner: Option<&Account>) -> Vec<(String, String)> {
    let rows = [
        ("Contact", owner.map_or("–".to_owned(), |account| format!("{} <{}>", account.name, account.email))),
        ("Users", filters::with_commas(&site.users.to_string())),
        ("Country, language", format!("{}, {}", site.country, site.language)),
        ("Public list", site.privacy.as_str().to_owned()),
        ("Description", site.description.clone()),
        ("Ownership", site.proof.map_or("not proved".to_owned(), |proof| format!("proved {}", proof.words()))),
        ("Reason of its state", site.state_reason.clone().unwrap_or_else(|| "–".to_owned())),
        ("Registered", site.created_at.readable()),
        ("Last changed", site.changed_at.readable()),
    ];
    rows.map(|(label, value)| (label.to_owned(), value)).to_vec()
}

/// `GET /staff/sites/{site}`
pub async fn show(hub: Data<Hub>, staff: Staff, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    page(&hub, &staff, site.into_inner(), &Fields::default(), &FieldErrors::default(), StatusCode::OK).await
}

type Answer = Either<HttpResponse, Redirect>;

/// Reads the reason that every decision needs; without one, the page again.
async fn reason(hub: &Hub, staff: &Staff, id: SiteId, fields: &Fields) -> Result<Result<Reason, HttpResponse>, Error> {
    let mut errors = FieldErrors::default();
    match fields.read("reason", &mut errors, Reason::parse) {
        Some(reason) => Ok(Ok(reason)),
        None => page(hub, staff, id, fields, &errors, StatusCode::UNPROCESSABLE_ENTITY).await.map(Err),
    }
}

fn to(id: SiteId) -> Redirect {
    Redirect::to(format!("/staff/sites/{id}"))
}

/// `POST /staff/sites/{site}/verify`: the team vouches for the site.
pub async fn verify(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let reason = match reason(&hub, &staff, id, &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by, desk) = (hub.clock.now(), staff.actor(), hub.desk.clone());
    let proved = hub.db.write(move |tx| sites::prove(tx, &desk, now, by, id, ProofKind::Staff, Some(&reason))).await?;
    Ok(Either::Right(match proved {
        Proved::Active => to(id).flash("ok", "The site is active. Its contact is told by mail."),
        Proved::Held => to(id).flash("warn", "Another site with this address is active or suspended. Suspending does not free an address: ask its owner to unregister it first."),
    }))
}

/// `POST /staff/sites/{site}/suspend`
pub async fn suspend(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let reason = match reason(&hub, &staff, id, &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by, desk) = (hub.clock.now(), staff.actor(), hub.desk.clone());
    hub.db.write(move |tx| sites::suspend(tx, &desk, now, by, id, &reason)).await?;
    Ok(Either::Right(to(id).flash("ok", "The site is suspended: its pushes are refused from now on. Its contact is told by mail.")))
}

/// `POST /staff/sites/{site}/lift`
pub async fn lift(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let reason = match reason(&hub, &staff, id, &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by, desk) = (hub.clock.now(), staff.actor(), hub.desk.clone());
    hub.db.write(move |tx| sites::lift(tx, &desk, now, by, id, &reason)).await?;
    Ok(Either::Right(to(id).flash("ok", "The suspension is lifted. The site's contact is told by mail.")))
}
