// The preview as on a desk, and buttons that write a block's line into the text; without this file one types it.
(() => {
  "use strict";
  const wide = document.querySelector("[data-wide]"), frame = document.querySelector(".preview-frame");
  wide.hidden = false;
  wide.addEventListener("click", () => wide.setAttribute("aria-pressed", frame.classList.toggle("desk")));
  const buttons = document.querySelector("[data-insert]");
  const texts = [...document.querySelectorAll("textarea[name*='__body__']")];
  if (!buttons || !texts.length) return;
  let last = texts[0];
  texts.forEach((text) => text.addEventListener("focus", () => { last = text; }));
  buttons.hidden = false;
  buttons.addEventListener("click", (event) => {
    const line = event.target.value;
    if (!line) return;
    const before = last.value.slice(0, last.selectionStart).replace(/\s+$/, "");
    const after = last.value.slice(last.selectionEnd).replace(/^\s+/, "");
    last.focus();
    last.value = [before, line, after].filter(Boolean).join("\n\n");
    const end = before.length + (before && 2) + line.length;
    last.setSelectionRange(end, end);
  });
})();
