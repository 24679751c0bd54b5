//! The program itself, as several processes on one database: what one revokes, another refuses.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::http::Method;
use belfry::audit::Actor;
use belfry::broadcasts::{self, BroadcastState};
use belfry::ids::{KeyId, SiteId};
use belfry::keys::{self, KeyKind};

use crate::broadcasts::{phones, through};
use crate::support::{APP, TestHub, moodle_push};

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn until<F: Future<Output = bool>>(what: &str, within: Duration, mut is: impl FnMut() -> F) -> Duration {
    let started = Instant::now();
    while !is().await {
        assert!(started.elapsed() < within, "{what} within {within:?}");
        actix_web::rt::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

/// A hub of its own process.
struct Node {
    base: String,
    http: awc::Client,
    _process: Process,
}

impl Node {
    async fn start(database: &str, more: &[(&str, &str)]) -> Self {
        let bind = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
        command.env("BELFRY_SERVER__BIND", &bind).env("BELFRY_SERVER__WORKERS", "1").env("BELFRY_DATABASE__URL", database);
        command.envs(more.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process(command.spawn().unwrap());
        let node = Self { base: format!("http://{bind}"), http: awc::Client::default(), _process: process };
        let ready =
            || async { node.http.get(format!("{}/readyz", node.base)).send().await.is_ok_and(|answer| answer.status().is_success()) };
        until("a node is ready", Duration::from_secs(20), ready).await;
        node
    }

    async fn send(&self, method: Method, path: &str, key: &str, body: String) -> (u16, String) {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.insert_header(("X-AN-APP-NAME", APP)).insert_header(("X-AN-APP-KEY", key));
        let mut answer = request.send_body(body).await.unwrap();
        let body = answer.body().await.unwrap();
        (answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned())
    }

    /// Moodle's check of its key, which costs no push.
    async fn check(&self, key: &str) -> (u16, String) {
        self.send(Method::POST, "/tokens/testtoken", key, String::new()).await
    }

    async fn push(&self, key: &str) -> (u16, String) {
        self.send(Method::POST, "/api/v2/push", key, moodle_push("fcm:APA91b-0123456789")).await
    }
}

/// Revokes on one process by the native API; gives how long the other one still took the key.
async fn revoked_elsewhere(more: &[(&str, &str)]) -> Duration {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let (id, key) = hub.key(site.id, KeyKind::Site).await;
    let database = hub.database_url();
    let (one, two) = (Node::start(&database, more).await, Node::start(&database, more).await);
    for node in [&one, &two] {
        assert_eq!(node.push(&key).await.0, 202);
    }
    assert_eq!(one.send(Method::DELETE, &format!("/api/v1/keys/{id}"), &site.key, String::new()).await.0, 204);
    let refused = |(status, body): (u16, String)| status == 400 && body.contains("key_revoked");
    assert!(refused(one.check(&key).await), "not at once where it was revoked");
    let took = until("the other process refuses it", Duration::from_secs(1), || async { refused(two.check(&key).await) }).await;
    assert!(refused(two.push(&key).await));
    assert_eq!(two.push(&site.key).await.0, 202);
    took
}

#[actix_web::test]
async fn what_one_process_revokes_another_one_refuses_within_a_second() {
    revoked_elsewhere(&[]).await;
}

#[actix_web::test]
async fn what_one_process_revokes_another_one_refuses_within_a_second_with_redis() {
    let mut redis = Redis::start().await;
    let doctor = |url: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("belfry.db").display());
        let said = command.env("BELFRY_DATABASE__URL", database).env("BELFRY_REDIS__URL", url).arg("doctor").output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    assert!(doctor(&redis.url).contains("ok     Redis"), "{}", doctor(&redis.url));
    revoked_elsewhere(&[("BELFRY_REDIS__URL", &redis.url)]).await;
    redis.process = None;
    assert!(doctor(&redis.url).contains("WRONG  Redis"), "{}", doctor(&redis.url));
}

/// A Redis of the test's own.
struct Redis {
    url: String,
    process: Option<Process>,
    port: u16,
}

impl Redis {
    async fn start() -> Self {
        let port = free_port();
        let mut redis = Self { url: format!("redis://127.0.0.1:{port}"), process: None, port };
        redis.run().await;
        redis
    }

    async fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(Process(started.expect("redis-server is there: tests/run installs it")));
        let port = self.port;
        until("Redis answers", Duration::from_secs(10), || async move { std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() }).await;
    }
}

/// Redis makes it sooner; while it is away nothing is lost, and it is taken up again when it is back.
#[actix_web::test]
async fn a_redis_that_comes_and_goes_costs_no_revocation() {
    let mut redis = Redis::start().await;
    let settings = [("BELFRY_REDIS__URL", redis.url.as_str())];
    let one = TestHub::with(&settings).await;
    let two = one.again(&settings).await;
    let site = one.active_site().await;
    // Something changes until the other node has heard of it.
    let heard = |at_least: u64| {
        let (one, two, site) = (&one, &two, site.id);
        async move {
            let (id, _) = one.key(site, KeyKind::Devices).await;
            revoke(one, site, id).await;
            two.hub.notices.count() >= at_least
        }
    };
    let within = Duration::from_secs(20);
    until("the other node hears of changes", within, || heard(1)).await;
    redis.process = None;
    // By the log alone.
    let elsewhere = crate::support::TestSite { hub: &two, account: site.account, id: site.id, key: site.key.clone() };
    let (id, key) = one.key(site.id, KeyKind::Site).await;
    let said = |key: String| {
        let elsewhere = &elsewhere;
        async move { elsewhere.call_with(&key, Method::POST, "/tokens/testtoken", "").await.said() }
    };
    until("the new key has arrived", Duration::from_secs(1), || async { said(key.clone()).await == "400 invalid_token" }).await;
    revoke(&one, site.id, id).await;
    until("the revocation has arrived", Duration::from_secs(1), || async { said(key.clone()).await == "400 key_revoked" }).await;
    let before = two.hub.notices.count();
    redis.run().await;
    until("the other node hears again", within, || heard(before + 1)).await;
}

async fn revoke(hub: &TestHub, site: SiteId, key: KeyId) {
    let now = hub.clock.now();
    hub.hub.db.write(move |tx| keys::revoke(tx, now, Actor::Operator, site, key, "")).await.unwrap();
}

/// By the key itself, by its id, and by its site's and its own.
#[actix_web::test]
async fn an_operator_names_a_key_in_each_way() {
    let hub = TestHub::start().await;
    let site = hub.active_site().await;
    let belfry = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
        let done = command.env("BELFRY_DATABASE__URL", hub.database_url()).args(words).output().unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap())
    };
    let (done, successor) = belfry(&["key", "rotate", &site.key, "--overlap", "1h"]);
    assert!(done && successor.trim().starts_with("belfry_s_"), "{successor}");
    let (id, _) = hub.key(site.id, KeyKind::Devices).await;
    assert!(belfry(&["key", "revoke", &id.to_string()]).0);
    let (id, _) = hub.key(site.id, KeyKind::Devices).await;
    assert!(!belfry(&["key", "revoke", &id.to_string(), &site.id.to_string()]).0);
    assert!(belfry(&["key", "revoke", &site.id.to_string(), &id.to_string()]).0);
    assert!(!belfry(&["key", "revoke", "belfry_s_nonsense"]).0);
    let (_, list) = belfry(&["key", "list", &site.id.to_string()]);
    assert_eq!(list.matches("revoked").count(), 2, "{list}");
    assert_eq!((list.matches("ending").count(), list.matches("working").count()), (1, 1), "{list}");
    let (done, document) = belfry(&["openapi"]);
    assert!(done && document.contains("\"openapi\": \"3.1"), "{done}");
}

