// Says, while the number of users is typed, what it means for push.
"use strict";
(() => {
  const note = document.getElementById("users-limit");
  const field = document.getElementById("users");
  const verdict = note && note.querySelector("[data-verdict]");
  if (!note || !field || !verdict) return;
  const limit = Number(note.dataset.limit);
  const unknown = verdict.textContent;
  const judge = () => {
    const digits = field.value.replace(/[\s,.']/g, "");
    const users = /^\d+$/.test(digits) ? Number(digits) : NaN;
    note.classList.toggle("ok", users < limit);
    note.classList.toggle("warn", users >= limit);
    if (Number.isNaN(users)) verdict.textContent = unknown;
    else if (users < limit) verdict.textContent = "With this number push can be on.";
    else verdict.textContent = "With this number push stays off. Your site is registered all the same; ask the hub's team if you need push.";
  };
  // Seen at once, said once the typing rests: a screen reader would read it at each key.
  const told = document.createElement("p");
  told.className = "visually-hidden";
  told.setAttribute("role", "status");
  note.after(told);
  let resting;
  field.addEventListener("input", () => {
    judge();
    clearTimeout(resting);
    resting = setTimeout(() => { told.textContent = verdict.textContent; }, 600);
  });
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") || ""} users-limit`.trim());
  judge();
})();
