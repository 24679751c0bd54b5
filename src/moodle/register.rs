//! The round trip of a registration (`wire/moodle-client.md` 2.2, 2.3; `wire/hub-protocol.md` 2): the admin's browser comes
//! from its Moodle with everything in the address, reads one page, presses one button, and goes back with a token.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HOST, HeaderValue, LOCATION, REFERRER_POLICY};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use url::form_urlencoded::Serializer;

use super::form::Form;
use super::pending::Pending;
use crate::db::Fault;
use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::mail::EmailAddress;
use crate::registrations::{self, Claim, HubToken, Meets, Office, Report, SiteSecret};
use crate::sites::{Privacy, SiteState, SiteUrl};
use crate::visit::{Submitted, Visit};
use crate::web::{self, Page, filters};

/// Where the page is, without what Moodle puts behind it.
const HERE: &str = "/local/hub/siteregistration.php";

#[derive(Template)]
#[template(path = "moodle/start.html")]
struct StartPage {
    page: Page,
    errors: Vec<(String, String)>,
    hub_url: String,
    /// A button was pressed, and nothing waits.
    pressed: bool,
}

/// The page for whoever comes with nothing, or with what can't be read.
fn start(hub: &Hub, visit: &Visit, errors: &FieldErrors, pressed: bool) -> Result<HttpResponse, Error> {
    let page = StartPage { page: visit.page(hub), errors: errors.listed(), hub_url: hub.public_url.as_str().to_owned(), pressed };
    let mut response = web::html(StatusCode::BAD_REQUEST, &page)?;
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// `GET /local/hub/siteregistration.php`: with a Moodle's parameters it puts them away and shows itself without them; then
/// it shows what is about to be registered.
pub async fn show(hub: Data<Hub>, visit: Visit, req: HttpRequest) -> Result<HttpResponse, Error> {
    if !req.query_string().is_empty() {
        return match Form::parse(req.query_string(), b"") {
            Ok(form) => put_away(&hub, &visit, &form),
            Err(malformed) => start(&hub, &visit, &form_error(malformed.to_string()), false),
        };
    }
    match Pending::of(&hub, &req) {
        None => start(&hub, &visit, &FieldErrors::default(), false),
        Some(pending) => ask(&hub, &visit, &req, &pending).await,
    }
}

/// `POST /local/hub/siteregistration.php`: the page's own button; or the parameters of a Moodle, as the first hub's form
/// sent them.
pub async fn submit(hub: Data<Hub>, visit: Visit, req: HttpRequest, submitted: Submitted) -> Result<HttpResponse, Error> {
    let Submitted { fields, own } = submitted;
    let pending = Pending::of(&hub, &req).filter(|pending| fields.text("mark") == pending.mark(&hub.ring));
    match pending {
        Some(pending) if own && fields.text("as") == "copy" => renewal(&hub, &visit, &pending),
        Some(pending) if own => confirm(&hub, &visit, &pending, fields.on("push_enabled")).await,
        Some(pending) => ask(&hub, &visit, &req, &pending).await,
        None => match Form::parse("", &fields.encoded()) {
            Ok(form) if fields.given("token").is_some() => put_away(&hub, &visit, &form),
            _ => start(&hub, &visit, &FieldErrors::default(), true),
        },
    }
}

fn form_error(words: String) -> FieldErrors {
    let mut errors = FieldErrors::default();
    errors.add("form", words);
    errors
}

/// Puts what a Moodle has brought along into a cookie, and shows the page without it: an address with a secret in it stays
/// in no history, and is told to nobody.
fn put_away(hub: &Hub, visit: &Visit, form: &Form) -> Result<HttpResponse, Error> {
    let fields = match form.told(None, Report::knows) {
        Ok(fields) => fields,
        Err(malformed) => return start(hub, visit, &form_error(malformed.to_string()), false),
    };
    let text = |name: &str| fields.iter().find(|(field, _)| *field == name).map_or("", |(_, text)| text);
    let (token, url) = (text("token"), text("url"));
    let others = fields.iter().filter(|(name, _)| !matches!(*name, "token" | "url"));
    let others = others.map(|(name, text)| (*name, text.as_ref())).collect();
    let pending = Pending::new(token, url, others, hub.clock.now());
    if let Err(errors) = parse(&pending) {
        return start(hub, visit, &errors, false);
    }
    let Some(cookie) = pending.cookie(hub) else {
        return start(hub, visit, &form_error("More came than a Moodle sends.".into()), false);
    };
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, HERE)).insert_header((REFERRER_POLICY, "no-referrer")).cookie(cookie);
    Ok(response.finish())
}

