//! Attacks over real HTTP. Each has its control: the same request made rightly works, or the test could not fail.

use std::net::TcpListener;

use actix_web::http::{Method, StatusCode};
use belfry::accounts::Role;
use belfry::db::Fault;
use belfry::db::schema;
use belfry::ids::{DeviceId, SiteId};
use belfry::routes::{self, Row};
use belfry::visit::Who;
use diesel::prelude::*;

use crate::stock::Moodle;
use crate::support::{Answer, Browser, FORM, PASSWORD, TestHub, TestSite};

/// An id that nothing has.
const NOTHING: &str = "0198c0de-0000-7000-8000-000000000000";
const ROOT: &str = "root@hub.example";

/// The address of a row, with a site that whoever asks owns; other ids lead nowhere.
fn filled(row: &Row, site: SiteId) -> String {
    let part = |part: &str| match part {
        "{site}" => site.to_string(),
        part if part.starts_with('{') => NOTHING.to_owned(),
        part => part.to_owned(),
    };
    row.path.replace("{slash:/?}", "").split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Somebody who may do everything here: an admin of the hub with a site.
async fn root(hub: &TestHub) -> (TestSite<'_>, Browser<'_>) {
    let site = hub.site(ROOT, true).await;
    (site, hub.person(ROOT, Some(Role::Admin)).await)
}

/// Everything that an act of a page leaves behind.
async fn traces(hub: &TestHub) -> (i64, i64, i64, i64, i64) {
    let read = hub.hub.db.read(|conn| {
        use schema::{access_keys, accounts, audit, letters, sessions};
        let sum: Option<i64> = accounts::table.select(diesel::dsl::max(accounts::revision)).first(conn)?;
        Ok::<_, Fault>((
            audit::table.count().get_result(conn)?,
            letters::table.count().get_result(conn)?,
            access_keys::table.count().get_result(conn)?,
            sessions::table.count().get_result(conn)?,
            sum.unwrap_or(0),
        ))
    });
    read.await.unwrap()
}

/// What is tried: its name, the form's fields, the headers beside it.
type Try<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a [(&'a str, &'a str)]);

#[actix_web::test]
async fn no_form_is_taken_from_who_has_not_been_shown_it() {
    let hub = TestHub::start().await;
    let (site, mut victim) = root(&hub).await;
    let mut attacker = hub.person("eve@elsewhere.example", None).await;
    let (own, theirs) = (victim.csrf().await, attacker.csrf().await);
    let before = traces(&hub).await;
    let rows: Vec<Row> = routes::page_rows().into_iter().filter(|row| row.method == Method::POST && row.who != Who::Foreign).collect();
    assert!(rows.len() > 20);
    for row in &rows {
        let path = filled(row, site.id);
        // What the forms want, so that only the token is what is missing.
        let more = [("name", "Evil"), ("reason", "Evil"), ("confirm", ROOT), ("kind", "site"), ("email", ROOT), ("password", PASSWORD)];
        let with =
            |token: Option<&'static str>| -> Vec<(&str, &str)> { token.map(|t| ("csrf_token", t)).into_iter().chain(more).collect() };
        let mut theirs_in = with(None);
        theirs_in.push(("csrf_token", &theirs));
        let mut own_in = with(None);
        own_in.push(("csrf_token", &own));
        let tries: [Try; 7] = [
            ("no token", with(None), &[]),
            ("an empty token", with(Some("")), &[]),
            ("a wrong token", with(Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), &[]),
            ("another visitor's token", theirs_in, &[]),
            ("a foreign origin", own_in.clone(), &[("Origin", "https://evil.example")]),
            ("an origin of nowhere", own_in.clone(), &[("Origin", "null")]),
            ("an origin that begins like ours", own_in, &[("Origin", "http://127.0.0.1:8080.evil.example")]),
        ];
        for (what, fields, headers) in tries {
            let answer = victim.post_bare(&path, &fields, headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} with {what}", row.path);
        }
    }
    assert_eq!(traces(&hub).await, before, "nothing was done");
    // The same with the right token gets further, whatever the form then says.
    for row in &rows {
        let (_, mut visitor) = root(&hub).await;
        let path = filled(row, site.id);
        let token = visitor.csrf().await;
        let answer = visitor.post_bare(&path, &[("csrf_token", &token)], &[("Origin", &hub.base)]).await;
        assert!(answer.status != StatusCode::FORBIDDEN && answer.status.as_u16() < 500, "{}: {}", row.path, answer.status);
    }
}

