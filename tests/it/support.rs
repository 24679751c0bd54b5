//! A hub to test: built as `main` builds it, with a movable clock and a database of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use actix_web::cookie::Cookie;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use belfry::accounts::{self, Role};
use belfry::app;
use belfry::audit::{Actor, Reason};
use belfry::clock::Clock;
use belfry::error::Error;
use belfry::hub::Hub;
use belfry::ids::{AccountId, KeyId, SiteId};
use belfry::keys::{self, KeyKind};
use belfry::mail::{self, EmailAddress};
use belfry::settings::Settings;
use belfry::sites::{self, Country, Description, Language, NewSite, Privacy, ProofKind, Proved, SiteName, SiteUrl, Users};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use secrecy::ExposeSecret;
use serde_json::Value;

pub const APP: &str = "commoodlemoodlemobile";
pub const PASSWORD: &str = "quite a long password";

/// A registration as its form sends it.
pub const FORM: [(&str, &str); 11] = [
    ("name", "Example School"),
    ("url", "https://moodle.school.example"),
    ("description", ""),
    ("contact_name", "Ada Admin"),
    ("contact_email", "ada@school.example"),
    ("password", PASSWORD),
    ("country", "ES"),
    ("language", "en"),
    ("users", "1200"),
    ("privacy", "named"),
    ("policy_agreed", "1"),
];

/// A database that goes with the test.
enum Store {
    Folder(tempfile::TempDir),
    Postgres(String),
}

static NUMBER: AtomicU32 = AtomicU32::new(0);
static TEMPLATE: OnceLock<String> = OnceLock::new();

/// The server that tests on PostgreSQL use, if this run is on PostgreSQL.
pub fn postgres() -> Option<String> {
    std::env::var("BELFRY_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

fn execute(server: &str, sql: &str) {
    PgConnection::establish(server).unwrap().batch_execute(sql).unwrap();
}

fn at(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(name);
    url.to_string()
}

/// Migrated once; each test gets a copy.
fn template(server: &str) -> &'static str {
    TEMPLATE.get_or_init(|| {
        let name = format!("belfry_template_{}", std::process::id());
        execute(server, &format!("CREATE DATABASE {name}"));
        let settings = settings(&[("BELFRY_DATABASE__URL", &at(server, &name))]);
        app::open_database(&settings, true).unwrap();
        name
    })
}

impl Store {
    fn new() -> Self {
        let Some(server) = postgres() else { return Self::Folder(tempfile::tempdir().unwrap()) };
        let template = template(&server);
        let name = format!("belfry_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        // A template can't be copied while somebody else copies it.
        static COPYING: Mutex<()> = Mutex::new(());
        let _turn = COPYING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Self::Postgres(at(&server, &name))
    }

    fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("sqlite://{}", folder.path().join("belfry.db").display()),
            Self::Postgres(url) => url.clone(),
        }
    }
}

pub fn settings(more: &[(&str, &str)]) -> Settings {
    let mut env: HashMap<String, String> = HashMap::from([
        ("BELFRY_SERVER__BIND".into(), "127.0.0.1:0".into()),
        ("BELFRY_SERVER__WORKERS".into(), "1".into()),
        ("BELFRY_LIMITS__REGISTRATIONS_PER_HOUR".into(), "100000".into()),
        ("BELFRY_LIMITS__LOGINS_PER_HOUR".into(), "100000".into()),
        ("BELFRY_LIMITS__RESETS_PER_HOUR".into(), "100000".into()),
    ]);
    env.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    Settings::load(None, env).unwrap()
}

pub struct TestHub {
    pub clock: Clock,
    pub hub: Data<Hub>,
    pub base: String,
    handle: actix_web::dev::ServerHandle,
    http: awc::Client,
    store: Arc<Store>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HashMap<String, String>,
    pub cookies: Vec<Cookie<'static>>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {:?}", self.body))
    }

    /// Status and code of a keyed answer: `400 unknown_key`.
    pub fn said(&self) -> String {
        match serde_json::from_str::<Value>(&self.body) {
            Ok(json) if json["code"].is_string() => format!("{} {}", self.status.as_u16(), json["code"].as_str().unwrap()),
            _ => self.status.as_u16().to_string(),
        }
    }
}

impl TestHub {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(more: &[(&str, &str)]) -> Self {
        Self::on(Arc::new(Store::new()), more).await
    }

    /// Another node on the same database.
    pub async fn second(&self) -> Self {
        Self::on(self.store.clone(), &[]).await
    }

