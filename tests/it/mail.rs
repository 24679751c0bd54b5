//! The outbox, against a mail server that says what it is told to say.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender as Release, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use belfry::accounts::Role;
use belfry::db::Fault;
use belfry::ids::LetterId;
use belfry::mail::{
    self, Carrier, EmailAddress, KeyOld, Letter, LetterState, Outbox, PasswordChanged, Posted, PushOn, Recipient, Sender, Slip, Topic,
};
use futures_util::future::join_all;
use secrecy::SecretString;

use crate::support::{FORM, TestHub};

/// Where in its talk a server says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Greeting,
    Login,
    Recipient,
}

/// A mail as it came.
#[derive(Clone)]
struct Mail {
    to: String,
    source: String,
}

impl Mail {
    /// The part of this type, as its reader sees it.
    fn part(&self, kind: &str) -> String {
        let boundary = self.source.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
        let kind = format!("Content-Type: {kind}");
        let part = self.source.split(&format!("--{boundary}")).find(|part| part.contains(&kind)).unwrap();
        let (headers, body) = part.split_once("\n\n").unwrap();
        assert!(!headers.contains("base64"), "this test reads no base64");
        if headers.contains("quoted-printable") { unquoted(body) } else { body.to_owned() }
    }

    /// The link with a token in it.
    fn link(&self) -> String {
        let text = self.part("text/plain");
        text.split_whitespace().find(|word| word.contains("?token=")).unwrap().to_owned()
    }
}

/// Reads quoted-printable (RFC 2045 6.7).
fn unquoted(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut parts = text.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

#[derive(Default)]
struct Desk {
    /// Where it says no, and how; an empty word hangs up.
    refuses: Option<(At, String)>,
    /// The next mail is answered when this is let go.
    hold: Option<Receiver<()>>,
    held: usize,
    connections: usize,
    mails: Vec<Mail>,
}

/// A mail server.
struct Sink {
    url: String,
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    stopping: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (desk, stopping) = (Arc::new(Mutex::new(Desk::default())), Arc::new(AtomicBool::new(false)));
        let (shared, stops) = (desk.clone(), stopping.clone());
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stops.load(Ordering::SeqCst) {
                    return;
                }
                let desk = shared.clone();
                std::thread::spawn(move || {
                    // Who hangs up in the middle has said enough.
                    let _ = talk(stream, &desk);
                });
            }
        });
        Self { url: format!("smtp://hub:password@{address}"), address, desk, stopping, listening: Some(listening) }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, at: At, words: &str) {
        self.desk().refuses = Some((at, words.to_owned()));
    }

    fn accept(&self) {
        self.desk().refuses = None;
    }

    /// Lets the next mail wait for its answer until what this gives is dropped.
    fn hold(&self) -> Release<()> {
        let (release, held) = channel();
        self.desk().hold = Some(held);
        release
    }

    /// How many mails have waited or are waiting for their answers.
    fn held(&self) -> usize {
        self.desk().held
    }

    /// How often somebody has come.
    fn connections(&self) -> usize {
        self.desk().connections
    }

    fn mails(&self) -> Vec<Mail> {
        self.desk().mails.clone()
    }

    /// How many mails came for this mailbox.
    fn count(&self, to: &str) -> usize {
        self.desk().mails.iter().filter(|mail| mail.to == to).count()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // It listens until somebody comes.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

/// One connection, from greeting to goodbye.
fn talk(stream: TcpStream, desk: &Mutex<Desk>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut answers = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    let mut say = |words: &str| answers.write_all(format!("{words}\r\n").as_bytes());
    let desk = || desk.lock().unwrap_or_else(PoisonError::into_inner);
    let refusal = |here: At| desk().refuses.clone().filter(|(at, _)| *at == here).map(|(_, words)| words);
    desk().connections += 1;
    match refusal(At::Greeting) {
        Some(words) if words.is_empty() => return Ok(()),
        Some(words) => return say(&words),
        None => say("220 sink")?,
    }
    let mut to = String::new();
    while let Some(line) = lines.next() {
        let line = line?;
        match line.split(' ').next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say("250-sink\r\n250 AUTH PLAIN")?,
            "AUTH" => say(refusal(At::Login).as_deref().unwrap_or("235 welcome"))?,
            "RCPT" => match refusal(At::Recipient) {
                Some(words) => say(&words)?,
                None => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    say("250 fine")?;
                }
            },
            "DATA" => {
                say("354 go on")?;
                let body = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".");
                let source: String = body.map(|line| format!("{}\n", line.strip_prefix('.').unwrap_or(&line))).collect();
                let hold = {
                    let mut desk = desk();
                    desk.mails.push(Mail { to: to.clone(), source });
                    let hold = desk.hold.take();
                    desk.held += usize::from(hold.is_some());
                    hold
                };
                if let Some(hold) = hold {
                    let _ = hold.recv_timeout(Duration::from_secs(15));
                }
                say("250 taken")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 fine")?,
        }
    }
    Ok(())
}

