//! Who is at the other end of a page: the session or none, the CSRF token, the word left by the page before. Every
//! page's scope is wrapped by [`pages`], and every row of `routes.rs` by [`allow`].

mod guard;
mod half;
mod sure;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError};
use secrecy::{ExposeSecret, SecretString};

pub use guard::{Posted, Submitted, Who, allow};
pub use half::{HalfLogin, Shown, enter, enter_with};
pub use sure::reply_of;

use crate::accounts::{self, Account, Session, factors};
use crate::audit::Actor;
use crate::db::Fault;
use crate::error::Error;
use crate::hub::Hub;
use crate::secret::{self, Purpose};
use crate::settings::Profile;
use crate::web::{self, ErrorPage, Flash, Page, Tls, User, clear_flash, security_headers, take_flash};

/// How often a session's last use is written.
const TOUCH: Duration = Duration::from_secs(600);

/// A visit to a page.
#[derive(Clone)]
pub struct Visit {
    pub session: Option<(Session, Account)>,
    pub address: IpAddr,
    pub agent: String,
    pub csrf: String,
    /// They are of the team, but without a second factor where one is required: they count as nobody of it.
    pub held: bool,
    /// A login of this browser that wants its second factor still.
    pub half: Option<HalfLogin>,
    flash: Option<Flash>,
    path: String,
    /// Where a login on the way leads back to.
    next: String,
    request_id: String,
}

/// The page that a request belongs to: itself with its query, or for a form the nearest page above it, since what it
/// was sent to can't be opened.
fn page_of(req: &ServiceRequest) -> String {
    if req.method() != Method::POST {
        return req.uri().path_and_query().map_or_else(|| req.path().to_owned(), ToString::to_string);
    }
    let mut parts = req.path().split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("staff"), Some("sites"), Some("views" | "bulk")) => "/staff/sites".to_owned(),
        (Some(room @ ("my" | "staff")), Some("sites"), Some(site)) => format!("/{room}/sites/{site}"),
        (Some("staff"), ..) => "/staff".to_owned(),
        (Some("account"), ..) => "/account".to_owned(),
        _ => "/my/sites".to_owned(),
    }
}

impl Visit {
    /// What the layout shows around this visit's page.
    pub fn page(&self, hub: &Hub) -> Page {
        Page {
            hub_name: hub.name.clone(),
            css: hub.assets.url("belfry.css"),
            logo: hub.assets.url("logo.svg"),
            favicon: hub.assets.url("favicon.svg"),
            user: self.account().map(|account| User { name: account.name.clone(), staff: account.role.is_some() }),
            csrf: self.csrf.clone(),
            flash: self.flash.clone(),
            path: self.path.clone(),
            local: hub.shows_letters(),
            contact: hub.contact.clone(),
            assets: hub.assets.clone(),
        }
    }

    pub fn account(&self) -> Option<&Account> {
        self.session.as_ref().map(|(_, account)| account)
    }

    /// Where this visit comes from, for a new session.
    pub fn sign_in(&self) -> accounts::SignIn {
        accounts::SignIn { address: self.address.to_string(), agent: self.agent.clone() }
    }
}

/// Somebody who is logged in: the extractor of handlers whose row says [`Who::Account`].
pub struct Owner {
    pub visit: Visit,
    pub account: Account,
    pub session: Session,
}

/// A member of the hub team: the extractor of handlers whose row says [`Who::Staff`].
pub struct Staff {
    pub visit: Visit,
    pub account: Account,
}

impl Staff {
    pub fn actor(&self) -> Actor {
        Actor::Account(self.account.id, Some(self.visit.address))
    }
}

impl Owner {
    pub fn actor(&self) -> Actor {
        Actor::Account(self.account.id, Some(self.visit.address))
    }
}

macro_rules! from_visit {
    ($name:ident, $visit:ident => $made:expr) => {
        impl FromRequest for $name {
            type Error = Error;
            type Future = std::future::Ready<Result<Self, Error>>;

            fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
                let visit = req.extensions().get::<Visit>().cloned();
                let made =
                    visit.ok_or_else(|| Error::Internal(anyhow::anyhow!("a page outside the scope of pages"))).and_then(|$visit| $made);
                std::future::ready(made)
            }
        }
    };
}

from_visit!(Visit, visit => Ok(visit));
from_visit!(Owner, visit => match visit.session.clone() {
    Some((session, account)) => Ok(Owner { visit, account, session }),
    None => Err(Error::LoggedOut),
});
from_visit!(Staff, visit => match visit.session.clone() {
    Some((_, account)) if account.role.is_some() => Ok(Staff { visit, account }),
    _ => Err(Error::LoggedOut),
});