/// An account with a password, as a person sets one.
async fn with_password(hub: &TestHub, email: &str) {
    hub.site(email, false).await;
    let mut visitor = hub.browser();
    visitor.post("/password/forgot", &[("email", email)]).await;
    let path = hub.mailed_path("reset").await;
    let token = path.split("token=").nth(1).unwrap().to_owned();
    assert_eq!(visitor.post("/password/reset", &[("token", &token), ("password", PASSWORD)]).await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn a_session_that_somebody_else_has_chosen_is_nobodys() {
    let hub = TestHub::start().await;
    with_password(&hub, "ada@school.example").await;
    let login = [("email", "ada@school.example"), ("password", PASSWORD)];
    let attacker = hub.person("eve@elsewhere.example", None).await;
    let chosen = ["A".repeat(43), attacker.cookies["belfry"].clone()];
    for planted in chosen {
        let mut victim = hub.browser();
        victim.cookies.insert("belfry".into(), planted.clone());
        let token = victim.csrf().await;
        let entered = victim.post("/login", &login).await;
        assert_eq!(entered.status, StatusCode::SEE_OTHER);
        assert_ne!(victim.cookies["belfry"], planted, "a login brings a session of its own");
        assert!(victim.get("/account").await.body.contains("ada@school.example"), "who logged in is in");
        let mut thief = hub.browser();
        thief.cookies.insert("belfry".into(), planted);
        let page = thief.get("/account").await;
        assert!(!page.body.contains("ada@school.example"), "whoever has planted it is not");
        let late = victim.post_bare("/account/profile", &[("csrf_token", &token), ("name", "Evil")], &[]).await;
        assert_eq!(late.status, StatusCode::FORBIDDEN, "a form from before the login is none of after it");
    }
}

/// What a page has that a browser would run although no file of the hub says so. Walks tags and attributes as a browser does.
fn inline(page: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), page);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let (tag, attributes, after) = tag(rest);
        rest = after;
        let value = |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if tag == "style" || (tag == "script" && value("src").is_none_or(|src| !src.starts_with("/static/"))) {
            found.push(format!("<{tag}>"));
        }
        if matches!(tag.as_str(), "iframe" | "object" | "embed" | "base") {
            found.push(format!("<{tag}>"));
        }
        for (name, value) in &attributes {
            let leads = matches!(name.as_str(), "href" | "src" | "action" | "formaction");
            let target: String = value.chars().filter(|c| !c.is_ascii_whitespace() && !c.is_control()).collect::<String>().to_lowercase();
            if name.starts_with("on") || name == "style" || name == "srcdoc" || (leads && target.starts_with("javascript:")) {
                found.push(format!("<{tag} {name}={value:?}>"));
            }
        }
    }
    found
}

/// Name and attributes of a tag, and what follows it.
fn tag(text: &str) -> (String, Vec<(String, String)>, &str) {
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).unwrap_or(text.len());
    let (name, mut rest, mut attributes) = (text[..end].to_lowercase(), &text[end..], Vec::new());
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            return (name, attributes, rest.strip_prefix('>').unwrap_or(""));
        }
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end =
            rest[first..].find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/')).map_or(rest.len(), |end| end + first);
        let key = rest[..end].to_lowercase();
        rest = rest[end..].trim_start();
        let value = match rest.strip_prefix('=').map(str::trim_start) {
            None => String::new(),
            Some(text) => {
                let (value, after) = match text.chars().next() {
                    Some(quote @ ('"' | '\'')) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
                    _ => text.split_at(text.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(text.len())),
                };
                rest = after;
                value.to_owned()
            }
        };
        attributes.push((key, value));
    }
}