async fn hub_with(sink: &Sink) -> TestHub {
    TestHub::with(&[("BELFRY_MAIL__SMTP_URL", &sink.url)]).await
}

/// The outbox of another node on the same database.
fn another(hub: &TestHub, sink: &Sink) -> Outbox {
    let sender = Sender { hub: "Belfry", address: "hub@hub.example", contact: None };
    let url = SecretString::from(sink.url.clone());
    let carrier = Carrier::new(sender, Some(&url)).unwrap();
    Outbox::new(hub.hub.db.clone(), hub.clock.clone(), carrier, hub.hub.ring.clone(), hub.hub.desk.clone(), false)
}

/// Registers a site, with what is typed in place of what stands in [`FORM`].
async fn register(hub: &TestHub, typed: &[(&str, &str)]) -> StatusCode {
    let fields: Vec<(&str, &str)> =
        FORM.iter().map(|(name, value)| typed.iter().find(|(typed, _)| typed == name).copied().unwrap_or((*name, *value))).collect();
    hub.browser().post("/register", &fields).await.status
}

/// Posts letters that have no secret, to one mailbox each.
async fn post_letters(hub: &TestHub, number: usize) {
    let now = hub.clock.now();
    let posted = hub.hub.db.write(move |tx| {
        for n in 0..number {
            let address = EmailAddress::parse(&format!("reader{n}@school.example")).unwrap();
            let to = Recipient { account: None, site: None, address, name: "Ada".into(), language: "en".into() };
            mail::post(tx, now, &to, &password_changed("Ada"), None)?;
        }
        Ok::<_, Fault>(())
    });
    posted.await.unwrap();
}

fn password_changed(name: &str) -> PasswordChanged {
    PasswordChanged { hub: "Belfry".into(), name: name.to_owned(), link_reset: "https://hub.example/password/forgot".into() }
}

async fn letters(hub: &TestHub) -> Vec<Posted> {
    hub.hub.db.read(|conn| mail::page(conn, None, 200)).await.unwrap()
}

/// The newest letter of a kind.
async fn letter(hub: &TestHub, kind: &str) -> Posted {
    letters(hub).await.into_iter().find(|letter| letter.kind == kind).unwrap()
}

/// Lets the outbox work until it has come to this. The hub's own job works beside it.
async fn until(hub: &TestHub, what: &str, come: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !come().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "it has not come to this: {what}");
        hub.hub.outbox.turn().await.unwrap();
        // An outbox that has stopped answers at once: the tasks beside this one want their turn too.
        tokio::task::yield_now().await;
    }
}

async fn until_state(hub: &TestHub, kind: &str, state: LetterState) {
    until(hub, &format!("{kind} is {state:?}"), async || letter(hub, kind).await.state() == state).await;
}

/// Follows a link of a mail as somebody who is not known yet.
async fn follow(hub: &TestHub, link: &str) -> StatusCode {
    hub.browser().get(link.trim_start_matches("http://127.0.0.1:8080")).await.status
}

#[actix_web::test]
async fn a_letter_goes_out_once_with_a_link_in_text_and_html() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    assert_eq!(register(&hub, &[]).await, StatusCode::OK);
    until_state(&hub, "confirm", LetterState::Sent).await;
    let posted = letter(&hub, "confirm").await;
    assert_eq!((posted.tries, &posted.error), (1, &None));
    assert!(posted.full_text().contains("?token=…"), "its secret is gone with it");

    hub.clock.advance(Duration::from_secs(86_400));
    assert_eq!(hub.hub.outbox.turn().await.unwrap(), 0);
    let mails = sink.mails();
    assert_eq!((mails.len(), sink.connections()), (1, 1));
    let mail = &mails[0];
    assert_eq!(mail.to, "ada@school.example");
    assert!(mail.source.lines().any(|line| line == "Auto-Submitted: auto-generated"));
    assert!(mail.source.contains(&format!("Message-ID: <{}@", posted.id)));
    let link = mail.link();
    assert!(link.starts_with("http://127.0.0.1:8080/register/confirm?token="), "{link}");
    assert_eq!(mail.part("text/html").matches(&link).count(), 2, "as a button and in words");
    assert!(!mail.source.contains('\u{1}'));
    assert_eq!(follow(&hub, &link).await, StatusCode::SEE_OTHER);
}

