//! What stock Moodles and AirNotifiers were seen to say to each other (`tests/transcripts`, copied from `../shared/wire`), said
//! to this hub: request by request, in their order. Another version of either comes as other transcripts, and shows here.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use actix_web::http::Method;
use belfry::keys::{KeyKind, PlainKey};
use serde_json::Value;

use crate::stock::Moodle;
use crate::support::{Answer, TestHub};

/// A transcript holds more than a hub takes of one site or from one address.
const LIMITS: [(&str, &str); 5] = [
    ("BELFRY_LIMITS__ACCESSKEYS_PER_SITE_PER_HOUR", "100000"),
    ("BELFRY_LIMITS__ACCESSKEYS_PER_ADDRESS_PER_HOUR", "100000"),
    ("BELFRY_LIMITS__ENROL_BURST", "100000"),
    ("BELFRY_LIMITS__PUSH_BURST", "100000"),
    ("BELFRY_LIMITS__PUSH_PER_DEVICE_PER_MINUTE", "100000"),
];
/// Rates that no setting raises are whole again after it.
const HOUR: Duration = Duration::from_secs(3_600);
/// What belongs to the recorded connection and not to the request.
const OF_THE_CONNECTION: [&str; 4] = ["Host", "Connection", "Content-Length", "Accept-Encoding"];
/// Through a proxy that nobody has named: the call proves nothing, so that no name is looked up for it.
const FROM_ELSEWHERE: (&str, &str) = ("X-Forwarded-For", "203.0.113.9");
const JSON: &str = "application/json; charset=utf-8";

/// The files of a folder by name, with their exchanges.
fn transcripts(folder: &str) -> Vec<(String, Vec<Value>)> {
    let folder = format!("{}/tests/transcripts/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap())
    });
    let mut files: Vec<(String, Vec<Value>)> = files.collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// A request as it was recorded.
struct Recorded {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Recorded {
    fn read(request: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let recorded = request["headers"].as_object().unwrap().iter();
        let kept = recorded.filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
        let mut headers: Vec<(String, String)> = kept.map(|(name, value)| (name.clone(), text(value))).collect();
        headers.push((FROM_ELSEWHERE.0.to_owned(), FROM_ELSEWHERE.1.to_owned()));
        let method: Method = text(&request["method"]).parse().unwrap();
        Self { method, path: text(&request["path"]), headers, body: text(&request["body"]) }
    }

    /// Puts another access key in the place of the recorded one.
    fn with_key(&mut self, other: impl Fn(&str) -> String) {
        for (name, value) in &mut self.headers {
            if name.eq_ignore_ascii_case("X-AN-APP-KEY") {
                *value = other(value);
            }
        }
    }

    /// A field of the form in the query or in the body.
    fn field(&self, name: &str) -> Option<String> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let mut fields = url::form_urlencoded::parse(query.as_bytes()).chain(url::form_urlencoded::parse(self.body.as_bytes()));
        fields.find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
    }

    async fn send(&self, hub: &TestHub) -> Answer {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        hub.send(self.method.clone(), &self.path, &headers, self.body.clone()).await
    }
}

fn content_type(answer: &Answer) -> &str {
    answer.headers.get("content-type").map_or("", String::as_str)
}

