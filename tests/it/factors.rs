//! Second factors, and what a login takes: codes, recovery codes, passkeys, the step before what does harm.

use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use belfry::accounts::{self, NewPassword, Role};
use belfry::audit::{self, Actor};
use belfry::db::Fault;
use belfry::db::schema;
use belfry::error::Error;
use belfry::ids::{AccountId, SessionId};
use belfry::mail::EmailAddress;
use diesel::prelude::*;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use openssl::sign::Signer;
use serde_json::{Value, json};

use crate::support::{Answer, Browser, PASSWORD, TestHub};

const ADA: &str = "ada@school.example";
const PUBLIC: [(&str, &str); 2] =
    [("BELFRY_SERVER__PUBLIC_URL", "https://hub.example"), ("BELFRY_SERVER__SECRET_KEY", "0123456789abcdef0123456789abcdef")];
const NAMED: [(&str, &str); 1] = [("BELFRY_SERVER__PUBLIC_URL", "http://localhost:8080")];
const NAMED_ORIGIN: &str = "http://localhost:8080";

/// An account with the password of all tests.
async fn account(hub: &TestHub, email: &str, role: Option<Role>) -> AccountId {
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = match HASH.get() {
        Some(hash) => hash.clone(),
        None => {
            let hash = hub.hub.passwords.hash(NewPassword::parse(&PASSWORD.into()).unwrap()).await.unwrap();
            HASH.get_or_init(|| hash).clone()
        }
    };
    let (email, now, ring, desk) = (EmailAddress::parse(email).unwrap(), hub.clock.now(), hub.hub.ring.clone(), hub.hub.desk.clone());
    let made = hub.hub.db.write(move |tx| {
        let account = accounts::account_for(tx, now, &email)?;
        if let Some(role) = role {
            accounts::invite_staff(tx, &ring, now, Actor::Operator, &email, role)?;
        }
        accounts::change_password(tx, &desk, now, Actor::Account(account, None), &hash, SessionId::new(now))?;
        Ok::<_, Fault>(account)
    });
    made.await.map_err(Error::from).unwrap()
}

async fn log_in(browser: &mut Browser<'_>, email: &str) -> Answer {
    browser.post("/login", &[("email", email), ("password", PASSWORD)]).await
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len();
    text[start..].split(after).next().unwrap()
}

/// An app that has the secret of the page.
struct App(totp_rs::Totp);

impl App {
    fn of(page: &str) -> Self {
        let secret = between(page, "<code class=\"key\">", "</code>").replace(' ', "");
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        Self(totp_rs::Builder::new().with_secret(secret).build().unwrap())
    }

    /// The code of `steps` steps from now.
    fn code(&self, hub: &TestHub, steps: i64) -> String {
        self.0.generate((hub.clock.now().seconds() + 30 * steps) as u64).to_string()
    }
}

/// Sets an app up, and gives it with the recovery codes.
async fn set_up_app(hub: &TestHub, browser: &mut Browser<'_>) -> (App, Vec<String>) {
    let page = browser.get("/account/totp").await;
    let app = App::of(&page.body);
    let sealed = between(&page.body, "name=\"secret\" value=\"", "\"").to_owned();
    let wrong = browser.post("/account/totp", &[("secret", &sealed), ("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("code-error") && wrong.body.contains(between(&page.body, "<code class=\"key\">", "</code>")));
    let set = browser.post("/account/totp", &[("secret", &sealed), ("code", &app.code(hub, 0))]).await;
    assert_eq!(set.status, StatusCode::CREATED, "{}", set.body);
    let codes = between(&set.body, "<pre id=\"list\">", "</pre>").split_whitespace().map(str::to_owned).collect();
    (app, codes)
}

fn location(answer: &Answer) -> &str {
    answer.headers.get("location").map_or("", String::as_str)
}

async fn is_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/account").await.status == StatusCode::OK
}

async fn audited(hub: &TestHub, event: audit::Event) -> Vec<Option<String>> {
    let found = hub.hub.db.read(move |conn| {
        let entries = schema::audit::table.filter(schema::audit::event.eq(event)).order(schema::audit::seq);
        Ok::<Vec<Option<String>>, Fault>(entries.select(schema::audit::reason).load(conn)?)
    });
    found.await.unwrap()
}