/// Another try would hear the same. What the server said is kept, but not whatever it said.
#[actix_web::test]
async fn a_mailbox_that_does_not_exist_is_given_up_at_once() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    sink.refuse(At::Recipient, &format!("550 5.1.1 no \0such\u{7} mailbox {}", "x".repeat(700)));
    register(&hub, &[]).await;
    until_state(&hub, "confirm", LetterState::GivenUp).await;
    let posted = letter(&hub, "confirm").await;
    assert_eq!(posted.tries, 1);
    assert!(posted.full_text().contains("?token=…"), "its secret is gone");
    let said = posted.error.unwrap();
    assert!(said.contains("550") && said.contains("no such mailbox xxx"), "{said}");
    assert_eq!(said.chars().count(), 500);

    sink.accept();
    hub.clock.advance(Duration::from_secs(7 * 86_400));
    assert_eq!(hub.hub.outbox.turn().await.unwrap(), 0);
    assert_eq!((sink.connections(), sink.mails().len()), (1, 0));
}

/// Whatever is wrong with the server or with the hub's login to it is mended some day: no letter is lost by it.
#[actix_web::test]
async fn trouble_of_the_server_is_waited_for() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    let rows = [
        (At::Greeting, "421 4.3.2 closing"),
        (At::Greeting, "554 5.3.2 no service"),
        (At::Greeting, ""),
        (At::Login, "535 5.7.8 wrong password"),
        (At::Login, "530 5.7.0 log in first"),
        (At::Recipient, "421 4.3.2 closing"),
        (At::Recipient, "450 4.2.1 come back later"),
        (At::Recipient, "554 5.7.1 not from you"),
    ];
    for (row, (at, words)) in rows.into_iter().enumerate() {
        sink.refuse(at, words);
        post_letters(&hub, 1).await;
        until_state(&hub, "password_changed", LetterState::Retrying).await;
        let (posted, connections) = (letter(&hub, "password_changed").await, sink.connections());
        assert_eq!(posted.tries, 1, "{at:?} {words}");

        sink.accept();
        hub.clock.advance(Duration::from_secs(40));
        hub.hub.outbox.start().await.unwrap();
        assert_eq!(hub.hub.outbox.turn().await.unwrap(), 0, "its minute has not passed: {at:?} {words}");
        assert_eq!(sink.connections(), connections);
        hub.clock.advance(Duration::from_secs(30));
        until_state(&hub, "password_changed", LetterState::Sent).await;
        let sent = letter(&hub, "password_changed").await;
        assert_eq!((sent.id, sent.tries, sent.error), (posted.id, 2, None));
        assert_eq!(sink.mails().len(), row + 1, "{at:?} {words}");
    }
}

#[actix_web::test]
async fn a_link_outlives_failed_tries_until_the_last() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    sink.refuse(At::Recipient, "421 4.3.2 closing");
    register(&hub, &[]).await;
    until_state(&hub, "confirm", LetterState::Retrying).await;
    sink.accept();
    hub.clock.advance(Duration::from_secs(61));
    until_state(&hub, "confirm", LetterState::Sent).await;
    assert_eq!(follow(&hub, &sink.mails()[0].link()).await, StatusCode::SEE_OTHER);

    sink.refuse(At::Recipient, "421 4.3.2 closing");
    register(&hub, &[("contact_email", "bea@school.example")]).await;
    for tries in 1..=16 {
        until(&hub, &format!("try {tries}"), async || letter(&hub, "confirm").await.tries == tries).await;
        let posted = letter(&hub, "confirm").await;
        assert_eq!(posted.full_text().contains("?token=…"), tries == 16, "{tries}");
        assert_eq!(posted.state(), if tries == 16 { LetterState::GivenUp } else { LetterState::Retrying }, "{tries}");
        hub.clock.advance(Duration::from_secs(7 * 3_600));
    }
    assert_eq!(hub.hub.outbox.turn().await.unwrap(), 0);
    assert_eq!(sink.count("bea@school.example"), 0);
}

