//! Anybody: registration, login, forged forms.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::{PASSWORD, TestHub};

const FORM: [(&str, &str); 11] = [
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

fn form_with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    FORM.iter().map(|(n, v)| if *n == name { (*n, value) } else { (*n, *v) }).collect()
}

#[actix_web::test]
async fn a_registration_is_confirmed_by_mail_once() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    assert_eq!(browser.post("/register", &FORM).await.status, StatusCode::OK);
    let login = browser.post("/login", &[("email", "ada@school.example"), ("password", PASSWORD)]).await;
    assert_eq!(login.status, StatusCode::UNPROCESSABLE_ENTITY, "nobody has confirmed yet");
    let link = hub.mailed_path("confirm").await;
    let followed = browser.get(&link).await;
    assert_eq!(followed.status, StatusCode::SEE_OTHER);
    assert!(followed.headers["location"].starts_with("/my/sites/"));
    let page = browser.get(&followed.headers["location"]).await;
    assert!(page.body.contains("Example School") && page.body.contains("Prove that this site is yours"));
    assert_eq!(hub.browser().get(&link).await.status, StatusCode::GONE);
    let mut elsewhere = hub.browser();
    let login = elsewhere.post("/login", &[("email", "Ada@School.example"), ("password", PASSWORD)]).await;
    assert_eq!(login.headers["location"], "/my/sites");
}

#[actix_web::test]
async fn each_field_says_what_is_wrong_with_it() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    let rows = [
        ("name", ""),
        ("url", "moodle.school.example"),
        ("contact_name", ""),
        ("contact_email", "ada"),
        ("password", "short"),
        ("country", "XX"),
        ("language", "!"),
        ("users", "many"),
        ("privacy", "secret"),
        ("policy_agreed", ""),
    ];
    for (name, value) in rows {
        let answer = browser.post("/register", &form_with(name, value)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(answer.body.contains(&format!("id=\"{name}-error\"")), "{name}");
        assert_eq!(answer.body.matches("class=\"error\"").count(), 1, "{name}");
        assert!(!answer.body.contains(PASSWORD), "a password is never sent back");
    }
    assert!(hub.letter("confirm").await.is_none());
}

