//! Pushes through an AirNotifier: a stand-in that answers as a real one was seen to.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::Value;

use crate::support::TestHub;

/// A request as the stand-in got it: headers and body.
type Seen = (Vec<(String, String)>, Value);

/// What the stand-in answers, and what it has seen.
#[derive(Default)]
struct Standin {
    answer: Mutex<(u16, &'static str)>,
    hang: Mutex<bool>,
    seen: Mutex<Vec<Seen>>,
}

async fn push(standin: Data<Standin>, req: HttpRequest, body: Bytes) -> HttpResponse {
    let headers = req.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap_or_default().to_owned())).collect();
    standin.seen.lock().unwrap().push((headers, serde_json::from_slice(&body).unwrap()));
    let hang = *standin.hang.lock().unwrap();
    if hang {
        std::future::pending::<()>().await;
    }
    let (status, body) = *standin.answer.lock().unwrap();
    HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap()).content_type("application/json").body(body)
}

async fn start(answer: (u16, &'static str)) -> (Data<Standin>, String) {
    let standin = Data::new(Standin { answer: Mutex::new(answer), ..Standin::default() });
    let shared = standin.clone();
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).route("/api/v2/push", web::post().to(push)))
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .bind("127.0.0.1:0")
        .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    (standin, url)
}

async fn hub(url: &str) -> TestHub {
    TestHub::with(&[
        ("BELFRY_APPS__COMMOODLEMOODLEMOBILE__GATEWAY", "airnotifier"),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__URL", url),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__ACCESS_KEY", "the-hubs-master-key"),
    ])
    .await
}

const FCM: &str = r#"{"error": "error response from fcm"}"#;
const TOKEN: &str = "fcm-token:0123456789_abcdef";

#[actix_web::test]
async fn the_backend_gets_json_with_the_hubs_key_and_no_processor() {
    let (standin, url) = start((202, "")).await;
    let hub = hub(&url).await;
    let site = hub.active_site().await;
    assert_eq!(site.push(TOKEN).await.said(), "202");
    let seen = standin.seen.lock().unwrap();
    let (headers, body) = &seen[0];
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("x-an-app-key"), Some("the-hubs-master-key"));
    assert_eq!(header("x-an-app-name"), Some("commoodlemoodlemobile"));
    insta::assert_json_snapshot!(body);
}