#[actix_web::test]
async fn nodes_that_send_at_once_send_no_letter_twice() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    let nodes = [another(&hub, &sink), another(&hub, &sink), another(&hub, &sink)];
    post_letters(&hub, 50).await;
    let all_sent = async || letters(&hub).await.iter().all(|letter| letter.state() == LetterState::Sent);
    let begun = Instant::now();
    while !all_sent().await {
        assert!(begun.elapsed() < Duration::from_secs(60));
        for turn in join_all(nodes.iter().map(|node| node.turn())).await {
            turn.unwrap();
        }
    }
    assert_eq!(sink.mails().len(), 50);
    for n in 0..50 {
        assert_eq!(sink.count(&format!("reader{n}@school.example")), 1, "{n}");
    }
}

/// A node with two letters, the first of which the server does not answer until `first` is dropped. The hub's own
/// outbox has stopped.
struct Slow {
    hub: TestHub,
    node: Rc<Outbox>,
    /// How many letters the turn will have sent.
    turn: actix_web::rt::task::JoinHandle<usize>,
    first: Release<()>,
}

async fn slow_node(sink: &Sink) -> Slow {
    let hub = hub_with(sink).await;
    hub.hub.outbox.stop();
    post_letters(&hub, 2).await;
    let first = sink.hold();
    let node = Rc::new(another(&hub, sink));
    let working = node.clone();
    // Again, should the hub's own outbox have had them for a last moment.
    let turn = actix_web::rt::spawn(async move {
        loop {
            let done = working.turn().await.unwrap();
            if done > 0 {
                return done;
            }
            tokio::task::yield_now().await;
        }
    });
    until(&hub, "the first letter is on its way", async || sink.held() == 1).await;
    Slow { hub, node, turn, first }
}

/// The lease is for one letter: a turn may take longer.
#[actix_web::test]
async fn a_slow_turn_keeps_its_letters() {
    let sink = Sink::start();
    let Slow { hub, turn, first, .. } = slow_node(&sink).await;
    hub.clock.advance(Duration::from_secs(200));
    let second = sink.hold();
    drop(first);
    until(&hub, "the second letter is on its way", async || sink.held() == 2).await;
    hub.clock.advance(Duration::from_secs(200));
    assert_eq!(another(&hub, &sink).turn().await.unwrap(), 0);
    drop(second);
    assert_eq!(turn.await.unwrap(), 2);
    assert_eq!((sink.count("reader0@school.example"), sink.count("reader1@school.example")), (1, 1));
}

/// A node that hung for too long finds its letters gone: the one on its way comes twice, the others don't.
#[actix_web::test]
async fn a_letter_that_another_node_has_taken_is_left_to_it() {
    let sink = Sink::start();
    let Slow { hub, turn, first, .. } = slow_node(&sink).await;
    hub.clock.advance(Duration::from_secs(301));
    assert_eq!(another(&hub, &sink).turn().await.unwrap(), 2);
    drop(first);
    assert_eq!(turn.await.unwrap(), 1);
    let mails = sink.mails();
    assert_eq!((mails.len(), sink.count(&mails[0].to)), (3, 2));
    assert!(letters(&hub).await.iter().all(|letter| letter.state() == LetterState::Sent && letter.tries == 1));
}

#[actix_web::test]
async fn an_outbox_that_stops_leaves_the_rest_to_others_at_once() {
    let sink = Sink::start();
    let Slow { hub, node, turn, first } = slow_node(&sink).await;
    node.stop();
    drop(first);
    assert_eq!(turn.await.unwrap(), 1);
    assert_eq!(node.turn().await.unwrap(), 0);
    assert_eq!(another(&hub, &sink).turn().await.unwrap(), 1);
    assert_eq!((sink.count("reader0@school.example"), sink.count("reader1@school.example")), (1, 1));
}

#[actix_web::test]
async fn a_letter_shown_for_want_of_a_server_goes_out_once_there_is_one() {
    let sink = Sink::start();
    let hub = TestHub::start().await;
    register(&hub, &[]).await;
    until(&hub, "the letter is shown", async || letter(&hub, "confirm").await.due_at > hub.clock.now()).await;
    let shown = letter(&hub, "confirm").await;
    assert_eq!((shown.tries, shown.state()), (0, LetterState::Waiting), "that was no try");
    hub.clock.advance(Duration::from_secs(365 * 86_400));
    hub.hub.outbox.start().await.unwrap();
    assert_eq!(hub.hub.outbox.turn().await.unwrap(), 0, "it is shown once");

    hub.hub.outbox.stop();
    let node = another(&hub, &sink);
    let begun = Instant::now();
    // Again, should the hub's own outbox have had it for a last moment.
    while letter(&hub, "confirm").await.state() != LetterState::Sent {
        assert!(begun.elapsed() < Duration::from_secs(20));
        node.start().await.unwrap();
        node.turn().await.unwrap();
    }
    assert_eq!((sink.mails().len(), letter(&hub, "confirm").await.tries), (1, 1));
    assert!(sink.mails()[0].link().len() > 60, "its link was kept for it");
}

