//! What the layout shows around every page.

use crate::clock::Timestamp;

use super::Assets;

/// Somebody who is logged in, as the layout names them.
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub staff: bool,
}

/// A word said once, on the page after an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// `ok`, `warn` or `error`.
    pub kind: String,
    pub text: String,
}

/// What the layout needs.
#[derive(Clone)]
pub struct Page {
    pub hub_name: String,
    pub css: String,
    pub logo: String,
    pub favicon: String,
    pub user: Option<User>,
    /// Goes into each form that changes something.
    pub csrf: String,
    pub flash: Option<Flash>,
    pub path: String,
    /// The local profile: mail may be read on the console.
    pub local: bool,
    pub contact: Option<String>,
    pub(crate) assets: Assets,
}

impl Page {
    /// The address of a script.
    pub fn script(&self, name: &str) -> String {
        self.assets.url(name)
    }
}

/// A short mark with a colour: `ok`, `warn`, `bad` or `idle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    pub kind: &'static str,
    pub text: String,
}

impl Badge {
    pub fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// A moment, as templates show it.
#[derive(Clone, Copy, Debug)]
pub struct When(Timestamp);

impl When {
    pub fn iso(&self) -> String {
        self.0.rfc3339()
    }

    pub fn text(&self) -> String {
        self.0.readable()
    }
}

impl From<Timestamp> for When {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}
