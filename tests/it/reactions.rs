//! What Moodle makes of an answer that says no (`wire/moodle-client.md` 0.5, 2.4 to 2.7, 3.2, 4): each error has a test that is
//! named after the reaction that it protects.

use std::time::Duration;

use actix_web::http::Method;
use belfry::db::Fault;
use belfry::moodle::EXCEPTIONS;
use belfry::secret::{hmac_sha256_hex, md5_hex};
use diesel::connection::SimpleConnection;
use serde_json::Value;

use crate::stock::{FORM, Moodle};
use crate::support::{Answer, TestHub, postgres};

/// By number, so that no name is looked up for a call.
const URL: &str = "https://192.0.2.10";
const SECRET: &str = "IuMwWuzf04zuDh0F4sxdAbeeyGI65pii192.0.2.1020261123022837";
const OTHER_SECRET: &str = "SxMwWuzf04zuDh0F4sxdAbeeyGI65piIother.example20261123022837";
const WEB_SERVICE: &str = "/local/hub/webservice/webservices.php";

/// Which test provokes an exception.
const TESTS: [(&str, &str); 11] = [
    ("invalidtoken", "an_unknown_token_makes_moodle_forget_its_registration_whatever_it_asks"),
    ("invalidparameter", "an_admin_reads_which_field_is_wrong_and_the_registration_stays"),
    ("accessexception", "a_function_that_is_not_there_costs_nobody_a_registration"),
    ("nocourses", "old_moodles_read_that_there_are_no_courses_and_stay_registered"),
    ("siteheld", "a_held_newcomer_reads_who_decides_and_keeps_its_registration"),
    ("siteelsewhere", "a_copy_reads_what_to_do_and_both_sites_keep_their_registration"),
    ("sitesuspended", "a_suspended_site_reads_why_and_keeps_its_registration"),
    ("invalidsignature", "a_wrong_or_late_signature_is_told_and_the_registration_stays"),
    ("toooften", "who_tells_too_often_tries_again_later_and_stays_registered"),
    ("hubunavailable", "a_hub_that_can_write_nothing_says_so_and_the_registration_stays"),
    ("huberror", "what_must_not_happen_is_told_by_a_number_and_the_registration_stays"),
];

/// Whether Moodle deletes its registration upon an answer. Its status is not looked at.
fn forgets(exception: &Value, errorcode: &Value) -> bool {
    exception == "registration_exception" || (exception == "moodle_exception" && errorcode == "invalidtoken")
}

fn makes_moodle_forget(answer: &Answer) -> bool {
    let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    forgets(&json["exception"], &json["errorcode"])
}

/// An answer is the exception with this code, as the table has it. Gives its message, which Moodle shows to the admin, and goes
/// on behind with a full stop of its own (2.7).
fn told(answer: &Answer, errorcode: &str) -> String {
    let row = EXCEPTIONS.iter().find(|row| row.errorcode == errorcode).unwrap_or_else(|| panic!("no row says {errorcode}"));
    let reaction = row.reaction;
    // Any other status is no connection to Moodle, and its newest version takes what is no JSON for a failure.
    assert_eq!(answer.status.as_u16(), 200, "{reaction}: {answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8", "{reaction}: {answer:?}");
    let json = answer.json();
    let said = (json["exception"].as_str(), json["errorcode"].as_str());
    assert_eq!(said, (Some(row.exception), Some(row.errorcode)), "{reaction}: {json}");
    let message = json["message"].as_str().unwrap_or_default();
    assert!(!message.is_empty() && !message.ends_with('.'), "{reaction}: {json}");
    message.to_owned()
}

/// The Moodle goes on as it was.
async fn stays_registered(moodle: &mut Moodle<'_>) {
    assert_eq!(moodle.is_registered().await.body, "true");
    assert_eq!(moodle.update(&[]).await.body, "true");
}