/// Whoever could have the token put into an address of his own would confirm a mail address that is not his.
#[actix_web::test]
async fn a_secret_goes_nowhere_but_into_its_link() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    let link = hub.hub.desk.secret_link("/x");
    let place = link.split_once("token=").unwrap().1;
    for field in ["name", "contact_name"] {
        assert_eq!(register(&hub, &[(field, &format!("A {place} b"))]).await, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
    }
    let site = hub.active_site().await;
    let mut staff = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let suspended = staff.post(&format!("/staff/sites/{}/suspend", site.id), &[("reason", &format!("A {place} b"))]).await;
    assert_eq!(suspended.status, StatusCode::UNPROCESSABLE_ENTITY);

    let guess = "%%SECRET%%";
    let by_url = format!("https://evil.example/{place}/x");
    let by_guess = format!("https://evil.example/{guess}/x");
    let rows: [(&str, Vec<(&str, &str)>); 2] = [
        ("ada@school.example", vec![("contact_email", "ada@school.example"), ("url", by_url.as_str())]),
        (
            "bea@school.example",
            vec![("contact_email", "bea@school.example"), ("url", by_guess.as_str()), ("name", guess), ("contact_name", guess)],
        ),
    ];
    for (to, typed) in rows {
        assert_eq!(register(&hub, &typed).await, StatusCode::OK, "{to}");
        until(&hub, "the mail has come", async || sink.count(to) == 1).await;
        let mail = sink.mails().into_iter().find(|mail| mail.to == to).unwrap();
        let link = mail.link();
        let token = link.split_once("?token=").unwrap().1;
        assert_eq!(mail.part("text/plain").matches(token).count(), 1, "{to}");
        assert_eq!(mail.part("text/html").matches(token).count(), 2, "{to}");
        assert_eq!(follow(&hub, &link).await, StatusCode::SEE_OTHER, "{to}");
    }
}

/// Should a door ever let it in, it is no place any more. A link for a secret in a letter without one is a mistake of ours:
/// the act fails, and nothing is mailed.
#[actix_web::test]
async fn a_letter_without_a_secret_has_no_place_for_one() {
    let hub = TestHub::start().await;
    let place = hub.hub.desk.secret_link("/x");
    let wrong = PasswordChanged { hub: "Belfry".into(), name: "Ada".into(), link_reset: place.clone() };
    assert!(matches!(post(&hub, "ada@school.example", wrong).await, Err(Fault::Unreadable(_))));
    assert!(letters(&hub).await.is_empty());
    post(&hub, "ada@school.example", password_changed(&place)).await.unwrap();
    assert!(!letter(&hub, "password_changed").await.full_text().contains('\u{1}'));
}

/// Posts a letter that has no secret.
async fn post(hub: &TestHub, to: &str, letter: impl Letter + Send + 'static) -> Result<Option<LetterId>, Fault> {
    post_to(hub, to, "Ada", "en", Box::new(letter)).await
}

async fn post_to(hub: &TestHub, to: &str, name: &str, language: &str, letter: Box<dyn Letter + Send>) -> Result<Option<LetterId>, Fault> {
    let now = hub.clock.now();
    let address = EmailAddress::parse(to).unwrap();
    let to = Recipient { account: None, site: None, address, name: name.to_owned(), language: language.to_owned() };
    hub.hub.db.write(move |tx| mail::post(tx, now, &to, letter.as_ref(), None)).await
}

fn push_on() -> PushOn {
    PushOn {
        hub: "Belfry".into(),
        name: "Ada".into(),
        site_name: "School".into(),
        site_url: "https://moodle.school.example".into(),
        link: "https://hub.example/my/sites/1".into(),
    }
}

fn key_old() -> KeyOld {
    KeyOld {
        hub: "Belfry".into(),
        name: "Ada".into(),
        site_name: "School".into(),
        site_url: "https://moodle.school.example".into(),
        prefix: "belfry_s_abc".into(),
        since: "2 Dec 2025, 09:00 UTC".into(),
        link: "https://hub.example/my/sites/1/keys".into(),
    }
}

impl Mail {
    /// A header in one line.
    fn header(&self, name: &str) -> Option<String> {
        let (headers, _) = self.source.split_once("\n\n").unwrap();
        let headers = headers.replace("\n ", " ");
        let mut found = headers.lines().filter_map(|line| line.strip_prefix(&format!("{name}: ")).map(|value| value.trim().to_owned()));
        let first = found.next();
        assert!(found.next().is_none(), "{name} is there twice");
        first
    }
}

