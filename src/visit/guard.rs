//! Who may come in: the rows of `routes.rs`, and the forms that they take.

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder};
use futures_util::StreamExt;

use super::{Visit, hub_of, sure};
use crate::accounts::Role;
use crate::error::Error;
use crate::secret;
use crate::web::{Fields, Redirect};

/// The largest form that a page takes, in bytes: a thousand sites in the revision in which they were seen, and a letter to
/// them whose every character may be twelve bytes once it is encoded.
const FORM_BYTES: usize = 256 * 1024;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody.
    Anyone,
    /// Anybody, and forms from other sites too: the handler looks at [`Submitted::own`].
    Foreign,
    /// Anybody who is logged in; what they see is scoped to what is theirs.
    Account,
    /// A member of the hub team with at least this role.
    Staff(Role),
    /// Like [`Who::Account`], for what does harm in the wrong hands: whoever it is has lately shown again that it is them.
    AccountSure,
    /// Like [`Who::Staff`], likewise.
    StaffSure(Role),
    /// Who holds an access key: checked by `push`, in the order that clients expect.
    Key,
    /// A Moodle's server, by the token in its form: checked by `registrations`.
    Moodle,
}

/// A form whose CSRF token and origin were checked.
pub struct Posted(pub Fields);

impl FromRequest for Posted {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let fields = req.extensions().get::<Fields>().cloned();
        std::future::ready(fields.map(Self).ok_or_else(|| Error::Internal(anyhow::anyhow!("a form that nobody checked"))))
    }
}

/// A form that may come from elsewhere.
#[derive(Clone)]
pub struct Submitted {
    pub fields: Fields,
    /// It is one of the hub's own, sent by this visitor.
    pub own: bool,
}

impl FromRequest for Submitted {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let submitted = req.extensions().get::<Self>().cloned();
        std::future::ready(submitted.ok_or_else(|| Error::Internal(anyhow::anyhow!("a form that nobody read"))))
    }
}

/// Wraps one row of `routes.rs`: lets in who may call, and checks each form's origin and CSRF token.
pub async fn allow(who: Who, mut req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> actix_web::Result<ServiceResponse> {
    // An error becomes an answer here already: as an error it would pass by the face of the scope.
    match admit(who, &mut req).await {
        Ok(None) => Ok(next.call(req).await?.map_into_boxed_body()),
        Ok(Some(instead)) => Ok(req.into_response(instead)),
        Err(error) => Ok(req.error_response(error)),
    }
}

/// `None`: the call goes on. Else what it is answered with in its place.
async fn admit(who: Who, req: &mut ServiceRequest) -> Result<Option<HttpResponse>, Error> {
    let visit = req.extensions().get::<Visit>().cloned();
    let Some(visit) = visit else {
        // Only the keyed API and the operators' routes stand outside the scope of pages.
        return match who {
            Who::Key | Who::Moodle | Who::Anyone | Who::Foreign => Ok(None),
            Who::Account | Who::Staff(_) | Who::AccountSure | Who::StaffSure(_) => {
                Err(Error::Internal(anyhow::anyhow!("a guarded route outside the scope of pages")))
            }
        };
    };
    let role = visit.account().and_then(|account| account.role);
    match who {
        Who::Anyone | Who::Foreign | Who::Key | Who::Moodle => {}
        Who::Account | Who::Staff(_) | Who::AccountSure | Who::StaffSure(_) if visit.session.is_none() => return Err(Error::LoggedOut),
        Who::Account | Who::AccountSure => {}
        Who::Staff(_) | Who::StaffSure(_) if visit.held => return Ok(Some(to_set_up(req))),
        Who::Staff(needed) | Who::StaffSure(needed) if role.is_some_and(|role| role.may(needed)) => {}
        Who::Staff(_) | Who::StaffSure(_) => {
            return Err(Error::Forbidden("Only members of the hub's team with the right role may do this."));
        }
    }
    if req.method() == Method::POST && who == Who::Foreign {
        let fields = Fields::parse(&body(req).await?);
        let own = secret::same(fields.text("csrf_token").as_bytes(), visit.csrf.as_bytes());
        req.extensions_mut().insert(Submitted { fields, own });
    } else if req.method() == Method::POST {
        // A logout in an old tab, by somebody who is logged out already, is no forgery.
        let mut fields = match checked_form(&visit, req).await {
            Err(Error::OldForm) if req.path() == "/logout" && visit.session.is_none() => Fields::default(),
            checked => checked?,
        };
        if let (Who::AccountSure | Who::StaffSure(_), Some(session)) = (who, &visit.session) {
            let (hub, path) = (hub_of(req)?, req.path().to_owned());
            if let Some(asks) = sure::check(&hub, &visit, session, &path, &mut fields).await? {
                return Ok(Some(asks));
            }
        }
        req.extensions_mut().insert(fields);
    }
    Ok(None)
}

/// To where a member of the team sets up the second factor that is required of them here, and is told why.
fn to_set_up(req: &ServiceRequest) -> HttpResponse {
    Redirect::to("/account/totp").respond_to(req.request())
}

async fn checked_form(visit: &Visit, req: &mut ServiceRequest) -> Result<Fields, Error> {
    same_origin(req)?;
    let fields = Fields::parse(&body(req).await?);
    if !secret::same(fields.text("csrf_token").as_bytes(), visit.csrf.as_bytes()) {
        return Err(Error::OldForm);
    }
    Ok(fields)
}

/// A form comes from the hub's own pages: by its public address, or by the name that the browser has asked for.
fn same_origin(req: &ServiceRequest) -> Result<(), Error> {
    let Some(origin) = req.headers().get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let hub = hub_of(req)?;
    let host = origin.split_once("://").map(|(_, host)| host);
    let asked = req.headers().get(header::HOST).and_then(|v| v.to_str().ok());
    if origin == hub.public_url.origin() || (host.is_some() && host == asked) {
        Ok(())
    } else {
        Err(Error::Forbidden("This form was sent from another site."))
    }
}

async fn body(req: &mut ServiceRequest) -> Result<BytesMut, Error> {
    let mut payload = req.take_payload();
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|e| Error::Malformed(format!("The form did not arrive whole ({e}).")))?;
        if body.len() + chunk.len() > FORM_BYTES {
            return Err(Error::TooLarge(FORM_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
