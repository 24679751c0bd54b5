use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpResponse};
use askama::Template;

use super::outbox::LetterRow;
use super::site_cases::SiteCase;
use super::site_figures::{AuditRow, DeviceCounts, History, Outcome};
pub use super::site_list::{SiteRow, with_owners};
use crate::abuse;
use crate::accounts::{self, Account, Role};
use crate::audit::Reason;
use crate::db::Conn;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::keys;
use crate::mail;
use crate::my::keys::overlaps;
use crate::my::moodle::Moodle;
use crate::my::views::{self, KeyRow, Recent, SiteHead};
use crate::registrations::{self, Verdict};
use crate::settings::Binding;
use crate::sites::{self, Decision as About, ProofKind, Proved, Site, SiteState};
use crate::visit::{Posted, Staff};
use crate::web::{self, Badge, Chart, Field, Fields, Opt, Page, Redirect, filters, options};

/// A decision that staff may take, with its own field for the reason.
struct Decision {
    /// The last part of the address that it is sent to.
    act: &'static str,
    /// Of its field.
    id: String,
    label: &'static str,
    hint: &'static str,
    button: &'static str,
    danger: bool,
    reason: Field,
}

/// A decision that was sent without a reason that can be taken.
struct Refused<'a> {
    act: &'a str,
    fields: &'a Fields,
    errors: FieldErrors,
}

impl Decision {
    fn new(act: &'static str, label: &'static str, hint: &'static str, button: &'static str, refused: Option<&Refused>) -> Self {
        let of_this = refused.filter(|refused| refused.act == act);
        let reason = of_this.map_or_else(Field::default, |refused| refused.fields.field("reason", &refused.errors));
        Self { act, id: format!("reason-{act}"), label, hint, button, danger: act == "suspend", reason }
    }

    /// What may be decided about a site in its state.
    fn about(site: &Site, refused: Option<&Refused>) -> Vec<Self> {
        let read = "The site's contact reads this.";
        let mut found = Vec::new();
        let is_held = site.held_since.is_some() && matches!(site.state, SiteState::Unverified | SiteState::Claimed);
        if is_held {
            let hint = "The registered site keeps its keys, devices and history, and this one becomes part of it.";
            found.push(Self::new("move", "It is the registered site, moved or installed anew: why?", hint, "It is the same site", refused));
        }
        if is_held && site.held_beside.is_some() {
            let hint = "Both stay, each with its own keys.";
            found.push(Self::new("separate", "It is a copy, and a site of its own: why?", hint, "It is a site of its own", refused));
        }
        if is_held && site.refused_at.is_none() {
            found.push(Self::new("refuse", "Turn it away: why?", "It stays held, and nobody is asked again.", "Turn it away", refused));
        }
        if matches!(site.state, SiteState::Unverified | SiteState::Claimed) {
            let hint = match (site.held_since, site.held_beside) {
                (Some(_), None) => "The other registration of this address is put on hold.",
                (Some(_), Some(_)) => "It is then a site of its own, and active.",
                (None, _) => "",
            };
            found.push(Self::new("verify", "Approve: why do you vouch for this site?", hint, "Approve the site", refused));
        }
        if matches!(site.state, SiteState::Active | SiteState::Claimed | SiteState::Unverified) {
            found.push(Self::new("suspend", "Suspend: why?", read, "Suspend the site", refused));
        }
        if site.state == SiteState::Suspended {
            found.push(Self::new("lift", "Lift the suspension: why?", read, "Lift the suspension", refused));
        }
        found
    }
}

/// A key of the site, with its own field for the reason of a change.
struct StaffKey {
    row: KeyRow,
    reason: Field,
}

impl StaffKey {
    fn of(row: KeyRow, refused: Option<&Refused>) -> Self {
        let of_this = refused.filter(|refused| refused.act.strip_prefix("key-") == Some(row.id.as_str()));
        Self { reason: of_this.map_or_else(Field::default, |refused| refused.fields.field("reason", &refused.errors)), row }
    }
}

/// Another registration of the same address.
struct RivalRow {
    id: String,
    name: String,
    owner: String,
    state: Badge,
}

#[derive(Template)]
#[template(path = "staff/site.html")]
struct SitePage {
    page: Page,
    site: SiteHead,
    details: Vec<(String, String)>,
    devices: DeviceCounts,
    history: History,
    outcomes: Vec<Outcome>,
    cases: Vec<SiteCase>,
    has_open_case: bool,
    /// The mailbox of its contact that takes no letters, and what its server said.
    refusing: Option<mail::Refusing>,
    keys: Vec<StaffKey>,
    overlaps: Vec<Opt>,
    may_have_keys: bool,
    /// Whether pushes to tokens never enrolled are refused.
    bindings: Vec<Opt>,
    binding_reason: Field,
    chart: Chart,
    recent: Vec<Recent>,
    letters: Vec<LetterRow>,
    audit: Vec<AuditRow>,
    rivals: Vec<RivalRow>,
    moodle: Moodle,
    may_decide: bool,
    is_admin: bool,
    decisions: Vec<Decision>,
    errors: Vec<(String, String)>,
}

