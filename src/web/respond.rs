//! Answers of pages: HTML, redirects with a word for the next page, and the headers that all of them carry.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, Responder};
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Flash;
use crate::error::Error;
use crate::secret;

/// Whether the hub is reached by https; kept with each request of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls(pub bool);

fn tls_of(req: &HttpRequest) -> Tls {
    req.extensions().get::<Tls>().copied().unwrap_or_default()
}

/// What the cookie is called that carries a word to the next page.
pub fn flash_cookie_name(tls: Tls) -> &'static str {
    if tls.0 { "__Host-belfry-flash" } else { "belfry-flash" }
}

/// The cookie that carries a word to the next page.
fn flash_cookie(tls: Tls, value: String) -> Cookie<'static> {
    Cookie::build(flash_cookie_name(tls), value)
        .path("/")
        .http_only(true)
        .secure(tls.0)
        .same_site(SameSite::Lax)
        .max_age(Duration::minutes(5))
        .finish()
}

/// By this an answer is found in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A new number for a request.
pub fn request_id() -> String {
    u64::from_le_bytes(secret::random::<8>()).to_string()
}

/// A page.
///
/// # Errors
/// When its template fails, which would be a bug of that template.
pub fn html(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Error> {
    let body = page.render().map_err(|e| Error::Internal(e.into()))?;
    Ok(HttpResponse::build(status).insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8")).body(body))
}

/// To another page of the hub, after an act.
#[derive(Debug)]
pub struct Redirect {
    to: String,
    flash: Option<String>,
    cookies: Vec<Cookie<'static>>,
}

impl Redirect {
    /// `to`: a path of the hub.
    pub fn to(to: impl Into<String>) -> Self {
        Self { to: to.into(), flash: None, cookies: Vec::new() }
    }

    /// Says a word on the next page. `kind`: `ok`, `warn` or `error`.
    pub fn flash(self, kind: &str, text: &str) -> Self {
        Self { flash: Some(URL_SAFE_NO_PAD.encode(format!("{kind}\n{text}"))), ..self }
    }

    /// Sets a cookie along the way.
    pub fn cookie(mut self, cookie: Cookie<'static>) -> Self {
        self.cookies.push(cookie);
        self
    }
}

impl Responder for Redirect {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::SeeOther();
        response.insert_header((header::LOCATION, self.to));
        if let Some(flash) = self.flash {
            response.cookie(flash_cookie(tls_of(req), flash));
        }
        for cookie in self.cookies {
            response.cookie(cookie);
        }
        response.finish()
    }
}

/// The word that the page before left, if it left one.
pub fn take_flash(req: &HttpRequest, tls: Tls) -> Option<Flash> {
    let cookie = req.cookie(flash_cookie(tls, String::new()).name())?;
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cookie.value()).ok()?).ok()?;
    let (kind, text) = text.split_once('\n')?;
    let kind = ["ok", "warn", "error"].into_iter().find(|known| *known == kind)?;
    Some(Flash { kind: kind.to_owned(), text: text.to_owned() })
}

/// Clears the word once it was shown.
pub fn clear_flash(tls: Tls) -> Cookie<'static> {
    let mut cookie = flash_cookie(tls, String::new());
    cookie.make_removal();
    cookie
}

/// Nothing from elsewhere, no inline script or style, no framing, forms only to the hub itself.
const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                   form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The policy of a page whose form ends in a redirect to another site: Chromium follows it only where the page says so.
pub fn csp_for_form_to(site: &str) -> String {
    CSP.replace("form-action 'self'", &format!("form-action 'self' {site}"))
}

/// Sets the headers that every page carries; `tls`: the hub is reached by https.
pub fn security_headers(headers: &mut HeaderMap, tls: bool) {
    let mut set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    set(header::CONTENT_SECURITY_POLICY, CSP);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    // Not `no-referrer`: with that, browsers send `Origin: null` along with the hub's own forms.
    set(header::REFERRER_POLICY, "same-origin");
    set(header::CACHE_CONTROL, "no-store");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    if tls {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}
