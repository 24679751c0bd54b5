//! The job that empties the outbox.

use std::time::Duration;

use anyhow::Context;
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message, SmtpTransport, Transport};
use secrecy::{ExposeSecret, SecretString};

use super::store::{self, Posted};
use super::{TRIES, backoff};
use crate::clock::Clock;
use crate::db::{Db, Fault};
use crate::ids::LeaseId;

/// How many letters one turn takes.
const AT_ONCE: i64 = 20;
/// How long one turn may take: a node that dies leaves its letters to others after this.
const LEASE: Duration = Duration::from_secs(300);
/// How long one SMTP command may take.
const SMTP_TIMEOUT: Duration = Duration::from_secs(20);
/// With no SMTP server a letter stays, and is looked at again after this: one may have been set meanwhile.
const NO_SERVER: Duration = Duration::from_secs(24 * 3600);

/// Sends what waits in the outbox, by SMTP or, where no server is set, to the console.
pub struct Outbox {
    db: Db,
    clock: Clock,
    from: Mailbox,
    transport: Option<SmtpTransport>,
    show_letters: bool,
}

impl Outbox {
    /// `show_letters`: print whole letters on the console when there is no server, as the local profile does.
    ///
    /// # Errors
    /// When the sender's address or the server's URL can't be used.
    pub fn new(db: Db, clock: Clock, hub: &str, from: &str, smtp_url: Option<&SecretString>, show_letters: bool) -> anyhow::Result<Self> {
        let address: Address = from.parse().with_context(|| format!("mail.from: {from:?} is no e-mail address"))?;
        let transport = smtp_url
            .map(|url| {
                anyhow::Ok(SmtpTransport::from_url(url.expose_secret()).context("mail.smtp_url")?.timeout(Some(SMTP_TIMEOUT)).build())
            })
            .transpose()?;
        Ok(Self { db, clock, from: Mailbox::new(Some(hub.to_owned()), address), transport, show_letters })
    }

    /// Whether the SMTP server answers; `None` when none is set.
    pub fn server_answers(&self) -> Option<Result<bool, String>> {
        self.transport.as_ref().map(|t| t.test_connection().map_err(|e| e.to_string()))
    }

    /// One turn: takes what is due and sends it. Gives how many letters it took.
    ///
    /// # Errors
    /// When the database does not answer. A letter that can't be sent is no error: it is noted with the letter.
    pub async fn turn(&self) -> Result<usize, Fault> {
        let now = self.clock.now();
        if !self.db.read(move |conn| store::any_due(conn, now)).await? {
            return Ok(0);
        }
        let mine = LeaseId::new(now);
        let letters = self.db.write(move |tx| store::lease(tx.conn(), now, mine, now + LEASE, AT_ONCE)).await?;
        for letter in &letters {
            match &self.transport {
                Some(transport) => self.send(transport.clone(), letter).await?,
                None => self.show(letter).await?,
            }
        }
        Ok(letters.len())
    }

    async fn send(&self, transport: SmtpTransport, letter: &Posted) -> Result<(), Fault> {
        let message = self.message(letter);
        let sent = match message {
            Err(why) => Err((why.to_string(), true)),
            Ok(message) => tokio::task::spawn_blocking(move || transport.send(&message))
                .await
                .map_err(|e| (e.to_string(), false))
                .and_then(|sent| sent.map_err(|e| (e.to_string(), e.is_permanent()))),
        };
        let (id, now, tries) = (letter.id, self.clock.now(), letter.tries + 1);
        match sent {
            Ok(_) => {
                tracing::info!(letter.id = %id, letter.kind = letter.kind, "a letter was sent");
                self.db.write(move |tx| store::sent(tx.conn(), id, now)).await
            }
            Err((why, permanent)) => {
                let given_up = permanent || tries >= TRIES;
                // The server's words may hold the address: they are kept for staff, not logged.
                tracing::warn!(letter.id = %id, letter.kind = letter.kind, tries, given_up, "a letter could not be sent");
                self.db.write(move |tx| store::failed(tx.conn(), id, now, Some(&why), now + backoff(tries), given_up)).await
            }
        }
    }

    #[allow(clippy::print_stdout, reason = "the console is the newcomer's letter box here")]
    async fn show(&self, letter: &Posted) -> Result<(), Fault> {
        if letter.tries == 0 {
            if self.show_letters {
                let rule = "-".repeat(72);
                println!(
                    "{rule}\nMail to {} (no SMTP server is set)\n{}\n\n{}\n{rule}",
                    letter.to_address,
                    letter.subject,
                    letter.full_text()
                );
            } else {
                tracing::warn!(letter.id = %letter.id, "a letter waits in the outbox: no SMTP server is set (mail.smtp_url)");
            }
        }
        let (id, now) = (letter.id, self.clock.now());
        self.db.write(move |tx| store::failed(tx.conn(), id, now, None, now + NO_SERVER, false)).await
    }

    fn message(&self, letter: &Posted) -> anyhow::Result<Message> {
        let address = letter.address().map_err(anyhow::Error::msg)?;
        let to = Mailbox::new(Some(letter.to_name.clone()).filter(|name| !name.is_empty()), address.inner().clone());
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&letter.subject)
            // The same for each try, so that a mailbox can tell a repetition.
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(letter.full_text(), letter.full_html()))?;
        Ok(message)
    }
}