#[actix_web::test]
async fn letters_that_need_not_come_say_how_to_stop_them() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    post_to(&hub, "Ada@School.example", "Ada", "es_mx", Box::new(push_on())).await.unwrap();
    until_state(&hub, "push_on", LetterState::Sent).await;
    let mail = &sink.mails()[0];
    let token = Slip { mailbox: "ada@school.example".into(), topic: Topic::Push }.token(&hub.hub.ring);
    let link = format!("http://127.0.0.1:8080/mail/unsubscribe?token={token}");
    assert_eq!(mail.header("List-Unsubscribe"), Some(format!("<{link}>")));
    assert_eq!(mail.header("List-Unsubscribe-Post").as_deref(), Some("List-Unsubscribe=One-Click"));
    assert_eq!(mail.header("Content-Language").as_deref(), Some("es"));
    assert_eq!(mail.link(), link);
    assert!(mail.part("text/html").contains(&format!("href=\"{link}\"")));
    let posted = letter(&hub, "push_on").await;
    assert!(posted.language == "es" && !posted.full_text().contains(&token) && !posted.masked_text().contains('\u{1}'));

    post(&hub, "ada@school.example", password_changed("Ada")).await.unwrap();
    until_state(&hub, "password_changed", LetterState::Sent).await;
    assert_eq!(sink.mails()[1].header("List-Unsubscribe"), None);
}

/// RFC 8058 3.1: a POST from a mail program, which has neither cookies nor a form of ours.
#[actix_web::test]
async fn one_click_stops_letters_of_one_topic_to_one_mailbox() {
    let hub = TestHub::start().await;
    let path =
        format!("/mail/unsubscribe?token={}", Slip { mailbox: "ada@school.example".into(), topic: Topic::Push }.token(&hub.hub.ring));
    let bodies = [
        ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click".to_owned()),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n".to_owned(),
        ),
    ];
    assert!(post(&hub, "ada@school.example", push_on()).await.unwrap().is_some());
    for (kind, body) in bodies {
        let answer =
            hub.send(actix_web::http::Method::POST, &path, &[("Content-Type", kind), ("Origin", "https://mail.example")], body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert!(post(&hub, "ADA@school.example", push_on()).await.unwrap().is_none(), "{kind}");
        let again = hub.hub.db.write(|tx| mail::restart(tx.conn(), "ada@school.example", Topic::Push));
        again.await.unwrap();
    }
    let stop = hub.send(actix_web::http::Method::POST, &path, &[], "List-Unsubscribe=One-Click").await;
    assert_eq!(stop.status, StatusCode::OK);
    assert!(post(&hub, "ada@school.example", key_old()).await.unwrap().is_some(), "another topic");
    assert!(post(&hub, "ada@school.example", password_changed("Ada")).await.unwrap().is_some(), "one that must come");
    assert!(post(&hub, "bea@school.example", push_on()).await.unwrap().is_some(), "another mailbox");
    assert_eq!(letters(&hub).await.len(), 4);
}

#[actix_web::test]
async fn a_page_stops_letters_and_lets_them_come_again() {
    let hub = TestHub::start().await;
    let slip = Slip { mailbox: "ada@school.example".into(), topic: Topic::Reminders };
    let path = format!("/mail/unsubscribe?token={}", slip.token(&hub.hub.ring));
    let stopped = async || hub.hub.db.read(|conn| mail::is_stopped(conn, "ada@school.example", Topic::Reminders)).await.unwrap();
    let mut browser = hub.browser();
    let page = browser.get(&path).await;
    assert!(page.body.contains("a…@school.example") && page.body.contains("an access key of a site is old"), "{}", page.body);
    assert!(page.body.contains("Stop these letters") && !page.body.contains("ada@school"), "{}", page.body);
    assert!(!stopped().await, "who looks changes nothing");

    let answer = browser.post(&path, &[("act", "stop")]).await;
    assert_eq!((answer.status, answer.headers["location"].as_str()), (StatusCode::SEE_OTHER, path.as_str()));
    assert!(stopped().await);
    assert!(browser.get(&path).await.body.contains("Let them come again"));

    assert_eq!(browser.post_bare(&path, &[("act", "restart")], &[]).await.status, StatusCode::FORBIDDEN, "not the hub's own form");
    assert!(stopped().await);
    assert_eq!(browser.post(&path, &[("act", "restart")]).await.status, StatusCode::SEE_OTHER);
    assert!(!stopped().await);
}

