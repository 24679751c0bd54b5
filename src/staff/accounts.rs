use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::audit::{EntryRow, entry_rows};
use super::outbox::LetterRow;
use super::search::plain;
use super::sites::SiteRow;
use crate::accounts::team::{self, Invitation, Invited, Member, TeamError};
use crate::accounts::{self, Account, PersonName, Role, Session};
use crate::audit::{self, Reason};
use crate::db::Tx;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::AccountId;
use crate::limits::Network;
use crate::mail::{EmailAddress, ledger};
use crate::sites;
use crate::visit::{Posted, Staff};
use crate::web::{self, Badge, Field, Fields, Opt, Page, Redirect, When, options};

/// How many accounts a page lists.
const PAGE: usize = 50;

/// What each role is for, as the forms say it.
const ROLES: [(&str, &str); 3] = [
    ("analyst", "analyst: looks at everything"),
    ("reviewer", "reviewer: also acts on sites"),
    ("admin", "admin: also decides who belongs to the team"),
];

impl From<TeamError> for Error {
    fn from(error: TeamError) -> Self {
        match error {
            TeamError::Unknown => Self::NotFound,
            TeamError::NoLongerAdmin => Self::Forbidden("Only an admin of this hub may do this."),
            TeamError::Fault(fault) => fault.into(),
            other => Self::Conflict(other.to_string()),
        }
    }
}

/// An account on a list.
struct MemberRow {
    id: String,
    name: String,
    email: String,
    role: Option<&'static str>,
    state: Badge,
    factor: Badge,
    seen: Option<When>,
}

fn state_of(account: &Account) -> Badge {
    match (account.disabled_at, account.confirmed_at) {
        (Some(_), _) => Badge::new("bad", "Disabled"),
        (None, Some(_)) => Badge::new("ok", "In use"),
        (None, None) if account.role.is_some() => Badge::new("idle", "Invited"),
        (None, None) => Badge::new("idle", "Not confirmed"),
    }
}

fn factor_of(has_factor: bool, is_staff: bool) -> Badge {
    match (has_factor, is_staff) {
        (true, _) => Badge::new("ok", "Yes"),
        (false, true) => Badge::new("warn", "No"),
        (false, false) => Badge::new("idle", "No"),
    }
}

impl From<Member> for MemberRow {
    fn from(member: Member) -> Self {
        let Member { account, has_factor, seen_at } = member;
        Self {
            id: account.id.to_string(),
            state: state_of(&account),
            factor: factor_of(has_factor, account.role.is_some()),
            role: account.role.map(Role::as_str),
            name: account.name,
            email: account.email,
            seen: seen_at.map(When::from),
        }
    }
}

fn may_act(staff: &Staff) -> bool {
    staff.account.role == Some(Role::Admin)
}

/// The query of the list.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Search {
    q: String,
    before: String,
}

#[derive(Template)]
#[template(path = "staff/accounts.html")]
struct AccountsPage {
    page: Page,
    team: Vec<MemberRow>,
    may_act: bool,
    roles: Vec<Opt>,
    role_error: Option<String>,
    email: Field,
    called: Field,
    errors: Vec<(String, String)>,
    q: String,
    found: Vec<MemberRow>,
    next: Option<String>,
}

async fn list(hub: &Hub, staff: &Staff, search: Search, form: &Fields, errors: FieldErrors) -> Result<HttpResponse, Error> {
    let query = team::Query { words: search.q.clone(), before: search.before.parse().ok() };
    let (members, mut found) =
        hub.db.read(move |conn| Ok::<_, Error>((team::team(conn)?, team::search(conn, &query, PAGE as i64 + 1)?))).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|last| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("q", &search.q).append_pair("before", &last.account.id.to_string()).finish()
    });
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = AccountsPage {
        page: staff.visit.page(hub),
        team: members.into_iter().map(MemberRow::from).collect(),
        may_act: may_act(staff),
        roles: options(ROLES, form.text("role")),
        role_error: errors.of("role"),
        email: form.field("email", &errors),
        called: form.field("name", &errors),
        errors: errors.listed(),
        q: search.q,
        found: found.into_iter().map(MemberRow::from).collect(),
        next,
    };
    web::html(status, &page)
}