async fn page(hub: &Hub, staff: &Staff, id: SiteId, refused: Option<&Refused<'_>>, status: StatusCode) -> Result<HttpResponse, Error> {
    let (now, role) = (hub.clock.now(), staff.account.role.unwrap_or(Role::Analyst));
    hub.fresh_counts().await;
    let read = hub.db.read(move |conn| {
        let site = sites::find(conn, id)?.ok_or(Error::NotFound)?;
        let owner = site.account_id.map(|account| accounts::find(conn, account)).transpose()?.flatten();
        let audit = AuditRow::read(conn, id, role)?;
        let pushes = views::pushes(conn, id, now, 20)?;
        let mut rivals = sites::rivals(conn, &site)?;
        rivals.extend(site.held_beside.map(|other| sites::find(conn, other)).transpose()?.flatten());
        let rivals = with_owners(conn, rivals)?;
        let moodle = Moodle::of(conn, &site)?;
        let (keys, letters, binding) = (views::keys_of(conn, id)?, mail::about_site(conn, id, 50)?, sites::binding(conn, id)?);
        let refusing = refusing(conn, &site, owner.as_ref())?;
        let past = (History::read(conn, id)?, Outcome::read(conn, id, now)?, DeviceCounts::read(conn, id)?, SiteCase::of_site(conn, id)?);
        Ok::<_, Error>((site, owner, (keys, pushes, past), letters, audit, rivals, (moodle, binding, refusing)))
    });
    let (site, owner, (keys, (recent, chart, _), (history, outcomes, devices, cases)), letters, audit, rivals, of_moodle) = read.await?;
    let (moodle, binding, refusing) = of_moodle;
    let may_decide = role.may(Role::Reviewer);
    let anchored = |refused: &Refused| refused.errors.0.iter().map(|e| (format!("reason-{}", refused.act), e.words.clone())).collect();
    let page = SitePage {
        page: staff.visit.page(hub),
        details: details(&site, owner.as_ref(), moodle.alerts_email.as_deref()),
        devices,
        history,
        outcomes,
        refusing,
        has_open_case: cases.iter().any(|case| case.is_open),
        cases,
        keys: views::key_rows(&keys, hub).into_iter().map(|row| StaffKey::of(row, refused)).collect(),
        overlaps: overlaps(hub),
        may_have_keys: site.may_have_keys(),
        bindings: bindings(hub, binding),
        binding_reason: refused
            .filter(|refused| refused.act == "binding")
            .map_or_else(Field::default, |refused| refused.fields.field("reason", &refused.errors)),
        chart,
        recent,
        letters: letters.iter().map(LetterRow::new).collect(),
        audit,
        rivals: rivals.iter().map(|(site, owner)| RivalRow::new(site, owner.as_ref())).collect(),
        moodle,
        may_decide,
        is_admin: role == Role::Admin,
        decisions: if may_decide { Decision::about(&site, refused) } else { Vec::new() },
        errors: refused.map(anchored).unwrap_or_default(),
        site: SiteHead::new(&site, hub.max_users(site.id)),
    };
    web::html(status, &page)
}

impl RivalRow {
    fn new(site: &Site, owner: Option<&Account>) -> Self {
        let owner = owner.map_or("–".to_owned(), |account| format!("{} <{}>", account.name, account.email));
        Self { id: site.id.to_string(), name: site.name.clone(), owner, state: views::state_badge(site) }
    }
}

/// Whether the mailbox that letters about a site go to refuses them.
fn refusing(conn: &mut Conn, site: &Site, owner: Option<&Account>) -> Result<Option<mail::Refusing>, crate::db::Fault> {
    let mailbox = owner.map(|account| account.email.as_str()).or(site.contact_email.as_deref());
    match mailbox.and_then(|mailbox| mail::EmailAddress::parse(mailbox).ok()) {
        Some(address) => mail::is_refusing(conn, &address.key()),
        None => Ok(None),
    }
}

fn bindings(hub: &Hub, binding: Option<Binding>) -> Vec<Opt> {
    let own = format!("as the hub: {}", hub.hall.binding.as_str());
    let all =
        [("", own.as_str()), ("open", "open: a push to a new token enrols it"), ("strict", "strict: a push to a new token is refused")];
    options(all, binding.map_or("", Binding::as_str))
}

