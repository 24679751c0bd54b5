use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpResponse};
use askama::Template;

use super::moodle::pairing_until;
use super::sites::owned;
use super::views::SiteHead;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::keys;
use crate::public::register::{country_options, language_options, privacy_options};
use crate::registrations;
use crate::sites::{self, Country, Description, Language, Privacy, PushOff, Site, SiteChange, SiteName, SiteState, Users};
use crate::visit::{Owner, Posted};
use crate::web::{self, Check, Field, Fields, Opt, Page, Redirect, When, filters};

struct SettingsForm {
    name: Field,
    description: Field,
    users: Field,
    country: Vec<Opt>,
    country_error: Option<String>,
    language: Vec<Opt>,
    language_error: Option<String>,
    privacy: Vec<Opt>,
    privacy_error: Option<String>,
    push_enabled: Check,
    email_alerts: Check,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "my/settings.html")]
struct SettingsPage {
    page: Page,
    site: SiteHead,
    form: SettingsForm,
    max_users: u64,
    confirm: Field,
    /// Its Moodle keeps these details up to date.
    told_by_moodle: bool,
    may_pair: bool,
    pairing_until: Option<When>,
}

fn filled(site: &Site) -> Fields {
    let on = |on: bool| if on { "on".to_owned() } else { String::new() };
    Fields::of([
        ("name", site.name.clone()),
        ("description", site.description.clone()),
        ("users", site.users.to_string()),
        ("country", site.country.clone()),
        ("language", site.language.clone()),
        ("privacy", site.privacy.as_str().to_owned()),
        ("push_enabled", on(site.push_wanted)),
        ("email_alerts", on(site.email_alerts)),
    ])
}

fn page(hub: &Hub, owner: &Owner, site: &Site, fields: &Fields, errors: &FieldErrors, status: StatusCode) -> Result<HttpResponse, Error> {
    let form = SettingsForm {
        name: fields.field("name", errors),
        description: fields.field("description", errors),
        users: fields.field("users", errors),
        country: country_options(fields.text("country")),
        country_error: errors.of("country"),
        language: language_options(fields.text("language")),
        language_error: errors.of("language"),
        privacy: privacy_options(fields.text("privacy")),
        privacy_error: errors.of("privacy"),
        push_enabled: fields.check("push_enabled", errors),
        email_alerts: fields.check("email_alerts", errors),
        errors: errors.listed(),
    };
    let page = SettingsPage {
        page: owner.visit.page(hub),
        site: SiteHead::new(site, hub.max_users(site.id)),
        form,
        max_users: hub.max_users(site.id),
        confirm: fields.field("confirm", errors),
        told_by_moodle: site.called_at.is_some(),
        may_pair: site.state == SiteState::Active,
        pairing_until: pairing_until(site, hub.clock.now()),
    };
    web::html(status, &page)
}

/// `GET /my/sites/{site}/settings`
pub async fn show(hub: Data<Hub>, owner: Owner, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    let (account, id) = (owner.account.id, site.into_inner());
    let site = hub.db.read(move |conn| owned(conn, account, id)).await?;
    page(&hub, &owner, &site, &filled(&site), &FieldErrors::default(), StatusCode::OK)
}

fn read(fields: &Fields, errors: &mut FieldErrors) -> Option<SiteChange> {
    let name = fields.read("name", errors, SiteName::parse);
    let description = fields.read("description", errors, Description::parse);
    let country = fields.read("country", errors, Country::parse);
    let language = fields.read("language", errors, Language::parse);
    let users = fields.read("users", errors, Users::parse);
    let privacy = fields.read("privacy", errors, |word| word.parse::<Privacy>().map_err(|_| "Choose one of the three.".into()));
    Some(SiteChange {
        name: name?,
        description: description?,
        country: country?,
        language: language?,
        users: users?,
        privacy: privacy?,
        push_wanted: fields.on("push_enabled"),
        email_alerts: fields.on("email_alerts"),
    })
}

/// `POST /my/sites/{site}/settings`
pub async fn save(
    hub: Data<Hub>,
    owner: Owner,
    site: Path<SiteId>,
    Posted(fields): Posted,
) -> Result<Either<HttpResponse, Redirect>, Error> {
    let (account, id) = (owner.account.id, site.into_inner());
    let mut errors = FieldErrors::default();
    let Some(change) = read(&fields, &mut errors) else {
        let site = hub.db.read(move |conn| owned(conn, account, id)).await?;
        return page(&hub, &owner, &site, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY).map(Either::Left);
    };
    let (now, by, desk, max_users) = (hub.clock.now(), owner.actor(), hub.desk.clone(), hub.limits().max_site_users);
    let site = hub.db.write(move |tx| sites::change(tx, &desk, now, by, id, &change, max_users)).await?;
    let to = Redirect::to(format!("/my/sites/{id}"));
    Ok(Either::Right(match site.push_off(hub.max_users(id)) {
        Some(PushOff::OverUserLimit) => to.flash("warn", "Saved. Push is off now: the site has too many users for this push server."),
        _ => to.flash("ok", "Saved."),
    }))
}

/// `POST /my/sites/{site}/unregister`. The page's form has the site's address typed as a confirmation.
pub async fn unregister(
    hub: Data<Hub>,
    owner: Owner,
    site: Path<SiteId>,
    Posted(fields): Posted,
) -> Result<Either<HttpResponse, Redirect>, Error> {
    let (account, id, now) = (owner.account.id, site.into_inner(), hub.clock.now());
    let site = hub.db.read(move |conn| owned(conn, account, id)).await?;
    if fields.given("confirm").is_some_and(|typed| typed.trim().trim_end_matches('/') != site.url) {
        let mut errors = FieldErrors::default();
        errors.add("confirm", format!("Type {} to confirm.", site.url));
        let mut filled = filled(&site);
        filled.set("confirm", fields.text("confirm"));
        return page(&hub, &owner, &site, &filled, &errors, StatusCode::UNPROCESSABLE_ENTITY).map(Either::Left);
    }
    let (by, desk) = (owner.actor(), hub.desk.clone());
    let left = hub.db.write(move |tx| {
        sites::unregister(tx, &desk, now, by, id)?;
        registrations::forget_all(tx, id)?;
        Ok::<_, Error>(keys::revoke_all(tx, now, id)?)
    });
    left.await?;
    Ok(Either::Right(Redirect::to("/my/sites").flash("ok", "The site has left the hub. Its access keys no longer work.")))
}
