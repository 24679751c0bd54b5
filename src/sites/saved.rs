//! Lists of sites that members of the team keep under a name, for themselves or for all of the team.

mod store;

use super::listing::Listing;
use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::error::Error;
use crate::ids::{AccountId, ViewId};
use crate::web::Fields;
pub use store::{View, views_of};

/// How many lists one member of the team may keep.
pub const MOST_VIEWS: i64 = 50;

/// What a list is called: 1 to 60 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewName(String);

impl ViewName {
    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("Type a name, so that you find it again.".into()),
            n if n > 60 => Err(format!("At most 60 characters, please; this has {n}.")),
            _ if text.chars().any(char::is_control) => Err("A name is one line of text.".into()),
            _ => Ok(Self(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A list that somebody keeps.
#[derive(Clone, Debug)]
pub struct NewView {
    pub name: ViewName,
    pub listing: Listing,
    /// All of the team sees it.
    pub shared: bool,
}

/// Keeps a list. Another of the same name by the same person gives way to it.
///
/// # Errors
/// [`Error::Invalid`] when they keep as many as they may.
pub fn save_view(tx: &mut Tx, now: Timestamp, account: AccountId, new: &NewView) -> Result<ViewId, Error> {
    tx.alone()?;
    store::delete_named(tx.conn(), account, new.name.as_str())?;
    if store::count(tx.conn(), account)? >= MOST_VIEWS {
        return Err(Error::field("name", format!("You keep {MOST_VIEWS} lists already. Delete one that you need no more.")));
    }
    let id = ViewId::new(now);
    store::insert(tx.conn(), id, account, (new.name.as_str(), &new.listing.query(), new.shared), now)?;
    Ok(id)
}

/// Forgets a list. `false`: this account keeps no such one.
///
/// # Errors
/// When it can't be written.
pub fn drop_view(tx: &mut Tx, account: AccountId, id: ViewId) -> Result<bool, Fault> {
    store::delete(tx.conn(), account, id)
}

impl View {
    /// What it lists, as far as it can still be read.
    pub fn listing(&self) -> Listing {
        Listing::parse(&Fields::parse(self.query.as_bytes())).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_called_something_on_one_line() {
        assert_eq!(ViewName::parse(" Big ones ").as_ref().map(ViewName::as_str), Ok("Big ones"));
        for bad in ["", " ", "a\nb", &"x".repeat(61)] {
            assert!(ViewName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
