// Walks the pages as people do: from the front page to a delivered push, with what the pages tell and nothing else.
// node tests/browser/walk.mjs BINARY
import { resolve } from "node:path";
import { Hub, until } from "./hub.mjs";
import { Moodle } from "./moodle.mjs";
import { PASSWORD, SIZES, launch, mailed, press, register } from "./people.mjs";
import { Site } from "./site.mjs";
import { Sink } from "./smtp.mjs";
import { Report, guard, look } from "./watch.mjs";

const binary = resolve(process.argv[2] ?? "target/debug/belfry");
const report = new Report();
const browser = await launch();

/** From `/` to a delivered push. `between` runs between any two steps. */
async function walk(width, hub, sink, between, javaScriptEnabled = true) {
  const email = `ada.${width}.${javaScriptEnabled}@school.example`;
  const site = await Site.start();
  const context = await browser.newContext({ viewport: SIZES[width], javaScriptEnabled });
  const page = await context.newPage();
  guard(page, report, hub.url);
  const see = async (name) => {
    if (javaScriptEnabled) await look(page, report, name, width);
    await between();
  };

  await page.goto(hub.url);
  await page.keyboard.press("Tab");
  report.equal("first stop of the keyboard", await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await see("front");

  await page.getByRole("link", { name: "Register your site" }).click();
  await see("register");
  await page.goto(`${hub.url}/register`);
  report.check("push is on by default", await page.getByLabel("Use push notifications").isChecked());
  report.check("the limit is said", (await page.textContent("#users-limit")).includes("The public push server is limited to Moodle sites with fewer than 20,000 users"));
  if (javaScriptEnabled) {
    await page.getByLabel("Registered users").fill("20000");
    report.check("too many users are noticed while typing", (await page.textContent("#users-limit")).includes("push stays off"));
    await page.getByLabel("Registered users").fill("19,999");
    report.check("few enough users are noticed while typing", (await page.textContent("#users-limit")).includes("push can be on"));
  }
  await page.getByLabel("Name of the site").fill("Kept <b>name</b>");
  await page.getByLabel("A password").fill("short");
  await press(page, "Register the site");
  report.equal("what was typed is kept", await page.getByLabel("Name of the site").inputValue(), "Kept <b>name</b>");
  report.equal("but not the password", await page.getByLabel("A password").inputValue(), "");
  report.check("an error stands beside its field", await page.locator("#url-error").isVisible());
  await see("register-errors");
  await page.goto(`${hub.url}/register`);
  await register(page, site, email, "1200");
  report.check("told to look for mail", await page.getByRole("heading", { name: "Look in your mail" }).isVisible());
  await see("sent");

  await page.goto(await mailed(sink, email, "Confirm your address"));
  report.check("logged in at the site's page", await page.getByRole("heading", { name: "Example School" }).isVisible());
  report.check("the next step is to verify", await page.getByRole("heading", { name: "Prove that this site is yours" }).isVisible());
  await see("site-unverified");

  await page.getByRole("link", { name: "Verify the site" }).click();
  await see("verify");
  await press(page, "Check now");
  report.check("nothing is found yet", await page.getByRole("heading", { name: "Not found yet" }).isVisible());
  await see("verify-failed");
  site.head = await page.getByLabel("Tag", { exact: true }).inputValue();
  await press(page, "Check now");
  report.check("the site is active", await page.getByText("Active", { exact: true }).isVisible());
  await see("site-active");

  await page.getByRole("link", { name: "Issue an access key" }).click();
  await see("keys");
  await page.goto(page.url());
  await press(page, "Issue a site key");
  const key = await page.getByLabel("Access key", { exact: true }).inputValue();
  report.check("the key has its form", /^belfry_s_[A-Za-z0-9_-]{38}$/.test(key), key);
  report.equal("the server to type into Moodle", await page.getByLabel("Airnotifier URL").inputValue(), "http://127.0.0.1");
  report.equal("the port to type into Moodle", await page.getByLabel("Airnotifier port").inputValue(), String(hub.port));
  const app = await page.getByLabel("Airnotifier app name").inputValue();
  await see("key-new");

  const headers = { "X-AN-APP-NAME": app, "X-AN-APP-KEY": key };
  const device = new FormData();
  device.set("device", "Android-fcm");
  const enrolled = await fetch(`${hub.url}/tokens/fcm:token-${width}-${javaScriptEnabled}-0123456789`, { method: "POST", headers, body: device });
  report.equal("a device is enrolled", await enrolled.text(), '{"status":"ok"}');
  await between();
  const pushed = await fetch(`${hub.url}/api/v2/push/`, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/x-www-form-urlencoded" },
    body: JSON.stringify({ device: "Android-fcm", token: `fcm:token-${width}-${javaScriptEnabled}-0123456789`, extra: { processor: "moodle", component: "moodle", name: "instantmessage", notification: 0, smallmessage: "Hello" } }),
  });
  report.equal("a push is accepted", pushed.status, 202);
  const check = await fetch(`${hub.url}/tokens/testtoken`, { method: "POST", headers });
  report.equal("Moodle's check of its key is green", `${check.status} ${(await check.json()).error}`, "400 Invalid token");
  await page.getByRole("link", { name: "watch deliveries" }).click();
  report.check("the push is listed", await page.locator(".badge", { hasText: "Delivered" }).first().isVisible());
  await see("deliveries");
  for (const [tab, name] of [["Devices", "devices"], ["Overview", "site-pushing"], ["Settings", "settings"], ["Access keys", "keys-listed"]]) {
    await page.getByRole("navigation", { name: "This site" }).getByRole("link", { name: tab }).click();
    await see(name);
  }

  await press(page, "Issue a devices key");
  const devicesKey = await page.getByLabel("Access key", { exact: true }).inputValue();
  await page.getByRole("link", { name: "All keys" }).click();
  const opened = async (what, button) => {
    if (!(await page.getByRole("button", { name: button }).first().isVisible())) await page.locator("details.ask summary", { hasText: what }).first().click();
  };
  await opened("Revoke", /^Revoke it now/);
  await see("keys-revoke");
  await opened("Revoke", /^Revoke it now/);
  await page.getByRole("button", { name: /^Revoke it now/ }).first().click();
  await page.waitForLoadState();
  const revoked = await fetch(`${hub.url}/tokens/fcm:token-revoked-0123456789`, { method: "POST", headers: { ...headers, "X-AN-APP-KEY": devicesKey } });
  report.equal("a revoked key is refused", `${revoked.status} ${(await revoked.json()).code}`, "400 key_revoked");

  await opened("Rotate", /^Rotate it/);
  await see("keys-rotate");
  await opened("Rotate", /^Rotate it/);
  await page.getByLabel("The old key goes on for").first().selectOption("1d");
  await page.getByRole("button", { name: /^Rotate it/ }).first().click();
  await page.waitForLoadState();
  const successor = await page.getByLabel("Access key", { exact: true }).inputValue();
  await see("key-rotated");
  for (const some of [key, successor]) {
    const both = await fetch(`${hub.url}/tokens/testtoken`, { method: "POST", headers: { ...headers, "X-AN-APP-KEY": some } });
    report.equal("both keys work meanwhile", (await both.json()).error, "Invalid token");
  }

  await page.goto(`${page.url().split("/keys")[0]}/devices`);
  await page.getByLabel("Find a device").fill("nowhere");
  await press(page, "Search");
  await see("devices-none-found");
  await page.getByRole("link", { name: "Show all" }).click();
  await page.getByRole("link", { name: /456789/ }).first().click();
  await page.locator("#name").fill("Phone of the library");
  await page.locator("#language").fill("klingon!");
  await press(page, "Save");
  report.check("a wrong language is told", await page.locator("#language-error").isVisible());
  await see("device-errors");
  await page.locator("#language").fill("es");
  await press(page, "Save");
  report.check("the device has its name", await page.getByRole("heading", { name: "Phone of the library" }).isVisible());
  await see("device");
  await press(page, "Issue a key for this device");
  report.check("a device's own key", (await page.content()).includes("belfry_d_"));
  await see("device-key");

  await page.getByRole("navigation", { name: "This site" }).getByRole("link", { name: "Broadcasts" }).click();
  await press(page, "Send it to all devices");
  report.check("a broadcast wants words", await page.locator("#title-error").isVisible());
  await see("broadcast-errors");
  await page.locator("#title").fill("School is closed");
  await page.locator("#text").fill("Until Monday, because of the snow.");
  await press(page, "Send it to all devices");
  // A hub that was killed meanwhile goes on when its lease has run out.
  await until("the broadcast is over", async () => {
    await page.goto(page.url());
    return (await page.textContent("main")).includes("1 sent, 0 refused");
  }, 60);
  await see("broadcasts");

  await page.getByRole("navigation", { name: "This site" }).getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Registered users").fill("20000");
  await press(page, "Save");
  report.check("push goes off over the limit", await page.getByText("Push off: too many users").isVisible());
  const over = await fetch(`${hub.url}/api/v2/push`, { method: "POST", headers, body: "{}" });
  report.equal("and pushes are refused", `${over.status} ${(await over.json()).code}`, "403 over_user_limit");
  await mailed(sink, email, "Push is off");
  await see("site-over-limit");
  await page.getByRole("navigation", { name: "This site" }).getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Registered users").fill("1200");
  await press(page, "Save");
  report.check("and on again", await page.getByText("Push on", { exact: true }).isVisible());

  await page.getByRole("link", { name: "Account" }).click();
  await see("account");
  await page.getByRole("link", { name: "My sites" }).click();
  await see("my-sites");
  await press(page, "Log out");
  await page.goto(`${hub.url}/my/sites`);
  report.check("logged out", page.url().includes("/login?next="), page.url());
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill("wrong password");
  await press(page, "Log in");
  report.check("a wrong password is told", await page.locator("#email-error").isVisible());
  await see("login-errors");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(page, "Log in");
  report.check("logged in again", page.url().endsWith("/my/sites"), page.url());
  await press(page, "Log out");
  await page.goto(`${hub.url}/password/forgot`);
  await see("forgot");
  await page.goto(`${hub.url}/password/forgot`);
  await page.getByLabel("E-mail address").fill(email);
  await press(page, "Send the link");
  await page.goto(await mailed(sink, email, "Choose a new password"));
  await see("reset");
  await page.getByLabel("New password").fill(`${PASSWORD} too`);
  await press(page, "Set the password");
  report.check("the new password logs in", page.url().endsWith("/my/sites"), page.url());
  for (const [path, name] of [["/help", "help"], ["/privacy", "privacy"], ["/leaked-key", "leaked-key"], ["/docs/api", "api-docs"], ["/nowhere", "not-found"]]) {
    await page.goto(hub.url + path);
    await see(name);
  }
  await context.close();
  site.stop();
  return { headers, siteUrl: site.url };
}

