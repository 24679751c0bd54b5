//! What the API takes and gives, as OpenAPI 3.1: made from the handlers themselves, and what holds for all of them added here.

use actix_web::HttpResponse;
use actix_web::web::Data;
use utoipa::OpenApi as _;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, Header, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, SecurityRequirement, Server,
};

use super::once::LONGEST_KEY;
use super::problem::PROBLEM_JSON;
use crate::hub::Hub;

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(
        super::site::show,
        super::keys::index,
        super::keys::issue,
        super::keys::show,
        super::keys::revoke,
        super::keys::rotate,
        super::devices::index,
        super::devices::unregistered,
        super::devices::show,
        super::devices::change,
        super::devices::forget,
        super::push::batch,
        super::usage::usage,
        super::usage::deliveries,
        super::broadcasts::index,
        super::broadcasts::start,
        super::broadcasts::show,
        super::broadcasts::cancel,
        super::leaks::report
    ),
    components(schemas(super::problem::ProblemView, super::problem::FieldProblem)),
    tags(
        (name = "Site", description = "The site that the key belongs to."),
        (name = "Access keys", description = "The site's keys, and those of its devices."),
        (name = "Devices", description = "The devices that the site can push to."),
        (name = "Pushes", description = "Many pushes in one request."),
        (name = "Usage", description = "What became of the site's pushes."),
        (name = "Broadcasts", description = "One message to all devices of the site."),
        (name = "Leaks", description = "For whoever has found an access key where it should not be.")
    )
)]
struct Api;

const DESCRIPTION: &str = "For programs that hold an access key of a site. A list is `{\"items\": […], \"next\": cursor or null}`: \
    ask again with `?cursor=` until `next` is null. Times are RFC 3339 in UTC. What goes wrong is told as problem details (RFC 9457) \
    whose `code` never changes. Members and parameters that are not described here are refused, but for those of a push or a broadcast itself. A POST with an `Idempotency-Key` is \
    done once, however often it is sent within 24 hours.";

/// What can go wrong, and with which requests.
const PROBLEMS: [(u16, &str, Which); 10] = [
    (400, "The request can't be read.", Which::All),
    (401, "No access key, or one that is unknown, mistyped, ended or revoked.", Which::WithKey),
    (403, "The key, or the site, may not do this.", Which::WithKey),
    (404, "There is no such thing, or it is another site's.", Which::OfOne),
    (409, "It can't be done as things are, or the same request is being served.", Which::Posts),
    (413, "The body is too large.", Which::WithBody),
    (422, "Something in the request is not valid: `errors` names it.", Which::All),
    (429, "The site asks too often.", Which::All),
    (500, "Something broke on the hub's side.", Which::All),
    (503, "The hub can't take more at the moment; nothing was changed.", Which::All),
];

/// Operations that share something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    /// Those that want an access key.
    WithKey,
    /// Those whose path names a thing.
    OfOne,
    Posts,
    /// Those that send something along.
    WithBody,
}

/// Operations for which it matters which app is meant.
const OF_AN_APP: [&str; 3] = ["issue_key", "push_batch", "start_broadcast"];

/// The document, for a hub at this address that serves these apps.
pub fn document<'a>(public_url: &str, apps: impl Iterator<Item = &'a str>) -> OpenApi {
    let apps: Vec<&str> = apps.collect();
    let mut document = Api::openapi();
    let license = LicenseBuilder::new().name("Apache-2.0").build();
    let version = env!("CARGO_PKG_VERSION");
    let info = InfoBuilder::new().title("Belfry").version(version).description(Some(DESCRIPTION)).license(Some(license));
    document.info = info.build();
    document.servers = Some(vec![Server::new(public_url)]);
    // Either of the two will do.
    document.security = Some(vec![none_of("app_key"), none_of("bearer")]);
    let mut components = document.components.take().unwrap_or_default();
    let words = "An access key of the site, as issued on its page or by this API.";
    let header = ApiKeyValue::with_description("X-AN-APP-KEY", words);
    components.add_security_scheme("app_key", SecurityScheme::ApiKey(ApiKey::Header(header)));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(words)).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document.components = Some(components);
    for (path, item) in &mut document.paths.paths {
        complete(path, item, &apps);
    }
    document
}

