use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::{accounts, sessions};
use crate::db::types::text_enum;
use crate::ids::{AccountId, SessionId};
use crate::mail::{EmailAddress, Recipient};

text_enum! {
    /// What a member of the hub team may do: an `analyst` reads, a `reviewer` acts on sites, an `admin` does all.
    pub enum Role {
        Admin => "admin",
        Reviewer => "reviewer",
        Analyst => "analyst",
    }
}

impl Role {
    /// Whether this role may do what somebody with `held` may not.
    pub fn is_more_than(self, held: Option<Self>) -> bool {
        held.is_none_or(|held| !held.may(self))
    }

    /// Whether this role may do what `needed` may.
    pub fn may(self, needed: Self) -> bool {
        let rank = |role| match role {
            Self::Analyst => 0,
            Self::Reviewer => 1,
            Self::Admin => 2,
        };
        rank(self) >= rank(needed)
    }
}

/// A person who can log in.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    pub id: AccountId,
    pub email: String,
    pub name: String,
    pub language: String,
    pub role: Option<Role>,
    /// It may log in no more.
    pub disabled_at: Option<Timestamp>,
    pub confirmed_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl Account {
    /// As the receiver of a letter; `None` if the stored address is none, which no door lets in.
    pub fn recipient(&self) -> Option<Recipient> {
        let address = EmailAddress::parse(&self.email).ok()?;
        Some(Recipient { account: Some(self.id), site: None, address, name: self.name.clone(), language: self.language.clone() })
    }
}

/// An account and what its password hashes to. `None`: it has no password yet.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Credentials {
    pub id: AccountId,
    pub password_hash: Option<String>,
    /// Grows with each change of the account: what began before one is over with it.
    pub revision: i64,
}

/// A login.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub address: String,
    pub agent: String,
    /// When they last showed again that it is them.
    pub proved_at: Option<Timestamp>,
}

/// What somebody is called: 1 to 100 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("Type a name: it stands at the head of our mails.".into()),
            n if n > 100 => Err("At most 100 characters, please.".into()),
            _ if text.chars().any(char::is_control) => Err("A name is one line of text.".into()),
            // It stands in mails to an address that nobody has confirmed yet.
            _ if text.contains("://") => Err("A name is no web address.".into()),
            _ => Ok(Self(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order() {
        assert!(Role::Admin.may(Role::Reviewer) && Role::Reviewer.may(Role::Analyst) && Role::Admin.may(Role::Admin));
        assert!(!Role::Analyst.may(Role::Reviewer) && !Role::Reviewer.may(Role::Admin));
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(PersonName::parse(" Ada ").map(|n| n.0), Ok("Ada".into()));
        assert!(PersonName::parse("").is_err() && PersonName::parse("a\nb").is_err() && PersonName::parse(&"x".repeat(101)).is_err());
    }
}