fn details(site: &Site, owner: Option<&Account>, alerts_email: Option<&str>) -> Vec<(String, String)> {
    let rows = [
        ("Account", owner.map_or("–".to_owned(), |account| format!("{} <{}>", account.name, account.email))),
        ("Contact named by its Moodle", site.contact_email.clone().unwrap_or_else(|| "–".to_owned())),
        ("Mails on security to", alerts_email.unwrap_or("the contact").to_owned()),
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
    page(&hub, &staff, site.into_inner(), None, StatusCode::OK).await
}

pub type Answer = Either<HttpResponse, Redirect>;

/// Reads the reason that every decision needs; without one, the page again.
pub async fn reason(hub: &Hub, staff: &Staff, id: SiteId, act: &str, fields: &Fields) -> Result<Result<Reason, HttpResponse>, Error> {
    let mut errors = FieldErrors::default();
    match fields.read("reason", &mut errors, Reason::parse) {
        Some(reason) => Ok(Ok(reason)),
        None => page(hub, staff, id, Some(&Refused { act, fields, errors }), StatusCode::UNPROCESSABLE_ENTITY).await.map(Err),
    }
}

pub fn to(id: SiteId) -> Redirect {
    Redirect::to(format!("/staff/sites/{id}"))
}

/// `POST /staff/sites/{site}/verify`: the team vouches for the site.
pub async fn verify(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let reason = match reason(&hub, &staff, id, "verify", &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by, desk) = (hub.clock.now(), staff.actor(), hub.desk.clone());
    let proved = hub.db.write(move |tx| sites::prove(tx, &desk, now, by, id, ProofKind::Staff, Some(&reason))).await?;
    Ok(Either::Right(match proved {
        Proved::Active => to(id).flash("ok", "The site is active. Its contact is told by mail."),
        Proved::Held => to(id).flash("warn", "The site is held beside another registration of its address."),
    }))
}

/// `POST /staff/sites/{site}/suspend`: with a case on which its owner can answer.
pub async fn suspend(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let reason = match reason(&hub, &staff, id, "suspend", &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by, again) = (hub.clock.now(), staff.actor(), hub.clone());
    hub.db.write(move |tx| abuse::suspend_site(tx, &again.clerk(), now, by, id, &reason).map(drop).map_err(Error::from)).await?;
    Ok(Either::Right(to(id).flash("ok", "The site is suspended: its pushes are refused from now on. Its contact is told by mail.")))
}

/// `POST /staff/sites/{site}/lift`
pub async fn lift(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let reason = match reason(&hub, &staff, id, "lift", &fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by, again) = (hub.clock.now(), staff.actor(), hub.clone());
    hub.db.write(move |tx| abuse::lift_site(tx, &again.clerk(), now, by, id, &reason).map(drop).map_err(Error::from)).await?;
    Ok(Either::Right(to(id).flash("ok", "The suspension is lifted. The site's contact is told by mail.")))
}

/// `POST /staff/sites/{site}/move`: a held site is the registered one.
pub async fn move_to(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    decide(&hub, &staff, site.into_inner(), ("move", About::Move), &fields).await
}

/// `POST /staff/sites/{site}/separate`: a held copy is a site of its own.
pub async fn separate(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    decide(&hub, &staff, site.into_inner(), ("separate", About::Separate), &fields).await
}

/// `POST /staff/sites/{site}/refuse`: a held site is turned away.
pub async fn refuse(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    decide(&hub, &staff, site.into_inner(), ("refuse", About::Refuse), &fields).await
}

async fn decide(hub: &Data<Hub>, staff: &Staff, id: SiteId, what: (&'static str, About), fields: &Fields) -> Result<Answer, Error> {
    let (act, decision) = what;
    let reason = match reason(hub, staff, id, act, fields).await? {
        Ok(reason) => reason,
        Err(page) => return Ok(Either::Left(page)),
    };
    let (now, by, desk) = (hub.clock.now(), staff.actor(), hub.desk.clone());
    let decided = hub.db.write(move |tx| {
        let newcomer = sites::find(tx.conn(), id)?.ok_or(Error::NotFound)?;
        let registered = beside(tx.conn(), &newcomer)?;
        let verdict = Verdict { decision, by, why: Some(&reason) };
        registrations::decide(tx, &desk, now, &registered, id, verdict)?;
        if decision == About::Move {
            keys::revoke_all(tx, now, id)?;
        }
        Ok::<_, Error>(registered.id)
    });
    let registered = decided.await?;
    let (seen, words) = match decision {
        About::Move => (registered, "It is the same site now. Its contact is told by mail."),
        About::Separate => (id, "It is a site of its own now. Its contact is told by mail."),
        About::Refuse => (id, "It is turned away. Its contact is told by mail."),
    };
    Ok(Either::Right(to(seen).flash("ok", words)))
}

/// The registered site beside which a newcomer is held.
fn beside(conn: &mut Conn, newcomer: &Site) -> Result<Site, Error> {
    if let Some(other) = newcomer.held_beside {
        return sites::find(conn, other)?.ok_or(Error::NotFound);
    }
    let free = |site: &Site| site.held_since.is_none() && site.state != SiteState::Unregistered;
    let rivals = sites::rivals(conn, newcomer)?.into_iter().filter(free);
    let first = rivals.min_by_key(|site| (site.state != SiteState::Active, site.state == SiteState::Unverified, site.id));
    first.ok_or_else(|| Error::Conflict("There is no registered site left beside this one.".into()))
}
