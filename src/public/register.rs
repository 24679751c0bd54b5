//! Registration by web form.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{Either, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::accounts::{self, Credentials, LinkError, NewPassword, PersonName, SignUp};
use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::ids::{AccountId, SiteId};
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
    hub_url: String,
}

/// The countries, with an empty choice first.
pub fn country_options(selected: &str) -> Vec<Opt> {
    web::options([("", "Choose…")].into_iter().chain(Country::all()), selected)
}

/// The languages offered, and the selected one if it is another.
pub fn language_options(selected: &str) -> Vec<Opt> {
    let other = (!selected.is_empty() && !Language::OFFERED.iter().any(|(code, _)| *code == selected)).then_some((selected, selected));
    web::options(Language::OFFERED.into_iter().chain(other), selected).into_iter().map(Opt::in_its_language).collect()
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
        max_users: hub.limits().max_site_users,
        logged_in: visit.session.is_some(),
        hub_url: hub.public_url.as_str().to_owned(),
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
    let done = match visit.account().map(|account| account.id) {
        Some(owner) => add(&hub, &visit, owner, &fields).await,
        None => sign_up(&hub, &visit, &fields).await,
    };
    let (status, errors, passes) = match done {
        Ok(answer) => return Ok(answer),
        Err(Error::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, errors, None),
        // What was typed is kept, whatever keeps it from being taken.
        Err(error) => match web::come_back(&error) {
            None => return Err(error),
            Some(words) => {
                let mut errors = FieldErrors::default();
                errors.add("form", words);
                (web::status_of(&error), errors, Some(error))
            }
        },
    };
    let mut response = page(&hub, &visit, status, &fields, &errors)?;
    if let Some(error) = passes {
        web::tell_when(response.headers_mut(), &error);
    }
    Ok(Either::Left(response))
}

/// Another site for somebody who is logged in.
async fn add(hub: &Data<Hub>, visit: &Visit, owner: AccountId, fields: &Fields) -> Result<Answer, Error> {
    let mut errors = FieldErrors::default();
    let site = read_site(fields, &mut errors);
    let Some(site) = site.filter(|_| errors.is_empty()) else { return Err(Error::Invalid(errors)) };
    hub::pass(&hub.doors.registrations, visit.address)?;
    let (shared, now, by) = (hub.clone(), hub.clock.now(), Actor::Account(owner, Some(visit.address)));
    let added = hub.db.write(move |tx| {
        let id = sites::add(tx, now, by, owner, &site)?;
        sites::apply_user_limit(tx, &shared.desk, now, id, shared.limits().max_site_users, Duration::ZERO)?;
        Ok::<_, SiteError>(id)
    });
    match added.await {
        Ok(id) => Ok(Either::Right(
            Redirect::to(format!("/my/sites/{id}")).flash("ok", "The site is added. Prove that it is yours, and it can push."),
        )),
        Err(SiteError::Again(_)) => Err(Error::field("url", "You have registered this site already: see My sites.")),
        Err(other) => Err(other.into()),
    }
}

/// A newcomer. Whether the address has an account already shows neither in the answer nor in its time.
async fn sign_up(hub: &Data<Hub>, visit: &Visit, fields: &Fields) -> Result<Answer, Error> {
    let mut errors = FieldErrors::default();
    let (site, person) = (read_site(fields, &mut errors), read_person(fields, &mut errors));
    let (Some(site), Some(person), true) = (site, person, errors.is_empty()) else { return Err(Error::Invalid(errors)) };
    hub::pass(&hub.doors.registrations, visit.address)?;
    hub.doors.letter_to(&hub.ring, person.email.as_str())?;
    let email = person.email.as_str().to_owned();
    let (shared, now) = (hub.clone(), hub.clock.now());
    let kept = async {
        let password_hash = hub.passwords.hash(person.password).await?;
        let new = SignUp {
            email: person.email,
            name: person.name,
            language: site.language.as_str().to_owned(),
            password_hash,
            from: Some(visit.address),
        };
        Ok::<_, Error>(hub.db.write(move |tx| keep(tx, &shared, now, &new, &site)).await?)
    };
    evenly(kept).await?;
    sent(hub, visit, email, "confirm", false).map(Either::Left)
}

/// Account, site and letter, in one transaction.
fn keep(tx: &mut Tx, hub: &Hub, now: Timestamp, new: &SignUp, site: &NewSite) -> Result<(), SiteError> {
    if let Some(account) = accounts::sign_up(tx, &hub.desk, now, new)? {
        let id = sites::register(tx, now, Actor::Account(account, new.from), account, site)?;
        accounts::mail_confirmation(tx, &hub.desk, &hub.ring, now, account, new, (id, site.name.as_str(), site.url.as_str()))?;
    }
    Ok(())
}

/// An answer takes at least this long where its time would tell who has an account: a written letter takes longer than none.
const EVEN: Duration = Duration::from_millis(300);

/// Does something that must take as long whether or not there is an account.
pub(super) async fn evenly<T>(work: impl Future<Output = T>) -> T {
    futures_util::future::join(work, actix_web::rt::time::sleep(EVEN)).await.0
}

#[derive(Template)]
#[template(path = "public/sent.html")]
struct Sent {
    page: Page,
    email: String,
    what: &'static str,
    again: bool,
    outbox: bool,
}