#[actix_web::test]
async fn an_app_is_asked_for_after_the_password_and_no_code_is_good_twice() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    assert_eq!(location(&log_in(&mut ada, ADA).await), "/my/sites");
    let (app, codes) = set_up_app(&hub, &mut ada).await;
    assert_eq!(codes.len(), 10);
    assert_eq!(hub.letters("factor_changed").await, 1);
    assert!(ada.get("/account/security").await.body.contains("10 are left."));
    // The code that has set it up was used by that; the clock may be one step off.
    let mut browser = hub.browser();
    let first = browser.post("/login", &[("email", ADA), ("password", PASSWORD), ("next", "/account")]).await;
    assert_eq!((first.status, location(&first)), (StatusCode::SEE_OTHER, "/login/second"));
    assert!(!browser.cookies.contains_key("belfry") && !is_in(&mut browser).await);
    let page = browser.get("/login/second").await;
    assert!(page.body.contains("name=\"code\"") && page.body.contains("authenticator app"));
    for (steps, good) in [(0, false), (2, false), (-2, false), (1, true)] {
        let answer = browser.post("/login/second", &[("code", &app.code(&hub, steps))]).await;
        assert_eq!(answer.status == StatusCode::SEE_OTHER, good, "{steps}: {}", answer.body);
    }
    assert!(is_in(&mut browser).await);
    // The same code is worth nothing to another.
    let mut thief = hub.browser();
    log_in(&mut thief, ADA).await;
    assert_eq!(thief.post("/login/second", &[("code", &app.code(&hub, 1))]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    hub.clock.advance(Duration::from_secs(60));
    let code = app.code(&hub, 0);
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    assert_eq!(thief.post("/login/second", &[("code", &spaced)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(audited(&hub, audit::Event::LoggedIn).await.last().unwrap().as_deref(), Some("authenticator app"));
    let added = audited(&hub, audit::Event::FactorAdded).await;
    assert_eq!(added, [Some("authenticator app".to_owned()), Some("recovery codes".to_owned())]);
}

#[actix_web::test]
async fn two_nodes_take_a_code_once() {
    let hub = TestHub::start().await;
    let other = hub.second().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    let (app, _) = set_up_app(&hub, &mut ada).await;
    let (mut one, mut two) = (hub.browser(), other.browser());
    log_in(&mut one, ADA).await;
    log_in(&mut two, ADA).await;
    let code = app.code(&hub, 1);
    let (a, b) = (one.csrf().await, two.csrf().await);
    let (here, there) = ([("csrf_token", a.as_str()), ("code", &code)], [("csrf_token", b.as_str()), ("code", &code)]);
    let (one, two) = futures_util::join!(one.post_bare("/login/second", &here, &[]), two.post_bare("/login/second", &there, &[]));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422]);
}

#[actix_web::test]
async fn a_recovery_code_stands_in_once_and_is_told() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    let (_, codes) = set_up_app(&hub, &mut ada).await;
    let mut browser = hub.browser();
    log_in(&mut browser, ADA).await;
    let typed = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(location(&browser.post("/login/second", &[("code", &typed)]).await), "/my/sites");
    assert!(hub.letter("factor_changed").await.unwrap().contains("recovery code"));
    assert!(browser.get("/account/security").await.body.contains("9 are left."));
    let mut again = hub.browser();
    log_in(&mut again, ADA).await;
    assert_eq!(again.post("/login/second", &[("code", &typed)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // New ones end the old.
    let new = ada.post("/account/recovery", &[]).await;
    assert_eq!(new.status, StatusCode::CREATED);
    assert!(!new.body.contains(&codes[4]));
    assert_eq!(again.post("/login/second", &[("code", &codes[4])]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fresh = between(&new.body, "<pre id=\"list\">", "</pre>").split_whitespace().next().unwrap().to_owned();
    assert_eq!(again.post("/login/second", &[("code", &fresh)]).await.status, StatusCode::SEE_OTHER);
    // What is stored is not what was shown.
    let stored = hub
        .hub
        .db
        .read(|conn| Ok::<Vec<Vec<u8>>, Fault>(schema::recovery_codes::table.select(schema::recovery_codes::code_hash).load(conn)?));
    assert!(stored.await.unwrap().iter().all(|hash| hash.len() == 32));
}

#[actix_web::test]
async fn without_the_app_the_password_is_enough_again() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    assert_eq!(ada.post("/account/recovery", &[]).await.status, StatusCode::SEE_OTHER);
    let (_, codes) = set_up_app(&hub, &mut ada).await;
    assert_eq!(location(&ada.post("/account/totp/off", &[]).await), "/account/security");
    assert_eq!(audited(&hub, audit::Event::FactorRemoved).await.len(), 1);
    let mut browser = hub.browser();
    assert_eq!(location(&log_in(&mut browser, ADA).await), "/my/sites");
    // The recovery codes of then are nothing now, also when there is an app again.
    set_up_app(&hub, &mut ada).await;
    let mut again = hub.browser();
    log_in(&mut again, ADA).await;
    assert_eq!(again.post("/login/second", &[("code", &codes[0])]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn a_secret_that_was_sealed_for_another_sets_nothing_up() {
    let hub = TestHub::start().await;
    let (mut ada, mut bob) = (hub.person(ADA, None).await, hub.person("bob@school.example", None).await);
    let page = ada.get("/account/totp").await;
    let sealed = between(&page.body, "name=\"secret\" value=\"", "\"").to_owned();
    let code = App::of(&page.body).code(&hub, 0);
    let answer = bob.post("/account/totp", &[("secret", &sealed), ("code", &code)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for junk in ["", "AAAA", "%%%"] {
        let answer = bob.post("/account/totp", &[("secret", junk), ("code", &code)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{junk}");
    }
}

#[actix_web::test]
async fn the_page_of_an_app_asks_nobody_else() {
    let hub = TestHub::start().await;
    let mut ada = hub.person(ADA, None).await;
    let page = ada.get("/account/totp").await;
    assert!(page.body.contains("<svg class=\"qr\"") && !page.body.contains("style="));
    assert!(!page.body.contains("src=\"http"));
}

#[actix_web::test]
async fn wrong_codes_are_limited_wherever_they_come_from() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    let (app, _) = set_up_app(&hub, &mut ada).await;
    // Two were taken by setting up.
    hub.clock.advance(Duration::from_secs(1_200));
    for round in 0..10 {
        let mut thief = hub.browser();
        log_in(&mut thief, ADA).await;
        assert_eq!(thief.post("/login/second", &[("code", "123456")]).await.status.as_u16(), 422, "{round}");
    }
    let mut browser = hub.browser();
    log_in(&mut browser, ADA).await;
    let answer = browser.post("/login/second", &[("code", &app.code(&hub, 0))]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    hub.clock.advance(Duration::from_secs(120));
    assert_eq!(browser.post("/login/second", &[("code", &app.code(&hub, 0))]).await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn a_half_login_opens_nothing_and_lasts_ten_minutes() {
    let hub = TestHub::start().await;
    let id = account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    let (app, codes) = set_up_app(&hub, &mut ada).await;
    let mut browser = hub.browser();
    assert_eq!(browser.get("/login/second").await.status, StatusCode::GONE);
    assert_eq!(browser.post("/login/second", &[("code", &app.code(&hub, 1))]).await.status, StatusCode::GONE);
    log_in(&mut browser, ADA).await;
    let half = browser.cookies["belfry-half"].clone();
    // It is no session, under whichever name.
    browser.cookies.insert("belfry".into(), half.clone());
    assert!(!is_in(&mut browser).await);
    browser.cookies.remove("belfry");
    hub.clock.advance(Duration::from_secs(601));
    assert_eq!(browser.post("/login/second", &[("code", &app.code(&hub, 0))]).await.status, StatusCode::GONE);
    // Nor does it outlive the password that it began with.
    log_in(&mut browser, ADA).await;
    let hash = hub.hub.passwords.hash(NewPassword::parse(&"another long password".into()).unwrap()).await.unwrap();
    let (desk, now) = (hub.hub.desk.clone(), hub.clock.now());
    hub.hub
        .db
        .write(move |tx| accounts::change_password(tx, &desk, now, Actor::Account(id, None), &hash, SessionId::new(now)))
        .await
        .unwrap();
    assert_eq!(browser.post("/login/second", &[("code", &codes[0])]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // And none can be made by others.
    for junk in ["", "x", &"A".repeat(200), &half[..half.len() - 2]] {
        browser.cookies.insert("belfry-half".into(), junk.to_owned());
        assert_eq!(browser.get("/login/second").await.status, StatusCode::GONE);
    }
}

#[actix_web::test]
async fn answers_do_not_tell_who_has_a_factor_or_is_disabled() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let bob = account(&hub, "bob@school.example", None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    set_up_app(&hub, &mut ada).await;
    let mut bobs = hub.browser();
    log_in(&mut bobs, "bob@school.example").await;
    assert!(is_in(&mut bobs).await);
    let now = hub.clock.now();
    let disabled = hub.hub.db.write(move |tx| {
        let row = schema::accounts::table.find(bob);
        diesel::update(row).set(schema::accounts::disabled_at.eq(Some(now))).execute(tx.conn())?;
        Ok::<_, Fault>(())
    });
    disabled.await.unwrap();
    assert!(!is_in(&mut bobs).await);
    let mut bodies = Vec::new();
    for (email, password) in [
        ("nobody@school.example", PASSWORD),
        (ADA, "wrong password"),
        ("bob@school.example", "wrong password"),
        ("bob@school.example", PASSWORD),
    ] {
        let mut browser = hub.browser();
        let csrf = browser.csrf().await;
        let fields = [("csrf_token", csrf.as_str()), ("email", email), ("password", password)];
        let answer = browser.post_bare("/login", &fields, &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.cookies.iter().all(|cookie| cookie.name() == "belfry-visitor"), "{:?}", answer.cookies);
        bodies.push(answer.body.replace(email, "").replace(&csrf, ""));
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    // No link by mail leads in either.
    let before = hub.letters("reset").await;
    hub.browser().post("/password/forgot", &[("email", "bob@school.example")]).await;
    assert_eq!(hub.letters("reset").await, before);
}

#[actix_web::test]
async fn a_new_password_by_mail_is_only_the_first_factor() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    let (app, _) = set_up_app(&hub, &mut ada).await;
    hub.browser().post("/password/forgot", &[("email", ADA)]).await;
    let path = hub.mailed_path("reset").await;
    let token = path.split("token=").nth(1).unwrap().to_owned();
    let mut browser = hub.browser();
    let set = browser.post("/password/reset", &[("token", &token), ("password", "a quite new password")]).await;
    assert_eq!(location(&set), "/login/second");
    assert!(!is_in(&mut browser).await);
    assert_eq!(browser.post("/login/second", &[("code", &app.code(&hub, 1))]).await.status, StatusCode::SEE_OTHER);
    assert!(is_in(&mut browser).await);
}

#[actix_web::test]
async fn a_planted_session_is_worth_nothing_after_a_login() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut thief = hub.person("thief@school.example", None).await;
    let planted = thief.cookies["belfry"].clone();
    // One that is the thief's own, and one that is nobody's.
    for value in [planted.as_str(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let mut ada = hub.browser();
        ada.cookies.insert("belfry".into(), value.to_owned());
        log_in(&mut ada, ADA).await;
        assert!(is_in(&mut ada).await && ada.cookies["belfry"] != value);
        thief.cookies.insert("belfry".into(), value.to_owned());
        assert!(!is_in(&mut thief).await);
    }
    // With a second factor it ends at the first step already, and each step gives a new one.
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    let before = ada.cookies["belfry"].clone();
    let (app, _) = set_up_app(&hub, &mut ada).await;
    log_in(&mut ada, ADA).await;
    assert!(!ada.cookies.contains_key("belfry"));
    let mut old = hub.browser();
    old.cookies.insert("belfry".into(), before.clone());
    assert!(!is_in(&mut old).await);
    ada.post("/login/second", &[("code", &app.code(&hub, 1))]).await;
    assert!(is_in(&mut ada).await && ada.cookies["belfry"] != before && !ada.cookies.contains_key("belfry-half"));
}

#[actix_web::test]
async fn a_login_never_leads_to_another_site() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let elsewhere = [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "%2f%2fevil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "///evil.example",
        "@evil.example",
    ];
    for next in elsewhere {
        let mut browser = hub.browser();
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = browser.get(&format!("/login?next={query}")).await;
        assert!(page.body.contains("name=\"next\" value=\"\""), "{next}");
        let answer = browser.post("/login", &[("email", ADA), ("password", PASSWORD), ("next", next)]).await;
        assert_eq!(location(&answer), "/my/sites", "{next}");
        assert_eq!(location(&browser.get(&format!("/login?next={query}")).await), "/my/sites", "{next}");
    }
    // A path that only looks like one stays here, whatever a browser makes of it.
    let mut browser = hub.browser();
    let odd = "/%2f%2fevil.example";
    assert_eq!(location(&browser.post("/login", &[("email", ADA), ("password", PASSWORD), ("next", odd)]).await), odd);
    let there = url::Url::parse("https://hub.example/login").unwrap().join(odd).unwrap();
    assert_eq!(there.host_str(), Some("hub.example"));
    // Nor does the second step, which has kept it.
    let (app, _) = set_up_app(&hub, &mut browser).await;
    for (next, to) in [("//evil.example", "/my/sites"), ("/account?x=1", "/account?x=1")] {
        let mut browser = hub.browser();
        browser.post("/login", &[("email", ADA), ("password", PASSWORD), ("next", next)]).await;
        hub.clock.advance(Duration::from_secs(60));
        assert_eq!(location(&browser.post("/login/second", &[("code", &app.code(&hub, 0))]).await), to);
    }
}

#[actix_web::test]
async fn the_team_of_a_public_hub_needs_a_second_factor() {
    let hub = TestHub::with(&PUBLIC).await;
    account(&hub, "rev@hub.example", Some(Role::Admin)).await;
    let mut staff = hub.browser();
    assert_eq!(location(&log_in(&mut staff, "rev@hub.example").await), "/my/sites");
    for path in ["/staff", "/staff/sites", "/staff/outbox"] {
        let answer = staff.get(path).await;
        assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, "/account/totp"), "{path}");
    }
    let some = "/staff/sites/0198c0de-0000-7000-8000-000000000000/suspend";
    assert_eq!(location(&staff.post(some, &[("reason", "x")]).await), "/account/totp");
    let page = staff.get("/account/totp").await;
    assert!(page.body.contains("every member of the team needs a second factor"));
    assert!(staff.get("/account").await.body.contains("the staff pages stay shut"));
    set_up_app(&hub, &mut staff).await;
    assert_eq!(staff.get("/staff").await.status, StatusCode::OK);
    assert_eq!(staff.post(some, &[("reason", "x")]).await.status, StatusCode::NOT_FOUND);
    // Switched off, it is as before.
    staff.post("/account/totp/off", &[]).await;
    assert_eq!(location(&staff.get("/staff").await), "/account/totp");
    // Whoever is not of the team is not led there.
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    assert_eq!(ada.get("/staff").await.status, StatusCode::FORBIDDEN);
    assert_eq!(ada.get("/my/sites").await.status, StatusCode::OK);
}

#[actix_web::test]
async fn the_team_of_a_local_hub_is_only_reminded() {
    let hub = TestHub::start().await;
    let mut staff = hub.person("rev@hub.example", Some(Role::Reviewer)).await;
    assert_eq!(staff.get("/staff").await.status, StatusCode::OK);
    assert!(staff.get("/account").await.body.contains("have no second factor"));
    let mut ada = hub.person(ADA, None).await;
    assert!(!ada.get("/account").await.body.contains("have no second factor"));
}

#[actix_web::test]
async fn what_does_harm_is_confirmed_first_and_the_form_is_kept() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    account(&hub, "rev@hub.example", Some(Role::Reviewer)).await;
    let mut staff = hub.browser();
    log_in(&mut staff, "rev@hub.example").await;
    let path = format!("/staff/sites/{}/suspend", site.id);
    let reason = "Floods \"phones\" <b>\r\nagain & again";
    hub.clock.advance(Duration::from_secs(15 * 60 + 1));
    let asked = staff.post(&path, &[("reason", reason)]).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.body.contains("Confirm that it is you") && asked.body.contains(&format!("action=\"{path}\"")));
    assert!(asked.body.contains("name=\"reason\"") && !asked.body.contains("<b>"), "{}", asked.body);
    assert_eq!(hub.letters("suspended").await, 0);
    for wrong in ["", "not the password"] {
        let again = staff.post(&path, &[("reason", reason), ("confirm_password", wrong)]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(again.body.contains("confirm_password-error") && again.body.contains("name=\"reason\""));
    }
    let done = staff.post(&path, &[("reason", reason), ("confirm_password", PASSWORD)]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(hub.letters("suspended").await, 1);
    let said = audited(&hub, audit::Event::SiteSuspended).await;
    assert_eq!(said, [Some(reason.replace("\r\n", "\n"))]);
    // For a while it holds, then no more. What is looked at is never asked for.
    hub.clock.advance(Duration::from_secs(14 * 60));
    let lifted = staff.post(&path, &[("reason", "x")]).await;
    assert!(!lifted.body.contains("Confirm that it is you"));
    hub.clock.advance(Duration::from_secs(2 * 60));
    assert!(staff.post(&path, &[("reason", "x")]).await.body.contains("Confirm that it is you"));
    assert_eq!(staff.get("/staff/sites").await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_code_confirms_too_and_only_once() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    let (app, _) = set_up_app(&hub, &mut ada).await;
    let mut other = hub.browser();
    log_in(&mut other, ADA).await;
    hub.clock.advance(Duration::from_secs(60));
    other.post("/login/second", &[("code", &app.code(&hub, 0))]).await;
    hub.clock.advance(Duration::from_secs(16 * 60));
    let code = app.code(&hub, 0);
    let asked = ada.post("/account/totp/off", &[]).await;
    assert!(asked.body.contains("confirm_code"));
    let made = ada.post("/account/recovery", &[("confirm_code", &code)]).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let again = other.post("/account/totp/off", &[("confirm_code", &code)]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("confirm_code-error"));
}

#[actix_web::test]
async fn confirming_is_limited_like_a_login() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    hub.clock.advance(Duration::from_secs(16 * 60));
    for _ in 0..10 {
        let answer = ada.post("/account/recovery", &[("confirm_password", "wrong password")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let answer = ada.post("/account/recovery", &[("kept", "yes"), ("confirm_password", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.body.contains("confirm_password-error") && answer.body.contains("name=\"kept\" value=\"yes\""));
}

#[actix_web::test]
async fn strangers_who_try_an_address_do_not_keep_its_owner_from_confirming() {
    let hub = TestHub::with(&[("BELFRY_LIMITS__LOGINS_PER_HOUR", "5")]).await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    hub.clock.advance(Duration::from_secs(16 * 60));
    let (mut stranger, mut last) = (hub.browser(), StatusCode::OK);
    for _ in 0..8 {
        last = stranger.post("/login", &[("email", ADA), ("password", "wrong password")]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let confirmed = ada.post("/account/recovery", &[("confirm_password", PASSWORD)]).await;
    assert_eq!(confirmed.status, StatusCode::SEE_OTHER, "{}", confirmed.body);
}

#[actix_web::test]
async fn a_new_factor_ends_the_other_logins() {
    let hub = TestHub::with(&NAMED).await;
    account(&hub, ADA, None).await;
    let (mut ada, mut other) = (hub.browser(), hub.browser());
    log_in(&mut ada, ADA).await;
    log_in(&mut other, ADA).await;
    set_up_app(&hub, &mut ada).await;
    assert!(is_in(&mut ada).await && !is_in(&mut other).await);
    let mut third = hub.person(ADA, None).await;
    assert!(is_in(&mut third).await);
    add_passkey(&mut ada).await;
    assert!(is_in(&mut ada).await && !is_in(&mut third).await);
}

#[actix_web::test]
async fn a_password_is_changed_after_a_while_too() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    hub.clock.advance(Duration::from_secs(16 * 60));
    // The form asks for the password by itself: right, it is enough; wrong, it is asked for once more.
    let wrong = [("current_password", "not the password"), ("new_password", "a quite new password")];
    let asked = ada.post("/account/password", &wrong).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(asked.body.contains("Confirm that it is you") && asked.body.contains("confirm_password-error"));
    let all = [wrong[0], wrong[1], ("confirm_password", PASSWORD)];
    assert_eq!(ada.post("/account/password", &all).await.status, StatusCode::SEE_OTHER);
    hub.clock.advance(Duration::from_secs(16 * 60));
    let right = [("current_password", "a quite new password"), ("new_password", PASSWORD)];
    assert_eq!(ada.post("/account/password", &right).await.status, StatusCode::SEE_OTHER);
    // Who has none yet has nothing to confirm with, and is told the way.
    let mut bob = hub.person("bob@school.example", None).await;
    hub.clock.advance(Duration::from_secs(16 * 60));
    let page = bob.post("/account/password", &[("new_password", "a quite new password")]).await;
    assert!(page.body.contains("/password/forgot") && !page.body.contains("confirm_password"));
}

#[actix_web::test]
async fn logins_are_listed_and_the_others_can_be_ended() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let mut ada = hub.browser();
    let csrf = ada.csrf().await;
    let fields = [("csrf_token", csrf.as_str()), ("email", ADA), ("password", PASSWORD)];
    ada.post_bare("/login", &fields, &[("User-Agent", firefox)]).await;
    let (mut second, mut third) = (hub.browser(), hub.browser());
    log_in(&mut second, ADA).await;
    log_in(&mut third, ADA).await;
    let page = ada.get("/account").await.body;
    assert!(
        page.contains("Firefox on Linux") && page.contains("127.0.0.1") && page.contains("this one") && page.contains("End all others")
    );
    assert_eq!(ada.post("/account/sessions/end-others", &[]).await.status, StatusCode::SEE_OTHER);
    assert!(is_in(&mut ada).await && !is_in(&mut second).await && !is_in(&mut third).await);
    assert_eq!(audited(&hub, audit::Event::SessionEnded).await, [Some("all others".to_owned())]);
    assert!(!ada.get("/account").await.body.contains("End all others"));
}

#[actix_web::test]
async fn a_login_from_elsewhere_is_told_and_the_first_is_no_news() {
    let hub = TestHub::start().await;
    account(&hub, ADA, None).await;
    let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1";
    for (agent, letters) in [("curl/8", 0), ("curl/9", 0), (safari, 1), (safari, 1), ("curl/8", 1)] {
        let mut browser = hub.browser();
        let csrf = browser.csrf().await;
        let fields = [("csrf_token", csrf.as_str()), ("email", ADA), ("password", PASSWORD)];
        browser.post_bare("/login", &fields, &[("User-Agent", agent)]).await;
        assert_eq!(hub.letters("new_login").await, letters, "{agent}");
    }
    let letter = hub.letter("new_login").await.unwrap();
    assert!(letter.contains("Safari on iPhone") && letter.contains("127.0.0.1"), "{letter}");
    assert_eq!(audited(&hub, audit::Event::LoggedIn).await.len(), 5);
}

// A software authenticator.

fn cbor(major: u8, value: u64) -> Vec<u8> {
    match value {
        0..=23 => vec![major << 5 | value as u8],
        24..=255 => vec![major << 5 | 24, value as u8],
        _ => [&[major << 5 | 25][..], &(value as u16).to_be_bytes()].concat(),
    }
}

fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    [cbor(2, bytes.len() as u64), bytes.to_vec()].concat()
}

fn cbor_text(text: &str) -> Vec<u8> {
    [cbor(3, text.len() as u64), text.as_bytes().to_vec()].concat()
}

struct Authenticator {
    key: EcKey<Private>,
    id: Vec<u8>,
    counter: u32,
    user: Vec<u8>,
    origin: String,
    rp: String,
    /// Whether it checks who holds it.
    verifies: bool,
}

impl Authenticator {
    fn new() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let mut id = vec![0; 32];
        openssl::rand::rand_bytes(&mut id).unwrap();
        Self {
            key: EcKey::generate(&group).unwrap(),
            id,
            counter: 0,
            user: Vec::new(),
            origin: NAMED_ORIGIN.into(),
            rp: "localhost".into(),
            verifies: true,
        }
    }

    /// A COSE key (RFC 9053 7.1): EC2, ES256, P-256.
    fn cose(&self) -> Vec<u8> {
        let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        let mut context = BigNumContext::new().unwrap();
        self.key.public_key().affine_coordinates(self.key.group(), &mut x, &mut y, &mut context).unwrap();
        let (x, y) = (x.to_vec_padded(32).unwrap(), y.to_vec_padded(32).unwrap());
        [
            cbor(5, 5),
            cbor(0, 1),
            cbor(0, 2),
            cbor(0, 3),
            cbor(1, 6),
            cbor(1, 0),
            cbor(0, 1),
            cbor(1, 1),
            cbor_bytes(&x),
            cbor(1, 2),
            cbor_bytes(&y),
        ]
        .concat()
    }

    fn data(&mut self, attested: bool) -> Vec<u8> {
        self.counter += 1;
        let flags = 0x01 | if self.verifies { 0x04 } else { 0 } | if attested { 0x40 } else { 0 };
        let mut data = [&sha256(self.rp.as_bytes())[..], &[flags], &self.counter.to_be_bytes()].concat();
        if attested {
            data.extend([0; 16]);
            data.extend((self.id.len() as u16).to_be_bytes());
            data.extend(&self.id);
            data.extend(self.cose());
        }
        data
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false}).to_string().into_bytes()
    }

    fn create(&mut self, asked: &Value) -> String {
        let options = &asked["publicKey"];
        assert_eq!((&options["rp"]["id"], &options["attestation"]), (&json!("localhost"), &json!("none")));
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
        self.user = BASE64.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let data = self.data(true);
        let object =
            [cbor(5, 3), cbor_text("fmt"), cbor_text("none"), cbor_text("attStmt"), cbor(5, 0), cbor_text("authData"), cbor_bytes(&data)];
        let client = self.client_data("webauthn.create", options["challenge"].as_str().unwrap());
        let id = BASE64.encode(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "extensions": {}, "response": {
            "attestationObject": BASE64.encode(object.concat()), "clientDataJSON": BASE64.encode(client)}})
        .to_string()
    }

    fn get(&mut self, asked: &Value) -> String {
        let challenge = asked["publicKey"]["challenge"].as_str().unwrap().to_owned();
        self.get_for(&challenge)
    }

    fn get_for(&mut self, challenge: &str) -> String {
        let (data, client) = (self.data(false), self.client_data("webauthn.get", challenge));
        let key = PKey::from_ec_key(self.key.clone()).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        let signature = signer.sign_oneshot_to_vec(&[data.as_slice(), &sha256(&client)].concat()).unwrap();
        let id = BASE64.encode(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "extensions": {}, "response": {
            "authenticatorData": BASE64.encode(data), "clientDataJSON": BASE64.encode(client),
            "signature": BASE64.encode(signature), "userHandle": BASE64.encode(&self.user)}})
        .to_string()
    }
}

async fn ask(browser: &mut Browser<'_>, path: &str) -> Value {
    let answer = browser.post(path, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

async fn send(browser: &mut Browser<'_>, path: &str, asked: &Value, credential: &str) -> Answer {
    let ceremony = asked["ceremony"].as_str().unwrap();
    browser.post(path, &[("ceremony", ceremony), ("credential", credential), ("name", "My phone"), ("next", "/account")]).await
}

/// Adds a passkey to whoever is logged in.
async fn add_passkey(browser: &mut Browser<'_>) -> Authenticator {
    let mut device = Authenticator::new();
    let asked = ask(browser, "/account/passkeys/begin").await;
    let credential = device.create(&asked);
    let added = send(browser, "/account/passkeys", &asked, &credential).await;
    assert!(matches!(added.status.as_u16(), 201 | 303), "{} {}", added.status, added.body);
    device
}

#[actix_web::test]
async fn a_passkey_logs_in_by_itself() {
    let hub = TestHub::with(&NAMED).await;
    let mut ada = hub.person(ADA, None).await;
    let mut device = add_passkey(&mut ada).await;
    assert_eq!(hub.letters("factor_changed").await, 1);
    let page = ada.get("/account/security").await.body;
    assert!(page.contains("My phone") && page.contains("never") && page.contains("10 are left."));
    let mut browser = hub.browser();
    assert!(browser.get("/login").await.body.contains("passkey.js"));
    let asked = ask(&mut browser, "/login/passkey/begin").await;
    assert_eq!(asked["publicKey"]["allowCredentials"], json!([]));
    let entered = send(&mut browser, "/login/passkey", &asked, &device.get(&asked)).await;
    assert_eq!((entered.status, location(&entered)), (StatusCode::SEE_OTHER, "/account"));
    assert!(is_in(&mut browser).await);
    assert!(!ada.get("/account/security").await.body.contains("never"));
    assert_eq!(audited(&hub, audit::Event::LoggedIn).await.last().unwrap().as_deref(), Some("passkey"));
}

#[actix_web::test]
async fn an_account_has_twenty_passkeys_at_most_whenever_they_were_asked_for() {
    let hub = TestHub::with(&NAMED).await;
    let mut ada = hub.person(ADA, None).await;
    for _ in 0..19 {
        add_passkey(&mut ada).await;
    }
    let (one, other) = (ask(&mut ada, "/account/passkeys/begin").await, ask(&mut ada, "/account/passkeys/begin").await);
    let mut devices = [Authenticator::new(), Authenticator::new()];
    let last = devices[0].create(&one);
    assert!(matches!(send(&mut ada, "/account/passkeys", &one, &last).await.status.as_u16(), 201 | 303));
    let beyond = devices[1].create(&other);
    assert_eq!(send(&mut ada, "/account/passkeys", &other, &beyond).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(ada.get("/account/security").await.body.matches("aria-label=\"Remove the passkey").count(), 20);
}

#[actix_web::test]
async fn a_passkey_is_a_second_factor_too() {
    let hub = TestHub::with(&NAMED).await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    let mut device = add_passkey(&mut ada).await;
    let mut browser = hub.browser();
    assert_eq!(location(&log_in(&mut browser, ADA).await), "/login/second");
    assert!(browser.get("/login/second").await.body.contains("Use your passkey"));
    let asked = ask(&mut browser, "/login/passkey/begin").await;
    assert_eq!(asked["publicKey"]["allowCredentials"][0]["id"], BASE64.encode(&device.id));
    let entered = send(&mut browser, "/login/passkey", &asked, &device.get(&asked)).await;
    assert_eq!((entered.status, location(&entered)), (StatusCode::SEE_OTHER, "/my/sites"));
    assert!(is_in(&mut browser).await);
    // And confirms what does harm.
    hub.clock.advance(Duration::from_secs(16 * 60));
    let asked = ask(&mut browser, "/login/passkey/begin").await;
    let (ceremony, credential) = (asked["ceremony"].as_str().unwrap().to_owned(), device.get(&asked));
    let proof = [("confirm_ceremony", ceremony.as_str()), ("confirm_credential", credential.as_str())];
    assert_eq!(browser.post("/account/recovery", &proof).await.status, StatusCode::CREATED);
    hub.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(browser.post("/account/recovery", &proof).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn only_the_right_answer_of_the_right_passkey_is_taken() {
    let hub = TestHub::with(&NAMED).await;
    let mut ada = hub.person(ADA, None).await;
    let mut device = add_passkey(&mut ada).await;
    let mut bob = hub.person("bob@school.example", None).await;
    let mut bobs = add_passkey(&mut bob).await;
    let mut browser = hub.browser();
    // The wrong origin, the wrong hub, a challenge of another time, nobody's finger, somebody else's name, somebody else's key.
    type Spoil = fn(&mut Authenticator, &mut Authenticator, &Value) -> String;
    let spoils: [(&str, Spoil); 8] = [
        ("origin", |device, _, asked| {
            device.origin = "https://evil.example".into();
            let answer = device.get(asked);
            device.origin = NAMED_ORIGIN.into();
            answer
        }),
        ("port", |device, _, asked| {
            device.origin = "http://localhost:9999".into();
            let answer = device.get(asked);
            device.origin = NAMED_ORIGIN.into();
            answer
        }),
        ("hub", |device, _, asked| {
            device.rp = "evil.example".into();
            let answer = device.get(asked);
            device.rp = "localhost".into();
            answer
        }),
        ("challenge", |device, _, _| device.get_for(&BASE64.encode([7; 32]))),
        ("unverified", |device, _, asked| {
            device.verifies = false;
            let answer = device.get(asked);
            device.verifies = true;
            answer
        }),
        ("named otherwise", |device, bobs, asked| {
            let own = std::mem::replace(&mut device.user, bobs.user.clone());
            let answer = device.get(asked);
            device.user = own;
            answer
        }),
        ("signed by another", |device, bobs, asked| {
            let own = std::mem::replace(&mut device.key, bobs.key.clone());
            let answer = device.get(asked);
            device.key = own;
            answer
        }),
        ("junk", |_, _, _| "{\"id\": 1}".into()),
    ];
    for (name, spoil) in spoils {
        let asked = ask(&mut browser, "/login/passkey/begin").await;
        let answer = send(&mut browser, "/login/passkey", &asked, &spoil(&mut device, &mut bobs, &asked)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        // One answer each: the right one comes too late then.
        let late = send(&mut browser, "/login/passkey", &asked, &device.get(&asked)).await;
        assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    // A right answer, once; within five minutes.
    let asked = ask(&mut browser, "/login/passkey/begin").await;
    let answer = device.get(&asked);
    let mut thief = hub.browser();
    assert_eq!(send(&mut browser, "/login/passkey", &asked, &answer).await.status, StatusCode::SEE_OTHER);
    assert_eq!(send(&mut thief, "/login/passkey", &asked, &answer).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let asked = ask(&mut thief, "/login/passkey/begin").await;
    hub.clock.advance(Duration::from_secs(301));
    assert_eq!(send(&mut thief, "/login/passkey", &asked, &device.get(&asked)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // A copy of the authenticator, which is behind.
    device.counter -= 2;
    let asked = ask(&mut thief, "/login/passkey/begin").await;
    assert_eq!(send(&mut thief, "/login/passkey", &asked, &device.get(&asked)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn a_passkey_of_another_is_no_second_factor() {
    let hub = TestHub::with(&NAMED).await;
    account(&hub, ADA, None).await;
    let mut ada = hub.browser();
    log_in(&mut ada, ADA).await;
    add_passkey(&mut ada).await;
    let mut thief = hub.person("thief@school.example", None).await;
    let mut own = add_passkey(&mut thief).await;
    let mut browser = hub.browser();
    log_in(&mut browser, ADA).await;
    let asked = ask(&mut browser, "/login/passkey/begin").await;
    assert_eq!(send(&mut browser, "/login/passkey", &asked, &own.get(&asked)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // What was asked of anybody is no answer to what is asked of Ada, nor the other way round.
    let mut anybody = hub.browser();
    let open = ask(&mut anybody, "/login/passkey/begin").await;
    assert_eq!(send(&mut browser, "/login/passkey", &open, &own.get(&open)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let asked = ask(&mut browser, "/login/passkey/begin").await;
    assert_eq!(send(&mut anybody, "/login/passkey", &asked, &own.get(&asked)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Nor is what a thief was asked to confirm a login.
    let proving = ask(&mut thief, "/login/passkey/begin").await;
    assert_eq!(send(&mut anybody, "/login/passkey", &proving, &own.get(&proving)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!is_in(&mut browser).await && !is_in(&mut anybody).await);
}

#[actix_web::test]
async fn a_passkey_is_added_only_by_whom_it_was_asked_for() {
    let hub = TestHub::with(&NAMED).await;
    let (mut ada, mut bob) = (hub.person(ADA, None).await, hub.person("bob@school.example", None).await);
    let mut device = Authenticator::new();
    let asked = ask(&mut ada, "/account/passkeys/begin").await;
    let credential = device.create(&asked);
    assert_eq!(send(&mut bob, "/account/passkeys", &asked, &credential).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(send(&mut ada, "/account/passkeys", &asked, &credential).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for spoil in ["origin", "hub", "unverified"] {
        let mut device = Authenticator::new();
        match spoil {
            "origin" => device.origin = "https://evil.example".into(),
            "hub" => device.rp = "evil.example".into(),
            _ => device.verifies = false,
        }
        let asked = ask(&mut ada, "/account/passkeys/begin").await;
        let answer = send(&mut ada, "/account/passkeys", &asked, &device.create(&asked)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{spoil}");
    }
    // One that is known already, to whomever.
    let known = add_passkey(&mut ada).await;
    let mut copy = Authenticator::new();
    copy.id = known.id.clone();
    let asked = ask(&mut bob, "/account/passkeys/begin").await;
    assert_eq!(send(&mut bob, "/account/passkeys", &asked, &copy.create(&asked)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let asked = ask(&mut ada, "/account/passkeys/begin").await;
    assert_eq!(asked["publicKey"]["excludeCredentials"][0]["id"], BASE64.encode(&known.id));
}

#[actix_web::test]
async fn a_removed_passkey_is_worth_nothing_and_nobody_removes_anothers() {
    let hub = TestHub::with(&NAMED).await;
    let (mut ada, mut bob) = (hub.person(ADA, None).await, hub.person("bob@school.example", None).await);
    let mut device = add_passkey(&mut ada).await;
    let page = ada.get("/account/security").await.body;
    let path = between(&page, "action=\"/account/passkeys/", "\"").to_owned();
    let path = format!("/account/passkeys/{path}");
    assert_eq!(bob.post(&path, &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.post(&path, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.post(&path, &[]).await.status, StatusCode::NOT_FOUND);
    let mut browser = hub.browser();
    let asked = ask(&mut browser, "/login/passkey/begin").await;
    assert_eq!(send(&mut browser, "/login/passkey", &asked, &device.get(&asked)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hub.letters("factor_changed").await, 2);
    assert_eq!(audited(&hub, audit::Event::FactorRemoved).await, [Some("passkey My phone".to_owned())]);
}

#[actix_web::test]
async fn a_passkey_holds_the_staff_pages_open() {
    let hub = TestHub::with(&[PUBLIC[0], PUBLIC[1]]).await;
    account(&hub, "rev@hub.example", Some(Role::Reviewer)).await;
    let mut staff = hub.browser();
    log_in(&mut staff, "rev@hub.example").await;
    let mut device = Authenticator::new();
    (device.origin, device.rp) = ("https://hub.example".into(), "hub.example".into());
    let asked = ask(&mut staff, "/account/passkeys/begin").await;
    assert_eq!(asked["publicKey"]["rp"]["id"], "hub.example");
    let mut for_test = asked.clone();
    for_test["publicKey"]["rp"]["id"] = json!("localhost");
    let credential = device.create(&for_test);
    assert_eq!(send(&mut staff, "/account/passkeys", &asked, &credential).await.status, StatusCode::CREATED);
    assert_eq!(staff.get("/staff").await.status, StatusCode::OK);
}

#[actix_web::test]
async fn where_the_hub_has_no_name_there_are_no_passkeys() {
    let hub = TestHub::start().await;
    let mut ada = hub.person(ADA, None).await;
    assert_eq!(ada.post("/account/passkeys/begin", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.browser().post("/login/passkey/begin", &[]).await.status, StatusCode::NOT_FOUND);
    let page = ada.get("/account/security").await.body;
    assert!(page.contains("server.public_url") && !page.contains("passkey.js"));
    let bare = [("ceremony", "0198c0de-0000-7000-8000-000000000000"), ("credential", "{}"), ("name", "x")];
    assert_eq!(ada.post("/account/passkeys", &bare).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hub.browser().post("/login/passkey", &bare).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn ceremonies_want_the_forms_own_token() {
    let hub = TestHub::with(&NAMED).await;
    let mut ada = hub.person(ADA, None).await;
    for path in ["/account/passkeys/begin", "/account/passkeys", "/login/passkey/begin", "/login/passkey", "/login/second", "/account/totp"]
    {
        let answer = ada.post_bare(path, &[("csrf_token", "forged")], &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        let csrf = ada.csrf().await;
        let from_elsewhere = ada.post_bare(path, &[("csrf_token", &csrf)], &[("Origin", "https://evil.example")]).await;
        assert_eq!(from_elsewhere.status, StatusCode::FORBIDDEN, "{path}");
    }
    let page = hub.send(Method::GET, "/login", &[], "").await;
    assert!(page.headers["content-security-policy"].contains("script-src 'self'"));
}
