//! The job that empties the outbox.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp;
use lettre::{Address, Message, SmtpTransport, Transport};
use secrecy::{ExposeSecret, SecretString};

use super::mailboxes::{self, Slip};
use super::store::{self, Posted};
use super::words::line;
use super::{Desk, TRIES, backoff};
use crate::clock::Clock;
use crate::db::{Db, Fault};
use crate::ids::LeaseId;
use crate::secret::Keyring;

/// How many letters one turn takes.
const AT_ONCE: i64 = 20;
/// How long one letter may take: a node that dies leaves its letters to others after this.
const LEASE: Duration = Duration::from_secs(300);
/// How long one SMTP command may take.
const SMTP_TIMEOUT: Duration = Duration::from_secs(20);
/// With no SMTP server a letter is shown once and then rests: as good as for ever, since [`Outbox::start`] wakes it where
/// there is a server.
const REST: Duration = Duration::from_secs(3_650 * 86_400);
/// The answers that tell of this mailbox or this message (RFC 5321 4.2.3), so that another try would hear the same. Any
/// other may be about the server or the hub's login to it, which somebody mends.
const PERMANENT: [u16; 6] = [501, 550, 551, 552, 553, 555];
/// Those of them that tell of the mailbox, where the server says no more than that.
const MAILBOX: [u16; 3] = [550, 551, 553];
/// How much of what a server said is kept for staff, in characters.
const WORDS: usize = 500;

/// Who letters are from.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    /// The hub's name.
    pub hub: &'a str,
    pub address: &'a str,
    /// Who reads answers; the sender's own address when there is none.
    pub contact: Option<&'a str>,
}

/// Who brings letters to their mailboxes: the SMTP server, where one is set.
pub struct Carrier {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    transport: Option<SmtpTransport>,
}

impl Carrier {
    /// # Errors
    /// When the sender's address or the server's URL can't be used.
    pub fn new(sender: Sender<'_>, smtp_url: Option<&SecretString>) -> anyhow::Result<Self> {
        let mailbox = |setting: &str, text: &str| {
            let address: Address = text.parse().with_context(|| format!("{setting}: {text:?} is no e-mail address"))?;
            anyhow::Ok(Mailbox::new(Some(sender.hub.to_owned()), address))
        };
        let from = mailbox("mail.from", sender.address)?;
        let reply_to = sender.contact.map(|contact| mailbox("hub.contact_email", contact)).transpose()?;
        let transport = smtp_url
            .map(|url| {
                anyhow::Ok(SmtpTransport::from_url(url.expose_secret()).context("mail.smtp_url")?.timeout(Some(SMTP_TIMEOUT)).build())
            })
            .transpose()?;
        Ok(Self { from, reply_to, transport })
    }

    /// Whether the SMTP server answers; `None` when none is set.
    pub fn server_answers(&self) -> Option<Result<bool, String>> {
        self.transport.as_ref().map(|t| t.test_connection().map_err(|e| e.to_string()))
    }
}

/// Sends what waits in the outbox, by SMTP or, where no server is set, to the console.
pub struct Outbox {
    db: Db,
    clock: Clock,
    carrier: Carrier,
    ring: Keyring,
    desk: Desk,
    show_letters: bool,
    stopping: Arc<AtomicBool>,
}

/// Why a letter was not sent, in words for staff.
struct Failure {
    why: String,
    permanent: bool,
    /// It is the mailbox that takes nothing, not this letter.
    by_mailbox: bool,
}

impl Failure {
    /// No message can be made of the letter.
    fn unfit(why: &anyhow::Error) -> Self {
        Self { why: words(&format!("{why:#}")), permanent: true, by_mailbox: false }
    }

    fn refused(error: &smtp::Error) -> Self {
        let (code, why) = (error.status().map(u16::from), words(&error.to_string()));
        let permanent = code.is_some_and(|code| PERMANENT.contains(&code));
        let by_mailbox = code.is_some_and(|code| tells_of_mailbox(code, &why));
        Self { why, permanent, by_mailbox }
    }
}

/// Whether a refusal is about the mailbox itself. The status within the words says so (RFC 3463: x.1 is the address, x.2 the
/// mailbox; x.7 is a policy, such as one against spam, and x.1.7 and x.1.8 are about the sender); without one, the code has to do.
fn tells_of_mailbox(code: u16, why: &str) -> bool {
    let mut statuses = why.split(|c: char| !c.is_ascii_digit() && c != '.').filter_map(|word| word.strip_prefix("5."));
    match statuses.find(|status| status.split('.').count() == 2) {
        Some(status) => (status.starts_with("1.") || status.starts_with("2.")) && !matches!(status, "1.7" | "1.8"),
        None => MAILBOX.contains(&code),
    }
}