/// "Look in your mail", whether or not a letter was due: who has an account is nobody else's business.
pub fn sent(hub: &Hub, visit: &Visit, email: String, what: &'static str, again: bool) -> Result<HttpResponse, Error> {
    web::html(StatusCode::OK, &Sent { page: visit.page(hub), email, what, again, outbox: hub.shows_letters() })
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
    email: Field,
}

fn confirm_failed(hub: &Hub, visit: &Visit, status: StatusCode, email: Field) -> Result<HttpResponse, Error> {
    web::html(status, &ConfirmFailed { page: visit.page(hub), email })
}

/// `GET /register/confirm`: the mailed link. Whoever is the first to follow one is logged in, unless somebody else is here.
pub async fn confirm(hub: Data<Hub>, visit: Visit, link: Query<Link>) -> Result<Answer, Error> {
    let (shared, now, token, from) = (hub.clone(), hub.clock.now(), link.into_inner().token, Some(visit.address));
    let confirmed = hub.db.write(move |tx| {
        let confirmed = accounts::confirm(tx, &shared.ring, now, from, &token)?;
        for site in sites::confirm_mail(tx, now, confirmed.account)? {
            sites::apply_user_limit(tx, &shared.desk, now, site, shared.limits().max_site_users, Duration::ZERO)?;
        }
        let taken_over =
            confirmed.site.map(|id| take_over(tx, &shared, now, Actor::Account(confirmed.account, from), id)).transpose()? == Some(true);
        let has_password = Credentials::of(tx.conn(), confirmed.account)?.is_some_and(|c| c.password_hash.is_some());
        let site = confirmed.site.map(|id| sites::owned_by(tx.conn(), confirmed.account, id)).transpose()?.flatten();
        Ok::<_, ConfirmError>((confirmed, site.map(|site| site.id), has_password, taken_over))
    });
    let (confirmed, site, has_password, taken_over) = match confirmed.await {
        Ok(confirmed) => confirmed,
        Err(ConfirmError::Link(LinkError::Dead)) => {
            return confirm_failed(&hub, &visit, StatusCode::GONE, Field::default()).map(Either::Left);
        }
        Err(ConfirmError::Link(LinkError::Fault(fault)) | ConfirmError::Fault(fault)) => return Err(fault.into()),
        Err(ConfirmError::Site(error)) => return Err(error.into()),
    };
    let to = site.map_or("/my/sites".to_owned(), |site| format!("/my/sites/{site}"));
    let here = visit.account().map(|account| account.id);
    if here == Some(confirmed.account) {
        let words = if taken_over { "The site is yours now." } else { "Your e-mail address is confirmed." };
        return Ok(Either::Right(Redirect::to(to).flash("ok", words)));
    }
    if here.is_some() {
        let words = "The e-mail address of another account is confirmed. Log out here, and log in with that one.";
        return Ok(Either::Right(Redirect::to("/my/sites").flash("warn", words)));
    }
    if !confirmed.first && taken_over {
        let login = format!("/login?next={to}");
        return Ok(Either::Right(Redirect::to(login).flash("ok", "The site is on your account now. Log in to see it.")));
    }
    if !confirmed.first {
        return Ok(Either::Right(Redirect::to("/login").flash("ok", "Your e-mail address is confirmed. Log in with your password.")));
    }
    let entered = visit::enter(&hub, &visit, confirmed.account, &to).await?;
    Ok(Either::Right(if has_password {
        entered.flash("ok", "Your e-mail address is confirmed, and you are logged in.")
    } else {
        entered.flash("warn", "Your e-mail address is confirmed, and you are logged in. Choose a password under Account before you leave.")
    }))
}

/// Gives a site that its Moodle has registered to whoever reads the mail of the contact that it names.
fn take_over(tx: &mut Tx, hub: &Hub, now: Timestamp, by: Actor, site: SiteId) -> Result<bool, SiteError> {
    let contact = sites::find(tx.conn(), site)?.and_then(|site| site.contact());
    let reader = by.account().map(|account| accounts::find(tx.conn(), account)).transpose()?.flatten();
    // Its Moodle may name somebody else by now.
    let is_contact = contact.zip(reader).is_some_and(|(contact, reader)| contact.address.key() == reader.email.to_lowercase());
    if is_contact { sites::adopt(tx, &hub.desk, now, by, site) } else { Ok(false) }
}

/// Why a mailed link did not confirm anything.
enum ConfirmError {
    Link(LinkError),
    Site(SiteError),
    Fault(Fault),
}

impl From<LinkError> for ConfirmError {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<SiteError> for ConfirmError {
    fn from(error: SiteError) -> Self {
        Self::Site(error)
    }
}

impl From<Fault> for ConfirmError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// `POST /register/resend`: the letter once more.
pub async fn resend(hub: Data<Hub>, visit: Visit, Posted(fields): Posted) -> Result<HttpResponse, Error> {
    match super::password::mail_link(&hub, &visit, &fields).await {
        Err(Error::Invalid(errors)) => confirm_failed(&hub, &visit, StatusCode::UNPROCESSABLE_ENTITY, fields.field("email", &errors)),
        other => other.and_then(|()| sent(&hub, &visit, fields.text("email").to_owned(), "confirm", true)),
    }
}
