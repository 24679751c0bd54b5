//! Pages for anybody: the front page, registration, login, help.

pub mod front;
pub mod health;
pub mod leaked_key;
pub mod login;
pub mod password;
pub mod register;
pub mod report_abuse;
pub mod second_factor;
pub mod texts;
pub mod unsubscribe;