#[test]
fn what_a_browser_would_run_is_seen() {
    for bad in [
        "<script>alert(1)</script>",
        "<script src=\"https://evil.example/x.js\"></script>",
        "<p>a<IMG src=x onerror=alert(1)>",
        "<input value=\"\" autofocus onfocus='x'>",
        "<a\nhref=\" java\tscript:alert(1)\">",
        "<p style=\"color:red\">",
        "<svg/onload=alert(1)>",
        "<style>p{}</style>",
        "<base href=//evil.example>",
    ] {
        assert_eq!(inline(bad).len(), 1, "{bad}: {:?}", inline(bad));
    }
    for good in [
        "<script src=\"/static/a.js\" defer></script>",
        "<p title=\"a onclick=x\">1 < 2</p>",
        "<!-- <script> -->",
        "&lt;script&gt;",
        "<input value=\"&quot; onfocus=x\">",
    ] {
        assert_eq!(inline(good), Vec::<String>::new(), "{good}");
    }
}

fn assert_closed(answer: &Answer, what: &str) {
    let policy = answer.headers.get("content-security-policy").unwrap_or_else(|| panic!("{what} has no policy"));
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{what}: {policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    assert_eq!(answer.headers.get("x-frame-options").map(String::as_str), Some("DENY"), "{what}");
    assert_eq!(answer.headers.get("x-content-type-options").map(String::as_str), Some("nosniff"), "{what}");
    assert_eq!(inline(&answer.body), Vec::<String>::new(), "{what}");
}

#[actix_web::test]
async fn no_page_is_framed_or_has_anything_inline() {
    let hub = TestHub::start().await;
    let (site, mut admin) = root(&hub).await;
    let (mut stranger, mut shown) = (hub.browser(), 0);
    for row in routes::page_rows() {
        let path = filled(&row, site.id);
        if row.method == Method::GET {
            for visitor in [&mut stranger, &mut admin] {
                let page = visitor.get(&path).await;
                shown += usize::from(page.status == StatusCode::OK);
                assert_closed(&page, &path);
            }
        } else if row.path != "/logout" && row.path != "/account/delete" {
            // The form again, with its errors.
            assert_closed(&admin.post(&path, &[]).await, &path);
        }
    }
    assert!(shown > 25, "only {shown} pages were shown");
    assert_closed(&stranger.get("/nowhere").await, "/nowhere");
}

#[actix_web::test]
async fn no_login_leads_to_another_host() {
    let hub = TestHub::start().await;
    with_password(&hub, "ada@school.example").await;
    let base: url::Url = hub.base.parse().unwrap();
    let to = |answer: &Answer| {
        let location = answer.headers.get("location").unwrap_or_else(|| panic!("{answer:?}")).clone();
        assert!(!answer.headers.contains_key("x-evil") && !location.contains(['\r', '\n']), "{location}");
        base.join(&location).unwrap()
    };
    let login = |next: &str| {
        vec![("email".to_owned(), "ada@school.example".to_owned()), ("password".into(), PASSWORD.into()), ("next".into(), next.to_owned())]
    };
    let bad = [
        "//evil.example",
        "https://evil.example",
        "https:evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2f%2fevil.example",
        "/\t/evil.example",
        "/\r\nX-Evil: 1",
        "/a\r\n\r\n<script>",
        "///evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/@evil.example",
        " //evil.example",
    ];
    for (next, leads_there) in bad.iter().map(|next| (*next, false)).chain([("/account", true), ("/my/sites?x=1", true)]) {
        let asked: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let mut visitor = hub.browser();
        let page = visitor.get(&format!("/login?next={asked}")).await;
        assert_eq!((page.status, inline(&page.body)), (StatusCode::OK, Vec::new()), "{next:?}");
        let fields = login(next);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let entered = visitor.post("/login", &fields).await;
        assert_eq!(entered.status, StatusCode::SEE_OTHER);
        let again = visitor.get(&format!("/login?next={asked}")).await;
        for answer in [entered, again] {
            let led = to(&answer);
            assert_eq!((led.host_str(), led.port(), led.scheme()), (base.host_str(), base.port(), "http"), "{next:?} led to {led}");
            assert_eq!(
                led.as_str() == base.join(next).map(String::from).unwrap_or_default(),
                leads_there || next.starts_with("/%2f") || next.starts_with("/@"),
                "{next:?} led to {led}"
            );
        }
    }
    // On the way to a page that wants a login.
    for path in ["//evil.example/my/sites", "/my/sites?next=//evil.example", "/my/sites/%2f%2fevil.example", "/account/..//evil.example"] {
        let answer = hub.browser().get(path).await;
        if answer.headers.contains_key("location") {
            assert_eq!(to(&answer).host_str(), base.host_str(), "{path}");
        }
    }
}

const MARK: &str = "xssmark";
const PAYLOADS: [&str; 4] = [
    "xssmark<script>alert(1)</script>",
    "xssmark\"><img src=x onerror=alert(1)>",
    "xssmark' onmouseover='alert(1)",
    "xssmark</title></textarea><svg onload=alert(1)>{{7*7}}",
];

/// Every page that somebody sees.
async fn pages(visitor: &mut Browser<'_>, site: SiteId, device: Option<DeviceId>) -> Vec<(String, Answer)> {
    let mut seen = Vec::new();
    for row in routes::page_rows().into_iter().filter(|row| row.method == Method::GET) {
        let path = match device {
            Some(device) => filled(&row, site).replace(NOTHING, &device.to_string()),
            None => filled(&row, site),
        };
        let page = visitor.get(&path).await;
        // A file is no page: nobody runs what is in it.
        if page.headers.get("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            seen.push((path, page));
        }
    }
    seen
}

#[actix_web::test]
async fn what_a_site_says_of_itself_is_text_and_nothing_else() {
    let hub = TestHub::start().await;
    for (number, payload) in PAYLOADS.into_iter().enumerate() {
        let (site, mut owner) = root(&hub).await;
        let settings = [
            ("name", payload),
            ("description", payload),
            ("users", "7"),
            ("country", "ES"),
            ("language", "en"),
            ("privacy", "linked"),
            ("push_enabled", "1"),
        ];
        assert_eq!(owner.post(&format!("/my/sites/{}/settings", site.id), &settings).await.status, StatusCode::SEE_OTHER, "{payload}");
        assert_eq!(owner.post("/account/profile", &[("name", payload)]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(site.push("token-of-a-phone-0123456789").await.said(), "202");
        hub.hub.fresh_counts().await;
        let id = site.id;
        let device: DeviceId = hub
            .hub
            .db
            .read(move |conn| {
                use schema::devices::dsl as d;
                Ok::<_, Fault>(d::devices.filter(d::site_id.eq(id)).select(d::id).first(conn)?)
            })
            .await
            .unwrap();
        let named = owner.post(&format!("/my/sites/{id}/devices/{device}"), &[("name", payload), ("language", "en")]).await;
        assert_eq!(named.status, StatusCode::SEE_OTHER, "{named:?}");
        owner.post(&format!("/my/sites/{id}/broadcasts"), &[("title", payload), ("text", payload)]).await;
        let suspended = owner.post(&format!("/staff/sites/{id}/suspend"), &[("reason", payload)]).await;
        assert_eq!(suspended.status, StatusCode::SEE_OTHER);
        let mut marked = Vec::new();
        for (path, page) in pages(&mut owner, id, Some(device)).await.into_iter().chain(pages(&mut hub.browser(), id, None).await) {
            assert_eq!(inline(&page.body), Vec::<String>::new(), "{payload} on {path}");
            assert!(!page.body.contains(payload), "{payload} stands as it is on {path}");
            if page.body.contains(MARK) {
                marked.push(path);
            }
        }
        // Where it is seen at all, or this test looked at nothing.
        for path in [
            format!("/my/sites/{id}"),
            format!("/my/sites/{id}/settings"),
            format!("/my/sites/{id}/devices/{device}"),
            "/account".into(),
            format!("/staff/sites/{id}"),
        ] {
            assert!(marked.contains(&path), "{payload} is not on {path}: {marked:?}");
        }
        // What its Moodle tells, with fields and plugins that nobody knows.
        let url = format!("https://evil{number}.school.example");
        let mut moodle = Moodle::registered(&hub, &url, &format!("evil{number}WuzPf04zuDh0F4sxdAbeeyGI65piIo.example20261123022837")).await;
        let (field, plugins) =
            (format!("siteinfo[{MARK}{number}]"), format!("{{\"mod\":{{\"{}\":{{\"enabled\":1}}}}}}", payload.replace('"', "\\\"")));
        let told = [
            ("siteinfo[name]", payload),
            ("siteinfo[description]", payload),
            ("siteinfo[contactname]", payload),
            (field.as_str(), payload),
            ("siteinfo[pluginusage]", plugins.as_str()),
            ("siteinfo[moodlerelease]", payload),
        ];
        let answer = moodle.update(&told).await;
        assert!(answer.status == StatusCode::OK, "{answer:?}");
        let theirs = moodle.site().await.id;
        let mut seen = false;
        for (path, page) in pages(&mut owner, theirs, None).await {
            assert_eq!(inline(&page.body), Vec::<String>::new(), "{payload}, told by a Moodle, on {path}");
            seen |= path == format!("/staff/sites/{theirs}") && page.body.contains(MARK);
        }
        assert!(seen, "{payload} is on its page for staff");
        let page = moodle.page().await;
        assert_eq!(inline(&page.body), Vec::<String>::new());
    }
    let html = hub
        .hub
        .db
        .read(|conn| Ok::<_, Fault>(schema::letters::table.select(schema::letters::html_body).load::<String>(conn)?))
        .await
        .unwrap();
    assert!(html.iter().any(|body| body.contains(MARK)), "no letter has any of it");
    for body in html {
        // A mail has its style inside; what it may not have is anything that runs or loads.
        let found: Vec<String> = inline(&body).into_iter().filter(|found| !found.contains(" style=") && found != "<style>").collect();
        assert_eq!(found, Vec::<String>::new(), "{body}");
    }
}

#[actix_web::test]
async fn no_name_writes_a_header_of_a_mail() {
    let hub = TestHub::start().await;
    let (site, mut owner) = root(&hub).await;
    let breaks =
        ["Ada\r\nBcc: evil@evil.example", "Ada\nBcc: evil@evil.example", "Ada\rX: y", "Ada\u{85}Bcc: x", "Ada\0", "Ada\u{b}Bcc: x"];
    for name in breaks {
        for field in ["name", "contact_name", "contact_email"] {
            let mut form = FORM.to_vec();
            form.iter_mut().find(|(known, _)| *known == field).unwrap().1 = name;
            let answer = hub.browser().post("/register", &form).await;
            // A NUL is a sign for what can't be read by the time a parser sees it.
            assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY || name.contains('\0'), "{field} {name:?}: {}", answer.status);
        }
        let settings = [("name", name), ("description", ""), ("users", "7"), ("country", "ES"), ("language", "en"), ("privacy", "linked")];
        let saved = owner.post(&format!("/my/sites/{}/settings", site.id), &settings).await;
        assert!(saved.status == StatusCode::UNPROCESSABLE_ENTITY || name.contains('\0'), "{name:?}: {}", saved.status);
        let saved = owner.post("/account/profile", &[("name", name)]).await;
        assert!(saved.status == StatusCode::UNPROCESSABLE_ENTITY || name.contains('\0'), "{name:?}: {}", saved.status);
    }
    // A Moodle's words are not refused, but cleaned: it could do nothing about it.
    let mut moodle =
        Moodle::registered(&hub, "https://evil.school.example", "evilWuzPf04zuDh0F4sxdAbeeyGI65piIoabc.example20261123022837").await;
    for name in breaks {
        moodle.update(&[("siteinfo[name]", name), ("siteinfo[contactname]", name), ("siteinfo[contactemail]", "c@school.example")]).await;
    }
    owner.post("/register", &FORM).await;
    hub.suspend(moodle.site().await.id).await;
    let letters = hub.hub.db.read(|conn| {
        use schema::letters as l;
        Ok::<_, Fault>(l::table.select((l::to_address, l::to_name, l::subject)).load::<(String, String, String)>(conn)?)
    });
    let letters = letters.await.unwrap();
    assert!(letters.iter().any(|(_, name, _)| name.contains("Ada")) || letters.len() > 2, "{letters:?}");
    for (address, name, subject) in letters {
        assert!(![&address, &name, &subject].iter().any(|header| header.contains(char::is_control)), "{address:?} {name:?} {subject:?}");
        assert!(!address.contains("evil@"), "{address}");
    }
}

/// Hosts by which somebody may try to make the hub visit its own machine or network.
const INSIDE: [&str; 12] = [
    "127.0.0.1",
    "2130706433",
    "0177.0.0.1",
    "0x7f000001",
    "127.1",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::]",
    "localhost",
    "127.0.0.1.",
];

#[actix_web::test]
async fn a_public_hub_visits_no_inside_address_however_it_is_written() {
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let port = inside.local_addr().unwrap().port();
    let careful = TestHub::with(&[("BELFRY_VERIFICATION__ALLOW_PRIVATE_NETWORKS", "false")]).await;
    let mut tried = 0;
    for host in INSIDE {
        // Not every form of it is let in as a site's address; those that are not lead nowhere.
        let url = format!("http://{host}:{port}");
        if belfry::sites::SiteUrl::parse(&url).is_err() {
            continue;
        }
        tried += 1;
        let email = format!("ada{tried}@school.example");
        let site = careful.site_at(&email, &url, false).await;
        let mut owner = careful.person(&email, None).await;
        for way in ["meta", "file"] {
            let answer = owner.post(&format!("/my/sites/{}/verify", site.id), &[("way", way)]).await;
            assert!(answer.status.as_u16() < 500, "{host}: {answer:?}");
        }
        assert!(inside.accept().is_err(), "the hub went to {host}");
    }
    assert!(tried >= 3, "{tried}");
    // In the local profile sites are on the same machine: there it goes.
    let local = TestHub::start().await;
    let site = local.site_at("ada@school.example", &format!("http://127.0.0.1:{port}"), false).await;
    let mut owner = local.person("ada@school.example", None).await;
    let path = format!("/my/sites/{}/verify", site.id);
    let asked = owner.post(&path, &[("way", "file")]);
    let waited = async {
        loop {
            if let Ok((stream, _)) = inside.accept() {
                drop(stream);
                break;
            }
            actix_web::rt::task::yield_now().await;
        }
    };
    let (answer, ()) = futures_util::join!(asked, waited);
    assert!(answer.status.as_u16() < 500);
}

#[actix_web::test]
async fn nothing_but_the_files_of_the_hub_is_under_static() {
    let hub = TestHub::start().await;
    let page = hub.browser().get("/").await.body;
    let css = page.split("href=\"/static/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(hub.send(Method::GET, &format!("/static/{css}"), &[], "").await.status, StatusCode::OK);
    for path in [
        "/static/../Cargo.toml",
        "/static/..%2fCargo.toml",
        "/static/%2e%2e/Cargo.toml",
        "/static/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/static/....//Cargo.toml",
        "/static/..%5cCargo.toml",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/belfry.css%00.png",
        "/static/",
        "/static/..%252f..%252fetc%252fpasswd",
        "/static/%c0%ae%c0%ae/Cargo.toml",
    ] {
        let answer = hub.send(Method::GET, path, &[], "").await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert!(!answer.body.contains("[package]") && !answer.body.contains("root:"), "{path}");
    }
}
