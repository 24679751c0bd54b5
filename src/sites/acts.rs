//! What the team does to many sites at once: what would happen to each, and why it can't.

use std::time::Duration;

use super::life::tell;
use super::model::{ProofKind, Site, SiteState};
use super::store;
use crate::accounts;
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::types::text_enum;
use crate::db::{Conn, Fault, Tx};
use crate::error::Error;
use crate::ids::SiteId;
use crate::mail::{self, Desk, Notice};

text_enum! {
    /// An act on sites.
    pub enum Act {
        Suspend => "suspend",
        Lift => "lift",
        Verify => "verify",
        StopPush => "stop_push",
        AllowPush => "allow_push",
        Notice => "notice",
    }
}

impl Act {
    /// Why it can't be done to a site; `None`: it can. Approving takes an address from nobody: whoever has it is not on the
    /// list of what somebody looks at, and would be put on hold unseen.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn refused(self, conn: &mut Conn, site: &Site, now: Timestamp) -> Result<Option<String>, Fault> {
        let why = self.refused_by_state(site, now);
        if why.is_some() || self != Self::Verify {
            return Ok(why);
        }
        let is_taken = store::holder(conn, &site.url_key, site.id)?.is_some() || !store::claims(conn, &site.url_key, site.id)?.is_empty();
        Ok(is_taken.then(|| TAKEN.to_owned()))
    }

    fn refused_by_state(self, site: &Site, now: Timestamp) -> Option<String> {
        if site.state == SiteState::Unregistered {
            return Some("It has left the hub.".into());
        }
        match self {
            Self::Suspend => site.suspended("").err().map(|error| match site.state {
                SiteState::Suspended => "It is suspended already.".to_owned(),
                _ => words(error),
            }),
            Self::Lift => site.lifted().err().map(|_| "It is not suspended.".into()),
            Self::Verify if site.state == SiteState::Active => Some("It is active already.".into()),
            Self::Verify if site.held_since.is_some() => {
                Some("Another registration stands against it: decide between the two on its page.".into())
            }
            Self::Verify => site.proved(ProofKind::Staff, now).err().map(words),
            Self::StopPush => site.push_stopped.then(|| "Its push is stopped already.".into()),
            Self::AllowPush => (!site.push_stopped).then(|| "Nobody has stopped its push.".into()),
            Self::Notice if !site.email_alerts => Some("It does not want mails from the hub.".into()),
            Self::Notice => (site.account_id.is_none() && site.contact().is_none()).then(|| NOBODY.into()),
        }
    }
}

const TAKEN: &str = "Another registration has this address: decide on its page.";
const NOBODY: &str = "There is nobody to write to: it has no confirmed mail address.";
/// A notice that was sent is not sent once more by a form that is sent twice.
const BETWEEN_NOTICES: Duration = Duration::from_secs(3_600);
/// To a mailbox of which nobody has shown that it is theirs.
const BETWEEN_NOTICES_TO_STRANGERS: Duration = Duration::from_secs(86_400);

/// What the team writes to the contacts of sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    subject: String,
    body: String,
}

impl Words {
    /// The subject: 1 to 150 characters on one line.
    ///
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn subject(text: &str) -> Result<String, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("Type what the mail is about.".into()),
            n if n > 150 => Err(format!("At most 150 characters, please; this has {n}.")),
            _ if text.chars().any(char::is_control) => Err("A subject is one line of text.".into()),
            _ => Ok(text.to_owned()),
        }
    }

    /// The text: 1 to 4,000 characters.
    ///
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn body(text: &str) -> Result<String, String> {
        let text = text.trim().replace("\r\n", "\n");
        match text.chars().count() {
            0 => Err("Type what you want to tell them.".into()),
            n if n > 4_000 => Err(format!("At most 4,000 characters, please; this has {n}.")),
            _ if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => Err("This has characters that can't be shown.".into()),
            _ => Ok(text),
        }
    }

    pub fn new(subject: String, body: String) -> Self {
        Self { subject, body }
    }
}

/// What is to be done to many sites, and why.
#[derive(Clone, Debug)]
pub struct Order {
    pub act: Act,
    pub reason: Reason,
    /// Of a notice.
    pub words: Option<Words>,
}

/// Sends the words of an order to whoever reads the mails about a site, if that is somebody and not too soon after the last.
///
/// # Errors
/// When it can't be written.
pub fn notify(tx: &mut Tx, desk: &Desk, now: Timestamp, by: Actor, site: &Site, order: &Order) -> Result<Became, Error> {
    let Some(Words { subject, body }) = &order.words else { return Ok(Became::Refused("The notice has no words.".into())) };
    let knows = match site.account_id {
        Some(account) => accounts::find(tx.conn(), account)?.is_some_and(|account| account.confirmed_at.is_some()),
        None => site.contact().is_some(),
    };
    if !knows {
        return Ok(Became::Refused(NOBODY.into()));
    }
    let pause = if site.account_id.is_some() { BETWEEN_NOTICES } else { BETWEEN_NOTICES_TO_STRANGERS };
    if mail::posted_since(tx.conn(), site.id, "notice", now - pause)? {
        return Ok(Became::Refused("A notice went to it a short while ago.".into()));
    }
    tell(tx, now, site, |name| {
        Box::new(Notice {
            hub: desk.hub(),
            name,
            site_name: site.name.clone(),
            site_url: site.url.clone(),
            subject: subject.clone(),
            body: body.clone(),
            link: desk.link(&format!("/my/sites/{}", site.id)),
        })
    })?;
    audit::note(tx, now, by, Event::NoticeSent, site.id, Some(&format!("{subject}: {}", order.reason.as_str())))?;
    Ok(Became::Done)
}

fn words(error: super::SiteError) -> String {
    match Error::from(error) {
        Error::Conflict(words) => words,
        _ => "It can't be done to this site.".into(),
    }
}

/// What became of one site of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    Done,
    Refused(String),
    /// It has changed since it was shown: nothing was done to it.
    Changed,
    Gone,
}

/// A site that somebody has looked at in this revision, if it is still in it and the act can be done to it; else what became
/// of it. Whoever calls this does the act, in the same transaction.
///
/// # Errors
/// When the database does not answer.
pub fn as_seen(tx: &mut Tx, now: Timestamp, (id, revision): (SiteId, i64), act: Act) -> Result<Result<Site, Became>, Error> {
    tx.alone()?;
    let Some(site) = store::find(tx.conn(), id)? else { return Ok(Err(Became::Gone)) };
    if site.revision != revision {
        return Ok(Err(Became::Changed));
    }
    Ok(match act.refused(tx.conn(), &site, now)? {
        Some(why) => Err(Became::Refused(why)),
        None => Ok(site),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_has_a_subject_on_one_line_and_a_text() {
        assert_eq!(Words::subject(" News ").as_deref(), Ok("News"));
        assert_eq!(Words::body(" a\r\nb ").as_deref(), Ok("a\nb"));
        for bad in ["", " ", "a\r\nBcc: x@y.example", "a\u{1}b", &"x".repeat(151)] {
            assert!(Words::subject(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a\0b", "a\u{1}b", &"x".repeat(4_001)] {
            assert!(Words::body(bad).is_err(), "{bad:?}");
        }
    }
}
