//! What a Moodle has brought along in its address waits, sealed, in a cookie, while its admin reads the page: so that the
//! site's secret stands in no address that a browser remembers or tells to others, and nothing is stored for a stranger.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::hub::Hub;
use crate::secret::Keyring;

/// How long an admin may take to read the page.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How much is kept: a cookie has at most 4,096 bytes, and sealing and base64 add a third. All is told again right after
/// the confirmation, so what doesn't fit is not missed.
const BYTES: usize = 2_800;
/// Where the cookie is sent.
const PATH: &str = "/local/hub";
/// What never waits here: it is told again, and is large or of no use on the page.
const LATER: [&str; 3] = ["pluginusage", "aiusage", "password"];

/// A registration that waits for its admin.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pending {
    token: String,
    pub url: String,
    pub fields: Vec<(String, String)>,
    at: i64,
}

impl Pending {
    /// `fields`: names and texts, `token` and `url` not among them. Those that Moodle sends first come first.
    pub fn new(token: &str, url: &str, fields: Vec<(&str, &str)>, now: Timestamp) -> Self {
        let mut room = BYTES.saturating_sub(token.len() + url.len());
        let mut kept = Vec::new();
        let mut fields: Vec<(&str, &str)> = fields.into_iter().filter(|(name, text)| !LATER.contains(name) && !text.is_empty()).collect();
        // The short ones first: one long description must not push out what the page shows.
        fields.sort_by_key(|(name, text)| (*name != "contactemail" && *name != "users", name.len() + text.len()));
        for (name, text) in fields {
            // Quotes, commas, and what JSON writes longer.
            let size = serde_json::to_string(&(name, text)).map_or(usize::MAX, |json| json.len() + 1);
            if size <= room {
                room -= size;
                kept.push((name.to_owned(), text.to_owned()));
            }
        }
        Self { token: token.to_owned(), url: url.to_owned(), fields: kept, at: now.micros() }
    }

    /// The site's secret.
    pub fn secret(&self) -> SecretString {
        self.token.as_str().into()
    }

    /// Tells one page's registration from another's, so that what is confirmed is what was shown.
    pub fn mark(&self, ring: &Keyring) -> String {
        let hash = ring.hash(crate::secret::Purpose::Csrf, &[b"pending ", self.token.as_bytes(), b"\n", self.url.as_bytes()]);
        URL_SAFE_NO_PAD.encode(&hash[..12])
    }

    /// The cookie that carries it. `None`: it is too large even so, which no Moodle's is.
    pub fn cookie(&self, hub: &Hub) -> Option<Cookie<'static>> {
        let plain: SecretString = serde_json::to_string(self).ok()?.into();
        let sealed = URL_SAFE_NO_PAD.encode(hub.ring.seal(plain.expose_secret().as_bytes()));
        (sealed.len() <= 4_000).then(|| cookie(hub, sealed, time::Duration::seconds(PATIENCE.as_secs().try_into().unwrap_or(0))))
    }

    /// What waits in this browser, if anything does.
    pub fn of(hub: &Hub, req: &HttpRequest) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(req.cookie(name(hub))?.value()).ok()?;
        let pending: Self = serde_json::from_slice(&hub.ring.open(&sealed)?).ok()?;
        let age = hub.clock.now().since(Timestamp::from_micros(pending.at));
        (age <= PATIENCE).then_some(pending)
    }

    /// Removes the cookie.
    pub fn none(hub: &Hub) -> Cookie<'static> {
        let mut gone = cookie(hub, String::new(), time::Duration::ZERO);
        gone.make_removal();
        gone
    }
}

fn name(hub: &Hub) -> &'static str {
    if hub.public_url.is_https() { "__Secure-belfry-registration" } else { "belfry-registration" }
}

fn cookie(hub: &Hub, value: String, max_age: time::Duration) -> Cookie<'static> {
    let cookie = Cookie::build(name(hub), value).path(PATH).http_only(true).secure(hub.public_url.is_https());
    cookie.same_site(SameSite::Lax).max_age(max_age).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_stays_small_whatever_comes() {
        let long = "\"\u{1}ä".repeat(3_000);
        let many: Vec<String> = (0..500).map(|n| format!("field{n}")).collect();
        let mut fields: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "x")).collect();
        fields.extend([("description", long.as_str()), ("name", "School"), ("contactemail", "ada@school.example"), ("users", "12")]);
        let pending = Pending::new("s3cret", "https://moodle.example", fields, Timestamp::from_micros(0));
        assert!(serde_json::to_string(&pending).unwrap().len() <= BYTES + 200);
        let has = |name: &str| pending.fields.iter().any(|(kept, _)| kept == name);
        assert!(has("contactemail") && has("users") && !has("description"));
    }
}
