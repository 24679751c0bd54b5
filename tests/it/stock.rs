//! A stock Moodle, in its admin's words: it registers by the round trip, calls with its token, asks for its key.

use actix_web::http::{Method, StatusCode};
use belfry::registrations;
use belfry::secret::md5_hex;
use belfry::sites::{self, Site};

use crate::support::{APP, Answer, Browser, TestHub, moodle_push};

pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

pub struct Moodle<'a> {
    pub hub: &'a TestHub,
    pub url: String,
    pub secret: String,
    /// Given by the hub, once it is registered.
    pub token: String,
}

/// The path and query of an address of the hub or of a site.
fn query_of(location: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

impl<'a> Moodle<'a> {
    pub fn new(hub: &'a TestHub, url: &str, secret: &str) -> Self {
        Self { hub, url: url.to_owned(), secret: secret.to_owned(), token: String::new() }
    }

    /// Registered, and its server has called.
    pub async fn registered(hub: &'a TestHub, url: &str, secret: &str) -> Self {
        let mut moodle = Self::new(hub, url, secret);
        moodle.register().await;
        assert_eq!(moodle.update(&[]).await.body, "true");
        moodle
    }

    /// Its database, copied to another address.
    pub fn copied_to(&self, url: &str) -> Self {
        Self { hub: self.hub, url: url.to_owned(), secret: self.secret.clone(), token: self.token.clone() }
    }

    /// Where Moodle 4.5 sends the admin's browser.
    pub fn registration_path(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([("token", self.secret.as_str()), ("url", self.url.as_str()), ("policyagreed", "1"), ("language", "en")]);
        query.extend_pairs([("countrycode", "SE"), ("privacy", "linked"), ("contactemail", "admin@moodle.example"), ("users", "4")]);
        query.extend_pairs([("contactname", "Admin User"), ("name", "Example Moodle"), ("description", "An example site")]);
        format!("/local/hub/siteregistration.php?{}&imageurl&contactphone&regioncode=-&courses=1&dbtype=pgsql", query.finish())
    }

    /// The page that the admin sees.
    pub async fn page(&self) -> Answer {
        let mut browser = self.hub.browser();
        browser.get(&self.registration_path()).await;
        browser.get("/local/hub/siteregistration.php").await
    }

    /// The round trip: gives the address that the browser goes back to.
    pub async fn register(&mut self) -> String {
        let mut browser = self.hub.browser();
        self.register_in(&mut browser).await
    }

    pub async fn register_in(&mut self, browser: &mut Browser<'_>) -> String {
        assert_eq!(browser.get(&self.registration_path()).await.status, StatusCode::SEE_OTHER);
        let page = browser.get("/local/hub/siteregistration.php").await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let of = |name: &str| {
            let start = format!("name=\"{name}\" value=\"");
            page.body.split(&start).last().unwrap().split('"').next().unwrap().to_owned()
        };
        let (csrf, mark) = (of("csrf_token"), of("mark"));
        let fields = [("csrf_token", csrf.as_str()), ("mark", mark.as_str()), ("push_enabled", "1")];
        // A page without a referrer sends no origin either.
        let done = browser.post_bare("/local/hub/siteregistration.php", &fields, &[("Origin", "null")]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
        let back = done.headers["location"].clone();
        assert_eq!(query_of(&back, "token").as_deref(), Some(self.secret.as_str()), "{back}");
        assert_eq!(query_of(&back, "url").as_deref(), Some("http://127.0.0.1:8080"));
        assert_eq!(query_of(&back, "hubname").as_deref(), Some("Belfry"));
        self.token = query_of(&back, "newtoken").unwrap();
        assert!(self.token.bytes().all(|byte| byte.is_ascii_alphanumeric()) && self.token.len() <= 255);
        back
    }

    pub async fn call(&self, function: &str, fields: &[(&str, &str)]) -> Answer {
        self.call_with(&[], function, fields).await
    }

    pub async fn call_with(&self, headers: &[(&str, &str)], function: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs([("wstoken", self.token.as_str()), ("wsfunction", function), ("moodlewsrestformat", "json")]);
        form.extend_pairs(fields);
        let mut all = vec![FORM];
        all.extend_from_slice(headers);
        self.hub.send(Method::POST, "/local/hub/webservice/webservices.php", &all, form.finish()).await
    }

    /// A form as it is, behind token and function.
    pub async fn post_raw(&self, function: &str, form: &str) -> Answer {
        let body = format!("wstoken={}&wsfunction={function}&moodlewsrestformat=json&{form}", self.token);
        self.hub.send(Method::POST, "/local/hub/webservice/webservices.php", &[FORM], body).await
    }

    /// What it tells weekly; `more` takes the place of what it tells otherwise.
    pub async fn update(&mut self, more: &[(&str, &str)]) -> Answer {
        let usual = [
            ("siteinfo[name]", "Example Moodle"),
            ("siteinfo[contactemail]", "admin@moodle.example"),
            ("siteinfo[users]", "4"),
            ("siteinfo[courses]", "1"),
            ("siteinfo[moodlerelease]", "4.5.6 (Build: 20250811)"),
            ("siteinfo[url]", self.url.as_str()),
        ];
        let mut fields: Vec<(&str, &str)> = usual.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name)).collect();
        fields.extend_from_slice(more);
        fields.push(("validateurl", "1"));
        self.call("hub_update_site_info", &fields).await
    }

    pub async fn is_registered(&self) -> Answer {
        self.call("hub_site_is_registered", &[("siteurl", &self.url), ("sitesecret", &self.secret)]).await
    }

    /// What Moodle up to 4.5 is known by: the md5 of the secret without its date.
    pub fn siteid(&self) -> String {
        let cut = self.secret.len().saturating_sub(14);
        let is_dated = self.secret.get(cut..).is_some_and(|date| date.len() == 14 && date.bytes().all(|byte| byte.is_ascii_digit()));
        md5_hex(if is_dated { &self.secret.as_bytes()[..cut] } else { self.secret.as_bytes() })
    }

    /// The admin presses "Request access key".
    pub async fn access_key(&self) -> Answer {
        let parts = [
            ("url", self.url.clone()),
            ("siteid", self.siteid()),
            ("contact", "admin@moodle.example".into()),
            ("description", self.url.clone()),
        ];
        let body: String = parts
            .iter()
            .map(|(name, value)| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"))
            .collect();
        let headers = [("X-AN-APP-NAME", APP), ("X-AN-APP-KEY", "none"), ("Content-Type", "multipart/form-data; boundary=b")];
        self.hub.send(Method::POST, "/accesskeys/", &headers, format!("{body}--b--\r\n")).await
    }

    pub async fn key(&self) -> String {
        let answer = self.access_key().await;
        answer.json()["accesskey"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    pub async fn push_with(&self, key: &str) -> Answer {
        let headers = [("X-AN-APP-NAME", APP), ("X-AN-APP-KEY", key)];
        self.hub.send(Method::POST, "/api/v2/push/", &headers, moodle_push("fcm:APA91b-0123456789")).await
    }

    /// Its site at the hub, by its address and secret.
    pub async fn site(&self) -> Site {
        let (ring, token, url) = (self.hub.hub.ring.clone(), self.token.clone(), self.url.clone());
        let found = self.hub.hub.db.read(move |conn| {
            let url = sites::SiteUrl::parse(&url).unwrap();
            let call = registrations::authenticate(conn, &ring, &token)?.unwrap();
            let here = sites::at_address(conn, &url)?;
            let of_moodle = registrations::of_site(conn, call.site.id)?;
            let own = here.iter().find(|site| site.id == call.site.id);
            let sibling = here.iter().find(|site| site.held_beside == Some(call.site.id) || (own.is_none() && !of_moodle.is_empty()));
            Ok::<_, belfry::db::Fault>(own.or(sibling).cloned().unwrap())
        });
        found.await.unwrap()
    }
}
