//! Registration by web form.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::accounts::{self, LinkError, NewPassword, PersonName, SignUp};
use crate::db::Tx;
use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::ids::SiteId;
use crate::mail::EmailAddress;
use crate::sites::{self, Country, Description, Language, NewSite, Privacy, SiteError, SiteName, SiteUrl, Users};
use crate::visit::{self, Posted, Visit};
use crate::web::{self, Check, Field, Fields, Opt, Page, Redirect, filters};

/// The form as its template shows it.
pub struct RegisterForm {
    name: Field,
    url: Field,
    description: Field,
    contact_name: Field,
    contact_email: Field,
    password: Field,
    users: Field,
    country: Vec<Opt>,
    country_error: Option<String>,
    language: Vec<Opt>,
    language_error: Option<String>,
    privacy: Vec<Opt>,
    privacy_error: Option<String>,
    push_enabled: Check,
    email_alerts: Check,
    policy_agreed: Check,
    errors: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "public/register.html")]
struct RegisterPage {
    page: Page,
    form: RegisterForm,
    max_users: u64,
    logged_in: bool,
}

/// The countries, with an empty choice first.
pub fn country_options(selected: &str) -> Vec<Opt> {
    web::options([("", "Choose…")].into_iter().chain(Country::all()), selected)
}

/// The languages offered, and the selected one if it is another.
pub fn language_options(selected: &str) -> Vec<Opt> {
    let other = (!selected.is_empty() && !Language::OFFERED.iter().any(|(code, _)| *code == selected)).then_some((selected, selected));
    web::options(Language::OFFERED.into_iter().chain(other), selected)
}

/// What the public list may show.
pub fn privacy_options(selected: &str) -> Vec<Opt> {
    let all = [("notdisplayed", "Do not list this site"), ("named", "List its name"), ("linked", "List its name, with a link")];
    web::options(all, selected)
}

fn view(fields: &Fields, errors: &FieldErrors) -> RegisterForm {
    let chosen = |name, default| if fields.text(name).is_empty() { default } else { fields.text(name) };
    RegisterForm {
        name: fields.field("name", errors),
        url: fields.field("url", errors),
        description: fields.field("description", errors),
        contact_name: fields.field("contact_name", errors),
        contact_email: fields.field("contact_email", errors),
        password: Fields::emptied("password", errors),
        users: fields.field("users", errors),
        country: country_options(&fields.text("country").to_ascii_uppercase()),
        country_error: errors.of("country"),
        language: language_options(chosen("language", "en")),
        language_error: errors.of("language"),
        privacy: privacy_options(chosen("privacy", "notdisplayed")),
        privacy_error: errors.of("privacy"),
        push_enabled: fields.check("push_enabled", errors),
        email_alerts: fields.check("email_alerts", errors),
        policy_agreed: fields.check("policy_agreed", errors),
        errors: errors.listed(),
    }
}

fn page(hub: &Hub, visit: &Visit, status: StatusCode, fields: &Fields, errors: &FieldErrors) -> Result<HttpResponse, Error> {
    let page = RegisterPage {
        page: visit.page(hub),
        form: view(fields, errors),
        max_users: hub.limits.max_site_users,
        logged_in: visit.session.is_some(),
    };
    web::html(status, &page)
}

/// `GET /register`
pub async fn show(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    let fresh = Fields::of([("push_enabled", "on".into()), ("email_alerts", "on".into())]);
    page(&hub, &visit, StatusCode::OK, &fresh, &FieldErrors::default())
}

/// The part of the form that is about the site.
fn read_site(fields: &Fields, errors: &mut FieldErrors) -> Option<NewSite> {
    let name = fields.read("name", errors, SiteName::parse);
    let url = fields.read("url", errors, SiteUrl::parse);
    let description = fields.read("description", errors, Description::parse);
    let country = fields.read("country", errors, Country::parse);
    let language = fields.read("language", errors, Language::parse);
    let users = fields.read("users", errors, Users::parse);
    let privacy = fields.read("privacy", errors, |word| word.parse::<Privacy>().map_err(|_| "Choose one of the three.".into()));
    if !fields.on("policy_agreed") {
        errors.add("policy_agreed", "Please read the policy and agree to it.");
    }
    Some(NewSite {
        name: name?,
        url: url?,
        description: description?,
        country: country?,
        language: language?,
        users: users?,
        privacy: privacy?,
        push_wanted: fields.on("push_enabled"),
        email_alerts: fields.on("email_alerts"),
    })
}

struct Person {
    email: EmailAddress,
    name: PersonName,
    password: NewPassword,
}

/// The part of the form that is about the person.
fn read_person(fields: &Fields, errors: &mut FieldErrors) -> Option<Person> {
    let name = fields.read("contact_name", errors, PersonName::parse);
    let email = fields.read("contact_email", errors, EmailAddress::parse);
    let password = fields.read("password", errors, |_| NewPassword::parse(&fields.secret("password")));
    Some(Person { name: name?, email: email?, password: password? })
}

