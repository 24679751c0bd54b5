// Walks through a case of abuse, from its beginning to the lift, as the site's admin and the hub's team see it; then through
// the rest of the team's console, and through what an account can do for its own safety and privacy.
// node tests/browser/console.mjs BINARY
import { resolve } from "node:path";
import { Hub, until } from "./hub.mjs";
import { PASSWORD, SIZES, launch, letter, mailed, press, register, totp } from "./people.mjs";
import { Site } from "./site.mjs";
import { Sink } from "./smtp.mjs";
import { Report, guard, look } from "./watch.mjs";

const binary = resolve(process.argv[2] ?? "target/debug/belfry");
const report = new Report();
const browser = await launch();
const TEAM = "team@hub.example";

/** Somebody at a browser of their own. */
async function somebody(hub, width) {
  const context = await browser.newContext({ viewport: SIZES[width] });
  const page = await context.newPage();
  guard(page, report, hub.url);
  return { context, page, width, see: (name) => look(page, report, name, width) };
}

async function member(hub, width, email, role) {
  const person = await somebody(hub, width);
  await person.page.goto(hub.command("staff", "add", email, "--role", role).match(/http\S+/)[0]);
  await person.page.getByLabel("New password").fill(PASSWORD);
  await press(person.page, "Set the password");
  return person;
}

/** A site of a Spanish school, proved, with a key and one phone. */
async function school(hub, sink, width) {
  const owner = await somebody(hub, width);
  const email = `lola.${width}@escuela.example`;
  const site = await Site.start();
  await owner.page.goto(`${hub.url}/register`);
  const name = `Escuela ${width}`;
  await register(owner.page, site, email, "40", "es", name);
  await owner.page.goto(await mailed(sink, email, "Confirme"));
  await owner.page.getByRole("link", { name: "Verify the site" }).click();
  site.head = await owner.page.getByLabel("Tag", { exact: true }).inputValue();
  await press(owner.page, "Check now");
  await owner.page.getByRole("link", { name: "Issue an access key" }).click();
  await press(owner.page, "Issue a site key");
  const key = await owner.page.getByLabel("Access key", { exact: true }).inputValue();
  const headers = { "X-AN-APP-NAME": "commoodlemoodlemobile", "X-AN-APP-KEY": key };
  const push = (token) => fetch(`${hub.url}/api/v2/push`, { method: "POST", headers, body: JSON.stringify({ device: "Android-fcm", token, extra: { processor: "moodle", smallmessage: "x" } }) });
  const id = owner.page.url().match(/sites\/([0-9a-f-]{36})/)[1];
  return { ...owner, owner: email, name, site, key, push, id };
}

