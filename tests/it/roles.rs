//! Every route × every role, from the router's own rows: a route without a rule can't be added.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use belfry::accounts::Role;
use belfry::keys::KeyKind;
use belfry::routes::{self, Row};
use belfry::visit::Who;

use crate::support::{APP, Answer, TestHub};

/// An id that nothing has.
const NOWHERE: &str = "0198c0de-0000-7000-8000-000000000000";

/// Who may be at the other end of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visitor {
    Nobody,
    /// An account that owns a site, but not the one that is asked for.
    Other,
    Owner,
    Team(Role),
}

const VISITORS: [Visitor; 6] = [
    Visitor::Nobody,
    Visitor::Other,
    Visitor::Team(Role::Analyst),
    Visitor::Team(Role::Reviewer),
    Visitor::Team(Role::Admin),
    Visitor::Owner,
];

/// What an answer shows of the guard, and of what the handler found to be the visitor's.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    ToLogin,
    Forbidden,
    NotFound,
    Admitted,
}

fn seen(answer: &Answer) -> Seen {
    match answer.status {
        StatusCode::FORBIDDEN => Seen::Forbidden,
        StatusCode::NOT_FOUND => Seen::NotFound,
        StatusCode::SEE_OTHER if answer.headers.get("location").is_some_and(|to| to.starts_with("/login?next=")) => Seen::ToLogin,
        _ => Seen::Admitted,
    }
}

/// What a row's rule says about a visitor; whether what it names is theirs is for the handler.
fn admits(who: Who, visitor: Visitor) -> bool {
    let role = if let Visitor::Team(role) = visitor { Some(role) } else { None };
    match who {
        Who::Anyone | Who::Foreign => true,
        Who::Account | Who::AccountSure => visitor != Visitor::Nobody,
        Who::Staff(needed) | Who::StaffSure(needed) => role.is_some_and(|role| role.may(needed)),
        Who::Key | Who::Moodle => false,
    }
}

/// What there is to be asked for: the owner's. What an act uses up is there anew for each row.
struct Things {
    site: String,
    key: String,
    device: String,
}

impl Things {
    async fn made(hub: &TestHub) -> Self {
        let site = hub.site("owner@school.example", true).await;
        assert_eq!(site.enrol(&format!("token-of-{}", site.id)).await.status, StatusCode::OK);
        let (key, _) = hub.key(site.id, KeyKind::Devices).await;
        let devices = site.call(Method::GET, "/api/v1/devices", "").await.json();
        let device = devices["items"][0]["id"].as_str().unwrap().to_owned();
        Self { site: site.id.to_string(), key: key.to_string(), device }
    }

    /// A row's path with what it names put in; whether all of it is there.
    fn filled(&self, row: &Row) -> (String, bool) {
        let mut is_real = true;
        let path = row.path.replace("{slash:/?}", "");
        let parts = path.split('/').map(|part| {
            let Some(start) = part.find('{') else { return part.to_owned() };
            let named = match &part[start..] {
                "{site}" => &self.site,
                "{key}" => &self.key,
                "{device}" => &self.device,
                _ => {
                    is_real = false;
                    NOWHERE
                }
            };
            format!("{}{named}", &part[..start])
        });
        let filled = parts.collect::<Vec<_>>().join("/");
        (filled, is_real)
    }
}

/// What forms ask for, so that nobody is turned away for an empty field before it is looked whose the thing is.
const FIELDS: [(&str, &str); 12] = [
    ("kind", "devices"),
    ("overlap", "1d"),
    ("reason", "a test"),
    ("title", "x"),
    ("text", "x"),
    ("app", APP),
    ("name", "x"),
    ("language", "en"),
    ("decision", "refuse"),
    ("message", "x"),
    ("subject", "x"),
    ("body", "x"),
];

/// These end the session that the next rows need.
fn ends_the_session(row: &Row) -> bool {
    ["/logout", "/login"].contains(&row.path) || row.path.starts_with("/password")
}

#[actix_web::test]
async fn each_page_lets_in_whom_its_row_says_and_shows_nobody_what_is_anothers() {
    let hub = TestHub::start().await;
    hub.site("other@school.example", true).await;
    let mut browsers = Vec::new();
    for visitor in VISITORS {
        browsers.push(match visitor {
            Visitor::Nobody => hub.browser(),
            Visitor::Other => hub.person("other@school.example", None).await,
            Visitor::Owner => hub.person("owner@school.example", None).await,
            Visitor::Team(role) => hub.person(&format!("{role}@hub.example"), Some(role)).await,
        });
    }
    for row in routes::page_rows().iter().filter(|row| !ends_the_session(row)) {
        let things = Things::made(&hub).await;
        let (path, is_real) = things.filled(row);
        let is_owned = row.path.starts_with("/my/") && row.path.contains('{');
        for (visitor, browser) in VISITORS.iter().zip(&mut browsers) {
            let answer = if row.method == Method::GET { browser.get(&path).await } else { browser.post(&path, &FIELDS).await };
            let (seen, told) = (seen(&answer), format!("{} {} by {visitor:?}: {}", row.method, row.path, answer.status));
            assert!(answer.status.as_u16() < 500, "{told}");
            match (admits(row.who, *visitor), visitor) {
                (false, Visitor::Nobody) => assert_eq!(seen, Seen::ToLogin, "{told}"),
                (false, _) => assert_eq!(seen, Seen::Forbidden, "{told}"),
                (true, Visitor::Owner) if is_real && row.path.contains('{') => assert_eq!(seen, Seen::Admitted, "{told}"),
                // Another's is as good as not there, for the team too: their pages are under /staff.
                (true, _) if is_owned && *visitor != Visitor::Owner => assert_eq!(seen, Seen::NotFound, "{told}"),
                (true, _) => assert!(!matches!(seen, Seen::ToLogin | Seen::Forbidden), "{told}"),
            }
        }
    }
}

