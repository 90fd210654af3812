// Measures a page as it stands, lets axe look at it, and measures it once more with everything opened; leaves it as it was.
// `rules`: what axe is asked, null for nothing. `contrast`: whether it is asked for contrasts, too. That takes longer than
// all else together, so letters are shown to it whose colours, ground and size are not among the `known`.
async (measure, { rules, contrast, known }) => {
  const unfolded = [];
  const open = (kinds) => {
    for (const one of document.querySelectorAll(kinds)) {
      if (!one.open) unfolded.push(one);
      one.open = true;
    }
  };
  const wrong = measure(false);
  open("details:not(.drop, .nav)");
  // The bar at the bottom edge of a phone covers half of whatever link is there: for axe it stands at the end of its form.
  const bars = [...document.querySelectorAll(".stick")];
  for (const one of bars) one.style.position = "static";
  const signed = contrast ? signatures() : new Map();
  const asked = { ...(rules ?? {}), resultTypes: ["violations"], preload: false };
  const found = rules ? (await axe.run(asked)).violations : [];
  if (signed.size) {
    const there = { include: [...signed.values()] };
    found.push(...(await axe.run(there, { ...asked, runOnly: ["color-contrast"], rules: {} })).violations);
  }
  for (const one of bars) one.style.position = "";
  for (const { id, nodes } of found) wrong.push(...nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`));
  open("details");
  wrong.push(...measure(true).map((one) => `opened: ${one}`));
  for (const one of unfolded) one.open = false;
  return { wrong, known: found.length ? [] : [...signed.keys()] };

  // One element for each unknown way that letters stand on their ground.
  function signatures() {
    const fresh = new Map(), before = new Set(known), grounds = new Map();
    const ground = (one) => {
      if (!one) return "";
      if (!grounds.has(one)) {
        const { backgroundColor, backgroundImage, opacity } = getComputedStyle(one);
        const own = [backgroundColor, backgroundImage, opacity].join().replace("rgba(0, 0, 0, 0),none,1", "");
        grounds.set(one, own ? `${ground(one.parentElement)} ${own}` : ground(one.parentElement));
      }
      return grounds.get(one);
    };
    for (const one of document.body.querySelectorAll("*")) {
      const written = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      if (!written && !one.matches("input, select, textarea") || !one.checkVisibility({ visibilityProperty: true })) continue;
      const { color, fontSize, fontWeight } = getComputedStyle(one);
      const signature = [color, fontSize, fontWeight, one.matches(":disabled"), ground(one)].join();
      if (!before.has(signature) && !fresh.has(signature)) fresh.set(signature, one);
    }
    return fresh;
  }
}