/// An access key that Moodle can store: its form keeps letters, digits, `_` and `-` (`wire/moodle-client.md` 1.1).
fn is_key(value: &Value) -> bool {
    let random = value.as_str().and_then(|key| key.strip_prefix("belfry_s_")).unwrap_or_default();
    !random.is_empty() && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What a right hub answers to a Moodle.
#[derive(Clone, Copy, Debug)]
enum Right {
    /// The page's one button leads back to the site, with a token that works at once: an update with it is answered by `true`,
    /// or by an exception with this code.
    WayBack(&'static str),
    /// 200, JSON, and exactly this.
    Bare(&'static str),
    /// 200 and the map of `hub_get_info`.
    Info,
    /// 200 and this exception: class and code.
    Exception(&'static str, &'static str),
    Key,
    /// Status and code, and no key.
    Said(&'static str),
    /// 400 and these words, which the check page shows in its own way.
    Checked(&'static str),
    Enrolled,
    Pushed,
}

const UNKNOWN_TOKEN: Right = Right::Exception("moodle_exception", "invalidtoken");
const AFTER_RENEWAL: &str = "registering after a renewal and after removing Moodle's bootstrap cache file: the new identifier";

/// Exchanges that are answered otherwise than their operation is in general: file, case, operation, answer, and why.
/// Sections are those of `wire/moodle-client.md`.
const PARTICULAR: &[(&str, &str, &str, Right, &str)] = &[
    (
        "accesskey.json",
        "a site that is not registered asks for a key from a server of its own",
        "accesskeys",
        Right::Said("403 site_not_registered"),
        "3.1: known by nothing that was registered here",
    ),
    (
        "accesskey.json",
        "notification server set with a trailing slash: the port ends up in the path",
        "other",
        Right::Said("404 slash_in_url"),
        "1.1: a 404 in any case; the words are for whoever debugs",
    ),
    (
        "checkconfiguration.json",
        "a key that the server refuses",
        "tokens",
        Right::Checked("Invalid access key"),
        "6: the only words that are shown in red",
    ),
    (
        "confirm-variants.json",
        "no newtoken",
        "ws:hub_update_site_info",
        UNKNOWN_TOKEN,
        "2.3: Moodle has no token and says publichub, which resets nothing",
    ),
    (
        "confirm-variants.json",
        "newtoken with punctuation is cleaned to letters and digits",
        "ws:hub_update_site_info",
        UNKNOWN_TOKEN,
        "0.1: what is left of such a token no hub knows; ours has letters and digits alone",
    ),
    (
        "hub-url.json",
        "the hub's URL defined with a path",
        "siteregistration",
        Right::Said("404"),
        "server.public_url has no path: the hub stands at the root of its host",
    ),
    (
        "hub-url.json",
        "the hub's URL defined with a path",
        "ws:hub_update_site_info",
        Right::Said("404"),
        "the same; 2.5: any status but 200 keeps the registration",
    ),
    (
        "renew.json",
        AFTER_RENEWAL,
        "siteregistration",
        Right::WayBack("siteheld"),
        "hub-protocol.md 2.2: another secret at a known address waits for whoever has registered it",
    ),
    (
        "renew.json",
        AFTER_RENEWAL,
        "ws:hub_update_site_info",
        Right::Exception("moodle_exception", "siteheld"),
        "2.5: the admin reads why, and the registration stays",
    ),
];

/// What a right hub answers to an operation, by the sections of `wire/moodle-client.md`. `itself`: what the call names is what
/// is registered.
fn expected(file: &str, case: &str, operation: &str, path: &str, itself: bool) -> Right {
    let particular = PARTICULAR.iter().find(|row| (row.0, row.1, row.2) == (file, case, operation));
    if let Some((_, _, _, right, _)) = particular {
        return *right;
    }
    match operation {
        // 2.2 to 2.4.
        "siteregistration" => Right::WayBack("true"),
        // 2.5: never empty, never another status.
        "ws:hub_update_site_info" => Right::Bare("true"),
        // 0.4 and 2.7: anything but a bare boolean breaks the registration page.
        "ws:hub_site_is_registered" => Right::Bare(if itself { "true" } else { "false" }),
        // 2.7.
        "ws:hub_unregister_site" => Right::Bare("true"),
        "ws:hub_get_info" => Right::Info,
        // 6: the check page was sent on to the web service, with no function and no token; it looks at the status alone.
        "ws:?" => Right::Exception("invalid_parameter_exception", "invalidparameter"),
        // 3.2.
        "accesskeys" => Right::Key,
        // 6: green by 400 and any words but those for a bad key; without a line by anything else.
        "tokens" if path == "/tokens/testtoken" => Right::Checked("Invalid token"),
        // 4: exactly these two words mark the device as enrolled.
        "tokens" => Right::Enrolled,
        // 6.
        "root" => Right::Said("200"),
        // 5.2: up to 4.5 nobody looks; 404 with certain words would cost the user's device from 5.x on.
        "push" => Right::Pushed,
        // Where the stand-in had sent Moodle on to, and what another server is there for: 1.1 (the port in the path), 7 (the apps portal).
        "other" => Right::Said("404"),
        other => panic!("{file}, {case}: nobody has said yet what a right hub answers to {other}"),
    }
}

fn check(right: Right, answer: &Answer, at: &str) {
    let is = |status: u16| assert_eq!((answer.status.as_u16(), content_type(answer)), (status, JSON), "{at}: {answer:?}");
    match right {
        Right::WayBack(_) => unreachable!("a round trip is more than one answer"),
        Right::Bare(body) => {
            is(200);
            assert_eq!(answer.body, body, "{at}");
        }
        Right::Info => {
            is(200);
            let json = answer.json();
            assert!(json["name"].is_string() && json["url"].is_string() && json["sites"].is_u64(), "{at}: {json}");
            assert_eq!(json["courses"], 0, "{at}");
        }
        Right::Exception(exception, code) => {
            is(200);
            let json = answer.json();
            assert_eq!((json["exception"].as_str(), json["errorcode"].as_str()), (Some(exception), Some(code)), "{at}: {json}");
            assert!(json["message"].as_str().is_some_and(|message| !message.is_empty()), "{at}: {json}");
        }
        Right::Key => {
            is(200);
            assert!(is_key(&answer.json()["accesskey"]), "{at}: {answer:?}");
        }
        Right::Said(said) => {
            assert_eq!(answer.said(), said, "{at}: {answer:?}");
            // Moodle stores whatever key it reads, whatever the status (3.2).
            assert!(serde_json::from_str::<Value>(&answer.body).map_or(true, |json| json["accesskey"].is_null()), "{at}: {answer:?}");
        }
        Right::Checked(words) => {
            is(400);
            assert_eq!(answer.json()["error"], words, "{at}: {answer:?}");
        }
        Right::Enrolled => {
            is(200);
            assert!(matches!(answer.json()["status"].as_str(), Some("ok" | "token exists")), "{at}: {answer:?}");
        }
        Right::Pushed => {
            is(202);
            assert_eq!(answer.body, "", "{at}");
        }
    }
}

const SITE: &str = "http://moodle.example";
const PAGE: &str = "/local/hub/siteregistration.php";

/// The first secret in a text: 32 letters and digits, the site's host, and a date of 14 digits.
fn secret_in(text: &str) -> Option<&str> {
    const HOST: &str = "moodle.example";
    text.match_indices(HOST).find_map(|(at, _)| {
        let (begin, end) = (at.checked_sub(32)?, at + HOST.len() + 14);
        let (identifier, date) = (text.get(begin..at)?, text.get(at + HOST.len()..end)?);
        let is_one = identifier.bytes().all(|byte| byte.is_ascii_alphanumeric()) && date.bytes().all(|byte| byte.is_ascii_digit());
        is_one.then_some(text.get(begin..end)?)
    })
}

/// A secret without its date.
fn identifier(secret: &str) -> &str {
    secret.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// A file's replay: the recorded tokens, keys and secrets were given out by a stand-in, and have to be made ours.
struct Stage<'a> {
    hub: &'a TestHub,
    case: String,
    /// The secret that the case names; else the last one before it.
    secret: String,
    /// Registered here, if it has a token.
    moodle: Moodle<'a>,
    /// The token that the stand-in gave in this case, once it has given one.
    given: Option<String>,
    /// The key of a proved site.
    key: String,
}

impl<'a> Stage<'a> {
    fn new(hub: &'a TestHub, key: &str) -> Self {
        let secret = "IuMwWuzf04zuDh0F4sxdAbeeyGI65piImoodle.example20261123022837".to_owned();
        let moodle = Moodle::new(hub, SITE, &secret);
        Self { hub, case: String::new(), secret, moodle, given: None, key: key.to_owned() }
    }

    fn enter(&mut self, case: &str, exchanges: &[Value]) {
        if self.case == case {
            return;
        }
        let all: String = exchanges.iter().filter(|exchange| exchange["case"] == case).map(ToString::to_string).collect();
        if let Some(secret) = secret_in(&all) {
            self.secret = secret.to_owned();
        }
        self.case = case.to_owned();
        self.given = None;
    }

    /// The Moodle of this case is registered, as it was when the case was recorded.
    async fn registered(&mut self) {
        let in_this_case = self.given.is_some() || self.moodle.secret == self.secret;
        if self.moodle.token.is_empty() || !in_this_case {
            self.moodle = Moodle::new(self.hub, SITE, &self.secret);
            self.moodle.register().await;
        }
    }

    /// What our hub gave, in the place of what the stand-in gave.
    async fn translate(&mut self, request: &mut Recorded, operation: &str) {
        if operation.starts_with("ws:")
            && let Some(token) = request.field("wstoken").filter(|token| !matches!(token.as_str(), "" | "publichub"))
            && self.given.as_ref().is_none_or(|given| *given == token)
        {
            self.registered().await;
            let (theirs, ours) = (format!("wstoken={token}"), format!("wstoken={}", self.moodle.token));
            request.path = request.path.replacen(&theirs, &ours, 1);
            request.body = request.body.replacen(&theirs, &ours, 1);
        }
        if operation == "accesskeys" {
            self.registered().await;
            if self.case.starts_with("a site that is not registered") {
                assert_eq!(self.moodle.call("hub_unregister_site", &[("url[0]", SITE)]).await.body, "true");
                self.moodle.token.clear();
            }
        }
        let stranger = PlainKey::generate(KeyKind::Site);
        let (key, is_refused) = (self.key.clone(), self.case == "a key that the server refuses");
        request.with_key(|recorded| match recorded {
            "none" => "none".to_owned(),
            _ if is_refused => stranger.expose_secret().to_owned(),
            _ => key.clone(),
        });
    }

    /// Whether a call names what is registered: the address, and the secret or its beginning.
    fn is_itself(&self, request: &Recorded) -> bool {
        let (url, secret) = (request.field("siteurl"), request.field("sitesecret").unwrap_or_default());
        url.as_deref() == Some(SITE) && identifier(&secret) == identifier(&self.moodle.secret)
    }

    /// The admin's browser comes from its Moodle, and presses the page's button with nothing filled in.
    async fn round_trip(&mut self, request: &Recorded, answered: &Value, follows: &'static str, at: &str) {
        let secret = request.field("token").unwrap();
        let first = request.send(self.hub).await;
        let to = first.headers.get("location").map(String::as_str);
        assert_eq!((first.status.as_u16(), to), (303, Some(PAGE)), "{at}: {first:?}");
        let mut browser = self.hub.browser();
        browser.cookies.extend(first.cookies.iter().map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())));
        let page = browser.get(PAGE).await;
        assert_eq!(page.status.as_u16(), 200, "{at}: {page:?}");
        let of_page = |name: &str| {
            let start = format!("name=\"{name}\" value=\"");
            page.body.split(&start).last().unwrap().split('"').next().unwrap().to_owned()
        };
        let (csrf, mark) = (of_page("csrf_token"), of_page("mark"));
        let mut fields = vec![("csrf_token", csrf.as_str()), ("mark", mark.as_str())];
        if page.body.contains("name=\"push_enabled\"") {
            fields.push(("push_enabled", "1"));
        }
        let done = browser.post_bare(PAGE, &fields, &[]).await;
        assert_eq!(done.status.as_u16(), 303, "{at}: {done:?}");
        // 2.3: the secret to the letter, and the hub's address without a slash at its end.
        let back = done.headers.get("location").cloned().unwrap_or_default();
        assert!(back.starts_with(&format!("{SITE}/admin/registration/confirmregistration.php?newtoken=")), "{at}: {back}");
        let back = url::Url::parse(&back).unwrap();
        let of = |name: &str| back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default();
        let (hub_url, hub_name) = (self.hub.hub.public_url.as_str().to_owned(), self.hub.hub.name.clone());
        assert_eq!((of("token"), of("url"), of("hubname")), (secret.clone(), hub_url.clone(), hub_name), "{at}");
        assert!(!hub_url.ends_with('/'));
        // 0.1.
        let token = of("newtoken");
        assert!((1..=255).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{at}: {token}");
        self.moodle = Moodle::new(self.hub, SITE, &secret);
        self.moodle.token = token;
        // 0.2: Moodle calls with it before the admin sees a page again.
        let told = [("siteinfo[name]", "Example Moodle"), ("siteinfo[url]", SITE), ("validateurl", "1")];
        let update = self.moodle.call_with(&[FROM_ELSEWHERE], "hub_update_site_info", &told).await;
        match follows {
            "true" => check(Right::Bare("true"), &update, at),
            code => check(Right::Exception("moodle_exception", code), &update, at),
        }
        let given = url::Url::parse(answered["headers"]["Location"].as_str().unwrap()).unwrap();
        let newtoken = given.query_pairs().find(|(key, _)| key == "newtoken").map(|(_, value)| value.into_owned());
        self.given = Some(newtoken.unwrap_or_default());
    }
}

/// The use of plugins, which is written out in one transcript and cut in all others.
fn plugin_usage(files: &[(String, Vec<Value>)]) -> String {
    let (_, register) = files.iter().find(|(file, _)| file == "register.json").unwrap();
    let bodies = register.iter().filter_map(|exchange| exchange["request"]["body"].as_str());
    let mut found = bodies.filter_map(|body| body.split_once("siteinfo%5Bpluginusage%5D=")).map(|(_, rest)| rest);
    found.next().unwrap().split('&').next().unwrap().to_owned()
}

#[actix_web::test]
async fn all_that_moodles_were_seen_to_send_gets_a_right_hubs_answer() {
    let files = transcripts("moodle");
    let plugins = plugin_usage(&files);
    let (mut replayed, mut met) = (0, BTreeSet::new());
    for (file, exchanges) in &files {
        let hub = TestHub::with(&LIMITS).await;
        let site = hub.active_site().await;
        let mut stage = Stage::new(&hub, &site.key);
        for (index, exchange) in exchanges.iter().enumerate() {
            let case = exchange["case"].as_str().unwrap();
            stage.enter(case, exchanges);
            if exchange["to"] != "hub" || exchange["request"].is_null() {
                continue;
            }
            let operation = exchange["operation"].as_str().unwrap_or_default();
            let at = format!("{file}, number {index}, {case}, {operation}");
            let mut request = Recorded::read(&exchange["request"]);
            request.body = request.body.replace("(cut: see register.json)", &plugins);
            hub.clock.advance(HOUR);
            stage.translate(&mut request, operation).await;
            let right = expected(file, case, operation, &request.path, stage.is_itself(&request));
            match right {
                Right::WayBack(follows) => stage.round_trip(&request, &exchange["response"], follows, &at).await,
                right => check(right, &request.send(&hub).await, &at),
            }
            if operation == "ws:hub_unregister_site" {
                // It is off the hub, and what Moodle may call with it afterwards tells it so.
                let told = [("siteinfo[url]", SITE)];
                let update = stage.moodle.call_with(&[FROM_ELSEWHERE], "hub_update_site_info", &told).await;
                check(UNKNOWN_TOKEN, &update, &format!("{at}, afterwards"));
                stage.moodle.token.clear();
                stage.given = None;
            }
            met.extend(PARTICULAR.iter().position(|row| (row.0, row.1, row.2) == (file.as_str(), case, operation)));
            replayed += 1;
        }
    }
    assert_eq!(met.len(), PARTICULAR.len(), "a row of PARTICULAR is of no transcript any more: {met:?}");
    assert!(replayed >= 392, "{replayed} exchanges were replayed, fewer than there were");
}

/// The order in which they were recorded, on one server: later ones meet tokens of earlier ones.
const AIRNOTIFIER: [&str; 10] = [
    "push.json",
    "push-moodle.json",
    "push-as-hub.json",
    "push-gateways.json",
    "tokens-v1.json",
    "tokens-v2.json",
    "broadcast.json",
    "accesskeys-as-published.json",
    "accesskeys-mended.json",
    "misc.json",
];

/// What this hub answers otherwise than AirNotifier did: the exchange, our answer as [`Answer::said`] gives it, and why.
/// Sections are those of `wire/airnotifier-server.md`; 11 lists what is not to be copied.
const NOT_COPIED: &[(&str, &str, &str)] = &[
    ("push: empty X-AN-APP-NAME", "400 app_name_required", "11: an HTML body"),
    ("push: caller's address blocked for the app", "400 unknown_app", "11: 423 for a blocked address; the app is none of ours"),
    ("push: malformed JSON", "400 invalid_body", "11: 500 for bad input, Python's words"),
    ("push: empty body", "400 invalid_body", "11: 500 for bad input, Python's words"),
    ("push: JSON array", "400 invalid_body", "11: 500 for bad input, Python's words"),
    ("push: JSON string", "400 invalid_body", "11: 500 for bad input, Python's words"),
    ("push: form body instead of JSON", "400 invalid_body", "11: 500 for bad input, Python's words"),
    ("push: no token", "400 invalid_body", "11: 500 for bad input, Python's words"),
    ("push: token in the query, 64 hex digits", "400 invalid_body", "11: parameters picked out of elsewhere than the body"),
    ("push: token in the query, short", "400 invalid_body", "11: parameters picked out of elsewhere than the body"),
    ("push: device android (no -fcm)", "202", "1: the freshest fork takes it, and Moodle's old apps send it"),
    ("push: device unknown", "400 invalid_body", "11: words that no client compares; ours are in `detail`"),
    ("push: device is a number", "400 invalid_body", "11: 500 for bad input, Python's words"),
    ("push: extra null", "202", "11: 500 for what is no fault, Python's words"),
    ("push: unknown processor", "400 invalid_body", "11: Python's words"),
    ("push: processor with a path in it", "400 invalid_body", "11: Python's words; the client chooses no server module"),
    ("push: app without FCM settings", "400 unknown_app", "11: 500, Python's words; an app without a gateway is none"),
    ("push: app without APNs settings", "400 unknown_app", "11: 202 when nothing could be sent"),
    ("push: message over 4096 bytes", "202", "4.2: FCM refuses it; the hub shortens the text before"),
    ("push: body of 300 kB", "413 body_too_large", "4.2: FCM refuses it; the hub does not even read so much"),
    ("moodle: extra of 5000 bytes", "202", "4.2: FCM refuses it; the hub shortens the text before"),
    (
        "hub: credential check without side effect: delete a token that is not there",
        "404 no_such_token",
        "11: wrong grammar in words that no client compares",
    ),
    ("hub: liveness without credentials", "404", "8: the web console is no part of the API"),
    ("APNs push_type background", "202", "11: 500 for what is no fault, Python's words"),
    ("tokens v1: trailing slash", "200", "3: a hub does well to accept both spellings"),
    (
        "tokens v1: Moodle's configuration check (no body, good key)",
        "400 invalid_token",
        "9: a 200 shows nothing on the check page, and enrols a junk token",
    ),
    ("tokens v1: delete again", "404 no_such_token", "11: wrong grammar in words that no client compares"),
    ("tokens v1: GET", "405 method_not_allowed", "11: an HTML body"),
    ("tokens v2: no token (an empty one is stored)", "400 invalid_body", "5: an empty token is nobody's"),
    ("tokens v2: malformed JSON", "400 invalid_body", "11: 500 for bad input, an HTML body"),
    ("tokens v2: form body", "400 invalid_body", "11: 500 for bad input, an HTML body"),
    ("tokens v2: token is a number, ios", "400 invalid_body", "11: 500 for bad input, an HTML body"),
    ("tokens v2: delete again", "404 no_such_token", "11: wrong grammar in words that no client compares"),
    ("tokens v2: delete with trailing slash", "200", "3: a hub does well to accept both spellings"),
    ("tokens v2: DELETE on the collection", "405 method_not_allowed", "11: an HTML body"),
    ("tokens v2: GET on the collection", "405 method_not_allowed", "11: an HTML body"),
    ("tokens v2: GET one", "405 method_not_allowed", "11: an HTML body"),
    ("broadcast: no alert", "400 invalid_body", "11: 500 for bad input, an HTML body"),
    ("broadcast: alert map without body", "202", "11: 500 for what is no fault: a title alone can be shown"),
    ("broadcast: malformed JSON", "400 invalid_body", "11: 500 for bad input, an HTML body"),
    ("broadcast v1 (form)", "404", "7: broken there, and used by nobody"),
    ("accesskeys v1 as published", "400 app_key_required", "6: broken there; 2: both headers are needed on every route"),
    ("accesskeys v1 as published, with the headers that Moodle sends", "200", "6: broken there"),
    ("accesskeys v2 as published", "200", "6: broken there"),
    ("accesskeys v1: site not registered", "403 site_not_registered", "11: words that no client compares, and of another hub"),
    ("accesskeys v1: without the trailing slash", "200", "3: a hub does well to accept both spellings"),
    ("accesskeys v1: no fields", "400 invalid_body", "6: a key for nobody"),
    ("accesskeys v2: site not registered", "403 site_not_registered", "11: words that no client compares, and of another hub"),
    ("accesskeys v2: unknown processor", "200", "11: the client chooses no server module, so the name means nothing"),
    ("accesskeys v2: malformed JSON", "400 invalid_body", "11: Python's words"),
    ("accesskeys v1: the site check does not answer a number", "200", "6: the hub asks nobody else who is registered"),
    ("accesskeys v2: the site check does not answer a number", "200", "6: the hub asks nobody else who is registered"),
    ("GET /", "200", "9: Moodle's check takes 200 as well as 302; there is no console to be sent to"),
    ("GET /accesskeys", "405 method_not_allowed", "3: both spellings are routes here"),
    ("GET /auth/login", "404", "8: the web console is no part of the API"),
    ("HEAD /", "200", "what can be got can be asked about (RFC 9110 9.1)"),
    ("OPTIONS push", "405 method_not_allowed", "11: an HTML body"),
    ("PUT push", "405 method_not_allowed", "11: an HTML body"),
    ("users: GET needs no permission bit (account data leaks to any key)", "404 no_such_route", "8: open to any key"),
];

/// What is not replayed, and why.
const SKIPPED: &[(&str, &str)] = &[
    ("push: unknown token, key may send but not create (permission 4)", SENDS_ONLY),
    ("push: known token, key may only send (permission 4)", SENDS_ONLY),
    ("tokens v1: key without create_token", SENDS_ONLY),
    ("tokens v2: key without create_token", SENDS_ONLY),
    ("push: alert map with a name that FCM does not know", OF_A_GATEWAY),
    ("FCM answers: unregistered", OF_A_GATEWAY),
    ("FCM answers: invalid", OF_A_GATEWAY),
    ("FCM answers: mismatch", OF_A_GATEWAY),
    ("FCM answers: thirdparty", OF_A_GATEWAY),
    ("FCM answers: quota", OF_A_GATEWAY),
    ("FCM answers: unavailable", OF_A_GATEWAY),
    ("FCM answers: internal", OF_A_GATEWAY),
    ("FCM answers: reset", OF_A_GATEWAY),
    ("FCM slow: 25 s (AirNotifier gives up after 20)", OF_A_GATEWAY),
    ("FCM: unregistered token asked again: nothing is remembered", OF_A_GATEWAY),
    ("APNs answers: 410 Unregistered", OF_A_GATEWAY),
    ("APNs answers: 400 BadDeviceToken", OF_A_GATEWAY),
    ("APNs answers: 429 TooManyRequests", OF_A_GATEWAY),
    ("APNs answers: 503 ServiceUnavailable", OF_A_GATEWAY),
    ("APNs: token that is not hex", OF_A_GATEWAY),
];
const SENDS_ONLY: &str = "no kind of key here sends and does not enrol";
const OF_A_GATEWAY: &str = "the answer is a gateway's: what becomes of those is in gateway.rs";

/// Our key for a recorded one, whose last digits are its permissions.
fn our_key(recorded: &str, site: &str, devices: &str) -> String {
    let ours = match recorded {
        "a1b2c3d4e5f60718293a4b5c6d7e8f90" | "00000000000000000000000000000015" => site,
        // May not do what is asked, each in its exchanges: neither may a key for devices.
        "00000000000000000000000000000000" | "00000000000000000000000000000003" | "00000000000000000000000000000004" => devices,
        other => other,
    };
    ours.to_owned()
}

/// A body that was cut in the transcript, as long again, and 70 kB at most, which is too much as well. Of what stood behind the
/// long text the name of the processor is put back.
fn whole(body: &str) -> String {
    let Some((cut, size)) = body.split_once("… (") else { return body.to_owned() };
    let size: usize = size.trim_end_matches(" bytes in all)").parse().unwrap();
    let (letter, rest) = if cut.contains("\"extra\"") { ("\\u00e9", "\", \"processor\": \"moodle\"}}") } else { ("x", "\"}") };
    let begin = &cut[..cut.find(&letter.repeat(4)).unwrap()];
    let letters = size.min(70_000).saturating_sub(begin.len() + rest.len()) / letter.len();
    format!("{begin}{}{rest}", letter.repeat(letters))
}

/// Status, content type and body are those that were recorded, where they mean something.
fn as_recorded(recorded: &Value, answer: &Answer, at: &str) {
    assert_eq!(Some(u64::from(answer.status.as_u16())), recorded["status"].as_u64(), "{at}: {answer:?}");
    if recorded["headers"]["Content-Type"].as_str() != Some(JSON) {
        // What isn't there is told by an empty page, which nobody reads.
        assert_eq!(answer.status.as_u16(), 404, "{at}: {recorded}");
        return;
    }
    assert_eq!(content_type(answer), JSON, "{at}: {answer:?}");
    let body = recorded["body"].as_str().unwrap_or_default();
    if body.is_empty() {
        assert_eq!(answer.body, "", "{at}");
        return;
    }
    let theirs: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{at}: what is no JSON is not copied: {body}"));
    let ours = answer.json();
    for (member, value) in theirs.as_object().unwrap() {
        match member.as_str() {
            "accesskey" => assert!(is_key(&ours["accesskey"]), "{at}: {answer:?}"),
            member => assert_eq!(ours[member], *value, "{at}, {member}: {answer:?}"),
        }
    }
}

#[actix_web::test]
async fn all_that_an_airnotifier_was_seen_to_answer_is_answered_alike_or_on_purpose_not() {
    let files = transcripts("airnotifier");
    let names: BTreeSet<&str> = files.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(names, BTreeSet::from(AIRNOTIFIER), "each file has its place in the order");
    let hub = TestHub::with(&LIMITS).await;
    let site = hub.site_at("ada@school.example", "https://moodle.example", true).await;
    let (_, devices) = hub.key(site.id, KeyKind::Devices).await;
    // It was registered by the form: its owner waits for its Moodle, which asks for a key then, as the recorded ones did.
    let opened = hub.person("ada@school.example", None).await.post(&format!("/my/sites/{}/pair", site.id), &[]).await;
    assert_eq!(opened.status.as_u16(), 303, "{opened:?}");
    let asked = r#"{"url": "https://moodle.example", "siteid": "00000000000000000000000000000000"}"#;
    let joined = site.call_with("none", Method::POST, "/api/v2/accesskeys", asked).await;
    assert!(is_key(&joined.json()["accesskey"]), "{joined:?}");

    let (mut replayed, mut met) = (0, BTreeSet::new());
    for file in AIRNOTIFIER {
        let (_, exchanges) = files.iter().find(|(name, _)| name == file).unwrap();
        for exchange in exchanges {
            let name = exchange["name"].as_str().unwrap();
            let at = format!("{file}, {name}");
            if SKIPPED.iter().any(|(skipped, _)| *skipped == name) {
                met.insert(name);
                continue;
            }
            let mut request = Recorded::read(&exchange["request"]);
            request.body = whole(&request.body);
            request.with_key(|recorded| our_key(recorded, &site.key, &devices));
            let answer = request.send(&hub).await;
            match NOT_COPIED.iter().find(|(differs, ..)| *differs == name) {
                Some((_, said, why)) => {
                    met.insert(name);
                    assert_eq!(answer.said(), *said, "{at} ({why}): {answer:?}");
                }
                None => as_recorded(&exchange["response"], &answer, &at),
            }
            replayed += 1;
        }
    }
    let listed: BTreeSet<&str> = NOT_COPIED.iter().map(|row| row.0).chain(SKIPPED.iter().map(|row| row.0)).collect();
    assert_eq!(met, listed, "a row is of no transcript any more");
    assert!(replayed >= 151, "{replayed} exchanges were replayed, fewer than there were");
}