#[test]
fn each_exception_has_its_test_and_names_its_reaction() {
    let tests = include_str!("reactions.rs");
    for row in EXCEPTIONS {
        let test = TESTS.iter().find(|(code, _)| *code == row.errorcode).unwrap_or_else(|| panic!("{} has no test", row.errorcode)).1;
        assert!(tests.contains(&format!("fn {test}()")), "{test}");
        let stays = row.reaction.starts_with("the registration stays");
        assert_ne!(stays, forgets(&row.exception.into(), &row.errorcode.into()), "{}: {}", row.errorcode, row.reaction);
    }
    assert_eq!(EXCEPTIONS.len(), TESTS.len());
}

#[actix_web::test]
async fn an_unknown_token_makes_moodle_forget_its_registration_whatever_it_asks() {
    let hub = TestHub::start().await;
    let mut known = Moodle::registered(&hub, URL, SECRET).await;
    let stranger = Moodle::new(&hub, URL, SECRET);
    for token in ["", "publichub", "9X2juwyUwiD1fi8rBx6NRFl65mEOOgYy"] {
        let mut stranger = Moodle::new(&hub, URL, SECRET);
        stranger.token = token.to_owned();
        told(&stranger.update(&[]).await, "invalidtoken");
        told(&stranger.is_registered().await, "invalidtoken");
        told(&stranger.call("hub_unregister_site", &[("url[0]", URL)]).await, "invalidtoken");
    }
    // What unregistered sites may ask is no matter of tokens.
    assert_eq!(stranger.call("hub_get_info", &[]).await.json()["name"], "Belfry");
    stays_registered(&mut known).await;
    // It has left: its next call tells it so, if it has forgotten (hub-protocol.md 5.2).
    assert_eq!(known.call("hub_unregister_site", &[("url[0]", URL)]).await.body, "true");
    told(&known.update(&[]).await, "invalidtoken");
}

/// 0.5: these two make Moodle forget, with nobody watching; a weekly task would undo registrations by the hundred.
#[actix_web::test]
async fn nothing_but_an_unknown_token_makes_moodle_forget_its_registration() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    let forms = [
        "",
        "siteinfo=text",
        "siteinfo[users]=many",
        "siteinfo[users]=1&siteinfo[users]=2",
        "siteinfo[users][x]=1",
        "siteinfo[url]=nonsense",
        "siteinfo[url]=ftp://192.0.2.10",
        "siteinfo[pluginusage]={",
        "siteinfo[name]=%00%FF",
        "siteurl=nonsense&sitesecret=",
        "siteurl[x]=1&sitesecret[x]=1",
        "url=text",
        "url[0]=nonsense",
        "wstoken=again",
        "wsfunction=again",
        "a[b[c]]=1",
        "=1",
        "siteinfo[name]=x&timestamp=now&signature=none",
    ];
    for function in ["hub_update_site_info", "hub_site_is_registered", "hub_unregister_site", "hub_get_info", "hub_get_courses", "x", ""] {
        for form in forms {
            if function == "hub_unregister_site" && !form.starts_with("url") {
                // It would leave.
                continue;
            }
            let answer = moodle.post_raw(function, form).await;
            assert_eq!(answer.status.as_u16(), 200, "{function} {form}: {answer:?}");
            assert!(!answer.body.is_empty() && !makes_moodle_forget(&answer), "{function} {form}: {answer:?}");
        }
    }
    let body = format!("wstoken={}&wsfunction=hub_update_site_info&siteinfo[name]=School", moodle.token);
    for (method, path) in [(Method::PUT, WEB_SERVICE), (Method::DELETE, WEB_SERVICE), (Method::POST, "/local/hub/webservice/xmlrpc.php")] {
        let answer = hub.send(method.clone(), path, &[FORM], body.clone()).await;
        assert_eq!(answer.status.as_u16(), 200, "{method} {path}: {answer:?}");
        assert!(!makes_moodle_forget(&answer), "{method} {path}: {answer:?}");
    }
    stays_registered(&mut moodle).await;
}

#[actix_web::test]
async fn an_admin_reads_which_field_is_wrong_and_the_registration_stays() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    let message = told(&moodle.update(&[("siteinfo[users]", "many")]).await, "invalidparameter");
    assert!(message.contains("users: "), "{message}");
    told(&moodle.call("hub_update_site_info", &[]).await, "invalidparameter");
    told(&moodle.call("", &[]).await, "invalidparameter");
    stays_registered(&mut moodle).await;
}