fn none_of(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, std::iter::empty::<String>())
}

fn complete(path: &str, item: &mut PathItem, apps: &[&str]) {
    let of_one = path.contains('{');
    let operations = [(&mut item.get, false), (&mut item.delete, false), (&mut item.patch, true), (&mut item.post, true)];
    for (index, (operation, with_body)) in operations.into_iter().enumerate() {
        let Some(operation) = operation else { continue };
        let (is_post, for_anybody) = (index == 3, operation.security.is_some());
        for (status, words, which) in PROBLEMS {
            let holds = match which {
                Which::All => true,
                Which::WithKey => !for_anybody,
                Which::OfOne => of_one,
                Which::Posts => is_post && !for_anybody,
                Which::WithBody => with_body,
            };
            if holds {
                operation.responses.responses.insert(status.to_string(), RefOr::T(problem(status, words)));
            }
        }
        if is_post && !for_anybody {
            replayable(operation);
        }
        if operation.operation_id.as_deref() == Some("start_broadcast") {
            leads_on(operation);
        }
        if operation.operation_id.as_deref().is_some_and(|id| OF_AN_APP.contains(&id)) {
            let words = "The app's short name; Moodle's own where it is not said.";
            let header = match operation.operation_id.as_deref() {
                // Of the others one may be named that is not served: a batch tells so push by push.
                Some("start_broadcast") => one_of_header("X-AN-APP-NAME", words, apps),
                _ => text_header("X-AN-APP-NAME", words, 100, "^[A-Za-z0-9._-]+$"),
            };
            add(operation, header);
        }
    }
}

/// What holds for a request that may be repeated.
fn replayable(operation: &mut Operation) {
    let words = "The client's own name for this request: a repetition with the same one is answered as the first was, and does nothing.";
    add(operation, text_header("Idempotency-Key", words, LONGEST_KEY, "^[!-~]+$"));
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"])).build();
            let mut header = Header::new(schema);
            header.description = Some("There where the answer is that to an earlier request with the same Idempotency-Key.".to_owned());
            response.headers.insert("Idempotent-Replayed".to_owned(), RefOr::T(header));
        }
    }
}

/// A broadcast that was started can be looked at and cancelled.
fn leads_on(operation: &mut Operation) {
    let Some(RefOr::T(response)) = operation.responses.responses.get_mut("202") else { return };
    for to in ["show_broadcast", "cancel_broadcast"] {
        let link = Link::builder().operation_id(to).parameter("broadcast", "$response.body#/id").build();
        response.links.insert(to.to_owned(), RefOr::T(link));
    }
}

fn add(operation: &mut Operation, parameter: Parameter) {
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

fn text_header(name: &str, words: &str, longest: usize, pattern: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(longest)).pattern(Some(pattern));
    header(name, words, schema)
}

fn one_of_header(name: &str, words: &str, all: &[&str]) -> Parameter {
    header(name, words, ObjectBuilder::new().schema_type(Type::String).enum_values(Some(all.iter().copied())))
}

fn header(name: &str, words: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(words))
        .schema(Some(schema.build()))
        .build()
}

fn problem(status: u16, words: &str) -> Response {
    let response = ResponseBuilder::new().description(words).content(PROBLEM_JSON, Content::new(Some(Ref::from_schema_name("Problem"))));
    let header = |words: &str, of: Type| {
        let mut header = Header::new(ObjectBuilder::new().schema_type(of).build());
        header.description = Some(words.to_owned());
        header
    };
    let response = match status {
        401 => response.header("WWW-Authenticate", header("How to show a key.", Type::String)),
        429 => response
            .header("Retry-After", header("In so many seconds it may be tried again.", Type::Integer))
            .header("RateLimit", header("What is left of the limit.", Type::String))
            .header("RateLimit-Policy", header("The limit.", Type::String)),
        503 => response.header("Retry-After", header("In so many seconds it may be tried again.", Type::Integer)),
        _ => response,
    };
    response.build()
}

/// `GET /openapi.json`
pub async fn serve(hub: Data<Hub>) -> HttpResponse {
    HttpResponse::Ok().json(document(hub.public_url.as_str(), hub.hall.apps.keys().map(String::as_str)))
}
