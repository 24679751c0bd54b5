use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpResponse};
use askama::Template;

use super::sites::Answer;
use crate::accounts::Role;
use crate::audit::Reason;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::keys::Figures;
use crate::my::views::SiteHead;
use crate::push;
use crate::sites::{self, Brake, Site, SiteState, Terms};
use crate::visit::{Posted, Staff};
use crate::web::{self, Field, Fields, Page, Redirect, When, filters};

/// A limit: for all, for this site, and what holds now.
struct LimitRow {
    name: &'static str,
    label: &'static str,
    for_all: String,
    own: Field,
    in_force: String,
    hint: String,
}

/// What slows the site down for a while.
struct BrakeView {
    push_per_second: u32,
    push_per_day: u64,
    enrol_per_second: u32,
    until: When,
    holds: bool,
    automatic: bool,
    case: Option<String>,
}

impl BrakeView {
    fn new(brake: &Brake, now: crate::clock::Timestamp) -> Self {
        Self {
            push_per_second: brake.push_per_second.max(1),
            push_per_day: brake.push_per_day,
            enrol_per_second: brake.enrol_per_second.max(1),
            until: brake.until.into(),
            holds: brake.holds(now),
            automatic: brake.automatic,
            case: brake.case.map(|case| case.to_string()),
        }
    }
}

#[derive(Template)]
#[template(path = "staff/limits.html")]
struct LimitsPage {
    page: Page,
    site: SiteHead,
    rows: Vec<LimitRow>,
    on_trial: bool,
    /// How many devices it may have, on trial.
    most_devices: Option<u64>,
    users: u64,
    used_today: u64,
    quota: u64,
    brake: Option<BrakeView>,
    may_decide: bool,
    reason: Field,
    release_reason: Field,
    errors: Vec<(String, String)>,
}

/// A form that can't be taken as it is.
struct Refused {
    release: bool,
    fields: Fields,
    errors: FieldErrors,
}

impl Refused {
    /// Each error with the id of its field.
    fn anchored(&self) -> Vec<(String, String)> {
        let id = |field: &str| if self.release && field == "reason" { "release-reason".to_owned() } else { field.to_owned() };
        self.errors.0.iter().map(|error| (id(error.field), error.words.clone())).collect()
    }
}

const NAMES: [(&str, &str); 6] = [
    ("max_site_users", "Registered users: push for fewer than"),
    ("push_per_second", "Pushes a second, on average"),
    ("push_burst", "Pushes at once"),
    ("push_per_day", "Pushes in a UTC day"),
    ("enrol_per_second", "New devices a second, on average"),
    ("enrol_burst", "New devices at once"),
];

/// Six figures in the order of [`NAMES`].
fn in_order(max_users: u64, figures: Figures) -> [u64; 6] {
    [
        max_users,
        figures.push_per_second.get().into(),
        figures.push_burst.get().into(),
        figures.push_per_day,
        figures.enrol_per_second.get().into(),
        figures.enrol_burst.get().into(),
    ]
}

fn own(terms: &Terms) -> [Option<u64>; 6] {
    let rate = |rate: Option<std::num::NonZeroU32>| rate.map(|rate| u64::from(rate.get()));
    [
        terms.max_site_users,
        rate(terms.push_per_second),
        rate(terms.push_burst),
        terms.push_per_day,
        rate(terms.enrol_per_second),
        rate(terms.enrol_burst),
    ]
}

fn rows(hub: &Hub, site: &Site, terms: &Terms, now: (Figures, u64), refused: Option<&Refused>) -> Vec<LimitRow> {
    let n = |number: u64| filters::with_commas(&number.to_string());
    let (in_force, max_users) = now;
    let grants = hub.hall.table.grants();
    let (for_all, in_force) = (in_order(grants.max_site_users, grants.general), in_order(max_users, in_force));
    let on_trial = site.state == SiteState::Claimed && grants.trial_is_limited;
    let trial = |name: &str| match name {
        "push_per_second" | "push_burst" if on_trial => Some(u64::from(grants.trial_per_second.get())),
        "push_per_day" if on_trial => Some(grants.trial_per_day),
        _ => None,
    };
    let refused = refused.filter(|refused| !refused.release);
    let rows = NAMES.iter().zip(for_all).zip(own(terms)).zip(in_force).map(|(((name, for_all), own), in_force)| {
        let (name, label) = *name;
        let own = match refused {
            Some(refused) => refused.fields.field(name, &refused.errors),
            None => Field { value: own.map(|own| own.to_string()).unwrap_or_default(), error: None },
        };
        let for_all = trial(name).map_or_else(|| n(for_all), |trial| format!("{}; {} on trial", n(for_all), n(trial)));
        LimitRow { name, label, hint: format!("For all sites: {for_all}. Empty: as for all."), for_all, own, in_force: n(in_force) }
    });
    rows.collect()
}

