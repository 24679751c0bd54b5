//! People: accounts, passwords, second factors, sessions, one-time links, roles. What a role may do to a site is not said here.

mod arrival;
pub mod factors;
mod letters;
mod life;
mod model;
mod password;
mod store;
pub mod team;

pub use arrival::{
    Arrived, Entry, How, IDLE, LONGEST, SignIn, arrive, arrive_fully, begin_session, browser, revoke_other_sessions, revoke_session,
};
pub use life::UNCONFIRMED_KEPT;
pub use life::{
    CONTACT_LINK_HOURS, Confirmed, LINK_HOURS, LinkError, SignUp, account_for, change_name, change_password, confirm, contact_link, forget,
    forgot, invite_staff, is_open, log_in, mail_confirmation, never_confirmed, reset_password, sign_up,
};
pub use model::{Account, Credentials, PersonName, Role, Session};
pub use password::{NewPassword, Passwords};
pub use store::{
    Factors, acting_team, close, end_other_sessions, end_session, factors_of, find, find_all, prove_session, search, session, sessions_of,
    touch_session, trim,
};