/// `GET /staff/accounts`: the team, and every account.
pub async fn index(hub: Data<Hub>, staff: Staff, search: Query<Search>) -> Result<HttpResponse, Error> {
    let Search { q, before } = search.into_inner();
    list(&hub, &staff, Search { q: plain(&q), before }, &Fields::default(), FieldErrors::default()).await
}

pub type Answer = Either<HttpResponse, Redirect>;

/// `POST /staff/accounts`: invites somebody to the team.
pub async fn invite(hub: Data<Hub>, staff: Staff, Posted(fields): Posted) -> Result<Answer, Error> {
    let mut errors = FieldErrors::default();
    let email = fields.read("email", &mut errors, EmailAddress::parse);
    let role = fields.read("role", &mut errors, |text| text.parse::<Role>().map_err(|_| "Choose a role.".to_owned()));
    let named = !fields.text("name").trim().is_empty();
    let name = if named { fields.read("name", &mut errors, PersonName::parse) } else { None };
    let (Some(email), Some(role), true) = (email, role, errors.is_empty()) else {
        return list(&hub, &staff, Search::default(), &fields, errors).await.map(Either::Left);
    };
    let (now, by, desk, ring) = (hub.clock.now(), staff.actor(), hub.desk.clone(), hub.ring.clone());
    let new = Invitation { email, name, role };
    match hub.db.write(move |tx| team::invite(tx, &desk, &ring, now, by, &new)).await {
        Ok(Invited::ByLink(id)) => Ok(Either::Right(to(id).flash("ok", "They are invited: a mail with a link is on its way."))),
        Ok(Invited::AtOnce(id)) => {
            Ok(Either::Right(to(id).flash("ok", "They had an account already: they belong to the team from now on, and are told by mail.")))
        }
        Err(wrong @ (TeamError::Member | TeamError::Disabled)) => {
            errors.add("email", wrong.to_string());
            list(&hub, &staff, Search::default(), &fields, errors).await.map(Either::Left)
        }
        Err(other) => Err(other.into()),
    }
}

struct SessionRow {
    begun: When,
    seen: When,
    from: String,
    agent: String,
}

impl SessionRow {
    fn new(session: &Session, role: Role) -> Self {
        let coarse =
            |address: &str| address.parse().map_or_else(|_| "…".to_owned(), |address: std::net::IpAddr| Network::from(address).coarse());
        Self {
            begun: session.created_at.into(),
            seen: session.seen_at.into(),
            from: if role == Role::Admin { session.address.clone() } else { coarse(&session.address) },
            agent: session.agent.clone(),
        }
    }
}

/// Something that may be done to the account, with its own field for the reason.
struct Act {
    /// The last part of the address that it is sent to.
    act: &'static str,
    id: String,
    label: &'static str,
    hint: &'static str,
    button: &'static str,
    danger: bool,
    reason: Field,
}

/// An act that was not done.
struct Refused<'a> {
    act: &'a str,
    fields: &'a Fields,
    errors: FieldErrors,
}

impl Refused<'_> {
    fn reason(refused: Option<&Self>, act: &str) -> Field {
        refused.filter(|refused| refused.act == act).map_or_else(Field::default, |refused| refused.fields.field("reason", &refused.errors))
    }
}

impl Act {
    fn about(account: &Account, refused: Option<&Refused>) -> Vec<Self> {
        let act = |act: &'static str, label, hint, button, danger| {
            let id = format!("reason-{}", act.replace('/', "-"));
            Self { act, id, label, hint, button, danger, reason: Refused::reason(refused, act) }
        };
        let mut found = vec![act("sessions/end", "Log them out everywhere: why?", "They log in anew.", "End all their sessions", false)];
        found.push(match account.disabled_at {
            None => act(
                "disable",
                "Disable the account: why?",
                "It can't log in from now on, and its sessions end at once. Its sites go on, with their keys.",
                "Disable the account",
                true,
            ),
            Some(_) => act("enable", "Enable the account: why?", "It can log in again.", "Enable the account", false),
        });
        found
    }
}