#[actix_web::test]
async fn a_link_that_the_hub_has_not_made_stops_nothing() {
    let hub = TestHub::start().await;
    let good = Slip { mailbox: "ada@school.example".into(), topic: Topic::Push }.token(&hub.hub.ring);
    let mut browser = hub.browser();
    for token in ["", "x", &good[1..], &good[..good.len() - 4], "%00%ff", &"A".repeat(9_000)] {
        let path = format!("/mail/unsubscribe?token={token}");
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "{token}");
        assert_eq!(browser.post(&path, &[("act", "stop")]).await.status, StatusCode::NOT_FOUND, "{token}");
    }
    assert_eq!(browser.get("/mail/unsubscribe").await.status, StatusCode::NOT_FOUND);
    assert!(!hub.hub.db.read(|conn| mail::is_stopped(conn, "ada@school.example", Topic::Push)).await.unwrap());
}

#[actix_web::test]
async fn a_mailbox_that_refuses_is_noted_until_it_takes_a_letter() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    let refusing = async || hub.hub.db.read(|conn| mail::refusing(conn, 10)).await.unwrap();
    for (words, counts) in [("550 5.7.1 looks like spam", 0), ("550 5.1.1 no such mailbox", 1), ("552 5.2.2 it is full", 1)] {
        sink.refuse(At::Recipient, words);
        hub.clock.advance(Duration::from_secs(1));
        let id = post(&hub, "Ada@School.example", password_changed("Ada")).await.unwrap().unwrap();
        until(&hub, words, async || letter(&hub, "password_changed").await.state() == LetterState::GivenUp).await;
        let found = refusing().await;
        assert_eq!(found.len(), counts, "{words}");
        if let Some(found) = found.first() {
            assert_eq!((found.email_key.as_str(), found.letter_id), ("ada@school.example", Some(id)));
            assert!(found.why.contains(words.split_once(' ').unwrap().1), "{}", found.why);
        }
    }
    let (one, count) = hub
        .hub
        .db
        .read(|conn| Ok::<_, Fault>((mail::is_refusing(conn, "ada@school.example")?, mail::count_refusing(conn)?)))
        .await
        .unwrap();
    assert!(one.is_some() && count == 1);

    sink.accept();
    hub.clock.advance(Duration::from_secs(1));
    post(&hub, "ada@school.example", password_changed("Ada")).await.unwrap();
    until_state(&hub, "password_changed", LetterState::Sent).await;
    assert!(refusing().await.is_empty());
}

/// Whatever stands in whichever field of whichever letter: one reader, no header of somebody else's.
#[actix_web::test]
async fn no_field_of_a_letter_can_bring_a_header_along() {
    const ATTACK: &str = "x\r\nBcc: evil@example.com";
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    let now = hub.clock.now();
    let posted = hub.hub.db.write(move |tx| {
        let all = crate::letters::letters(&|name, _| if name.starts_with("link") { "https://hub.example/x".into() } else { ATTACK.into() });
        for letter in &all {
            let address = EmailAddress::parse("ada@school.example").unwrap();
            let to = Recipient { account: None, site: None, address, name: ATTACK.into(), language: ATTACK.into() };
            mail::post(tx, now, &to, letter.as_ref(), None)?;
        }
        Ok::<_, Fault>(all.len())
    });
    let posted = posted.await.unwrap();
    until(&hub, "all are sent", async || letters(&hub).await.iter().all(|letter| letter.state() == LetterState::Sent)).await;
    let mails = sink.mails();
    assert_eq!((mails.len(), sink.count("ada@school.example")), (posted, posted));
    for mail in mails {
        assert_eq!(mail.header("Bcc"), None, "{}", mail.source);
        assert!(mail.header("To").unwrap().ends_with("<ada@school.example>") && mail.header("Subject").is_some(), "{}", mail.source);
        let (headers, _) = mail.source.split_once("\n\n").unwrap();
        for line in headers.lines() {
            let name = line.split(':').next().unwrap();
            let known = ["From", "To", "Subject", "Reply-To", "Auto-Submitted", "Content-Language", "Message-ID", "MIME-Version", "Date"];
            let known = known.contains(&name) || ["Content-Type", "List-Unsubscribe", "List-Unsubscribe-Post"].contains(&name);
            assert!(line.starts_with([' ', '\t']) || known, "{line}");
        }
    }
}