/** Abuse begins → a case → a warning in Spanish → an appeal → suspended → 403 → lifted → 202. */
async function abuse(width, hub, sink, reviewer, admin) {
  const here = await school(hub, sink, width);
  const answers = [];
  for (let n = 0; n < 75; n += 1) answers.push((await here.push(`fcm:one-phone-${width}-0123456789`)).status);
  report.check("a flood is refused", answers.filter((status) => status === 429).length >= 25, String(answers));

  const { page, see } = reviewer;
  await page.goto(`${hub.url}/staff`);
  await until("a case within two minutes", async () => {
    await page.goto(`${hub.url}/staff/abuse`);
    return page.locator("main table, main ul").getByText(here.name).first().isVisible();
  }, 120);
  await see("staff-cases");
  await page.goto(`${hub.url}/staff`);
  report.check("the team's first page says so", (await page.textContent("main")).includes("case"));
  await see("staff-home-case");
  report.check("the team's mailbox is told", (await letter(sink, TEAM, here.name)).text.includes("/staff/abuse/"));
  await page.goto(`${hub.url}/staff/abuse`);
  await page.locator("tr", { hasText: here.name }).getByRole("link", { name: /^Case/ }).first().click();
  await see("staff-case");
  const caseUrl = page.url();

  await page.getByLabel("Warn the site's contact: why?").fill("Un teléfono recibe demasiados avisos");
  await page.getByRole("button", { name: /Look at the mail first\s*: Warn/ }).click();
  await page.waitForLoadState();
  report.equal("nothing is sent yet", sink.letters.some((l) => l.to === here.owner && /parecen normales/.test(l.subject)), false);
  await see("staff-case-mail");
  const body = await page.getByLabel("What the mail says").inputValue();
  report.check("the mail is in Spanish", body.includes("notificaciones"), body);
  await page.getByLabel("What the mail says").fill(`${body}\n\nLlámenos si necesita ayuda.`);
  await press(page, "Preview again");
  report.check("what was written is in the preview", (await page.locator("section.mail pre").textContent()).includes("Llámenos"));
  await page.locator("form.mail-body button").first().click();
  await page.waitForLoadState();
  report.equal("back at the case", page.url(), caseUrl);
  const warning = await until("the warning", () => sink.letters.find((l) => l.to === here.owner && l.text.includes("Llámenos si necesita ayuda.")));
  report.check("the warning says where to answer", warning.text.includes(`/my/sites/${here.id}/appeal`), warning.text);

  await here.page.goto(`${hub.url}/my/sites/${here.id}`);
  await here.see("site-warned");
  await here.page.goto(`${hub.url}/my/sites/${here.id}/appeal`);
  await press(here.page, "Send");
  report.check("an empty answer is told", await here.page.locator("#message-error").isVisible());
  await here.page.getByLabel("Your message").fill("Era un plugin <b>nuestro</b>; ya está quitado.");
  await press(here.page, "Send");
  report.check("the answer is on the thread", await here.page.getByText("Era un plugin <b>nuestro</b>").isVisible());
  await here.see("site-appeal");

  await page.goto(caseUrl);
  report.check("the case says that an answer is wanted", await page.getByText("has written and waits for an answer").isVisible());
  await page.getByLabel("Answer", { exact: true }).fill("Gracias, lo miramos.");
  await press(page, "Send the answer");
  await until("the answer by mail", () => sink.letters.find((l) => l.to === here.owner && l.text.includes("Gracias, lo miramos.")));
  await page.getByLabel("A note for the team").fill("Seen before at another school.");
  await press(page, "Keep the note");

  await admin.page.goto(caseUrl);
  await press(admin.page, "Suspend the site");
  report.check("a step wants a reason", await admin.page.locator("#reason-suspend-error").isVisible());
  await admin.see("staff-case-errors");
  await admin.page.getByLabel("Suspend the site: why?").fill("It began again");
  await press(admin.page, "Suspend the site");
  const refused = await here.push(`fcm:one-phone-${width}-0123456789`);
  report.equal("a suspended site can't push", refused.status, 403);
  report.equal("and is told where to go", (await refused.json()).help, `${hub.url}/my/sites/${here.id}/appeal`);
  await admin.see("staff-case-suspended");
  await here.page.goto(`${hub.url}/my/sites/${here.id}/appeal`);
  report.equal("the owner reads none of the team's notes", (await here.page.textContent("body")).includes("Seen before"), false);
  await here.see("site-appeal-suspended");
  await admin.page.getByLabel("Lift what holds the site: why?").fill("Mended");
  await press(admin.page, "Lift it");
  report.equal("pushes flow again", (await here.push(`fcm:other-phone-${width}-0123456789`)).status, 202);
  report.check("the audit log holds", hub.command("audit", "verify").includes("each following"));
  return { ...here, caseUrl };
}