#[actix_web::test]
async fn a_function_that_is_not_there_costs_nobody_a_registration() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    told(&moodle.call("hub_of_tomorrow", &[]).await, "accessexception");
    // Nor who asks for it by a token that is none.
    told(&Moodle::new(&hub, URL, SECRET).call("hub_of_tomorrow", &[]).await, "accessexception");
    stays_registered(&mut moodle).await;
}

#[actix_web::test]
async fn old_moodles_read_that_there_are_no_courses_and_stay_registered() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    for function in ["hub_get_courses", "hub_register_courses", "hub_unregister_courses"] {
        told(&moodle.call(function, &[]).await, "nocourses");
        // Up to 3.7 they asked by GET.
        let path = format!("{WEB_SERVICE}?wstoken={}&wsfunction={function}&moodlewsrestformat=json", moodle.token);
        told(&hub.send(Method::GET, &path, &[], "").await, "nocourses");
    }
    stays_registered(&mut moodle).await;
}

#[actix_web::test]
async fn a_held_newcomer_reads_who_decides_and_keeps_its_registration() {
    let hub = TestHub::start().await;
    let mut known = Moodle::registered(&hub, URL, SECRET).await;
    let mut newcomer = Moodle::new(&hub, URL, OTHER_SECRET);
    newcomer.register().await;
    for _ in 0..2 {
        let message = told(&newcomer.update(&[]).await, "siteheld");
        assert!(message.contains("they or the hub's team decide"), "{message}");
    }
    // 0.4: its registration page still opens.
    assert_eq!(newcomer.is_registered().await.body, "true");
    stays_registered(&mut known).await;
}

#[actix_web::test]
async fn a_copy_reads_what_to_do_and_both_sites_keep_their_registration() {
    let hub = TestHub::start().await;
    let mut site = Moodle::registered(&hub, URL, SECRET).await;
    let mut copy = site.copied_to("https://192.0.2.11");
    for _ in 0..2 {
        let message = told(&copy.update(&[]).await, "siteelsewhere");
        assert!(message.contains(URL) && message.contains("press Unregister here"), "{message}");
    }
    // Its page offers to register, and opens.
    assert_eq!(copy.is_registered().await.body, "false");
    stays_registered(&mut site).await;
}

#[actix_web::test]
async fn a_suspended_site_reads_why_and_keeps_its_registration() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    hub.suspend(moodle.site().await.id).await;
    for _ in 0..2 {
        let message = told(&moodle.update(&[]).await, "sitesuspended");
        assert!(message.contains("Floods one phone"), "{message}");
    }
    assert_eq!(moodle.is_registered().await.body, "true");
}

#[actix_web::test]
async fn a_wrong_or_late_signature_is_told_and_the_registration_stays() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    let now = hub.clock.now().seconds();
    // 2.5: the key is the digits of the md5, not its bytes.
    let key = md5_hex(SECRET.as_bytes());
    let sign = |at: i64| (at.to_string(), hmac_sha256_hex(key.as_bytes(), format!("{URL}|{at}").as_bytes()));
    let (at, signature) = sign(now);
    assert_eq!(moodle.update(&[("timestamp", &at), ("signature", &signature)]).await.body, "true");
    let later = (now + 1).to_string();
    told(&moodle.update(&[("timestamp", &later), ("signature", &signature)]).await, "invalidsignature");
    told(&moodle.update(&[("timestamp", &at)]).await, "invalidsignature");
    let (at, signature) = sign(now - 1_000);
    let message = told(&moodle.update(&[("timestamp", &at), ("signature", &signature)]).await, "invalidsignature");
    assert!(message.contains("set the clock of your server"), "{message}");
    // Without one, as from a Moodle before 5.1.7, it is taken.
    stays_registered(&mut moodle).await;
}