/** A Moodle registers by its own protocol; then another one at its address, and a copy of it. */
async function moodles(width, hub, sink, between, javaScriptEnabled = true) {
  const number = `${width}${javaScriptEnabled}${Math.random()}`.replace(/[^a-z0-9]/g, "").slice(0, 20).padEnd(26, "x");
  const moodle = await Moodle.start(hub, `First${number}moodle.example`);
  const context = await browser.newContext({ viewport: SIZES[width], javaScriptEnabled });
  const page = await context.newPage();
  const visited = [];
  page.on("framenavigated", (frame) => visited.push(frame.url()));
  guard(page, report, hub.url, moodle.url);
  const see = async (name) => {
    if (javaScriptEnabled) await look(page, report, name, width);
    await between();
  };

  await page.goto(`${hub.url}/local/hub/siteregistration.php`);
  report.check("whoever comes with nothing is told where to begin", await page.getByRole("heading", { name: "Begin in your Moodle" }).isVisible());
  await see("moodle-start");
  await page.goto(moodle.registration);
  report.equal("the secret is in no address", visited.some((url) => url.includes(moodle.identifier)), false);
  report.check("what is registered is shown", await page.getByText(moodle.url, { exact: true }).isVisible());
  report.check("push is on by default", await page.getByLabel("Use push notifications").isChecked());
  await see("moodle-register");
  await press(page, "Register and go back to Moodle");
  report.check("Moodle is registered", await page.getByRole("heading", { name: "Site registration confirmed" }).isVisible(), await page.content());
  await between();

  await page.goto(await mailed(sink, moodle.contact, "is registered at"));
  report.check("its contact is at the site's page", await page.getByRole("heading", { name: "Example Moodle", level: 1 }).isVisible(), page.url());
  report.check("its server's call has proved it", await page.getByText("Active", { exact: true }).isVisible());
  report.check("what it tells is shown", await page.getByText("4.5.6 (Build: 20250811)").first().isVisible());
  await see("site-moodle");
  const { accesskey } = await moodle.requestKey();
  report.check("it gets its key by itself", /^belfry_s_/.test(accesskey ?? ""), accesskey);
  await between();
  const headers = { "X-AN-APP-NAME": "commoodlemoodlemobile", "X-AN-APP-KEY": accesskey };
  const push = () => fetch(`${hub.url}/api/v2/push/`, { method: "POST", headers, body: JSON.stringify({ token: "fcm:moodle-0123456789", extra: { processor: "moodle", smallmessage: "x" } }) });
  report.equal("and pushes", (await push()).status, 202);

  await page.getByRole("navigation", { name: "This site" }).getByRole("link", { name: "Settings" }).click();
  await press(page, "Wait for my Moodle");
  report.check("the hub waits", await page.getByText("The hub waits for your Moodle until").isVisible());
  await see("settings-pairing");

  const stranger = await browser.newContext({ viewport: SIZES[width], javaScriptEnabled });
  const theirs = await stranger.newPage();
  // Another Moodle with this address, past the window: the secret is another one.
  const first = { identifier: moodle.identifier, secret: moodle.secret, token: moodle.token };
  Object.assign(moodle, { identifier: `Other${number}moodle.example`, name: "Another Moodle" });
  moodle.anew();
  await moodle.requestKey();
  Object.assign(moodle, { identifier: `Third${number}moodle.example`, name: "Third Moodle" });
  moodle.anew();
  await theirs.goto(moodle.registration);
  report.check("a newcomer reads that it will be held", await theirs.getByText("Another Moodle is registered with this address").isVisible());
  if (javaScriptEnabled) await look(theirs, report, "moodle-rival", width);
  await press(theirs, "Register and go back to Moodle");
  report.check("and reads it in Moodle", (await theirs.textContent("body")).includes("this registration is held"), await theirs.textContent("body"));
  await between();
  await page.getByRole("link", { name: "Overview" }).click();
  report.check("the registered admin is asked", await page.getByRole("heading", { name: "Another Moodle wants this site's address" }).isVisible());
  await see("site-newcomer");
  await page.goto(page.url());
  await page.getByRole("button", { name: /turn it away/ }).click();
  await page.waitForLoadState();
  report.equal("turned away", await page.getByRole("heading", { name: "Another Moodle wants this site's address" }).count(), 0);
  report.equal("the registered site goes on", (await push()).status, 202);

  Object.assign(moodle, { ...first, name: "Example Moodle" });
  const copy = await Moodle.start(hub, first.identifier, "Copied Moodle");
  copy.secret = first.secret;
  await theirs.goto(copy.registration);
  report.check("a copy reads whose it is", await theirs.getByText(`This Moodle is registered here as ${moodle.url}`).isVisible());
  if (javaScriptEnabled) await look(theirs, report, "moodle-twin", width);
  await press(theirs, "Register and go back to Moodle");
  await between();
  await page.goto(page.url());
  report.check("the registered admin is asked about the copy", await page.getByRole("heading", { name: "Has this site moved?" }).isVisible());
  await see("site-copy");
  await page.goto(page.url());
  await page.getByRole("button", { name: /site of its own/ }).click();
  await page.waitForLoadState();
  report.equal("the copy is a site of its own", await copy.update(), true);
  report.equal("and the first one is as it was", await moodle.update(), true);
  await stranger.close();
  await context.close();
  moodle.stop();
  copy.stop();
  return moodle.url;
}

