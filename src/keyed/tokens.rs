//! Enrolment, in both of AirNotifier's spellings (`wire/airnotifier-server.md` 5).

use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, JSON};
use super::{body, form, request};
use crate::hub::Hub;
use crate::push::{self, Refusal, RefusalKind, Told};

/// Not a token: Moodle asks for it to check its key.
const TEST_TOKEN: &str = "testtoken";
/// A token of APNs itself has so many hexadecimal digits.
const APNS_TOKEN_CHARS: usize = 64;
/// The longest device or channel name, in bytes.
const NAME_BYTES: usize = 64;

/// `POST /tokens/{token}`: the token in the path, `device` and `channel` in a form, in the query, or nowhere.
pub async fn create_v1(hub: Data<Hub>, req: HttpRequest, token: Path<String>, payload: Payload) -> HttpResponse {
    let token = segment(&token);
    if token == TEST_TOKEN {
        return answer::checked(&hub, &push::test_token(&hub.hall, request(&req)));
    }
    let done = async {
        let (caller, body) = enroller(&hub, &req, payload).await?;
        let form = form::read(&req, body).await?;
        let (device, channel) = (named(form.text("device"), "fcm", "device")?, named(form.text("channel"), "default", "channel")?);
        // An app of about 2018 on an iPhone that has a token of FCM (`wire/airnotifier-server.md` 5).
        let device = if device.eq_ignore_ascii_case("ios") && token.len() > APNS_TOKEN_CHARS { "android" } else { device };
        let language = form.given("language").filter(|code| !code.is_empty());
        push::enrol(&hub.hall, &caller, token, Told { device, channel, language }).await
    };
    match done.await {
        Ok(true) => HttpResponse::Ok().insert_header(JSON).json(json!({"status": "ok"})),
        Ok(false) => HttpResponse::Ok().insert_header(JSON).json(json!({"status": "token exists"})),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}

/// A caller who may enrol, and what they sent. Of whoever may not the body is not read.
async fn enroller<'a>(hub: &Hub, req: &'a HttpRequest, payload: Payload) -> Result<(push::Caller<'a>, Bytes), Refusal> {
    let caller = push::caller(&hub.hall, request(req)).and_then(|caller| push::may_enrol(&hub.hall, &caller).map(|()| caller));
    match caller {
        Ok(caller) => Ok((caller, body::read(req, payload).await?)),
        Err(refusal) => {
            body::discard(req, payload).await;
            Err(refusal)
        }
    }
}

/// The token of a path. Moodle puts it there as it is, so that even a slash may stand in it; one at the end is the path's.
fn segment(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

#[derive(Deserialize)]
struct TokenBody {
    token: String,
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    language: Option<String>,
}

impl TokenBody {
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let bad = |words: String| Refusal::of_field(RefusalKind::BadBody, "body", words);
        // A list would be taken for the members in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(bad("a JSON object is expected".into()));
        }
        serde_json::from_slice(body).map_err(|e| bad(format!("not the JSON object that is expected: {e}")))
    }
}

/// `POST /api/v2/tokens`: all in a JSON body; the answer has none.
pub async fn create_v2(hub: Data<Hub>, req: HttpRequest, payload: Payload) -> HttpResponse {
    let done = async {
        let (caller, body) = enroller(&hub, &req, payload).await?;
        let body = TokenBody::parse(&body)?;
        let (device, channel) = (body.device.unwrap_or_default(), body.channel.unwrap_or_default());
        let (device, channel) = (named(&device, "fcm", "device")?, named(&channel, "default", "channel")?);
        let language = body.language.as_deref().filter(|code| !code.is_empty());
        push::enrol(&hub.hall, &caller, &body.token, Told { device, channel, language }).await
    };
    match done.await {
        Ok(_) => HttpResponse::Ok().insert_header(JSON).finish(),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}

/// `DELETE /tokens/{token}` and `DELETE /api/v2/tokens/{token}`.
pub async fn delete(hub: Data<Hub>, req: HttpRequest, token: Path<String>) -> HttpResponse {
    let done = async {
        let caller = push::caller(&hub.hall, request(&req))?;
        push::forget(&hub.hall, &caller, segment(&token)).await
    };
    match done.await {
        Ok(true) => HttpResponse::Ok().insert_header(JSON).json(json!({"status": "deleted"})),
        // AirNotifier's member is `status`; the words are not `Unregistered token`, which would make Moodle delete a device.
        Ok(false) => HttpResponse::NotFound().insert_header(JSON).json(json!({
            "status": "Token doesn't exist", "error": "Token doesn't exist", "code": "no_such_token", "help": hub.public_url.join("/help"),
        })),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}

/// A name of a device or channel, or its default when there is none.
fn named<'a>(given: &'a str, default: &'a str, field: &'static str) -> Result<&'a str, Refusal> {
    let good = given.len() <= NAME_BYTES && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    match given {
        "" => Ok(default),
        _ if good => Ok(given),
        _ => Err(Refusal::of_field(
            RefusalKind::BadBody,
            field,
            format!("at most {NAME_BYTES} letters, digits, dots, hyphens and underscores"),
        )),
    }
}