#[actix_web::test]
async fn who_tells_too_often_tries_again_later_and_stays_registered() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    let mut answer = moodle.update(&[]).await;
    for _ in 0..100 {
        if answer.body != "true" {
            break;
        }
        answer = moodle.update(&[]).await;
    }
    told(&answer, "toooften");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    assert_eq!(moodle.is_registered().await.body, "true");
    hub.clock.advance(Duration::from_secs(3_600));
    stays_registered(&mut moodle).await;
}

#[actix_web::test]
async fn a_hub_that_can_write_nothing_says_so_and_the_registration_stays() {
    if postgres().is_some() {
        return; // The test fills SQLite's file.
    }
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    let limit = |pages: i64| {
        hub.hub.db.write(move |tx| {
            // Lower than what is used already means: not one page more.
            Ok::<_, Fault>(tx.conn().batch_execute(&format!("PRAGMA max_page_count = {pages}"))?)
        })
    };
    limit(1).await.unwrap();
    // More than any page that is in use has room for.
    let all: Vec<String> = (0..5_000).map(|n| format!(r#""plugin{n}":{{"enabled":1,"count":{n}}}"#)).collect();
    let usage = format!(r#"{{"mod":{{{}}}}}"#, all.join(","));
    let answer = moodle.update(&[("siteinfo[pluginusage]", &usage)]).await;
    told(&answer, "hubunavailable");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    assert_eq!(moodle.is_registered().await.body, "true", "it can still be read");
    limit(1_000_000).await.unwrap();
    assert_eq!(moodle.update(&[("siteinfo[pluginusage]", &usage)]).await.body, "true");
    stays_registered(&mut moodle).await;
}

/// 3.2: whatever the status, Moodle stores what it finds under `accesskey`, in the place of the key that it had.
#[actix_web::test]
async fn a_refused_request_for_a_key_leaves_the_one_that_moodle_has() {
    let hub = TestHub::start().await;
    let moodle = Moodle::registered(&hub, URL, SECRET).await;
    let mut held = Moodle::new(&hub, URL, OTHER_SECRET);
    held.register().await;
    let strangers = [(Moodle::new(&hub, URL, ""), "403 site_not_registered"), (held, "403 site_held")];
    for (stranger, wanted) in &strangers {
        let refused = stranger.access_key().await;
        assert_eq!(refused.said(), *wanted);
        assert!(refused.json()["accesskey"].is_null(), "{refused:?}");
    }
    hub.suspend(moodle.site().await.id).await;
    let refused = moodle.access_key().await;
    assert_eq!(refused.said(), "403 site_suspended");
    assert!(refused.json()["accesskey"].is_null(), "{refused:?}");
}

/// 4: by the words `ok` and `token exists` under `status` alone, whatever the HTTP status, Moodle takes a device for enrolled.
#[actix_web::test]
async fn a_refused_enrolment_is_not_taken_for_one() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let token = "fcm:APA91b-0123456789";
    let wrong = site.call_with("wrong", Method::POST, &format!("/tokens/{token}"), "").await;
    let short = site.call(Method::POST, "/tokens/short?device=ios", "").await;
    hub.suspend(site.id).await;
    let suspended = site.enrol(token).await;
    for (answer, said) in [(wrong, "400 malformed_key"), (short, "400 invalid_token"), (suspended, "403 site_suspended")] {
        assert_eq!(answer.said(), said);
        assert!(answer.json()["status"].is_null(), "{answer:?}");
    }
}

/// A bug, or a database that somebody has changed by hand.
#[actix_web::test]
async fn what_must_not_happen_is_told_by_a_number_and_the_registration_stays() {
    let hub = TestHub::start().await;
    let mut moodle = Moodle::registered(&hub, URL, SECRET).await;
    let rename = |sql: &'static str| hub.hub.db.write(move |tx| Ok::<_, Fault>(tx.conn().batch_execute(sql)?));
    rename("ALTER TABLE site_reports RENAME TO mislaid").await.unwrap();
    let message = told(&moodle.update(&[]).await, "huberror");
    assert!(!message.contains("site_reports"), "{message}");
    rename("ALTER TABLE mislaid RENAME TO site_reports").await.unwrap();
    stays_registered(&mut moodle).await;
}
