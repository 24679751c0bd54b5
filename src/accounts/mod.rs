//! People: accounts, passwords, sessions, one-time links, roles. What a role may do to a site is not said here.

mod life;
mod model;
mod password;
mod store;
pub mod team;

pub use life::{
    CONTACT_LINK_HOURS, Confirmed, LINK_HOURS, LinkError, SignIn, SignUp, account_for, begin_session, change_name, change_password,
    confirm, contact_link, forget, forgot, invite_staff, is_open, log_in, mail_confirmation, never_confirmed, reset_password, sign_up,
};
pub use model::{Account, Credentials, PersonName, Role, Session};
pub use password::{NewPassword, Passwords};
pub use store::{acting_team, end_other_sessions, end_session, end_session_of, find, session, sessions_of, touch_session, trim};
