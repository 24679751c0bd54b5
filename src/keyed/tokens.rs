//! Enrolment, in both of AirNotifier's spellings (`wire/airnotifier-server.md` 5).

use actix_multipart::Multipart;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, JSON};
use super::{body, request};
use crate::hub::Hub;
use crate::push::{self, Refusal, RefusalKind};
use crate::web::Fields;

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
        let form = form(&req, body).await?;
        let (device, channel) = (named(&form.device, "fcm", "device")?, named(&form.channel, "default", "channel")?);
        // An app of about 2018 on an iPhone that has a token of FCM (`wire/airnotifier-server.md` 5).
        let device = if device.eq_ignore_ascii_case("ios") && token.len() > APNS_TOKEN_CHARS { "android" } else { device };
        push::enrol(&hub.hall, &caller, token, device, channel).await
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
        let form = Form { device: body.device.unwrap_or_default(), channel: body.channel.unwrap_or_default() };
        let (device, channel) = (named(&form.device, "fcm", "device")?, named(&form.channel, "default", "channel")?);
        push::enrol(&hub.hall, &caller, &body.token, device, channel).await
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

#[derive(Default)]
struct Form {
    device: String,
    channel: String,
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

/// The form: multipart as Moodle sends it, urlencoded, or in the query. What is labelled as something else is not read.
async fn form(req: &HttpRequest, body: Bytes) -> Result<Form, Refusal> {
    let label = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let mut form = Form::default();
    if label.starts_with("multipart/form-data") && !body.is_empty() {
        form = multipart(req, body).await?;
    } else if label.is_empty() || label.starts_with("application/x-www-form-urlencoded") {
        form.fill(&Fields::parse(&body));
    }
    form.fill(&Fields::parse(req.query_string().as_bytes()));
    Ok(form)
}

impl Form {
    /// Takes what is not there yet.
    fn fill(&mut self, fields: &Fields) {
        for (member, name) in [(&mut self.device, "device"), (&mut self.channel, "channel")] {
            if member.is_empty() {
                fields.text(name).clone_into(member);
            }
        }
    }
}

async fn multipart(req: &HttpRequest, body: Bytes) -> Result<Form, Refusal> {
    let broken = |e: &dyn std::fmt::Display| Refusal::of_field(RefusalKind::BadBody, "body", format!("not a multipart form: {e}"));
    let mut parts = Multipart::new(req.headers(), stream::once(async move { Ok(body) }).boxed_local());
    let mut form = Form::default();
    while let Some(mut part) = parts.try_next().await.map_err(|e| broken(&e))? {
        let member = match part.name() {
            Some("device") => Some(&mut form.device),
            Some("channel") => Some(&mut form.channel),
            _ => None,
        };
        let mut value = Vec::new();
        while let Some(chunk) = part.try_next().await.map_err(|e| broken(&e))? {
            value.extend_from_slice(&chunk);
        }
        if let Some(member) = member {
            *member = String::from_utf8(value).map_err(|e| broken(&e))?;
        }
    }
    Ok(form)
}