/// kill -9 in the middle of a broadcast: another node goes on with it, and no phone rings twice.
#[actix_web::test]
async fn a_broadcast_goes_on_after_a_kill_and_no_device_gets_it_twice() {
    let (phones, url) = phones(202).await;
    // At one device a second; the process does forty.
    let hub = TestHub::with(&through(&url)).await;
    let site = hub.active_site().await;
    let mut settings = through(&url).to_vec();
    settings.retain(|(name, _)| *name != "BELFRY_LIMITS__BROADCAST_PER_SECOND");
    settings.push(("BELFRY_LIMITS__BROADCAST_PER_SECOND", "40"));
    let node = Node::start(&hub.database_url(), &settings).await;
    for number in 0..60 {
        let enrolled = node.send(Method::POST, &format!("/tokens/fcm:phone-{number:02}-0123456789"), &site.key, String::new()).await;
        assert_eq!(enrolled.0, 200, "{enrolled:?}");
    }
    let said = r#"{"alert": {"title": "School is closed", "body": "Until Monday"}}"#;
    assert_eq!(node.send(Method::POST, "/api/v2/broadcast", &site.key, said.into()).await.0, 202);
    until("some phones have rung", Duration::from_secs(20), || async { phones.tokens().len() >= 12 }).await;
    drop(node);
    let at_the_kill = phones.tokens().len();
    assert!(at_the_kill < 60, "{at_the_kill}: it was over already");
    let id = site.id;
    let last = || hub.hub.db.read(move |conn| broadcasts::page(conn, id, None, 1));
    let over = || async {
        // Its lease runs out, and its pace goes by the clock.
        hub.clock.advance(Duration::from_secs(5));
        last().await.unwrap()[0].state == BroadcastState::Done
    };
    until("the broadcast is over", Duration::from_secs(60), over).await;
    let broadcast = last().await.unwrap().remove(0);
    let tokens = phones.tokens();
    let mut once = tokens.clone();
    once.dedup();
    assert_eq!(tokens, once, "a phone has rung twice");
    // Of the few that were on their way nobody knows.
    assert_eq!((broadcast.total, broadcast.begun, broadcast.refused), (60, 60, 0));
    assert!(broadcast.unknown() <= 10 && broadcast.sent + broadcast.unknown() == 60, "{broadcast:?}");
    assert!(tokens.len() >= 50, "{}", tokens.len());
}