/** The rest of the console. */
async function team(width, hub, admin, here) {
  const { page, see } = admin;
  const go = async (path, name) => {
    await page.goto(hub.url + path);
    await see(name);
  };
  await go("/staff/sites?sort=users", "staff-sites-sorted");
  await page.goto(`${hub.url}/staff/sites?state=active`);
  await page.getByLabel("Name", { exact: true }).fill(`Active ones ${width}`);
  await press(page, "Keep it");
  report.check("a list is kept", await page.getByRole("navigation", { name: "Lists" }).getByRole("link", { name: `Active ones ${width}` }).isVisible());
  await page.getByRole("checkbox", { name: `Choose ${here.name}` }).first().check();
  await page.getByLabel("Why?").fill("To see what would happen");
  await press(page, "See what would happen");
  report.check("nothing is done yet", await page.getByText("Nothing is done yet.").isVisible());
  await see("staff-bulk");

  await page.goto(`${hub.url}/staff`);
  await page.keyboard.press("/");
  report.equal("the slash leads to the search", await page.evaluate(() => document.activeElement.id), "staff-q");
  await page.keyboard.type("escuela");
  await Promise.all([page.waitForURL(/\/staff\/search/), page.keyboard.press("Enter")]);
  report.check("words are found", page.url().includes("/staff/search?q=escuela"), page.url());
  await see("staff-search");
  await page.locator("#staff-q").fill(here.key);
  await Promise.all([page.waitForEvent("load"), page.getByRole("search", { name: "Search everything" }).getByRole("button").click()]);
  report.equal("a whole key stands in no address", page.url().includes(here.key), false);
  report.check("a whole key leads to its site", (await page.textContent("body")).includes(here.name));

  await go(`/staff/sites/${here.id}`, "staff-site-whole");
  await page.goto(`${hub.url}/staff/sites/${here.id}/limits`);
  await page.getByLabel("Why?").last().fill("A large school");
  await page.locator("#push_per_day").fill("many");
  await press(page, "Save");
  report.check("a wrong limit is told", await page.locator("#push_per_day-error").isVisible());
  await see("staff-limits-errors");
  await page.locator("#push_per_day").fill("600000");
  await press(page, "Save");
  await see("staff-limits");

  await page.goto(`${hub.url}/staff/settings`);
  await see("staff-settings");
  await page.locator("summary", { hasText: "Change abuse.flood" }).click();
  const change = page.locator("form", { has: page.locator('input[value="abuse.flood"]') });
  await change.getByLabel("Value").fill("x");
  await change.getByLabel("Why?").fill("A try");
  await change.getByRole("button", { name: /Save\s*: abuse.flood/ }).click();
  await page.waitForLoadState();
  report.check("a wrong value is told", await page.locator('[id="value-abuse.flood-error"]').isVisible());
  await see("staff-settings-errors");

  await page.goto(`${hub.url}/staff/accounts`);
  await see("staff-accounts");
  await page.goto(`${hub.url}/staff/accounts?q=lola`);
  await page.getByRole("link", { name: "Ada Admin" }).first().click();
  await see("staff-account");
  await go("/staff/audit", "staff-audit");
  await press(page, "Verify now");
  report.check("the log is verified on the page", (await page.textContent("main")).includes("hash"));
  await see("staff-audit-verified");
  await go("/staff/gateways", "staff-gateways");
  await go("/staff/outbox?state=sent", "staff-outbox-sent");
  await go(`/staff/abuse/new?site=${here.id}`, "staff-case-new");
  await go(`/staff/sites/${here.id}/erase-contact`, "staff-erase-contact");
}

/** Second factor, copy and erasure of an account. */
async function account(width, hub, sink, here) {
  const { page, see } = here;
  await page.goto(`${hub.url}/account/security`);
  await see("account-security");
  await page.getByRole("link", { name: "Set up an app" }).click();
  await see("account-totp");
  const secret = await page.locator("code.key").textContent();
  await page.getByLabel("Code", { exact: true }).fill("000000");
  await press(page, "Switch it on");
  report.check("a wrong code is told", await page.locator("#code-error").isVisible());
  await page.getByLabel("Code", { exact: true }).fill(totp(await page.locator("code.key").textContent()));
  await press(page, "Switch it on");
  report.check("recovery codes are shown", await page.getByRole("heading", { name: "Your recovery codes" }).isVisible(), secret);
  const codes = (await page.locator("#list").textContent()).trim().split("\n");
  report.equal("ten of them", codes.length, 10);
  await see("account-recovery");
  await page.goto(`${hub.url}/account`);
  await see("account-with-factor");
  await press(page, "Log out");
  await page.goto(`${hub.url}/login`);
  await page.getByLabel("E-mail address").fill(here.owner);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(page, "Log in");
  report.check("the password alone is not enough", page.url().includes("/login/second"), page.url());
  await see("login-second");
  await page.goto(`${hub.url}/my/sites`);
  report.check("nor is any page open yet", page.url().includes("/login"), page.url());
  await page.goto(`${hub.url}/login/second`);
  await page.getByLabel("Code", { exact: true }).fill(codes[0]);
  await press(page, "Log in");
  report.check("a recovery code stands in", page.url().endsWith("/my/sites"), page.url());

  await page.goto(`${hub.url}/account/export`);
  await see("account-export");
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator('form[action="/account/export"] button').click()]);
  report.check("a copy comes as a file", download.suggestedFilename().endsWith(".json"), download.suggestedFilename());
  await page.goto(`${hub.url}/account/delete`);
  await page.getByLabel("Your e-mail address").fill("somebody@else.example");
  await page.locator('form[action="/account/delete"] button').click();
  await page.waitForLoadState();
  report.check("erasing wants the right address", await page.locator("#confirm-error").isVisible());
  await see("account-delete");
  await page.getByLabel("Your e-mail address").fill(here.owner);
  await page.locator('form[action="/account/delete"] button').click();
  await page.waitForLoadState();
  await see("account-erased");
  report.equal("its key is dead", (await here.push("fcm:after-erasure-0123456789")).status, 400);
  report.check("the audit log holds without what was erased", hub.command("audit", "verify").includes("each following"));
}

