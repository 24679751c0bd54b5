// What people do again and again on the pages, and the browser that they do it in.
import { createHmac } from "node:crypto";
import { chromium } from "playwright-core";
import { until } from "./hub.mjs";

export const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };
export const PASSWORD = "quite a long password";

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });

/** The newest letter to somebody. */
export const letter = (sink, to, subject) => until(`a letter "${subject}" to ${to}`, () => sink.letters.findLast((l) => l.to === to && l.subject.includes(subject)));

/** The link in the newest letter to somebody. */
export async function mailed(sink, to, subject) {
  const { text } = await letter(sink, to, subject);
  return text.match(/https?:\/\/\S+token=\S+/)?.[0] ?? text.match(/https?:\/\/\S+/)[0];
}

export const press = async (page, name) => {
  await page.getByRole("button", { name, exact: true }).click();
  await page.waitForLoadState();
};

export async function register(page, site, email, users, language = "en", name = "Example School") {
  await page.getByLabel("Name of the site").fill(name);
  await page.getByLabel("Address of the site").fill(site.url);
  await page.getByLabel("Registered users").fill(users);
  await page.getByLabel("Country").selectOption("ES");
  await page.getByLabel("Language").selectOption(language);
  await page.getByLabel("Your name").fill("Ada Admin");
  await page.getByLabel("Your e-mail address").fill(email);
  await page.getByLabel("A password").fill(PASSWORD);
  await page.getByLabel("I have read the policy").check();
  await press(page, "Register the site");
}

/** The code that an authenticator app shows now (RFC 6238, SHA-1, six digits). */
export function totp(base32, at = Date.now()) {
  const bits = [...base32.replace(/[\s=]/g, "").toUpperCase()].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const hash = createHmac("sha1", key).update(step).digest();
  const offset = hash[19] & 15;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
