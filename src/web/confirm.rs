//! The page that asks whether it is still them, and keeps the form that waits for it.

use askama::Template;

use super::{Field, Page};

/// What the page asks for, by name: never handed on with the form.
pub const CONFIRM_FIELDS: [&str; 4] = ["confirm_password", "confirm_code", "confirm_ceremony", "confirm_credential"];

#[derive(Template)]
#[template(path = "web/confirm.html")]
pub struct ConfirmPage {
    pub page: Page,
    /// Where the form goes: where it came from.
    pub action: String,
    /// The form that waits.
    pub kept: Vec<(String, String)>,
    pub password: Field,
    pub code: Field,
    pub errors: Vec<(String, String)>,
    pub has_password: bool,
    pub has_code: bool,
    pub has_passkey: bool,
}
