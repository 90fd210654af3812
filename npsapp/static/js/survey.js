/* Loading sends nothing (scanners run scripts): a trusted gesture or a button does. */
(() => {
  "use strict";
  const by = (id) => document.getElementById(id);
  const form = by("answer");
  if (!form) return;
  const QUIET_MS = 700; // a younger page does not believe a gesture
  const CALM_MS = 3000; // a score that is not believed yet waits for a movement of its own
  const LOOKED_MS = 3000; // whoever leaves sooner has not looked at the page
  const SETTLE_MS = 800; // arrow keys walk; where they stop is sent
  const RETRY_MS = [5000, 15000, 30000, 60000, 120000];
  const THANKS_MS = 15000, IDLE_MS = 90000; // a tablet at the counter begins again for the next one
  const GESTURES = ["pointerdown", "touchstart", "keydown", "wheel", "pointermove"];
  const { elements: field, dataset: words } = form;
  const { comment } = field, address = form.getAttribute("action"), thanks = by("thanks");
  const key = "npsapp-" + words.key;
  let job, busy, timer, leave, tries = 0, calm = 0, silent = true, since = performance.now();

  const remember = (place, value) => {
    if (!words.key) return "";
    try {
      if (value === undefined) return window[place].getItem(key) || "";
      if (value) window[place].setItem(key, value);
      else window[place].removeItem(key);
    } catch (e) {}
    return "";
  };
  const score = () => (form.querySelector("[name=score]:checked") || {}).value || "";
  const seen = () => !navigator.webdriver && !document.prerendering;
  const trusted = (e) => e.isTrusted && seen() &&
    document.visibilityState === "visible" && performance.now() >= QUIET_MS;
  const pressed = (e) => trusted(e) && (!navigator.userActivation || navigator.userActivation.hasBeenActive);
  const say = (text, trouble) => {
    by("status").textContent = text;
    by("status").className = "status room" + (trouble ? " note trouble" : "");
  };
  const post = async (data, where = address) => (await fetch(where, {
    method: "POST", headers: { Accept: "application/json" }, credentials: "omit", keepalive: true, body: data
  })).json();

  const reveal = () => {
    if (!score()) return;
    by("why").hidden = false;
    by("status").classList.add("room");
    field.final.value = "1";
    const group = score() > 8 ? "promoter" : score() > 6 ? "passive" : "detractor";
    by("why-heading").textContent = words[group];
    if (!field.asked) return;
    const said = ["score:" + group], asked = ["score"];
    form.querySelectorAll("[data-q]").forEach((block) => {
      const { q, when } = block.dataset;
      block.hidden = !!when && !when.split(" ").some((one) => said.includes(one));
      if (block.hidden) return;
      asked.push(q);
      block.querySelectorAll(":checked").forEach((one) => said.push(q + ":" + one.value));
    });
    field.asked.value = asked.join(" ");
  };
  const count = () => {
    const length = Array.from(comment.value).length;
    by("count").textContent = length + " / " + words.limit;
    comment.setCustomValidity(length > words.limit ? words.long : "");
  };

  const save = (what, wait) => {
    job = Object.assign(job || {}, what);
    clearTimeout(timer);
    timer = setTimeout(send, wait || 0);
  };
  const send = async () => {
    if (busy || !job) return;
    const now = job, data = new URLSearchParams(new FormData(form));
    if (!now.final) for (const name of ["final", "comment", "contact", "asked"]) data.delete(name);
    data.set("gesture", now.gesture || "");
    job = null;
    busy = true;
    silent = false;
    const reply = await post(data).catch(() => ({ state: "trouble" }));
    busy = false;
    by("send").disabled = false;
    take(reply, now);
    if (leave) location.assign(leave);
  };
  const take = (reply, now) => {
    if (reply.edit) {
      document.querySelectorAll("[name=edit]").forEach((hidden) => { hidden.value = reply.edit; });
      remember("localStorage", reply.edit);
      still();
    } else if (reply.state === "saved" || reply.state === "thanks") {
      calm = performance.now() + CALM_MS;
      listen();
    }
    if (reply.state === "trouble") {
      say(reply.words || words.trouble, true);
      job = Object.assign(now, job);
      if (tries < RETRY_MS.length) save({}, RETRY_MS[tries++]);
      return;
    }
    tries = 0;
    if (reply.state === "saved") say(words.saved);
    else if (reply.state === "waiting") say("");
    else if (reply.state === "thanks") finish(reply);
    else if (reply.state === "wrong") {
      say(reply.words, true);
      const at = reply.at && by("q-" + reply.at).querySelector("input, textarea");
      if (at) at.focus();
    }
    else if (reply.state === "again" && !now.again) {
      field.nonce.value = reply.nonce;
      job = Object.assign(now, job, { again: 1 });
    } else form.submit(); // it has a page of its own
    if (job) save({});
  };
  const finish = (reply) => {
    remember("sessionStorage", "");
    field.shown.value = comment.value && "1";
    say("");
    form.hidden = true;
    if (by("not-mine")) by("not-mine").hidden = true;
    thanks.hidden = false;
    thanks.firstElementChild.textContent = reply.thanks;
    by("promise").textContent = reply.promise;
    thanks.firstElementChild.focus();
    again(THANKS_MS);
  };
  let restart;
  const again = (wait) => {
    clearTimeout(restart);
    if (words.tablet) restart = setTimeout(() => location.replace(address), wait);
  };

  const gesture = (e) => {
    if (!score() || !trusted(e) || performance.now() < calm) return;
    still();
    save({ gesture: e.type });
  };
  const listen = () => GESTURES.forEach((name) => addEventListener(name, gesture, { passive: true }));
  const still = () => GESTURES.forEach((name) => removeEventListener(name, gesture));
  form.addEventListener("change", (e) => {
    reveal();
    if (e.target.name === "score" && trusted(e)) save({ gesture: "choice" }, SETTLE_MS);
  });
  ["input", "pointerdown", "keydown"].forEach((name) => form.addEventListener(name, () => again(IDLE_MS)));
  form.addEventListener("submit", (e) => {
    if (e.submitter && e.submitter.name === "switch") return;
    e.preventDefault();
    by("send").disabled = true;
    save({ final: 1, gesture: pressed(e) ? "submit" : "" });
  });
  comment.addEventListener("input", () => {
    count();
    remember("sessionStorage", comment.value);
  });
  by("reopen").addEventListener("click", () => {
    thanks.hidden = true;
    form.hidden = false;
    by("question").focus();
  });
  addEventListener("online", () => save({}));
  document.addEventListener("visibilitychange", () => {
    const looked = performance.now() - since >= LOOKED_MS;
    since = performance.now();
    if (document.visibilityState !== "hidden" || !looked || !silent || !score() || !seen()) return;
    if (by("answered") || field.edit.value || words.open) return;
    silent = false;
    navigator.sendBeacon(address + "/left", new URLSearchParams({ score: score(), nonce: field.nonce.value, lang: field.lang.value }));
  });
  document.querySelectorAll(".langs a").forEach((link) => link.addEventListener("click", (e) => {
    if (score()) link.pathname = address + "/" + score();
    if (!busy || leave) return; // the reply brings the right to edit; pressed again, it goes without
    e.preventDefault();
    leave = link.href;
  }));

  const open = (reply) => {
    if (reply.state !== "open") return;
    field.edit.value = reply.edit;
    if (!score()) field.score.value = reply.score;
    comment.value = comment.value || reply.comment;
    field.shown.value = reply.comment && "1";
    if (field.contact) field.contact.value = reply.contact;
    reply.more.forEach(([name, value]) => form.querySelectorAll("[name='" + name + "']").forEach((one) => {
      if (one.type !== "radio" && one.type !== "checkbox") one.value = value;
      else if (one.value === value) one.checked = true;
    }));
    if (by("answered")) by("answered").hidden = true;
    form.hidden = false;
    reveal();
    count();
  };
  comment.value = comment.value || remember("sessionStorage");
  reveal();
  count();
  const edit = remember("localStorage");
  if (field.edit.value) remember("localStorage", field.edit.value);
  else if (!by("answered")) listen();
  if (!field.edit.value && edit && (by("answered") || words.open)) {
    post(new URLSearchParams({ edit, lang: field.lang.value }), address + "/change").then(open).catch(() => {});
  }
})();