#[actix_web::test]
async fn staff_send_a_letter_again() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    let mut staff = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    let button = |id: LetterId| format!("action=\"/staff/outbox/{id}/again\"");

    // One that was given up.
    sink.refuse(At::Recipient, "550 5.1.1 no such mailbox");
    hub.active_site().await;
    until_state(&hub, "verified", LetterState::GivenUp).await;
    let page = format!("/staff/outbox/{}", letter(&hub, "verified").await.id);
    assert!(staff.get(&page).await.body.contains(&button(letter(&hub, "verified").await.id)));
    sink.accept();
    let answer = staff.post(&format!("{page}/again"), &[]).await;
    assert_eq!((answer.status, answer.headers["location"].as_str()), (StatusCode::SEE_OTHER, page.as_str()));
    until_state(&hub, "verified", LetterState::Sent).await;
    assert_eq!(letter(&hub, "verified").await.tries, 1, "its tries have begun anew");
    assert!(!staff.get(&page).await.body.contains("/again\""));
    assert_eq!(staff.post(&format!("{page}/again"), &[]).await.status, StatusCode::CONFLICT);
    assert_eq!(sink.count("active@school.example"), 1);

    // One that waits for its next try.
    sink.refuse(At::Recipient, "421 4.3.2 closing");
    register(&hub, &[]).await;
    until_state(&hub, "confirm", LetterState::Retrying).await;
    sink.accept();
    let waiting = letter(&hub, "confirm").await.id;
    assert_eq!(staff.post(&format!("/staff/outbox/{waiting}/again"), &[]).await.status, StatusCode::SEE_OTHER);
    until_state(&hub, "confirm", LetterState::Sent).await;
    let mail = sink.mails().into_iter().find(|mail| mail.to == "ada@school.example").unwrap();
    assert_eq!(follow(&hub, &mail.link()).await, StatusCode::SEE_OTHER);

    // One that is not there.
    let unknown = "/staff/outbox/0198c0de-0000-7000-8000-000000000000/again";
    assert_eq!(staff.post(unknown, &[]).await.status, StatusCode::NOT_FOUND);
}

/// A letter's link dies when it is given up: sent again, it would lead nowhere.
#[actix_web::test]
async fn a_letter_whose_link_is_dead_is_not_sent_again() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    let mut staff = hub.person("mentor@hub.example", Some(Role::Reviewer)).await;
    sink.refuse(At::Recipient, "550 5.1.1 no such mailbox");
    register(&hub, &[]).await;
    until_state(&hub, "confirm", LetterState::GivenUp).await;
    sink.accept();
    let (id, now) = (letter(&hub, "confirm").await.id, hub.clock.now());
    let page = staff.get(&format!("/staff/outbox/{id}")).await;
    assert!(page.body.contains("works no more") && !page.body.contains("/again\""));
    assert_eq!(staff.post(&format!("/staff/outbox/{id}/again"), &[]).await.status, StatusCode::CONFLICT);
    // Not even when it is due all the same.
    assert!(hub.hub.db.write(move |tx| mail::again(tx.conn(), id, now)).await.unwrap());
    until_state(&hub, "confirm", LetterState::GivenUp).await;
    assert_eq!((sink.connections(), sink.mails().len()), (1, 0));
}

#[actix_web::test]
async fn letters_are_forgotten_three_months_after_their_end() {
    let sink = Sink::start();
    let hub = hub_with(&sink).await;
    hub.active_site().await;
    until_state(&hub, "verified", LetterState::Sent).await;
    sink.refuse(At::Recipient, "550 5.1.1 no such mailbox");
    register(&hub, &[]).await;
    until_state(&hub, "confirm", LetterState::GivenUp).await;
    sink.refuse(At::Recipient, "421 4.3.2 closing");
    post_letters(&hub, 1).await;
    until_state(&hub, "password_changed", LetterState::Retrying).await;
    let trim = async || {
        let now = hub.clock.now();
        let before = now - Duration::from_secs(90 * 86_400);
        hub.hub.db.write(move |tx| mail::erase(tx.conn(), now, mail::Erase::EndedBefore(before), 500)).await.unwrap()
    };
    hub.clock.advance(Duration::from_secs(89 * 86_400));
    assert_eq!(trim().await, 0);
    assert_eq!(hub.hub.db.read(mail::count_refusing).await.unwrap(), 1);
    hub.clock.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(trim().await, 2);
    assert_eq!(trim().await, 0, "once is enough");
    let kept = letters(&hub).await.into_iter().filter(|letter| !letter.to_address.is_empty());
    assert_eq!(kept.map(|letter| letter.kind).collect::<Vec<_>>(), ["password_changed"], "what waits is kept");
}