/// What a server said, fit to be kept: PostgreSQL refuses a row with a NUL in it, and the letter would be tried for ever.
fn words(said: &str) -> String {
    said.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}

impl Outbox {
    /// `ring` and `desk` make the links by which letters are stopped. `show_letters`: print whole letters on the console when
    /// there is no server, as the local profile does.
    pub fn new(db: Db, clock: Clock, carrier: Carrier, ring: Keyring, desk: Desk, show_letters: bool) -> Self {
        Self { db, clock, carrier, ring, desk, show_letters, stopping: Arc::default() }
    }

    /// Whether the SMTP server answers; `None` when none is set.
    pub fn server_answers(&self) -> Option<Result<bool, String>> {
        self.carrier.server_answers()
    }

    /// Before the first turn: where there is a server, what was only shown while there was none becomes due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start(&self) -> Result<(), Fault> {
        if self.carrier.transport.is_some() {
            let now = self.clock.now();
            let woken = self.db.write(move |tx| store::wake(tx.conn(), now)).await?;
            if woken > 0 {
                tracing::info!(letters = woken, "letters that waited for an SMTP server are sent now");
            }
        }
        Ok(())
    }

    /// Ends a turn after the letter that is on its way, and begins no other.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// One turn: takes what is due and sends it. Gives how many letters it has tried or shown.
    ///
    /// # Errors
    /// When the database does not answer. A letter that can't be sent is no error: it is noted with the letter.
    pub async fn turn(&self) -> Result<usize, Fault> {
        let now = self.clock.now();
        if self.is_stopping() || !self.db.read(move |conn| store::any_due(conn, now)).await? {
            return Ok(0);
        }
        let mine = LeaseId::new(now);
        let letters = self.db.write(move |tx| store::lease(tx.conn(), now, mine, now + LEASE, AT_ONCE)).await?;
        let mut done = 0;
        for letter in &letters {
            let (id, now) = (letter.id, self.clock.now());
            if self.is_stopping() {
                self.db.write(move |tx| store::release(tx.conn(), mine, now)).await?;
                break;
            }
            // Those before it may have taken long: if the lease ran out meanwhile, another node may be sending this one.
            if !self.db.write(move |tx| store::renew(tx.conn(), id, mine, now + LEASE)).await? {
                continue;
            }
            match &self.carrier.transport {
                Some(transport) => self.send(transport.clone(), letter, mine).await?,
                None => self.show(letter, mine).await?,
            }
            done += 1;
        }
        Ok(done)
    }

    async fn send(&self, transport: SmtpTransport, letter: &Posted, mine: LeaseId) -> Result<(), Fault> {
        let tried = match self.message(letter) {
            Err(why) => Err(Failure::unfit(&why)),
            Ok(message) => match tokio::task::spawn_blocking(move || transport.send(&message)).await {
                Ok(answer) => answer.map(|_| ()).map_err(|e| Failure::refused(&e)),
                Err(broken) => Err(Failure { why: words(&broken.to_string()), permanent: false, by_mailbox: false }),
            },
        };
        let (id, now, tries) = (letter.id, self.clock.now(), letter.tries + 1);
        let mailbox = letter.address().map(|address| address.key()).unwrap_or_default();
        match tried {
            Ok(()) => {
                let noted = self.db.write(move |tx| {
                    mailboxes::accepts(tx.conn(), &mailbox)?;
                    store::sent(tx.conn(), id, mine, now)
                });
                if noted.await? {
                    tracing::info!(letter.id = %id, letter.kind = letter.kind, "a letter was sent");
                } else {
                    tracing::warn!(letter.id = %id, letter.kind = letter.kind, "a letter took longer than its lease: it may come twice");
                }
                Ok(())
            }
            Err(failure) if failure.permanent || tries >= TRIES => {
                // The server's words may hold the address: they are kept for staff, not logged.
                tracing::warn!(letter.id = %id, letter.kind = letter.kind, tries, given_up = true, "a letter could not be sent");
                let noted = self.db.write(move |tx| {
                    let ours = store::given_up(tx.conn(), id, mine, now, &failure.why)?;
                    if ours && failure.permanent && failure.by_mailbox {
                        mailboxes::refuses(tx.conn(), &mailbox, id, now, &failure.why)?;
                    }
                    Ok::<_, Fault>(())
                });
                noted.await
            }
            Err(Failure { why, .. }) => {
                tracing::warn!(letter.id = %id, letter.kind = letter.kind, tries, given_up = false, "a letter could not be sent");
                let due_at = now + backoff(tries);
                self.db.write(move |tx| store::failed(tx.conn(), id, mine, now, &why, due_at)).await
            }
        }
    }

    async fn show(&self, letter: &Posted, mine: LeaseId) -> Result<(), Fault> {
        if self.show_letters {
            let rule = "-".repeat(72);
            let (to, subject, (text, _)) = (&letter.to_address, &letter.subject, letter.to_send(self.stop_link(letter).as_deref()));
            // A console that is gone is no reason to stop: the outbox has the letter too.
            let _ = writeln!(std::io::stdout(), "{rule}\nMail to {to} (no SMTP server is set)\n{subject}\n\n{text}\n{rule}");
        } else {
            tracing::warn!(letter.id = %letter.id, "a letter waits in the outbox: no SMTP server is set (mail.smtp_url)");
        }
        let (id, now) = (letter.id, self.clock.now());
        self.db.write(move |tx| store::shown(tx.conn(), id, mine, now, now + REST)).await
    }

    /// Where the reader of a letter stops letters like it.
    fn stop_link(&self, letter: &Posted) -> Option<String> {
        let (topic, address) = (letter.topic()?, letter.address().ok()?);
        Some(self.desk.stop_link(&self.ring, &Slip { mailbox: address.key(), topic }))
    }

    fn message(&self, letter: &Posted) -> anyhow::Result<Message> {
        anyhow::ensure!(!letter.has_lost_its_link(), "the link in it works no more");
        let address = letter.address().map_err(anyhow::Error::msg)?;
        let name = line(&letter.to_name).trim().to_owned();
        let to = Mailbox::new(Some(name).filter(|name| !name.is_empty()), address.inner().clone());
        let mut message = Message::builder().from(self.carrier.from.clone()).to(to).subject(&letter.subject);
        if let Some(reply_to) = &self.carrier.reply_to {
            message = message.reply_to(reply_to.clone());
        }
        let stop = self.stop_link(letter);
        if let Some(link) = &stop {
            // One click in the mail program is enough (RFC 8058).
            message = message.raw_header(header("List-Unsubscribe", format!("<{link}>")));
            message = message.raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into()));
        }
        let (text, html) = letter.to_send(stop.as_deref());
        let message = message
            // So that holiday notices are not sent back (RFC 3834 5).
            .raw_header(header("Auto-Submitted", "auto-generated".into()))
            .raw_header(header("Content-Language", letter.language.clone()))
            // The same for each try, so that a mailbox can tell a repetition.
            .message_id(Some(format!("<{}@{}>", letter.id, self.carrier.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(text, html))?;
        Ok(message)
    }
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_server_said_is_cut_and_cleaned() {
        assert_eq!(words("permanent error (550): no\0 such\u{7} mail\r\nbox"), "permanent error (550): no such mailbox");
        assert_eq!(words(&"é".repeat(600)).chars().count(), WORDS);
    }

    #[test]
    fn refusals_tell_whether_it_is_the_mailbox() {
        let rows = [
            (550, "permanent error (550): 5.1.1 no such mailbox", true),
            (550, "permanent error (550): 5.2.1 mailbox disabled", true),
            (552, "permanent error (552): 5.2.2 mailbox full", true),
            (550, "permanent error (550): no such user here", true),
            (550, "permanent error (550): 5.7.1 this looks like spam", false),
            (553, "permanent error (553): 5.1.8 sender's domain unknown", false),
            (550, "permanent error (550): host 192.0.2.5 says no", true),
            (552, "permanent error (552): too large", false),
            (554, "permanent error (554): 5.7.1 blocked", false),
        ];
        for (code, words, expected) in rows {
            assert_eq!(tells_of_mailbox(code, words), expected, "{words}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_can_be_kept(said in prop::collection::vec(any::<char>(), 0..600)) {
            let kept = words(&said.into_iter().collect::<String>());
            prop_assert!(kept.chars().count() <= WORDS && !kept.contains(char::is_control));
        }
    }
}