/// What a site hears of each answer, and what newer Moodle does then: 404 `Unregistered token` deletes the user's device.
#[actix_web::test]
async fn only_a_sure_word_of_the_gateway_costs_a_device() {
    let (standin, url) = start((202, "")).await;
    let hub = hub(&url).await;
    let site = hub.active_site().await;
    let rows = [
        ((202, ""), "202"),
        ((400, FCM), "400 gateway_rejected"),
        ((400, r#"{"error": "Invalid access key"}"#), "503 gateway_unavailable"),
        ((403, FCM), "503 gateway_unavailable"),
        ((404, "<html>not found</html>"), "503 gateway_unavailable"),
        ((429, FCM), "503 gateway_unavailable"),
        ((500, r#"{"error": "'NoneType' object has no attribute 'body'"}"#), "503 gateway_unavailable"),
        ((503, FCM), "503 gateway_unavailable"),
        ((404, FCM), "404 unregistered_token"),
    ];
    for (answer, wanted) in rows {
        *standin.answer.lock().unwrap() = answer;
        let said = site.push(TOKEN).await;
        assert_eq!(said.said(), wanted, "{answer:?}");
        if said.status.as_u16() == 503 {
            assert!(said.headers.contains_key("retry-after"));
        }
    }
    // From now on it is known, and the gateway is not asked again.
    *standin.answer.lock().unwrap() = (202, "");
    let asked = standin.seen.lock().unwrap().len();
    let again = site.push(TOKEN).await;
    assert_eq!((again.said().as_str(), again.json()["error"].as_str()), ("404 unregistered_token", Some("Unregistered token")));
    assert_eq!(standin.seen.lock().unwrap().len(), asked);
    // The app registers again, and the device lives.
    assert_eq!(site.enrol(TOKEN).await.body, r#"{"status":"token exists"}"#);
    assert_eq!(site.push(TOKEN).await.said(), "202");
}

/// Moodle hangs up after two seconds: the hub answers before, whatever the gateway does.
#[actix_web::test]
async fn a_gateway_that_hangs_or_is_dead_is_answered_in_time() {
    let (standin, url) = start((202, "")).await;
    let hub = hub(&url).await;
    let site = hub.active_site().await;
    assert_eq!(site.push(TOKEN).await.said(), "202");
    *standin.hang.lock().unwrap() = true;
    let started = Instant::now();
    let slow = site.push(TOKEN).await;
    assert_eq!(slow.said(), "503 gateway_timeout");
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());

    let dead = self::hub("http://127.0.0.1:9").await;
    let site = dead.active_site().await;
    let started = Instant::now();
    let refused = site.push(TOKEN).await;
    assert_eq!(refused.said(), "503 gateway_unavailable");
    assert!(refused.headers.contains_key("retry-after") && started.elapsed() < Duration::from_millis(1_500));
}

/// One process of a backend gets no more than it may at once, even when those who asked have given up.
#[actix_web::test]
async fn what_is_in_flight_is_bounded() {
    let (standin, url) = start((202, "")).await;
    *standin.hang.lock().unwrap() = true;
    let hub = hub(&url).await;
    let site = hub.active_site().await;
    for round in 0..2 {
        let pushes = (0..15).map(|n| {
            let site = &site;
            async move { site.push(&format!("fcm-token-0123456789-{round}-{n}")).await.said() }
        });
        let said = futures_util::future::join_all(pushes).await;
        let slow = said.iter().filter(|said| *said == "503 gateway_timeout").count();
        let busy = said.iter().filter(|said| *said == "503 busy").count();
        // What AirNotifier was sent it goes on with, for up to twenty seconds.
        assert_eq!((slow, busy), if round == 0 { (10, 5) } else { (0, 15) }, "{said:?}");
        assert_eq!(standin.seen.lock().unwrap().len(), 10);
    }
}

/// A process that is down costs no push while another one is up.
#[actix_web::test]
async fn another_backend_is_asked_when_one_cannot_be_reached() {
    let (standin, url) = start((202, "")).await;
    let hub = hub(&format!("http://127.0.0.1:9, {url}, http://127.0.0.1:11")).await;
    let site = hub.active_site().await;
    for n in 0..6 {
        assert_eq!(site.push(&format!("fcm-token-0123456789-{n}")).await.said(), "202");
    }
    assert_eq!(standin.seen.lock().unwrap().len(), 6);
}

/// A Firebase project that is the wrong one says of every token that it is gone: few are believed before one was accepted.
#[actix_web::test]
async fn an_app_that_nothing_was_accepted_for_loses_few_devices() {
    let (standin, url) = start((404, FCM)).await;
    let hub = hub(&url).await;
    let site = hub.active_site().await;
    let mut gone = 0;
    for n in 0..10 {
        match site.push(&format!("fcm-token-0123456789-{n}")).await.said().as_str() {
            "404 unregistered_token" => gone += 1,
            other => assert_eq!(other, "503 gateway_unavailable"),
        }
    }
    assert_eq!(gone, 3);
    *standin.answer.lock().unwrap() = (202, "");
    assert_eq!(site.push("fcm-token-0123456789-9").await.said(), "202", "it was not marked");
}

/// A token of APNs itself goes to APNs (`wire/airnotifier-server.md` 4.1 and 10).
#[actix_web::test]
async fn a_token_of_apns_goes_out_as_one() {
    let (standin, url) = start((202, "")).await;
    let hub = hub(&url).await;
    let site = hub.active_site().await;
    let token = "0123456789abcdef".repeat(4);
    let body = crate::support::moodle_push(&token).replace("Android-fcm", "iOS");
    assert_eq!(site.call(actix_web::http::Method::POST, "/api/v2/push", body).await.said(), "202");
    let seen = standin.seen.lock().unwrap();
    insta::assert_json_snapshot!(seen[0].1);
}