#[derive(Template)]
#[template(path = "staff/account.html")]
struct AccountPage {
    page: Page,
    id: String,
    name: String,
    email: String,
    is_me: bool,
    role: Option<&'static str>,
    state: Badge,
    factor: Badge,
    created: When,
    confirmed: Option<When>,
    disabled: Option<When>,
    may_act: bool,
    /// Letters are not for analysts.
    may_read_letters: bool,
    may_invite: bool,
    roles: Vec<Opt>,
    role_error: Option<String>,
    role_reason: Field,
    acts: Vec<Act>,
    errors: Vec<(String, String)>,
    sites: Vec<SiteRow>,
    sessions: Vec<SessionRow>,
    letters: Vec<LetterRow>,
    entries: Vec<EntryRow>,
}

/// The role of a form: `none` is none.
fn parse_role(text: &str) -> Result<Option<Role>, String> {
    if text == "none" { Ok(None) } else { text.parse().map(Some).map_err(|_| "Choose a role, or none.".to_owned()) }
}

async fn page(hub: &Hub, staff: &Staff, id: AccountId, refused: Option<&Refused<'_>>) -> Result<HttpResponse, Error> {
    let (now, role) = (hub.clock.now(), staff.account.role.unwrap_or(Role::Analyst));
    let read = hub.db.read(move |conn| {
        let member = team::member(conn, id)?.ok_or(Error::NotFound)?;
        let entries = audit::list(conn, &audit::Filter { by_or_about: Some(id), ..audit::Filter::default() }, 50)?;
        let entries = entry_rows(conn, entries, role)?;
        let (sites, letters) = (sites::of_account(conn, id)?, ledger::of_account(conn, id, 20)?);
        Ok::<_, Error>((member, sites, accounts::sessions_of(conn, id, now)?, letters, entries))
    });
    let (Member { account, has_factor, .. }, sites, sessions, letters, entries) = read.await?;
    let may_act = may_act(staff) && account.id != staff.account.id;
    let chosen = refused.filter(|refused| refused.act == "role").map(|refused| refused.fields.text("role"));
    let anchored = |refused: &Refused| {
        let anchor = |field: &str| match field {
            "reason" => format!("reason-{}", refused.act.replace('/', "-")),
            other => other.to_owned(),
        };
        refused.errors.0.iter().map(|e| (anchor(e.field), e.words.clone())).collect()
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = AccountPage {
        page: staff.visit.page(hub),
        id: account.id.to_string(),
        is_me: account.id == staff.account.id,
        role: account.role.map(Role::as_str),
        state: state_of(&account),
        factor: factor_of(has_factor, account.role.is_some()),
        created: account.created_at.into(),
        confirmed: account.confirmed_at.map(When::from),
        disabled: account.disabled_at.map(When::from),
        may_act,
        may_read_letters: role.may(Role::Reviewer),
        may_invite: may_act && account.role.is_some() && account.confirmed_at.is_none() && account.disabled_at.is_none(),
        roles: options(
            [("none", "none: does not belong to the team")].into_iter().chain(ROLES),
            chosen.unwrap_or_else(|| account.role.map_or("none", Role::as_str)),
        ),
        role_error: refused.and_then(|refused| refused.errors.of("role")),
        role_reason: Refused::reason(refused, "role"),
        acts: if may_act { Act::about(&account, refused) } else { Vec::new() },
        errors: refused.map(anchored).unwrap_or_default(),
        sites: sites.iter().take(100).map(|site| SiteRow::new(site, None, hub.max_users(site.id))).collect(),
        sessions: sessions.iter().map(|session| SessionRow::new(session, role)).collect(),
        letters: letters.iter().map(LetterRow::new).collect(),
        entries,
        name: account.name,
        email: account.email,
    };
    web::html(status, &page)
}

/// `GET /staff/accounts/{account}`
pub async fn show(hub: Data<Hub>, staff: Staff, account: Path<AccountId>) -> Result<HttpResponse, Error> {
    page(&hub, &staff, account.into_inner(), None).await
}

fn to(id: AccountId) -> Redirect {
    Redirect::to(format!("/staff/accounts/{id}"))
}

/// Does something to an account for a reason; what is in the way is said on its page.
async fn act(
    hub: &Hub,
    staff: &Staff,
    (id, name, done): (AccountId, &str, &str),
    fields: &Fields,
    work: impl Fn(&mut Tx, &Reason) -> Result<(), TeamError> + Send + 'static,
) -> Result<Answer, Error> {
    let mut errors = FieldErrors::default();
    if let Some(reason) = fields.read("reason", &mut errors, Reason::parse) {
        match hub.db.write(move |tx| work(tx, &reason)).await {
            Ok(()) => return Ok(Either::Right(to(id).flash("ok", done))),
            Err(wrong @ (TeamError::Yourself | TeamError::LastAdmin | TeamError::Same)) => errors.add("form", wrong.to_string()),
            Err(other) => return Err(other.into()),
        }
    }
    page(hub, staff, id, Some(&Refused { act: name, fields, errors })).await.map(Either::Left)
}

/// `POST /staff/accounts/{account}/role`
pub async fn role(hub: Data<Hub>, staff: Staff, account: Path<AccountId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let (id, now, by, desk) = (account.into_inner(), hub.clock.now(), staff.actor(), hub.desk.clone());
    let mut errors = FieldErrors::default();
    let Some(role) = fields.read("role", &mut errors, parse_role) else {
        return page(&hub, &staff, id, Some(&Refused { act: "role", fields: &fields, errors })).await.map(Either::Left);
    };
    let done = "The role is changed. They are told by mail.";
    act(&hub, &staff, (id, "role", done), &fields, move |tx, reason| team::set_role(tx, &desk, now, by, id, (role, reason))).await
}

/// `POST /staff/accounts/{account}/disable`
pub async fn disable(hub: Data<Hub>, staff: Staff, account: Path<AccountId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let (id, now, by) = (account.into_inner(), hub.clock.now(), staff.actor());
    let done = "The account is disabled, and its sessions are over.";
    act(&hub, &staff, (id, "disable", done), &fields, move |tx, reason| team::disable(tx, now, by, id, reason)).await
}

/// `POST /staff/accounts/{account}/enable`
pub async fn enable(hub: Data<Hub>, staff: Staff, account: Path<AccountId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let (id, now, by) = (account.into_inner(), hub.clock.now(), staff.actor());
    act(&hub, &staff, (id, "enable", "The account can log in again."), &fields, move |tx, reason| team::enable(tx, now, by, id, reason))
        .await
}

/// `POST /staff/accounts/{account}/sessions/end`
pub async fn end_sessions(hub: Data<Hub>, staff: Staff, account: Path<AccountId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let (id, now, by) = (account.into_inner(), hub.clock.now(), staff.actor());
    let done = "They are logged out everywhere.";
    act(&hub, &staff, (id, "sessions/end", done), &fields, move |tx, reason| team::end_sessions(tx, now, by, id, reason)).await
}

/// `POST /staff/accounts/{account}/invite`: a new link for somebody who has not come yet.
pub async fn invite_again(hub: Data<Hub>, staff: Staff, account: Path<AccountId>, _: Posted) -> Result<Redirect, Error> {
    let (id, now, by) = (account.into_inner(), hub.clock.now(), staff.actor());
    let (desk, ring) = (hub.desk.clone(), hub.ring.clone());
    hub.db.write(move |tx| team::invite_again(tx, &desk, &ring, now, by, id)).await?;
    Ok(to(id).flash("ok", "A new invitation is on its way. The link before leads nowhere any more."))
}