async fn page(hub: &Hub, staff: &Staff, id: SiteId, refused: Option<&Refused>, status: StatusCode) -> Result<HttpResponse, Error> {
    let now = hub.clock.now();
    hub.fresh_counts().await;
    let read = hub.db.read(move |conn| {
        let site = sites::find(conn, id)?.ok_or(Error::NotFound)?;
        Ok::<_, Error>((site, sites::terms(conn, id)?, sites::brake_of(conn, id)?, push::today_of(conn, id, now)?))
    });
    let (site, terms, brake, used_today) = read.await?;
    let on_trial = site.state == SiteState::Claimed;
    let (figures, _) = hub.hall.table.figures(id, on_trial, now);
    let max_users = hub.max_users(id);
    let reason = |release: bool| {
        let of_this = refused.filter(|refused| refused.release == release);
        of_this.map_or_else(Field::default, |refused| refused.fields.field("reason", &refused.errors))
    };
    let page = LimitsPage {
        page: staff.visit.page(hub),
        rows: rows(hub, &site, &terms, (figures, max_users), refused),
        on_trial,
        most_devices: hub.hall.table.grants().most_devices(on_trial),
        users: site.users(),
        used_today,
        quota: figures.push_per_day,
        brake: brake.as_ref().map(|brake| BrakeView::new(brake, now)),
        may_decide: staff.account.role.is_some_and(|role| role.may(Role::Reviewer)),
        reason: reason(false),
        release_reason: reason(true),
        errors: refused.map(Refused::anchored).unwrap_or_default(),
        site: SiteHead::new(&site, max_users),
    };
    web::html(status, &page)
}

/// `GET /staff/sites/{site}/limits`: what holds for all, for this site, and now.
pub async fn show(hub: Data<Hub>, staff: Staff, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    page(&hub, &staff, site.into_inner(), None, StatusCode::OK).await
}

/// A reason of what mails nobody by itself.
pub fn reason(text: &str) -> Result<Reason, String> {
    if text.trim().is_empty() {
        return Err("Say why. It is kept with the change.".into());
    }
    Reason::parse(text)
}

fn terms(fields: &Fields, errors: &mut FieldErrors) -> Option<Terms> {
    let max_site_users = fields.read("max_site_users", errors, |text| Terms::number(text, Terms::MOST_USERS));
    let (push_per_second, push_burst) =
        (fields.read("push_per_second", errors, Terms::rate), fields.read("push_burst", errors, Terms::rate));
    let push_per_day = fields.read("push_per_day", errors, |text| Terms::number(text, Terms::MOST_A_DAY));
    let (enrol_per_second, enrol_burst) =
        (fields.read("enrol_per_second", errors, Terms::rate), fields.read("enrol_burst", errors, Terms::rate));
    Some(Terms {
        max_site_users: max_site_users?,
        push_per_second: push_per_second?,
        push_burst: push_burst?,
        push_per_day: push_per_day?,
        enrol_per_second: enrol_per_second?,
        enrol_burst: enrol_burst?,
    })
}

fn to(id: SiteId) -> Redirect {
    Redirect::to(format!("/staff/sites/{id}/limits"))
}

/// `POST /staff/sites/{site}/limits`
pub async fn save(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let mut errors = FieldErrors::default();
    let (terms, why) = (terms(&fields, &mut errors), fields.read("reason", &mut errors, reason));
    let (Some(terms), Some(why)) = (terms, why) else {
        let refused = Refused { release: false, fields, errors };
        return page(&hub, &staff, id, Some(&refused), StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    };
    let (now, by, desk, max_users, grace) =
        (hub.clock.now(), staff.actor(), hub.desk.clone(), hub.limits().max_site_users, hub.over_limit_grace());
    let saved = hub.db.write(move |tx| {
        sites::set_terms(tx, now, by, id, &terms, &why)?;
        sites::apply_user_limit(tx, &desk, now, id, max_users, grace)
    });
    saved.await?;
    Ok(Either::Right(to(id).flash("ok", "Saved: these limits hold from now on, on every node.")))
}

/// `POST /staff/sites/{site}/limits/release`: what slows the site down ends before its time.
pub async fn release(hub: Data<Hub>, staff: Staff, site: Path<SiteId>, Posted(fields): Posted) -> Result<Answer, Error> {
    let id = site.into_inner();
    let mut errors = FieldErrors::default();
    let Some(why) = fields.read("reason", &mut errors, reason) else {
        let refused = Refused { release: true, fields, errors };
        return page(&hub, &staff, id, Some(&refused), StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left);
    };
    let (now, by) = (hub.clock.now(), staff.actor());
    let released = hub.db.write(move |tx| {
        sites::find(tx.conn(), id)?.ok_or(Error::NotFound)?;
        Ok::<_, Error>(sites::release(tx, now, by, id, Some(why.as_str()))?)
    });
    Ok(Either::Right(match released.await? {
        true => to(id).flash("ok", "The site is no longer slowed down."),
        false => to(id).flash("warn", "Nothing slowed the site down any more."),
    }))
}