async function staff(width, hub, { headers, siteUrl }) {
  const email = `mentor.${width}@hub.example`;
  const link = hub.command("staff", "add", email, "--role", "admin").match(/http\S+/)[0];
  const context = await browser.newContext({ viewport: SIZES[width] });
  const page = await context.newPage();
  guard(page, report, hub.url);
  await page.goto(link);
  await look(page, report, "staff-welcome", width);
  await page.getByLabel("New password").fill(PASSWORD);
  await press(page, "Set the password");
  await page.getByRole("link", { name: "Staff" }).click();
  await look(page, report, "staff-home", width);
  await page.getByRole("navigation", { name: "Staff" }).getByRole("link", { name: "Sites" }).click();
  await look(page, report, "staff-sites", width);
  await page.getByLabel("Name, address or contact").fill(siteUrl.slice(7));
  await press(page, "Show");
  await page.getByRole("link", { name: "Example School" }).first().click();
  await look(page, report, "staff-site", width);
  await press(page, "Suspend the site");
  report.check("a decision wants a reason", await page.locator("#reason-suspend-error").isVisible());
  await page.getByLabel("Suspend: why?").fill("Floods one phone");
  await press(page, "Suspend the site");
  const push = () => fetch(`${hub.url}/api/v2/push`, { method: "POST", headers, body: JSON.stringify({ token: "fcm:token-after", extra: { processor: "moodle", smallmessage: "x" } }) });
  report.equal("a suspended site can't push", (await push()).status, 403);
  await look(page, report, "staff-suspended", width);
  await page.getByLabel("Lift the suspension: why?").fill("Mended");
  await press(page, "Lift the suspension");
  report.equal("and can again after the lift", (await push()).status, 202);
  await page.locator("details.ask summary", { hasText: "Rotate or revoke" }).first().click();
  await page.getByRole("button", { name: /^Revoke it now/ }).last().click();
  await page.waitForLoadState();
  report.check("a revocation wants a reason", await page.getByText("reason", { exact: false }).first().isVisible());
  await look(page, report, "staff-key-reason", width);
  await page.goto(`${hub.url}/staff/jobs`);
  report.check("jobs are listed", await page.getByRole("rowheader", { name: "devices" }).isVisible());
  await look(page, report, "staff-jobs", width);
  await page.goto(`${hub.url}/staff/outbox`);
  await look(page, report, "staff-outbox", width);
  await page.getByRole("link", { name: /is suspended/ }).first().click();
  await look(page, report, "staff-letter", width);
  report.check("the audit log holds", hub.command("audit", "verify").includes("each following"));
  await context.close();
}

try {
  const sink = await Sink.start();
  const hub = await Hub.start(binary, { BELFRY_MAIL__SMTP_URL: sink.url });
  const walked = await walk("phone", hub, sink, async () => {});
  await moodles("phone", hub, sink, async () => {});
  await staff("phone", hub, walked);
  await staff("desktop", hub, walked);
  await walk("desktop", hub, sink, async () => {}, false);
  await moodles("desktop", hub, sink, async () => {}, false);
  // The same walk, with kill -9 and a restart between any two steps.
  await walk("desktop", hub, sink, () => hub.crash());
  await moodles("desktop", hub, sink, () => hub.crash());
  report.equal("SIGTERM ends it well", await hub.stop(), 0);
  sink.stop();
} catch (error) {
  report.check("the walk", false, error.stack);
}
await browser.close();
console.log(`browser: ${report.passed} passed, ${report.failed} failed`);
process.exit(report.failed === 0 ? 0 : 1);
