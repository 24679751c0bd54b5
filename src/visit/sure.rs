//! Whether it is still them: before an act that does harm in the wrong hands, whoever is logged in shows again that it is
//! them, if they have not done so lately. The form waits in the page that asks, and goes on from there in one request.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::Visit;
use crate::accounts::factors::{self, Factors, Hand, Kind, Reply};
use crate::accounts::{self, Account, Credentials, Session};
use crate::audit::Actor;
use crate::db::Fault;
use crate::error::{Error, FieldErrors};
use crate::hub::Hub;
use crate::web::{self, ConfirmPage, Fields};

/// How long it holds that somebody has shown that it is them.
const HOLDS: Duration = Duration::from_secs(15 * 60);

/// What is shown for it.
enum Proof {
    Password,
    /// The password that the form itself asks for.
    Current,
    Code,
    Passkey,
}

impl Proof {
    /// Of what came with the form; nothing: it has not been asked for yet.
    fn of(fields: &Fields) -> Option<Self> {
        let came = |name| !fields.text(name).is_empty();
        if came("confirm_credential") {
            Some(Self::Passkey)
        } else if came("confirm_code") {
            Some(Self::Code)
        } else if fields.given("confirm_password").is_some() {
            Some(Self::Password)
        } else if came("current_password") {
            Some(Self::Current)
        } else {
            None
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::Password | Self::Current => "confirm_password",
            Self::Code | Self::Passkey => "confirm_code",
        }
    }

    fn wrong(&self) -> &'static str {
        match self {
            Self::Password | Self::Current => "This is not your password.",
            Self::Code => "This code is not right, or was used already. Wait for the next one.",
            Self::Passkey => "The passkey did not answer as it should. Try again.",
        }
    }
}

/// `None`: it is them, and the form goes on without what was asked for. Else the page that asks.
pub(super) async fn check(
    hub: &Hub,
    visit: &Visit,
    (session, account): &(Session, Account),
    path: &str,
    fields: &mut Fields,
) -> Result<Option<HttpResponse>, Error> {
    let now = hub.clock.now();
    let proof = Proof::of(fields);
    let lately = session.proved_at.is_some_and(|at| now.since(at) <= HOLDS);
    if !lately {
        let mut errors = FieldErrors::default();
        let mut status = StatusCode::OK;
        let shown = match &proof {
            None => false,
            Some(proof) => match shows(hub, visit, session, account, proof, fields).await {
                Ok(true) => true,
                Ok(false) => {
                    errors.add(proof.field(), proof.wrong());
                    status = StatusCode::UNPROCESSABLE_ENTITY;
                    false
                }
                // Kept at the form: what was typed is not lost to a limit.
                Err(error) => {
                    let words = web::come_back(&error).ok_or(error)?;
                    errors.add(proof.field(), words);
                    status = StatusCode::TOO_MANY_REQUESTS;
                    false
                }
            },
        };
        if !shown {
            return ask(hub, visit, account, path, fields, errors, status).await.map(Some);
        }
    }
    // A form that asks for the password itself has it now.
    if matches!(proof, Some(Proof::Password)) && !lately && fields.given("current_password").is_some() {
        let password = fields.text("confirm_password").to_owned();
        fields.set("current_password", &password);
    }
    for name in web::CONFIRM_FIELDS {
        fields.remove(name);
    }
    Ok(None)
}

async fn ask(
    hub: &Hub,
    visit: &Visit,
    account: &Account,
    path: &str,
    fields: &Fields,
    errors: FieldErrors,
    status: StatusCode,
) -> Result<HttpResponse, Error> {
    let id = account.id;
    let read = hub.db.read(move |conn| Ok::<_, Fault>((Credentials::of(conn, id)?, Factors::of(conn, id)?)));
    let (known, factors) = read.await.map_err(Error::from)?;
    let page = ConfirmPage {
        page: visit.page(hub),
        action: path.to_owned(),
        kept: fields
            .pairs()
            .into_iter()
            .filter(|(name, _)| name != "csrf_token" && !web::CONFIRM_FIELDS.contains(&name.as_str()))
            .collect(),
        password: Fields::emptied("confirm_password", &errors),
        code: Fields::emptied("confirm_code", &errors),
        errors: errors.listed(),
        has_password: known.is_some_and(|known| known.password_hash.is_some()),
        has_code: factors.any(),
        has_passkey: !factors.passkeys.is_empty() && hub.passkeys.is_there(),
    };
    web::html(status, &page)
}

/// Whether what came shows that it is them; if so, the session remembers.
async fn shows(hub: &Hub, visit: &Visit, session: &Session, account: &Account, proof: &Proof, fields: &Fields) -> Result<bool, Error> {
    // By the account, not by its address: whoever knows the address can use up the logins to that.
    hub.doors.factor_of(account.id)?;
    let (id, session, now) = (account.id, session.id, hub.clock.now());
    match proof {
        Proof::Password | Proof::Current => {
            let typed = fields.secret(if matches!(proof, Proof::Current) { "current_password" } else { "confirm_password" });
            let known = hub.db.read(move |conn| Credentials::of(conn, id)).await.map_err(Error::from)?;
            let hash = known.and_then(|known| known.password_hash);
            if !hub.passwords.verify(typed, hash).await? {
                return Ok(false);
            }
            hub.db.write(move |tx| accounts::prove_session(tx.conn(), session, now)).await.map_err(Error::from)?;
            Ok(true)
        }
        Proof::Code => {
            let (desk, ring, typed) = (hub.desk.clone(), hub.ring.clone(), fields.text("confirm_code").to_owned());
            let by = Actor::Account(id, Some(visit.address));
            let used = hub.db.write(move |tx| {
                let hand = Hand { desk: &desk, ring: &ring, now, by, account: id };
                let used = factors::use_code(tx, &hand, &typed)?.is_some();
                if used {
                    accounts::prove_session(tx.conn(), session, now)?;
                }
                Ok::<_, Fault>(used)
            });
            Ok(used.await.map_err(Error::from)?)
        }
        Proof::Passkey => {
            let Some(reply) = reply_of(fields, "confirm_ceremony", "confirm_credential") else { return Ok(false) };
            let (rp, ring) = (hub.passkeys.clone(), hub.ring.clone());
            let taken = hub.db.write(move |tx| {
                let taken = factors::take(tx, &rp, &ring, now, Kind::Prove, Some(id), &reply)?.is_some();
                if taken {
                    accounts::prove_session(tx.conn(), session, now)?;
                }
                Ok::<_, Fault>(taken)
            });
            Ok(taken.await.map_err(Error::from)?)
        }
    }
}

/// The answer of an authenticator in a form. `None`: there is none.
pub fn reply_of(fields: &Fields, ceremony: &str, credential: &str) -> Option<Reply> {
    let ceremony = fields.text(ceremony).parse().ok()?;
    Some(Reply { ceremony, credential: fields.text(credential).to_owned() })
}