    /// Another node on the same database, with other settings.
    pub async fn again(&self, more: &[(&str, &str)]) -> Self {
        Self::on(self.store.clone(), more).await
    }

    async fn on(store: Arc<Store>, more: &[(&str, &str)]) -> Self {
        let url = store.url();
        let mut env = vec![("BELFRY_DATABASE__URL", url.as_str())];
        env.extend_from_slice(more);
        let settings = settings(&env);
        let clock = Clock::system();
        let db = app::open_database(&settings, false).unwrap();
        let hub = app::build(&settings, clock.clone(), db).await.unwrap();
        let running = app::start(&settings, hub).unwrap();
        let (base, hub, handle) = (format!("http://{}", running.address), running.hub.clone(), running.handle());
        actix_web::rt::spawn(running.serve());
        let http = awc::Client::builder().disable_redirects().timeout(Duration::from_secs(10)).finish();
        Self { clock, hub, base, handle, http, store }
    }

    /// For another process on the same database.
    pub fn database_url(&self) -> String {
        self.store.url()
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).no_decompress();
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let mut response = request.send_body(body.into()).await.unwrap();
        let set = response.headers().get_all("set-cookie").filter_map(|value| value.to_str().ok());
        let cookies = set.filter_map(|text| Cookie::parse(text.to_owned()).ok()).collect();
        let headers = response.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap_or_default().to_owned())).collect();
        let body = response.body().limit(4_000_000).await.unwrap();
        Answer { status: response.status(), headers, cookies, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// A site that may push, with its key.
    pub async fn active_site(&self) -> TestSite<'_> {
        self.site("active@school.example", true).await
    }

    pub async fn site(&self, email: &str, active: bool) -> TestSite<'_> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.site_at(email, &format!("https://moodle{number}.school.example"), active).await
    }

    pub async fn site_at(&self, email: &str, url: &str, active: bool) -> TestSite<'_> {
        let (email, now, desk) = (EmailAddress::parse(email).unwrap(), self.clock.now(), self.hub.desk.clone());
        let new = NewSite {
            name: SiteName::parse("Example School").unwrap(),
            url: SiteUrl::parse(url).unwrap(),
            description: Description::parse("").unwrap(),
            country: Country::parse("ES").unwrap(),
            language: Language::parse("en").unwrap(),
            users: Users::parse("100").unwrap(),
            privacy: Privacy::Named,
            push_wanted: true,
            email_alerts: true,
        };
        let made = self.hub.db.write(move |tx| {
            let account = accounts::account_for(tx, now, &email)?;
            let id = sites::add(tx, now, Actor::Account(account, None), account, &new)?;
            if active {
                sites::prove(tx, &desk, now, Actor::Operator, id, ProofKind::Staff, None)?;
            }
            Ok::<_, Error>((account, id))
        });
        let (account, id) = made.await.unwrap();
        TestSite { hub: self, account, id, key: if active { self.key(id, KeyKind::Site).await.1 } else { String::new() } }
    }

    pub async fn url_of(&self, site: SiteId) -> String {
        self.hub.db.read(move |conn| sites::find(conn, site)).await.unwrap().unwrap().url
    }

    /// The tag was found on the site's front page.
    pub async fn prove(&self, site: SiteId) -> Proved {
        let (now, desk) = (self.clock.now(), self.hub.desk.clone());
        self.hub.db.write(move |tx| sites::prove(tx, &desk, now, Actor::Hub, site, ProofKind::Meta, None)).await.unwrap()
    }

    pub async fn key(&self, site: SiteId, kind: KeyKind) -> (KeyId, String) {
        let (ring, now) = (self.hub.ring.clone(), self.clock.now());
        let issued = self.hub.db.write(move |tx| keys::issue(tx, &ring, now, Actor::Operator, site, kind)).await.unwrap();
        (issued.0, issued.1.expose_secret().to_owned())
    }

    /// Somebody who is logged in, by a session made as a login makes it.
    pub async fn person(&self, email: &str, role: Option<Role>) -> Browser<'_> {
        let (email, now, ring) = (EmailAddress::parse(email).unwrap(), self.clock.now(), self.hub.ring.clone());
        let token = self.hub.db.write(move |tx| {
            let account = accounts::account_for(tx, now, &email)?;
            if let Some(role) = role {
                accounts::invite_staff(tx, &ring, now, Actor::Operator, &email, role)?;
            }
            accounts::begin_session(tx, &ring, now, account, &accounts::SignIn { address: "127.0.0.1".into(), agent: "test".into() })
        });
        let token = token.await.map_err(Error::from).unwrap();
        let mut browser = self.browser();
        browser.cookies.insert("belfry".into(), token.expose_secret().to_owned());
        browser
    }

    pub fn browser(&self) -> Browser<'_> {
        Browser { hub: self, cookies: HashMap::new() }
    }

    /// The newest letter of a kind, with its link's secret.
    pub async fn letter(&self, kind: &'static str) -> Option<String> {
        let letters = self.hub.db.read(|conn| mail::page(conn, None, 200)).await.unwrap();
        letters.into_iter().find(|letter| letter.kind == kind).map(|letter| letter.full_text())
    }

    /// How many letters of a kind were posted.
    pub async fn letters(&self, kind: &'static str) -> usize {
        let letters = self.hub.db.read(|conn| mail::page(conn, None, 200)).await.unwrap();
        letters.iter().filter(|letter| letter.kind == kind).count()
    }

    /// The path of the link in the newest letter of a kind.
    pub async fn mailed_path(&self, kind: &'static str) -> String {
        let text = self.letter(kind).await.unwrap();
        let link = text.split_whitespace().find(|word| word.starts_with("http") && word.contains("token=")).unwrap();
        link.trim_start_matches("http://127.0.0.1:8080").to_owned()
    }

    pub async fn suspend(&self, site: SiteId) {
        let (now, desk) = (self.clock.now(), self.hub.desk.clone());
        let reason = Reason::parse("Floods one phone").unwrap();
        self.hub.db.write(move |tx| sites::suspend(tx, &desk, now, Actor::Operator, site, &reason)).await.unwrap();
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        // Not waited for: the runtime of the test ends with it.
        drop(self.handle.stop(false));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let (Self::Postgres(url), Some(server)) = (&*self, postgres()) {
            let name = url.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
            if let Ok(mut conn) = PgConnection::establish(&server) {
                let _ = conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            }
        }
    }
}