fn hub_of(req: &ServiceRequest) -> Result<Data<Hub>, Error> {
    req.app_data::<Data<Hub>>().cloned().ok_or_else(|| Error::Internal(anyhow::anyhow!("no hub")))
}

/// The names of the cookies: with the `__Host-` prefix where the hub is reached by https, which browsers demand for it.
struct Names {
    session: &'static str,
    visitor: &'static str,
    /// A login between its two factors.
    half: &'static str,
}

fn names(tls: bool) -> Names {
    if tls {
        Names { session: "__Host-belfry", visitor: "__Host-belfry-visitor", half: "__Host-belfry-half" }
    } else {
        Names { session: "belfry", visitor: "belfry-visitor", half: "belfry-half" }
    }
}

/// The cookies that these pages set, for whoever asks.
pub struct CookieNames {
    pub session: &'static str,
    pub visitor: &'static str,
    /// While a second factor is asked for.
    pub half: &'static str,
    pub flash: &'static str,
}

impl CookieNames {
    pub fn of(hub: &Hub) -> Self {
        let tls = hub.public_url.is_https();
        let Names { session, visitor, half } = names(tls);
        Self { session, visitor, half, flash: web::flash_cookie_name(Tls(tls)) }
    }
}

fn cookie(hub: &Hub, name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build(name, value).path("/").http_only(true).secure(hub.public_url.is_https()).same_site(SameSite::Lax).finish()
}

/// The cookie of a new session.
pub fn session_cookie(hub: &Hub, token: &SecretString) -> Cookie<'static> {
    let mut cookie = cookie(hub, names(hub.public_url.is_https()).session, token.expose_secret().to_owned());
    cookie.set_max_age(time::Duration::days(7));
    cookie
}

/// Removes the session's cookie.
pub fn no_session_cookie(hub: &Hub) -> Cookie<'static> {
    let mut cookie = cookie(hub, names(hub.public_url.is_https()).session, String::new());
    cookie.make_removal();
    cookie
}