/// What waits, as typed values.
fn parse(pending: &Pending) -> Result<(SiteUrl, SiteSecret, Report), FieldErrors> {
    use secrecy::ExposeSecret;
    let mut errors = FieldErrors::default();
    let secret = SiteSecret::parse(pending.secret().expose_secret()).map_err(|words| errors.add("token", format!("token {words}"))).ok();
    let url = SiteUrl::parse(&pending.url).map_err(|words| errors.add("url", format!("url: {words}"))).ok();
    let fields = pending.fields.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let report = Report::parse(fields).map_err(|wrong| name_each(wrong, &mut errors)).ok();
    match (url, secret, report) {
        (Some(url), Some(secret), Some(report)) => Ok((url, secret, report)),
        _ => Err(errors),
    }
}

/// Each wrong field by its name: this page has no field to show it beside.
fn name_each(wrong: FieldErrors, errors: &mut FieldErrors) {
    wrong.0.into_iter().for_each(|e| errors.add(e.field, format!("{}: {}", e.field, e.words)));
}

/// What the page says about others who have to do with the site.
struct Others {
    /// `nobody`, `itself`, `held` and `suspended` for what it is itself, `owner`, `rival`, `twin`.
    met: &'static str,
    url: String,
    since: String,
}

#[derive(Template)]
#[template(path = "moodle/register.html")]
struct RegisterPage {
    page: Page,
    mark: String,
    name: String,
    url: String,
    rows: Vec<(&'static str, String)>,
    contact: Option<String>,
    others: Others,
    max_users: u64,
    over_limit: Option<u64>,
    asks_for_push: bool,
    account: Option<String>,
    /// The browser knows the hub by another name than its own: Moodle would not take the way back.
    wrong_name: Option<(String, String)>,
}

async fn meet(hub: &Data<Hub>, visit: &Visit, url: &SiteUrl, secret: &SiteSecret) -> Result<Meets, Fault> {
    let (prints, account, url) = (secret.prints(&hub.ring), visit.account().map(|account| account.id), url.clone());
    hub.db.read(move |conn| registrations::meets(conn, &prints, &url, account)).await
}

/// Shows the admin what is about to be registered. One button, nothing to fill in.
async fn ask(hub: &Data<Hub>, visit: &Visit, req: &HttpRequest, pending: &Pending) -> Result<HttpResponse, Error> {
    let (url, secret, report) = match parse(pending) {
        Ok(parsed) => parsed,
        Err(errors) => return start(hub, visit, &errors, false),
    };
    // It tells a stranger whether a site is registered.
    hub::pass(&hub.doors.sitechecks, visit.address)?;
    let met = meet(hub, visit, &url, &secret).await?;
    let users = report.users().and_then(|users| u64::try_from(users).ok());
    let (told, known) = (&report.identity, matches!(met, Meets::Itself(_)));
    let max_users = match &met {
        Meets::Itself(site) | Meets::Owner(site) => hub.max_users(site.id),
        _ => hub.limits().max_site_users,
    };
    let page = RegisterPage {
        page: visit.page(hub),
        mark: pending.mark(&hub.ring),
        name: told.name.clone().unwrap_or_else(|| url.as_url().host_str().unwrap_or_default().to_owned()),
        url: url.as_str().to_owned(),
        rows: rows(&report, users),
        contact: told.contact_email.clone().filter(|contact| !known && EmailAddress::parse(contact).is_ok()),
        others: others(&met),
        max_users,
        over_limit: users.filter(|users| *users >= max_users),
        asks_for_push: !known && !matches!(met, Meets::Owner(_)),
        account: visit.account().filter(|_| !known).map(|account| account.email.clone()),
        wrong_name: wrong_name(hub, req),
    };
    let mut response = web::html(StatusCode::OK, &page)?;
    let headers = response.headers_mut();
    if let Ok(csp) = HeaderValue::from_str(&web::csp_for_form_to(&form_target(&url))) {
        headers.insert(CONTENT_SECURITY_POLICY, csp);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// The hub's name as this browser knows it, and as it is, where the two are not one (`wire/moodle-client.md` 2.3).
fn wrong_name(hub: &Hub, req: &HttpRequest) -> Option<(String, String)> {
    // Behind a proxy the name that was asked for need not be the browser's.
    if !hub.proxies.is_empty() {
        return None;
    }
    let asked = req.headers().get(HOST)?.to_str().ok()?;
    let own = hub.public_url.as_str().split_once("://").map_or("", |(_, host)| host);
    (!asked.eq_ignore_ascii_case(own)).then(|| (asked.to_owned(), hub.public_url.as_str().to_owned()))
}

/// The site as a Content Security Policy names it. It has no way to name a bare IPv6 address.
fn form_target(url: &SiteUrl) -> String {
    match url.as_url().host() {
        Some(url::Host::Ipv6(_)) | None => format!("{}:", url.as_url().scheme()),
        // Also what it leads on to: a Moodle may send an admin on to a login elsewhere, and Chromium asks for each step.
        _ => format!("{} https:", url.as_url().origin().ascii_serialization()),
    }
}

fn rows(report: &Report, users: Option<u64>) -> Vec<(&'static str, String)> {
    let told = &report.identity;
    // Not told by 5.1.7 and later until the site's server calls.
    let listed = told.privacy.map(|privacy| match privacy {
        Privacy::Named => "Its name is listed",
        Privacy::Linked => "Its name is listed, with a link",
        Privacy::NotDisplayed => "It is not listed",
    });
    let rows = [
        ("Contact", told.contact_email.clone()),
        ("Registered users", users.map(|users| filters::with_commas(&users.to_string()))),
        ("Public list of sites", listed.map(str::to_owned)),
        ("Country", told.country.clone()),
        ("Language", told.language.clone()),
        ("Description", told.description.clone()),
    ];
    rows.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

fn others(met: &Meets) -> Others {
    let (word, site) = match met {
        Meets::Nobody => ("nobody", None),
        Meets::Itself(site) if site.left_suspended() || site.state == SiteState::Suspended => ("suspended", Some(site)),
        Meets::Itself(site) if site.held_since.is_some() => ("held", Some(site)),
        Meets::Itself(site) => ("itself", Some(site)),
        Meets::Owner(site) => ("owner", Some(site)),
        Meets::Rival(site) => ("rival", Some(site)),
        Meets::Twin(site) => ("twin", Some(site)),
    };
    let site = site.map(|site| (site.url.clone(), site.created_at.readable()));
    let (url, since) = site.unwrap_or_default();
    Others { met: word, url, since }
}

/// The button: the site is registered, its token works, and then the browser goes back with it.
async fn confirm(hub: &Data<Hub>, visit: &Visit, pending: &Pending, push_wanted: bool) -> Result<HttpResponse, Error> {
    let (url, secret, report) = match parse(pending) {
        Ok(parsed) => parsed,
        Err(errors) => return start(hub, visit, &errors, false),
    };
    // Who registers again is no stranger.
    if !matches!(meet(hub, visit, &url, &secret).await?, Meets::Itself(_)) {
        hub::pass(&hub.doors.registrations, visit.address)?;
    }
    let account = visit.account().map(|account| account.id);
    let named = report.identity.contact_email.as_deref().filter(|_| account.is_none());
    let may_mail = named.is_some_and(|mailbox| hub.doors.contact_to(&hub.ring, mailbox));
    let claim = Claim { url: url.clone(), secret: secret.clone(), report, push_wanted, account };
    let (shared, now) = (hub.clone(), hub.clock.now());
    let claimed = hub.db.write(move |tx| registrations::claim(tx, Office { may_mail, ..shared.office() }, now, &claim));
    let (token, site) = claimed.await.map_err(Error::from)?;
    tracing::info!(site.id = %site, "a Moodle has registered");
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, way_back(hub, &url, &secret, &token))).insert_header((REFERRER_POLICY, "no-referrer"));
    response.cookie(Pending::none(hub));
    Ok(response.finish())
}

/// A copy that wants to be a site of its own: its Moodle makes itself another secret, and its admin registers anew
/// (`wire/moodle-client.md` 2.8). Here nothing is registered.
fn renewal(hub: &Hub, visit: &Visit, pending: &Pending) -> Result<HttpResponse, Error> {
    let (url, secret, _) = match parse(pending) {
        Ok(parsed) => parsed,
        Err(errors) => return start(hub, visit, &errors, false),
    };
    let mut query = Serializer::new(String::new());
    query.append_pair("url", hub.public_url.as_str());
    query.append_pair("token", secret.expose_secret());
    query.append_pair("hubname", &hub.name);
    let to = format!("{url}/admin/registration/renewregistration.php?{}", query.finish());
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, to)).insert_header((REFERRER_POLICY, "no-referrer")).cookie(Pending::none(hub));
    Ok(response.finish())
}

/// Where the browser goes: the site's own page, which takes the token for its registration (`wire/moodle-client.md` 2.3).
fn way_back(hub: &Hub, url: &SiteUrl, secret: &SiteSecret, token: &HubToken) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("newtoken", token.expose_secret());
    // Exactly as it is configured: the oldest Moodles compare the whole of it.
    query.append_pair("url", hub.public_url.as_str());
    query.append_pair("token", secret.expose_secret());
    query.append_pair("hubname", &hub.name);
    format!("{url}/admin/registration/confirmregistration.php?{}", query.finish())
}
