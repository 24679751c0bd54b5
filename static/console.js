// Keys for the team's pages: / goes to the search, j and k go through the rows of a list, ? shows the keys. Each can be
// switched off: whoever speaks to the machine would press them by speaking.
"use strict";
(() => {
  const help = document.getElementById("console-keys");
  if (!help) return;
  const off = "belfry-keys-off";
  const kept = () => { try { return localStorage.getItem(off) === "1"; } catch { return false; } };
  const keep = (on) => { try { if (on) localStorage.removeItem(off); else localStorage.setItem(off, "1"); } catch { /* not kept, then */ } };
  let on = !kept();
  const button = help.querySelector("[data-keys]");
  const say = () => { button.textContent = on ? "Switch these keys off" : "Switch these keys on"; };
  button.hidden = false;
  say();
  button.addEventListener("click", () => { on = !on; keep(on); say(); });

  const links = () => [...document.querySelectorAll("[data-rows] tbody tr, [data-rows] > li")]
    .map((row) => row.querySelector("a[href]")).filter((link) => link && link.offsetParent !== null);
  const step = (by) => {
    const all = links();
    if (all.length === 0) return false;
    const row = document.activeElement && document.activeElement.closest("[data-rows] tr, [data-rows] > li");
    const here = all.findIndex((link) => link === document.activeElement || (row && row.contains(link)));
    const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
    all[next].focus();
    return true;
  };
  const types = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;

  document.addEventListener("keydown", (event) => {
    if (!on || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return;
    if (types(event.target)) return;
    const inRows = event.target.closest("[data-rows] tr, [data-rows] > li") !== null;
    let done = false;
    if (event.key === "/") {
      const field = document.getElementById("staff-q");
      if (field) { field.focus(); field.select(); done = true; }
    } else if (event.key === "j" || (event.key === "ArrowDown" && inRows)) {
      done = step(1);
    } else if (event.key === "k" || (event.key === "ArrowUp" && inRows)) {
      done = step(-1);
    } else if (event.key === "?") {
      help.open = !help.open;
      if (help.open) help.querySelector("summary").focus();
      done = true;
    }
    if (done) event.preventDefault();
  });

  // All that are on the page, by one box.
  for (const all of document.querySelectorAll("[data-tick-all]")) {
    const boxes = () => document.querySelectorAll(`input[type=checkbox][name^="${all.dataset.tickAll}"]`);
    all.closest("[hidden]")?.removeAttribute("hidden");
    all.addEventListener("change", () => { for (const box of boxes()) box.checked = all.checked; });
  }
})();
