//! The passkeys of an account: added by a script with the browser's help, removed by a form.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use actix_web::{Either, HttpResponse};

use super::security::{act, codes_page, page};
use crate::accounts::factors::{self, Asked, PasskeyName, PasskeySet};
use crate::error::{Error, FieldErrors};
use crate::hub::{self, Hub};
use crate::ids::PasskeyId;
use crate::visit::{self, Owner, Posted};
use crate::web::Redirect;

/// `POST /account/passkeys/begin`: what the browser's script is to ask its authenticators for.
pub async fn begin(hub: Data<Hub>, owner: Owner, _: Posted) -> Result<Json<Asked>, Error> {
    hub::pass(&hub.doors.ceremonies, owner.visit.address)?;
    if !hub.passkeys.is_there() {
        return Err(Error::NotFound);
    }
    let rp = hub.passkeys.clone();
    let asked = act(&hub, &owner, move |tx, hand| factors::ask_for_new(tx, &rp, hand)).await?;
    asked.map(Json).ok_or_else(|| Error::Conflict("You have as many passkeys as an account may have. Remove one first.".into()))
}

/// `POST /account/passkeys`: the authenticator's answer, and what the passkey is to be called.
pub async fn add(hub: Data<Hub>, owner: Owner, Posted(fields): Posted) -> Result<Either<HttpResponse, Redirect>, Error> {
    let mut errors = FieldErrors::default();
    let name = fields.read("name", &mut errors, PasskeyName::parse);
    let reply = visit::reply_of(&fields, "ceremony", "credential");
    if let (Some(name), Some(reply)) = (name, reply)
        && hub.passkeys.is_there()
    {
        let (rp, kept) = (hub.passkeys.clone(), owner.session.id);
        match act(&hub, &owner, move |tx, hand| factors::add_passkey(tx, &rp, hand, &reply, &name, kept)).await? {
            PasskeySet::Done(Some(codes)) => return codes_page(&hub, &owner, codes, true).map(Either::Left),
            PasskeySet::Done(None) => {
                let words = "The passkey is added. Other devices are logged out.";
                return Ok(Either::Right(Redirect::to("/account/security").flash("ok", words)));
            }
            PasskeySet::Refused => {}
        }
    }
    if errors.is_empty() {
        errors.add("form", "The passkey was not added: the browser's answer did not fit, or took longer than five minutes. Try again.");
    }
    page(&hub, &owner, &fields, &errors, StatusCode::UNPROCESSABLE_ENTITY).await.map(Either::Left)
}

/// `POST /account/passkeys/{passkey}/remove`
pub async fn remove(hub: Data<Hub>, owner: Owner, passkey: Path<PasskeyId>, _: Posted) -> Result<Redirect, Error> {
    let id = passkey.into_inner();
    if !act(&hub, &owner, move |tx, hand| factors::remove_passkey(tx, hand, id)).await? {
        return Err(Error::NotFound);
    }
    let note = "The passkey is removed here. Delete it on your device too.";
    Ok(Redirect::to("/account/security").flash("ok", note))
}
