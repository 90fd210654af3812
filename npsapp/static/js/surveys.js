// The preview beside a survey's form follows what is typed; without this file its buttons show it.
(() => {
  "use strict";
  const frame = document.querySelector("[data-live]");
  const form = frame && document.getElementById(frame.dataset.live);
  if (!form) return;
  const address = new URL(frame.src);
  let waiting, running;

  const show = async () => {
    running?.abort();
    running = new AbortController();
    const asked = { method: "POST", body: new FormData(form), signal: running.signal };
    try {
      const answer = await fetch(address, asked);
      if (!answer.ok) return;
      const page = await answer.text();
      const { scrollX, scrollY } = frame.contentWindow;
      frame.srcdoc = page;
      frame.addEventListener("load", () => frame.contentWindow.scrollTo(scrollX, scrollY), { once: true });
    } catch (error) { /* a newer one is on its way, or the network is gone */ }
  };
  form.addEventListener("input", (event) => {
    // The page is shown in the language one is writing in.
    const language = /__([a-z]{2,3})$/.exec(event.target.name);
    if (language) address.searchParams.set("show", language[1]);
    clearTimeout(waiting);
    waiting = setTimeout(show, 400);
  });
  const wide = document.querySelector("[data-wide]");
  wide.hidden = false;
  wide.addEventListener("click", () => {
    const on = document.querySelector(".editor").classList.toggle("wide");
    wide.setAttribute("aria-pressed", on);
  });
})();
