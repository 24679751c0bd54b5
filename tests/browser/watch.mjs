// Looks at each page as it is walked through: axe in light and dark, width, console, requests, a picture.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export class Report {
  passed = 0;
  failed = 0;

  check(what, good, detail = "") {
    if (good) this.passed += 1;
    else {
      this.failed += 1;
      console.log(`FAILED: ${what}${detail ? `\n  ${detail}` : ""}`);
    }
  }

  equal(what, found, wanted) {
    this.check(what, found === wanted, `found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
  }
}

/** Notes whatever a page does that it should not: it talks to the hub alone, and to the Moodles that it leads back to. */
export function guard(page, report, ...origins) {
  page.on("console", (message) => {
    // A form that is refused, and a page that is not there, are answered with such a status on purpose.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) report.check(`console of ${page.url()}`, false, message.text());
  });
  page.on("pageerror", (error) => report.check(`script on ${page.url()}`, false, String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!origins.some((origin) => url.startsWith(origin)) && !url.startsWith("data:")) report.check(`request of ${page.url()}`, false, `went to ${url}`);
  });
}

/** Checks the page that is shown, in both themes, and takes its picture. */
export async function look(page, report, name, width) {
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    // The page's own CSP forbids inline scripts, so axe comes in by the debugger, not by a tag.
    await page.evaluate(axe);
    const found = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), RULES);
    const words = found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(" | ")}`);
    report.check(`axe on ${name} (${width}, ${theme})`, words.length === 0, words.join("\n  "));
    const folder = `target/screenshots/${width}/${theme}`;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  }
  await page.emulateMedia({ colorScheme: "light" });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  report.check(`width of ${name} (${width})`, overflow <= 0, `${overflow} px too wide`);
}