/** A passkey, with the browser's own virtual authenticator: passkeys want a name, so the hub is at localhost. */
async function passkey(sink) {
  const hub = await Hub.start(binary, { BELFRY_MAIL__SMTP_URL: sink.url });
  hub.url = `http://localhost:${hub.port}`;
  hub.env.BELFRY_SERVER__PUBLIC_URL = hub.url;
  await hub.crash();
  const { page, context, see } = await member(hub, "desktop", "keys@hub.example", "admin");
  const debug = await context.newCDPSession(page);
  await debug.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  await debug.send("WebAuthn.addVirtualAuthenticator", { options });
  await page.goto(`${hub.url}/account/security`);
  await page.getByLabel("Name of the new passkey").fill("This laptop");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
  await page.goto(`${hub.url}/account/security`);
  report.check("the passkey is listed", await page.getByRole("rowheader", { name: "This laptop" }).isVisible());
  await see("account-passkey");
  await page.goto(`${hub.url}/account`);
  await press(page, "Log out");
  await page.goto(`${hub.url}/login`);
  await see("login-passkey");
  await page.getByRole("button", { name: /passkey/i }).click();
  await page.getByRole("button", { name: "Log out" }).waitFor();
  report.check("the passkey alone logs in", true);
  await context.close();
  await hub.stop();
}

try {
  const sink = await Sink.start();
  const hub = await Hub.start(binary, { BELFRY_MAIL__SMTP_URL: sink.url, BELFRY_HUB__CONTACT_EMAIL: TEAM, BELFRY_ABUSE__FLOOD: "25" });
  const anybody = await somebody(hub, "phone");
  await anybody.page.goto(`${hub.url}/report-abuse`);
  await anybody.see("report-abuse");
  await press(anybody.page, "Send the report");
  report.check("an empty report is told", await anybody.page.locator("#about-error").isVisible());
  await anybody.see("report-abuse-errors");
  const reviewer = await member(hub, "desktop", "reviewer@hub.example", "reviewer");
  const admin = await member(hub, "desktop", "admin@hub.example", "admin");
  const first = await abuse("desktop", hub, sink, reviewer, admin);
  await team("desktop", hub, admin, first);
  // The same on a phone, for whom the pages must be no wider than the screen.
  const onPhone = [await member(hub, "phone", "reviewer.phone@hub.example", "reviewer"), await member(hub, "phone", "admin.phone@hub.example", "admin")];
  const second = await abuse("phone", hub, sink, ...onPhone);
  await team("phone", hub, onPhone[1], second);
  await account("desktop", hub, sink, first);
  await account("phone", hub, sink, second);
  report.equal("SIGTERM ends it well", await hub.stop(), 0);
  await passkey(sink);
  sink.stop();
} catch (error) {
  report.check("the walk", false, error.stack);
}
await browser.close();
console.log(`browser, console: ${report.passed} passed, ${report.failed} failed`);
process.exit(report.failed === 0 ? 0 : 1);