/// What does harm in the wrong hands asks again who it is, once a login is a while ago; and it is this that does.
#[actix_web::test]
async fn what_does_harm_asks_again_who_it_is() {
    let hub = TestHub::start().await;
    let mut owner = hub.person("owner@school.example", None).await;
    let mut admin = hub.person("admin@hub.example", Some(Role::Admin)).await;
    hub.clock.advance(Duration::from_secs(16 * 60));
    let things = Things::made(&hub).await;
    let mut asking = Vec::new();
    for row in routes::page_rows().iter().filter(|row| matches!(row.who, Who::AccountSure | Who::StaffSure(_))) {
        assert_eq!(row.method, Method::POST, "{}: only a form can be kept", row.path);
        let browser = if row.who == Who::AccountSure { &mut owner } else { &mut admin };
        let answer = browser.post(&things.filled(row).0, &FIELDS).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", row.path);
        assert!(answer.body.contains("<h1>Confirm that it is you</h1>"), "{}: {}", row.path, answer.body);
        asking.push(row.path);
    }
    insta::assert_snapshot!(asking.join("\n"));
}

/// The program's rows by their scopes, read from its text: a table that nobody walks would be a hole in these tests.
#[test]
fn each_table_of_routes_is_walked_by_a_test() {
    let text = include_str!("../../src/routes.rs");
    let tables: Vec<&str> = text.match_indices("\nrows! { ").map(|(at, head)| text[at + head.len()..].split(',').next().unwrap()).collect();
    let walked =
        ["page_rows", "hub_rows", "check_rows", "accesskey_rows", "token_rows", "push_rows", "v2_rows", "api_rows", "operator_rows"];
    assert_eq!(tables, walked);
    // Nothing is served but what stands in a table.
    let served = text.matches(".route(").count() + text.matches("web::resource(").count();
    assert_eq!(served, 2, "a route beside the tables");
}

#[actix_web::test]
async fn what_anybody_may_call_is_what_is_meant_for_anybody() {
    let open: Vec<String> =
        [routes::check_rows(), routes::operator_rows()].concat().iter().map(|row| format!("{:?} {}", row.who, row.path)).collect();
    assert!(open.iter().all(|row| row.starts_with("Anyone ")), "{open:?}");
    let hub = TestHub::start().await;
    for row in routes::operator_rows().iter().filter(|row| !row.path.contains('{')) {
        assert_eq!(hub.send(row.method.clone(), row.path, &[], "").await.status, StatusCode::OK, "{}", row.path);
    }
}

#[actix_web::test]
async fn the_native_api_wants_a_key_and_shows_nobody_what_is_anothers() {
    let hub = TestHub::start().await;
    let other = hub.site("other@school.example", true).await;
    for row in routes::api_rows() {
        let things = Things::made(&hub).await;
        let (path, _) = things.filled(&row);
        let path = format!("/api/v1{path}");
        let told = format!("{} {}", row.method, row.path);
        let nobody = hub.send(row.method.clone(), &path, &[("Content-Type", "application/json")], "{}").await;
        if row.who == Who::Anyone {
            assert_eq!(row.path, "/leaked-keys");
            continue;
        }
        assert_eq!(row.who, Who::Key, "{told}");
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{told}");
        if row.path.contains('{') {
            let body = if row.method == Method::PATCH { r#"{"name": "x"}"# } else { "{}" };
            let headers = [("X-AN-APP-KEY", other.key.as_str()), ("X-AN-APP-NAME", APP), ("Content-Type", "application/json")];
            let theirs = hub.send(row.method.clone(), &path, &headers, body).await;
            assert_eq!(theirs.status, StatusCode::NOT_FOUND, "{told}: {theirs:?}");
        }
    }
}

fn filled(row: &Row) -> String {
    row.path.split('/').map(|part| if part.starts_with('{') { NOWHERE } else { part }).collect::<Vec<_>>().join("/")
}

#[actix_web::test]
async fn each_keyed_route_wants_a_key() {
    let hub = TestHub::start().await;
    let rows = [
        ("/tokens", routes::token_rows()),
        ("/api/v2", routes::v2_rows()),
        ("/accesskeys", routes::accesskey_rows()),
        ("", routes::push_rows()),
    ];
    for (scope, row) in rows.iter().flat_map(|(scope, rows)| rows.iter().map(move |row| (scope, row))) {
        assert_eq!(row.who, Who::Key, "{}", row.path);
        let body = r#"{"token":"t"}"#;
        let answer = hub.send(row.method.clone(), &format!("{scope}{}", filled(row)), &[("X-AN-APP-NAME", APP)], body).await;
        assert_eq!(answer.said(), "400 app_key_required", "{} {scope}{}", row.method, row.path);
    }
}

#[actix_web::test]
async fn the_web_service_tells_whoever_has_no_token_in_moodles_own_words() {
    let hub = TestHub::start().await;
    for row in routes::hub_rows().into_iter().filter(|row| row.path != "/download.php") {
        assert_eq!(row.who, Who::Moodle);
        let path = format!("/local/hub/webservice{}?wsfunction=hub_update_site_info&moodlewsrestformat=json", row.path);
        let answer = hub.send(row.method.clone(), &path, &[], "").await;
        assert_eq!((answer.status, answer.json()["errorcode"].as_str()), (StatusCode::OK, Some("invalidtoken")), "{answer:?}");
    }
}
