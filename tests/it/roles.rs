//! Every route × every role, from the router's own rows: a route without a rule can't be added.

use actix_web::http::{Method, StatusCode};
use belfry::accounts::Role;
use belfry::routes::{self, Row};
use belfry::visit::Who;

use crate::support::TestHub;

/// Whether an answer shows that the guard let the caller in.
fn admitted(answer: &crate::support::Answer) -> bool {
    let to_login = answer.headers.get("location").is_some_and(|to| to.starts_with("/login"));
    !to_login && answer.status != StatusCode::FORBIDDEN
}

fn filled(row: &Row) -> String {
    let some_id = "0198c0de-0000-7000-8000-000000000000";
    row.path
        .replace("{slash:/?}", "")
        .split('/')
        .map(|part| if part.starts_with('{') { some_id } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[actix_web::test]
async fn each_page_lets_in_whom_its_row_says() {
    let hub = TestHub::start().await;
    let mut visitors = vec![(None, hub.browser()), (Some(None), hub.person("owner@school.example", None).await)];
    for role in [Role::Analyst, Role::Reviewer, Role::Admin] {
        visitors.push((Some(Some(role)), hub.person(&format!("{role}@hub.example"), Some(role)).await));
    }
    for row in routes::page_rows() {
        for (visitor, browser) in &mut visitors {
            // These end the session that the next rows need.
            if row.path == "/logout" || row.path.starts_with("/password") || row.path == "/login" {
                continue;
            }
            let answer = if row.method == Method::GET { browser.get(&filled(&row)).await } else { browser.post(&filled(&row), &[]).await };
            let may = match row.who {
                Who::Anyone | Who::Foreign => true,
                Who::Account | Who::AccountSure => visitor.is_some(),
                Who::Staff(needed) | Who::StaffSure(needed) => visitor.flatten().is_some_and(|role| role.may(needed)),
                Who::Key | Who::Moodle => false,
            };
            assert_eq!(admitted(&answer), may, "{} {} by {visitor:?}: {}", row.method, row.path, answer.status);
            assert!(answer.status.as_u16() < 500, "{} {}: {}", row.method, row.path, answer.status);
        }
    }
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
        let answer =
            hub.send(row.method.clone(), &format!("{scope}{}", filled(row)), &[("X-AN-APP-NAME", crate::support::APP)], body).await;
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