type Answer = Either<HttpResponse, Redirect>;

/// `POST /register`
pub async fn submit(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<Answer, Error> {
    let mut errors = FieldErrors::default();
    let site = read_site(&fields, &mut errors);
    let again = |errors: &FieldErrors| page(&hub, &visit, StatusCode::UNPROCESSABLE_ENTITY, &fields, errors).map(Either::Left);
    if let Some(account) = visit.account() {
        let Some(site) = site.filter(|_| errors.is_empty()) else { return again(&errors) };
        hub::pass(&hub.doors.registrations, visit.address)?;
        let (now, owner) = (hub.clock.now(), account.id);
        return match hub.db.write(move |tx| sites::add(tx, now, owner, &site)).await {
            Ok(id) => Ok(Either::Right(
                Redirect::to(format!("/my/sites/{id}")).flash("ok", "The site is added. Prove that it is yours, and it can push."),
            )),
            Err(SiteError::Again(_)) => {
                errors.add("url", "You have registered this site already: see My sites.");
                again(&errors)
            }
            Err(other) => Err(other.into()),
        };
    }
    let person = read_person(&fields, &mut errors);
    let (Some(site), Some(person), true) = (site, person, errors.is_empty()) else { return again(&errors) };
    hub::pass(&hub.doors.registrations, visit.address)?;
    let password_hash = hub.passwords.hash(person.password).await?;
    let email = person.email.as_str().to_owned();
    let new = SignUp { email: person.email, name: person.name, language: site.language.as_str().to_owned(), password_hash };
    let (shared, now) = (hub.clone(), hub.clock.now());
    hub.db.write(move |tx| sign_up(tx, &shared, now, &new, &site)).await?;
    sent(&hub, &visit, email, "confirm").map(Either::Left)
}

/// Account, site and letter, in one transaction.
fn sign_up(tx: &mut Tx, hub: &Hub, now: crate::clock::Timestamp, new: &SignUp, site: &NewSite) -> Result<(), SiteError> {
    if let Some(account) = accounts::sign_up(tx, &hub.desk, now, new)? {
        let id = sites::register(tx, now, account, site)?;
        accounts::mail_confirmation(tx, &hub.desk, &hub.ring, now, account, new, (id, site.name.as_str(), site.url.as_str()))?;
    }
    Ok(())
}

#[derive(Template)]
#[template(path = "public/sent.html")]
struct Sent {
    page: Page,
    email: String,
    what: &'static str,
    outbox: bool,
}

/// "Look in your mail", whether or not a letter was due: who has an account is nobody else's business.
pub fn sent(hub: &Hub, visit: &Visit, email: String, what: &'static str) -> Result<HttpResponse, Error> {
    web::html(StatusCode::OK, &Sent { page: visit.page(hub), email, what, outbox: hub.shows_letters() })
}

/// The query of a mailed link.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    pub token: String,
}

#[derive(Template)]
#[template(path = "public/confirm_failed.html")]
struct ConfirmFailed {
    page: Page,
}

/// `GET /register/confirm`: the mailed link. Whoever follows it is logged in.
pub async fn confirm(hub: Data<Hub>, visit: Visit, link: Query<Link>) -> Result<Answer, Error> {
    let (ring, now, token) = (hub.ring.clone(), hub.clock.now(), link.into_inner().token);
    let confirmed = hub.db.write(move |tx| {
        let confirmed = accounts::confirm(tx, &ring, now, &token)?;
        if let Some(site) = confirmed.site {
            confirm_site(tx, now, site)?;
        }
        Ok::<_, LinkError>(confirmed)
    });
    match confirmed.await {
        Ok(confirmed) => {
            let to = confirmed.site.map_or("/my/sites".to_owned(), |site| format!("/my/sites/{site}"));
            let entered = visit::enter(&hub, &visit, confirmed.account, &to).await?;
            Ok(Either::Right(entered.flash("ok", "Your e-mail address is confirmed, and you are logged in.")))
        }
        Err(LinkError::Dead) => web::html(StatusCode::GONE, &ConfirmFailed { page: visit.page(&hub) }).map(Either::Left),
        Err(LinkError::Fault(fault)) => Err(fault.into()),
    }
}

fn confirm_site(tx: &mut Tx, now: crate::clock::Timestamp, site: SiteId) -> Result<(), LinkError> {
    match sites::confirm_mail(tx, now, site) {
        Ok(()) | Err(SiteError::Unknown | SiteError::NotFrom(_) | SiteError::Again(_)) => Ok(()),
        Err(SiteError::Fault(fault)) => Err(fault.into()),
    }
}

/// `POST /register/resend`: the letter once more.
pub async fn resend(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    super::password::mail_link(&hub, &visit, &fields).await?;
    sent(&hub, &visit, fields.text("email").to_owned(), "confirm")
}
