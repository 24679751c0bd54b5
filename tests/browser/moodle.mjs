// A stand-in for a stock Moodle 4.5: it sends its admin to the hub, takes the way back as Moodle does, and calls by itself
// (docs/moodle.md; the words are Moodle's).
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const recorded = JSON.parse(readFileSync(new URL("../transcripts/moodle/register.json", import.meta.url), "utf8"));
const update = new URLSearchParams(recorded.find((e) => e.operation === "ws:hub_update_site_info").request.body);
const redirect = new URL(recorded.find((e) => e.operation === "siteregistration").request.path, "http://hub.example");

export class Moodle {
  /** `identifier`: what stays of the secret when it registers again. */
  static async start(hub, identifier, name = "Example Moodle") {
    const moodle = new Moodle();
    Object.assign(moodle, { hub, identifier, name, token: "", answer: null });
    moodle.anew();
    moodle.server = createServer((request, response) => moodle.serve(new URL(request.url, "http://x"), response));
    await new Promise((done) => moodle.server.listen(0, "127.0.0.1", done));
    moodle.url = `http://127.0.0.1:${moodle.server.address().port}`;
    return moodle;
  }

  /** Another date behind the same identifier, as after unregistering. */
  anew() {
    Moodle.dates = (Moodle.dates ?? 0) + 1;
    this.secret = `${this.identifier}202611230228${String(Moodle.dates).padStart(2, "0")}`;
  }

  /** Where pressing "Register your site" leads. */
  get registration() {
    const url = new URL("/local/hub/siteregistration.php", this.hub.url);
    for (const [name, value] of redirect.searchParams) url.searchParams.set(name, value);
    url.searchParams.set("token", this.secret);
    url.searchParams.set("url", this.url);
    url.searchParams.set("name", this.name);
    url.searchParams.set("contactemail", this.contact);
    return url.href;
  }

  get contact() {
    return `admin.${this.identifier.slice(5, 25).toLowerCase()}@school.example`;
  }

  async serve(url, response) {
    response.setHeader("Content-Type", "text/html");
    const page = (status, heading, text = "") => {
      response.statusCode = status;
      response.end(`<!doctype html><html lang="en"><head><title>Moodle</title></head><body><main><h1>${heading}</h1><p>${text}</p></main></body></html>`);
    };
    if (url.pathname !== "/admin/registration/confirmregistration.php") return page(404, "Not found");
    const q = url.searchParams;
    if (q.get("token") !== this.secret || new URL(q.get("url")).host !== new URL(this.hub.url).host) {
      return page(404, "The registration failed for some unknown reason (network?)");
    }
    // Moodle deletes every other character without a word.
    this.token = q.get("newtoken").replace(/[^A-Za-z0-9]/g, "");
    this.answer = await this.update();
    const errorcode = this.answer?.errorcode;
    if (errorcode === "invalidtoken") return page(404, "Registration token on this site has been reset");
    if (this.answer?.exception) return page(404, "Error", this.answer.message);
    return page(200, "Site registration confirmed");
  }

  async call(wsfunction, fields) {
    const body = new URLSearchParams({ wstoken: this.token, wsfunction, moodlewsrestformat: "json", ...fields });
    const answer = await fetch(`${this.hub.url}/local/hub/webservice/webservices.php`, { method: "POST", body });
    return answer.json();
  }

  update(more = {}) {
    const fields = Object.fromEntries([...update].filter(([name]) => name.startsWith("siteinfo")));
    const own = { "siteinfo[url]": this.url, "siteinfo[name]": this.name, "siteinfo[contactemail]": this.contact };
    return this.call("hub_update_site_info", { ...fields, ...own, ...more, validateurl: "1" });
  }

  /** "Request access key". */
  async requestKey() {
    const form = new FormData();
    form.set("url", this.url);
    form.set("siteid", createHash("md5").update(this.identifier).digest("hex"));
    form.set("contact", this.contact);
    form.set("description", this.url);
    const headers = { Accept: "application/json", "X-AN-APP-NAME": "commoodlemoodlemobile", "X-AN-APP-KEY": "none" };
    const answer = await fetch(`${this.hub.url}/accesskeys/`, { method: "POST", headers, body: form });
    return answer.json();
  }

  stop() {
    this.server.close();
  }
}