/// The pages, the time and the letters tell nobody but the owner that an address has an account.
#[actix_web::test]
async fn who_has_an_account_is_nobody_elses_business() {
    let hub = TestHub::start().await;
    hub.site("known@school.example", false).await;
    let mut browser = hub.browser();
    let known = browser.post("/register", &form_with("contact_email", "known@school.example")).await;
    let new = browser.post("/register", &form_with("contact_email", "unknow@school.example")).await;
    let bare = |body: &str, email: &str| body.replace(email, "[email]");
    assert_eq!(bare(&known.body, "known@school.example"), bare(&new.body, "unknow@school.example"));
    assert!(hub.letter("account_exists").await.unwrap().contains("/login"));
    for email in ["known@school.example", "nobody@school.example"] {
        let answer = browser.post("/password/forgot", &[("email", email)]).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let errors: Vec<String> = {
        let mut found = Vec::new();
        for email in ["known@school.example", "nobody@school.example"] {
            let answer = browser.post("/login", &[("email", email), ("password", "wrong password")]).await;
            found.push(bare(&answer.body, email));
        }
        found
    };
    assert_eq!(errors[0], errors[1]);
}

/// Somebody who registers with another's address does not choose the other's password.
#[actix_web::test]
async fn the_password_is_that_of_the_link_that_was_followed() {
    let hub = TestHub::start().await;
    let mut thief = hub.browser();
    thief.post("/register", &form_with("password", "the thief's password")).await;
    let mut owner = hub.browser();
    hub.clock.advance(Duration::from_millis(10));
    owner.post("/register", &FORM).await;
    let link = hub.mailed_path("confirm").await;
    assert_eq!(owner.get(&link).await.status, StatusCode::SEE_OTHER);
    let login = thief.post("/login", &[("email", "ada@school.example"), ("password", "the thief's password")]).await;
    assert_eq!(login.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn a_forged_form_is_refused() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    browser.get("/login").await;
    assert_eq!(browser.post_bare("/register", &FORM, &[]).await.status, StatusCode::FORBIDDEN);
    let csrf = browser.csrf().await;
    let mut fields = FORM.to_vec();
    fields.push(("csrf_token", &csrf));
    let strange = browser.post_bare("/register", &fields, &[("Origin", "https://evil.example")]).await;
    assert_eq!(strange.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post_bare("/register", &fields, &[("Origin", "null")]).await.status, StatusCode::FORBIDDEN);
    // Another browser's token is no good here.
    let mut other = hub.browser();
    other.get("/login").await;
    assert_eq!(other.post_bare("/register", &fields, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post_bare("/register", &fields, &[("Origin", "http://127.0.0.1:8080")]).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_login_changes_the_cookie_and_a_logout_ends_it_everywhere() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    browser.post("/register", &FORM).await;
    let link = hub.mailed_path("confirm").await;
    browser.cookies.insert("belfry".into(), "chosen-by-somebody-else".into());
    browser.get(&link).await;
    let first = browser.cookies["belfry"].clone();
    assert_ne!(first, "chosen-by-somebody-else");
    browser.post("/login", &[("email", "ada@school.example"), ("password", PASSWORD)]).await;
    assert_ne!(browser.cookies["belfry"], first);
    let mut old = hub.browser();
    old.cookies.insert("belfry".into(), first);
    assert_eq!(old.get("/my/sites").await.status, StatusCode::SEE_OTHER, "the older session has ended");
    let kept = browser.cookies["belfry"].clone();
    browser.post("/logout", &[]).await;
    old.cookies.insert("belfry".into(), kept);
    assert_eq!(old.get("/my/sites").await.status, StatusCode::SEE_OTHER, "its token is worth nothing any more");
}

#[actix_web::test]
async fn a_session_ends_by_itself_when_it_is_not_used() {
    let hub = TestHub::start().await;
    let mut browser = hub.person("ada@school.example", None).await;
    for _ in 0..3 {
        hub.clock.advance(Duration::from_secs(6 * 86_400));
        assert_eq!(browser.get("/my/sites").await.status, StatusCode::OK);
    }
    hub.clock.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(browser.get("/my/sites").await.headers["location"], "/login?next=%2Fmy%2Fsites");
}

#[actix_web::test]
async fn strangers_are_held_to_their_limits() {
    let hub = TestHub::with(&[
        ("BELFRY_LIMITS__REGISTRATIONS_PER_HOUR", "1"),
        ("BELFRY_LIMITS__LOGINS_PER_HOUR", "2"),
        ("BELFRY_LIMITS__RESETS_PER_HOUR", "1"),
    ])
    .await;
    let mut browser = hub.browser();
    assert_eq!(browser.post("/register", &FORM).await.status, StatusCode::OK);
    let refused = browser.post("/register", &FORM).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers["retry-after"].parse::<u64>().unwrap() > 3_000);
    let login = [("email", "ada@school.example"), ("password", "wrong password")];
    for status in [422, 422, 429] {
        assert_eq!(browser.post("/login", &login).await.status.as_u16(), status);
    }
    for status in [200, 429] {
        assert_eq!(browser.post("/password/forgot", &[("email", "a@b.example")]).await.status.as_u16(), status);
    }
    hub.clock.advance(Duration::from_secs(3_600));
    assert_eq!(browser.post("/login", &login).await.status.as_u16(), 422);
}

#[actix_web::test]
async fn a_public_hub_wants_https_everywhere() {
    let hub = TestHub::with(&[
        ("BELFRY_SERVER__PUBLIC_URL", "https://hub.example"),
        ("BELFRY_SERVER__SECRET_KEY", "0123456789abcdef0123456789abcdef"),
    ])
    .await;
    let page = hub.send(Method::GET, "/login", &[], "").await;
    assert!(page.headers["strict-transport-security"].contains("max-age=31536000"));
    let cookie = &page.cookies[0];
    assert!(cookie.name().starts_with("__Host-") && cookie.secure() == Some(true) && cookie.http_only() == Some(true));
    for (header, part) in
        [("content-security-policy", "frame-ancestors 'none'"), ("x-content-type-options", "nosniff"), ("cache-control", "no-store")]
    {
        assert!(page.headers[header].contains(part), "{header}");
    }
    assert!(!page.headers["content-security-policy"].contains("unsafe"));
}

/// Whatever is typed: the form again with words, or an accepted registration; never a 5xx.
#[actix_web::test]
async fn no_form_breaks_it() {
    let hub = TestHub::start().await;
    let mut browser = hub.browser();
    let mut runner = TestRunner::new(ProptestConfig::default());
    let text = proptest::string::string_regex("(\\PC|\\r\\n|<script>|\u{202e}|%00|\u{0}|'|--){0,40}").unwrap();
    for round in 0..60 {
        let value = text.new_tree(&mut runner).unwrap().current();
        for name in FORM.iter().map(|(name, _)| *name).filter(|name| *name != "password" || round == 0) {
            let fields: Vec<(&str, &str)> = FORM
                .iter()
                .map(|(n, v)| {
                    if *n == name {
                        (*n, value.as_str())
                    } else if *n == "country" {
                        (*n, "")
                    } else {
                        (*n, *v)
                    }
                })
                .collect();
            let answer = browser.post("/register", &fields).await;
            assert!(answer.status.as_u16() < 500, "{name}={value:?}: {}", answer.status);
            assert!(!answer.body.contains("<script>"), "{name}={value:?}");
        }
    }
    let answer = hub.send(Method::POST, "/register", &[("Content-Type", "application/x-www-form-urlencoded")], "x".repeat(100_000)).await;
    assert_eq!(answer.status.as_u16(), 413);
}