/// Wraps the scope of pages: finds out who visits, answers, dresses errors, sets the headers, writes one log line.
pub async fn pages(req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> actix_web::Result<ServiceResponse> {
    let started = Instant::now();
    let hub = hub_of(&req)?;
    let tls = hub.public_url.is_https();
    let request_id = web::request_id();
    let (method, path) = (req.method().clone(), req.path().to_owned());
    let (visit, cookie) = match arrive(&hub, &req, request_id.clone()).await {
        Ok(arrived) => arrived,
        // The database is away: the page says so, to somebody unknown.
        Err(error) => (stranger(&hub, &req, request_id.clone()).0, Some(Err(error))),
    };
    let new_cookie = match cookie {
        Some(Err(error)) => {
            let response = dressed(&hub, &visit, error.status_code(), Some(&error));
            return Ok(finish(req.into_response(response), tls, &request_id, &method, &path, started));
        }
        Some(Ok(cookie)) => Some(cookie),
        None => None,
    };
    req.extensions_mut().insert(visit.clone());
    req.extensions_mut().insert(Tls(tls));
    let had_flash = visit.flash.is_some();
    let res = next.call(req).await?.map_into_boxed_body();
    let mut res = dress(&hub, &visit, res);
    if let Some(cookie) = new_cookie.filter(|cookie| !sets(&res, cookie.name())) {
        res.response_mut().add_cookie(&cookie).ok();
    }
    let shown = res.status() != StatusCode::SEE_OTHER;
    if had_flash && shown {
        res.response_mut().add_cookie(&clear_flash(Tls(tls))).ok();
    }
    Ok(finish(res, tls, &request_id, &method, &path, started))
}

/// Whether an answer sets this cookie already, as a login or a logout does.
fn sets(res: &ServiceResponse, name: &str) -> bool {
    res.response().cookies().any(|cookie| cookie.name() == name)
}

fn finish(mut res: ServiceResponse, tls: bool, request_id: &str, method: &Method, path: &str, started: Instant) -> ServiceResponse {
    security_headers(res.headers_mut(), tls);
    if let Ok(value) = HeaderValue::from_str(request_id) {
        res.headers_mut().insert(web::REQUEST_ID, value);
    }
    let (status, duration_ms) = (res.status().as_u16(), started.elapsed().as_millis());
    tracing::info!(%method, path = shown_path(path), status, duration_ms, request_id, "page");
    res
}

/// A path for the log: the secrets of links come in the query, which is never logged.
fn shown_path(path: &str) -> &str {
    path.get(..200).unwrap_or(path)
}

type Arrived = (Visit, Option<Result<Cookie<'static>, Error>>);

fn stranger(hub: &Hub, req: &ServiceRequest, request_id: String) -> Arrived {
    let known =
        req.cookie(names(hub.public_url.is_https()).visitor).map(|cookie| cookie.value().to_owned()).filter(|token| token.len() == 43);
    let (token, new) = match known {
        Some(token) => (token, None),
        None => {
            let token = secret::random_text().expose_secret().to_owned();
            let cookie = cookie(hub, names(hub.public_url.is_https()).visitor, token.clone());
            (token, Some(Ok(cookie)))
        }
    };
    (visit(hub, req, None, &token, request_id), new)
}

fn visit(hub: &Hub, req: &ServiceRequest, session: Option<(Session, Account)>, token: &str, request_id: String) -> Visit {
    let half = req.cookie(names(hub.public_url.is_https()).half);
    let agent = req.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    Visit {
        session,
        address: hub.proxies.client(req.request()),
        agent: agent.to_owned(),
        csrf: csrf_token(hub, token),
        held: false,
        half: half.and_then(|cookie| HalfLogin::open(&hub.ring, hub.clock.now(), cookie.value())),
        flash: take_flash(req.request(), Tls(hub.public_url.is_https())),
        path: req.path().to_owned(),
        next: page_of(req),
        request_id,
    }
}

fn csrf_token(hub: &Hub, token: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&hub.ring.hash(Purpose::Csrf, &[token.as_bytes()])[..24])
}

async fn arrive(hub: &Hub, req: &ServiceRequest, request_id: String) -> Result<Arrived, Error> {
    let Some(cookie) = req.cookie(names(hub.public_url.is_https()).session) else { return Ok(stranger(hub, req, request_id)) };
    let (now, hash) = (hub.clock.now(), Session::token_hash(&hub.ring, cookie.value()));
    let wants_factor = hub.profile == Profile::Public;
    let found = hub.db.read(move |conn| {
        let Some((session, account)) = accounts::session(conn, &hash, now)? else { return Ok::<_, Fault>(None) };
        let held = wants_factor && account.role.is_some() && !factors::has_factor(conn, account.id)?;
        Ok(Some((session, account, held)))
    });
    let Some((session, mut account, held)) = found.await? else { return Ok(stranger(hub, req, request_id)) };
    if held {
        account.role = None;
    }
    let mut renewed = None;
    if now.since(session.seen_at) > TOUCH {
        let (id, until) = (session.id, session.lasts_until(now));
        // A page can be read where nothing can be written, as on a full disk.
        match hub.db.write(move |tx| accounts::touch_session(tx.conn(), id, now, until)).await {
            Ok(()) => renewed = Some(Ok(session_cookie(hub, &cookie.value().into()))),
            Err(fault) => tracing::warn!(error = %fault, "the use of a session could not be noted"),
        }
    }
    Ok((Visit { held, ..visit(hub, req, Some((session, account)), cookie.value(), request_id) }, renewed))
}

fn dress(hub: &Hub, visit: &Visit, res: ServiceResponse) -> ServiceResponse {
    let status = res.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let has_page = res.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    // A page that was made on purpose stays as it is, such as a form with its errors.
    if !is_error || (has_page && res.response().error().is_none()) {
        return res;
    }
    let response = {
        let error = res.response().error().and_then(|e| e.as_error::<Error>());
        dressed(hub, visit, status, error)
    };
    let allowed = res.headers().get(header::ALLOW).cloned();
    let mut res = res.into_response(response);
    if let Some(allowed) = allowed {
        res.headers_mut().insert(header::ALLOW, allowed);
    }
    res
}

fn dressed(hub: &Hub, visit: &Visit, status: StatusCode, error: Option<&Error>) -> actix_web::HttpResponse {
    if matches!(error, Some(Error::LoggedOut)) {
        let next: String = url::form_urlencoded::byte_serialize(visit.next.as_bytes()).collect();
        return redirect_now(&format!("/login?next={next}"));
    }
    if let Some(Error::Internal(cause)) = error {
        tracing::error!(request_id = visit.request_id, error = format!("{cause:#}"), "a page broke");
    }
    ErrorPage::new(visit.page(hub), status, error, &visit.request_id).response(status, error)
}

fn redirect_now(to: &str) -> actix_web::HttpResponse {
    actix_web::HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
}