/// A site, in its users' words.
pub struct TestSite<'a> {
    pub hub: &'a TestHub,
    pub account: AccountId,
    pub id: SiteId,
    pub key: String,
}

impl TestSite<'_> {
    pub async fn call(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.call_with(&self.key, method, path, body).await
    }

    pub async fn call_with(&self, key: &str, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.hub.send(method, path, &[("X-AN-APP-NAME", APP), ("X-AN-APP-KEY", key)], body).await
    }

    pub async fn enrol(&self, token: &str) -> Answer {
        self.call(Method::POST, &format!("/tokens/{token}"), "").await
    }

    pub async fn push(&self, token: &str) -> Answer {
        self.call(Method::POST, "/api/v2/push/", moodle_push(token)).await
    }
}

/// What Moodle sends for a message.
pub fn moodle_push(token: &str) -> String {
    serde_json::json!({"device": "Android-fcm", "token": token, "extra": {
        "processor": "moodle", "component": "moodle", "name": "instantmessage", "notification": 0, "subject": "New message",
        "smallmessage": "Hello", "site": "0123456789abcdef", "wwwroot": "https://moodle.school.example", "savedmessageid": 7}})
    .to_string()
}

/// A browser: keeps cookies, sends forms with their token.
pub struct Browser<'a> {
    hub: &'a TestHub,
    pub cookies: HashMap<String, String>,
}

impl Browser<'_> {
    fn cookie_header(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in &answer.cookies {
            if cookie.value().is_empty() {
                self.cookies.remove(cookie.name());
            } else {
                self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let answer = self.hub.send(Method::GET, path, &[("Cookie", &self.cookie_header())], "").await;
        self.keep(&answer);
        answer
    }

    /// The token that this browser's forms carry.
    pub async fn csrf(&mut self) -> String {
        let page = self.get("/account").await;
        let page = if page.status == StatusCode::OK { page } else { self.get("/login").await };
        let start = page.body.find("name=\"csrf_token\" value=\"").unwrap() + 25;
        page.body[start..].split('"').next().unwrap().trim_start_matches('"').to_owned()
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let mut all = vec![("csrf_token", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post_bare(path, &all, &[]).await
    }

    /// A form as it is, with no token added.
    pub async fn post_bare(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let cookies = self.cookie_header();
        let mut all = vec![("Cookie", cookies.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        let answer = self.hub.send(Method::POST, path, &all, body).await;
        self.keep(&answer);
        answer
    }
}
